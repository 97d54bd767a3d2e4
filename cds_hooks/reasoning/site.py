"""Site settings: the release's library with one hospital's codes, products, limits and choices put over it.

A site folder (CDS_SITE_DIR) holds `concepts.yaml`, `products/*.csv` and `settings.yaml`; each may be left
out. What a site sets stands in `Library.site`, in words, and in the digest, so that every answer can tell
it from the release. A limit moves only inside the guard that its finding states.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar, cast

from cds_hooks.errors import LibraryError
from cds_hooks.model.codes import Limits, Product
from cds_hooks.model.criteria import Cause, Criterion, Status
from cds_hooks.model.findings import FindingRule, Guard, Measure
from cds_hooks.model.library import Library
from cds_hooks.model.orders import OrderBundle
from cds_hooks.model.truth import Tier
from cds_hooks.reasoning.asked import asked_by_cause, asked_by_criterion, reached
from cds_hooks.reasoning.library import code_index
from cds_hooks.reasoning.lint import bounds_of
from cds_hooks.reasoning.products import product_index
from cds_hooks.reasoning.site_files import LocalCodes, SiteFiles, SiteSettings, Threshold, read_site
from cds_hooks.reasoning.values import plain

_SWITCHED: Mapping[str, Status] = {"silent": "silent", "off": "retired"}
_MAY_BECOME: Mapping[str, tuple[Status, ...]] = {"silent": ("active",), "off": ("active", "silent")}

_Rule = TypeVar("_Rule", Criterion, Cause)


def deployed(library: Library, site_dir: Path | None, *, require_reviewed: bool = False) -> Library:
    """The library of a deployment: the release, with the site's settings applied where there are any.

    Errors: LibraryError with every fault of the site folder, as `file:line: …`.
    """
    if site_dir is not None:
        library = apply(library, site_dir)
    return only_reviewed(library) if require_reviewed else library


def apply(library: Library, site_dir: Path) -> Library:
    """The library as this site uses it. Errors: LibraryError with every fault of the folder."""
    files = read_site(site_dir, library)
    document = files.document
    wrong = [f"{document.name}:{document.line(path)}: {text}" for path, text in _wrong(files.settings, library)]
    if files.faults or wrong:
        raise LibraryError((*files.faults, *wrong))
    changed = _with_settings(_with_products(_with_codes(library, files.codes), files.products), files.settings)
    digest = hashlib.sha256(f"{library.digest} {files.digest}".encode()).hexdigest()
    return replace(changed, digest=digest, site=tuple(_in_words(files, library)))


def only_reviewed(library: Library) -> Library:
    """The library in which a criterion or cause speaks, and a demotion lowers, only once a clinician signed it."""
    rules: tuple[Criterion | Cause, ...] = (*library.criteria.values(), *library.causes.values())
    unsigned = [rule.id for rule in rules if rule.review == "pending" and rule.status == "active"]
    signed = {name: rule for name, rule in library.demotions.items() if rule.review != "pending"}
    changed = replace(
        _with_rules(library, dict.fromkeys(unsigned, "silent")),
        demotions=MappingProxyType(signed),
        orders=MappingProxyType({name: _if_signed(bundle) for name, bundle in library.orders.items()}),
    )
    told = f"Only signed rules speak: {len(unsigned)} unsigned rules are silent"
    total = hashlib.sha256(f"{library.digest} only reviewed".encode()).hexdigest()
    return replace(changed, digest=total, site=(*library.site, told))


def _if_signed(bundle: OrderBundle) -> OrderBundle:
    return replace(bundle, status="silent") if (bundle.review, bundle.status) == ("pending", "active") else bundle


# ---------------------------------------------------------------- what a site may set


def _wrong(settings: SiteSettings, library: Library) -> Iterator[tuple[tuple[str, ...], str]]:
    for finding, threshold in settings.thresholds.items():
        yield from ((("thresholds", finding), text) for text in _wrong_threshold(finding, threshold, library))
    for choice in settings.choices:
        yield from ((("choices", choice), text) for text in _wrong_choice(choice, settings, library))
    for rule, state in settings.rules.items():
        yield from ((("rules", rule), text) for text in _wrong_switch(rule, state, library))
    for rule, cap in settings.caps.items():
        yield from ((("caps", rule), text) for text in _wrong_cap(rule, cap, library))


def _wrong_choice(choice: str, settings: SiteSettings, library: Library) -> Iterator[str]:
    if choice not in library.choices:
        yield f"unknown choice `{choice}`; write an id of knowledge/choices.yaml"
    for rule in library.criteria.values():
        steps = {step.choice for step in rule.tiers}
        if choice in steps and steps <= {*settings.choices} and settings.rules.get(rule.id) != "off":
            yield f"`{rule.id}` has no tier without it; write also `rules: {{{rule.id}: off}}`"


def _wrong_switch(rule_id: str, state: str, library: Library) -> Iterator[str]:
    rule = library.criteria.get(rule_id) or library.causes.get(rule_id)
    if rule is None:
        yield f"unknown rule `{rule_id}`; write the id of a criterion or cause"
    elif rule.status not in _MAY_BECOME[state]:
        yield f"`{rule_id}` is {rule.status} already; take the line out"


def _wrong_cap(rule_id: str, cap: str, library: Library) -> Iterator[str]:
    """An indicator goes down by one step only: an emergency among mere information would not be seen."""
    rule = library.criteria.get(rule_id)
    if rule is None:
        yield f"unknown criterion `{rule_id}`; write the id of a criterion"
        return
    highest = min((step.tier for step in rule.tiers), key=lambda tier: tier.rank)
    if highest is Tier.ROUTINE:
        yield f"`{rule_id}` never makes more than information; take the line out"
    elif (highest is Tier.EMERGENCY) != (cap == "warning"):
        allowed = "warning" if highest is Tier.EMERGENCY else "info"
        yield f"`{rule_id}` may be capped at {allowed} and nothing else; write `{allowed}`"


def _wrong_threshold(finding: str, threshold: Threshold, library: Library) -> Iterator[str]:
    rule = library.findings.get(finding)
    if rule is None:
        yield f"unknown finding `{finding}`; write an id of mappings/findings"
    elif rule.measure is None or rule.measure.is_ is None or rule.measure.guard is None:
        yield f"`{finding}` has no guard, so a site cannot move its limit; take the line out"
    else:
        [word] = bounds_of(rule.measure.is_)
        yield from _wrong_bound(rule, word, threshold, rule.measure.guard)


def _wrong_bound(rule: FindingRule, word: str, threshold: Threshold, guard: Guard) -> Iterator[str]:
    bounds = _bounds_of(threshold)
    if set(bounds) != {word}:
        yield f"`{rule.id}` is limited by `{word}`; write `{word}` with a quoted number, and no other limit"
    elif not guard.min <= bounds[word] <= guard.max:
        yield f"the limit of `{rule.id}` may lie from {guard.min} to {guard.max}; write a number in between"
    elif _holds_a_number(rule.name) and plain(bounds[word]) not in threshold.name:
        yield f'`{rule.id}` is named "{rule.name}"; write its `name` with your number in it'


def _bounds_of(threshold: Threshold) -> Mapping[str, Decimal]:
    return bounds_of(Limits(threshold.above, threshold.at_least, threshold.below, threshold.at_most))


def _holds_a_number(name: str) -> bool:
    return any(letter.isdigit() for letter in name)


# ---------------------------------------------------------------- the library with it


def _with_codes(library: Library, codes: LocalCodes) -> Library:
    concepts = dict(library.concepts)
    for concept, listed in codes.items():
        concepts[concept] = replace(concepts[concept], codes=(*concepts[concept].codes, *listed))
    index = MappingProxyType(code_index(concepts))
    return replace(library, concepts=MappingProxyType(concepts), code_index=index)


def _with_products(library: Library, products: tuple[Product, ...]) -> Library:
    released = (row for rows in library.products.values() for row in rows)
    return replace(library, products=MappingProxyType(product_index((*released, *products))))


def _with_settings(library: Library, settings: SiteSettings) -> Library:
    findings = dict(library.findings)
    for finding, threshold in settings.thresholds.items():
        findings[finding] = _with_threshold(findings[finding], threshold)
    criteria = {name: _without_choices(rule, {*settings.choices}) for name, rule in library.criteria.items()}
    kept = {name: rule for name, rule in library.demotions.items() if rule.choice not in {*settings.choices}}
    changed = replace(
        library,
        findings=MappingProxyType(findings),
        criteria=MappingProxyType(criteria),
        demotions=MappingProxyType(kept),
    )
    changed = replace(
        changed, caps=MappingProxyType({**settings.caps}), set_here=frozenset(_set_here(settings, library))
    )
    return _with_rules(changed, settings.rules)


def _set_here(settings: SiteSettings, library: Library) -> Iterator[str]:
    """Rules that were set themselves, or come to ask a finding whose limit was moved, or rested on a choice."""
    yield from (*settings.rules, *settings.caps)
    moved, off = {*settings.thresholds}, {*settings.choices}
    for criterion in library.criteria.values():
        rests_on = {step.choice for step in criterion.tiers} | {excuse.choice for excuse in criterion.unless}
        if rests_on & off or moved & reached(asked_by_criterion(criterion), library):
            yield criterion.id
    yield from (c.id for c in library.causes.values() if moved & reached(asked_by_cause(c), library))


def _with_threshold(rule: FindingRule, threshold: Threshold) -> FindingRule:
    measure = cast("Measure", rule.measure)  # only a finding with a guard comes here
    limits = replace(
        cast("Limits", measure.is_),
        above=threshold.above,
        at_least=threshold.at_least,
        below=threshold.below,
        at_most=threshold.at_most,
    )
    return replace(rule, name=threshold.name or rule.name, measure=replace(measure, is_=limits))


def _without_choices(rule: Criterion, off: set[str]) -> Criterion:
    """The criterion without the excuses and tier steps that rest on a choice switched off."""
    unless = tuple(excuse for excuse in rule.unless if excuse.choice not in off)
    return replace(rule, unless=unless, tiers=tuple(step for step in rule.tiers if step.choice not in off))


def _with_rules(library: Library, states: Mapping[str, str]) -> Library:
    criteria = {name: _switched(rule, states) for name, rule in library.criteria.items()}
    causes = {name: _switched(rule, states) for name, rule in library.causes.items()}
    return replace(library, criteria=MappingProxyType(criteria), causes=MappingProxyType(causes))


def _switched(rule: _Rule, states: Mapping[str, str]) -> _Rule:
    return replace(rule, status=_SWITCHED[states[rule.id]]) if rule.id in states else rule


# ---------------------------------------------------------------- in words


def _in_words(files: SiteFiles, library: Library) -> Iterator[str]:
    if files.codes:
        yield f"Local codes: {sum(map(len, files.codes.values()))} for {len(files.codes)} concepts"
    if files.products:
        ingredients = {product.ingredient for product in files.products}
        yield f"Local products: {len(files.products)} rows for {len(ingredients)} ingredients"
    for finding, threshold in files.settings.thresholds.items():
        yield f"Limit of {finding}: {_limit(threshold)} instead of {library.findings[finding].name}"
    yield from (f"Choice off: {library.choices[choice].name} ({choice})" for choice in files.settings.choices)
    yield from (f"Rule {state}: {rule}" for rule, state in files.settings.rules.items())
    yield from (f"Indicator at most {cap}: {rule}" for rule, cap in files.settings.caps.items())


def _limit(threshold: Threshold) -> str:
    return ", ".join(f"{word.replace('_', ' ')} {plain(bound)}" for word, bound in _bounds_of(threshold).items())
