"""A chart written in FHIR R4, as R5 and STU3 would write the same.

Only what the service reads is rewritten; what a release cannot say (a request that forbids, in STU3) is lost.
Source: FHIR R4 4.0.1, R5 5.0.0 and STU3 3.0.2, the resource pages of the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Json = dict[str, Any]  # a FHIR resource

_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_ADHERENCE = {"active": "taking", "completed": "stopped", "stopped": "stopped", "on-hold": "on-hold"}
_ADHERENCE |= {"not-taken": "not-taking", "unknown": "unknown"}
_OF_MEDICINE = ("MedicationStatement", "MedicationRequest", "MedicationAdministration", "MedicationDispense")


def in_r5(resource: Json) -> Json:
    """CodeableReferences for medicines and reasons, a list of classes, `recorded` statements with adherence."""
    written = dict(resource)
    if written["resourceType"] in _OF_MEDICINE:
        _point_at_medicine(written)
    _R5.get(written["resourceType"], _left_as_it_is)(written)
    return written


def in_stu3(resource: Json) -> Json:
    """Plain codes for statuses, `taken`, `notGiven`, `notDone`, `assertedDate`, `related`."""
    written = dict(resource)
    _STU3.get(written["resourceType"], _left_as_it_is)(written)
    return written


RELEASES: Mapping[str, Callable[[Json], Json]] = {"R4": dict, "R5": in_r5, "STU3": in_stu3}
"""Name of a FHIR release -> how it writes a resource of ours."""


def _left_as_it_is(written: Json) -> None:
    """The version writes it as R4 does."""


def _renamed(written: Json, names: Mapping[str, str]) -> None:
    for old, new in names.items():
        if old in written:
            written[new] = written.pop(old)


def _point_at_medicine(written: Json) -> None:
    if "medicationCodeableConcept" in written:
        written["medication"] = {"concept": written.pop("medicationCodeableConcept")}
    if "medicationReference" in written:
        written["medication"] = {"reference": written.pop("medicationReference")}
    if "contained" in written:
        written["contained"] = [in_r5(one) for one in written["contained"]]


def _pointed_item(ingredient: Json) -> Json:
    named = {"itemCodeableConcept": "concept", "itemReference": "reference"}
    return {"item": {new: ingredient[old] for old, new in named.items() if old in ingredient}}


def _r5_medication(written: Json) -> None:
    written["ingredient"] = [_pointed_item(one) for one in written.get("ingredient", [])]


def _r5_statement(written: Json) -> None:
    if written["status"] in _ADHERENCE:
        written["adherence"] = {"code": {"coding": [{"code": _ADHERENCE[written["status"]]}]}}
        written["status"] = "recorded"


def _r5_request(written: Json) -> None:
    _renamed(written, {"reportedBoolean": "reported"})


def _r5_administration(written: Json) -> None:
    _renamed(written, {"effectiveDateTime": "occurenceDateTime", "effectivePeriod": "occurencePeriod"})


def _r5_procedure(written: Json) -> None:
    _renamed(written, {"performedDateTime": "occurrenceDateTime", "performedPeriod": "occurrencePeriod"})
    if "category" in written:
        written["category"] = [written["category"]]


def _r5_encounter(written: Json) -> None:
    _renamed(written, {"period": "actualPeriod"})
    if "class" in written:
        written["class"] = [{"coding": [written["class"]]}]
    if "reasonCode" in written:
        written["reason"] = [{"value": [{"concept": one}]} for one in written.pop("reasonCode")]
    if written["status"] == "finished":
        written["status"] = "completed"


def _stu3_observation(written: Json) -> None:
    _renamed(written, {"encounter": "context"})
    if "interpretation" in written:
        written["interpretation"] = written["interpretation"][0]
    if "hasMember" in written:
        written["related"] = [{"type": "has-member", "target": one} for one in written.pop("hasMember")]
    if "note" in written:
        written["comment"] = written.pop("note")[0]["text"]


def _r5_condition(written: Json) -> None:
    """R5 demands a clinical status even of what was struck out; R4 forbids it there."""
    written.setdefault("clinicalStatus", {"coding": [{"system": _CLINICAL, "code": "unknown"}]})


def _r5_intolerance(written: Json) -> None:
    written["reaction"] = [
        {**one, "manifestation": [{"concept": concept} for concept in one.get("manifestation", [])]}
        for one in written.get("reaction", [])
    ]


def _stu3_condition(written: Json) -> None:
    _renamed(written, {"recordedDate": "assertedDate", "encounter": "context"})
    for status in ("clinicalStatus", "verificationStatus"):
        if status in written:
            written[status] = written[status]["coding"][0]["code"]


def _stu3_statement(written: Json) -> None:
    taken = {"not-taken": "n", "unknown": "unk"}.get(written["status"], "y")
    written["taken"] = taken
    if written["status"] in ("not-taken", "unknown"):
        written["status"] = "active"


def _stu3_administration(written: Json) -> None:
    if written["status"] == "not-done":
        written |= {"status": "completed", "notGiven": True}


def _stu3_procedure(written: Json) -> None:
    if written["status"] == "not-done":
        written |= {"status": "completed", "notDone": True}
    if written["status"] == "stopped":
        written["status"] = "aborted"


def _stu3_immunization(written: Json) -> None:
    _renamed(written, {"occurrenceDateTime": "date"})
    if written["status"] == "not-done":
        written |= {"status": "completed", "notGiven": True}


def _stu3_report(written: Json) -> None:
    _renamed(written, {"conclusionCode": "codedDiagnosis"})


def _stu3_encounter(written: Json) -> None:
    _renamed(written, {"reasonCode": "reason"})


_R5: Mapping[str, Callable[[Json], None]] = {
    "Medication": _r5_medication,
    "MedicationStatement": _r5_statement,
    "MedicationRequest": _r5_request,
    "MedicationAdministration": _r5_administration,
    "Procedure": _r5_procedure,
    "Encounter": _r5_encounter,
    "AllergyIntolerance": _r5_intolerance,
    "Condition": _r5_condition,
}
_STU3: Mapping[str, Callable[[Json], None]] = {
    "Observation": _stu3_observation,
    "Condition": _stu3_condition,
    "AllergyIntolerance": _stu3_condition,  # the same three fields
    "MedicationStatement": _stu3_statement,
    "MedicationAdministration": _stu3_administration,
    "Procedure": _stu3_procedure,
    "Immunization": _stu3_immunization,
    "DiagnosticReport": _stu3_report,
    "Encounter": _stu3_encounter,
}
