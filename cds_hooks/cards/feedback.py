"""What users made of cards, as an EHR reports it: read item by item, each fault with its place in the batch.

Shapes that are sent in practice although the specification has others are taken as well: a reason without
display, a reason written where `overrideReason` belongs, an empty reason. A comment is free text of a clinician.
Source: CDS Hooks 2.0.1, "Feedback".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from cds_hooks.cards.envelope import (
    Members,
    body_members,
    is_absent,
    members,
    optional,
    optional_object,
    required,
    required_list,
)
from cds_hooks.errors import RequestError

MAX_ITEMS = 1000
"""In one batch."""
MAX_ACCEPTED = 50
"""Suggestions of one card."""
MAX_ID = 64
"""Characters of a uuid or code. A card of ours has 36; the rest of such a text would be kept for nothing."""
MAX_COMMENT = 2000
"""Characters of a comment that are kept; a longer one is cut, for it must not cost its batch."""

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:?\d\d)?")


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a user made of one card."""

    card: str
    """Uuid of the card as the caller names it; nobody has looked yet whether it is one of ours."""
    outcome: Literal["accepted", "overridden"]
    at: datetime
    """When, in UTC."""
    accepted: tuple[str, ...] = ()
    """Uuids of the accepted suggestions."""
    reason: str = ""
    """Code of the reason for overriding."""
    comment: str = field(default="", repr=False)
    """In the user's words; it may name a patient."""


def parse_feedback(body: bytes) -> tuple[Feedback, ...]:
    """Every item of a batch, in its order. Raises RequestError for the first wrong member, with its index."""
    items = required_list(body_members(body), "feedback")
    if len(items) > MAX_ITEMS:
        raise RequestError(f"feedback holds more than {MAX_ITEMS} items: send them in parts.", field="feedback")
    return tuple(
        _item(members(raw, f"feedback[{number}]"), f"feedback[{number}].") for number, raw in enumerate(items)
    )


def _item(sent: Members, prefix: str) -> Feedback:
    outcome = required(sent, "outcome", prefix)
    if outcome not in {"accepted", "overridden"}:
        raise RequestError(f"{prefix}outcome must be accepted or overridden.", field=f"{prefix}outcome")
    is_accepted = outcome == "accepted"
    reason, comment = ("", "") if is_accepted else _override(sent, prefix)
    return Feedback(
        card=_short(required(sent, "card", prefix), f"{prefix}card"),
        outcome="accepted" if is_accepted else "overridden",
        at=_moment(required(sent, "outcomeTimestamp", prefix), f"{prefix}outcomeTimestamp"),
        accepted=tuple(_accepted(sent, prefix)) if is_accepted else (),
        reason=reason,
        comment=comment,
    )


def _accepted(sent: Members, prefix: str) -> Iterator[str]:
    items = required_list(sent, "acceptedSuggestions", prefix)
    field_name = f"{prefix}acceptedSuggestions"
    if not items:
        raise RequestError(f"{field_name} is empty: name the suggestions that were accepted.", field=field_name)
    if len(items) > MAX_ACCEPTED:
        raise RequestError(f"{field_name} holds more than {MAX_ACCEPTED} items.", field=field_name)
    for index, raw in enumerate(items):
        path = f"{prefix}acceptedSuggestions[{index}]"
        yield _short(required(members(raw, path), "id", f"{path}."), f"{path}.id")


def _override(sent: Members, prefix: str) -> tuple[str, str]:
    """Code of the reason, and the comment; either may be empty."""
    given = optional_object(sent, "overrideReason", prefix)
    path = f"{prefix}overrideReason."
    coding = given if is_absent(given, "reason") else optional_object(given, "reason", path)
    code = _short(optional(coding, "code", path), f"{path}reason.code")
    return code, optional(given, "userComment", path)[:MAX_COMMENT]


def _short(text: str, path: str) -> str:
    if len(text) > MAX_ID:
        raise RequestError(f"{path} is longer than {MAX_ID} characters.", field=path)
    return text


def _moment(text: str, path: str) -> datetime:
    """The instant in UTC; one without a zone is UTC, as CDS Hooks 1.1 wrote it."""
    wrong = RequestError(f"{path} must be a time like 2026-03-18T09:30:00Z.", field=path)
    if not _MOMENT.fullmatch(text):
        raise wrong
    try:
        at = datetime.fromisoformat(text.upper())
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise wrong from None
