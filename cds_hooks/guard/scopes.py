"""SMART scopes in both grammars: which resource types a token, or a client, may read.

A scope that is not about resources (`launch`, `openid`, a vendor's own name) says nothing here. A list that
says nothing at all closes nothing: the FHIR server has the last word, and its refusal is a gap like others.
Source: SMART App Launch 1.0 (`user/Patient.read`) and 2.2 (`user/Patient.rs?category=…`), "Scopes".
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_SCOPE = re.compile(
    r"(?:patient|user|system)/(?P<type>\*|[A-Za-z]+)\.(?:(?P<v1>read|write|\*)|(?P<v2>c?r?u?d?s?))(?:\?.*)?",
    re.IGNORECASE,
)


def is_malformed(scope: str) -> bool:
    """True for what looks like a scope about resources and is of neither grammar."""
    return scope.startswith(("patient/", "user/", "system/")) and not _SCOPE.fullmatch(scope)


def may_read(scopes: Iterable[str], resource_type: str) -> bool:
    """True when one of the scopes holds a read or search of the type, or none of them is about resources."""
    about = [found for found in map(_SCOPE.fullmatch, scopes) if found]
    return not about or any(_opens(found, resource_type) for found in about)


def _opens(scope: re.Match[str], resource_type: str) -> bool:
    first, second = (scope["v1"] or "").lower(), (scope["v2"] or "").lower()
    reads = first in {"read", "*"} or "r" in second or "s" in second
    wanted = resource_type.lower()
    return reads and scope["type"].lower() in {"*", wanted, f"{wanted}s"}  # some write the plural
