"""The sandbox's charts as other FHIR releases would write them; DSTU2 only as far as it betrays itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sandbox.dialects import Json, in_r5, in_stu3


def in_r4b(resource: Json) -> Json:
    """R4B writes these resources as R4 does."""
    return dict(resource)


def in_dstu2(resource: Json) -> Json:
    """The field by which DSTU2 is known; nothing else need be right, since nothing else is read."""
    mark: Mapping[str, Json] = {
        "Observation": {"comments": "Seen today."},
        "Condition": {"dateRecorded": "2026-03-18"},
        "MedicationStatement": {"wasNotTaken": False},
        "MedicationAdministration": {"wasNotGiven": False},
        "MedicationRequest": {"resourceType": "MedicationOrder"},
        "Procedure": {"notPerformed": False},
        "Immunization": {"wasNotGiven": False},
    }
    return resource | mark.get(resource["resourceType"], {})


DIALECTS: Mapping[str, Callable[[Json], Json]] = {"R4B": in_r4b, "R5": in_r5, "STU3": in_stu3}
