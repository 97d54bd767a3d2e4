"""Products of our ingredients from an RxNorm release: RXNCONSO.RRF (names) and RXNREL.RRF (what is in what).

A product is followed to its ingredients along the relations that say so, never by way of a brand name:
one brand may be used for different contents. Both files are read line by line.
Source: RxNorm Technical Documentation, the files RXNCONSO.RRF and RXNREL.RRF, and its appendix 1 (relations).
A row of RXNREL says what its second concept (RXCUI2) is to its first (RXCUI1).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from cds_hooks.model.library import Library
from cds_hooks.reasoning.codes import SYSTEMS, folded
from cds_hooks.terms.forms import route_of
from cds_hooks.terms.rows import Row

_SOURCE = "RXNORM"
_RXCUI, _SAB, _TTY, _STR = 0, 11, 12, 14
_RXCUI1, _RXCUI2, _RELA, _REL_SAB = 0, 4, 7, 10
_INGREDIENTS = frozenset({"IN", "PIN", "MIN"})
_PRODUCTS = frozenset({"SCD", "SBD", "GPCK", "BPCK", "SCDC", "SBDC", "SCDF", "SBDF", "SCDG", "SBDG"})
"""Also components, forms and groups, because records hold them."""
_LEADS = frozenset(
    {
        "has_ingredient",
        "has_ingredients",
        "has_precise_ingredient",
        "consists_of",
        "contains",
        "tradename_of",
        "form_of",
        "has_part",
    }
)
"""From a product to what is in it."""


def products(conso: Iterable[str], rel: Iterable[str], library: Library) -> Iterator[Row]:
    """One row for each product and each ingredient of ours in it, in the order of RXNCONSO.

    Combinations give several rows. Ingredients whose code we lack are recognised by their whole name, and
    come as rows of their own.
    """
    names = dict(_names(conso))
    release = _Release(names, _contents(rel, names), library)
    for rxcui, (kind, name) in names.items():
        for ingredient in release.ingredients(rxcui):
            if ingredient not in release.by_code(rxcui):
                yield Row("rxnorm", rxcui, ingredient, "" if kind in _INGREDIENTS else route_of(name), name)


def _names(conso: Iterable[str]) -> Iterator[tuple[str, tuple[str, str]]]:
    """RxCUI -> term type and name, for RxNorm's own names of products and ingredients."""
    for line in conso:
        fields = line.split("|")
        if len(fields) > _STR and fields[_SAB] == _SOURCE and fields[_TTY] in _PRODUCTS | _INGREDIENTS:
            yield fields[_RXCUI], (fields[_TTY], fields[_STR])


def _contents(rel: Iterable[str], names: Mapping[str, object]) -> Mapping[str, set[str]]:
    contents: dict[str, set[str]] = defaultdict(set)
    for line in rel:
        fields = line.split("|")
        leads = len(fields) > _REL_SAB and fields[_REL_SAB] == _SOURCE and fields[_RELA] in _LEADS
        if leads and fields[_RXCUI2] in names and fields[_RXCUI1] in names:
            contents[fields[_RXCUI2]].add(fields[_RXCUI1])
    return contents


class _Release:
    """Which of our ingredients are in a concept, worked out once for each."""

    def __init__(
        self, names: Mapping[str, tuple[str, str]], contents: Mapping[str, set[str]], library: Library
    ) -> None:
        self._names = names
        self._contents = contents
        self._library = library
        self._by_name = {
            folded(text): concept.id
            for concept in library.concepts.values()
            if concept.kind == "ingredient"
            for text in concept.texts
        }
        self._known: dict[str, tuple[str, ...]] = {}

    def by_code(self, rxcui: str) -> tuple[str, ...]:
        """Ingredients for which our concepts hold this very code."""
        concepts = self._library.code_index.get((SYSTEMS["rxnorm"], rxcui), ())
        return tuple(concept for concept in concepts if self._library.concepts[concept].kind == "ingredient")

    def ingredients(self, rxcui: str) -> tuple[str, ...]:
        """Ids of our ingredients in the concept, in alphabetical order."""
        if rxcui not in self._known:
            self._known[rxcui] = ()  # what leads back to itself adds nothing
            inside = (name for part in self._contents.get(rxcui, ()) for name in self.ingredients(part))
            self._known[rxcui] = tuple(sorted({*self.by_code(rxcui), *self._named(rxcui), *inside}))
        return self._known[rxcui]

    def _named(self, rxcui: str) -> tuple[str, ...]:
        kind, name = self._names[rxcui]
        found = self._by_name.get(folded(name)) if kind == "IN" else None
        return (found,) if found else ()
