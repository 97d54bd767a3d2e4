"""The one rule that every peer evaluates, on plain JSON: petechiae on the problem list, or platelets below 20."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

PETECHIAE = "271813007"
PLATELETS = "777-3"
LIMIT = 20


def fires(prefetch: Mapping[str, Any]) -> bool:
    """Whether any resource of the prefetch has the code, or the count."""
    return any(map(resource_fires, resources(prefetch)))


def resources(prefetch: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every resource, those inside Bundles one by one."""
    for value in prefetch.values():
        if value and value["resourceType"] == "Bundle":
            for entry in value["entry"]:
                yield entry["resource"]
        elif value:
            yield value


def resource_fires(resource: Mapping[str, Any]) -> bool:
    """Whether this one does."""
    codes = {coding.get("code") for coding in resource.get("code", {}).get("coding", ())}
    if resource["resourceType"] == "Condition":
        return PETECHIAE in codes
    is_count = resource["resourceType"] == "Observation" and PLATELETS in codes
    return is_count and resource["valueQuantity"]["value"] < LIMIT
