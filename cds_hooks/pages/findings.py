"""What rules rest on, as parts of a page: thresholds, other findings, what stays invisible, choices, sources."""

from __future__ import annotations

from collections.abc import Iterator

from cds_hooks.model.criteria import Criterion
from cds_hooks.model.findings import FindingRule
from cds_hooks.model.library import Library
from cds_hooks.pages.document import Block, Inline, Link, Paragraph, Row, Table, joined, plain
from cds_hooks.pages.readings import reading
from cds_hooks.pages.words import anchor, measured, review, sources, span
from cds_hooks.reasoning.asked import asked_by_criterion, reached
from cds_hooks.reasoning.reach import citation_counts


def thresholds(library: Library) -> Iterator[Block]:
    """Every finding with a limit of its own: what is measured, the limit, how old it may be."""
    rules = [rule for rule in library.findings.values() if _has_limit(rule)]
    yield Table(
        ("Finding", "Measured", "Limit", "Window", "A site may set", "Sources", "Note"),
        tuple(_threshold(rule, library) for rule in sorted(rules, key=lambda rule: (_measures(rule), rule.id))),
    )


def _has_limit(rule: FindingRule) -> bool:
    return rule.measure is not None or rule.trend is not None


def _measures(rule: FindingRule) -> str:
    test = rule.measure or rule.trend
    return test.concept if test else ""


def _threshold(rule: FindingRule, library: Library) -> Row:
    concept = library.concepts.get(_measures(rule))
    cells = (
        plain(rule.name),
        plain(concept.name if concept else ""),
        *(_limit(rule, library)),
        plain(_guard(rule)),
        sources(rule.citations, library),
        plain(rule.note),
    )
    return Row(cells, anchor("finding", rule.id))


def _limit(rule: FindingRule, library: Library) -> tuple[Inline, Inline]:
    if rule.measure is not None:
        back = _taken_back(rule, library)
        window = f"{rule.measure.pick}, {span(rule.measure.within)}"
        return (measured(rule.measure, library), *back), plain(window)
    return reading(rule, library), ()


def _taken_back(rule: FindingRule, library: Library) -> Inline:
    names = ((Link(library.findings[name].name, f"#{anchor('finding', name)}"),) for name in rule.unless)
    return ("; taken back by ", *joined(names)) if rule.unless else ()


def _guard(rule: FindingRule) -> str:
    guard = rule.measure.guard if rule.measure else None
    return f"{guard.min} to {guard.max}" if guard else ""


def findings(library: Library) -> Iterator[Block]:
    """Every other finding: how it is read, and what settles it."""
    rules = (rule for rule in library.findings.values() if not _has_limit(rule))
    yield Table(
        ("Finding", "How it is read", "Settled by", "Sources", "Note"),
        tuple(
            Row(
                (
                    plain(rule.name),
                    reading(rule, library),
                    plain(rule.settle),
                    sources(rule.citations, library),
                    plain(rule.note),
                ),
                anchor("finding", rule.id),
            )
            for rule in rules
        ),
    )


def invisible(library: Library) -> Iterator[Block]:
    """Findings that rules ask for and charts seldom hold: the rules that wait for them may stay silent."""
    yield Paragraph(plain("A rule that needs one of these can stay silent although the patient has it."))
    rules = (rule for rule in library.findings.values() if rule.invisible)
    yield Table(
        ("Finding", "Why", "Criteria that ask for it"),
        tuple(Row(((_to(rule),), plain(rule.invisible), _waiting(rule, library))) for rule in rules),
    )


def _to(rule: FindingRule) -> Link:
    return Link(rule.name, f"#{anchor('finding', rule.id)}")


def _waiting(rule: FindingRule, library: Library) -> Inline:
    rules = library.criteria.values()
    waiting = (asking.id for asking in rules if rule.id in reached(asked_by_criterion(asking), library))
    return joined((Link(name, f"#{anchor('criterion', name)}"),) for name in waiting)


def choices(library: Library) -> Iterator[Block]:
    """What no guideline decides: what we chose, why, and where it is used. A site can switch each off."""
    yield Table(
        ("Choice", "Why", "Used by", "State"),
        tuple(
            Row(
                (plain(choice.name), plain(choice.why), _users(choice.id, library), plain(review(choice.review))),
                anchor("choice", choice.id),
            )
            for choice in library.choices.values()
        ),
    )


def _users(choice: str, library: Library) -> Inline:
    criteria = (rule for rule in library.criteria.values() if choice in _chosen(rule))
    demotions = (rule for rule in library.demotions.values() if rule.choice == choice)
    links = [Link(rule.id, f"#{anchor('criterion', rule.id)}") for rule in criteria]
    links += [Link(rule.name, f"#{anchor('demotion', rule.id)}") for rule in demotions]
    return joined((link,) for link in links)


def _chosen(rule: Criterion) -> set[str]:
    return {*(step.choice for step in rule.tiers), *(unless.choice for unless in rule.unless)}


def publications(library: Library) -> Iterator[Block]:
    """Every publication, what was really read of it, and how many rules cite it."""
    cited = citation_counts(library)
    yield Table(
        ("Publication", "Publisher, year", "Read", "What was read", "Cited by"),
        tuple(
            Row(
                (
                    (Link(source.title, source.url),),
                    plain(f"{source.publisher}, {source.year}"),
                    plain(source.read),
                    plain(source.where),
                    plain("1 rule" if cited[source.id] == 1 else f"{cited[source.id]} rules"),
                ),
                anchor("publication", source.id),
            )
            for source in library.citations.values()
        ),
    )
