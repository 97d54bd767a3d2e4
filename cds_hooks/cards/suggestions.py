"""What a card offers to do: one draft order for each suggestion, and what to think of before ordering.

Accepting one creates a draft that a clinician signs or discards. Nothing is changed, deleted, signed or
recommended here, and no resource says to give or to end a medicine.
Source: CDS Hooks 2.0.1, Suggestion and Action; FHIR R4 ServiceRequest and Task. One action for each suggestion,
because large record systems take no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from cds_hooks.cards.phrases import citation_link
from cds_hooks.cards.wire import Action, Suggestion
from cds_hooks.model.library import Library
from cds_hooks.model.orders import Order
from cds_hooks.model.results import Assessment
from cds_hooks.reasoning.codes import system_uri
from cds_hooks.reasoning.orders import Due, due_orders, due_prompts

CardKind: TypeAlias = Literal["action", "causes"]
_MOST = 6
"""Suggestions on one card."""


def suggestions_by_card(
    assessment: Assessment, library: Library, shown: Sequence[CardKind], patient_id: str, head: str = ""
) -> Mapping[CardKind, tuple[Suggestion, ...]]:
    """The suggestions of each card that is shown; each order stands on one card only, at most six on each.

    `head` is the criterion that heads the action card; what its situation asks for comes first. Resources are
    JSON that nobody has validated yet (service does). Without a patient id there are none, for a resource must
    say whose it is.
    """
    if not patient_id:
        return {}
    due = due_orders(assessment, library, head)
    return {
        card: tuple(suggestion(item, patient_id) for item in _on_card(card, due, shown)[:_MOST]) for card in shown
    }


def prompt_lines(assessment: Assessment, library: Library) -> tuple[str, ...]:
    """What to think of before ordering or giving something, each with its publication."""
    prompts = due_prompts(assessment, library)
    return tuple(f"{prompt.text} ({citation_link(prompt.citations[0], library)})" for prompt in prompts)


def suggestion(due: Due, patient_id: str) -> Suggestion:
    """One order as a suggestion with one action."""
    resource = msgspec.json.encode(_RESOURCES[due.order.resource](due, patient_id))
    what = "draft order" if due.order.resource == "ServiceRequest" else "draft task"
    action = Action("create", f"Adds a {what}, to be signed or discarded: {due.order.name}", resource)
    return Suggestion(due.order.name, actions=(action,))


def _on_card(card: CardKind, due: Iterable[Due], shown: Sequence[CardKind]) -> list[Due]:
    """The orders whose first card that is shown is this one."""
    return [item for item in due if next((c for c in item.bundle.cards if c in shown), None) == card]


def _service_request(due: Due, patient_id: str) -> dict[str, object]:
    return {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "proposal",
        "code": _code(due.order),
        "subject": {"reference": f"Patient/{patient_id}"},
        "reasonCode": [{"text": due.bundle.reason}],
    }


def _task(due: Due, patient_id: str) -> dict[str, object]:
    return {
        "resourceType": "Task",
        "status": "draft",
        "intent": "proposal",
        "code": _code(due.order),
        "description": due.order.name,
        "for": {"reference": f"Patient/{patient_id}"},
        "reasonCode": {"text": due.bundle.reason},
    }


_RESOURCES = {"ServiceRequest": _service_request, "Task": _task}


def _code(order: Order) -> dict[str, object]:
    codings = [
        {"system": system_uri(code.system), "code": code.code, "display": code.display} for code in order.codes
    ]
    return {"coding": codings, "text": order.name} if codings else {"text": order.name}
