"""asks: what a clinician could record that would change the answer, as lines of a card.

The order and the grouping are the knowledge's (knowledge/asks.yaml). Asked is only what could make a
criterion more urgent than everything that fired, and at most five lines of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from cds_hooks.cards.phrases import capitalised, listed, shortened
from cds_hooks.model.criteria import Ask, Criterion
from cds_hooks.model.library import Library
from cds_hooks.model.results import Assessment, Match
from cds_hooks.model.truth import Tier, Truth
from cds_hooks.reasoning.logic import SCORE_PREFIX, names, parsed_key, truth, would_settle

_LINES = 5
_UNDECIDED_LINES = 6
_NAMED = 2
_THINGS = 3
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

Wanted = Mapping[str, frozenset[str]]
"""What one could record -> the criteria that it could settle."""


def settling_lines(assessment: Assessment, library: Library) -> tuple[str, ...]:
    """At most five lines such as "A temperature would settle two urgent criteria", in the knowledge's order."""
    top = min((match.tier.rank for match in assessment.criteria if match.tier), default=Tier.ROUTINE.rank)
    wanted = _wanted(assessment, library, lambda match, rule: _is_open(match, rule, top))
    grouped = {text for ask in library.asks.values() for text in ask.settles}
    groups = [ask.settles for ask in library.asks.values() if _is_asked(ask, assessment)]
    alone = sorted((text for text in wanted if text not in grouped), key=lambda text: (-len(wanted[text]), text))
    lines = [_line(texts, wanted) for texts in (*groups, *((text,) for text in alone))]
    return tuple(line for line in lines if line)[:_LINES]


def undecided_lines(assessment: Assessment, library: Library) -> tuple[str, ...]:
    """At most seven lines such as "A platelet count: Platelets below 10 and 8 more", what settles most first.

    All criteria count that are asked and undecided, however urgent; what is named is one of them for each line.
    """
    wanted = _wanted(assessment, library, lambda match, _: match.truth is Truth.UNKNOWN)
    ordered = sorted(wanted, key=lambda text: (-len(wanted[text]), text))
    lines = tuple(
        f"{capitalised(text)}: {shortened(_names(wanted[text], assessment, library), _NAMED)}"
        for text in ordered[:_UNDECIDED_LINES]
    )
    more = len(ordered) - _UNDECIDED_LINES
    return (*lines, f"and {more} more things") if more > 0 else lines


def unsaid_against(match: Match, assessment: Assessment, library: Library) -> str:
    """What stands for entries against a cause when there are none: what was not recorded that could speak so."""
    names = (n for n in library.causes[match.rule].against if assessment.findings[n].truth is Truth.UNKNOWN)
    asked = dict.fromkeys(library.findings[name].settle for name in names if library.findings[name].settle)
    return f"not recorded: {', '.join([*asked][:2])}" if asked else "nothing recorded"


def _names(rules: frozenset[str], assessment: Assessment, library: Library) -> list[str]:
    """Names of the criteria, most urgent first."""
    return [library.criteria[match.rule].name for match in assessment.criteria if match.rule in rules]


def _line(texts: tuple[str, ...], wanted: Wanted) -> str:
    """One line for a group: the things that settle most, several tests in one phrase only when no single helps."""
    useful = [text for text in texts if text in wanted]
    single = [text for text in useful if "," not in text] or useful
    shown = sorted(single, key=lambda text: -len(wanted[text]))[:_THINGS]
    if not shown:
        return ""
    settled = frozenset().union(*(wanted[text] for text in shown))
    return f"{capitalised(listed(shown))} would settle {_criteria(len(settled))}"


def _wanted(assessment: Assessment, library: Library, is_open: Callable[[Match, Criterion], bool]) -> Wanted:
    found: dict[str, set[str]] = {}
    for match in assessment.criteria:
        rule = library.criteria[match.rule]
        if rule.status == "active" and not match.demoted_by and is_open(match, rule):
            for name in match.would_settle:
                for text in _settles(name, assessment, library):
                    found.setdefault(text, set()).add(rule.id)
    return {text: frozenset(rules) for text, rules in found.items()}


def _settles(name: str, assessment: Assessment, library: Library) -> Iterator[str]:
    """What one could record to settle an unknown finding, or the open items of an undecided score."""
    if not name.startswith(SCORE_PREFIX):
        yield from _settles_finding(name, assessment, library)
        return
    score_id, _ = parsed_key(name)
    yield from next((total.settles for total in assessment.scores if total.score == score_id), ())


def _settles_finding(name: str, assessment: Assessment, library: Library) -> Iterator[str]:
    """Its own words; where what it asks for is recorded already, the words of the open parts it is built from."""
    rule = library.findings[name]
    parts = [] if rule.when is None else [p for p in names(rule.when) if not p.startswith(SCORE_PREFIX)]
    decided = {library.findings[p].settle for p in parts if _truth(p, assessment) is not Truth.UNKNOWN}
    if rule.settle and rule.settle not in decided:
        yield rule.settle
        return
    open_parts = () if rule.when is None else would_settle(rule.when, lambda part: _truth(part, assessment))
    for part in open_parts:
        if part in parts:  # no score: its items are asked for where a rule names it
            yield from _settles_finding(part, assessment, library)


def _truth(name: str, assessment: Assessment) -> Truth:
    """Of a finding; a score counts as open."""
    return Truth.UNKNOWN if name.startswith(SCORE_PREFIX) else assessment.findings[name].truth


def _is_open(match: Match, rule: Criterion, top: int) -> bool:
    """Undecided where a more urgent answer than that of the card is possible: never beside an emergency."""
    best = min(step.tier.rank for step in rule.tiers)
    return best < top and match.truth is not Truth.ABSENT


def _is_asked(ask: Ask, assessment: Assessment) -> bool:
    return ask.when is None or truth(ask.when, lambda name: assessment.findings[name].truth) is Truth.PRESENT


def _criteria(number: int) -> str:
    noun = "criterion" if number == 1 else "criteria"
    return f"{_NUMBERS[number] if number < len(_NUMBERS) else number} urgent {noun}"
