"""screen: which entries could make a rule speak, so that charts without one need not be assessed.

A rule that needs skin bleeding speaks only when some entry names it. The others speak only when an entry names
or measures what they ask for. What one entry names is found out by the same steps as in a whole chart, once for
each way of writing it. In doubt an entry may speak; the chart is then assessed in full.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

import msgspec
from msgspec import UNSET, Raw

from cds_hooks.chart.reader import read
from cds_hooks.chart.record import PatientRecord
from cds_hooks.chart.times import when
from cds_hooks.model.codes import Concept, Limits
from cds_hooks.model.criteria import Cause, Criterion
from cds_hooks.model.findings import FindingRule
from cds_hooks.model.library import Library
from cds_hooks.model.truth import All, AnyOf, AtLeast, Expression, Truth
from cds_hooks.populations.lines import Line, Member
from cds_hooks.populations.owners import patient_of
from cds_hooks.reasoning.codes import meaning
from cds_hooks.reasoning.logic import SCORE_PREFIX
from cds_hooks.reasoning.mapping import charted
from cds_hooks.reasoning.values import Reading, compare, reading

_HOOK: Final = "patient-view"
_FAR: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""Read at this instant no entry is dated in the future."""
_WAYS: Final = 50_000
"""Ways of writing an entry that are remembered; then they are worked out anew."""
_AHEAD: Final = timedelta(days=2)
_STATUS: Final[Mapping[str, bytes]] = {
    "Observation": b"final",
    "Condition": b"",
    "Encounter": b"finished",
    "Procedure": b"completed",
    "Immunization": b"completed",
    "DiagnosticReport": b"final",
    "Flag": b"active",
}
"""Resource types in which a sign, a problem or a result can stand, and the status with which one counts."""
_NAMING: Final = (
    ("code", "code"),
    ("category", "category"),
    ("value_string", "valueString"),
    ("value_codeable_concept", "valueCodeableConcept"),
    ("vaccine_code", "vaccineCode"),
    ("reason_code", "reasonCode"),
    ("reason", "reason"),
    ("conclusion_code", "conclusionCode"),
    ("coded_diagnosis", "codedDiagnosis"),
)
"""Members that decide what an entry is about."""
_CODED: Final = frozenset({"Observation", "Condition", "Flag"})
"""Types in which, without a value in words, the code alone decides."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A measured value that a rule asks for: how long it counts, and its range (None: any value)."""

    within: timedelta
    limits: Limits | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """Concepts of which one must be named, or measured lately and in a range, before any rule speaks."""

    named: frozenset[str] = frozenset()
    measured: Mapping[str, frozenset[Wanted]] = field(default_factory=dict)

    def __or__(self, other: Needs) -> Needs:
        """Either."""
        both = self.measured.keys() | other.measured.keys()
        nothing: frozenset[Wanted] = frozenset()
        measured = {one: self.measured.get(one, nothing) | other.measured.get(one, nothing) for one in both}
        return Needs(self.named | other.named, measured)

    @property
    def cost(self) -> int:
        """How many charts it is likely to let through: what is measured stands in most of them."""
        return len(self.named) + 100 * len(self.measured)


_Speaks: TypeAlias = bool | tuple[tuple[Library, Concept, frozenset[Wanted]], ...]
"""Whether an entry written so may speak; else the measurements as which it may."""


class Screen:
    """Asked for each entry while files are read. Remembers what it found out, so it is made once a process."""

    def __init__(self, libraries: Sequence[Library], since: datetime | None) -> None:
        """`since` is the earliest instant that is judged at; None when any instant can be."""
        needs = [(library, needed(library)) for library in libraries]
        self._needs = [(library, need) for library, need in needs if need is not None]
        self.is_open = len(self._needs) < len(needs)
        """Whether a rule can speak on any chart, so that every chart must be assessed."""
        self._since = since
        self._known: dict[tuple[str | bytes, ...], _Speaks] = {}

    def may_speak(self, line: Line) -> bool:
        """Whether the entry could make a rule speak, or a gap that is said even when nothing else is."""
        if self.is_open or line.resource_type not in _STATUS:
            return self.is_open
        way = _way(line)
        speaks = self._known.get(way)
        if speaks is None:
            if len(self._known) >= _WAYS:
                self._known.clear()
            speaks = self._known[way] = self._worked_out(line)
        if speaks is False:
            return _is_of_another_version(line)
        return speaks is True or any(self._could_hold(line, *measured) for measured in speaks)

    def _could_hold(self, line: Line, library: Library, concept: Concept, wanted: frozenset[Wanted]) -> bool:
        recent = [one.limits for one in wanted if self._is_recent(line, one.within)]
        return bool(recent) and _is_in_one(line, library, concept, recent)

    def _is_recent(self, line: Line, within: timedelta) -> bool:
        moment = line.issued if line.effective_date_time is UNSET else line.effective_date_time
        is_otherwise_dated = line.effective_instant is not UNSET or line.effective_period is not UNSET
        if self._since is None or moment is UNSET or is_otherwise_dated:
            return True
        time = when(bytes(moment).decode(errors="replace").strip('"'))
        return time is None or time.latest >= self._since - within - _AHEAD

    def _worked_out(self, line: Line) -> _Speaks:
        record = _record(line)
        measured = []
        for library, need in self._needs:
            concepts = _concepts(record, library)
            if record.gaps or not concepts.isdisjoint(need.named):
                return True
            found = sorted(concepts & need.measured.keys())
            measured += [(library, library.concepts[one], need.measured[one]) for one in found]
        return tuple(measured) or False


def needed(library: Library) -> Needs | None:
    """What must be named or measured before any rule of the library speaks when a chart is opened.

    None when some rule can speak without any such entry.
    """
    rules: list[Criterion | Cause] = [*library.criteria.values(), *library.causes.values()]
    spoken = [rule for rule in rules if rule.status in {"active", "silent"} and _HOOK in rule.hooks]
    free = (rule.when for rule in spoken if not rule.needs_skin_bleeding)
    need = _either((library.card.gate, *free), library)
    return need and need | Needs(_aspects(library))


def _aspects(library: Library) -> frozenset[str]:
    """Of these several entries together can describe a sign that none of them names."""
    return frozenset(concept.id for concept in library.concepts.values() if concept.kind == "aspect")


def _either(expressions: Iterable[Expression], library: Library) -> Needs | None:
    total = Needs()
    for expression in expressions:
        need = _of(expression, library)
        if need is None:
            return None
        total |= need
    return total


def _of(expression: Expression, library: Library) -> Needs | None:
    """What must be there for the expression to be present; None when it can be without any entry."""
    match expression:
        case str():
            return None if expression.startswith(SCORE_PREFIX) else _of_rule(library.findings[expression], library)
        case All(all=parts):
            needs = [need for part in parts if (need := _of(part, library))]
            return min(needs, key=lambda need: need.cost, default=None)
        case AnyOf(any=parts):
            return _either(parts, library)
        case AtLeast(at_least=counted):
            return _either(counted.of, library)
    return None


def _of_rule(rule: FindingRule, library: Library) -> Needs | None:
    if rule.sign is not None:
        return Needs(frozenset(rule.sign.concepts))
    if rule.answer is not None:
        return Needs(frozenset(rule.answer.concepts))
    if rule.measure is not None:
        limits = rule.measure.is_ if rule.measure.is_ and not rule.measure.is_.of else None
        return Needs(measured={rule.measure.concept: frozenset({Wanted(rule.measure.within.exact(), limits)})})
    if rule.trend is not None:
        return Needs(measured={rule.trend.concept: frozenset({Wanted(rule.trend.latest_within.exact())})})
    return None if rule.when is None else _of(rule.when, library)


# ---------------------------------------------------------------- one entry


class _Part(msgspec.Struct, gc=False, omit_defaults=True, rename="camel"):
    code: Member = UNSET
    value_string: Member = UNSET
    value_codeable_concept: Member = UNSET


_PARTS: Final = msgspec.json.Decoder(list[_Part])


def _way(line: Line) -> tuple[str | bytes, ...]:
    """How an entry is written as far as it tells what the entry is about; its numbers and times left out."""
    if line.value_string is UNSET and line.value_codeable_concept is UNSET and line.component is UNSET:
        code = line.code
        if code is not UNSET and line.resource_type in _CODED:
            return line.resource_type, bytes(code)
    return line.resource_type, *map(_bytes, _naming(line)), _parts(line)


def _bytes(value: Member) -> bytes:
    return bytes(value) if isinstance(value, Raw) else b""


def _naming(line: Line) -> Iterator[Member]:
    return (getattr(line, name) for name, _ in _NAMING)


def _parts(line: Line) -> bytes:
    """The components without their numbers."""
    if line.component is UNSET:
        return b""
    try:
        return msgspec.json.encode(_PARTS.decode(line.component))
    except msgspec.MsgspecError:
        return bytes(line.component)


def _is_of_another_version(line: Line) -> bool:
    """Whether a member is there that only a FHIR version has which we do not read: such an entry is a gap."""
    return not (
        line.comments is UNSET
        and line.date_recorded is UNSET
        and line.not_performed is UNSET
        and line.was_not_given is UNSET
    )


def _record(line: Line) -> PatientRecord:
    """The record of a chart that holds one entry written so, and nothing else."""
    kind = line.resource_type
    status, component = _STATUS[kind], _parts(line)
    members = [b'"resourceType":"' + kind.encode() + b'","id":"x"']
    members += [b'"status":"' + status + b'"'] if status else []
    for (_, name), value in zip(_NAMING, _naming(line), strict=True):
        if isinstance(value, Raw):
            members.append(b'"' + name.encode() + b'":' + bytes(value))
    members += [b'"component":' + component] if component else []
    return read((), {}, "", _FAR, (b"[{" + b",".join(members) + b"}]",))


def _is_in_one(line: Line, library: Library, concept: Concept, ranges: Sequence[Limits | None]) -> bool:
    """Whether a value of the entry lies, or may lie, in one of the ranges. None is the range of every value."""
    if None in ranges:
        return True
    record = read((), {}, patient_of(line), _FAR, (b"[" + msgspec.json.encode(line) + b"]",))
    entries = [entry for entry in record.observed if concept.id in meaning(entry.what, library).concepts]
    values = [reading(entry, concept, library) for entry in entries]
    return not values or any(
        not isinstance(value, Reading) or compare(value.value, value.comparator, limits) is not Truth.ABSENT
        for value in values
        for limits in ranges
        if limits is not None
    )


def _concepts(record: PatientRecord, library: Library) -> frozenset[str]:
    chart = charted(record, library, _FAR)
    return frozenset(_named(chart.mentions)) | frozenset(_named(chart.observed))


def _named(index: Mapping[str, Sequence[object]]) -> Iterator[str]:
    return (concept for concept, entries in index.items() if entries)
