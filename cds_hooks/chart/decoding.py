"""JSON as shapes: strictly when it is R4, tolerantly when it is not, so that one odd field costs only itself.

Nearly every resource decodes at once into its struct. One that does not (STU3 and R5 spellings, a string
where a list belongs, null among the codings) is decoded as plain JSON and fitted into the struct field by
field; what fits nowhere is named in `lost`. Numbers are Decimals, exactly as the JSON writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from types import UnionType
from typing import Any, Final, TypeAlias, cast, get_args

import msgspec

from cds_hooks.chart.shapes import Entry, Known, Other

UNREADABLE_JSON: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding raises: no JSON, no FHIR resource, or nested too deeply."""

Json: TypeAlias = Any  # any JSON value: fit() finds out which
_Type: TypeAlias = Any  # a type annotation of a struct's field; Python has no common type for them

_SHAPES: Final[Mapping[str, type[msgspec.Struct]]] = {
    shape.__name__: shape for shape in get_args(Known) if shape is not Other
}
_LOST: Final = object()
_NOTHING: Final[tuple[object, ...]] = (None, [])


def body(raw: bytes | msgspec.Raw) -> Known | tuple[msgspec.Raw, ...] | None:
    """A resource, the elements of a bare list, or None for `null`. Raises one of UNREADABLE_JSON."""
    try:
        return _BODY.decode(raw)
    except msgspec.ValidationError:
        fitted = _fit_resource(_PLAIN.decode(raw))
    if fitted is _LOST:
        raise msgspec.ValidationError("This is JSON, but no FHIR resource.")
    return cast("Known", fitted)


def entry(raw: msgspec.Raw) -> Entry:
    """One entry of a Bundle; `lost` names `resource` when there is one that cannot be read.

    Raises one of UNREADABLE_JSON.
    """
    try:
        return _ENTRY.decode(raw)
    except msgspec.ValidationError:
        fitted = _fit(_PLAIN.decode(raw), Entry)
    return Entry(lost=("resource",)) if fitted is _LOST else cast("Entry", fitted)


def _fit(value: Json, wanted: _Type) -> object:  # a value of the wanted type, or _LOST
    if isinstance(wanted, UnionType):
        first, *others = (part for part in get_args(wanted) if part is not type(None))
        return _fit_resource(value) if others else _fit(value, first)
    if getattr(wanted, "__origin__", None) is tuple:
        return _fit_each(value, get_args(wanted)[0])
    if wanted is msgspec.Raw:
        return msgspec.Raw(msgspec.json.encode(value))
    if isinstance(value, list):
        return next((fitted for item in value if (fitted := _fit(item, wanted)) is not _LOST), _LOST)
    if wanted in _SCALARS:
        return _SCALARS[wanted](value)
    return _fit_struct(value, wanted)


def _fit_resource(value: Json) -> object:  # a resource, or _LOST
    name = value.get("resourceType") if isinstance(value, dict) else None
    if not isinstance(name, str):
        return _LOST
    return _fit_struct(value, _SHAPES[name]) if name in _SHAPES else Other(name=name)


def _fit_each(value: Json, wanted: _Type) -> object:  # a tuple of the wanted type, or _LOST
    items = value if isinstance(value, list) else [value]
    fitted = tuple(one for item in items if item is not None and (one := _fit(item, wanted)) is not _LOST)
    return fitted if fitted or not items else _LOST


def _fit_struct(value: Json, shape: _Type) -> object:  # a struct, or _LOST when nothing in it fits
    if not isinstance(value, dict):
        return _fit_struct({shape.bare: value}, shape) if hasattr(shape, "bare") else _LOST
    written = shape.mend(value) if hasattr(shape, "mend") else value
    given = [(attribute, written.get(name), kind) for attribute, name, kind in _plan(shape)]
    fitted = {attribute: _fit(one, kind) for attribute, one, kind in given if one not in _NOTHING}
    values = {attribute: one for attribute, one in fitted.items() if one is not _LOST}
    if fitted and not values:
        return _LOST
    if "lost" in shape.__struct_fields__:
        values["lost"] = tuple(sorted(fitted.keys() - values.keys()))
    return shape(**values)


@cache
def _plan(shape: type[msgspec.Struct]) -> tuple[tuple[str, str, _Type], ...]:
    """Attribute, JSON name and type of each field that a sender may fill."""
    fields = msgspec.structs.fields(shape)
    return tuple((field.name, field.encode_name, field.type) for field in fields if field.name != "lost")


def _as_text(value: Json) -> object:  # a str, or _LOST
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else _LOST


def _as_number(value: Json) -> object:  # a Decimal, or _LOST
    text = _as_text(value)
    number = _number(text) if isinstance(text, str) else None
    return _LOST if number is None else number


def _as_whole_number(value: Json) -> object:  # an int, or _LOST
    return value if isinstance(value, int) and not isinstance(value, bool) else _LOST


def _as_truth(value: Json) -> object:  # a bool, or _LOST
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value, _LOST) if isinstance(value, str) else _LOST


def _number(text: str) -> Decimal | None:
    """The exact number; None for no number, and for an exponent beyond anything that can be meant."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


_SCALARS: Final[Mapping[_Type, Callable[[Json], object]]] = {
    str: _as_text,
    bool: _as_truth,
    int: _as_whole_number,
    Decimal: _as_number,
}
_ENTRY: Final = msgspec.json.Decoder(Entry)
_BODY: Final[msgspec.json.Decoder[Known | tuple[msgspec.Raw, ...] | None]] = msgspec.json.Decoder(
    Known | tuple[msgspec.Raw, ...] | None
)
_PLAIN: Final = msgspec.json.Decoder(float_hook=_number)
