"""source_attributes: the thirteen facts about a rule that a certified record system must be able to show.

Source: 45 CFR 170.315(b)(11)(iv)(A), evidence-based decision support: citation, developer, funding, release and
revision dates, and whether race, ethnicity, language, sexual orientation, gender identity, sex, date of birth,
social determinants of health and health status assessments are used. What is used is worked out from what the
findings of a rule read, to any depth; nobody writes it by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from cds_hooks.model.citations import Cite, Review
from cds_hooks.model.criteria import Cause, Criterion, Demotion, Hook
from cds_hooks.model.findings import FindingRule
from cds_hooks.model.library import Library
from cds_hooks.model.orders import OrderBundle
from cds_hooks.reasoning.asked import asked_by_cause, asked_by_criterion, reached
from cds_hooks.reasoning.lint import concepts_of
from cds_hooks.reasoning.logic import SCORE_PREFIX, names, parsed_key
from cds_hooks.reasoning.orders import asked_by_bundle, rule_named

Facts: TypeAlias = dict[str, object]
_Rule: TypeAlias = Criterion | Cause | Demotion | OrderBundle
_SHOWN = ("active", "silent")
_BY_CONCEPT: Mapping[str, str] = {
    "race": "race",
    "ethnicity": "ethnicity",
    "language": "language",
    "sexualOrientation": "sexual_orientation",
    "genderIdentity": "gender_identity",
    "socialDeterminantsOfHealth": "social_determinants",
    "healthStatusAssessments": "health_status_assessments",
}
"""Attribute in the answer -> field of SourceAttributes that lists the concepts which tell it."""


def source_attributes(library: Library, hook: Hook) -> Facts:
    """The facts about every assessed rule of a hook, and about all of them together, ready to be sent as JSON."""
    rules = [rule for rule in _rules(library, hook) if rule.status in _SHOWN]
    asked = {name for rule in rules for name in _asked(rule, library)} | _asked_for_what_is_missing(library)
    cites = dict.fromkeys(cite for rule in rules for cite in rule.citations)
    return {
        "hook": hook,
        "knowledge": {"version": library.card.version, "date": library.card.date, "digest": library.digest},
        "signedOff": library.card.signed_off,
        "attributes": _facts([_citation(cite, library) for cite in cites], asked, library, _revised(rules)),
        "rules": [_about(rule, library) for rule in rules],
    }


def _rules(library: Library, hook: Hook) -> list[_Rule]:
    criteria = [rule for rule in library.criteria.values() if hook in rule.hooks]
    causes = [rule for rule in library.causes.values() if hook in rule.hooks]
    return [*criteria, *causes, *library.demotions.values(), *library.orders.values()]


def _about(rule: _Rule, library: Library) -> Facts:
    return {
        "id": rule.id,
        "kind": type(rule).__name__,
        "name": rule.name,
        "status": rule.status,
        "attributes": _facts(_rests_on(rule, library), _asked(rule, library), library, _revised([rule])),
    }


def _facts(rests_on: list[Facts], asked: Iterable[str], library: Library, revised: str) -> Facts:
    """The thirteen, in the order of the regulation."""
    rules = [library.findings[name] for name in sorted(asked) if name in library.findings]
    told = library.attributes
    used: Facts = {
        name: _used(_telling(rules, getattr(told, at), asked, library)) for name, at in _BY_CONCEPT.items()
    }
    return {
        "bibliographicCitation": rests_on,
        "developer": told.developer,
        "fundingSource": told.funding,
        "releaseAndRevisionDates": {"release": library.card.date, "revision": revised},
        "race": used["race"],
        "ethnicity": used["ethnicity"],
        "language": used["language"],
        "sexualOrientation": used["sexualOrientation"],
        "genderIdentity": used["genderIdentity"],
        "sex": _used(rule.name for rule in rules if rule.person is not None and rule.person.sex),
        "dateOfBirth": _used(rule.name for rule in rules if _asks_age(rule)),
        "socialDeterminantsOfHealth": used["socialDeterminantsOfHealth"],
        "healthStatusAssessments": used["healthStatusAssessments"],
    }


def _used(names_of_findings: Iterable[str]) -> Facts:
    """Whether it is used, and by which findings."""
    found = list(dict.fromkeys(names_of_findings))
    return {"used": bool(found), "by": found}


def _asks_age(rule: FindingRule) -> bool:
    by_age = rule.measure is not None and bool(rule.measure.by_age)
    person = rule.person is not None and (rule.person.age is not None or rule.person.age_unknown)
    return by_age or person


def _telling(
    rules: Iterable[FindingRule], concepts: tuple[str, ...], asked: Iterable[str], library: Library
) -> Iterable[str]:
    """Names of the findings, and of the score items, that read one of the concepts."""
    wanted = set(concepts)
    yield from (rule.name for rule in rules if wanted.intersection(concepts_of(rule)))
    for name in asked:
        if name.startswith(SCORE_PREFIX):
            score = library.scores[parsed_key(name)[0]]
            yield from (f"{score.name}: {item.name}" for item in score.items if item.concept in wanted)


def _rests_on(rule: _Rule, library: Library) -> list[Facts]:
    """The publications of a rule; where there is none, the choice of ours that it rests on, with our reason."""
    choice = library.choices.get(rule.choice) if isinstance(rule, Demotion) and not rule.citations else None
    ours: list[Facts] = (
        [] if choice is None else [{"title": f"No publication, our own choice: {choice.name}", "why": choice.why}]
    )
    return [_citation(cite, library) for cite in rule.citations] + ours


def _citation(cite: Cite, library: Library) -> Facts:
    source = library.citations[cite.source]
    return {
        "title": source.title,
        "publisher": source.publisher,
        "year": source.year,
        "url": source.url,
        "at": cite.at,
        "read": source.read,
    }


def _revised(rules: Iterable[_Rule]) -> str:
    """The last day on which one of the rules was signed; "not reviewed" when none was."""
    days = [rule.review.on for rule in rules if isinstance(rule.review, Review)]
    return max(days, default="not reviewed")


def _asked(rule: _Rule, library: Library) -> frozenset[str]:
    """Every finding and score that decides a rule, to any depth; of orders also through criteria and causes."""
    if isinstance(rule, Criterion):
        return reached((library.card.gate, *asked_by_criterion(rule)), library)
    if isinstance(rule, Cause):
        return reached((library.card.gate, *asked_by_cause(rule)), library)
    if isinstance(rule, Demotion):
        return reached((*names(rule.when), *names(rule.never_when)), library)
    return reached(_asked_by_orders(rule, library), library)


def _asked_for_what_is_missing(library: Library) -> frozenset[str]:
    """What decides which missing things a card asks for."""
    asked = (name for ask in library.asks.values() if ask.when is not None for name in names(ask.when))
    return reached(asked, library)


def _asked_by_orders(bundle: OrderBundle, library: Library) -> Iterable[str]:
    for name in asked_by_bundle(bundle):
        rule = rule_named(name, library)
        yield from (name,) if rule is None else _asked(rule, library)
