"""In a Bundle an entry is whose the service says it is, however it names its patient."""

import pytest

from cds_hooks.populations.rows import BUNDLE, SPOILT, Bad
from cds_hooks.populations.scatter import Scatter
from cds_hooks.populations.settle import settle
from cds_hooks.populations.telling import digest_of
from cds_hooks.service import answer, record_of_file
from tests.protocol.charts import AT, PATIENT, bundle, petechiae, platelets
from tests.unit.populations.exports import HEALTHY, LIBRARY, VOICE, lines, no_medication, of, plan, raw, screen

NUMBER = {"system": "urn:numbers", "value": "1"}
PERSON = PATIENT | {"identifier": [NUMBER]}
LOW = platelets(8)
INSIDE = {"resourceType": "Patient", "id": "p"}
FAILED = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "forbidden"}]}


@pytest.fixture
def scatter():
    return Scatter(screen())


def assessed(document):
    found = list(Scatter(screen()).document(document))
    return {one.patient: one for one in settle(found, plan(), no_medication)}


def same_as_in_the_service(document):
    """The cards of the only chart; they are those of the Bundle posted as it is."""
    [result] = assessed(document).values()
    cards = answer(record_of_file(document, LIBRARY, AT), LIBRARY, AT, VOICE).cards
    assert digest_of(cards) == result.cards_digest
    return result.cards


@pytest.mark.parametrize(
    "named",
    [
        {"subject": {"identifier": NUMBER}},
        {"subject": {"reference": "#p"}, "contained": [INSIDE | {"identifier": [NUMBER]}]},
        {"subject": {"reference": "#p1"}, "contained": [INSIDE | {"id": "p1"}]},
        {"subject": None},
        {"subject": {"reference": " Patient/p1 "}},
    ],
    ids=["number", "number inside", "id inside", "nobody", "spaces"],
)
def test_an_entry_of_the_patient_speaks_however_it_names_them(named):
    assert "critical" in same_as_in_the_service(raw(bundle(PERSON, HEALTHY, LOW, petechiae(**named))))


@pytest.mark.parametrize(
    "spoilt",
    [
        petechiae(subject={"display": "J."}),
        petechiae(subject={"identifier": {"value": "1"}}),
        petechiae(subject={"reference": "#p"}),
        FAILED,
        FAILED | {"issue": []},
        None,
        {"resourceType": "condition", "id": "c"},
    ],
    ids=str,
)
def test_what_may_be_the_patients_or_cannot_be_read_is_said(spoilt):
    assert ("info",) == same_as_in_the_service(raw(bundle(PERSON, HEALTHY, platelets(250), spoilt)))


@pytest.mark.parametrize(
    "harmless",
    [
        petechiae(subject={"reference": "Group/g1"}),
        petechiae(subject={"identifier": NUMBER | {"value": "2"}}),
        FAILED | {"issue": [{"severity": "information", "code": "informational"}]},
        {"resourceType": "Claim", "id": "x"},
    ],
    ids=str,
)
def test_what_is_somebody_elses_or_goes_well_is_not(harmless):
    assert () == same_as_in_the_service(raw(bundle(PERSON, HEALTHY, platelets(250), harmless)))


@pytest.mark.parametrize("spoilt", [[1], "x"], ids=str)
def test_an_entry_that_is_no_resource_is_said_too(spoilt):
    [result] = assessed(raw(bundle(PERSON, HEALTHY, platelets(250), spoilt))).values()

    assert ("info",) == result.cards


def test_an_entry_without_a_resource_cannot_be_read():
    document = bundle(PERSON, HEALTHY, platelets(250))
    document["entry"].append({"response": {"status": "500"}})

    assert ("info",) == same_as_in_the_service(raw(document))


def test_a_bundle_inside_a_bundle_is_opened():
    assert "critical" in same_as_in_the_service(raw(bundle(PERSON, bundle(HEALTHY, LOW, bundle(petechiae())))))


def test_of_several_patients_the_one_whose_number_it_is(scatter):
    other = of("p2", PATIENT) | {"identifier": [NUMBER | {"value": "2"}]}
    mine = petechiae(subject={"identifier": NUMBER})
    another = petechiae(id="c2", subject={"identifier": NUMBER | {"value": "2"}})

    found = list(scatter.document(raw(bundle(PERSON, other, LOW, mine, another))))

    assert [("p1", raw(mine), True), ("p2", raw(another), True)] == [
        (row.patient, row.slim, row.may_speak) for row in found if row.kind == "Condition"
    ]
    assert ["p1", "p2"] == [row.patient for row in found if row.kind == BUNDLE]


def test_of_several_patients_what_names_nobody_is_nobodys_and_what_went_wrong_is_everybodys(scatter):
    loose = [petechiae(subject=None), petechiae(id="c2", subject={"display": "J."}), FAILED]

    found = list(scatter.document(raw(bundle(PERSON, of("p2", PATIENT), *loose))))

    assert [] == [row for row in found if row.kind == "Condition"]
    assert ["p1", "p2"] == [row.patient for row in found if row.kind == SPOILT]
    assert {Bad.NO_PATIENT.value: 1, Bad.NO_ADDRESS.value: 1} == scatter.tally.bad


def test_in_a_bundle_of_nobody_nothing_is_anybodys(scatter):
    assert [] == list(scatter.document(raw(bundle(petechiae(subject=None), FAILED))))


@pytest.mark.parametrize(
    ("subject", "why"),
    [
        ({"identifier": NUMBER}, Bad.NO_ADDRESS),
        ({"display": "J."}, Bad.NO_ADDRESS),
        ({"reference": "#p"}, Bad.NO_ADDRESS),
        ({"reference": "Group/g1"}, Bad.NO_PATIENT),
        (None, Bad.NO_PATIENT),
    ],
    ids=str,
)
def test_among_lines_it_is_counted_why_one_is_nobodys(scatter, subject, why):
    line = petechiae(subject=subject)
    if subject is None:
        del line["subject"]

    assert [] == scatter.rows(lines(line)) == scatter.rows(lines(line, line))
    assert {why.value: 3} == scatter.tally.bad
