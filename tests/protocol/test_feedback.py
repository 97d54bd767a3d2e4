"""The feedback endpoint: shapes, batches, repetitions, and that nothing is acknowledged before it is kept."""

import asyncio
import io
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from cds_hooks.app import Deployment, assemble
from cds_hooks.cards.wire import Card, Service, Source
from cds_hooks.errors import JournalUnavailable
from cds_hooks.guard.privacy import configure_logging
from cds_hooks.journal.entries import Issued
from cds_hooks.journal.later import OpenedLater
from cds_hooks.settings import Settings

PATH = "/cds-services/a-service/feedback"
CALL = {"hook": "patient-view", "hookInstance": "1", "context": {"userId": "Practitioner/1", "patientId": "p1"}}
CARD = Card("Summary", "warning", Source("A guideline"), rules=("R-A-01", "R-B-02"))
REASON = {
    "code": "cds-not-applicable",
    "system": "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes",
}
OVERRIDDEN = {"card": "c1", "outcome": "overridden", "outcomeTimestamp": "2026-03-18T09:30:00Z"}
ACCEPTED = OVERRIDDEN | {"outcome": "accepted", "acceptedSuggestions": [{"id": "s1"}]}


class Listed:
    """A journal in a list, with the cards that count as ours."""

    def __init__(self, *, failing=False):
        self.cards = []
        self.outcomes = []
        self.failing = failing

    async def keep(self, entries):
        if self.failing:
            raise JournalUnavailable("x")
        self.cards += [entry for entry in entries if isinstance(entry, Issued)]

    async def report(self, outcomes):
        if self.failing:
            raise JournalUnavailable("The journal could not be written; send the feedback again later.")
        self.outcomes += outcomes
        return sum(one.card in {card.card for card in self.cards} for one in outcomes)

    async def close(self):
        self.cards = []


class Unforeseen(Listed):
    async def keep(self, _entries):
        raise RuntimeError("canary")


def browser(journal):
    async def answer(_request, _fetch_missing):
        return (CARD,)

    services = tuple(
        (Service(name, "patient-view", "Title", "Description"), {}) for name in ("a-service", "another-service")
    )
    deployment = Deployment(
        settings=Settings(profile="sandbox"),
        services=services,
        answer=answer,
        version={"software": "0"},
        journal=journal,
    )
    return TestClient(assemble(deployment))


@pytest.fixture
def journal():
    return Listed()


@pytest.fixture
def send(journal):
    """Posts items as one batch."""
    web = browser(journal)

    def post(*items, **changes):
        return web.post(PATH, json={"feedback": list(items)} | changes)

    return post


def fault(response):
    [issue] = response.json()["issue"]
    return response.status_code, issue.get("expression", [""])[0]


# ---------------------------------------------------------------- shapes


def test_what_is_kept_is_acknowledged_with_an_empty_object(send, journal):
    response = send(OVERRIDDEN | {"overrideReason": {"reason": REASON, "userComment": "she has had it for years"}})

    assert (response.status_code, response.json()) == (200, {})
    [kept] = journal.outcomes
    assert (kept.card, kept.outcome, kept.reason, kept.comment) == (
        "c1",
        "overridden",
        "cds-not-applicable",
        "she has had it for years",
    )
    assert kept.at == datetime(2026, 3, 18, 9, 30, tzinfo=UTC)


def test_an_accepted_suggestion_is_kept_by_its_id(send, journal):
    assert send(ACCEPTED).status_code == 200

    assert journal.outcomes[0].suggestions == ("s1",)


@pytest.mark.parametrize("body", [[OVERRIDDEN], OVERRIDDEN, {"feedback": OVERRIDDEN}, {}, [], "x"])
def test_the_body_is_an_object_with_a_list(journal, body):
    assert browser(journal).post(PATH, json=body).status_code == 400


def test_a_body_that_is_no_json_is_a_bad_request(journal):
    response = browser(journal).post(PATH, content="{", headers={"content-type": "application/json"})

    assert response.status_code == 400


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({}, "outcome"),
        ("canary", ""),
        (OVERRIDDEN | {"card": None}, ".card"),
        (OVERRIDDEN | {"card": 5}, ".card"),
        (OVERRIDDEN | {"card": ""}, ".card"),
        (OVERRIDDEN | {"outcome": "ignored"}, ".outcome"),
        (OVERRIDDEN | {"outcome": None}, ".outcome"),
        (OVERRIDDEN | {"outcomeTimestamp": None}, ".outcomeTimestamp"),
        (OVERRIDDEN | {"outcomeTimestamp": "yesterday"}, ".outcomeTimestamp"),
        (OVERRIDDEN | {"outcomeTimestamp": "2026-03-18"}, ".outcomeTimestamp"),
        (OVERRIDDEN | {"outcomeTimestamp": "2026-13-18T09:30:00Z"}, ".outcomeTimestamp"),
        (OVERRIDDEN | {"outcomeTimestamp": "0001-01-01T00:00:00+14:00"}, ".outcomeTimestamp"),
        (OVERRIDDEN | {"overrideReason": "canary"}, ".overrideReason"),
        (OVERRIDDEN | {"overrideReason": {"reason": "canary"}}, ".overrideReason.reason"),
        (OVERRIDDEN | {"overrideReason": {"userComment": 5}}, ".overrideReason.userComment"),
        (ACCEPTED | {"acceptedSuggestions": None}, ".acceptedSuggestions"),
        (ACCEPTED | {"acceptedSuggestions": []}, ".acceptedSuggestions"),
        (ACCEPTED | {"acceptedSuggestions": {"id": "s1"}}, ".acceptedSuggestions"),
        (ACCEPTED | {"acceptedSuggestions": [{}]}, ".acceptedSuggestions[0].id"),
        (ACCEPTED | {"acceptedSuggestions": [{"id": "s1"}, "s2"]}, ".acceptedSuggestions[1]"),
    ],
)
def test_a_wrong_item_is_named_by_its_index_and_nothing_is_kept(send, journal, item, field):
    response = send(OVERRIDDEN, item)

    status, named = fault(response)
    assert status == 400
    assert named.startswith("feedback[1]")
    assert named.endswith(field)
    assert "canary" not in response.text
    assert journal.outcomes == []


@pytest.mark.parametrize(
    ("given_reason", "kept"),
    [
        ({"overrideReason": {"reason": REASON | {"display": "No"}}}, "cds-not-applicable"),
        ({"overrideReason": {"reason": REASON}}, "cds-not-applicable"),
        ({"overrideReason": REASON}, "cds-not-applicable"),
        ({"overrideReason": {"userComment": "x"}}, ""),
        ({"overrideReason": {"reason": None, "userComment": None}}, ""),
        ({"overrideReason": {}}, ""),
        ({"overrideReason": None}, ""),
        ({}, ""),
        ({"acceptedSuggestions": []}, ""),
        ({"extension": {"org.example": 1}}, ""),
    ],
)
def test_reasons_are_taken_as_they_are_sent(send, journal, given_reason, kept):
    assert send(OVERRIDDEN | given_reason).status_code == 200

    assert kept == journal.outcomes[0].reason


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-18T09:30:00Z",
        "2026-03-18T09:30:00.000Z",
        "2026-03-18T09:30:00.000000000Z",
        "2026-03-18T09:30:00+00:00",
        "2026-03-18T10:30:00+01:00",
        "2026-03-18t09:30:00z",
        "2026-03-18T09:30:00",
    ],
)
def test_times_of_feedback_are_read_as_utc(send, journal, written):
    assert send(OVERRIDDEN | {"outcomeTimestamp": written}).status_code == 200

    assert journal.outcomes[0].at == datetime(2026, 3, 18, 9, 30, tzinfo=UTC)


def test_a_hundred_cards_in_one_batch(send, journal):
    assert send(*(OVERRIDDEN | {"card": f"c{n}"} for n in range(100))).status_code == 200

    assert len(journal.outcomes) == 100


LONG = "x" * 65


@pytest.mark.parametrize(
    "items",
    [
        [OVERRIDDEN | {"card": LONG}],
        [OVERRIDDEN | {"overrideReason": {"reason": REASON | {"code": LONG}}}],
        [ACCEPTED | {"acceptedSuggestions": [{"id": LONG}]}],
        [ACCEPTED | {"acceptedSuggestions": [{"id": "s"}] * 51}],
        [OVERRIDDEN] * 1001,
    ],
    ids=["card", "reason", "suggestion", "suggestions", "items"],
)
def test_what_could_only_fill_the_disk_is_refused(send, journal, items):
    assert send(*items).status_code == 400

    assert journal.outcomes == []


def test_a_long_comment_is_cut_and_costs_nothing_else(send, journal):
    assert send(OVERRIDDEN | {"overrideReason": {"userComment": "é" * 5000}}).status_code == 200

    assert len(journal.outcomes[0].comment) == 2000


def test_no_item_at_all_is_no_fault(send):
    assert send().status_code == 200


@pytest.mark.parametrize("path", ["/cds-services/other/feedback", "/cds-services/feedback"])
def test_there_is_no_feedback_about_a_service_that_is_not_ours(journal, path):
    assert browser(journal).post(path, json={"feedback": [OVERRIDDEN]}).status_code == 404


def test_the_address_with_a_slash_more_is_the_same(journal):
    assert (
        browser(journal).post("/cds-services//a-service/feedback", json={"feedback": [OVERRIDDEN]}).status_code
        == 200
    )


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(ACCEPTED)), inner, max_size=4)
        ),
        max_leaves=8,
    )
)
@settings(max_examples=60, deadline=None)
def test_no_body_is_a_fault_of_ours(body):
    for sent in (body, {"feedback": body}, {"feedback": [ACCEPTED | {"overrideReason": body}]}):
        response = browser(Listed()).post(
            PATH, content=json.dumps(sent), headers={"content-type": "application/json"}
        )
        assert response.status_code in {200, 400}


# ---------------------------------------------------------------- what went out


def test_a_card_that_went_out_is_kept_with_its_rules_and_nothing_of_the_patient(journal):
    response = browser(journal).post("/cds-services/a-service", json=CALL)

    [kept] = journal.cards
    assert kept.card == response.json()["cards"][0]["uuid"]
    assert (kept.service, kept.rules) == ("a-service", ("R-A-01", "R-B-02"))
    assert "p1" not in repr(kept)


@pytest.mark.parametrize("broken", [Listed(failing=True), Unforeseen()])
def test_a_journal_that_fails_changes_no_answer(broken):
    stream = io.StringIO()
    configure_logging(stream)
    try:
        response = browser(broken).post("/cds-services/a-service", json=CALL)
    finally:
        structlog.reset_defaults()

    assert response.status_code == 200
    assert len(response.json()["cards"]) == 1
    assert '"call_not_kept"' in stream.getvalue()
    assert "canary" not in stream.getvalue()


def test_what_could_not_be_kept_is_not_acknowledged():
    response = browser(Listed(failing=True)).post(PATH, json={"feedback": [OVERRIDDEN]})

    assert response.status_code == 503
    assert response.json()["issue"][0]["code"] == "transient"


def test_the_comment_is_neither_logged_nor_shown(journal):
    stream = io.StringIO()
    configure_logging(stream)
    try:
        item = OVERRIDDEN | {"card": "canary card", "overrideReason": {"userComment": "canary"}}
        response = browser(journal).post(PATH, json={"feedback": [item]})
    finally:
        structlog.reset_defaults()

    assert response.status_code == 200
    assert '"feedback"' in stream.getvalue()
    assert "canary" not in stream.getvalue() + response.text + repr(journal.outcomes).replace("canary card", "")


def test_without_a_journal_feedback_has_no_address():
    assert browser(None).post(PATH, json={"feedback": [OVERRIDDEN]}).status_code == 404
    assert browser(None).post("/cds-services/a-service", json=CALL).status_code == 200


# ---------------------------------------------------------------- through the whole way, on a real file


@pytest.fixture
def real(tmp_path):
    """The service with a journal on a file, and what the file holds."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'journal.sqlite'}"
    with browser(OpenedLater(url, keep_comments=False)) as web:
        yield web, tmp_path / "journal.sqlite"


def rows(path, columns="card, matched"):
    with closing(sqlite3.connect(path)) as file:
        return file.execute(f"SELECT {columns} FROM feedback ORDER BY card").fetchall()


def test_feedback_about_a_card_of_ours_counts_and_about_any_other_does_not(real):
    web, path = real
    card = web.post("/cds-services/a-service", json=CALL).json()["cards"][0]["uuid"]
    unknown = "0" * 36

    assert web.post(PATH, json={"feedback": [OVERRIDDEN | {"card": card}, OVERRIDDEN | {"card": unknown}]})
    foreign = web.post("/cds-services/another-service/feedback", json={"feedback": [ACCEPTED | {"card": card}]})

    assert foreign.status_code == 200
    assert sorted(rows(path)) == sorted([(card, 1), (unknown, 0), (card, 0)])


def test_saying_it_again_is_saying_it_once(real):
    web, path = real
    item = OVERRIDDEN | {"overrideReason": {"reason": REASON, "userComment": "canary"}}
    changed = item | {"outcomeTimestamp": "2026-03-18T09:31:00Z"}

    for batch in ([item], [item, item], [item, changed], [changed]):
        assert web.post(PATH, json={"feedback": batch}).status_code == 200

    assert len(rows(path)) == 2
    assert rows(path, "comment, comment_length") == [(None, 6), (None, 6)]
    assert b"canary" not in path.read_bytes()


def test_the_journal_is_closed_with_the_service(journal):
    journal.cards = [1]
    with browser(journal):
        pass

    assert journal.cards == []
    assert json.dumps(journal.outcomes) == "[]"
    assert asyncio.run(journal.report([])) == 0
