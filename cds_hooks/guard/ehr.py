"""What must differ for one kind of record system. Everything else is the same for all.

Only what would otherwise be refused or misread is here: a card whose `selectionBehavior` a client does not
know counts as an error to it, and a search with a parameter its server does not list may be refused as a whole.
Shown as a table in docs/integrate.md.
Source: Epic's and Oracle Health's descriptions of their CDS Hooks and FHIR R4 interfaces.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Ehr: TypeAlias = Literal["default", "epic", "oracle"]
SelectionBehavior: TypeAlias = Literal["any", "at-most-one"]


@dataclass(frozen=True, slots=True)
class EhrProfile:
    """One kind of record system, where it differs."""

    selection: SelectionBehavior | None = None
    """`selectionBehavior` of every card. None: what the client's version of CDS Hooks knows."""
    unlisted: frozenset[str] = frozenset()
    """Search parameters that its server does not list: left out of every template."""
    without: frozenset[str] = frozenset()
    """Resource types that its server does not have: not asked for."""

    def template(self, ours: str) -> str | None:
        """A prefetch template of ours as this kind is asked; None when it has nothing of the type."""
        path, mark, query = ours.partition("?")
        if path in self.without:
            return None
        return path + mark + "&".join(part for part in query.split("&") if self._lists(part))

    def _lists(self, parameter: str) -> bool:
        return parameter.partition("=")[0] not in self.unlisted


PROFILES: Mapping[Ehr, EhrProfile] = {
    "default": EhrProfile(),
    "epic": EhrProfile(selection="any"),
    "oracle": EhrProfile(
        selection="at-most-one",
        unlisted=frozenset({"_sort", "_include"}),
        without=frozenset({"MedicationStatement"}),
    ),
}
