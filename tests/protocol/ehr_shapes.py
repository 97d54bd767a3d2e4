"""Requests and charts in the shapes that large record systems are described to send. All values are made up."""

from tests.protocol.charts import FHIR, ago, petechiae, platelets

ASPIRIN = {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "1191", "display": "aspirin"}


def draft(coding=None, **changes):
    named = {"medicationCodeableConcept": {"coding": [coding]}} if coding else {}
    return (
        {
            "resourceType": "MedicationRequest",
            "id": "request-123",
            "status": "draft",
            "intent": "order",
            "subject": {"reference": "Patient/p1"},
        }
        | named
        | changes
    )


def drafts(*resources):
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}


def epic_shaped(**changes):
    """A call as Epic is described to send it: extensions, a role as user, capital .Read, display-only medicine."""
    return {
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "fhirServer": FHIR,
        "fhirAuthorization": {
            "access_token": "token",
            "token_type": "Bearer",
            "expires_in": 3600,
            "scope": "user/Observation.Read user/Condition.Read launch patient/MedicationRequest.read",
            "subject": "urn:oid:1.2.3",
            "extension": {"com.example.token": {"a": None}},
        },
        "extension": {
            "com.epic.cdshooks.request.bpa-trigger-action": "23",
            "com.epic.cdshooks.request.cds-hooks-specification-version": "1.1",
            "com.epic.cdshooks.request.fhir-version": "R4",
            "internal": {"com.epic.cdshooks.request.is-background": False},
        },
    } | changes


def epic_draft():
    return draft(
        intent="order",
        requester={"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason"}]},
        medicationReference={"reference": "Medication/unsaved", "display": "aspirin 81 mg chewable tablet"},
        dosageInstruction=[
            {
                "timing": {"repeat": {"boundsPeriod": {"start": ago(hours=1)}}},
                "route": {
                    "coding": [{"system": "urn:oid:1.2.3.4", "code": "15", "display": "Oral"}],
                    "text": "Oral",
                },
            }
        ],
    )


def oracle_chart():
    """As Oracle Health is described to fill a chart: local codes beside standard ones, reported plans, degC."""
    local = {"system": "https://fhir.example.com/ec2458f2/codeSet/72", "code": "2700653", "display": "Platelet"}
    loinc = {"system": "http://loinc.org", "code": "777-3"}
    reported = draft(
        id="plan",
        status="active",
        intent="plan",
        reportedBoolean=True,
        contained=[
            {
                "resourceType": "Medication",
                "id": "med",
                "ingredient": [{"itemCodeableConcept": {"text": "aspirin"}}],
            }
        ],
        medicationReference={"reference": "#med"},
    )
    masked = platelets(1, id="o2", status="final")
    del masked["valueQuantity"]
    masked["dataAbsentReason"] = {"coding": [{"code": "masked"}]}
    warm = platelets(36.9, id="o3", code={"coding": [{"system": "http://loinc.org", "code": "8310-5"}]})
    warm["valueQuantity"] = {"value": 36.9, "unit": "degC", "system": "http://unitsofmeasure.org", "code": "Cel"}
    return {
        "Condition": [petechiae(category=[{"text": "Encounter Diagnosis"}])],
        "Observation": [platelets(38, code={"coding": [local, loinc], "text": "Plt"}), masked, warm],
        "MedicationRequest": [reported],
    }
