"""The few fields of FHIR data types that we read: codes, references, times, quantities.

Each is what R4 says it is; `bare` names the field that a plain JSON value fills where a sender writes
one in place of the object ("active" for a CodeableConcept). Names are FHIR's in snake case.
Source: FHIR R4 4.0.1, 2.24 Data Types; R5 5.0.0, CodeableReference.
"""

from __future__ import annotations

import re
from decimal import Decimal

from msgspec import Struct, field

_WITH_COMPARATOR = re.compile(r"\s*(<=|>=|<|>)\s*([0-9.]+)\s*")


class Coding(Struct, gc=False):
    """A code of a code system."""

    bare = "code"
    system: str = ""
    code: str = ""
    display: str = ""


class Concept(Struct, gc=False):
    """A CodeableConcept; or a bare Coding in its place; or R5's CodeableReference around it."""

    bare = "text"
    coding: tuple[Coding, ...] = ()
    text: str = ""
    system: str = ""
    code: str = ""
    display: str = ""
    concept: Concept | None = None


class Odd(Struct, gc=False):
    """Something of which only the presence matters."""


class Identifier(Struct, gc=False):
    """A number by which someone is known, and whose numbers they are."""

    bare = "value"
    system: str = ""
    value: str = ""


class Reference(Struct, gc=False):
    """A pointer to a resource: its address, or only its identifier or its name."""

    bare = "reference"
    reference: str = ""
    identifier: Identifier | None = None
    display: str = ""

    @staticmethod
    def mend(written: dict[str, object]) -> dict[str, object]:
        """The object with a number in place of the address as what it may be: an identifier of no system."""
        address = written.get("reference")
        is_number = isinstance(address, int | Decimal) and not isinstance(address, bool)
        return {**written, "reference": None, "identifier": {"value": address}} if is_number else written


class Pointed(Struct, gc=False):
    """R5's CodeableReference where both halves matter (medicines)."""

    concept: Concept | None = None
    reference: Reference | None = None


class Period(Struct, gc=False):
    """A stretch of time; either end may be missing."""

    start: str = ""
    end: str = ""


class Quantity(Struct, gc=False):
    """A number with its unit, also an Age or a Duration."""

    bare = "value"
    value: Decimal | None = None
    comparator: str = ""
    unit: str = ""
    system: str = ""
    code: str = ""

    @staticmethod
    def mend(written: dict[str, object]) -> dict[str, object]:
        """The object with `"value": "<5"` parted into comparator and number, as some laboratories send it."""
        parts = _WITH_COMPARATOR.fullmatch(str(written.get("value")))
        return {**written, "comparator": parts[1], "value": parts[2]} if parts else written


class ReferenceRange(Struct, gc=False):
    """The laboratory's own limits, and for whom they hold."""

    low: Quantity | None = None
    high: Quantity | None = None
    type: Concept | None = None
    applies_to: tuple[Odd, ...] = field(default=(), name="appliesTo")
    age: Odd | None = None


class Meta(Struct, gc=False, rename="camel"):
    """Security labels, and when this version was written."""

    last_updated: str = ""
    security: tuple[Coding, ...] = ()
