"""screen: which entries of an export could wake a rule, so that charts without one need not be assessed.

What wakes a rule is the trigger's to say. What one entry names is found out by the same steps as in a whole chart,
once for each way of writing it. In doubt an entry may speak; the chart is then assessed in full.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Final, TypeAlias

import msgspec
from msgspec import UNSET, Raw

from cds_hooks.chart.datatypes import Quantity
from cds_hooks.chart.decoding import UNREADABLE_JSON
from cds_hooks.chart.reader import read
from cds_hooks.chart.record import PatientRecord
from cds_hooks.chart.record import Quantity as Written
from cds_hooks.chart.times import when
from cds_hooks.chart.values import quantity
from cds_hooks.model.library import Library
from cds_hooks.populations.lines import BESIDE_THE_CODE, Line, Member, written
from cds_hooks.reasoning.codes import meaning
from cds_hooks.reasoning.mapping import charted
from cds_hooks.reasoning.trigger import Trigger, trigger
from cds_hooks.reasoning.values import quantity_of

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
_ESSENTIAL: Final = frozenset({"Observation", "Condition"})
"""Types of which a chart must have the whole list."""
_NO_DAY: Final = "~"
"""After every day."""
_TIME: Final = re.compile(rb'"(\d[^"]*)"')
_times: Final = attrgetter(
    *("effective_date_time", "effective_instant", "effective_period", "issued", "recorded_date", "asserted_date"),
    *("onset_date_time", "onset_period"),
)
_CODED: Final = frozenset({"Observation", "Condition", "Flag"})
"""Types in which, without a value in words, the code alone decides."""


_Way: TypeAlias = tuple[str | bytes, ...]
"""A type, and the members that say what an entry is about; the code alone where it alone decides."""
_Measured: TypeAlias = tuple[tuple[Trigger, frozenset[str]], ...]
_Speaks: TypeAlias = bool | _Measured
"""Whether an entry written so may speak; else the measured concepts as which it may."""


class Screen:
    """Asked for each entry while files are read. Remembers what it found out, so it is made once a process."""

    def __init__(self, libraries: Sequence[Library], since: datetime | None, until: datetime | None) -> None:
        """`since` and `until` are the first and the last instant that is judged at; None when any can be."""
        self._triggers = [wakes for library in libraries if (wakes := trigger(library, _HOOK))]
        self.is_open = len(self._triggers) < len(libraries)
        """Whether a rule can speak on any chart, so that every chart must be assessed."""
        self._since = since
        self._day = until.astimezone(UTC).date().isoformat() if until else _NO_DAY
        self._today = self._day.encode()
        self._known: dict[_Way, _Speaks] = {}
        self._idle = set[tuple[_Way, bytes]]()
        """Ways, each with a number that wakes no rule, however new it is."""
        self._quiet: defaultdict[str, set[bytes]] = defaultdict(set)
        """By type, codes that cannot speak when nothing else says what the entry is about."""

    def unsure(self, lines: Sequence[Line], codes: Sequence[bytes]) -> Iterable[int]:
        """Which of some lines of one type, seen at a glance, have to be read in full before it can be told."""
        kind = lines[0].resource_type
        if kind not in _STATUS or self.is_open:
            return range(len(lines)) if self.is_open else ()
        beside = BESIDE_THE_CODE.get(kind)
        if beside is None:
            return range(len(lines))
        quiet, rest = self._quiet[kind], list(map(beside.of, lines))
        found = [number for number, code in enumerate(codes) if code not in quiet]
        if rest.count(beside.nothing) < len(rest):
            found += [number for number, one in enumerate(rest) if one != beside.nothing]
        for date in beside.dates.values():
            if max(map(date, lines)) >= self._day:
                found += [number for number, line in enumerate(lines) if date(line) >= self._day]
        return found

    def may_speak(self, line: Line) -> bool:
        """Whether the entry could make a rule speak, or a gap that is said even when nothing else is."""
        if self.is_open or line.resource_type not in _STATUS:
            return self.is_open
        if line.resource_type in _ESSENTIAL and self._is_ahead(line):
            return True
        way = _way(line)
        speaks = self._known.get(way)
        if speaks is None:
            speaks = self._found_out(way, line)
        if speaks is False:
            return _is_of_another_version(line)
        return speaks is True or self._is_pulled(way, line, speaks)

    def _is_ahead(self, line: Line) -> bool:
        """Whether a time of it may lie ahead: then its list is not whole, which every chart has to say."""
        times: list[bytes] = _TIME.findall(b" ".join(map(written, _times(line))))
        is_past = max(times, default=b"")[:10] < self._today
        return not is_past and any(_may_be_after(time, self._today) for time in times)

    def _found_out(self, way: _Way, line: Line) -> _Speaks:
        if len(self._known) >= _WAYS:
            self._known.clear()
            self._quiet.clear()
        speaks = self._known[way] = self._worked_out(line)
        beside = BESIDE_THE_CODE.get(line.resource_type)
        if speaks is False and beside and beside.of(line) == beside.nothing:
            self._quiet[line.resource_type].add(written(line.code))
        return speaks

    def _is_pulled(self, way: _Way, line: Line, measured: _Measured) -> bool:
        """Whether a value of the entry, or that it has none, wakes a rule that still looks at it."""
        number = way, written(line.value_quantity)
        if number in self._idle:
            return False
        asked = [
            (wakes, concepts, value)
            for wakes, concepts in measured
            for value in _values(line, wakes.library, concepts)
        ]
        if line.component is UNSET and not any(
            wakes.is_pulled(concepts, value) for wakes, concepts, value in asked
        ):
            if len(self._idle) >= _WAYS:
                self._idle.clear()
            self._idle.add(number)
            return False
        latest = _latest(line)

        def counts(within: timedelta) -> bool:
            return self._since is None or latest is None or latest >= self._since - within - _AHEAD

        return any(wakes.is_pulled(concepts, value, counts) for wakes, concepts, value in asked)

    def _worked_out(self, line: Line) -> _Speaks:
        record = _record(line, _parts(line))
        measured = []
        for wakes in self._triggers:
            concepts = _concepts(record, wakes.library) & wakes.watched
            if record.gaps or not concepts.isdisjoint(wakes.signs):
                return True
            if concepts:
                measured.append((wakes, concepts))
        return tuple(measured) or False


# ---------------------------------------------------------------- one entry


class _Part(msgspec.Struct, gc=False, omit_defaults=True, rename="camel"):
    code: Member = UNSET
    value_string: Member = UNSET
    value_codeable_concept: Member = UNSET


_PARTS: Final = msgspec.json.Decoder(list[_Part])
_QUANTITY: Final = msgspec.json.Decoder(Quantity)


def _way(line: Line) -> _Way:
    """How an entry is written as far as it tells what the entry is about; its numbers and times left out."""
    kind, code = line.resource_type, written(line.code)
    is_in_words = not line.value_string is line.value_codeable_concept is line.component is UNSET
    if code and not is_in_words and kind in _CODED:
        return kind, code
    return kind, code, *map(written, _naming(line)), _parts(line)


def _may_be_after(time: bytes, today: bytes) -> bool:
    """Whether a time may be of a later day than today's in Greenwich."""
    day = time[:10]
    return day > today or (day == today and b"-" in time[10:])


def _latest(line: Line) -> datetime | None:
    """When it was at the latest; None when that cannot be told from one time."""
    moment = line.issued if line.effective_date_time is UNSET else line.effective_date_time
    if moment is UNSET or line.effective_instant is not UNSET or line.effective_period is not UNSET:
        return None
    time = when(bytes(moment).decode(errors="replace").strip('"'))
    return time.latest if time else None


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


def _record(line: Line, component: bytes, number: Member = UNSET) -> PatientRecord:
    """The record of a chart that holds one entry written so, and nothing else."""
    kind = line.resource_type
    status = _STATUS[kind]
    members = [b'"resourceType":"' + kind.encode() + b'","id":"x"']
    members += [b'"status":"' + status + b'"'] if status else []
    for (_, name), value in zip(_NAMING, _naming(line), strict=True):
        if isinstance(value, Raw):
            members.append(b'"' + name.encode() + b'":' + bytes(value))
    members += [b'"component":' + component] if component else []
    members += [b'"valueQuantity":' + bytes(number)] if isinstance(number, Raw) else []
    return read((), {}, "", _FAR, (b"[{" + b",".join(members) + b"}]",))


def _values(line: Line, library: Library, concepts: frozenset[str]) -> Sequence[Written | None]:
    """The numbers with which an entry stands for one of these; None for what is no number, or cannot be read."""
    is_one_number = line.value_string is UNSET and line.value_codeable_concept is UNSET and line.component is UNSET
    if is_one_number and isinstance(line.value_quantity, Raw):
        return [_number(line.value_quantity)]
    record = _record(line, written(line.component), line.value_quantity)
    entries = (one for one in record.observed if not concepts.isdisjoint(meaning(one.what, library).concepts))
    return [quantity_of(one) for one in entries] or [None]


def _number(raw: Raw) -> Written | None:
    try:
        return quantity(_QUANTITY.decode(raw))
    except UNREADABLE_JSON:
        return None


def _concepts(record: PatientRecord, library: Library) -> frozenset[str]:
    chart = charted(record, library, _FAR)
    return frozenset(_named(chart.mentions)) | frozenset(_named(chart.observed))


def _named(index: Mapping[str, Sequence[object]]) -> Iterator[str]:
    return (concept for concept, entries in index.items() if entries)
