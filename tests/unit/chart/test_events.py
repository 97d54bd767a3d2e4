import pytest

from cds_hooks.chart.record import Event
from cds_hooks.model.results import Gap, GapReason
from tests.unit.chart.charts import MINE, record_of

CODE = {"coding": [{"system": "http://snomed.info/sct", "code": "5447007"}], "text": "Transfusion"}
DAY = "2026-03-10"


def events(**resource) -> tuple[Event, ...]:
    return record_of({"id": "e1", "subject": MINE, **resource}).events


def procedure(**fields) -> tuple[Event, ...]:
    return events(resourceType="Procedure", code=CODE, **fields)


def vaccination(**fields) -> tuple[Event, ...]:
    return events(resourceType="Immunization", vaccineCode=CODE, **fields)


def report(**fields) -> tuple[Event, ...]:
    return events(resourceType="DiagnosticReport", **fields)


def flag(**fields) -> tuple[Event, ...]:
    return events(resourceType="Flag", code=CODE, **fields)


# ---------------------------------------------------------------- procedures


@pytest.mark.parametrize("status", ["completed", "in-progress", "stopped", "aborted"])
def test_a_procedure_that_was_begun_is_an_event(status):
    (event,) = procedure(status=status, performedDateTime=DAY, bodySite=[{"text": "leg"}])

    assert ("Procedure/e1", "procedure", False) == (event.reference, event.kind, event.denied)
    assert "day" == event.at.precision
    assert ["leg"] == [site.text for site in event.sites]
    assert "5447007" == event.what.codings[0].code


@pytest.mark.parametrize("status", ["preparation", "on-hold", "unknown", "entered-in-error"])
def test_a_procedure_that_may_never_have_begun_is_no_event(status):
    assert () == procedure(status=status, performedDateTime=DAY)


@pytest.mark.parametrize("category", [CODE, [CODE]])
def test_the_sort_of_a_procedure_is_kept(category):
    (event,) = procedure(status="completed", category=category)

    assert ["Transfusion"] == [sort.text for sort in event.categories]


def test_a_procedure_without_a_status_is_an_event():
    assert 1 == len(procedure(performedDateTime=DAY))


def test_a_procedure_that_was_not_done_is_denied():
    (event,) = procedure(status="not-done", performedDateTime=DAY)

    assert event.denied


def test_stu3_says_not_done_beside_the_status():
    (event,) = procedure(status="completed", notDone=True, performedDateTime=DAY)

    assert event.denied


def test_an_entry_in_error_is_no_event_even_when_it_says_not_done():
    assert () == procedure(status="entered-in-error", notDone=True)


@pytest.mark.parametrize(
    "time",
    [
        {"performedDateTime": DAY},
        {"occurrenceDateTime": DAY},
        {"performedPeriod": {"start": DAY, "end": DAY}},
        {"occurrencePeriod": {"start": DAY}},
    ],
)
def test_the_time_of_a_procedure_is_read_in_every_spelling(time):
    (event,) = procedure(status="completed", **time)

    assert (2026, 3, 10) == event.at.earliest.timetuple()[:3]


def test_a_procedure_without_a_time_is_undated():
    (event,) = procedure(status="completed", performedString="last year")

    assert event.at is None


def test_a_procedure_dated_in_the_future_is_refused_and_said():
    record = record_of(
        {
            "resourceType": "Procedure",
            "id": "e1",
            "subject": MINE,
            "status": "completed",
            "code": CODE,
            "performedDateTime": "2026-06-01",
        }
    )

    assert ((), (Gap("Procedure", GapReason.FUTURE),)) == (record.events, record.gaps)


# ---------------------------------------------------------------- vaccinations


@pytest.mark.parametrize("time", [{"occurrenceDateTime": DAY}, {"date": DAY}])
def test_a_vaccination_that_was_given_is_an_event(time):
    (event,) = vaccination(status="completed", **time)

    assert ("vaccination", False, 10) == (event.kind, event.denied, event.at.earliest.day)


def test_the_patient_of_a_vaccination_stands_in_its_own_field():
    theirs = {"reference": "Patient/somebody-else"}
    record = record_of(
        {
            "resourceType": "Immunization",
            "id": "e1",
            "patient": theirs,
            "status": "completed",
            "vaccineCode": CODE,
            "occurrenceDateTime": DAY,
        }
    )

    assert ((), (Gap("Vaccination", GapReason.OTHER_PATIENT),)) == (record.events, record.gaps)


def test_a_vaccination_that_was_not_done_is_denied():
    (event,) = vaccination(status="not-done", occurrenceDateTime=DAY)

    assert event.denied


def test_stu3_says_not_given_beside_the_status():
    (event,) = vaccination(status="completed", notGiven=True, date=DAY)

    assert event.denied


@pytest.mark.parametrize("status", ["entered-in-error", "", "planned"])
def test_a_vaccination_that_is_not_completed_is_no_event(status):
    assert () == vaccination(status=status, occurrenceDateTime=DAY, notGiven=True)


# ---------------------------------------------------------------- reports and alerts


@pytest.mark.parametrize("field", ["conclusionCode", "codedDiagnosis"])
def test_each_coded_conclusion_of_a_report_is_an_event(field):
    found = report(status="final", effectiveDateTime=DAY, **{field: [CODE, {"text": "Blasts"}]})

    assert [("report", "Transfusion"), ("report", "Blasts")] == [(event.kind, event.what.text) for event in found]


def test_the_words_and_documents_of_a_report_are_never_read():
    found = report(
        status="final",
        code={"text": "Petechiae"},
        conclusion="Petechiae.",
        presentedForm=[{"contentType": "text/plain", "data": "UGV0ZWNoaWFl"}],
    )

    assert () == found


@pytest.mark.parametrize("status", ["registered", "cancelled", "entered-in-error"])
def test_a_report_without_a_result_is_no_event(status):
    assert () == report(status=status, conclusionCode=[CODE])


@pytest.mark.parametrize(("status", "preliminary"), [("final", False), ("partial", True), ("preliminary", True)])
def test_a_report_that_is_not_final_is_marked(status, preliminary):
    (event,) = report(status=status, conclusionCode=[CODE], issued="2026-03-10T09:00:00Z")

    assert (preliminary, 9) == (event.preliminary, event.at.earliest.hour)


def test_an_active_alert_is_an_event_from_its_start():
    (event,) = flag(status="active", period={"start": DAY})

    assert ("flag", 10) == (event.kind, event.at.earliest.day)


def test_an_alert_without_a_start_is_undated():
    (event,) = flag(status="active")

    assert event.at is None


@pytest.mark.parametrize("status", ["inactive", "entered-in-error", ""])
def test_an_alert_that_is_not_active_is_no_event(status):
    assert () == flag(status=status)


# ---------------------------------------------------------------- what holds for all


@pytest.mark.parametrize(
    "fields",
    [
        {"resourceType": "Procedure", "code": CODE, "status": "completed"},
        {"resourceType": "Immunization", "vaccineCode": CODE, "status": "completed"},
        {"resourceType": "DiagnosticReport", "conclusionCode": [CODE], "status": "final"},
        {"resourceType": "Flag", "code": CODE, "status": "active"},
    ],
)
def test_a_security_label_restricts_an_event(fields):
    (event,) = events(meta={"security": [{"code": "R"}]}, **fields)

    assert event.restricted


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"resourceType": "Procedure", "code": CODE, "notPerformed": False}, "Procedure"),
        ({"resourceType": "Immunization", "vaccineCode": CODE, "wasNotGiven": False}, "Vaccination"),
    ],
)
def test_an_event_in_dstu2_is_a_gap(fields, words):
    record = record_of({"id": "e1", "subject": MINE, "status": "completed", **fields})

    assert ((), (Gap(words, GapReason.UNSUPPORTED_VERSION),)) == (record.events, record.gaps)


def test_the_history_of_a_family_says_nothing_of_the_patient():
    record = record_of(
        {
            "resourceType": "FamilyMemberHistory",
            "id": "f1",
            "patient": MINE,
            "status": "completed",
            "relationship": {"text": "mother"},
            "condition": [{"code": CODE}],
        }
    )

    assert ((), (), ()) == (record.events, record.problems, record.gaps)
