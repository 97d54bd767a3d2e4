"""What the value of an observation says: an answer, a yes or a no, a place, or nothing that is understood.

And whether it stands under a heading by which it is not about the patient now.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, TypeAlias

from cds_hooks.chart.record import Coded, Observed, Quantity
from cds_hooks.model.codes import Concept
from cds_hooks.model.library import Library
from cds_hooks.reasoning.codes import folded, meaning, system_uri, texts
from cds_hooks.reasoning.values import plain

HeadingKind: TypeAlias = Literal["past", "family", "hypothetical"]
_ABSENT = "absent"
_PRESENT = "present"
_NONE_THERE = frozenset(
    {
        "",
        "unknown",
        "asked-unknown",
        "temp-unknown",
        "not-asked",
        "asked-declined",
        "not-applicable",
        "not-performed",
    }
)
"""Of the reasons why a value is missing, FHIR's data-absent-reason or ours, those with which there is none."""


def heading_of(entry: Observed, library: Library) -> HeadingKind | None:
    """Of what the entry speaks by its name, or that of its panel, when that is not the patient now; else None."""
    headings = _headings(library)
    for coded in filter(None, (entry.what, entry.panel)):
        codes = ((system_uri(one.system), one.code) for one in coded.codings)
        names = (("", folded(text).rstrip(": ")) for text in texts(coded))
        for key in (*codes, *names):
            if key in headings:
                return headings[key]
    return None


@lru_cache(maxsize=20)
def _headings(library: Library) -> dict[tuple[str, str], HeadingKind]:
    """By system and code, and by name (no system)."""
    found: dict[tuple[str, str], HeadingKind] = {}
    for heading in library.text_rules.headings:
        found |= {("", folded(text)): heading.kind for text in heading.texts}
        found |= {
            (system_uri(name), code): heading.kind for name, codes in heading.codes.items() for code in codes
        }
    return found


def says_something(entry: Observed) -> bool:
    """Whether there is a value, in whatever form, or one that was kept back."""
    return entry.value is not None or entry.value_missing not in _NONE_THERE


def answer_of(entry: Observed, library: Library) -> tuple[str, ...]:
    """Answer concepts the value stands for; a yes/no value, else a flag, counts as present or absent.

    A bare number stands for what the same text would.
    """
    value = entry.value
    if isinstance(value, bool):
        return (_PRESENT,) if value else (_ABSENT,)
    found: tuple[str, ...] = ()
    if isinstance(value, Coded):
        found = meaning(value, library).concepts
    elif isinstance(value, str):
        found = library.text_index.get(folded(value), ())
    elif isinstance(value, Quantity) and not (value.unit or value.comparator):
        found = library.text_index.get(plain(value.value), ())
    found = tuple(concept for concept in found if library.concepts[concept].kind == "answer")
    return found or _flag(entry)


def said_by(entry: Observed, library: Library) -> bool | None:
    """Whether an observation named after a sign says that it is there; None when its value does not tell."""
    means = {library.concepts[answer].means for answer in answer_of(entry, library)}
    if "no" in means:
        return False
    if "yes" in means or places_in(entry, library):
        return True
    is_bare = entry.value is None and not entry.value_missing and not entry.interpretation
    return True if is_bare and not means else None


def value_concepts(entry: Observed, library: Library) -> list[Concept]:
    """What the whole value stands for, coded or in words."""
    value = Coded(text=entry.value) if isinstance(entry.value, str) else entry.value
    found = meaning(value, library).concepts if isinstance(value, Coded) else ()
    return [library.concepts[concept] for concept in found]


def places_in(entry: Observed, library: Library) -> tuple[str, ...]:
    """The sites for which the whole value stands: where it is, it is."""
    return tuple(concept.id for concept in value_concepts(entry, library) if concept.kind == "site")


def _flag(entry: Observed) -> tuple[str, ...]:
    """The laboratory's own word, alone or beside a number."""
    if entry.value is not None and not isinstance(entry.value, Quantity):
        return ()
    if "POS" in entry.interpretation:
        return (_PRESENT,)
    return (_ABSENT,) if "NEG" in entry.interpretation else ()
