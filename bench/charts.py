"""Charts to measure with: invented, the same at every run but for their dates, as heavy as those of real servers.

Every resource carries what servers send and nobody here reads: narrative, profile, identifiers, displays,
performers, ranges, interpretations. Observations stand under the key that asks for their code. A chart is
silent (values within limits, nothing on the skin) or firing (new petechiae, eight platelets, sixty
resources of the same kinds around them).
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

from cds_hooks.chart.queries import queries
from cds_hooks.model.criteria import Hook
from cds_hooks.model.library import Library

Kind: TypeAlias = Literal["silent", "firing"]
Resource: TypeAlias = dict[str, Any]  # FHIR as JSON

SIZES: Final[Mapping[str, int]] = {"small": 5, "typical": 60, "large": 2000}
"""Resources besides the Patient: about 11 KB, 110 KB and 3.6 MB."""

_SEED: Final = 7
_DAYS: Final = 5 * 365
_LOINC: Final = "http://loinc.org"
_SNOMED: Final = "http://snomed.info/sct"
_RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
_UCUM: Final = "http://unitsofmeasure.org"
_TERMS: Final = "http://terminology.hl7.org/CodeSystem"
_CORE: Final = "http://hl7.org/fhir/us/core/StructureDefinition"


@dataclass(frozen=True, slots=True)
class _Test:
    """A measured value and the range in which nobody would look twice."""

    code: str
    name: str
    unit: str
    low: float
    high: float


_PLATELETS: Final = _Test("777-3", "Platelets [#/volume] in Blood by Automated count", "10*3/uL", 180, 380)
_TESTS: Final = (
    _PLATELETS,
    _Test("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 13.5, 16.0),
    _Test("6690-2", "Leukocytes [#/volume] in Blood by Automated count", "10*3/uL", 4.5, 9.5),
    _Test("789-8", "Erythrocytes [#/volume] in Blood by Automated count", "10*6/uL", 4.3, 5.4),
    _Test("4544-3", "Hematocrit [Volume Fraction] of Blood by Automated count", "%", 40, 47),
    _Test("2339-0", "Glucose [Mass/volume] in Blood", "mg/dL", 75, 110),
    _Test("38483-4", "Creatinine [Mass/volume] in Blood", "mg/dL", 0.7, 1.1),
    _Test("2947-0", "Sodium [Moles/volume] in Blood", "mmol/L", 137, 144),
    _Test("6298-4", "Potassium [Moles/volume] in Blood", "mmol/L", 3.7, 4.8),
    _Test("8310-5", "Body temperature", "Cel", 36.3, 37.2),
    _Test("8867-4", "Heart rate", "/min", 60, 85),
    _Test("9279-1", "Respiratory rate", "/min", 12, 16),
)
_MEDICINES: Final = (
    ("29046", "lisinopril"),
    ("6809", "metformin"),
    ("36567", "simvastatin"),
    ("17767", "amlodipine"),
    ("7646", "omeprazole"),
    ("10582", "levothyroxine"),
    ("161", "acetaminophen"),
    ("435", "albuterol"),
)
_PROBLEMS: Final = (
    ("38341003", "Hypertensive disorder"),
    ("44054006", "Diabetes mellitus type 2"),
    ("195967001", "Asthma"),
    ("55822004", "Hyperlipidemia"),
    ("235595009", "Gastroesophageal reflux disease"),
    ("40930008", "Hypothyroidism"),
    ("444814009", "Viral sinusitis"),
    ("10509002", "Acute bronchitis"),
)
_PETECHIAE: Final = ("271813007", "Petechiae")
_MIX: Final = "OOOOOOMMCE"
"""Of ten resources: observations, medicines, problems, encounters."""
_SMALL_MIX: Final = "OOOMC"


def call(library: Library, kind: Kind, resources: int, at: datetime, hook: Hook = "patient-view") -> bytes:
    """The body of a call at that instant with so many resources besides the Patient."""
    writer = _Writer(random.Random(_SEED), at)
    chart = [writer.patient(), *writer.resources(resources)]
    if kind == "firing":
        _make_it_fire(chart, writer)
    body = {
        "hook": hook,
        "hookInstance": writer.uid(),
        "context": {"userId": "Practitioner/bench", "patientId": writer.patient_id, "encounterId": "enc-1"},
        "prefetch": _by_key(chart, library, hook),
    }
    return json.dumps(body, separators=(",", ":")).encode()


def _make_it_fire(chart: list[Resource], writer: _Writer) -> None:
    """The first problem is new petechiae, and the first observation a platelet count of eight, of today."""
    problem = next(one for one in chart if one["resourceType"] == "Condition")
    count = next(one for one in chart if one["resourceType"] == "Observation")
    today = _written(writer.at - timedelta(hours=3))
    problem |= {"code": _concept(_SNOMED, *_PETECHIAE), "onsetDateTime": today, "recordedDate": today}
    count |= writer.observation(_PLATELETS) | {
        "effectiveDateTime": today,
        "issued": today,
        "valueQuantity": _quantity(8, _PLATELETS.unit),
    }


def _by_key(chart: list[Resource], library: Library, hook: Hook) -> dict[str, Resource]:
    """Each resource once: observations where their code is asked for, else where their category is."""
    asked = queries(library, hook)
    by_code = {query.key: query.template for query in asked if query.key.startswith("observationsByCode")}
    held: dict[str, list[Resource]] = {query.key: [] for query in asked}
    elsewhere = {query.resource_type: query.key for query in reversed(asked)}
    elsewhere["Observation"] = "observationsByCategory"
    for resource in chart[1:]:
        held[_key_of(resource, by_code) or elsewhere[resource["resourceType"]]].append(resource)
    return {"patient": chart[0]} | {key: _bundle(found) for key, found in held.items() if key != "patient"}


def _key_of(resource: Resource, by_code: Mapping[str, str]) -> str | None:
    if resource["resourceType"] != "Observation":
        return None
    code = resource["code"]["coding"][0]["code"]
    return next((key for key, template in by_code.items() if f"{_LOINC}|{code}" in template), None)


class _Writer:
    """Writes resources of one patient, each a little different from the last."""

    def __init__(self, dice: random.Random, at: datetime) -> None:
        self._dice = dice
        self.at = at
        self.patient_id = self.uid()

    def uid(self) -> str:
        return str(uuid.UUID(int=self._dice.getrandbits(128), version=4))

    def resources(self, count: int) -> Iterator[Resource]:
        """So many, in the mix of a chart of that size."""
        mix = _SMALL_MIX if count <= len(_SMALL_MIX) else _MIX
        for number in range(count):
            match mix[number % len(mix)]:
                case "O":
                    yield self.observation(self._dice.choice(_TESTS))
                case "M":
                    yield self.medicine(*self._dice.choice(_MEDICINES))
                case "C":
                    yield self.problem(*self._dice.choice(_PROBLEMS))
                case _:
                    yield self.encounter()

    def patient(self) -> Resource:
        return {
            "resourceType": "Patient",
            "id": self.patient_id,
            "meta": self._meta("us-core-patient"),
            "text": _narrative("Patient"),
            "extension": [{"url": f"{_CORE}/us-core-birthsex", "valueCode": "F"}],
            "identifier": [
                {
                    "use": "usual",
                    "type": {"coding": [_coding(f"{_TERMS}/v2-0203", "MR", "Medical Record Number")]},
                    "system": "http://hospital.example.org/mrn",
                    "value": self.uid()[:12],
                }
            ],
            "active": True,
            "name": [{"use": "official", "family": "Bench", "given": ["Sam", "Q"]}],
            "telecom": [{"system": "phone", "value": "555-0100", "use": "home"}],
            "gender": "female",
            "birthDate": "1979-04-02",
            "address": [{"line": ["1 Main Street"], "city": "Springfield", "state": "MA", "postalCode": "01101"}],
        }

    def observation(self, test: _Test) -> Resource:
        moment, value = self._moment(), round(self._dice.uniform(test.low, test.high), 1)
        return self._resource("Observation", "us-core-observation-lab", f"{test.name}: {value} {test.unit}") | {
            "status": "final",
            "category": [_concept(f"{_TERMS}/observation-category", "laboratory", "Laboratory")],
            "code": {
                "coding": [
                    _coding(_LOINC, test.code, test.name),
                    _coding("http://lab.example.org/local", f"L{test.code[:4]}", test.name.split(" [")[0]),
                ],
                "text": test.name,
            },
            "encounter": {"reference": f"Encounter/{self.uid()}"},
            "effectiveDateTime": moment,
            "issued": moment,
            "performer": [{"reference": "Organization/lab-1", "display": "Central Laboratory"}],
            "valueQuantity": _quantity(value, test.unit),
            "interpretation": [_concept(f"{_TERMS}/v3-ObservationInterpretation", "N", "Normal")],
            "referenceRange": [
                {
                    "low": _quantity(test.low, test.unit),
                    "high": _quantity(test.high, test.unit),
                    "text": f"{test.low}-{test.high} {test.unit}",
                }
            ],
        }

    def medicine(self, code: str, name: str) -> Resource:
        dose = {"value": 1, "unit": "tablet", "system": _UCUM, "code": "{tbl}"}
        route = _coding(_SNOMED, "26643006", "Oral route")
        ordered = _coding(f"{_TERMS}/dose-rate-type", "ordered", "Ordered")
        return self._resource("MedicationStatement", "us-core-medicationstatement", name) | {
            "status": self._dice.choice(["active", "active", "completed"]),
            "category": _concept(f"{_TERMS}/medication-statement-category", "outpatient", "Outpatient"),
            "medicationCodeableConcept": _concept(_RXNORM, code, name) | {"text": f"{name} oral tablet"},
            "effectivePeriod": {"start": self._moment()},
            "dateAsserted": self._moment(),
            "informationSource": {"reference": f"Patient/{self.patient_id}"},
            "note": [{"text": "Taking as directed, reported at last visit."}],
            "dosage": [
                {
                    "sequence": 1,
                    "text": "1 tablet by mouth daily",
                    "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
                    "route": {"coding": [route]},
                    "doseAndRate": [{"type": {"coding": [ordered]}, "doseQuantity": dose}],
                }
            ],
        }

    def problem(self, code: str, name: str) -> Resource:
        return self._resource("Condition", "us-core-condition-problems-health-concerns", name) | {
            "clinicalStatus": {"coding": [{"system": f"{_TERMS}/condition-clinical", "code": "active"}]},
            "verificationStatus": {"coding": [{"system": f"{_TERMS}/condition-ver-status", "code": "confirmed"}]},
            "category": [_concept(f"{_TERMS}/condition-category", "problem-list-item", "Problem List Item")],
            "code": _concept(_SNOMED, code, name),
            "encounter": {"reference": f"Encounter/{self.uid()}"},
            "onsetDateTime": self._moment(),
            "recordedDate": self._moment(),
            "note": [{"text": "Entered at the visit; reviewed."}],
        }

    def encounter(self) -> Resource:
        begin = self.at - timedelta(days=self._dice.randrange(20, _DAYS))
        period = {"start": _written(begin), "end": _written(begin + timedelta(hours=1))}
        return self._resource("Encounter", "us-core-encounter", "Ambulatory visit") | {
            "status": "finished",
            "class": _coding(f"{_TERMS}/v3-ActCode", "AMB", "ambulatory"),
            "type": [_concept(_SNOMED, "185345009", "Encounter for symptom")],
            "period": period,
            "serviceProvider": {"reference": "Organization/org-1", "display": "Springfield General"},
        }

    def _resource(self, resource_type: str, profile: str, words: str) -> Resource:
        return {
            "resourceType": resource_type,
            "id": self.uid(),
            "meta": self._meta(profile),
            "text": _narrative(words),
            "identifier": [{"system": f"http://ehr.example.org/{resource_type.lower()}", "value": self.uid()}],
            "subject": {"reference": f"Patient/{self.patient_id}", "display": "Sam Q Bench"},
        }

    def _meta(self, profile: str) -> Resource:
        source = f"urn:source:{self.uid()[:8]}"
        updated = self._moment()
        return {"versionId": "1", "lastUpdated": updated, "source": source, "profile": [f"{_CORE}/{profile}"]}

    def _moment(self) -> str:
        """An instant of the last five years, never of the last two days."""
        return _written(self.at - timedelta(days=2, minutes=self._dice.randrange(_DAYS * 24 * 60)))


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def _coding(system: str, code: str, display: str) -> Resource:
    return {"system": system, "code": code, "display": display}


def _concept(system: str, code: str, display: str) -> Resource:
    return {"coding": [_coding(system, code, display)], "text": display}


def _quantity(value: float, unit: str) -> Resource:
    return {"value": value, "unit": unit, "system": _UCUM, "code": unit}


def _narrative(words: str) -> Resource:
    said = f"<p><b>{words}</b></p><p>Recorded in the chart; generated narrative of an invented resource.</p>"
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{said}</div>'}


def _bundle(resources: list[Resource]) -> Resource:
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(resources),
        "entry": [
            {
                "fullUrl": f"https://ehr.example.org/fhir/{one['resourceType']}/{one['id']}",
                "resource": one,
                "search": {"mode": "match"},
            }
            for one in resources
        ],
    }
