"""Records from files: requests, Bundles, exports."""

import gzip
import io
import json

from cds_hooks.chart.files import records
from tests.build import AT

CODE = {"coding": [{"system": "http://loinc.org", "code": "777-3"}]}


def condition(patient, number=1, **more):
    subject = {"subject": {"reference": patient}} if patient else {}
    return {"resourceType": "Condition", "id": f"c{number}", "code": CODE, **subject, **more}


def person(name="p1"):
    return {"resourceType": "Patient", "id": name, "gender": "female"}


def bundle(*resources, urls=()):
    entries = [{"resource": resource} for resource in resources]
    for entry, url in zip(entries, urls, strict=False):
        entry["fullUrl"] = url
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def read(*documents, indent=None):
    text = "\n".join(json.dumps(document, indent=indent) for document in documents)
    return [*records(io.BytesIO(text.encode()), AT)]


def problems(charts):
    return [[problem.reference for problem in chart.problems] for chart in charts]


def test_a_bundle_is_one_patient():
    [chart] = read(bundle(person(), condition("Patient/p1"), condition("Patient/p1", 2)), indent=2)

    assert ("female", ["Condition/c1", "Condition/c2"]) == (chart.patient.sex, problems([chart])[0])


def test_references_by_the_address_of_an_entry_are_followed():
    address = "urn:uuid:0b1c"
    [chart] = read(bundle(person(), condition(address), urls=[address, "urn:uuid:2"]))

    assert ("female", 1) == (chart.patient.sex, len(chart.problems))


def test_a_request_is_one_patient_with_all_its_keys():
    prefetch = {"patient": person(), "conditions": bundle(condition("Patient/p1")), "encounters": None}
    [chart] = read({"hookInstance": "1", "hook": "patient-view", "prefetch": prefetch})

    assert ("female", 1) == (chart.patient.sex, len(chart.problems))


def test_an_export_has_a_resource_on_each_line_and_a_record_for_each_patient():
    charts = read(condition("Patient/b", 1), condition("Patient/a", 2), condition("Patient/b", 3))

    assert [["Condition/c2"], ["Condition/c1", "Condition/c3"]] == problems(charts)


def test_a_medicine_that_is_a_resource_of_its_own_goes_with_every_patient():
    tablet = {"resourceType": "Medication", "id": "m", "code": {"text": "tablets"}}
    use = {
        "resourceType": "MedicationRequest",
        "status": "active",
        "medicationReference": {"reference": "Medication/m"},
    }
    charts = read(*({**use, "id": p, "subject": {"reference": f"Patient/{p}"}} for p in "ab"), tablet)

    assert ["tablets", "tablets"] == [chart.medications[0].what.text for chart in charts]


def test_what_is_nobodys_is_read_where_there_is_nobody():
    assert [["Condition/c1"]] == problems(read(condition("")))


def test_what_cannot_be_read_is_left_out():
    good = json.dumps(condition("Patient/a"))
    text = f'{good}\nnot json\n{{"resourceType": "Condition", "subject": 7}}\n[1]\n'

    assert [["Condition/c1"]] == problems(records(io.BytesIO(text.encode()), AT))
    assert [] == [*records(io.BytesIO(b"nothing"), AT)]


def test_a_packed_file_can_be_read_as_a_stream():
    packed = io.BytesIO(gzip.compress(json.dumps(condition("Patient/a")).encode()))

    assert 1 == len([*records(gzip.GzipFile(fileobj=packed), AT)])
