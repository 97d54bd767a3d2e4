"""Two states of the knowledge side by side: what of a card is compared."""

from dataclasses import fields, replace

import pytest

from cds_hooks.cards.wire import Action, Card, Link, OverrideReason, Source, Suggestion
from cds_hooks.comparing import card_lines

ACTION = Action("create", "Order platelets", b'{"resourceType": "ServiceRequest"}')
SUGGESTION = Suggestion("Order", actions=(ACTION,))
CARD = Card("Low platelets", "warning", Source("A guideline"), "Why\n\nHow", (SUGGESTION,))

OTHER_ACTION = {
    "type": "update",
    "description": "Order a smear",
    "resource": b'{"resourceType": "MedicationRequest"}',
    "resource_id": "ServiceRequest/1",
}
OTHER_SUGGESTION = {"label": "Do", "is_recommended": True, "actions": ()}
OTHER_CARD = {
    "summary": "Platelets",
    "indicator": "critical",
    "source": Source("A guideline", "https://example.org"),
    "detail": "Why",
    "suggestions": (),
    "selection_behavior": "at-most-one",
    "override_reasons": (OverrideReason("c", "s", "d"),),
    "links": (Link("Chapter", "https://example.org"),),
    "rules": ("R-IT-01",),
}
CHANGES = [
    *(replace(CARD, **{name: value}) for name, value in OTHER_CARD.items()),
    *(
        replace(CARD, suggestions=(replace(SUGGESTION, **{name: value}),))
        for name, value in OTHER_SUGGESTION.items()
    ),
    *(
        replace(CARD, suggestions=(replace(SUGGESTION, actions=(replace(ACTION, **{name: value}),)),))
        for name, value in OTHER_ACTION.items()
    ),
]


@pytest.mark.parametrize("other", CHANGES, ids=[*OTHER_CARD, *OTHER_SUGGESTION, *OTHER_ACTION])
def test_whatever_differs_on_a_card_is_told(other):
    assert card_lines(other) != card_lines(CARD)


@pytest.mark.parametrize(
    ("kind", "others"),
    [(Card, OTHER_CARD), (Suggestion, OTHER_SUGGESTION), (Action, OTHER_ACTION)],
)
def test_no_member_is_left_out_but_uuids_which_are_given_when_a_card_goes_out(kind, others):
    assert {one.name for one in fields(kind)} - {"uuid"} == {*others}


def test_what_a_card_does_not_have_is_no_line():
    assert card_lines(replace(CARD, suggestions=())) == [
        "warning: Low platelets",
        "Why",
        "",
        "How",
        "source: Source(label='A guideline', url='', icon='', topic=None)",
        "selection_behavior: any",
    ]
