"""Measured values: charted quantity -> canonical value, comparison with a range, words for a card.

Everything is exact Decimal. A unit that is not in the concept's closed table is unknown, never guessed.
A comparator makes a value an interval: `<5` is below 10, and of `<5` nobody knows whether it is below 3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, DecimalException

from msgspec import Struct

from cds_hooks.chart.record import Observed, Quantity
from cds_hooks.model.codes import Concept, Conversion, Limits
from cds_hooks.model.library import Library
from cds_hooks.model.results import GapReason
from cds_hooks.model.truth import Truth

_NUMBER = re.compile(r"^\s*(<=|>=|<|>|≤|≥)?\s*([-+]?\d+(?:\.\d+)?)\s*(\D.*)?$")
_ANNOTATION_ALONE = re.compile(r"^\{[^}]*\}$")
_ANNOTATION_BEHIND = re.compile(r"([^/{}])\{([^}]*)\}")
_MARKS = str.maketrans({"{": None, "}": None, "[": None, "]": None, "_": " ", "#": None})
_SPECIAL_UNITS: Mapping[str, str] = {"[degF]": "°F", "Cel": "°C"}
_COMPARATORS: Mapping[str, str] = {"≤": "<=", "≥": ">="}
_FOLD = str.maketrans({"μ": "u", "µ": "u", "⁹": "9", "³": "3", "⁶": "6", " ": None})


class Reading(Struct, frozen=True, eq=False):
    """One value in the concept's canonical unit, with the entry it came from. No two entries are one reading."""

    entry: Observed
    concept: Concept
    value: Decimal
    comparator: str
    charted: Quantity
    conversion: Conversion


def quantity_of(entry: Observed) -> Quantity | None:
    """The entry's number: a Quantity, or a text that is nothing but a number with an optional unit."""
    if isinstance(entry.value, Quantity):
        return entry.value
    match = _NUMBER.match(entry.value) if isinstance(entry.value, str) else None
    if match is None:
        return None
    comparator, number, unit = match.groups()
    comparator = _COMPARATORS.get(comparator or "", comparator or "")
    return Quantity(Decimal(number), (unit or "").strip(), comparator)  # type: ignore[arg-type]  # the pattern allows these four only


def reading(entry: Observed, concept: Concept, library: Library) -> Reading | GapReason | None:
    """The entry as a canonical value, or the reason it cannot be used; None when it holds no number."""
    charted = quantity_of(entry)
    if charted is None:
        return None
    found = canonical(charted, concept, library)
    if isinstance(found, GapReason):
        return found
    value, conversion = found
    return Reading(entry, concept, value, charted.comparator, charted, conversion)


def canonical(charted: Quantity, concept: Concept, library: Library) -> tuple[Decimal, Conversion] | GapReason:
    """The number in the concept's canonical unit, and how it was converted; or the reason it cannot be used."""
    conversion = library.units.get(concept.id, {}).get(folded_unit(charted.unit))
    if conversion is None:
        return GapReason.UNIT_UNKNOWN
    value = _converted(charted.value, conversion)
    if value is None or _implausible(value, concept):
        return GapReason.IMPLAUSIBLE
    return value, conversion


def folded_unit(unit: str) -> str:
    """A unit as spellings are compared: no spaces, lower case, plain digits and a plain u for micro."""
    return unit.translate(_FOLD).casefold()


def compare(value: Decimal, comparator: str, limits: Limits) -> Truth:
    """Whether the value lies in the range; unknown when a comparator leaves it open."""
    answers = [
        _beyond(value, comparator, bound, strict=strict)
        for bound, strict in ((limits.above, True), (limits.at_least, False))
        if bound is not None
    ]
    answers += [
        _beyond(-value, mirrored(comparator), -bound, strict=strict)
        for bound, strict in ((limits.below, True), (limits.at_most, False))
        if bound is not None
    ]
    if Truth.ABSENT in answers:
        return Truth.ABSENT
    return Truth.UNKNOWN if Truth.UNKNOWN in answers else Truth.PRESENT


def mirrored(comparator: str) -> str:
    """The comparator of the value with its sign turned: of what is below 5, the negative is above -5."""
    return _MIRROR[comparator]


def against_reference(item: Reading, limits: Limits, library: Library) -> Truth:
    """Whether the value lies in a range given by the laboratory's own limit, as multiples or as a distance.

    Without a reference range the laboratory's flag decides for a factor of 1 only; else unknown.
    """
    reference = item.entry.low if limits.of == "lower-limit" else item.entry.high
    limit = _reference_value(reference, item, library)
    if limit is None:
        return _flagged(item.entry, limits)
    above, at_least, below, at_most = (_from_reference(b, limit, limits.of) for b in _bounds(limits))
    own = Limits(above=above, at_least=at_least, below=below, at_most=at_most)
    return compare(item.value, item.comparator, own)


def in_words(item: Reading) -> str:
    """The value and unit as charted, the canonical value beside it where the number differs."""
    charted = f"{item.comparator}{plain(item.charted.value)}"
    shown = item.concept.show_unit or item.concept.unit
    if item.charted.value == item.value:
        return _with_unit(charted, shown)
    canonical = _with_unit(f"{item.comparator}{plain(_rounded(item.value))}", shown)
    return f"{_with_unit(charted, item.conversion.spelling)} ({canonical})"


def plain(value: Decimal) -> str:
    """The number as a person writes it: no exponent, no trailing zeros after a point."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


_MIRROR: Mapping[str, str] = {"": "", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _beyond(value: Decimal, comparator: str, bound: Decimal, *, strict: bool) -> Truth:
    """Truth of value > bound (or >= bound) for every number the comparator allows."""
    reaches = value > bound if strict else value >= bound
    if comparator == "":
        return Truth.PRESENT if reaches else Truth.ABSENT
    if comparator in (">", ">="):
        return Truth.PRESENT if reaches or (comparator == ">" and value == bound) else Truth.UNKNOWN
    may_reach = reaches and not (comparator == "<" and value == bound)
    return Truth.UNKNOWN if may_reach else Truth.ABSENT


def _converted(value: Decimal, conversion: Conversion) -> Decimal | None:
    try:
        converted = (value + conversion.offset) * conversion.factor
        return round(converted, 2) if conversion.offset else converted
    except DecimalException:
        return None


def _implausible(value: Decimal, concept: Concept) -> bool:
    if not value.is_finite():
        return True
    return concept.plausible is not None and not concept.plausible.min <= value <= concept.plausible.max


def _reference_value(reference: Quantity | None, item: Reading, library: Library) -> Decimal | None:
    if reference is None:
        return None
    unit = reference.unit or item.charted.unit
    conversion = library.units.get(item.concept.id, {}).get(folded_unit(unit))
    limit = _converted(reference.value, conversion) if conversion else None
    return None if limit is None or _implausible(limit, item.concept) else limit


def _flagged(entry: Observed, limits: Limits) -> Truth:
    upper = limits.of == "upper-limit"
    factor = limits.above if upper else limits.below
    if limits.of == "over-upper-limit" or factor != 1 or not entry.interpretation:
        return Truth.UNKNOWN
    raised = {"H", "HH", "HU"} if upper else {"L", "LL", "LU"}
    flags = set(entry.interpretation)
    if flags & raised:
        return Truth.PRESENT
    return Truth.ABSENT if flags & {"N", "H", "HH", "L", "LL"} else Truth.UNKNOWN


def _bounds(limits: Limits) -> tuple[Decimal | None, ...]:
    return (limits.above, limits.at_least, limits.below, limits.at_most)


def _from_reference(bound: Decimal | None, limit: Decimal, of: str) -> Decimal | None:
    if bound is None:
        return None
    return limit + bound if of == "over-upper-limit" else limit * bound


def _rounded(value: Decimal) -> Decimal:
    """A converted number at two decimals, which is for the eye only: the exact value is what was compared."""
    return round(value, 2) if value != value.to_integral_value() else value


def _with_unit(number: str, unit: str) -> str:
    readable = _readable(unit)
    if readable in ("", "1"):
        return number
    return f"{number}{readable}" if readable == "%" else f"{number} {readable}"


def _readable(unit: str) -> str:
    """UCUM as people write it: an annotation is a word beside its unit, and nothing where it is the whole unit."""
    plainly = _ANNOTATION_ALONE.sub("", _SPECIAL_UNITS.get(unit, unit))
    plainly = _ANNOTATION_BEHIND.sub(r"\1 \2", plainly)
    return plainly.translate(_MARKS)
