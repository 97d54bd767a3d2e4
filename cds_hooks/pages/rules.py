"""The rules of a library as parts of a page: criteria, causes, scores, situations that lower, orders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds_hooks.model.codes import Concept
from cds_hooks.model.criteria import Cause, Criterion, Demotion, TierStep, Unless
from cds_hooks.model.library import Library
from cds_hooks.model.orders import Order, OrderBundle
from cds_hooks.model.scores import ScoreBand, ScoreItem, ScoreRule, ScoreScale
from cds_hooks.pages.document import Block, Inline, Lines, Link, Paragraph, Row, Section, Table, joined, plain
from cds_hooks.pages.words import anchor, expression, limits, review, sources, span


def criteria(library: Library) -> Iterator[Block]:
    """A table of all, in the order in which they head a card, then each by itself."""
    order = {group: number for number, group in enumerate(library.card.groups)}
    rules = sorted(library.criteria.values(), key=lambda rule: order.get(rule.group, len(order)))
    yield Table(
        ("Criterion", "What is recorded", "How soon", "Group", "Status"),
        tuple(
            Row((_to(rule), plain(rule.name), plain(_soon(rule)), plain(rule.group), plain(rule.status)))
            for rule in rules
        ),
    )
    for rule in rules:
        yield Section(rule.id, anchor("criterion", rule.id), tuple(_criterion(rule, library)))


def _to(rule: Criterion) -> Inline:
    return (Link(rule.id, f"#{anchor('criterion', rule.id)}"),)


def _soon(rule: Criterion) -> str:
    tiers = sorted({step.tier for step in rule.tiers}, key=lambda tier: tier.rank)
    return ", ".join(tier.words for tier in tiers)


def _criterion(rule: Criterion, library: Library) -> Iterator[Block]:
    gate = "" if rule.needs_skin_bleeding else " Speaks without a skin finding."
    yield Paragraph(plain(f"{rule.name}.{gate}"))
    yield Paragraph(("Present when: ", *expression(rule.when, library)))
    yield Table(
        ("Step", "How soon", "When", "The card says", "What guidelines advise", "Our choice"),
        tuple(_step(number, step, rule, library) for number, step in enumerate(rule.tiers, start=1)),
    )
    if rule.unless:
        yield Table(
            ("Taken back by", "Our choice", "Note"), tuple(_unless(unless, library) for unless in rule.unless)
        )
    yield from _about(rule, library)
    yield Paragraph(plain(f"Asked at: {', '.join(rule.hooks)}."))


def _step(number: int, step: TierStep, rule: Criterion, library: Library) -> Row:
    when = plain("otherwise" if number > 1 else "always") if step.when is None else expression(step.when, library)
    note = f" ({step.note})" if step.note else ""
    cells = (
        plain(str(number)),
        plain(step.tier.words),
        (*when, note),
        plain(step.summary or rule.summary),
        plain(step.advice or rule.advice),
        _choice(step.choice, library),
    )
    return Row(cells)


def _unless(unless: Unless, library: Library) -> Row:
    return Row((expression(unless.when, library), _choice(unless.choice, library), plain(unless.note)))


def _choice(name: str, library: Library) -> Inline:
    known = library.choices.get(name)
    return (Link(known.name, f"#{anchor('choice', name)}"),) if known else ()


def _about(rule: Criterion | Demotion | OrderBundle, library: Library) -> Iterator[Block]:
    yield Paragraph(("Sources: ", *sources(rule.citations, library)))
    yield Paragraph(plain(f"Status: {rule.status}; {review(rule.review)}."))
    if rule.note:
        yield Paragraph(plain(f"Note: {rule.note}"))


# ---------------------------------------------------------------- causes


def causes(library: Library) -> Iterator[Block]:
    """One table: what each needs, what speaks for it (with its weight) and against it, how it is ranked."""
    yield Paragraph(
        plain("Weights: 3 strong, 2 moderate, 1 weak. The tier ranks; a cause never makes a card urgent.")
    )
    yield Table(
        (
            "Cause",
            "Listed when",
            "Speaks for it",
            "Speaks against it",
            "The card says",
            "Tier",
            "Sources",
            "State",
        ),
        tuple(_cause(rule, library) for rule in library.causes.values()),
    )


def _cause(rule: Cause, library: Library) -> Row:
    least = f"; what speaks for it weighs {rule.list_from} or more" if rule.list_from else ""
    supports = ((*expression(item.finding, library), f" ({item.weight})") for item in rule.supports)
    cells = (
        plain(rule.name),
        (*expression(rule.when, library), least),
        joined(supports),
        joined(expression(name, library) for name in rule.against),
        plain(rule.say),
        plain(rule.tier.words),
        sources(rule.citations, library),
        plain(f"{rule.status}, {review(rule.review)}"),
    )
    return Row(cells, anchor("cause", rule.id))


# ---------------------------------------------------------------- scores


def scores(library: Library) -> Iterator[Block]:
    """Each score: whom it is for, points by item, names of totals, publications."""
    yield Paragraph(
        plain("A score is a range while an item is open, with the open items named; never missing as zero.")
    )
    for rule in library.scores.values():
        yield Section(rule.name, anchor("score", rule.id), tuple(_score(rule, library)))


def _score(rule: ScoreRule, library: Library) -> Iterator[Block]:
    yield Paragraph(("For: ", *(expression(rule.when, library) if rule.when is not None else plain("everybody"))))
    if rule.unless is not None:
        yield Paragraph(("Not when: ", *expression(rule.unless, library)))
    yield Table(
        ("Item", "Points", "Value from the last", "Settled by"),
        tuple(_item(item, library) for item in rule.items),
    )
    yield Paragraph(plain("Totals: " + ", ".join(f"from {risk.from_} {risk.name}" for risk in rule.risks) + "."))
    yield Paragraph(("Sources: ", *sources(rule.citations, library)))
    yield Paragraph(plain(f"State: {review(rule.review)}."))
    if rule.note:
        yield Paragraph(plain(f"Note: {rule.note}"))


def _item(item: ScoreItem, library: Library) -> Row:
    window = span(item.within) if item.concept else ""
    return Row((plain(item.name), _points(item, library), plain(window), plain(item.settle)))


def _points(item: ScoreItem, library: Library) -> Inline:
    if item.judged_up_to:
        return plain(f"0 to {item.judged_up_to}, a clinician's judgement")
    concept = library.concepts.get(item.concept)
    options = ((f"{option.points}: ", *expression(option.when, library)) for option in item.options)
    scales = (_scale(scale, concept, library) for scale in item.scales)
    return joined((*_bands(item.bands, concept), *options, *scales), "; ")


def _bands(bands: Iterable[ScoreBand], concept: Concept | None) -> Iterator[Inline]:
    return (plain(f"{band.points}: {limits(band.is_, concept)}") for band in bands)


def _scale(scale: ScoreScale, concept: Concept | None, library: Library) -> Inline:
    excluded = () if scale.unless is None else (" unless ", *expression(scale.unless, library))
    bands = joined(tuple(_bands(scale.bands, concept)), ", ")
    return ("or, with ", *expression(scale.when, library), *excluded, ": ", *bands)


# ---------------------------------------------------------------- demotions and orders


def demotions(library: Library) -> Iterator[Block]:
    """Each situation: when, never when, what it lowers and to what."""
    for rule in library.demotions.values():
        yield Section(rule.name, anchor("demotion", rule.id), tuple(_demotion(rule, library)))


def _demotion(rule: Demotion, library: Library) -> Iterator[Block]:
    lowered = (*rule.criteria, *(f"group {group}" for group in rule.groups))
    lowered += tuple(f"cause {library.causes[name].name}" for name in rule.causes if name in library.causes)
    yield Paragraph(("When: ", *expression(rule.when, library)))
    yield Paragraph(("Never when: ", *expression(rule.never_when, library)))
    yield Paragraph(plain(f"Lowers {', '.join(lowered) or 'every criterion'} to {rule.to.lower()}."))
    yield Paragraph(plain(f"Urgent again: {rule.advice}."))
    if not rule.orders:
        yield Paragraph(plain("No orders are proposed meanwhile."))
    if rule.choice:
        yield Paragraph(("Our choice: ", *_choice(rule.choice, library)))
    yield from _about(rule, library)


def orders(library: Library) -> Iterator[Block]:
    """Each bundle: its situation, its orders, what to think of before."""
    for bundle in sorted(library.orders.values(), key=lambda bundle: bundle.place):
        yield Section(bundle.name, anchor("orders", bundle.id), tuple(_bundle(bundle, library)))


def _bundle(bundle: OrderBundle, library: Library) -> Iterator[Block]:
    yield Paragraph(("Proposed when: ", *expression(bundle.when, library)))
    yield Table(
        ("Order", "Rank", "Only when", "Not when", "Code", "Note"),
        tuple(_order(order, library) for order in bundle.orders),
    )
    if bundle.prompts:
        prompts = ((f"{p.text} ({p.status}; ", *sources(p.citations, library), ")") for p in bundle.prompts)
        yield Lines(tuple(prompts))
    yield from _about(bundle, library)


def _order(order: Order, library: Library) -> Row:
    cells = (
        plain(order.name + (" (task)" if order.resource == "Task" else "")),
        plain(str(order.rank)),
        () if order.when is None else expression(order.when, library),
        joined(expression(unless.when, library) for unless in order.unless),
        plain(", ".join(f"{code.system} {code.code}" for code in order.codes) or "as text"),
        plain(order.note),
    )
    return Row(cells)
