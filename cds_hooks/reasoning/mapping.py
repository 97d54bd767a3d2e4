"""find: PatientRecord -> Findings. Each finding is worked out when it is first asked for, and once.

A chart without skin bleeding asks for a handful of findings, so most charts cost little; on any chart most
findings look for what is not there, and are known beforehand. The answer is a function of (record, library, at)
whatever the order of asking.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache

from msgspec.structs import replace

from cds_hooks.chart.record import PatientRecord
from cds_hooks.model.findings import FindingRule, Person
from cds_hooks.model.library import Library
from cds_hooks.model.results import Evidence, Finding, Gap, GapReason, ScoreRange
from cds_hooks.model.truth import AnyOf, Expression, Span, Truth
from cds_hooks.reasoning.answers import find_answer
from cds_hooks.reasoning.caution import is_narrative
from cds_hooks.reasoning.descriptions import with_described
from cds_hooks.reasoning.entries import Chart, sort_entries
from cds_hooks.reasoning.logic import SCORE_PREFIX, all_of, parsed_key, relied_on, weighed
from cds_hooks.reasoning.measures import age_holds, find_measure, find_trend
from cds_hooks.reasoning.medicines import Medicines, find_medicine, identify
from cds_hooks.reasoning.narrative import with_narrative
from cds_hooks.reasoning.proposed import find_proposed
from cds_hooks.reasoning.results import Window, window_of
from cds_hooks.reasoning.scores import reaches, score_range
from cds_hooks.reasoning.signs import find_sign
from cds_hooks.reasoning.since import find_since
from cds_hooks.reasoning.times import is_ahead
from cds_hooks.reasoning.unclear import with_unclear
from cds_hooks.reasoning.untouched import NOTHING_CHARTED, of_entries_alone, touched

_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)
"""An empty chart says the same at every time."""

_AHEAD = "dated in the future"


class Findings(Mapping[str, Finding]):
    """Every finding of the library for one chart, by id."""

    def __init__(self, chart: Chart, known: Mapping[str, Finding]) -> None:
        """`known` are findings of this chart that need not be worked out."""
        self._library = chart.library
        self._chart = chart
        self._medicines: Medicines | None = None
        self._known = dict(known)
        self._scores: dict[str, ScoreRange] = {}
        self._failed: list[Gap] = []

    def __getitem__(self, finding_id: str) -> Finding:
        known = self._known.get(finding_id)
        if known is None:
            known = self._known[finding_id] = self._guarded(self._library.findings[finding_id])
        return known

    def __iter__(self) -> Iterator[str]:
        return iter(self._library.findings)

    def __len__(self) -> int:
        return len(self._library.findings)

    def truth_of(self, name: str) -> Truth:
        """Truth of one finding, or of `score >= limit` by its key (logic.score_key); asked very often."""
        known = self._known.get(name)
        return self._worked_out(name) if known is None else known.truth

    def score(self, score_id: str) -> ScoreRange:
        """The range of one score, worked out once."""
        known = self._scores.get(score_id)
        if known is None:
            rule = self._library.scores[score_id]
            known = score_range(rule, self.truth_of, self._window, self._library)
            self._scores[score_id] = known
        return known

    @property
    def worked_out_scores(self) -> tuple[ScoreRange, ...]:
        """The scores that rules have asked for so far, by id."""
        return tuple(self._scores[score_id] for score_id in sorted(self._scores))

    @property
    def medicines(self) -> Medicines:
        """The chart's medicines by ingredient; identified once."""
        if self._medicines is None:
            self._medicines = identify(self._chart.record, self._library)
        return self._medicines

    @property
    def failed(self) -> tuple[Gap, ...]:
        """An essential gap for each finding so far that could not be worked out."""
        return tuple(self._failed)

    @property
    def set_aside(self) -> tuple[Gap, ...]:
        """Mentions in sentences of the chart that count neither as there nor as denied."""
        return self._chart.set_aside

    def _worked_out(self, name: str) -> Truth:
        if name.startswith(SCORE_PREFIX):
            score_id, limit = parsed_key(name)
            return reaches(self.score(score_id), limit)
        return self[name].truth

    def _window(self, concept: str, within: Span) -> Window:
        return window_of(concept, within, self._chart)

    def _guarded(self, rule: FindingRule) -> Finding:
        """The finding; one whose rule fails is unknown, so that all that does not rest on it goes on."""
        try:
            return self._find(rule)
        except Exception:  # noqa: BLE001  # whatever it is: one faulty rule must not silence the others
            gap = Gap(rule.name, GapReason.NOT_WORKED_OUT, essential=True)
            self._failed.append(gap)
            return Finding(rule.id, Truth.UNKNOWN, gaps=(gap,))

    def _find(self, rule: FindingRule) -> Finding:
        found = self._by_test(rule)
        if rule.when is None and any(_is_told_ahead(item, self._chart.at) for item in found.evidence):
            found = replace(found, evidence=tuple(_told_if_ahead(item, self._chart.at) for item in found.evidence))
        others = (self[name] for name in rule.unless) if found.truth is not Truth.ABSENT else ()
        for other in others:
            if other.truth is Truth.PRESENT and _takes_back(other, found, rule):
                return Finding(rule.id, Truth.ABSENT, evidence=other.evidence, gaps=found.gaps)
        return found

    def _by_test(self, rule: FindingRule) -> Finding:
        if rule.sign is not None:
            return find_sign(rule, rule.sign, self._chart)
        if rule.measure is not None:
            return find_measure(rule, rule.measure, self._chart)
        if rule.answer is not None:
            return find_answer(rule, rule.answer, self._chart)
        if rule.trend is not None:
            return find_trend(rule, rule.trend, self._chart)
        if rule.since is not None:
            return find_since(rule, rule.since, self[rule.since.after], self._chart)
        return self._by_medicine_or_person(rule)

    def _by_medicine_or_person(self, rule: FindingRule) -> Finding:
        if rule.medication is not None:
            find_it = find_proposed if rule.medication.proposed else find_medicine
            return find_it(rule, rule.medication, self.medicines, self._chart)
        if rule.person is not None:
            return Finding(rule.id, _person(rule.person, self._chart))
        return self._derived(rule, rule.when or AnyOf(()))

    def _derived(self, rule: FindingRule, expression: Expression) -> Finding:
        answer, unknown = weighed(expression, self.truth_of)
        if answer is Truth.UNKNOWN:
            parts = self._named(unknown)
            gaps = tuple(dict.fromkeys(gap for part in parts for gap in part.gaps))
            return Finding(rule.id, answer, gaps=gaps)
        parts = self._named(relied_on(expression, self.truth_of))
        evidence = tuple(dict.fromkeys(item for part in parts for item in part.evidence))
        gaps = tuple(dict.fromkeys(gap for part in parts for gap in part.gaps))
        begun = [part.since for part in parts if part.since is not None]
        return Finding(rule.id, answer, evidence=evidence, gaps=gaps, since=min(begun, default=None))

    def _named(self, names: Iterable[str]) -> list[Finding]:
        return [self[name] for name in names if not name.startswith(SCORE_PREFIX)]


def find(record: PatientRecord, library: Library, at: datetime) -> Findings:
    """The findings of a chart at an instant. Unknown where the chart does not tell, with the gaps."""
    chart = charted(record, library, at)
    known = dict(_of_an_empty_chart(library))
    for name in touched(chart):
        known.pop(name, None)
    return Findings(chart, known)


def charted(record: PatientRecord, library: Library, at: datetime) -> Chart:
    """The entries of a chart by what they stand for: named, described, told in sentences, or left unclear."""
    return with_unclear(with_narrative(with_described(sort_entries(record, library, at))))


@lru_cache(maxsize=20)
def _of_an_empty_chart(library: Library) -> Mapping[str, Finding]:
    """What the findings say that look at entries alone, where there are none; the same for every patient."""
    nothing = Findings(Chart(NOTHING_CHARTED, library, _ANY_TIME, {}, {}), {})
    found = {name: nothing[name] for name in of_entries_alone(library)}
    failed = frozenset(nothing.failed)
    return {name: finding for name, finding in found.items() if failed.isdisjoint(finding.gaps)}


def _told_if_ahead(item: Evidence, at: datetime) -> Evidence:
    """The line, which says when its entry is dated later than clocks differ: it counts, but may be wrong."""
    return replace(item, flags=(*item.flags, _AHEAD)) if _is_told_ahead(item, at) else item


def _is_told_ahead(item: Evidence, at: datetime) -> bool:
    dated = item.at or item.since
    return dated is not None and is_ahead(dated, at)


def _takes_back(other: Finding, found: Finding, rule: FindingRule) -> bool:
    """Whether a finding that may be there is absent because the other one is there.

    One that is built is by its definition. An entry is by what was recorded as late and as surely. Of what is
    unknown only a sign is, and only when no entry of it is left unread: somebody looked. A number that nobody
    has is not denied by what would have spoiled it.
    """
    if rule.when is not None:
        return True
    if found.truth is Truth.UNKNOWN and (rule.sign is None or found.gaps):
        return False
    return not (_is_older(other, found) or _is_weaker(other, found))


def _is_older(other: Finding, found: Finding) -> bool:
    """True when everything that would take an entry back was recorded before it: yesterday's clumps say
    nothing about today's count. What carries no time (a medicine in use) is not older.
    """
    theirs = [item.at.latest for item in other.evidence if item.at is not None]
    ours = [item.at.earliest for item in found.evidence if item.at is not None]
    return bool(theirs) and bool(ours) and max(theirs) < max(ours)


def _is_weaker(other: Finding, found: Finding) -> bool:
    """True when only sentences say what would take back an entry that is coded or measured."""
    return is_narrative(other.evidence) and not is_narrative(found.evidence)


def _person(test: Person, chart: Chart) -> Truth:
    patient = chart.record.patient
    if test.deceased:
        return Truth.PRESENT if patient.deceased else Truth.ABSENT
    if test.age_unknown:
        return Truth.PRESENT if patient.born is None else Truth.ABSENT
    answers = []
    if test.age is not None:
        answers.append(age_holds(test.age, patient.born, chart.at))
    if test.sex:
        same = Truth.PRESENT if patient.sex == test.sex else Truth.ABSENT
        answers.append(same if patient.sex else Truth.UNKNOWN)
    return all_of(answers)
