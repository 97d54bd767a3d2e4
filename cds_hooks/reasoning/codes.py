"""Concepts of a chart entry: by code in any coding, by whole text where no code is known.

Text is compared, never shown. A code always beats the text beside it; what that text says more is narrative.py's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Literal, TypeAlias

from msgspec import Struct

from cds_hooks.chart.record import Coded
from cds_hooks.model.codes import Coding
from cds_hooks.model.library import Library

SYSTEMS: Mapping[str, str] = {
    "snomed": "http://snomed.info/sct",
    "loinc": "http://loinc.org",
    "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "atc": "http://www.whocc.no/atc",
    "icd-10-cm": "http://hl7.org/fhir/sid/icd-10-cm",
    "icd-10": "http://hl7.org/fhir/sid/icd-10",
    "dmd": "https://dmd.nhs.uk",
    "cvx": "http://hl7.org/fhir/sid/cvx",
    "interpretation": "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
    "route": "http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration",
    "edqm": "http://standardterms.edqm.eu",
}
"""Short names of the YAML files -> URIs of FHIR R4, terminologies page."""

_OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "snomed": ("2.16.840.1.113883.6.96", "http://snomed.info/sct/", "snomed ct", "snomed-ct", "snomedct", "sct"),
    "loinc": ("2.16.840.1.113883.6.1", "http://loinc.org/", "https://loinc.org", "ln"),
    "rxnorm": ("2.16.840.1.113883.6.88",),
    "atc": (
        "2.16.840.1.113883.6.73",
        "http://www.whocc.no/atc/",
        "http://fhir.de/codesystem/bfarm/atc",
    ),
    "icd-10-cm": ("2.16.840.1.113883.6.90", "http://hl7.org/fhir/sid/icd-10-us", "icd10cm", "i10c"),
    "icd-10": (
        "2.16.840.1.113883.6.3",
        "icd10",
        "i10",
        "http://fhir.de/codesystem/bfarm/icd-10-gm",
        "http://fhir.de/codesystem/dimdi/icd-10-gm",
        "https://fhir.hl7.org.uk/id/icd-10",
    ),
    "cvx": ("2.16.840.1.113883.12.292",),
}
"""What else senders write, in small letters: OIDs, other spellings, and the names of HL7 v2 table 0396."""
_NAMES: Mapping[str, str] = {
    written: uri
    for name, uri in SYSTEMS.items()
    for other in (name, uri.casefold(), *_OTHER_NAMES.get(name, ()))
    for written in (other, f"urn:oid:{other}")
}
_ICD = frozenset({SYSTEMS["icd-10-cm"], SYSTEMS["icd-10"]})
_ICD_CATEGORY = 3
_TELLING = ("loinc", "snomed", "icd-10-cm", "icd-10")
"""Systems whose codes are known by themselves, where no system is written beside them."""
_SHORTEST, _SHORTEST_NUMBER = 5, 8
"""Signs of a code that can be known by itself; a mere number must be longer, for local ones are short."""
_ATC_LEVELS = (7, 5, 4, 3)
_WORD = re.compile(r"[\w+]+(?:['-][\w+]+)*")


NameIndex: TypeAlias = Mapping[str, tuple[tuple[tuple[str, ...], str], ...]]
"""First word -> (all words of a name, concept id), longest name first."""


class Meaning(Struct, frozen=True):
    """Concept ids of an entry, and whether a code or only a text says so. No ids: not known to us."""

    concepts: tuple[str, ...] = ()
    certainty: Literal["coded", "text"] = "coded"


NOTHING = Meaning()


@lru_cache(maxsize=1000)
def system_uri(name: str) -> str:
    """The FHIR URI of a code system, for its short name, an OID or another spelling of the URI."""
    return _NAMES.get(name) or _NAMES.get(_plain_name(name)) or name


def _plain_name(name: str) -> str:
    """In small letters, without the version or the edition behind it."""
    plainly = name.casefold().partition("|")[0]
    return "snomed" if plainly.startswith("http://snomed.info/sct/") else plainly


def meaning(coded: Coded, library: Library) -> Meaning:
    """What the entry stands for. Codes first; then its text, or a code's display, as a whole."""
    concepts = tuple(dict.fromkeys([concept for coding in coded.codings for concept in by_code(coding, library)]))
    if concepts:
        return Meaning(_narrowed(concepts, coded, library))
    for text in texts(coded):
        found = library.text_index.get(folded(text))
        if found:
            return Meaning(found, "text")
    return NOTHING


def _narrowed(concepts: tuple[str, ...], coded: Coded, library: Library) -> tuple[str, ...]:
    """The concepts without the wide ones for which a code or whole text of the entry says a narrower.

    A wide code beside "senile purpura" means senile purpura: the narrower word was chosen by a person.
    """
    if library.hidden_by.keys().isdisjoint(concepts):
        return concepts
    narrower = frozenset().union(*(library.hidden_by.get(concept, frozenset()) for concept in concepts))
    worded = (c for text in texts(coded) for c in library.text_index.get(folded(text), ()) if c in narrower)
    meant = tuple(dict.fromkeys((*concepts, *worded)))
    hidden = _hidden(meant, library)
    return tuple(concept for concept in meant if concept not in hidden)


def _hidden(meant: tuple[str, ...], library: Library) -> frozenset[str]:
    return frozenset(wide for concept in meant for wide in library.concepts[concept].hides)


def by_code(coding: Coding, library: Library) -> tuple[str, ...]:
    """Concept ids of one code. An ATC code also means what its groups mean; a long code needs no system."""
    return _coded_in(coding.system, coding.code, library)


@lru_cache(maxsize=20_000)
def _coded_in(written: str, code: str, library: Library) -> tuple[str, ...]:
    """The same codes come with every chart, and with one chart many times."""
    system = system_uri(written)
    found = library.code_index.get((system, code)) or library.code_index.get((system, _plain_code(system, code)))
    if found is None and system == SYSTEMS["atc"]:
        found = _atc_group(code, library)
    if found is None and not system and _is_telling(code):
        found = next((known for one in _TELLING if (known := _known_in(one, code, library))), ())
    return found or ()


def _plain_code(system: str, code: str) -> str:
    """The code as its system writes it: no term behind it, large letters, the point of ICD."""
    plainly = code.partition("|")[0].strip().upper()
    is_icd = system in _ICD and len(plainly) > _ICD_CATEGORY and "." not in plainly
    return f"{plainly[:_ICD_CATEGORY]}.{plainly[_ICD_CATEGORY:]}" if is_icd else plainly


def _is_telling(code: str) -> bool:
    return len(code) >= (_SHORTEST_NUMBER if code.isdigit() else _SHORTEST)


def _known_in(system: str, code: str, library: Library) -> tuple[str, ...]:
    return library.code_index.get((SYSTEMS[system], code), ())


def medicine_by_code(coding: Coding, library: Library) -> tuple[str, ...]:
    """Ingredient ids of one code, by the product tables and by the ingredients' own codes."""
    products = library.products.get((system_uri(coding.system), coding.code), ())
    named = (concept for concept in by_code(coding, library) if library.concepts[concept].kind == "ingredient")
    return tuple(dict.fromkeys((*(product.ingredient for product in products), *named)))


def texts(coded: Coded) -> Iterator[str]:
    """The texts that may stand for the entry when no code is known: its own, then the displays."""
    if coded.text:
        yield coded.text
    for coding in coded.codings:
        if coding.display:
            yield coding.display


def own_words(coded: Coded, library: Library) -> str:
    """What somebody wrote beside the known codes, which is more than the name of one of them; empty: nothing."""
    names = {folded(coding.display) for coding in coded.codings if by_code(coding, library)}
    return next((text for text in texts(coded) if folded(text) not in names), "")


def folded(text: str) -> str:
    """A text as texts are compared: lower case, single spaces, no full stop at the end."""
    return " ".join(text.casefold().split()).rstrip(".").rstrip()


def words(text: str) -> tuple[str, ...]:
    """The words of a text in lower case, punctuation dropped."""
    return tuple(_WORD.findall(text.casefold()))


def names_in(text: str, index: NameIndex) -> tuple[str, ...]:
    """Ids of the names found as whole words in a text; a longer name hides the shorter inside it."""
    found: list[str] = []
    tokens = words(text)
    position = 0
    while position < len(tokens):
        name, concepts = _name_at(tokens, position, index)
        found += concepts
        position += max(len(name), 1)
    return tuple(dict.fromkeys(found))


def _name_at(tokens: tuple[str, ...], position: int, index: NameIndex) -> tuple[tuple[str, ...], list[str]]:
    """The longest name that begins here, with every concept of that name (a combination has several)."""
    longest: tuple[str, ...] = ()
    concepts: list[str] = []
    for name, concept in index.get(tokens[position], ()):
        if len(name) >= len(longest) and tokens[position : position + len(name)] == name:
            longest = name
            concepts.append(concept)
    return longest, concepts


def _atc_group(code: str, library: Library) -> tuple[str, ...] | None:
    for length in _ATC_LEVELS:
        found = library.code_index.get((SYSTEMS["atc"], code[:length]))
        if found:
            return found
    return None
