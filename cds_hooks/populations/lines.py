"""One line of an export as a struct whose members are still bytes, and the same line without what nobody reads.

Members are chosen by name from the shapes of the reader, so that what the reader would see is the same before
and after. The members that tell whose an entry is and what it is about are named here; their values stay bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final, TypeAlias, cast, get_args

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, field

from cds_hooks.chart.shapes import Known, Other

Member: TypeAlias = Raw | UnsetType


class Ref(Struct, gc=False):
    """A reference as R4 writes it; the name beside it is dropped."""

    reference: str = ""


class Written(Struct, gc=False, omit_defaults=True, rename="camel"):
    """What of `meta` is read."""

    last_updated: Member = UNSET
    security: Member = UNSET


class Line(Struct, gc=False, omit_defaults=True, rename="camel"):
    """The members that are looked at before a chart is put together."""

    resource_type: str = ""
    id: str = ""
    meta: Written | UnsetType = UNSET
    subject: Ref | UnsetType = UNSET
    patient: Ref | UnsetType = UNSET
    code: Member = UNSET
    category: Member = UNSET
    value_string: Member = UNSET
    value_codeable_concept: Member = UNSET
    component: Member = UNSET
    effective_date_time: Member = UNSET
    effective_instant: Member = UNSET
    effective_period: Member = UNSET
    issued: Member = UNSET
    reason_code: Member = UNSET
    reason: Member = UNSET
    conclusion_code: Member = UNSET
    coded_diagnosis: Member = UNSET
    vaccine_code: Member = UNSET
    medication_codeable_concept: Member = UNSET
    medication: Member = UNSET
    comments: Member = UNSET
    date_recorded: Member = UNSET
    not_performed: Member = UNSET
    was_not_given: Member = UNSET


class Head(Struct, gc=False, rename="camel"):
    """What kind of document a line is."""

    resource_type: str = ""
    hook_instance: Member = UNSET


KINDS: Final[frozenset[str]] = frozenset(shape.__name__ for shape in get_args(Known) if shape is not Other) - {
    "Bundle",
    "OperationOutcome",
}
"""Resource types that can be part of a chart."""
_HEAD: Final = ("resource_type", "id", "meta", "subject", "patient")
"""Members that every line has. A line has no others than its type has: the fewer, the faster it is read."""
_SHAPES: Final[Mapping[str, type[Struct]]] = {shape.__name__: shape for shape in get_args(Known)}

head: Final = msgspec.json.Decoder(Head)
slimmer: Final = msgspec.json.Encoder()


@cache
def decoder(kind: str) -> msgspec.json.Decoder[Line]:
    """What decodes a line of this resource type; with `decode_lines` many at once."""
    common = {one.name: one for one in msgspec.structs.fields(Line)}
    read = [one for one in msgspec.structs.fields(_SHAPES[kind]) if one.name not in (*_HEAD, "lost")]
    members = [(one.name, Member, field(default=UNSET, name=one.encode_name)) for one in read]
    head = [
        (name, common[name].type, field(default=common[name].default, name=common[name].encode_name))
        for name in _HEAD
    ]
    absent = dict.fromkeys(common.keys() - {one.name for one in read} - set(_HEAD), UNSET)
    shape = msgspec.defstruct(f"{kind}Line", [*head, *members], namespace=absent, gc=False, omit_defaults=True)
    return cast("msgspec.json.Decoder[Line]", msgspec.json.Decoder(shape))
