"""Rules in words: expressions, limits, windows and sources as a clinician would say them.

Findings and rules are links to their place on the page; the ids of anchors are made here.
"""

from __future__ import annotations

from collections.abc import Iterable

from cds_hooks.model.citations import Cite, Review
from cds_hooks.model.codes import Concept, Limits
from cds_hooks.model.findings import Measure
from cds_hooks.model.library import Library
from cds_hooks.model.truth import All, AnyOf, AtLeast, Expression, NoneOf, Span
from cds_hooks.pages.document import Inline, Link, joined, plain
from cds_hooks.reasoning.orders import CAUSE_PREFIX, rule_named

_OF = {
    "upper-limit": " × the laboratory's upper limit",
    "lower-limit": " × the laboratory's lower limit",
    "over-upper-limit": " over the laboratory's upper limit",
}


def anchor(kind: str, name: str) -> str:
    """Where a rule stands on the page; criteria and causes have their bare id, since people link to them."""
    return name if kind in ("criterion", "cause") else f"{kind}-{name}"


def expression(rule: Expression, library: Library) -> Inline:
    """What must be so, with a link for each finding, score and rule it names."""
    match rule:
        case str():
            return (_named(rule, library),)
        case All(all=parts):
            return joined((_operand(part, library) for part in parts), " and ")
        case AnyOf(any=parts):
            return joined((_operand(part, library) for part in parts), " or ")
        case NoneOf(none=parts):
            return _bracketed("none of", parts, library)
        case AtLeast(at_least=counted):
            return _bracketed(f"at least {counted.count} of", counted.of, library)
    score = library.scores[rule.score.id]
    return (Link(score.name, f"#{anchor('score', score.id)}"), f" of {rule.score.at_least} or more")


def _operand(part: Expression, library: Library) -> Inline:
    compound = isinstance(part, All | AnyOf) and len(list(_parts(part))) > 1
    return ("(", *expression(part, library), ")") if compound else expression(part, library)


def _parts(part: All | AnyOf) -> tuple[Expression, ...]:
    return part.all if isinstance(part, All) else part.any


def _bracketed(opening: str, parts: Iterable[Expression], library: Library) -> Inline:
    return (f"{opening} (", *joined(expression(part, library) for part in parts), ")")


def _named(name: str, library: Library) -> Link:
    """A finding, or in orders a criterion (perhaps with its least tier) or a cause."""
    if name in library.findings:
        return Link(library.findings[name].name, f"#{anchor('finding', name)}")
    rule = rule_named(name, library)
    if name.startswith(CAUSE_PREFIX):
        listed = rule.name if rule else name
        return Link(f"cause listed: {listed}", f"#{anchor('cause', name.removeprefix(CAUSE_PREFIX))}")
    criterion, _, tier = name.partition(":")
    return Link(f"{criterion} as {tier}" if tier else criterion, f"#{criterion}")


def sources(citations: Iterable[Cite], library: Library) -> Inline:
    """The publications, each with the place in it and what was really read of it."""
    return joined((_source(cite, library) for cite in citations), "; ") or plain("none")


def _source(cite: Cite, library: Library) -> Inline:
    source = library.citations[cite.source]
    place = f", {cite.at}" if cite.at else ""
    return (Link(source.label, f"#{anchor('publication', source.id)}"), f"{place} ({source.read})")


def review(given: str | Review) -> str:
    """Who signed a rule, or that nobody did."""
    if isinstance(given, Review):
        return f"signed by {given.by} and {given.checked_by} on {given.on}, next {given.next}"
    return "not reviewed"


# ---------------------------------------------------------------- numbers and times


def span(length: Span) -> str:
    """A length of time: "72 hours", "14 days"."""
    units = ("years", "months", "weeks", "days", "hours", "minutes")
    parts = [(number, unit) for unit in units if (number := getattr(length, unit))]
    return " ".join(f"{number} {unit if number > 1 else unit[:-1]}" for number, unit in parts) or "0 days"


def limits(given: Limits, concept: Concept | None) -> str:
    """A range in words, with the unit as cards write it."""
    bounds = (
        ("above", given.above),
        ("at least", given.at_least),
        ("below", given.below),
        ("at most", given.at_most),
    )
    said = " and ".join(f"{word} {bound}" for word, bound in bounds if bound is not None)
    if given.of:
        return said + _OF[given.of]
    if given.unit == "%" or concept is None:
        return f"{said} {given.unit}".rstrip()
    return f"{said} {concept.show_unit or concept.unit}".replace(" {INR}", "").rstrip()


def ages(lower: Span, upper: Span | None) -> str:
    """Ages from `lower` on, below `upper`."""
    if upper is None:
        return f"{span(lower)} and over"
    return f"under {span(upper)}" if lower == Span() else f"{span(lower)} to under {span(upper)}"


def measured(measure: Measure, library: Library) -> str:
    """The range or ranges of a measured finding."""
    concept = library.concepts.get(measure.concept)
    if measure.is_ is not None:
        return limits(measure.is_, concept)
    return "; ".join(
        f"{ages(band.age.from_, band.age.below)}: {limits(band.is_, concept)}" for band in measure.by_age
    )
