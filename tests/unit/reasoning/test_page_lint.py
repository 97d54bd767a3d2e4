"""What is refused of the leaflet and of the declared attributes."""

import pytest

from cds_hooks.errors import LibraryError
from tests.build import library_of

LEAFLET = """\
title: "Spots"
lead: "A page."
emergency: {heading: "Help", lead: "Call {number} if", lines: ["they spread"]}
same_day: {heading: "Today", lead: "See someone if", lines: ["you are pregnant"]}
parts: [{heading: "What", lines: ["They are flat."]}]
citations: [{source: textbook}]
"""


def test_a_leaflet_that_holds_together_is_loaded():
    assert library_of(files={"knowledge/leaflet.yaml": LEAFLET}).leaflet.parts[0].heading == "What"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("Call {number} if", "Call 999 if", "has no {number}"),
        ('lines: ["they spread"]', "lines: []", "`emergency` has no lines"),
        ("textbook", "gossip", "unknown citation `gossip`"),
    ],
)
def test_what_would_fail_a_patient_is_refused(old, new, fault):
    with pytest.raises(LibraryError) as refused:
        library_of(files={"knowledge/leaflet.yaml": LEAFLET.replace(old, new)})

    assert fault in str(refused.value)


def test_an_attribute_of_an_unknown_concept_is_refused():
    with pytest.raises(LibraryError, match="`race` names the unknown concept `skin-tone`"):
        library_of(files={"knowledge/attributes.yaml": "race: [skin-tone]\n"})
