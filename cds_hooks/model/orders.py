"""The orders that a situation offers, and lines to think of before ordering."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cds_hooks.model.citations import Cite, Review
from cds_hooks.model.codes import ConceptCode
from cds_hooks.model.criteria import Status, Unless
from cds_hooks.model.truth import Expression


@dataclass(frozen=True, slots=True)
class Order:
    """One order that a card may propose. Accepting it makes a draft; a clinician signs it or does not."""

    name: str
    """As the card shows it, at most 80 characters. The same order in two bundles has the same name."""
    codes: tuple[ConceptCode, ...] = ()
    """Codes it is sent with, of proven meaning and activity. None: it goes out as text only."""
    rank: int = 1
    """1 is what the situation asks for first. A card has room for six; the highest ranks are left out."""
    when: Expression | None = None
    """Narrows the situation of the bundle for this one order."""
    unless: tuple[Unless, ...] = ()
    """What makes it unnecessary, most often a result since onset. It must be present."""
    resource: Literal["ServiceRequest", "Task"] = "ServiceRequest"
    """Task for what a person is asked to do, such as a review of medicines."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One line of the action card about what to think of before ordering or giving something."""

    text: str
    when: Expression
    status: Status = "draft"
    citations: tuple[Cite, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class OrderBundle:
    """Orders that belong to one clinical situation. Expressions may also name criteria and causes: `R-TTP-01`
    (met above ROUTINE), `R-MEN-01:EMERGENCY` (met, at least so urgent), `cause:parvovirus` (listed).
    """

    id: str
    name: str
    """What the orders are for, as documentation lists it; begins with a capital letter."""
    tag: str
    """Short name under which causes list it as one of their `tests`."""
    place: int
    """Order among bundles of the same rank, 1 first."""
    when: Expression
    """The situation."""
    reason: str
    """Why, as the proposed resource carries it: our words, nothing of the patient's."""
    orders: tuple[Order, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    cards: tuple[Literal["action", "causes"], ...] = ("action",)
    """Cards that may propose it; the first of them that is shown does."""
    status: Status = "draft"
    citations: tuple[Cite, ...] = ()
    review: Literal["pending"] | Review = "pending"
    note: str = ""
