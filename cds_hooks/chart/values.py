"""FHIR data types as the record's own: codings with text, exact quantities, the words of a code.

Nothing is translated here: a unit stays as written, a code stays as sent. What cannot be used (a number that
is not finite, a comparator nobody knows) is None.
Source: FHIR R4 4.0.1, 2.24 Data Types.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final, Literal

from cds_hooks.chart import datatypes
from cds_hooks.chart.datatypes import Concept, Meta
from cds_hooks.chart.record import Coded, Quantity
from cds_hooks.model.codes import Coding

_UCUM: Final = "http://unitsofmeasure.org"
_COMPARATORS: Final[dict[str, Literal["", "<", "<=", ">", ">="]]] = {
    "": "",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
}
_DIGITS: Final = 30
"""Powers of ten that a measured value can need; beyond it is damage, and later sums would overflow."""
_NO_CONCEPT: Final = Coded()
_RESTRICTED: Final = frozenset({"R", "V"})
"""v3-Confidentiality: restricted, very restricted."""


def coded(concept: Concept | None) -> Coded:
    """All codings and the text; empty for no concept. A bare Coding and R5's wrapped concept count as well."""
    if concept is None:
        return _NO_CONCEPT
    concept = concept.concept or concept
    codings = [
        Coding(one.system.strip(), one.code.strip(), one.display.strip())
        for one in _codings(concept)
        if one.code or one.display
    ]
    return Coded(tuple(codings), concept.text.strip())


def all_coded(concepts: Iterable[Concept]) -> tuple[Coded, ...]:
    """Each concept that says anything."""
    return tuple([one for one in map(coded, concepts) if one.codings or one.text])


def words(concept: Concept | None) -> tuple[str, ...]:
    """The codes of a FHIR status or category; its text when there is no code (STU3 writes a plain code)."""
    if concept is None:
        return ()
    concept = concept.concept or concept
    codes = [one.code.strip() for one in _codings(concept) if one.code]
    return tuple(codes or [text for text in [concept.text.strip()] if text])


def all_words(concepts: Iterable[Concept]) -> tuple[str, ...]:
    """The words of all concepts, in their order."""
    return tuple([word for concept in concepts for word in words(concept)])


def quantity(written: datatypes.Quantity | None) -> Quantity | None:
    """The exact number with its unit; None without a usable number or with a comparator that is unknown."""
    if written is None or written.value is None or not is_measurable(written.value):
        return None
    comparator = _COMPARATORS.get(written.comparator.strip())
    return None if comparator is None else Quantity(written.value, _unit(written), comparator)


def is_measurable(value: Decimal) -> bool:
    """Whether the number is finite and of a size that something measured can have."""
    return value.is_finite() and -_DIGITS < value.adjusted() < _DIGITS


def is_restricted(meta: Meta | None) -> bool:
    """Whether a security label says that the entry must not be shown to everyone."""
    return meta is not None and any(label.code in _RESTRICTED for label in meta.security)


def _codings(concept: Concept) -> tuple[datatypes.Coding, ...]:
    return concept.coding or (datatypes.Coding(concept.system, concept.code, concept.display),)


def _unit(written: datatypes.Quantity) -> str:
    """The code when it is UCUM or of no named system, else the text: a local unit code says nothing to us."""
    is_code = written.code and written.system in {"", _UCUM}
    return ((written.code if is_code else written.unit) or written.code).strip()
