"""reading: how one finding is read from a chart, in one line of words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds_hooks.model.findings import (
    AnswerTest,
    FindingRule,
    Measure,
    MedicationTest,
    Person,
    Sign,
    Since,
    SiteTest,
    Trend,
)
from cds_hooks.model.library import Library
from cds_hooks.pages.document import Inline, Link, joined, plain
from cds_hooks.pages.words import ages, anchor, expression, limits, measured, span

_OWN_TIME = "each medicine's own time"


def reading(rule: FindingRule, library: Library) -> Inline:
    """What the chart must say, within which time, and what takes it back."""
    said = joined((*_tests(rule, library), *_silence(rule)), "; ")
    back = ((_finding(name, library),) for name in rule.unless)
    return (*said, "; taken back by ", *joined(back)) if rule.unless else said


def _finding(name: str, library: Library) -> Link:
    return Link(library.findings[name].name, f"#{anchor('finding', name)}")


def _tests(rule: FindingRule, library: Library) -> Iterator[Inline]:
    """The one test that a finding has."""
    if rule.when is not None:
        yield expression(rule.when, library)
    if rule.since is not None:
        yield from _since(rule.since, library)
    yield from map(plain, _of_entries(rule, library))


def _of_entries(rule: FindingRule, library: Library) -> Iterator[str]:
    if rule.sign is not None:
        yield from _sign(rule.sign, library)
    if rule.measure is not None:
        yield from _measure(rule.measure, library)
    if rule.answer is not None:
        yield from _answer(rule.answer, library)
    if rule.medication is not None:
        yield from _medication(rule.medication, library)
    if rule.trend is not None:
        yield from _trend(rule.trend, library)
    if rule.person is not None:
        yield from _person(rule.person)


def _silence(rule: FindingRule) -> Iterator[Inline]:
    if rule.when_missing == "absent_if_list_read":
        yield plain("absent when the lists were read whole without it")


def _names(concepts: Iterable[str], library: Library) -> str:
    return ", ".join(library.concepts[name].name for name in concepts if name in library.concepts)


def _sign(sign: Sign, library: Library) -> Iterator[str]:
    yield _names(sign.concepts, library)
    yield from _seen(sign)
    if sign.new_within is not None:
        yield f"first recorded within {span(sign.new_within)}"
    if sign.older_than is not None:
        yield f"first recorded more than {span(sign.older_than)} ago"
    if sign.sites is not None:
        yield _where(sign.sites)
    if sign.more_sites_within is not None:
        yield f"more sites at a later record within {span(sign.more_sites_within)}"


def _seen(sign: Sign) -> Iterator[str]:
    """Which entries count, and how long."""
    if sign.observed_within is not None:
        yield f"observed within {span(sign.observed_within)}"
    if sign.any_active_problem:
        yield "active problem of any age"
    elif sign.problem_within is not None:
        yield f"active problem begun within {span(sign.problem_within)}"
    if sign.past_problems:
        yield "past problems too"


def _where(sites: SiteTest) -> str:
    parts = [f"some site in {part}" for part in sites.any]
    return " or ".join([*parts, *(f"every site in {part}" for part in sites.only)])


def _measure(measure: Measure, library: Library) -> Iterator[str]:
    which = "latest value" if measure.pick == "latest" else "any value"
    yield f"{_names((measure.concept,), library)} {measured(measure, library)}"
    yield f"{which} within {span(measure.within)}"


def _answer(test: AnswerTest, library: Library) -> Iterator[str]:
    yield _names(test.concepts, library)
    yield f"says {_names(test.is_, library)}" if test.is_ else "any result"
    yield f"{'latest' if test.pick == 'latest' else 'any'} within {span(test.within)}"


def _medication(test: MedicationTest, library: Library) -> Iterator[str]:
    yield "being ordered now" if test.proposed else "taken"
    groups = [*(f"class {name}" for name in test.classes), *(f"mechanism {name}" for name in test.mechanisms)]
    yield ", ".join(part for part in (_names(test.ingredients, library), *groups) if part) or "any known medicine"
    if test.routes:
        yield f"route {_names(test.routes, library)}"
    yield from _taking(test)
    if test.blamed_for:
        yield f"blamed in the chart for {_names(test.blamed_for, library)}"


def _taking(test: MedicationTest) -> Iterator[str]:
    if not test.proposed:
        yield f"counts for {span(test.ended_within) if test.ended_within else _OWN_TIME} after its end"
    if test.started_within is not None:
        yield f"begun within {span(test.started_within)}"
    if test.started_before is not None:
        yield f"begun at least {span(test.started_before)} ago"


def _trend(trend: Trend, library: Library) -> Iterator[str]:
    concept = library.concepts.get(trend.concept)
    yield f"{_names((trend.concept,), library)}: {trend.change} of {limits(trend.by, concept)}"
    yield f"latest within {span(trend.latest_within)}, baseline within {span(trend.baseline_within)} before it"


def _since(since: Since, library: Library) -> Iterator[Inline]:
    need = "all of " if since.need == "all" and len(since.concepts) > 1 else ""
    what = "a finished visit" if since.visit else f"{need}{_names(since.concepts, library)} measured"
    yield (f"{what} since the start of ", _finding(since.after, library))
    if since.same_day_counts:
        yield plain("the same day counts")
    if since.else_within is not None:
        yield plain(f"while the start is not known: within {span(since.else_within)}")


def _person(person: Person) -> Iterator[str]:
    if person.age is not None:
        yield f"age {ages(person.age.from_, person.age.below)}"
    if person.age_unknown:
        yield "no date of birth recorded"
    if person.sex:
        yield person.sex
    if person.deceased:
        yield "has died"
