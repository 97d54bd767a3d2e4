"""The smallest charts that make the service speak, as an EHR would send them."""

from datetime import UTC, datetime, timedelta

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""When every test of this folder takes place."""

FHIR = "http://127.0.0.1:8080/fhir"
PATH = "/cds-services/petechiae-patient-view"

PATIENT = {"resourceType": "Patient", "id": "p1", "gender": "male", "birthDate": "1990-05-05"}


def ago(**span):
    return (AT - timedelta(**span)).isoformat()


def petechiae(**changes):
    return {
        "resourceType": "Condition",
        "id": "c1",
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "271813007", "display": "Petechiae"}]},
        "subject": {"reference": "Patient/p1"},
        "onsetDateTime": ago(days=1),
        "recordedDate": ago(days=1),
    } | changes


def platelets(value, **changes):
    unit = {"unit": "10*9/L", "system": "http://unitsofmeasure.org", "code": "10*9/L"}
    return {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "777-3"}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": ago(hours=2),
        "valueQuantity": {"value": value} | unit,
    } | changes


def bundle(*resources, **changes):
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(resources),
        "entry": [{"resource": resource} for resource in resources],
    } | changes


def failed(code="exception", severity="error"):
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": code}]}
