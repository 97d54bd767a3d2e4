"""What must hold for order bundles: known names, proven codes, one meaning for one name, words that fit.

Each fault names file and line, the thing, and the mend, as those of lint.py do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from cds_hooks.model.citations import Cite
from cds_hooks.model.codes import ConceptCode
from cds_hooks.model.criteria import Status
from cds_hooks.model.library import Library
from cds_hooks.model.orders import Order, OrderBundle
from cds_hooks.reasoning.codes import SYSTEMS
from cds_hooks.reasoning.logic import SCORE_PREFIX, parsed_key
from cds_hooks.reasoning.orders import CAUSE_PREFIX, asked_by_bundle, rule_named, tier_named

ORDER_LIMIT = 80
"""Characters of an order's name: it is the label of a suggestion."""
_SPEAKING: frozenset[Status] = frozenset({"active", "silent"})
_FOLDER = "knowledge/orders"

Places = Mapping[tuple[str, str], str]


def order_faults(library: Library, places: Places) -> Iterator[str]:
    """Every fault of the order bundles, and causes whose `tests` name a bundle that is not there."""
    meanings: dict[str, Order] = {}
    for bundle in library.orders.values():
        at = places.get((_FOLDER, bundle.id), f"{_FOLDER}/{bundle.id}.yaml:1")
        yield from _name_faults(bundle, at, library)
        yield from _source_faults(bundle, at, library)
        if not bundle.orders:
            yield f"{at}: has no orders; write at least one"
        for order in bundle.orders:
            yield from _wording_faults(order, at)
            yield from _code_faults(order.codes, at)
            yield from _second_meaning(order, meanings.setdefault(order.name, order), at)
    yield from _tag_faults(library, places)
    yield from _hold_faults(library)


def _name_faults(bundle: OrderBundle, at: str, library: Library) -> Iterator[str]:
    for name in dict.fromkeys(asked_by_bundle(bundle)):
        if name.startswith(SCORE_PREFIX):
            if parsed_key(name)[0] not in library.scores:
                yield f"{at}: unknown score `{parsed_key(name)[0]}`; mend the id"
        elif rule_named(name, library) is not None:
            yield from _tier_faults(name, at)
        elif name not in library.findings:
            kind = "cause" if name.startswith(CAUSE_PREFIX) else "finding or criterion"
            yield f"{at}: unknown {kind} `{name}`; mend the id"


def _tier_faults(name: str, at: str) -> Iterator[str]:
    try:
        tier_named(name)
    except ValueError:
        yield f"{at}: `{name}` asks for no tier of ours; write EMERGENCY, SAME_DAY, WITHIN_48H or ROUTINE"


def _source_faults(bundle: OrderBundle, at: str, library: Library) -> Iterator[str]:
    by_prompts = (cite for prompt in bundle.prompts for cite in prompt.citations)
    yield from _unknown_citations((*bundle.citations, *by_prompts), at, library)
    if not bundle.citations and bundle.status in _SPEAKING:
        yield f"{at}: has no citation; cite what was read or set `status: draft`"
    for prompt in bundle.prompts:
        if not prompt.citations and prompt.status == "active":
            yield f'{at}: prompt "{prompt.text}" has no citation; cite what was read or set `status: silent`'


def _unknown_citations(citations: Iterable[Cite], at: str, library: Library) -> Iterator[str]:
    for cite in citations:
        if cite.source not in library.citations:
            yield f"{at}: unknown citation `{cite.source}`; write it in knowledge/citations.yaml or mend the id"


def _wording_faults(order: Order, at: str) -> Iterator[str]:
    if not 0 < len(order.name) <= ORDER_LIMIT:
        yield f"{at}: name has {len(order.name)} characters, 1 to {ORDER_LIMIT} fit; say it shorter"


def _code_faults(codes: Iterable[ConceptCode], at: str) -> Iterator[str]:
    for code in codes:
        if code.system not in SYSTEMS:
            yield f"{at}: code {code.code} is of the unknown system `{code.system}`; use {', '.join(SYSTEMS)}"
        if code.status == "input-only" or not code.display:
            yield f"{at}: code {code.code} may not be sent out; its activity and display must be proven"


def _second_meaning(order: Order, first: Order, at: str) -> Iterator[str]:
    if (order.codes, order.unless, order.resource) != (first.codes, first.unless, first.resource):
        yield f"{at}: `{order.name}` has other codes, `unless` or resource in another bundle; write them alike"


def _tag_faults(library: Library, places: Places) -> Iterator[str]:
    tags: dict[str, str] = {}
    for bundle in library.orders.values():
        first = tags.setdefault(bundle.tag, bundle.id)
        if first != bundle.id:
            yield f"{_FOLDER}/{bundle.id}.yaml:1: tag `{bundle.tag}` is that of `{first}`; write another"
    for cause in library.causes.values():
        for tag in cause.tests:
            if tag not in tags:
                at = places.get(("knowledge/causes", cause.id), f"knowledge/causes/{cause.id}.yaml:1")
                yield f"{at}: no order bundle has the tag `{tag}`; mend it or write the bundle in {_FOLDER}"


def _hold_faults(library: Library) -> Iterator[str]:
    held = library.card.no_samples_during
    if held and held not in library.criteria:
        yield f"knowledge/library.yaml:1: no_samples_during names the unknown criterion `{held}`; mend the id"
