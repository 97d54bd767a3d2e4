"""Signs that an observation describes without naming them: two millimetres, purple, not blanching.

What counts together is one Observation with its components, or the Observations that one panel groups; two
examinations are never put together. Which words and sizes mean which sign stands with the concept
(`described`). A description adds a mention and takes none back: what is named stays named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain

from cds_hooks.chart.record import Observed
from cds_hooks.model.codes import Concept, Description, Part
from cds_hooks.model.library import Library
from cds_hooks.model.results import UNDATED
from cds_hooks.model.truth import Truth
from cds_hooks.reasoning.codes import meaning
from cds_hooks.reasoning.entries import Chart, Mention, has_unknown_site, sites_of
from cds_hooks.reasoning.said import answer_of
from cds_hooks.reasoning.values import Reading, compare, reading

_ASPECT = "aspect"
_FLAG = "as described"


@dataclass(frozen=True, slots=True)
class _Examination:
    """One Observation or panel: its entries, and the concepts that it says are there or not there."""

    entries: tuple[Observed, ...]
    said: frozenset[str]
    denied: frozenset[str]


def with_described(chart: Chart) -> Chart:
    """The chart with a mention for each sign that an observation describes; the same chart when none does."""
    found = [
        mention
        for examination in _examinations(chart)
        for mention in _mentions(examination, _described_in(chart.library), chart.library)
    ]
    if not found:
        return chart
    mentions = {name: list(known) for name, known in chart.mentions.items()}
    for mention in found:
        mentions.setdefault(mention.concept, []).append(mention)
    return replace(chart, mentions=mentions)


def _examinations(chart: Chart) -> Iterator[_Examination]:
    """Every observation of which a part is an aspect, by reference."""
    told = {entry.reference for name in _aspects_of(chart.library) for entry in chart.observed.get(name, ())}
    if not told:
        return
    by_reference: dict[str, list[Observed]] = {}
    for entry in chart.record.observed:
        by_reference.setdefault(entry.reference, []).append(entry)
    for references in _groups(by_reference):
        if not told.isdisjoint(references):
            entries = tuple(chain.from_iterable(by_reference.get(one, ()) for one in references))
            yield _Examination(
                entries, _named(references, chart, said=True), _named(references, chart, said=False)
            )


@lru_cache(maxsize=20)
def _aspects_of(library: Library) -> tuple[str, ...]:
    """Ids of what describes a sign; worked out once for each library that is in use."""
    return tuple(name for name, concept in library.concepts.items() if concept.kind == _ASPECT)


@lru_cache(maxsize=20)
def _described_in(library: Library) -> tuple[Concept, ...]:
    """The concepts that a description stands for; worked out once for each library that is in use."""
    return tuple(concept for concept in library.concepts.values() if concept.described)


def _groups(by_reference: Mapping[str, list[Observed]]) -> Iterator[tuple[str, ...]]:
    """References that belong together: an Observation with its members; one that has no panel by itself."""
    members = {name: tuple(m for entry in by_reference[name] for m in entry.members) for name in by_reference}
    grouped = frozenset(chain.from_iterable(members.values()))
    for name in sorted(by_reference):
        if members[name] or name not in grouped:
            yield (name, *members[name])


def _named(references: Iterable[str], chart: Chart, *, said: bool) -> frozenset[str]:
    wanted = frozenset(references)
    mentions = chain.from_iterable(chart.mentions.values())
    return frozenset(m.concept for m in mentions if m.said is said and m.reference in wanted)


def _mentions(examination: _Examination, concepts: Iterable[Concept], library: Library) -> Iterator[Mention]:
    """One mention for each sign; what the examination itself names or denies needs no description."""
    signs = {concept.id: concept for concept in concepts}
    for name in sorted(_described(examination, signs, library) - examination.denied):
        if signs[name].kind != _ASPECT:
            yield _mention(examination, signs[name], library)


def _described(examination: _Examination, signs: Mapping[str, Concept], library: Library) -> frozenset[str]:
    """Concepts that are described and not named; one description may build on another."""
    said, before = set(examination.said), -1
    while len(said) > before:
        before = len(said)
        said |= {
            name
            for name, concept in signs.items()
            if any(_holds(one, examination, said, library) for one in concept.described)
        }
    return frozenset(said - examination.said)


def _holds(description: Description, examination: _Examination, said: set[str], library: Library) -> bool:
    return (
        said.issuperset(description.says)
        and examination.denied.issuperset(description.denies)
        and examination.said.isdisjoint(description.unless)
        and all(any(_tells(entry, part, library) for entry in examination.entries) for part in description.parts)
    )


def _tells(entry: Observed, part: Part, library: Library) -> bool:
    if part.aspect not in meaning(entry.what, library).concepts:
        return False
    if part.answers and not set(part.answers).isdisjoint(answer_of(entry, library)):
        return True
    value = reading(entry, library.concepts[part.aspect], library) if part.is_ else None
    return (
        part.is_ is not None
        and isinstance(value, Reading)
        and compare(value.value, value.comparator, part.is_) is Truth.PRESENT
    )


def _mention(examination: _Examination, concept: Concept, library: Library) -> Mention:
    """Told by the whole observation: its reference, the time and the sites of any part."""
    entries = examination.entries
    when = next((time for entry in entries if (time := entry.at or entry.issued)), None)
    coded_only = all(meaning(entry.what, library).certainty == "coded" for entry in entries)
    flags = [_FLAG, *(["preliminary"] if any(entry.preliminary for entry in entries) else [])]
    sites = chain.from_iterable(
        sites_of(entry.sites, entry.what.text, concept.sites, library) for entry in entries
    )
    return Mention(
        reference=entries[0].reference,
        concept=concept.id,
        said=True,
        source="observed",
        seen=when,
        began=when,
        active=True,
        sites=tuple(dict.fromkeys(sites)),
        certainty="coded" if coded_only else "text",
        flags=tuple(flags if when else [*flags, UNDATED]),
        restricted=any(entry.restricted for entry in entries),
        elsewhere=any(has_unknown_site(entry.sites, library) for entry in entries),
    )
