"""What was done once: each event has its own time, and nothing later undoes it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cds_hooks.chart.record import Coded, Event, Listing, ListRead
from cds_hooks.model.results import RESTRICTED, Gap, GapReason
from cds_hooks.model.truth import Truth
from cds_hooks.reasoning.mapping import find
from tests.build import AT, days_ago, hours_ago, library_of, list_failed, observed, problem, record

CONCEPTS = """\
transfusion: {kind: procedure, name: "Transfusion", texts: ["transfusion"]}
vaccine: {kind: vaccine, name: "Vaccine", texts: ["vaccine"]}
surgery: {kind: procedure, name: "Surgery", texts: ["surgery"]}
spleen-gone: {kind: problem, name: "No spleen", texts: ["no spleen"]}
"""
RULES = {
    "transfused": "sign: {concepts: [transfusion], observed_within: {days: 12}, older_than: {days: 4}}\n"
    "when_missing: absent_if_list_read",
    "vaccinated": "sign: {concepts: [vaccine], observed_within: {days: 42}}\nwhen_missing: absent_if_list_read",
    "operated": "sign: {concepts: [surgery], observed_within: {days: 30}}\nwhen_missing: absent_if_list_read",
    "new-operation": "sign: {concepts: [surgery], past_problems: true, new_within: {days: 3}}",
    "ever-operated": "sign: {concepts: [surgery], past_problems: true, observed_within: {days: 1}}",
    "petechiae": "sign: {concepts: [petechiae], observed_within: {hours: 72}}",
    "no-spleen": "sign: {concepts: [spleen-gone], any_active_problem: true, problem_within: {days: 1}}",
    "mixed": "sign: {concepts: [surgery, petechiae], observed_within: {days: 3}}\n"
    "when_missing: absent_if_list_read",
}
READ = {name: ListRead(Listing.COMPLETE) for name in ("Procedure", "Immunization")}


@pytest.fixture(scope="module")
def library():
    return library_of(RULES, more_concepts=CONCEPTS)


@pytest.fixture
def findings(library):
    def of(*events: Event, entries=(), **lists):
        return find(replace(record(*entries, lists=READ | lists), events=events), library, AT)

    return of


def event(what: str, at=None, kind="procedure", **more) -> Event:
    return Event(f"Procedure/{what}", Coded(text=what), at, kind, **more)


@pytest.mark.parametrize(
    ("days", "truth"),
    [
        ([3], "absent"),
        ([5], "present"),
        ([11], "present"),
        ([13], "absent"),
        ([20, 1], "absent"),
        ([20, 8], "present"),
    ],
)
def test_each_event_is_weighed_by_its_own_time(findings, days, truth):
    events = [event("transfusion", days_ago(number)) for number in days]

    assert truth == findings(*events)["transfused"].truth.value


def test_an_event_of_unknown_date_leaves_it_open_and_is_said(findings):
    finding = findings(event("transfusion"))["transfused"]

    assert (Truth.UNKNOWN, (Gap("Transfusion", GapReason.UNDATED, "Procedure/transfusion"),)) == (
        finding.truth,
        finding.gaps,
    )


def test_a_restricted_event_of_unknown_date_is_not_named(findings):
    finding = findings(replace(event("transfusion"), restricted=True))["transfused"]

    assert (Gap(RESTRICTED, GapReason.UNDATED, "Procedure/transfusion"),) == finding.gaps


def test_an_event_of_unknown_date_does_not_spoil_a_dated_one(findings):
    assert Truth.PRESENT is findings(event("transfusion"), event("transfusion", days_ago(6)))["transfused"].truth


def test_what_was_not_done_is_no_event_and_takes_none_back(findings):
    given = event("vaccine", days_ago(20), "vaccination")
    refused = event("vaccine", days_ago(2), "vaccination", denied=True)

    assert Truth.PRESENT is findings(given, refused)["vaccinated"].truth
    assert Truth.ABSENT is findings(refused)["vaccinated"].truth


def test_a_later_denial_does_not_undo_what_happened(findings):
    denial = problem("surgery", hours_ago(1), denied=True, recorded=hours_ago(1))

    assert Truth.PRESENT is findings(event("surgery", days_ago(5)), entries=[denial])["operated"].truth


def test_a_visit_for_a_procedure_is_the_event(findings):
    visit = problem("transfusion", days_ago(7), recorded=days_ago(7), source="visit")

    assert Truth.PRESENT is findings(entries=[visit])["transfused"].truth


def test_the_category_of_a_procedure_says_what_its_code_does_not(findings):
    operation = event("removal of a rare organ", days_ago(5), categories=(Coded(text="Surgery"),))

    assert Truth.PRESENT is findings(operation)["operated"].truth


def test_what_has_happened_ever_counts_at_any_age_and_without_a_date(findings):
    assert Truth.PRESENT is findings(event("surgery", days_ago(3000)))["ever-operated"].truth
    assert Truth.PRESENT is findings(event("surgery"))["ever-operated"].truth


def test_an_event_of_unknown_date_is_not_taken_for_a_new_one(findings):
    assert Truth.UNKNOWN is findings(event("surgery"))["new-operation"].truth


@pytest.mark.parametrize(("days", "truth"), [(2, "present"), (4, "unknown")])
def test_a_new_event_is_new_by_its_own_time(findings, days, truth):
    assert truth == findings(event("surgery", days_ago(days)))["new-operation"].truth.value


def test_the_conclusion_of_a_report_stands_like_an_observation(findings):
    concluded = event("petechiae", hours_ago(5), "report", preliminary=True)
    denied = observed("petechiae", value=False, at=hours_ago(1))

    assert ("preliminary",) == findings(concluded)["petechiae"].evidence[0].flags
    assert Truth.ABSENT is findings(concluded, entries=[denied])["petechiae"].truth


def test_an_active_alert_stands_like_an_active_problem(findings):
    assert Truth.PRESENT is findings(event("no spleen", days_ago(900), "flag"))["no-spleen"].truth


def test_a_medicine_or_a_measured_thing_is_no_event(findings):
    assert Truth.ABSENT is findings(event("aspirin", days_ago(1)), event("leg", days_ago(1)))["operated"].truth


@pytest.mark.parametrize(("rule", "home"), [("operated", "Procedure"), ("vaccinated", "Immunization")])
def test_silence_tells_only_when_the_list_of_such_things_was_read(findings, rule, home):
    assert Truth.ABSENT is findings()[rule].truth
    assert Truth.UNKNOWN is findings(**{home: list_failed()})[rule].truth


def test_what_may_stand_among_the_problems_needs_no_list_of_procedures(findings):
    assert Truth.ABSENT is findings(Procedure=list_failed())["mixed"].truth
