import pytest

from cds_hooks.chart.record import Coded, Problem, Visit
from cds_hooks.chart.times import when
from cds_hooks.model.codes import Coding
from tests.unit.chart.charts import MINE, condition, problem, record_of


def _status(code: str) -> dict[str, object]:
    return {"coding": [{"code": code}]}


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("active", "active"),
        ("recurrence", "active"),
        ("relapse", "active"),
        ("inactive", "inactive"),
        ("remission", "inactive"),
        ("resolved", "inactive"),
        ("unknown", "unstated"),
    ],
)
def test_clinical_status_gives_the_state(code: str, state: str):
    assert state == problem(clinicalStatus=_status(code)).state


def test_a_clinical_status_written_as_a_code_is_read():
    assert problem(clinicalStatus="active").state == "active"


def test_without_a_clinical_status_the_state_is_unstated():
    assert problem().state == "unstated"


def test_a_refuted_problem_is_kept_as_denied():
    assert problem(verificationStatus=_status("refuted")).denied


@pytest.mark.parametrize("code", ["unconfirmed", "provisional"])
def test_an_unconfirmed_problem_counts_as_provisional(code: str):
    entry = problem(verificationStatus=_status(code))

    assert entry.provisional
    assert not entry.doubtful


def test_one_of_a_differential_is_doubtful():
    assert problem(verificationStatus=_status("differential")).doubtful


def test_a_confirmed_problem_is_neither_denied_nor_doubtful():
    entry = problem(verificationStatus="confirmed")

    assert not entry.denied
    assert not entry.doubtful


@pytest.mark.parametrize("field", ["verificationStatus", "clinicalStatus"])
def test_a_problem_entered_in_error_is_dropped(field: str):
    assert () == record_of(condition(**{field: "entered-in-error"})).problems


@pytest.mark.parametrize(
    "fields",
    [
        {"abatementDateTime": "2026-01-01"},
        {"abatementPeriod": {"start": "2026-01-01"}},
        {"abatementString": "last week"},
        {"abatementBoolean": True},
        {"abatementAge": {"value": 3, "code": "a"}},
        {"abatementRange": {"low": {"value": 3}}},
        {"_abatementDateTime": {"extension": [{"valueCode": "unknown"}]}},
    ],
)
def test_any_abatement_makes_a_problem_inactive_unless_it_is_said_to_be_active(fields: dict[str, object]):
    assert problem(clinicalStatus=None, **fields).state == "inactive"
    assert problem(clinicalStatus="resolved", **fields).state == "inactive"
    assert problem(clinicalStatus="active", **fields).state == "contradictory"


def test_the_end_is_kept_when_it_is_a_date():
    assert when("2026-01-01") == problem(abatementDateTime="2026-01-01").ended


@pytest.mark.parametrize(
    "fields",
    [{"abatementDateTime": "2031-01-01"}, {"abatementPeriod": {"start": "2031-01-01"}}],
)
def test_an_end_that_lies_ahead_is_none_yet(fields: dict[str, object]):
    of_condition = problem(clinicalStatus="active", **fields)

    assert of_condition.state == "active"
    assert of_condition.ended is None


def test_no_abatement_is_said_in_so_many_words():
    assert problem(clinicalStatus="active", abatementBoolean=False).state == "active"


@pytest.mark.parametrize("fields", [{"onsetDateTime": "2026-01"}, {"onsetPeriod": {"start": "2026-01"}}])
def test_onset_is_read_as_an_interval(fields: dict[str, object]):
    assert when("2026-01") == problem(**fields).onset


def test_onset_as_an_age_is_counted_from_the_birth_date():
    patient = {"resourceType": "Patient", "id": "p1", "birthDate": "2020-05-01"}
    (entry,) = record_of(patient, condition(onsetAge={"value": 4, "code": "a"})).problems

    assert "2024-05-01" == entry.onset.earliest.date().isoformat()


@pytest.mark.parametrize("fields", [{"onsetString": "as a child"}, {"onsetAge": {"value": 4, "code": "a"}}])
def test_onset_that_cannot_be_dated_is_unknown(fields: dict[str, object]):
    assert problem(**fields).onset is None


@pytest.mark.parametrize("field", ["recordedDate", "assertedDate"])
def test_the_date_of_record_is_read_under_both_names(field: str):
    assert when("2026-01-01") == problem(**{field: "2026-01-01"}).recorded


def test_body_sites_are_read_from_a_list_and_from_one_object():
    as_list = problem(bodySite=[{"text": "leg"}, {}])
    as_object = problem(bodySite={"text": "leg"})

    assert (Coded(text="leg"),) == as_list.sites == as_object.sites


def test_text_and_codings_stand_side_by_side():
    entry = problem(code={"coding": [{"system": "s", "code": "c"}], "text": "Petechial rash"})

    assert Coded((Coding("s", "c"),), "Petechial rash") == entry.what


# ---------------------------------------------------------------- visits


def _encounter(**fields: object) -> dict[str, object]:
    return {"resourceType": "Encounter", "id": "e1", "status": "in-progress", "subject": MINE, **fields}


def test_a_visit_has_kind_and_period():
    fields = {"class": {"code": "EMER"}, "period": {"start": "2026-03-18", "end": "2026-03-19"}}

    assert (Visit("Encounter/e1", "EMER", when("2026-03-18"), when("2026-03-19")),) == record_of(
        _encounter(**fields)
    ).visits


def test_r5_writes_class_and_period_differently():
    fields = {"class": [{"coding": [{"code": "AMB"}]}], "actualPeriod": {"start": "2026-03-18"}}

    assert (Visit("Encounter/e1", "AMB", when("2026-03-18")),) == record_of(_encounter(**fields)).visits


@pytest.mark.parametrize("status", ["finished", "completed"])
def test_a_visit_that_is_over_is_finished(status: str):
    (visit,) = record_of(_encounter(status=status)).visits

    assert visit.finished


@pytest.mark.parametrize(
    "fields",
    [
        {"reasonCode": [{"text": "Rash"}]},
        {"reason": [{"text": "Rash"}]},
        {"reason": [{"value": [{"concept": {"text": "Rash"}}]}]},
    ],
)
def test_the_reason_of_a_visit_is_a_problem_from_its_start(fields: dict[str, object]):
    start = when("2026-03-18")
    expected = Problem("Encounter/e1", Coded(text="Rash"), "active", onset=start, recorded=start, source="visit")

    assert (expected,) == record_of(_encounter(period={"start": "2026-03-18"}, **fields)).problems


@pytest.mark.parametrize("status", ["cancelled", "entered-in-error"])
def test_a_visit_that_did_not_happen_is_dropped_with_its_reason(status: str):
    record = record_of(_encounter(status=status, reasonCode=[{"text": "Rash"}]))

    assert ((), ()) == (record.visits, record.problems)
