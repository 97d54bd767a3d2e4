"""FHIR by the book: what we emit is built here, and what an integrator's chart does not keep to is named here.

The only module that imports fhir.resources, and only when first asked, so that importing it costs nothing. It
does not stand between a chart and the reader: what is odd in a chart is read as well as it can be.
Nothing that is returned or raised holds a value from the resource: only types, paths and kinds of fault.
Source: FHIR R4B 4.3.0 (what we emit), R5 5.0.0, STU3 3.0.2; fhir.resources 8.3, which checks elements,
types and cardinality, but not that a code is one of its value set.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, Literal, TypeAlias

import msgspec
from pydantic import ValidationError

from cds_hooks.errors import CdsError

Version: TypeAlias = Literal["R4B", "R5", "STU3"]
Json: TypeAlias = Any  # any JSON value: what it is is the question here

_PACKAGES: Final[Mapping[Version, str]] = {
    "R4B": "fhir.resources.R4B",
    "R5": "fhir.resources",
    "STU3": "fhir.resources.STU3",
}
_NO_MODEL: Final = (AttributeError, KeyError, TypeError, ValueError, RecursionError)
"""What fhir.resources raises for a type it does not know, besides the ValidationError for a known one."""
_UNKNOWN: Final = "resource"
_ELEMENT: Final = re.compile(r"_?[A-Za-z]{1,40}")
"""What an element's name may look like; anything else a sender made up is not repeated."""

_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def build(resource: Mapping[str, Json], version: Version = "R4B") -> dict[str, Json]:
    """The resource, valid and ready for JSON. Raises CdsError when it is not FHIR: then we built it wrongly."""
    faults = tuple(_faults(resource, _type_of(resource, version), version))
    if faults:
        raise CdsError("Not sent, because it is no valid FHIR (mend what builds it): " + "; ".join(faults))
    return dict(_model(resource, version).model_dump(mode="json"))


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which one resource is not valid FHIR."""

    line: str
    """`Type[n].path: kind`."""
    reference: str = ""
    """`Type/id` of the resource, when it has an id."""


def problems(body: bytes | Mapping[str, Json], version: Version = "R4B") -> tuple[str, ...]:
    """What is not valid FHIR, as `Type[n].path: kind`, each resource by itself; empty when all is valid."""
    return tuple(fault.line for fault in faults(body, version))


def faults(body: bytes | Mapping[str, Json], version: Version = "R4B") -> tuple[Fault, ...]:
    """What is not valid FHIR, each resource by itself; empty when all is valid.

    `n` of a line counts the resources of one type from 0, in the order of the Bundle. A Bundle is checked apart
    from what is in it. Of a request each resource is checked once, under however many keys it was sent.
    """
    try:
        written = msgspec.json.decode(body) if isinstance(body, bytes) else body
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return (Fault("body: not_json"),)
    seen: Counter[str] = Counter()
    found: list[Fault] = []
    for resource in _once_each(_resources(_sent(written))):
        name = _type_of(resource, version)
        lines = _faults(resource, f"{name}[{seen[name]}]", version)
        found += [Fault(line, _reference(resource, name)) for line in lines]
        seen[name] += 1
    return tuple(found)


def _sent(written: Json) -> Json:
    """Of a request what was sent of the chart; anything else as it is."""
    if not isinstance(written, Mapping) or "hookInstance" not in written:
        return written
    parts = [written.get("prefetch"), written.get("context")]
    values = [value for part in parts if isinstance(part, Mapping) for value in part.values()]
    return [value for value in values if isinstance(value, Mapping) and "resourceType" in value]


def _once_each(resources: Iterable[Json]) -> Iterator[Json]:
    """The resources without those that came before under the same type and id."""
    seen: set[str] = set()
    for resource in resources:
        reference = (
            _reference(resource, str(resource.get("resourceType"))) if isinstance(resource, Mapping) else ""
        )
        if not reference or reference not in seen:
            yield resource
        seen.add(reference)


def _reference(resource: Json, name: str) -> str:
    own = resource.get("id") if isinstance(resource, Mapping) else None
    return f"{name}/{own}" if isinstance(own, str) and _ID.fullmatch(own) else ""


def _resources(written: Json) -> Iterator[Json]:
    """The resource; of a Bundle the empty Bundle first and then each resource in it; of a list each element."""
    if isinstance(written, list):
        for element in written:
            yield from _resources(element)
    elif _is_bundle(written):
        yield {**written, "entry": [_without_resource(entry) for entry in written["entry"]]}
        for entry in written["entry"]:
            if isinstance(entry, dict) and "resource" in entry:
                yield from _resources(entry["resource"])
    elif written is not None:
        yield written


def _is_bundle(written: Json) -> bool:
    """Whether there are entries to take out; a Bundle whose `entry` is no list is judged as it is."""
    return (
        isinstance(written, Mapping)
        and written.get("resourceType") == "Bundle"
        and isinstance(written.get("entry"), list)
    )


def _without_resource(entry: Json) -> Json:
    return (
        {name: value for name, value in entry.items() if name != "resource"} if isinstance(entry, dict) else entry
    )


def _faults(resource: Json, name: str, version: Version) -> Iterator[str]:
    """One line for each fault of one resource, which is called `name`."""
    if _type_of(resource, version) == _UNKNOWN:
        yield f"{name}.resourceType: unknown_type"
        return
    try:
        _model(resource, version)
    except ValidationError as error:
        for fault in error.errors(include_input=False, include_context=False, include_url=False):
            yield f"{'.'.join((name, *map(_step, fault['loc'])))}: {fault['type']}"
    except _NO_MODEL:
        yield f"{name}: unknown_type_inside"


def _step(step: int | str) -> str:
    """One step of a path: an index, or the name of an element as far as it can be one of FHIR's."""
    return str(step) if isinstance(step, int) or _ELEMENT.fullmatch(step) else "(unnamed)"


def _type_of(resource: Json, version: Version) -> str:
    """The resource's type if FHIR has it, for nothing that a sender made up is repeated."""
    name = resource.get("resourceType") if isinstance(resource, Mapping) else None
    try:
        is_known = isinstance(name, str) and issubclass(_class(name, version), _class("Resource", version))
    except _NO_MODEL:
        is_known = False
    return str(name) if is_known else _UNKNOWN


def _model(resource: Mapping[str, Json], version: Version) -> Json:
    return _class(resource["resourceType"], version).model_validate(resource)


def _class(name: str, version: Version) -> Json:
    return import_module(_PACKAGES[version]).get_fhir_model_class(name)
