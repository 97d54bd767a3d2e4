"""What sentences are compared with: terms, and the phrases of mappings/text/context.yaml, by their first token."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias, TypeVar

from cds_hooks.model.codes import Concept
from cds_hooks.model.library import Library
from cds_hooks.model.texts import Cue, TextRules

_T = TypeVar("_T")
PhraseIndex: TypeAlias = Mapping[str, Mapping[int, Mapping[tuple[str, ...], tuple[_T, ...]]]]
"""First token -> length, longest first -> all tokens of a phrase -> what it stands for."""
_TOKEN = re.compile(r"\w+(?:['-]\w+)*|\++|[?:,()/&=–—-]")
_NAMED_AS_WHOLES = frozenset({"problem", "context", "lab", "vital", "procedure", "vaccine"})
"""Kinds whose names say nothing in a sentence, but hide the shorter names inside them."""
_NONE: Mapping[int, Mapping[tuple[str, ...], tuple[Any, ...]]] = {}
_FILE = "mappings/text/context.yaml"


def tokens_of(text: str) -> tuple[str, ...]:
    """Words in lower case, and the marks that mean something beside a word (question mark, colon, comma …)."""
    return tuple(_TOKEN.findall(text.replace("’", "'").casefold()))


def phrases_at(tokens: tuple[str, ...], position: int, index: PhraseIndex[_T]) -> Iterator[tuple[int, _T]]:
    """What the phrases that begin at a token stand for, each with its length in tokens, longest first."""
    for length, phrases in index.get(tokens[position], _NONE).items():
        for stands_for in phrases.get(tokens[position : position + length], ()):
            yield length, stands_for


def term_index(concepts: Mapping[str, Concept], rules: TextRules) -> PhraseIndex[str]:
    """Terms and the concepts they mean. An empty id: a name that says nothing, but hides those inside it."""
    left_out = {tokens_of(phrase) for phrase in rules.left_out}
    pairs = [(tokens, "") for tokens in left_out]
    for concept in concepts.values():
        terms = {tokens_of(text) for text in rules.words.get(concept.id, ())}
        if concept.kind == "sign" or concept.id in rules.problems:
            terms |= {tokens_of(text) for text in concept.texts}
        elif concept.kind in _NAMED_AS_WHOLES:
            pairs += [(tokens_of(text), "") for text in concept.texts]
        pairs += [(tokens, concept.id) for tokens in terms - left_out]
    return _index(pairs)


def cue_index(rules: TextRules) -> PhraseIndex[Cue]:
    """Phrases and what each tells of the terms beside it."""
    return _index((tokens_of(phrase), cue) for cue in rules.cues for phrase in cue.phrases)


def text_faults(library: Library) -> Iterator[str]:
    """Concepts that are unknown or of a kind that sentences do not name, and phrases without a word."""
    rules = library.text_rules
    for name in (*rules.problems, *rules.words):
        concept = library.concepts.get(name)
        if concept is None:
            yield f"{_FILE}:1: names the unknown concept `{name}`; mend the id"
        elif concept.kind not in ("sign", "problem"):
            yield f"{_FILE}:1: `{name}` is neither a sign nor a problem; take it out"
    phrases = (*rules.left_out, *(p for cue in rules.cues for p in cue.phrases), *sum(rules.words.values(), ()))
    for phrase in phrases:
        if not tokens_of(phrase):
            yield f'{_FILE}:1: the phrase "{phrase}" has no word; take it out'


def _index(pairs: Iterable[tuple[tuple[str, ...], _T]]) -> PhraseIndex[_T]:
    index: dict[str, dict[int, dict[tuple[str, ...], tuple[_T, ...]]]] = {}
    for tokens, stands_for in sorted(pairs, key=lambda pair: -len(pair[0])):
        if tokens:
            by_tokens = index.setdefault(tokens[0], {}).setdefault(len(tokens), {})
            by_tokens[tokens] = (*by_tokens.get(tokens, ()), stands_for)
    return index
