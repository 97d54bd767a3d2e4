"""The five states of an answer, and what they make of the list that was asked for."""

import json

import pytest

from cds_hooks.chart.reader import read
from cds_hooks.chart.record import Answer, Listing, ListRead, Query
from cds_hooks.model.results import GapReason
from tests.unit.chart.charts import AT, ME, answered, body, bundle, condition, entry, observation

COMPLETE = ListRead(Listing.COMPLETE)
NEXT = {"link": [{"relation": "self"}, {"relation": "next", "url": "https://ehr.example/page/2"}]}
REFUSAL = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "processing"}]}
REMARK = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "processing"}]}


def _failed(reason: GapReason = GapReason.FAILED) -> ListRead:
    return ListRead(Listing.FAILED, reason=reason)


def _incomplete(reason: GapReason) -> ListRead:
    return ListRead(Listing.INCOMPLETE, reason=reason)


def _state(answer: object, kind: str = "Condition") -> ListRead:
    return answered({kind: answer}).lists[kind]


def _of_answers(*answers: Answer | None, kind: str = "Observation") -> ListRead:
    """The list when one query of this type was answered by each of these; None: its key was not supplied."""
    queries = [Query(f"key{number}", "", kind, newest_first=True) for number in range(len(answers))]
    supplied = {query.key: answer for query, answer in zip(queries, answers, strict=True) if answer}
    return read(queries, supplied, ME, AT).lists[kind]


def _page(*resources: object, **more: object) -> Answer:
    return Answer((body(bundle(*resources, **more)),))


def _at(time: str, number: str = "o1") -> object:
    return observation(id=number, effectiveDateTime=time)


# ---------------------------------------------------------------- asked, none


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        bundle(),
        {"resourceType": "Bundle", "type": "searchset", "total": 0},
        {"resourceType": "Bundle", "entry": None},
    ],
)
def test_nothing_found_is_a_complete_list(answer: object):
    assert COMPLETE == _state(answer)


def test_an_absent_key_was_not_supplied():
    assert ListRead(Listing.NOT_READ, reason=GapReason.NOT_SUPPLIED) == answered({}).lists["Condition"]


def test_a_list_that_was_not_asked_for_has_no_state():
    assert "Condition" not in read([Query("k", "", "Observation")], {}, ME, AT).lists


# ---------------------------------------------------------------- accepted shapes


@pytest.mark.parametrize(
    "answer",
    [
        condition(),
        [condition()],
        [bundle(condition())],
        bundle(bundle(condition())),
        bundle(condition(), type="collection"),
        {"resourceType": "Bundle", "entry": entry(condition())},
        {"resourceType": "Bundle", "entry": [entry(condition()), None, {}]},
        bundle(condition(), link={"relation": "self"}),
        bundle(condition(), total="1"),
    ],
)
def test_every_shape_of_an_answer_is_read(answer: object):
    record = answered({"Condition": answer})

    assert (1, COMPLETE) == (len(record.problems), record.lists["Condition"])


def test_a_byte_order_mark_costs_nothing():
    raw = b"\xef\xbb\xbf" + body(bundle(condition()))

    assert 1 == len(read([Query("k", "", "Condition")], {"k": Answer((raw,))}, ME, AT).problems)


def test_an_entry_that_holds_no_resource_leaves_the_list_incomplete():
    assert _incomplete(GapReason.UNREADABLE) == _state(
        bundle(condition()) | {"entry": [entry(condition()), {"fullUrl": "x"}]}
    )


# ---------------------------------------------------------------- failed


@pytest.mark.parametrize("answer", [REFUSAL, REMARK, {"resourceType": "OperationOutcome"}, bundle(REFUSAL)])
def test_an_operation_outcome_is_a_failed_question(answer: object):
    assert _failed() == _state(answer)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("forbidden", GapReason.NOT_PERMITTED),
        ("timeout", GapReason.TIMED_OUT),
        ("not-supported", GapReason.NOT_SUPPORTED),
        ("not-found", GapReason.NOT_FOUND),
        ("exception", GapReason.FAILED),
    ],
)
def test_the_issue_says_why_it_failed(code: str, reason: GapReason):
    assert _failed(reason) == _state(
        {"resourceType": "OperationOutcome", "issue": [{"severity": "fatal", "code": code}]}
    )


def test_a_remark_beside_the_entries_is_ignored():
    outcome = entry(REMARK, search={"mode": "outcome"})

    assert COMPLETE == _state({"resourceType": "Bundle", "entry": [entry(condition()), outcome]})


def test_an_error_beside_entries_leaves_the_list_incomplete_and_the_entries_used():
    record = answered({"Condition": bundle(condition(), REFUSAL)})

    assert (1, _incomplete(GapReason.FAILED)) == (len(record.problems), record.lists["Condition"])


@pytest.mark.parametrize("answer", [{}, "text", 5, True, {"resourceType": 5}, {"total": 3}])
def test_json_that_is_no_fhir_is_unreadable(answer: object):
    assert _failed(GapReason.UNREADABLE) == _state(answer)


@pytest.mark.parametrize("raw", [b"", b"<html>Log in</html>", b'{"resourceType":"Bundle"', b"[" * 5000])
def test_what_is_no_json_is_unreadable(raw: bytes):
    assert _failed(GapReason.UNREADABLE) == _of_answers(Answer((raw,)))


def test_a_single_resource_of_another_type_is_no_answer_but_is_read():
    record = answered({"Condition": observation()})

    assert (1, _failed(GapReason.UNREADABLE)) == (len(record.observed), record.lists["Condition"])


def test_a_resource_of_an_unread_type_is_no_answer_to_a_question_about_another():
    assert _failed(GapReason.UNREADABLE) == _state({"resourceType": "Parameters"})


def test_a_type_whose_entries_are_not_read_can_be_complete():
    immunization = {"resourceType": "Immunization", "id": "i1"}

    assert COMPLETE == _of_answers(Answer((body(immunization),)), kind="Immunization")


@pytest.mark.parametrize("reason", [GapReason.NOT_PERMITTED, GapReason.TIMED_OUT, GapReason.NOT_SUPPORTED])
def test_a_fetch_that_failed_says_why(reason: GapReason):
    assert _failed(reason) == _of_answers(Answer(failed=reason))


@pytest.mark.parametrize("kind", ["MedicationStatement", "MedicationRequest"])
def test_a_medicine_list_the_server_does_not_keep_is_not_read(kind: str):
    expected = ListRead(Listing.NOT_READ, reason=GapReason.NOT_SUPPORTED)

    assert expected == _of_answers(Answer(failed=GapReason.NOT_SUPPORTED), kind=kind)


def test_bundles_nested_too_deeply_are_unreadable():
    answer = bundle(bundle(bundle(bundle(bundle(condition())))))

    assert _failed(GapReason.UNREADABLE) == _state(answer)


def test_lists_nested_too_deeply_are_unreadable():
    assert _failed(GapReason.UNREADABLE) == _state([[[[[condition()]]]]])


# ---------------------------------------------------------------- incomplete


def test_a_next_page_that_was_not_read_leaves_the_list_incomplete():
    assert _incomplete(GapReason.INCOMPLETE) == _state(bundle(condition(), **NEXT))


def test_next_links_of_pages_that_were_followed_do_not_count():
    pages = Answer((body(bundle(_at("2026-03-02"), **NEXT)), body(bundle(_at("2026-03-01", "o2")))))

    assert COMPLETE == _of_answers(pages)


def test_more_pages_than_were_fetched_leave_the_list_incomplete():
    assert _of_answers(Answer((body(bundle(observation())),), more=True)).state is Listing.INCOMPLETE


def test_fewer_matches_than_the_total_leave_the_list_incomplete():
    assert _incomplete(GapReason.INCOMPLETE) == _state(bundle(condition(), total=2))


def test_an_included_resource_is_no_match():
    included = entry({"resourceType": "Medication", "id": "m"}, search={"mode": "include"})
    answer = {"resourceType": "Bundle", "total": 2, "entry": [entry(condition()), included]}

    assert _incomplete(GapReason.INCOMPLETE) == _state(answer)


def test_a_page_that_cannot_be_read_leaves_the_list_incomplete():
    pages = Answer((body(bundle(observation())), b"<html>"))

    assert _incomplete(GapReason.UNREADABLE) == _of_answers(pages)


def test_newest_first_is_complete_back_to_the_oldest_entry():
    state = _of_answers(_page(_at("2026-03-17T10:00:00Z"), _at("2026-03-01T10:00:00Z", "o2"), **NEXT))

    assert "2026-03-01T10:00:00+00:00" == state.back_to.isoformat()


def test_a_page_that_failed_costs_only_what_is_older_than_those_that_came():
    page = Answer((body(bundle(_at("2026-03-01T10:00:00Z"), **NEXT)),), GapReason.TIMED_OUT, more=True)
    state = _of_answers(page)

    assert (Listing.INCOMPLETE, GapReason.TIMED_OUT) == (state.state, state.reason)
    assert "2026-03-01T10:00:00+00:00" == state.back_to.isoformat()


def test_an_entry_that_was_refused_may_be_of_any_time():
    page = _page(_at("2026-03-01T10:00:00Z"), _at("2027-03-01", "o2"), **NEXT)

    assert _incomplete(GapReason.FUTURE) == _of_answers(page)


def test_pages_that_came_of_a_medicine_list_are_no_list_that_is_not_kept():
    first = Answer((body(bundle({"resourceType": "MedicationRequest", "id": "m"})),))
    pages = first.followed_by(Answer(failed=GapReason.NOT_SUPPORTED))

    assert _incomplete(GapReason.FAILED) == _of_answers(pages, kind="MedicationRequest")


def test_a_day_is_complete_only_from_its_end():
    assert "2026-03-02T00:00:00+00:00" == _of_answers(_page(_at("2026-03-01"), **NEXT)).back_to.isoformat()


def test_entries_out_of_order_show_that_nobody_sorted_them():
    state = _of_answers(_page(_at("2020-01-01"), _at("2026-03-17", "o2"), **NEXT))

    assert _incomplete(GapReason.INCOMPLETE) == state


def test_undated_entries_say_nothing_about_completeness():
    assert _incomplete(GapReason.INCOMPLETE) == _of_answers(_page(observation(), **NEXT))


def test_visits_are_complete_back_to_the_oldest_start():
    visit = {"resourceType": "Encounter", "id": "e1", "period": {"start": "2026-03-01T10:00:00Z"}}

    assert "2026-03-01T10:00:00+00:00" == _of_answers(_page(visit, **NEXT), kind="Encounter").back_to.isoformat()


def test_a_type_without_a_sorted_date_makes_no_claim():
    page = _page(condition(onsetDateTime="2026-03-01"), **NEXT)

    assert _incomplete(GapReason.INCOMPLETE) == _of_answers(page, kind="Condition")


# ---------------------------------------------------------------- several queries for one list


def test_a_list_is_complete_when_all_its_queries_are():
    assert COMPLETE == _of_answers(_page(), _page())


def test_a_list_failed_when_all_its_queries_did():
    assert _failed() == _of_answers(Answer(failed=GapReason.FAILED), Answer(failed=GapReason.TIMED_OUT))


def test_a_list_of_which_nothing_came_failed_when_one_query_did():
    assert _failed() == _of_answers(None, Answer(failed=GapReason.FAILED))


def test_a_list_is_incomplete_when_one_query_failed():
    assert _incomplete(GapReason.TIMED_OUT) == _of_answers(_page(), Answer(failed=GapReason.TIMED_OUT))


def test_a_list_is_incomplete_when_one_key_was_not_supplied():
    assert _incomplete(GapReason.NOT_SUPPLIED) == _of_answers(_page(), None)


def test_what_came_under_one_key_does_not_stand_for_a_key_that_was_not_supplied():
    assert _incomplete(GapReason.NOT_SUPPLIED) == _of_answers(_page(observation()), None)


def test_the_least_far_back_query_limits_the_list():
    short = _page(_at("2026-03-10T10:00:00Z"), **NEXT)
    long = _page(_at("2026-02-01T10:00:00Z", "o2"), **NEXT)

    assert "2026-03-10T10:00:00+00:00" == _of_answers(short, long, _page()).back_to.isoformat()


def test_one_query_without_a_limit_leaves_the_list_without():
    limited = _page(_at("2026-03-10T10:00:00Z"), **NEXT)

    assert _of_answers(limited, Answer(failed=GapReason.FAILED)).back_to is None


def test_values_under_unknown_keys_make_no_list_complete():
    record = answered({}, loose=(bundle(condition()),))

    assert (1, Listing.NOT_READ) == (len(record.problems), record.lists["Condition"].state)


def test_a_malformed_value_under_an_unknown_key_is_nobodys_gap():
    record = read(
        [], {}, ME, AT, (b"<html>", json.dumps({"entry": 5}).encode(), b'{"resourceType":"Bundle","entry":[5]}')
    )

    assert () == record.gaps
