"""Which orders a situation asks for, and what to think of before: bundles against an assessment.

An order is proposed only when its situation is known to be present. A recorded reason that makes it
unnecessary, most often a result since onset, must be present too: what is unknown neither proposes nor excuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from cds_hooks.model.criteria import Cause, Criterion
from cds_hooks.model.library import Library
from cds_hooks.model.orders import Order, OrderBundle, Prompt
from cds_hooks.model.results import Assessment, Match
from cds_hooks.model.truth import Expression, Tier, Truth
from cds_hooks.reasoning.logic import TruthOf, all_of, names, remembered, truth

CAUSE_PREFIX = "cause:"
_TIER_MARK = ":"


@dataclass(frozen=True, slots=True)
class Due:
    """An order that the chart asks for, with the bundle it stands in."""

    order: Order
    bundle: OrderBundle


def due_orders(assessment: Assessment, library: Library, head: str = "") -> tuple[Due, ...]:
    """Orders of active bundles, the most wanted first, each once; none where no order may be proposed.

    `head` is the criterion that heads the card: of one rank its bundles come first, and the others offer only
    what they ask for first. Without a head every bundle counts as the head's.
    """
    truth_of = truth_in(assessment, library)
    if not assessment.orders or _is_met(library.card.no_samples_during, truth_of):
        return ()
    first: dict[str, Due] = {}
    for _, item in sorted(_due(library, head, truth_of), key=lambda ranked: ranked[0]):
        first.setdefault(item.order.name, item)
    return tuple(first.values())


def _due(library: Library, head: str, truth_of: TruthOf) -> Iterator[tuple[tuple[int, bool, int], Due]]:
    """Each order that is due, with what it is sorted by."""
    for bundle in library.orders.values():
        if bundle.status != "active" or truth(bundle.when, truth_of) is not Truth.PRESENT:
            continue
        is_aside = bool(head) and head not in _rules_asked(bundle.id, library)
        for order in bundle.orders:
            if is_aside and order.rank > 1:
                continue
            if order_truth(order, bundle, truth_of) is Truth.PRESENT:
                yield (order.rank, is_aside, bundle.place), Due(order, bundle)


@lru_cache(maxsize=200)
def _rules_asked(bundle_id: str, library: Library) -> frozenset[str]:
    """Names that the bundle's expressions use, without tiers; collected once for each library that is in use."""
    return frozenset(_base(name) for name in asked_by_bundle(library.orders[bundle_id]))


def due_prompts(assessment: Assessment, library: Library) -> tuple[Prompt, ...]:
    """Active prompts whose situation is present, in the order of the bundles; each text once."""
    truth_of = truth_in(assessment, library)
    bundles = sorted(library.orders.values(), key=lambda bundle: bundle.place)
    prompts = (prompt for bundle in bundles if bundle.status == "active" for prompt in bundle.prompts)
    due = (p for p in prompts if p.status == "active" and truth(p.when, truth_of) is Truth.PRESENT)
    return tuple({prompt.text: prompt for prompt in due}.values())


def order_truth(order: Order, bundle: OrderBundle, truth_of: TruthOf) -> Truth:
    """PRESENT when the order is to be proposed; UNKNOWN while its situation is open."""
    if any(truth(unless.when, truth_of) is Truth.PRESENT for unless in order.unless):
        return Truth.ABSENT
    situation = (bundle.when,) if order.when is None else (bundle.when, order.when)
    return all_of(truth(part, truth_of) for part in situation)


def proposed(bundle: OrderBundle, truth_of: TruthOf) -> tuple[str, ...]:
    """Names of the orders of one bundle that are to be proposed."""
    return tuple(o.name for o in bundle.orders if order_truth(o, bundle, truth_of) is Truth.PRESENT)


def bundle_truth(bundle: OrderBundle, truth_of: TruthOf) -> Truth:
    """PRESENT when any order is to be proposed, ABSENT when surely none is."""
    truths = {order_truth(order, bundle, truth_of) for order in bundle.orders}
    if Truth.PRESENT in truths:
        return Truth.PRESENT
    return Truth.UNKNOWN if Truth.UNKNOWN in truths else Truth.ABSENT


def asked_by_bundle(bundle: OrderBundle) -> Iterator[str]:
    """Every name that the bundle's expressions use."""
    yield from _named((bundle.when,))
    for order in bundle.orders:
        yield from _named(() if order.when is None else (order.when,))
        yield from _named(unless.when for unless in order.unless)
    yield from _named(prompt.when for prompt in bundle.prompts)


def rule_named(name: str, library: Library) -> Criterion | Cause | None:
    """The criterion or cause that a name in a bundle stands for; None for findings and scores."""
    if name.startswith(CAUSE_PREFIX):
        return library.causes.get(name.removeprefix(CAUSE_PREFIX))
    return library.criteria.get(_base(name))


@lru_cache(maxsize=2000)
def tier_named(name: str) -> Tier:
    """The least tier that a name asks for: one above ROUTINE when it names none, any for a cause.

    Raises ValueError when what is named is no tier.
    """
    if name.startswith(CAUSE_PREFIX):
        return Tier.ROUTINE
    return Tier(name.partition(_TIER_MARK)[2] or Tier.WITHIN_48H.value)


def truth_in(assessment: Assessment, library: Library) -> TruthOf:
    """Truth of findings, and of criteria and causes as cards show them; of a rule that is not active UNKNOWN."""
    criteria = {match.rule: match for match in assessment.criteria if _speaks(library.criteria[match.rule])}
    causes = {match.rule: match for match in assessment.causes if _speaks(library.causes[match.rule])}

    def worked_out(name: str) -> Truth:
        if name.startswith(CAUSE_PREFIX):
            return _shown(causes.get(name.removeprefix(CAUSE_PREFIX)), tier_named(name))
        if rule_named(name, library) is not None:
            return _shown(criteria.get(_base(name)), tier_named(name))
        return assessment.findings[name].truth

    return remembered(worked_out)


def _base(name: str) -> str:
    """The id of a criterion without the tier asked for."""
    return name.partition(_TIER_MARK)[0]


def _named(expressions: Iterable[Expression]) -> Iterator[str]:
    for expression in expressions:
        yield from names(expression)


def _shown(match: Match | None, least: Tier) -> Truth:
    """Truth of "met, and at least so urgent"; a rule that was lowered counts as what it was lowered to."""
    if match is None:
        return Truth.UNKNOWN
    if match.truth is not Truth.PRESENT:
        return match.truth
    return Truth.PRESENT if match.tier is not None and match.tier.rank <= least.rank else Truth.ABSENT


def _is_met(name: str, truth_of: TruthOf) -> bool:
    return bool(name) and truth_of(name) is Truth.PRESENT


def _speaks(rule: Criterion | Cause) -> bool:
    return rule.status == "active"
