"""How sentences of a chart are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Cue:
    """Phrases that tell how a term beside them is meant."""

    kind: Literal[
        "negation", "past", "family", "hypothetical", "uncertain", "unclear", "pseudo", "stop", "stop-list"
    ]
    """pseudo: looks like another and is none. stop: ends what a phrase before it says; stop-list: in a list."""
    phrases: tuple[str, ...]
    looks: Literal["forward", "backward"] = "forward"
    """forward: the term comes after the phrase."""
    reach: int | None = None
    """Most words between phrase and term. Left out: anywhere in the rest of the sentence."""
    at_end: bool = False
    """Only where the phrase ends its part of the sentence ("petechiae: no")."""


@dataclass(frozen=True, slots=True)
class Heading:
    """Names of observations whose values are not about the patient now, whatever words they use."""

    kind: Literal["past", "family", "hypothetical"]
    """As of a cue: no longer there, somebody else's, only feared or taught."""
    texts: tuple[str, ...]
    """Whole names, without a colon at the end."""
    codes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Short name of a code system -> codes of such observations."""


@dataclass(frozen=True, slots=True)
class TextRules:
    """mappings/text/context.yaml: which terms count in a sentence, and how the words around them change them."""

    problems: tuple[str, ...] = ()
    """Problem concepts whose texts count in sentences, as those of all signs do."""
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Concept id -> words that mean it inside a sentence only."""
    left_out: tuple[str, ...] = ()
    """Words and phrases in which no term is taken."""
    results: tuple[str, ...] = ()
    """Categories of observations whose texts are results, not sentences."""
    and_words: tuple[str, ...] = ()
    or_words: tuple[str, ...] = ()
    abbreviations: tuple[str, ...] = ()
    """Words after which a full stop ends no sentence."""
    cues: tuple[Cue, ...] = ()
    headings: tuple[Heading, ...] = ()
