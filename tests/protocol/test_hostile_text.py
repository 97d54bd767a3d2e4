"""Text of a chart rendered as GitHub Flavored Markdown becomes no link, image, heading or HTML: it is not there.

Every text in a chart is replaced in turn, codes and units included, by what renderers, browsers and readers take
for more than words. What the renderer makes of the cards is compared with what the knowledge itself puts there.
Length: CDS_NIGHTLY=1 for a night.
"""

import json
import re
from copy import deepcopy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.lengths import examples
from tests.protocol.test_any_request import CHART, REQUESTS, places

GFM = MarkdownIt("gfm-like", {"html": True, "linkify": True})
"""As a renderer that trusts everything: raw HTML stays, bare addresses become links."""

FRAGMENTS = [
    "# heading",
    "\n\n# heading\n\n",
    "heading\n===",
    "[click](https://evil.example/x)",
    "[click]: https://evil.example",
    "![i](https://evil.example/i.png)",
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "<a href='javascript:alert(1)'>x</a>",
    "<!-- ",
    "&#60;b&#62;",
    "https://evil.example",
    "www.evil.example",
    "nurse@evil.example",
    "mailto:nurse@evil.example",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "```\ncode\n```",
    "`code`",
    "~~gone~~",
    "- [ ] task",
    "> quoted",
    "***",
    "\u202eevil",
    "\u200bevil",
    "\\",
    "{{evil}}",
    "${evil}",
    "%0d%0aevil",
    "evil\r\nevil: evil",
]
MARKED = [f"{fragment} evil" for fragment in FRAGMENTS]
"""So that none gets through unseen, not even as plain words."""
HOSTILE = st.lists(st.sampled_from([*MARKED, "\n"]), min_size=1, max_size=4).map("".join)
TABLE = {"table", "thead", "tbody", "tr", "th", "td"}
"""Causes are listed in one."""
NEEDED = {"resourceType", "reference", "relation"}
"""Members whose text says what an entry is and whose; with another one it would only be left out."""


def texts(chart):
    """Every place in a chart that holds text."""
    for path in places(chart):
        holder = at(chart, path)
        if isinstance(holder, str) and path[-1] not in NEEDED:
            yield path


def at(node, path):
    for key in path:
        node = node[key]
    return node


def spoiled(chart, path, text, *, beside):
    """The chart with the text in this place; `beside`: after what stood there."""
    chart = deepcopy(chart)
    *way, last = path
    holder = at(chart, way)
    holder[last] = f"{holder[last]} {text}" if beside else text
    return chart


def written(cards):
    """Every text on cards that is Markdown or plain text for a user."""
    for card in cards:
        yield from (card["summary"], card.get("detail", ""), card["source"]["label"])
        yield from (offer["label"] for offer in card.get("suggestions", []))
        yield from (action["description"] for offer in card.get("suggestions", []) for action in offer["actions"])
        yield from (reason["display"] for reason in card.get("overrideReasons", []))
        yield from (link["label"] for link in card.get("links", []))


def rendered(cards):
    """Tags in what a trusting renderer makes of them, and where links lead."""
    html = "\n".join(GFM.render(text) for text in written(cards))
    return set(re.findall(r"<([a-zA-Z!][\w-]*)", html)), set(re.findall(r'(?:href|src)="([^"]*)"', html))


@pytest.fixture(scope="module")
def ours(library):
    """Addresses that the knowledge itself cites."""
    return {citation.url for citation in library.citations.values()}


PLACES = list(texts(CHART))


def asked(service, chart, hook="patient-view"):
    answer = service.post(f"/cds-services/petechiae-{hook}", json=REQUESTS[hook] | {"prefetch": chart})
    assert answer.status_code == 200
    return answer.json()["cards"]


def harmless(cards, ours):
    tags, addresses = rendered(cards)
    assert tags <= {"p", "ul", "li", "strong", "em", "a", "br"} | TABLE
    assert addresses <= ours
    assert "evil" not in json.dumps(cards)
    assert not re.search(r"[\u200b-\u200f\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f]", "".join(written(cards)))


def test_there_are_cards_to_look_at_and_places_to_spoil(service, ours):
    cards = asked(service, CHART)

    assert len(cards) == 2
    assert rendered(cards)[1] <= ours
    assert len(PLACES) > 30


def test_the_renderer_sees_what_is_hostile():
    tags = {tag for text in FRAGMENTS for tag in re.findall(r"<(\w+)", GFM.render(text))}

    assert {"h1", "a", "img", "script", "table", "code", "s", "blockquote", "hr"} <= tags


@pytest.mark.parametrize("beside", [True, False], ids=["beside", "instead"])
@pytest.mark.parametrize("place", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_all_hostile_texts_in_every_place_of_a_chart(service, ours, place, beside):
    harmless(asked(service, spoiled(CHART, place, " ".join(MARKED), beside=beside)), ours)


@settings(max_examples=examples(60, 10_000), suppress_health_check=list(HealthCheck))
@given(spoils=st.lists(st.tuples(st.sampled_from(PLACES), HOSTILE, st.booleans()), min_size=1, max_size=6))
def test_hostile_texts_in_many_places_of_a_chart(service, ours, spoils):
    chart = CHART
    for place, text, beside in spoils:
        chart = spoiled(chart, place, text, beside=beside)

    harmless(asked(service, chart), ours)


@pytest.mark.parametrize("hook", ["order-select", "order-sign", "problem-list-item-create"])
@pytest.mark.parametrize("text", MARKED, ids=FRAGMENTS)
def test_hostile_texts_in_what_a_hook_brings(service, ours, hook, text):
    request = deepcopy(REQUESTS[hook])
    [name] = {"draftOrders", "conditions"} & request["context"].keys()
    for path in list(texts(request["context"][name])):
        if path[-1] in {"display", "text"}:
            at(request["context"][name], path[:-1])[path[-1]] += text

    answer = service.post(f"/cds-services/petechiae-{hook}", json=request)

    assert answer.json()["cards"]
    harmless(answer.json()["cards"], ours)
