"""knowledge_page: Library -> the page that shows every rule of it, with its sources and its state of review.

docs/knowledge.md is this page as Markdown, `/knowledge` the same as HTML for the library that is deployed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from cds_hooks.model.citations import Review
from cds_hooks.model.criteria import Cause, Criterion, Demotion, Status
from cds_hooks.model.findings import FindingRule
from cds_hooks.model.library import Library
from cds_hooks.model.orders import OrderBundle
from cds_hooks.model.scores import ScoreRule
from cds_hooks.pages.document import Block, Lines, Link, Page, Paragraph, Row, Section, Table, plain
from cds_hooks.pages.findings import choices, findings, invisible, publications, thresholds
from cds_hooks.pages.rules import causes, criteria, demotions, orders, scores

_STATES: tuple[Status, ...] = ("active", "silent", "draft", "retired")
_READ = (
    "Read a rule like this: it is present, absent or unknown. What a chart does not say is unknown, never absent. "
    "A criterion takes the first step whose condition is present. Conditions are links to the findings below."
)

_Reviewed = Criterion | Cause | Demotion | OrderBundle | ScoreRule | FindingRule


def knowledge_page(library: Library) -> Page:
    """The whole page; the same library gives the same page."""
    sections = (
        _section("Criteria", "criteria", criteria(library)),
        _section("Causes", "causes", causes(library)),
        _section("Scores", "scores", scores(library)),
        _section("Recorded situations that lower criteria", "demotions", demotions(library)),
        _section("Orders", "orders", orders(library)),
        _section("Choices that are ours", "choices", choices(library)),
        _section("Thresholds", "thresholds", thresholds(library)),
        _section("Other findings", "findings", findings(library)),
        _section("Findings that charts seldom carry", "invisible", invisible(library)),
        _section("Publications", "publications", publications(library)),
    )
    contents = Lines(tuple((Link(section.title, f"#{section.anchor}"),) for section in sections))
    return Page(f"Knowledge {library.card.version}", (*_opening(library), contents, *sections))


def counts(library: Library) -> Mapping[str, Counter[str]]:
    """How many rules of each kind have which status; findings and scores have none and count as `in use`."""
    kinds: Mapping[str, Iterable[Criterion | Cause | Demotion | OrderBundle]] = {
        "Criteria": library.criteria.values(),
        "Causes": library.causes.values(),
        "Situations that lower": library.demotions.values(),
        "Order bundles": library.orders.values(),
    }
    return {kind: Counter(rule.status for rule in rules) for kind, rules in kinds.items()}


def signed(library: Library) -> Counter[bool]:
    """How many rules of all kinds are signed (True) and not (False)."""
    rules: list[_Reviewed] = [*library.criteria.values(), *library.causes.values(), *library.demotions.values()]
    rules += [*library.orders.values(), *library.scores.values(), *library.findings.values()]
    return Counter(isinstance(rule.review, Review) for rule in rules)


def _opening(library: Library) -> Iterator[Block]:
    state = (
        "clinically signed off"
        if library.card.signed_off
        else "not clinically signed off: for fictional patients only"
    )
    reviewed = signed(library)
    yield Paragraph(plain(f"Version {library.card.version} of {library.card.date}, {state}."))
    yield Paragraph(plain(f"{reviewed[True]} of {reviewed.total()} rules are signed by named clinicians."))
    yield Table(
        ("Kind", *_STATES),
        tuple(
            Row((plain(kind), *(plain(str(number[state])) for state in _STATES)))
            for kind, number in counts(library).items()
        ),
    )
    others = (
        f"{len(library.findings)} findings, {len(library.scores)} scores, {len(library.citations)} publications"
    )
    yield Paragraph(plain(f"Besides: {others}."))
    yield Paragraph(plain(_READ))
    if library.site:
        yield Section("Set by this site", "site", (Lines(tuple(map(plain, library.site))),))


def _section(title: str, anchor: str, blocks: Iterable[Block]) -> Section:
    return Section(title, anchor, tuple(blocks))
