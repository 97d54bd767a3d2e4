"""The use case: what is asked for, what is not asked again, and when no answer may be given."""

import asyncio
import json

import pytest

from cds_hooks.cards.compose import Voice
from cds_hooks.cards.wire import HookRequest
from cds_hooks.chart.queries import queries
from cds_hooks.chart.record import Answer, Listing
from cds_hooks.errors import DataUnavailable, RequestError
from cds_hooks.model.results import GapReason
from cds_hooks.model.truth import Truth
from cds_hooks.reasoning.library import load
from cds_hooks.service import SERVICES, advise, advise_on, hook_of_file, record_of_file
from tests.build import AT, library_of

pytestmark = pytest.mark.anyio

SNOMED, LOINC = "http://snomed.info/sct", "http://loinc.org"
LIBRARY = library_of(
    {
        "skin-bleeding": "sign: {concepts: [petechiae], observed_within: {days: 14}, problem_within: {days: 14}}",
        "low": 'measure: {concept: platelet-count, is: {below: "100", unit: "10*9/L"}}',
        "aspirin-use": "medication: {ingredients: [aspirin]}",
    },
    criteria={
        "R-A": "when: {all: [skin-bleeding, low]}\ntiers: [{tier: EMERGENCY}]",
        "R-B": "when: low\nneeds_skin_bleeding: false",
    },
)
KEYS = tuple(query.key for query in queries(LIBRARY))
OBSERVATIONS = tuple(query.key for query in queries(LIBRARY) if query.resource_type == "Observation")
FAILED = b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"exception"}]}'
NEXT = "http://ehr.example/fhir?page=2"


def page(*resources, link="", **more):
    links = [{"relation": "next", "url": link}] if link else []
    body = {"resourceType": "Bundle", "type": "searchset", "link": links}
    return json.dumps(body | {"entry": [{"resource": one} for one in resources]} | more).encode()


PATIENT = {"resourceType": "Patient", "id": "p1"}
PETECHIAE = {
    "resourceType": "Condition",
    "id": "c1",
    "clinicalStatus": {"coding": [{"code": "active"}]},
    "code": {"coding": [{"system": SNOMED, "code": "1001"}]},
    "subject": {"reference": "Patient/p1"},
    "onsetDateTime": "2026-03-18T08:00:00Z",
}
HYPERTENSION = PETECHIAE | {"id": "c2", "code": {"text": "Hypertension"}}
COUNT = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "code": {"coding": [{"system": LOINC, "code": "777-3"}]},
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2026-03-18T09:00:00Z",
    "valueQuantity": {"value": 8, "code": "10*9/L"},
}
EMPTY = dict.fromkeys(KEYS, page())


def asking(prefetch, hook="patient-view", server=""):
    return HookRequest(
        hook, "instance", {"patientId": "p1", "userId": "u1"}, prefetch=prefetch, fhir_server=server
    )


class Ehr:
    """Answers by key, and what was asked for."""

    def __init__(self, answers=None):
        self.answers = answers or {}
        self.asked = []

    async def __call__(self, wanted):
        self.asked.append(dict(wanted))
        return {key: answer for key, answer in self.answers.items() if key in wanted}


async def advised(prefetch, answers=None, **request):
    ehr = Ehr(answers)
    return await advise(asking(prefetch, **request), ehr, LIBRARY, AT, Voice()), ehr


def indicators(advice):
    return [card.indicator for card in advice.cards]


# ---------------------------------------------------------------- the services


def test_the_services_have_an_id_of_their_own_and_say_that_nobody_has_signed():
    assert len({service.id for service in SERVICES}) == len(SERVICES)
    assert all("not yet clinically signed off" in service.description for service in SERVICES)


async def test_another_hook_is_refused_by_the_name_of_the_member():
    with pytest.raises(RequestError) as caught:
        await advised(EMPTY, hook="order-review")

    assert caught.value.field == "hook"


# ---------------------------------------------------------------- what is asked for


async def test_nothing_is_asked_when_everything_was_sent():
    advice, ehr = await advised(EMPTY | {"conditions": page(PETECHIAE), OBSERVATIONS[0]: page(COUNT)})

    assert ehr.asked == []
    assert indicators(advice) == ["critical"]


async def test_what_was_left_out_is_asked_by_its_template():
    sent = {key: value for key, value in EMPTY.items() if key != "conditions"}

    _, ehr = await advised(sent, {"conditions": Answer((page(),))})

    assert ehr.asked == [{"conditions": "Condition?patient={{context.patientId}}&_count=200"}]


async def test_fetched_and_sent_entries_count_together():
    sent = EMPTY | {OBSERVATIONS[0]: page(COUNT)}
    del sent["conditions"]

    advice, _ = await advised(sent, {"conditions": Answer((page(PETECHIAE),))})

    assert indicators(advice) == ["critical"]


@pytest.mark.parametrize("value", [b"null", FAILED, page()])
async def test_a_key_that_was_answered_is_not_asked_again(value):
    _, ehr = await advised(EMPTY | {"medicationRequests": value})

    assert ehr.asked == []


async def test_a_next_page_is_asked_for_and_read_with_the_first():
    sent = EMPTY | {OBSERVATIONS[0]: page(link=NEXT), "conditions": page(PETECHIAE)}

    advice, ehr = await advised(sent, {OBSERVATIONS[0]: Answer((page(COUNT),))})

    assert ehr.asked == [{OBSERVATIONS[0]: NEXT}]
    assert indicators(advice) == ["critical"]
    assert advice.record.lists["Observation"].state is Listing.COMPLETE


@pytest.mark.parametrize("answers", [{}, {OBSERVATIONS[0]: Answer(failed=GapReason.TIMED_OUT)}])
async def test_a_next_page_that_cannot_be_had_leaves_the_list_incomplete(answers):
    advice, _ = await advised(EMPTY | {OBSERVATIONS[0]: page(COUNT, link=NEXT)}, answers)

    assert indicators(advice) == ["warning"]
    assert advice.record.lists["Observation"].state is Listing.INCOMPLETE


async def test_a_failed_next_page_of_the_problem_list_is_said_and_never_silence():
    sent = EMPTY | {"conditions": page(HYPERTENSION, link=NEXT)}

    advice, _ = await advised(sent, {"conditions": Answer(failed=GapReason.TIMED_OUT)})

    assert indicators(advice) == ["info"]
    assert "did not answer in time" in advice.cards[0].detail


async def test_a_next_page_of_the_problem_list_that_nobody_may_ask_for_is_said_too():
    advice, _ = await advised(EMPTY | {"conditions": page(HYPERTENSION, link=NEXT)})

    assert indicators(advice) == ["info"]
    assert "Problem list: only partly supplied" in advice.cards[0].detail


async def test_a_failed_next_page_of_what_is_sorted_costs_only_what_is_older():
    old = COUNT | {"id": "o2", "effectiveDateTime": "2026-03-01T09:00:00Z", "valueQuantity": None}
    high = COUNT | {"valueQuantity": {"value": 300, "code": "10*9/L"}}

    advice, _ = await advised(
        EMPTY | {OBSERVATIONS[0]: page(high, old, link=NEXT)},
        {OBSERVATIONS[0]: Answer(failed=GapReason.TIMED_OUT)},
    )

    assert advice.cards == ()
    assert advice.record.lists["Observation"].reason is GapReason.TIMED_OUT


@pytest.mark.parametrize("unsorted", [(), OBSERVATIONS])
async def test_a_list_cut_off_is_complete_back_to_its_oldest_entry_only_where_it_was_asked_for_in_order(unsorted):
    old = COUNT | {"id": "o2", "effectiveDateTime": "2025-03-18T09:00:00Z"}
    sent = EMPTY | {key: page(COUNT, old, link=NEXT) for key in OBSERVATIONS}
    request = HookRequest(
        "patient-view", "1", {"patientId": "p1", "userId": "u1"}, prefetch=sent, unsorted=frozenset(unsorted)
    )

    advice = await advise(request, Ehr(), LIBRARY, AT, Voice())

    assert (advice.record.lists["Observation"].back_to is None) == bool(unsorted)


async def test_pages_beyond_those_that_came_leave_the_list_incomplete():
    answers = {OBSERVATIONS[0]: Answer((page(),), more=True)}

    advice, _ = await advised(EMPTY | {OBSERVATIONS[0]: page(COUNT, link=NEXT)}, answers)

    assert advice.record.lists["Observation"].state is Listing.INCOMPLETE


@pytest.mark.parametrize("body", [b'{"next": ', b'"next"', b'["next"]', b"[" * 5000 + b'"next"'])
async def test_an_unreadable_body_has_no_next_page(body):
    _, ehr = await advised(EMPTY | {OBSERVATIONS[0]: body})

    assert ehr.asked == []


TAKEN = {
    "resourceType": "MedicationRequest",
    "status": "active",
    "intent": "order",
    "subject": {"reference": "Patient/p1"},
    "medicationReference": {"reference": "Medication/m1"},
}
ASPIRIN = {
    "resourceType": "Medication",
    "id": "m1",
    "code": {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "3001"}]},
}


def unidentified(advice):
    reasons = [gap.reason for gap in advice.assessment.findings["aspirin-use"].gaps]
    return GapReason.UNIDENTIFIED in reasons


async def test_medicines_that_are_only_pointed_to_are_asked_for_in_one_search():
    orders = page(
        TAKEN | {"id": "r1"}, TAKEN | {"id": "r2", "medicationReference": {"reference": "Medication/m2"}}
    )

    advice, ehr = await advised(
        EMPTY | {"medicationRequests": orders},
        {"medications1": Answer((page(ASPIRIN, ASPIRIN | {"id": "m2"}),))},
        server="https://ehr.example/r4",
    )

    assert ehr.asked == [{"medications1": "Medication?_id=m1,m2"}]
    assert advice.assessment.findings["aspirin-use"].truth is Truth.PRESENT


async def test_a_medicine_that_cannot_be_fetched_is_counted_as_not_identified():
    sent = EMPTY | {"medicationRequests": page(TAKEN | {"id": "r1"})}

    advice, _ = await advised(
        sent, {"medications1": Answer(failed=GapReason.FAILED)}, server="https://ehr.example/r4"
    )

    assert unidentified(advice)


async def test_a_card_counts_the_medicines_that_nobody_can_identify():
    sent = EMPTY | {"medicationRequests": page(TAKEN | {"id": "r1"}), OBSERVATIONS[0]: page(COUNT)}

    advice, _ = await advised(sent)

    assert "1 medication could not be identified" in advice.cards[0].detail


async def test_a_medicine_that_is_only_pointed_to_is_not_asked_for_where_nobody_can_be_asked():
    advice, ehr = await advised(EMPTY | {"medicationRequests": page(TAKEN | {"id": "r1"})})

    assert ehr.asked == []
    assert unidentified(advice)


async def test_entries_under_an_unknown_key_count_and_complete_no_list():
    sent = {key: value for key, value in EMPTY.items() if key not in OBSERVATIONS}

    advice, _ = await advised(sent | {"labs": page(COUNT)})

    assert indicators(advice) == ["warning"]
    assert advice.record.lists["Observation"].state is Listing.NOT_READ


# ---------------------------------------------------------------- no answer


async def test_a_chart_of_which_nothing_essential_came_is_refused():
    with pytest.raises(DataUnavailable, match="send the prefetch"):
        await advised({"patient": json.dumps(PATIENT).encode()})


async def test_the_refusal_names_no_patient():
    with pytest.raises(DataUnavailable) as caught:
        await advised({})

    assert "p1" not in str(caught.value)


async def test_failures_of_everything_essential_are_refused_too():
    with pytest.raises(DataUnavailable):
        await advised(EMPTY | dict.fromkeys(("conditions", *OBSERVATIONS), FAILED))


OTHERS = {"subject": {"reference": "Patient/p2"}}
NOBODYS = {"subject": {"identifier": {"value": "7"}}}


@pytest.mark.parametrize("whose", [OTHERS, NOBODYS])
async def test_a_chart_that_is_all_of_somebody_else_is_refused_and_not_silence(whose):
    foreign = EMPTY | {"conditions": page(PETECHIAE | whose), OBSERVATIONS[0]: page(COUNT | whose)}

    with pytest.raises(DataUnavailable, match=r"context\.patientId"):
        await advised(foreign)


@pytest.mark.parametrize("key", ["conditions", OBSERVATIONS[0]])
async def test_when_all_that_came_is_of_somebody_else_it_is_said(key):
    foreign = PETECHIAE if key == "conditions" else COUNT

    with pytest.raises(DataUnavailable, match=r"context\.patientId"):
        await advised(EMPTY | {key: page(foreign | OTHERS)})

    taken = {"medicationRequests": page(ASPIRIN, TAKEN)}
    advice, _ = await advised(EMPTY | taken | {key: page(foreign | OTHERS)})
    assert indicators(advice) == ["info"]
    assert "belongs to another patient" in advice.cards[0].detail


async def test_a_misfiled_entry_beside_the_patients_own_makes_no_card():
    high = COUNT | {"valueQuantity": {"value": 300, "code": "10*9/L"}}
    sent = EMPTY | {
        "conditions": page(PETECHIAE | OTHERS),
        OBSERVATIONS[0]: page(high, COUNT | {"id": "o2"} | OTHERS),
    }

    assert (await advised(sent))[0].cards == ()


@pytest.mark.parametrize("entry", [{"recordedDate": "2027-01-01"}, NOBODYS])
async def test_an_entry_that_may_be_the_patients_and_was_refused_is_said(entry):
    advice, _ = await advised(EMPTY | {"conditions": page(HYPERTENSION, PETECHIAE | entry)})

    assert indicators(advice) == ["info"]


AHEAD = {"id": "o9", "effectiveDateTime": "2027-01-01"}
GLUCOSE = {"code": {"text": "Glucose"}, "valueQuantity": {"value": 5, "unit": "mmol/L"}}


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([COUNT | AHEAD], ["info"]),
        ([COUNT | AHEAD | {"code": PETECHIAE["code"], "valueQuantity": None, "valueBoolean": True}], ["info"]),
        ([COUNT | AHEAD | GLUCOSE], []),
        ([COUNT | GLUCOSE, COUNT | AHEAD | GLUCOSE], []),
        ([COUNT | AHEAD | GLUCOSE, COUNT | GLUCOSE | NOBODYS], ["info"]),
    ],
)
async def test_an_entry_dated_ahead_makes_a_card_only_where_it_could_matter(entries, said):
    advice, _ = await advised(EMPTY | {"conditions": page(HYPERTENSION), OBSERVATIONS[0]: page(*entries)})

    assert indicators(advice) == said
    assert GapReason.FUTURE in {gap.reason for gap in advice.assessment.gaps}


async def test_an_entry_ahead_always_matters_where_a_rule_could_stand_on_any_chart():
    anywhere = library_of(
        {"grown": "person: {age: {from: {years: 1}}}"},
        criteria={"R-ANY-01": "when: {none: [grown]}\nneeds_skin_bleeding: false"},
    )
    sent = EMPTY | {"conditions": page(HYPERTENSION), OBSERVATIONS[0]: page(COUNT | AHEAD | GLUCOSE)}
    advice = await advise(asking(sent), Ehr(), anywhere, AT, Voice())

    assert any(gap.essential for gap in advice.assessment.gaps)


async def test_a_refused_entry_of_a_list_that_is_not_essential_makes_no_card():
    visit = {"resourceType": "Encounter", "id": "e1", "status": "finished"}
    stale = visit | {"id": "e2", "period": {"start": "2027-01-01"}}

    advice, _ = await advised(EMPTY | {"encounters": page(visit | OTHERS, stale)})

    assert advice.cards == ()
    assert [gap.what for gap in advice.assessment.gaps] == ["Visit", "Visit"]


async def test_a_patient_whom_the_server_does_not_know_is_refused():
    sent = {key: value for key, value in EMPTY.items() if key != "patient"}

    with pytest.raises(DataUnavailable, match="does not know the patient") as caught:
        await advised(sent, {"patient": Answer(failed=GapReason.NOT_FOUND)})

    assert "p1" not in str(caught.value)


async def test_what_was_sent_of_a_patient_whom_the_server_does_not_know_speaks_all_the_same():
    sent = EMPTY | {"conditions": page(PETECHIAE), OBSERVATIONS[0]: page(COUNT)}
    del sent["patient"]

    advice, _ = await advised(sent, {"patient": Answer(failed=GapReason.NOT_FOUND)})

    assert indicators(advice) == ["critical"]


@pytest.mark.parametrize("reason", [GapReason.NOT_ANSWERING, GapReason.TIMED_OUT, GapReason.FAILED])
async def test_when_the_server_is_to_blame_the_refusal_says_so(reason):
    with pytest.raises(DataUnavailable, match="call again later"):
        await advised({}, dict.fromkeys(KEYS, Answer(failed=reason)))


async def test_a_server_that_is_not_answering_is_said_on_the_card_and_never_silence():
    answers = dict.fromkeys(KEYS, Answer(failed=GapReason.NOT_ANSWERING))

    advice, _ = await advised({"conditions": page()}, answers)

    assert indicators(advice) == ["info"]
    assert "Results and observations: the server is not answering at present" in advice.cards[0].detail


@pytest.mark.parametrize("came", ["conditions", OBSERVATIONS[0]])
async def test_one_essential_list_is_enough_to_answer(came):
    advice, _ = await advised({came: page()})

    assert indicators(advice) == ["info"]
    assert "could not be read" in advice.cards[0].summary


async def test_what_speaks_for_itself_is_said_though_no_list_came():
    advice, _ = await advised({"labs": page(COUNT)})

    assert indicators(advice) == ["warning"]


async def test_an_order_that_holds_no_medicine_that_matters_needs_no_chart():
    advice, ehr = await advised({}, hook="order-sign")

    assert ehr.asked == []
    assert advice.cards == ()


async def test_a_problem_that_is_being_added_counts_as_recorded():
    added = {key: value for key, value in PETECHIAE.items() if key != "onsetDateTime"}
    request = HookRequest(
        "problem-list-item-create",
        "instance",
        {"patientId": "p1", "userId": "u1"},
        context_resources={"conditions": page(added)},
        prefetch=EMPTY | {OBSERVATIONS[0]: page(COUNT)},
    )

    advice = await advise(request, Ehr(), LIBRARY, AT, Voice())

    assert indicators(advice) == ["critical"]


async def test_a_whole_chart_with_nothing_in_it_is_silence():
    advice, _ = await advised(EMPTY)

    assert advice.cards == ()


# ---------------------------------------------------------------- gaps of lists


def gap_words(advice):
    return {gap.what: gap for gap in advice.assessment.gaps}


async def test_a_list_that_failed_is_a_gap_and_essential_when_silence_would_mislead():
    gaps = gap_words((await advised(EMPTY | {"conditions": FAILED, "encounters": FAILED}))[0])

    assert gaps["Problem list"].essential
    assert not gaps["Visits"].essential


async def test_a_medicine_list_the_server_does_not_keep_is_no_gap():
    unsupported = FAILED.replace(b"exception", b"not-supported")

    gaps = gap_words((await advised(EMPTY | {"medicationStatements": unsupported}))[0])

    assert gaps == {}


@pytest.mark.parametrize(("oldest", "is_gap"), [("2026-03-05", True), ("2026-03-01", False)])
async def test_a_list_that_is_only_long_is_a_gap_when_it_does_not_reach_two_weeks_back(oldest, is_gap):
    old = COUNT | {"id": "o2", "effectiveDateTime": f"{oldest}T09:00:00Z"}
    long = EMPTY | {key: page(COUNT, old, total=900) for key in OBSERVATIONS}

    gaps = gap_words((await advised(long))[0])

    assert ("Results and observations" in gaps) == is_gap
    assert not any(gap.essential for gap in gaps.values())


# ---------------------------------------------------------------- files


def request_file(prefetch):
    call = {"hook": "patient-view", "hookInstance": "x", "context": {"patientId": "p1", "userId": "u1"}}
    return json.dumps(call | {"prefetch": {key: json.loads(body) for key, body in prefetch.items()}}).encode()


def test_a_request_in_a_file_is_read_as_it_would_be_sent():
    record = record_of_file(request_file({"conditions": page(PETECHIAE), "labs": page(COUNT)}), LIBRARY, AT)

    assert len(record.problems) == len(record.observed) == 1
    assert record.lists["Condition"].state is Listing.COMPLETE
    assert record.lists["Observation"].state is Listing.NOT_READ


def test_a_bundle_in_a_file_is_everything_the_chart_holds():
    record = record_of_file(page({"resourceType": "Basic"}, PATIENT, PETECHIAE, COUNT), LIBRARY, AT)

    assert len(record.problems) == len(record.observed) == 1
    assert {state.state for state in record.lists.values()} == {Listing.COMPLETE}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "no JSON"),
        (b"not json", "no JSON"),
        (b'{"entry":' + b"[" * 5000, "neither a CDS Hooks request nor a FHIR Bundle"),
        (b"[]", "neither a CDS Hooks request nor a FHIR Bundle"),
        (b'{"entry": 1}', "neither a CDS Hooks request nor a FHIR Bundle"),
        (b'{"resourceType": "Patient", "id": "p"}', "neither a CDS Hooks request nor a FHIR Bundle"),
    ],
)
def test_a_file_that_is_neither_is_refused(body, why):
    with pytest.raises(RequestError, match=why):
        record_of_file(body, LIBRARY, AT)


@pytest.mark.parametrize(
    "body", [page(), page(PETECHIAE), page({"resourceType": "Patient"}), b'{"resourceType":"Bundle","entry":[{}]}']
)
def test_a_bundle_without_a_patient_is_refused(body):
    with pytest.raises(RequestError, match="no Patient with an id") as caught:
        record_of_file(body, LIBRARY, AT)

    assert caught.value.field == "entry"


# ---------------------------------------------------------------- other hooks


def hook_file(hook, **context):
    return json.dumps(
        {
            "hook": hook,
            "hookInstance": "1",
            "context": {"patientId": "p1", "userId": "Practitioner/1"} | context,
            "prefetch": {},
        }
    ).encode()


def test_a_file_may_be_the_request_of_any_hook():
    draft = {"resourceType": "MedicationRequest", "id": "d", "medicationCodeableConcept": {"text": "aspirin"}}
    body = hook_file("order-sign", draftOrders={"resourceType": "Bundle", "entry": [{"resource": draft}]})

    assert hook_of_file(body) == "order-sign"
    assert [use.drafted for use in record_of_file(body, LIBRARY, AT).medications] == [True]
    assert hook_of_file(page(PATIENT)) == "patient-view"


def test_a_file_of_a_hook_that_is_not_ours_is_refused():
    with pytest.raises(RequestError, match="hook is not one"):
        hook_of_file(hook_file("encounter-start"))


def test_an_order_that_no_rule_looks_at_needs_no_chart():
    async def never(_missing):
        raise AssertionError

    request = HookRequest("order-sign", "1", {"patientId": "p1", "userId": "u"}, {"draftOrders": b"{}"})

    assert asyncio.run(advise(request, never, LIBRARY, AT, Voice())).cards == ()


@pytest.mark.parametrize("patient", ["p1", "nobody", 'odd "id"', "two words"])
async def test_orders_are_valid_and_for_the_patient_whatever_the_id_looks_like(patient):
    library = load()
    who = {"subject": {"reference": f"Patient/{patient}"}}
    code = {"coding": [{"system": SNOMED, "code": "271813007"}]}
    chart = page(PATIENT | {"id": patient}, PETECHIAE | who | {"code": code}, COUNT | who)

    record = record_of_file(chart, library, AT)
    cards = advise_on(record, library, AT, Voice()).cards

    orders = [json.loads(action.resource) for card in cards for one in card.suggestions for action in one.actions]
    assert orders
    for order in orders:
        assert (order.get("subject") or order["for"]) == {"reference": f"Patient/{patient}"}
