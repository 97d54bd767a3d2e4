"""A call, its cards and feedback as entries of the journal. What a card says, and whom it is about, stays out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from itertools import chain
from uuid import uuid4

from cds_hooks.cards.feedback import Feedback
from cds_hooks.cards.wire import Card
from cds_hooks.journal.entries import Call, How, Issued, Made, Met, Outcome, Unmapped
from cds_hooks.model.criteria import Cause, Criterion, Status
from cds_hooks.model.library import Library
from cds_hooks.model.results import Assessment, Match
from cds_hooks.model.truth import Truth
from cds_hooks.reasoning.asked import is_asked
from cds_hooks.reasoning.coverage import KINDS, coverage
from cds_hooks.reasoning.logic import SCORE_PREFIX, parsed_key
from cds_hooks.service import Advice

_ANSWERED = 200
_NOT_RECORDED = "not recorded"
_TRUTHS = {Truth.PRESENT: "present", Truth.ABSENT: "absent", Truth.UNKNOWN: "unknown"}


@dataclass(frozen=True, slots=True)
class Visit:
    """The outside of a call: who called which service when, and how it went."""

    service: str
    hook: str
    client: str
    at: datetime
    ms: float
    status: int = 200


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a call came to: every card with its uuid, and what becomes of each."""

    cards: tuple[Card, ...]
    hows: tuple[How, ...]
    advice: Advice | None = None
    """None where nothing was judged."""

    @property
    def shown(self) -> tuple[Card, ...]:
        """The cards that go out."""
        return tuple(card for card, how in zip(self.cards, self.hows, strict=True) if how == "shown")

    @property
    def unsent(self) -> Spoken:
        """The same, when nobody was there any more to hear it."""
        hows: list[How] = ["unsent" if how == "shown" else how for how in self.hows]
        return replace(self, hows=tuple(hows))


def call_of(visit: Visit, spoken: Spoken, versions: Mapping[str, str], mode: str, library: Library | None) -> Call:
    """The line of a call. Without advice, or without a library, it tells of the outside only.

    An answer at a glance is one without advice: it asked the rules of its hook, and met none. They are named, for
    a rule that never speaks again would else not be missed while all calls are of that kind.
    """
    is_at_a_glance = spoken.advice is None and visit.status == _ANSWERED
    outside = Call(
        id=str(uuid4()),
        at=visit.at,
        client=visit.client,
        hook=visit.hook,
        service=visit.service,
        status=visit.status,
        ms=visit.ms,
        software=versions.get("software", ""),
        knowledge=versions.get("knowledge", ""),
        released=versions.get("released", ""),
        digest=versions.get("digest", ""),
        mode=mode,
        cards=tuple(Made(card.uuid, card.indicator, how) for card, how in _with_hows(spoken)),
        rules=_asked(visit.hook, library) if is_at_a_glance and library else (),
    )
    return (
        outside if spoken.advice is None or library is None else _judged(outside, spoken, spoken.advice, library)
    )


def issued(visit: Visit, spoken: Spoken) -> tuple[Issued, ...]:
    """The cards that went out."""
    return tuple(Issued(card.uuid, visit.service, visit.client, card.rules, visit.at) for card in spoken.shown)


def outcomes(items: Iterable[Feedback], service: str, client: str, at: datetime) -> tuple[Outcome, ...]:
    """What users made of cards."""
    return tuple(
        Outcome(
            item.card,
            service,
            client,
            item.outcome,
            item.at,
            received=at,
            suggestions=item.accepted,
            reason=item.reason,
            comment=item.comment,
        )
        for item in items
    )


def _judged(outside: Call, spoken: Spoken, advice: Advice, library: Library) -> Call:
    assessment = advice.assessment
    matches = (*assessment.criteria, *assessment.causes)
    seen = coverage([advice.record], library, only_unread=True)
    unread = (one for one in seen.codes if one.seen.code)
    return replace(
        outside,
        skin_bleeding=_TRUTHS[assessment.skin_bleeding],
        rules=tuple(match.rule for match in matches),
        present=tuple(_met(matches, spoken, library)),
        unknown=tuple(match.rule for match in matches if match.truth is Truth.UNKNOWN),
        open=dict(_open(matches, assessment, library)),
        gaps=Counter(gap.reason.value for gap in assessment.gaps for _ in range(gap.count)),
        entries={kind: (seen.mapped(kind), seen.total(kind)) for kind in KINDS},
        unmapped=tuple(Unmapped(one.seen.kind, one.seen.system, one.seen.code, one.unread) for one in unread),
    )


@lru_cache(maxsize=20)
def _asked(hook: str, library: Library) -> tuple[str, ...]:
    rules: tuple[Criterion | Cause, ...] = (*library.criteria.values(), *library.causes.values())
    return tuple(rule.id for rule in rules if is_asked(rule, hook))


def _with_hows(spoken: Spoken) -> Iterator[tuple[Card, How]]:
    yield from zip(spoken.cards, spoken.hows, strict=True)


def _met(matches: Iterable[Match], spoken: Spoken, library: Library) -> Iterator[Met]:
    on_cards: dict[str, How] = {rule: how for card, how in _with_hows(spoken) for rule in card.rules}
    for match in matches:
        if match.truth is Truth.PRESENT:
            tier = match.tier.value if match.tier else ""
            silent = _status(match.rule, library) == "silent"
            yield Met(match.rule, tier, "silent" if silent else on_cards.get(match.rule, "held"))


def _status(rule: str, library: Library) -> Status:
    return (library.criteria.get(rule) or library.causes[rule]).status


def _open(matches: Sequence[Match], assessment: Assessment, library: Library) -> Iterator[tuple[str, str]]:
    """What left rules unknown: the findings that would settle them, or the skin finding that all wait for."""
    unknown = [match for match in matches if match.truth is Truth.UNKNOWN]
    names = dict.fromkeys(chain.from_iterable(match.would_settle or (library.card.gate,) for match in unknown))
    for name in names:
        if name.startswith(SCORE_PREFIX):
            yield parsed_key(name)[0], "score open"
        else:
            gaps = assessment.findings[name].gaps
            yield name, gaps[0].reason.value if gaps else _NOT_RECORDED
