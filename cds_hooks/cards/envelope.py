"""Members of a JSON object that a caller sent, taken out one by one, each fault with the member's path.

What a member holds stays bytes until it is asked for, and is never repeated in a message.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import TypeAlias, TypeVar

import msgspec

from cds_hooks.errors import RequestError

Members: TypeAlias = Mapping[str, msgspec.Raw]
"""The members of an object by name, undecoded. One that was written twice is here as its last writing."""

_T = TypeVar("_T")


DEEPEST = 500
"""Levels of JSON that can surely be read; how many more depends on who calls the decoder."""


class Undecodable(Exception):
    """Well-formed JSON, of another type than was asked for."""


def too_deep() -> RequestError:
    """The refusal of a body that is nested more deeply than can be read."""
    return RequestError(
        f"The body is nested too deeply: up to {DEEPEST} levels of arrays and objects are read, and a FHIR "
        "resource needs a few dozen. Send each resource as it is, not wrapped in arrays or other Bundles."
    )


def body_members(body: bytes) -> Members:
    """The members of a whole body; a byte order mark is no fault. Raises RequestError when it is no object."""
    return members(body.removeprefix(codecs.BOM_UTF8), "")


def members(raw: bytes | msgspec.Raw, path: str) -> Members:
    """The members of the object at a path. Raises RequestError when it is none."""
    try:
        return decoded(raw, dict[str, msgspec.Raw])
    except Undecodable:
        raise RequestError(f"{path or 'The body'} must be a JSON object.", field=path) from None


def required(sent: Members, name: str, prefix: str = "") -> str:
    """The text of a member. Raises RequestError when it is missing, empty or no text."""
    if text := optional(sent, name, prefix):
        return text
    raise RequestError(f"{prefix}{name} is missing or empty.", field=prefix + name)


def optional(sent: Members, name: str, prefix: str = "") -> str:
    """The text of a member, empty when it was not sent. Raises RequestError when it is no text."""
    if is_absent(sent, name):
        return ""
    try:
        return decoded(sent[name], str)
    except Undecodable:
        raise RequestError(f"{prefix}{name} must be text.", field=prefix + name) from None


def required_list(sent: Members, name: str, prefix: str = "") -> list[msgspec.Raw]:
    """The elements of an array that must be there, undecoded. Raises RequestError."""
    _demand(sent, name, prefix)
    try:
        return decoded(sent[name], list[msgspec.Raw])
    except Undecodable:
        raise RequestError(f"{prefix}{name} must be a JSON array.", field=prefix + name) from None


def required_object(sent: Members, name: str, prefix: str = "") -> Members:
    """The members of an object that must be there. Raises RequestError."""
    _demand(sent, name, prefix)
    return members(sent[name], prefix + name)


def optional_object(sent: Members, name: str, prefix: str = "") -> Members:
    """The members of an object; none when it was not sent. Raises RequestError when it is no object."""
    return {} if is_absent(sent, name) else members(sent[name], prefix + name)


def is_absent(sent: Members, name: str) -> bool:
    """Not sent, or null."""
    return name not in sent or bytes(sent[name]) == b"null"


def decoded(raw: bytes | msgspec.Raw, shape: type[_T]) -> _T:
    """The JSON as the shape. Raises Undecodable for another type, RequestError for what is no JSON at all."""
    try:
        return msgspec.json.decode(raw, type=shape)
    except msgspec.ValidationError:
        raise Undecodable from None
    except (msgspec.DecodeError, UnicodeError):
        raise RequestError("The body is not well-formed JSON in UTF-8.") from None
    except RecursionError:
        raise too_deep() from None


def _demand(sent: Members, name: str, prefix: str) -> None:
    if is_absent(sent, name):
        raise RequestError(f"{prefix}{name} is missing.", field=prefix + name)
