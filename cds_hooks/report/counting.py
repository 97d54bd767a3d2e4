"""Counting: lines of the journal in, a report out. Each call is looked at once and then forgotten."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from cds_hooks.journal.entries import Call
from cds_hooks.journal.reading import Opinion, Unknown
from cds_hooks.report.numbers import Point, Report, RuleRecord

_ANSWERED = 200
_BY_DAY_UP_TO = timedelta(days=62)
_SHARES = (0.5, 0.95, 0.99)


class Counting:
    """What is counted between two instants. `asked`: (digest, hook) -> rules that were asked there."""

    def __init__(self, since: datetime, until: datetime, asked: Mapping[tuple[str, str], Sequence[str]]) -> None:
        self._since = since
        self._until = until
        self._asked = asked
        self._starts = stretches(since, until)
        self._statuses: Counter[int] = Counter()
        self._calls: Counter[tuple[str, str, int]] = Counter()  # digest, hook, stretch
        self._glances: Counter[tuple[str, str]] = Counter()  # digest, hook
        self._with_card: Counter[int] = Counter()
        self._met: Counter[tuple[str, int]] = Counter()  # rule, stretch
        self._hows: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._tiers: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._last: dict[str, int] = {}
        self._asked_at_last: dict[str, int] = {}
        self._so_far: Counter[str] = Counter()  # rule -> calls in which it was asked
        self._asked_before: Counter[str] = Counter()
        self._met_before: Counter[str] = Counter()
        self._unknown: Counter[str] = Counter()
        self._open: Counter[tuple[str, str]] = Counter()
        self._gaps: Counter[str] = Counter()
        self._cards: Counter[tuple[str, str]] = Counter()
        self._mapped: Counter[str] = Counter()
        self._entries: Counter[str] = Counter()
        self._knowledge: Counter[tuple[str, str, str]] = Counter()
        self._ms: list[float] = []
        self._silent = 0

    def add(self, call: Call) -> None:
        """Nothing; the call is counted. Calls come oldest first.

        One from before the time tells how often rules used to be met, and nothing else: without it a rule that
        fell silent would be forgotten as soon as its last firing is older than the report.
        """
        if call.at < self._since:
            self._add_earlier(call)
            return
        self._statuses[call.status] += 1
        if call.status != _ANSWERED:
            return
        stretch = bisect_right(self._starts, call.at) - 1
        self._calls[call.digest, call.hook, stretch] += 1
        self._glances[call.digest, call.hook] += not call.skin_bleeding
        self._so_far.update(self._asked.get((call.digest, call.hook), ()))
        self._add_rules(call, stretch)
        self._cards.update((made.indicator, made.how) for made in call.cards)
        self._with_card[stretch] += any(made.how == "shown" for made in call.cards)
        self._open.update(call.open.items())
        self._gaps.update(call.gaps)
        self._mapped.update({kind: mapped for kind, (mapped, _) in call.entries.items()})
        self._entries.update({kind: total for kind, (_, total) in call.entries.items()})
        self._knowledge[call.knowledge, call.released, call.digest] += 1
        self._ms.append(call.ms)
        self._silent += call.mode == "silent"

    def _add_earlier(self, call: Call) -> None:
        if call.status == _ANSWERED:
            self._asked_before.update(self._asked.get((call.digest, call.hook), ()))
            self._met_before.update(met.rule for met in call.present)

    def report(self, opinions: Iterable[Opinion], unknown: Iterable[Unknown]) -> Report:
        """Everything that was counted, with what users made of cards and the codes that nobody knew."""
        said = [*opinions]
        overridden = [one for one in said if one.outcome == "overridden"]
        return Report(
            since=self._since,
            until=self._until,
            statuses=dict(self._statuses),
            calls=self._points(self._all_calls(), self._with_card),
            rules=self._rules(said),
            cards=dict(self._cards),
            latencies=_latencies(self._ms),
            why_unknown=tuple((name, why, count) for (name, why), count in self._open.most_common()),
            gaps=dict(self._gaps.most_common()),
            entries={kind: (self._mapped[kind], total) for kind, total in self._entries.items()},
            unmapped=tuple((one.kind, one.system, one.code, one.seen) for one in unknown),
            outcomes=dict(Counter(one.outcome for one in said)),
            reasons=tuple(Counter(one.reason for one in overridden).most_common()),
            knowledge=tuple((*which, count) for which, count in self._knowledge.most_common()),
            silent_calls=self._silent,
        )

    def _add_rules(self, call: Call, stretch: int) -> None:
        for met in call.present:
            self._met[met.rule, stretch] += 1
            self._hows[met.rule][met.how] += 1
            self._tiers[met.rule][met.tier] += 1
            self._asked_at_last[met.rule] = self._so_far[met.rule]
        self._unknown.update(call.unknown)

    def _all_calls(self) -> Counter[int]:
        total: Counter[int] = Counter()
        for (_, _, stretch), count in self._calls.items():
            total[stretch] += count
        return total

    def _points(self, calls: Mapping[int, int], met: Mapping[int, int]) -> tuple[Point, ...]:
        return tuple(
            Point(start, calls.get(number, 0), met.get(number, 0)) for number, start in enumerate(self._starts)
        )

    def _rules(self, said: Iterable[Opinion]) -> tuple[RuleRecord, ...]:
        by_rule: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for one in said:
            for rule in one.rules:
                by_rule[rule][one.outcome] += 1
        asked: defaultdict[str, Counter[int]] = defaultdict(Counter)
        for (digest, hook, stretch), count in self._calls.items():
            for rule in self._asked.get((digest, hook), ()):
                asked[rule][stretch] += count
        glanced: Counter[str] = Counter()
        for which, count in self._glances.items():
            glanced.update(dict.fromkeys(self._asked.get(which, ()), count))
        records = (
            replace(self._record(rule, asked[rule], by_rule[rule]), glanced=glanced[rule]) for rule in asked
        )
        return tuple(sorted(records, key=lambda record: (-record.met, record.rule)))

    def _record(self, rule: str, asked: Mapping[int, int], said: Mapping[str, int]) -> RuleRecord:
        met = {stretch: self._met[rule, stretch] for stretch in range(len(self._starts))}
        at_last, so_far = self._asked_at_last.get(rule, 0), self._so_far[rule]
        return RuleRecord(
            rule=rule,
            points=self._points(asked, met),
            hows=dict(self._hows[rule]),
            tiers=dict(self._tiers[rule]),
            unknown=self._unknown[rule],
            accepted=said.get("accepted", 0),
            overridden=said.get("overridden", 0),
            expected_since=sum(met.values()) / at_last * (so_far - at_last) if at_last else self._expected(rule),
        )

    def _expected(self, rule: str) -> float:
        """Of a rule that was not met: firings that should have come, going by the time before."""
        before = self._asked_before[rule]
        return self._met_before[rule] / before * self._so_far[rule] if before else 0.0


def stretches(since: datetime, until: datetime) -> tuple[datetime, ...]:
    """Where days begin, over a long time weeks; the first begins with the time itself."""
    step = timedelta(days=1) if until - since <= _BY_DAY_UP_TO else timedelta(weeks=1)
    starts = [since]
    while starts[-1] + step < until:
        starts.append(starts[-1] + step)
    return tuple(starts)


def _latencies(ms: Iterable[float]) -> tuple[float, ...]:
    ordered = sorted(ms)
    if not ordered:
        return ()
    last = len(ordered) - 1
    return (*(ordered[round(share * last)] for share in _SHARES), ordered[-1])
