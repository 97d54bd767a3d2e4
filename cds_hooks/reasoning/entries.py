"""Chart entries sorted by the concept they stand for, once per chart, so that each finding looks at its own.

A Mention says that a sign or problem is (or is not) there; a value stands beside its concept. The sort
is the only pass over the chart; everything later asks this index.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Literal, TypeVar, cast

from cds_hooks.chart.record import Coded, Event, Observed, PatientRecord, Problem
from cds_hooks.model.codes import Concept
from cds_hooks.model.library import Library
from cds_hooks.model.results import UNDATED, Gap, GapReason
from cds_hooks.model.truth import When
from cds_hooks.reasoning.codes import folded, meaning, names_in
from cds_hooks.reasoning.said import heading_of, places_in, said_by

_Found = TypeVar("_Found")
NAMED = frozenset({"sign", "problem", "context"})
"""Kinds of concepts that an observation can name."""
_HAPPENS = NAMED | {"procedure", "vaccine"}
PAST = "in the past"
"""The flag of what a sentence says to be over."""
_OVER = frozenset({"inactive", "contradictory"})
_OF_THE_PAST = ("history of", "past history of", "personal history of", "previous history of", "h/o", "hx of")
_OF_RELATIVES = ("family history", "fh of", "fh:", "fhx")
_STANDS_LIKE: Mapping[str, Literal["observed", "problem", "event"]] = {
    "procedure": "event",
    "vaccination": "event",
    "report": "observed",
    "flag": "problem",
}
"""A report's conclusion holds at its time like an observation; an active alert stands like an active problem."""


@dataclass(frozen=True, slots=True, eq=False)
class Mention:
    """One entry that names a sign or problem: said to be there, or said not to be. No two are the same."""

    reference: str
    concept: str
    said: bool
    source: Literal["observed", "problem", "visit", "event"]
    """event: it happened once, at `seen`; nothing later undoes it."""
    seen: When | None
    """When it was observed or written down; for a problem without either, its onset."""
    began: When | None
    """Onset where one is charted, else as `seen`."""
    active: bool
    sites: tuple[str, ...]
    certainty: Literal["coded", "text", "narrative"]
    flags: tuple[str, ...] = ()
    restricted: bool = False
    elsewhere: bool = False
    """One of its charted sites is none that we know."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """An entry that names a sign or problem without telling whether it is there: as it would count, and why."""

    mention: Mention
    reason: GapReason


@dataclass(frozen=True, slots=True)
class Chart:
    """One record at one instant, its entries sorted by what they stand for."""

    record: PatientRecord
    library: Library
    at: datetime
    mentions: Mapping[str, list[Mention]]
    observed: Mapping[str, list[Observed]]
    unclear: Mapping[str, list[Unclear]] = field(default_factory=dict)
    """What unclear.py finds, by concept."""
    set_aside: tuple[Gap, ...] = ()
    """Mentions in sentences that count neither as there nor as denied."""
    known: dict[object, object] = field(default_factory=dict, compare=False, repr=False)
    """What many findings ask for alike, by what it is about."""

    def once(self, about: object, find: Callable[[], _Found]) -> _Found:
        """What `find` comes to, found once in a chart. Of one kind for whatever it is about."""
        if about not in self.known:
            self.known[about] = find()
        return cast("_Found", self.known[about])

    def mentions_of(self, concepts: Iterable[str]) -> list[Mention]:
        """Every mention of any of the concepts."""
        named = self.mentions
        return [mention for concept in concepts if concept in named for mention in named[concept]]

    def unclear_of(self, concepts: Iterable[str]) -> list[Unclear]:
        """Every entry that names one of the concepts and does not tell."""
        if not self.unclear:
            return []
        return [unclear for concept in concepts for unclear in self.unclear.get(concept, ())]


def sort_entries(record: PatientRecord, library: Library, at: datetime) -> Chart:
    """The chart's problems and observations by concept; entries that mean nothing to us are left out.

    They stand by reference, so that nothing that is told of them depends on the order in which they came.
    """
    mentions: dict[str, list[Mention]] = defaultdict(list)
    observed: dict[str, list[Observed]] = defaultdict(list)
    for problem in sorted(record.problems, key=attrgetter("reference")):
        for mention in mentions_of_problem(problem, library):
            mentions[mention.concept].append(mention)
    for entry in sorted(record.observed, key=attrgetter("reference")):
        concepts = meaning(entry.what, library)
        for concept in concepts.concepts:
            observed[concept].append(entry)
        for mention in _mentions_of_observation(entry, concepts.concepts, concepts.certainty, library):
            mentions[mention.concept].append(mention)
    for event in sorted(record.events, key=attrgetter("reference")):
        for mention in _mentions_of_event(event, library):
            mentions[mention.concept].append(mention)
    return Chart(record, library, at, mentions, observed)


def observed_mention(
    entry: Observed, concept: str, certainty: Literal["coded", "text"], library: Library, *, said: bool
) -> Mention:
    """The observation as a mention of the concept."""
    when = entry.at or entry.issued
    flags = ("preliminary",) if entry.preliminary else ()
    return Mention(
        reference=entry.reference,
        concept=concept,
        said=said,
        source="observed",
        seen=when,
        began=when,
        active=True,
        sites=sites_of(
            entry.sites, entry.what.text, (*places_in(entry, library), *library.concepts[concept].sites), library
        ),
        certainty=certainty,
        flags=flags if when else (*flags, UNDATED),
        restricted=entry.restricted,
        elsewhere=has_unknown_site(entry.sites, library),
    )


def mentions_of_problem(problem: Problem, library: Library) -> Iterable[Mention]:
    """A mention for each concept that its codes or its whole wording stand for."""
    stands_for = meaning(problem.what, library)
    history = _history_in(problem.what.text) if stands_for.certainty == "coded" else ""
    for concept in stands_for.concepts:
        told = history if _can_be_over(library.concepts[concept], library) else ""
        if told == "relative":
            continue
        yield Mention(
            reference=problem.reference,
            concept=concept,
            said=not problem.denied,
            source=_source_of(problem, library.concepts[concept]),
            seen=problem.recorded or problem.onset,
            began=problem.onset or problem.recorded,
            active=stands(problem) and not told,
            sites=sites_of(problem.sites, problem.what.text, library.concepts[concept].sites, library),
            certainty=stands_for.certainty,
            flags=_flags_of(problem),
            restricted=problem.restricted,
            elsewhere=has_unknown_site(problem.sites, library),
        )


def stands(problem: Problem) -> bool:
    """Whether it is not said to be over, nor only considered."""
    return problem.state not in _OVER and problem.ended is None and not problem.doubtful


def sites_of(sites: Iterable[Coded], text: str, concept_sites: Iterable[str], library: Library) -> tuple[str, ...]:
    """Site concepts: coded or worded body sites, those the code implies; the entry's own text last."""
    found = [site for coded in sites for site in _sites_in(coded, library)] + list(concept_sites)
    if not found and text:
        found = list(names_in(text, library.site_words))
    return tuple(dict.fromkeys(found))


def has_unknown_site(sites: Iterable[Coded], library: Library) -> bool:
    """Whether a charted body site is none that we know."""
    return any(not _sites_in(coded, library) for coded in sites)


def _sites_in(coded: Coded, library: Library) -> tuple[str, ...]:
    known = tuple(s for s in meaning(coded, library).concepts if library.concepts[s].kind == "site")
    if known:
        return known
    displays = (coding.display for coding in coded.codings)
    return tuple(site for text in (coded.text, *displays) for site in names_in(text, library.site_words))


def _history_in(text: str) -> Literal["", "past", "relative"]:
    """Whether the words beside a code say that it is over, or somebody else's."""
    words = folded(text)
    if words.startswith(_OF_RELATIVES):
        return "relative"
    return "past" if words.startswith(_OF_THE_PAST) else ""


def _can_be_over(concept: Concept, library: Library) -> bool:
    """A sign, or a problem that sentences are read for. A removed spleen or a transplant is never over."""
    return concept.kind == "sign" or concept.id in library.text_rules.problems


def _source_of(problem: Problem, concept: Concept) -> Literal["problem", "visit", "event"]:
    """A visit for a transfusion or a vaccination is that event."""
    is_event = problem.source == "visit" and concept.kind not in NAMED
    return "event" if is_event else problem.source


def _flags_of(problem: Problem) -> tuple[str, ...]:
    provisional = ("provisional",) if problem.provisional else ()
    return provisional if problem.onset or problem.recorded else (*provisional, UNDATED)


def _mentions_of_observation(
    entry: Observed, named: tuple[str, ...], certainty: Literal["coded", "text"], library: Library
) -> Iterable[Mention]:
    """A sign named by the code with a yes/no value, or named by the value of any observation.

    Under a heading that is not about now both are read as sentences are.
    """
    signs = [concept for concept in named if library.concepts[concept].kind in NAMED]
    if not (signs or isinstance(entry.value, Coded)) or heading_of(entry, library):
        return
    said = said_by(entry, library) if signs else None
    for concept in signs:
        if said is not None:
            yield observed_mention(entry, concept, certainty, library, said=said)
    if isinstance(entry.value, Coded):
        value = meaning(entry.value, library)
        for concept in value.concepts:
            if library.concepts[concept].kind in NAMED:
                yield observed_mention(entry, concept, value.certainty, library, said=True)


def _mentions_of_event(event: Event, library: Library) -> Iterable[Mention]:
    """What was done or concluded. That a dose was not given takes no earlier dose back, so it says nothing."""
    stands_for = meaning(event.what, library)
    sorts = (concept for category in event.categories for concept in meaning(category, library).concepts)
    for concept in dict.fromkeys((*stands_for.concepts, *sorts)):
        if event.denied or library.concepts[concept].kind not in _HAPPENS:
            continue
        yield Mention(
            reference=event.reference,
            concept=concept,
            said=True,
            source=_STANDS_LIKE[event.kind],
            seen=event.at,
            began=event.at,
            active=True,
            sites=sites_of(event.sites, event.what.text, library.concepts[concept].sites, library),
            certainty=stands_for.certainty,
            flags=(*(["preliminary"] if event.preliminary else []), *([] if event.at else [UNDATED])),
            restricted=event.restricted,
            elsewhere=has_unknown_site(event.sites, library),
        )
