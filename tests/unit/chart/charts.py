"""FHIR in the smallest JSON that shows a behaviour, and the record that comes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cds_hooks.chart.reader import read
from cds_hooks.chart.record import Answer, MedicationUse, Observed, PatientRecord, Problem, Query

AT = datetime(2026, 3, 18, 12, 0, tzinfo=UTC)
ME = "p1"
MINE = {"reference": "Patient/p1"}
TYPES = (
    "Patient",
    "Observation",
    "Condition",
    "Encounter",
    "MedicationStatement",
    "MedicationRequest",
    "MedicationAdministration",
    "MedicationDispense",
)
QUERIES = tuple(Query(kind, "", kind, newest_first=kind == "Observation") for kind in TYPES)

Json = Any  # what a sender writes, however odd


def body(value: Json) -> bytes:
    return json.dumps(value).encode()


def entry(resource: Json, **more: Json) -> Json:
    return {"resource": resource, **more}


def bundle(*resources: Json, **more: Json) -> Json:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [entry(one) for one in resources], **more}


def answered(answers: Mapping[str, Json], *, loose: tuple[Json, ...] = ()) -> PatientRecord:
    """The record when these values were supplied under the keys of QUERIES, which are resource types."""
    supplied = {key: Answer((body(value),)) for key, value in answers.items()}
    return read(QUERIES, supplied, ME, AT, tuple(body(value) for value in loose))


def record_of(*resources: Json) -> PatientRecord:
    """The record when every list was supplied, and holds these resources."""
    return answered(
        {kind: bundle(*(one for one in resources if one["resourceType"] == kind)) for kind in TYPES},
        loose=tuple(one for one in resources if one["resourceType"] not in TYPES),
    )


def observation(**fields: Json) -> Json:
    return {"resourceType": "Observation", "id": "o1", "status": "final", "subject": MINE, **fields}


def condition(**fields: Json) -> Json:
    return {"resourceType": "Condition", "id": "c1", "subject": MINE, **fields}


def observed(**fields: Json) -> Observed:
    """The entry of an Observation that has exactly one."""
    (only,) = record_of(observation(**fields)).observed
    return only


def problem(**fields: Json) -> Problem:
    """The entry of a Condition."""
    (only,) = record_of(condition(**fields)).problems
    return only


def use_of(kind: str, *others: Json, **fields: Json) -> MedicationUse:
    """The entry of a resource about a medicine; `others` come beside it."""
    resource = {"resourceType": kind, "id": "m1", "subject": MINE, **fields}
    (only,) = record_of(resource, *others).medications
    return only
