"""A rule that fails leaves what it looks for unknown, with a gap; everything that does not rest on it goes on."""

import asyncio
import io
import json
from dataclasses import replace

import structlog

from cds_hooks.books import Books
from cds_hooks.cards.compose import Voice
from cds_hooks.guard.privacy import configure_logging
from cds_hooks.ledger import Spoken, Visit
from cds_hooks.model.findings import Sign
from cds_hooks.model.results import GapReason
from cds_hooks.reasoning.library import load
from cds_hooks.service import advise_on
from tests.build import AT, observed, platelets, record

LIBRARY = load()
CHART = record(observed("petechiae"), platelets("5"))


def faulty(*findings):
    """The library with findings that fail as soon as they are asked for."""
    never = Sign(("petechiae",), observed_within="no length of time")
    broken = {name: replace(LIBRARY.findings[name], sign=never, when=None) for name in findings}
    return replace(LIBRARY, findings={**LIBRARY.findings, **broken})


def test_the_other_rules_speak_and_the_card_says_what_could_not_be_worked_out():
    as_ever = advise_on(CHART, LIBRARY, AT, Voice())
    told = advise_on(CHART, faulty("fever"), AT, Voice())

    assert [card.summary for card in told.cards] == [card.summary for card in as_ever.cards]
    assert "Fever: could not be worked out: a fault of this service" in told.cards[0].detail
    assert [gap.reason for gap in told.assessment.gaps if gap.essential] == [GapReason.NOT_WORKED_OUT]


def test_where_nothing_else_speaks_silence_is_broken():
    (card,) = advise_on(record(observed("petechiae")), faulty(LIBRARY.card.gate), AT, Voice()).cards

    assert "could not be" in card.summary
    assert "could not be worked out" in card.detail


def test_it_is_counted_and_logged():
    stream = io.StringIO()
    configure_logging(stream)
    books, visit = Books(library=LIBRARY), Visit("petechiae-patient-view", "patient-view", "a", AT, 1.0)
    advice = advise_on(CHART, faulty("fever"), AT, Voice())
    asyncio.run(books.keep(visit, Spoken(advice.cards, ("shown",) * len(advice.cards), advice), ()))
    structlog.reset_defaults()

    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["rule_failed"]
    assert 'pinpoint_gaps_total{kind="could not be worked out"} 1.0' in books.tally.text()[0].decode()
