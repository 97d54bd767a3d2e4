"""Observations as the record's entries: one for the whole and one for each component, whatever the value.

Only FHIR's status is judged. A result in error or cancelled is no entry, nor is one that is only announced;
anything but a final result is marked preliminary.
Source: FHIR R4 4.0.1, Observation; R5 5.0.0 and STU3 3.0.2, the same page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from cds_hooks.chart.datatypes import ReferenceRange
from cds_hooks.chart.pool import tail
from cds_hooks.chart.record import Coded, Observed, Quantity, Value
from cds_hooks.chart.shapes import Component, Observation, Valued
from cds_hooks.chart.times import period, when
from cds_hooks.chart.values import all_coded, all_words, coded, is_measurable, is_restricted, quantity, words
from cds_hooks.model.truth import When

_FINAL: Final = frozenset({"final", "amended", "corrected", "appended"})
_VOID: Final = frozenset({"entered-in-error", "cancelled"})
_VALUES: Final = tuple(name for name in Valued.__struct_fields__ if name.startswith("value_"))
_UNREAD_TYPE: Final = "unreadable-type"
"""Value_missing of a value that is there, in a FHIR type that rules do not use or in no readable form."""


def observed(observation: Observation, reference: str) -> tuple[Observed, ...]:
    """The Observation and then its components; empty when its status says that there is no result."""
    if observation.status in _VOID or (observation.status == "registered" and not _has_value(observation)):
        return ()
    whole = _whole(observation, reference)
    return (whole, *(_part(component, whole) for component in observation.component))


def time_of(observation: Observation) -> When | None:
    """When it holds: the moment or the stretch observed; None for none, and for a schedule (Timing)."""
    moment = observation.effective_date_time or observation.effective_instant
    return when(moment) or period(observation.effective_period)


def _whole(observation: Observation, reference: str) -> Observed:
    value = _value(observation)
    normal = _normal(observation.reference_range)
    return Observed(
        reference,
        coded(observation.code),
        value,
        at=time_of(observation),
        issued=when(observation.issued),
        value_missing="" if value is not None else _why_missing(observation),
        interpretation=all_words(observation.interpretation),
        sites=all_coded((observation.body_site,)) if observation.body_site else (),
        low=quantity(normal.low) if normal else None,
        high=quantity(normal.high) if normal else None,
        preliminary=observation.status not in _FINAL,
        categories=all_words(observation.category),
        members=tuple(_members(observation)),
        restricted=is_restricted(observation.meta),
    )


def _members(observation: Observation) -> Iterator[str]:
    """References of the Observations that this one groups (STU3: `related` of the type has-member)."""
    stu3 = (one.target for one in observation.related if one.type == "has-member")
    for member in (*observation.has_member, *stu3):
        if member is not None and member.reference:
            yield tail(member.reference, "Observation")


def _part(component: Component, whole: Observed) -> Observed:
    value = _value(component)
    normal = _normal(component.reference_range)
    return Observed(
        whole.reference,
        coded(component.code),
        value,
        at=whole.at,
        issued=whole.issued,
        value_missing="" if value is not None else _why_missing(component),
        interpretation=all_words(component.interpretation),
        sites=whole.sites,
        low=quantity(normal.low) if normal else None,
        high=quantity(normal.high) if normal else None,
        preliminary=whole.preliminary,
        categories=whole.categories,
        panel=whole.what,
        restricted=whole.restricted,
    )


def _has_value(observation: Observation) -> bool:
    return any(_value(part) is not None for part in (observation, *observation.component))


def _value(part: Valued) -> Value:
    """What was found. A string stays a string even when it looks like a number."""
    if part.value_quantity is not None:
        return quantity(part.value_quantity)
    if part.value_codeable_concept is not None:
        answer = coded(part.value_codeable_concept)
        return None if answer == Coded() else answer
    if part.value_boolean is not None:
        return part.value_boolean
    if part.value_integer is not None and is_measurable(part.value_integer):
        return Quantity(part.value_integer)
    return part.value_string.strip() or None


def _why_missing(part: Valued) -> str:
    """The chart's own reason first; else whether a value stands there that cannot be used."""
    given = next(iter(words(part.data_absent_reason)), "")
    unread = any(getattr(part, name) not in (None, "") for name in _VALUES) or any(
        name in _VALUES for name in part.lost
    )
    return given or (_UNREAD_TYPE if unread else "")


def _normal(ranges: Sequence[ReferenceRange]) -> ReferenceRange | None:
    """The range that holds for everyone: the first of no type, else the first of type normal."""
    general = [one for one in ranges if not one.applies_to and one.age is None]
    untyped = (one for one in general if one.type is None)
    return next(untyped, None) or next((one for one in general if "normal" in words(one.type)), None)
