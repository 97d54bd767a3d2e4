"""Every resource that came back, once, and how to find it again by its address.

Two copies of a resource are one: the newer by `meta.lastUpdated` stays. A resource without an id is known by
what of it is read. The order is that of type and id, so that the order of arrival carries no meaning.
Source: FHIR R4 4.0.1, 2.3 References, 2.36.4 Resolving references in Bundles, 2.27 Resource (id, meta).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, TypeAlias

import msgspec

from cds_hooks.chart.answers import Item
from cds_hooks.chart.shapes import Medication
from cds_hooks.chart.times import when

Identity: TypeAlias = tuple[str, str, bytes]
"""Type and id; for what has no id its bytes stand last."""

_NEVER: Final = datetime(1, 1, 1, tzinfo=UTC)


def one_of_each(items: Iterable[Item]) -> tuple[Item, ...]:
    """The items without doubles, in the order of type and id."""
    kept: dict[Identity, Item] = {}
    for item in items:
        name = identity(item)
        kept[name] = max(item, kept[name], key=_age) if name in kept else item
    return tuple(kept[name] for name in sorted(kept))


def identity(item: Item) -> Identity:
    """What copies of one entry have in common."""
    name = _id(item)
    return item.kind, name, b"" if name else _what_is_read(item)


def reference(item: Item) -> str:
    """`Type/id`; without an id the address it came under, without that its type."""
    name = _id(item)
    return f"{item.kind}/{name}" if name else item.address or item.kind


def medications(items: Iterable[Item]) -> dict[str, Medication]:
    """Each Medication by the address of its entry and by `Medication/id`."""
    found = [(item, item.resource) for item in items if isinstance(item.resource, Medication)]
    return {address: resource for item, resource in found for address in (item.address, reference(item))}


def tail(address: str, kind: str) -> str:
    """`Type/id` at the end of a reference: relative, absolute or versioned. A bare id or UUID is of `kind`."""
    parts = address.partition("/_history/")[0].split("/")
    return "/".join(parts[-2:]) if len(parts) > 1 else f"{kind}/{parts[0].removeprefix('urn:uuid:')}"


def _id(item: Item) -> str:
    return item.resource.id if item.resource else ""


def _what_is_read(item: Item) -> bytes:
    """The content as far as rules can see it, so that members nobody reads never decide between two copies."""
    return item.raw if item.resource is None else msgspec.json.encode(item.resource)


def _age(item: Item) -> tuple[datetime, bytes, str]:
    """When this version was written; the content decides between copies of one age, so that order never does."""
    meta = item.resource.meta if item.resource else None
    written = when(meta.last_updated) if meta else None
    return written.earliest if written else _NEVER, _what_is_read(item), item.address
