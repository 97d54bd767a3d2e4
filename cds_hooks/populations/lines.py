"""One line of an export as a struct whose members are still bytes, and the same line without what nobody reads.

Members are chosen by name from the shapes of the reader, so that what the reader would see is the same before
and after. The members that tell whose an entry is and what it is about are named here; their values stay bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Final, Literal, TypeAlias, cast, get_args

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, field

from cds_hooks.chart.shapes import Known, Other

Member: TypeAlias = Raw | UnsetType


def written(value: Member) -> bytes:
    """A member as it is written; empty when it is not there."""
    return b"" if value is UNSET else bytes(value)


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
    value_quantity: Member = UNSET
    component: Member = UNSET
    effective_date_time: Member = UNSET
    effective_instant: Member = UNSET
    effective_period: Member = UNSET
    issued: Member = UNSET
    recorded_date: Member = UNSET
    asserted_date: Member = UNSET
    onset_date_time: Member = UNSET
    onset_period: Member = UNSET
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
_HEAD: Final = ("id", "meta", "subject", "patient")
"""Members that every line has beside its type; it has no others than its type has: that is read faster."""
_SHAPES: Final[Mapping[str, type[Struct]]] = {shape.__name__: shape for shape in get_args(Known)}


class Beside:
    """What of an entry of some type is looked at, at a glance, beside its code."""

    def __init__(self, *names: str, dates: tuple[str, ...] = ()) -> None:
        self.names = names
        self.of: Callable[[Line], tuple[Member, ...]] = attrgetter(*names)
        self.nothing: tuple[Member, ...] = (UNSET,) * len(names)
        """What `of` is when only the code says what the entry is about, and only the dates when it was."""
        self.dates: Mapping[str, Callable[[Line], str]] = {name: attrgetter(name) for name in dates}


BESIDE_THE_CODE: Final[Mapping[str, Beside]] = {
    "Observation": Beside(
        *("value_string", "value_codeable_concept", "component", "comments"),
        *("effective_instant", "effective_period"),
        dates=("effective_date_time", "issued"),
    ),
    "Condition": Beside(
        *("date_recorded", "onset_period"), dates=("recorded_date", "asserted_date", "onset_date_time")
    ),
    "Encounter": Beside("reason_code", "reason"),
}
"""The types of which most exports are full. A member of another FHIR version counts as well."""
ABOUT: Final[Mapping[str, str]] = dict.fromkeys(
    ("MedicationStatement", "MedicationRequest", "MedicationAdministration", "MedicationDispense"),
    "medication_codeable_concept",
)
"""The member that says what an entry is about where it is not the code."""

head: Final = msgspec.json.Decoder(Head)
slimmer: Final = msgspec.json.Encoder()


def codes_of(kind: str, lines: Sequence[Line]) -> list[bytes]:
    """The bytes that say what each of some lines of one type is about; empty where nothing does."""
    about = list(map(attrgetter(ABOUT.get(kind, "code")), lines))
    try:
        return list(map(bytes, about))
    except TypeError:  # one that says nothing
        return list(map(written, about))


@cache
def decoder(kind: str) -> msgspec.json.Decoder[Line]:
    """What decodes a line of this resource type, and no other; with `decode_lines` many at once."""
    return _decoder(kind, (one.name for one in msgspec.structs.fields(_SHAPES[kind])))


@cache
def glancer(kind: str) -> msgspec.json.Decoder[Line]:
    """The same with no more members than tell whose an entry is, and whether it has to be read in full."""
    beside = BESIDE_THE_CODE.get(kind)
    dates = frozenset(beside.dates) if beside else frozenset[str]()
    looked_at = {ABOUT.get(kind, "code"), *(beside.names if beside else ()), *dates}
    names = (one.name for one in msgspec.structs.fields(_SHAPES[kind]) if one.name in looked_at)
    return _decoder(kind, names, dates)


def _decoder(kind: str, names: Iterable[str], texts: Container[str] = frozenset()) -> msgspec.json.Decoder[Line]:
    common = {one.name: one for one in msgspec.structs.fields(Line)}
    written = {one.name: one.encode_name for one in msgspec.structs.fields(_SHAPES[kind])}
    own = [name for name in names if name not in (*_HEAD, "lost")]
    members = [
        (name, str, field(default="", name=written[name]))
        if name in texts
        else (name, Member, field(default=UNSET, name=written[name]))
        for name in own
    ]
    head = [
        (name, common[name].type, field(default=common[name].default, name=common[name].encode_name))
        for name in _HEAD
    ]
    only = "resource_type", Literal.__getitem__(kind), field(name="resourceType")
    shown = [only, *head, *members]
    absent = dict.fromkeys(common.keys() - {name for name, _, _ in shown}, UNSET)
    shape = msgspec.defstruct(f"{kind}Line", shown, namespace=absent, gc=False, omit_defaults=True)
    return cast("msgspec.json.Decoder[Line]", msgspec.json.Decoder(shape))
