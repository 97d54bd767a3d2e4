"""Sentences of a chart: which signs they name, and whether as there, denied, past, or not about the patient now.

A small ConText (Harkema et al., J Biomed Inform 2009): terms are found as whole words, and phrases beside
them say how they are meant. Terms and phrases stand in mappings/text/context.yaml. Where a list leaves it
open what a phrase covers, the term is set aside and counted: neither there nor denied. Text is compared,
never shown.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, TypeAlias

from cds_hooks.model.library import Library
from cds_hooks.model.texts import Cue, TextRules
from cds_hooks.reasoning.codes import names_in
from cds_hooks.reasoning.text_index import phrases_at, tokens_of

LONGEST = 4000
"""Characters of one text that are read."""
_SENTENCE_END = re.compile(r"[.!;]+[)\]\"']*(?=\s|$)|\n\s*\n|\n(?!\s*[a-z])")
_LAST_WORD = re.compile(r"(?:^|[^\w])(\w+)$")
_ITEM = 4
"""Most words of one item of a list."""

State: TypeAlias = Literal["present", "absent", "past"]


class Aside(Enum):
    """Why a term that was found counts neither as there nor as denied."""

    RELATIVE = "of somebody else"
    HYPOTHETICAL = "only feared, asked or taught"
    UNCLEAR = "left open by its wording"
    TOO_LONG = "beyond the part that is read"


@dataclass(frozen=True, slots=True)
class Named:
    """A concept that a text names. `possible` says that every place of it is worded as a suspicion."""

    concept: str
    state: State
    possible: bool = False
    sites: tuple[str, ...] = ()
    """Site concepts named near it. A text may name more of them elsewhere."""


@dataclass(frozen=True, slots=True)
class TextReading:
    """What one text says, and how many mentions were set aside, by reason."""

    named: tuple[Named, ...] = ()
    aside: Mapping[Aside, int] = field(default_factory=dict)


NOTHING_SAID = TextReading()


def read_text(text: str, library: Library) -> TextReading:
    """Concepts that the text names as there, denied or past; what it both says and denies is there."""
    found: list[Named] = []
    aside: Counter[Aside] = Counter()
    if len(text) > LONGEST:
        aside[Aside.TOO_LONG] += 1
    for sentence in _sentences(text, library.text_rules):
        for item in _read_sentence(sentence, library):
            if isinstance(item, Aside):
                aside[item] += 1
            else:
                found.append(item)
    return TextReading(tuple(_merged(found, aside)), aside)


def terms_within(name: str, library: Library) -> frozenset[str]:
    """Concepts of every term inside a name, also of those that a longer term hides."""
    tokens = tokens_of(name)
    found = (one for at in range(len(tokens)) for _, one in phrases_at(tokens, at, library.text_terms))
    return frozenset(found) - {""}


# ---------------------------------------------------------------- sentences


def _sentences(text: str, rules: TextRules) -> list[str]:
    """The sentences of the part that is read; a sentence that was cut goes with the rest."""
    found: list[str] = []
    start = 0
    for end in _SENTENCE_END.finditer(text, 0, LONGEST):
        if not (end.group().startswith(".") and _abbreviated(text[start : end.start()], rules)):
            found.append(text[start : end.start()])
            start = end.end()
    if len(text) <= LONGEST or not found:
        found.append(text[start:LONGEST])
    return found


def _abbreviated(before: str, rules: TextRules) -> bool:
    """Whether a full stop here ends an abbreviation: a single letter, or a word of the list."""
    last = _LAST_WORD.search(before[-16:])
    word = last.group(1).casefold() if last else ""
    return (len(word) == 1 and word.isalpha()) or word in rules.abbreviations


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A term or a phrase at [start, end) of the tokens of a sentence."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Term(_Stretch):
    concepts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Heard(_Stretch):
    cue: Cue


@dataclass(frozen=True, slots=True)
class _Part(_Stretch):
    """A part of a sentence between commas and joining words."""

    joined_by: Literal["", ",", "and", "or"]
    bare: bool
    """Nothing but terms: an item of a list."""


@dataclass(frozen=True, slots=True)
class _Sentence:
    tokens: tuple[str, ...]
    terms: tuple[_Term, ...]
    heard: tuple[_Heard, ...]
    parts: tuple[_Part, ...]
    library: Library

    def part_of(self, one: _Stretch) -> int:
        """Index of the part in which a term or phrase begins."""
        return sum(part.start <= one.start for part in self.parts[1:])

    def between_terms(self, index: int) -> tuple[int, int]:
        """From the end of the term before to the start of the term after."""
        before = self.terms[index - 1].end if index else 0
        return before, self.terms[index + 1].start if index + 1 < len(self.terms) else len(self.tokens)

    def terms_in(self, part: _Part) -> tuple[_Term, ...]:
        """The terms that begin in a part."""
        return tuple(term for term in self.terms if part.start <= term.start < part.end)

    def sites_at(self, start: int, end: int) -> tuple[str, ...]:
        """Sites named by the tokens [start, end)."""
        return names_in(" ".join(self.tokens[start:end]), self.library.site_words)


def _read_sentence(text: str, library: Library) -> Iterator[Named | Aside]:
    tokens = tokens_of(text)
    terms = tuple(_terms(tokens, library))
    if not any(term.concepts for term in terms):
        return
    heard = tuple(_phrases(tokens, terms, library))
    sentence = _Sentence(tokens, terms, heard, tuple(_parts(tokens, terms, heard, library.text_rules)), library)
    for index, term in enumerate(terms):
        for concept in term.concepts:
            yield _meant(concept, index, sentence)


def _terms(tokens: tuple[str, ...], library: Library) -> Iterator[_Term]:
    position = 0
    while position < len(tokens):
        length, concepts = _term_at(tokens, position, library)
        if length:
            yield _Term(position, position + length, concepts)
        position += length or 1


def _term_at(tokens: tuple[str, ...], position: int, library: Library) -> tuple[int, tuple[str, ...]]:
    """Length and concepts of the longest term that begins here; no length when none does."""
    found = [*phrases_at(tokens, position, library.text_terms)]
    longest = found[0][0] if found else 0
    return longest, tuple(concept for length, concept in found if length == longest and concept)


def _phrases(tokens: tuple[str, ...], terms: tuple[_Term, ...], library: Library) -> Iterator[_Heard]:
    """Phrases, the longest at each place; those that are only a part of a term ("does not blanch") are none."""
    position = 0
    while position < len(tokens):
        heard = _phrase_at(tokens, position, library)
        inside = any(term.start <= position and one.end <= term.end for term in terms for one in heard)
        if not inside:
            yield from heard
        position = heard[0].end if heard and not inside else position + 1


def _phrase_at(tokens: tuple[str, ...], position: int, library: Library) -> list[_Heard]:
    longest: list[_Heard] = []
    for length, cue in phrases_at(tokens, position, library.text_cues):
        end = position + length
        if longest and end < longest[0].end:
            break
        if not cue.at_end or _ends_a_part(tokens, end, library.text_rules):
            longest.append(_Heard(position, end, cue))
    return longest


def _ends_a_part(tokens: tuple[str, ...], end: int, rules: TextRules) -> bool:
    """At the end, before a joining word, or before the next name of a form ("fever: no petechiae: yes")."""
    if end == len(tokens) or tokens[end] in (")", "-", "–") or _joining(tokens[end], rules):
        return True
    return ":" in tokens[end + 1 : end + 3]


def _parts(
    tokens: tuple[str, ...], terms: tuple[_Term, ...], heard: tuple[_Heard, ...], rules: TextRules
) -> Iterator[_Part]:
    in_terms = {position for one in terms for position in range(one.start, one.end)}
    taken = in_terms.union(*(range(one.start, one.end) for one in heard))
    joins = [(at, _joining(token, rules)) for at, token in enumerate(tokens) if at not in taken]
    start, joined_by = 0, _joining("", rules)
    for at, mark in [join for join in joins if join[1]]:
        if at > start:
            yield _Part(start, at, joined_by, in_terms.issuperset(range(start, at)))
        start, joined_by = at + 1, mark
    yield _Part(start, len(tokens), joined_by, in_terms.issuperset(range(start, len(tokens))))


def _joining(word: str, rules: TextRules) -> Literal["", ",", "and", "or"]:
    if word == ",":
        return ","
    if word in rules.or_words:
        return "or"
    return "and" if word in rules.and_words else ""


# ---------------------------------------------------------------- what is meant


def _meant(concept: str, index: int, sentence: _Sentence) -> Named | Aside:
    term = sentence.terms[index]
    kinds = {_said_of(term, heard, sentence) for heard in sentence.heard}
    if "family" in kinds:
        return Aside.RELATIVE
    if "hypothetical" in kinds:
        return Aside.HYPOTHETICAL
    if "unclear" in kinds or {"negation", "past"} <= kinds:
        return Aside.UNCLEAR
    if "negation" in kinds:
        return Aside.UNCLEAR if _of_one_place(index, sentence) else Named(concept, "absent")
    sites = _sites(index, sentence)
    return Named(concept, "past" if "past" in kinds else "present", "uncertain" in kinds, sites)


def _said_of(term: _Term, heard: _Heard, sentence: _Sentence) -> str:
    """The kind of the phrase if it covers the term, `unclear` where a list leaves that open, else empty."""
    cue = heard.cue
    before = heard.start < term.start
    if before != (cue.looks == "forward") or _is_stopped(term, heard, sentence):
        return ""
    if cue.reach is None:
        return cue.kind
    distance = term.start - heard.end if before else heard.start - term.end
    first, last = sorted((sentence.part_of(heard), sentence.part_of(term)))
    if first == last:
        return cue.kind if distance <= cue.reach else ""
    covers = _over_a_list(sentence, first, last) if before else _back_over_a_list(sentence, first, heard)
    return "unclear" if covers is None else cue.kind if covers else ""


def _is_stopped(term: _Term, heard: _Heard, sentence: _Sentence) -> bool:
    start, end = (heard.end, term.start) if heard.start < term.start else (term.end, heard.start)
    of_a_list = heard.cue.looks == "forward" and heard.cue.reach is not None
    kinds = ("stop", "stop-list") if of_a_list else ("stop",)
    return any(one.cue.kind in kinds and start <= one.start < end for one in sentence.heard)


def _over_a_list(sentence: _Sentence, first: int, last: int) -> bool | None:
    """Whether a phrase in part `first` still holds in part `last`; None when the wording leaves it open.

    "No petechiae or rash" denies both, "no fever, petechiae on legs" only the fever, and what "no fever,
    petechiae" denies nobody can tell.
    """
    part, between = sentence.parts[last], sentence.parts[first + 1 : last]
    if part.joined_by == "or":
        return True
    if not part.bare or any(_names_its_place(term, sentence) for term in sentence.terms_in(part)):
        return False
    if _goes_on_to_or(sentence, last) and all(one.end - one.start <= _ITEM for one in between):
        return True
    if not all(one.bare or one.end - one.start == 1 for one in between):
        return False
    return True if part.joined_by == "and" else None


def _goes_on_to_or(sentence: _Sentence, last: int) -> bool:
    """Whether bare items follow up to an "or" before one more term."""
    for part in sentence.parts[last + 1 :]:
        if part.joined_by == "or":
            return any(term.start == part.start for term in sentence.terms_in(part))
        if not part.bare:
            return False
    return False


def _back_over_a_list(sentence: _Sentence, first: int, heard: _Heard) -> bool | None:
    """The same for a phrase at the end: "petechiae and purpura absent", "petechiae on legs and arms resolved"."""
    last = sentence.part_of(heard)
    after = sentence.parts[first + 1 : last + 1]
    joins = {part.joined_by for part in after}
    if joins == {","}:
        return False
    if all(part.bare for part in sentence.parts[first:last]):
        return None if "," in joins else True
    places = all(sentence.sites_at(part.start, min(part.end, heard.start)) for part in after)
    return places and not any(term.start >= after[0].start for term in sentence.terms)


def _of_one_place(index: int, sentence: _Sentence) -> bool:
    """Whether what is denied is a sign at one place only ("no petechiae on the face")."""
    term = sentence.terms[index]
    part = sentence.parts[sentence.part_of(term)]
    start, end = sentence.between_terms(index)
    if sentence.sites_at(max(start, part.start), term.start) or sentence.sites_at(term.end, min(end, part.end)):
        return True
    return _names_its_place(term, sentence)


def _names_its_place(term: _Term, sentence: _Sentence) -> bool:
    """Whether the term says where, and would mean the same without ("petechiae on legs", not "leg pain")."""
    words = sentence.tokens[term.start : term.end]
    rest = tuple(word for word in words if not names_in(word, sentence.library.site_words))
    if not 0 < len(rest) < len(words):
        return False
    _, concepts = _term_at(rest, 0, sentence.library)
    return bool(term.concepts) and set(term.concepts) <= set(concepts)


def _sites(index: int, sentence: _Sentence) -> tuple[str, ...]:
    """Sites from the term's part on up to the next term; for an item of a list else those of the sentence."""
    term = sentence.terms[index]
    part = sentence.parts[sentence.part_of(term)]
    before, after = sentence.between_terms(index)
    near = sentence.sites_at(part.start if before <= part.start else term.start, after)
    return near or (sentence.sites_at(0, len(sentence.tokens)) if part.bare else ())


def _merged(found: list[Named], aside: Counter[Aside]) -> Iterator[Named]:
    """Each concept once for each state. What one text both says and denies is there."""
    by_key: dict[tuple[str, State], list[Named]] = {}
    for named in found:
        by_key.setdefault((named.concept, named.state), []).append(named)
    for (concept, state), items in by_key.items():
        if state == "absent" and (concept, "present") in by_key:
            aside[Aside.UNCLEAR] += len(items)
            continue
        sites = tuple(dict.fromkeys(site for item in items for site in item.sites))
        yield Named(concept, state, all(item.possible for item in items), sites)
