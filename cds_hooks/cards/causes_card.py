"""The causes card: what may explain the bleeding, in favour and against, and what is asked for without haste."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds_hooks.cards.asks import settling_lines, unsaid_against
from cds_hooks.cards.lowered import lowered_lines
from cds_hooks.cards.parts import (
    OVERRIDES,
    TOPICS,
    bullets,
    not_seen,
    paragraphs,
    recorded,
    skin_references,
    source_of,
    step_text,
    what_is_recorded,
    where_it_stands,
)
from cds_hooks.cards.phrases import citation_link, evidence_lines
from cds_hooks.cards.wire import MAX_SUMMARY, Card
from cds_hooks.model.codes import Coding
from cds_hooks.model.criteria import ABOUT_ORDERS, Cause
from cds_hooks.model.library import Library
from cds_hooks.model.results import Assessment, Match
from cds_hooks.model.truth import Expression, NoneOf, ScoreAtLeast, Truth
from cds_hooks.reasoning.logic import parts_of

_CELL_LINES = 4
_CAUSES = 6
_SAID_CAUSES = 3


def causes_card(
    causes: list[Match], routine: list[Match], assessment: Assessment, library: Library, *, urgent: bool
) -> Card:
    """The card of the causes, best supported first, and of the criteria that wait; one of both is not empty.

    `urgent`: an action card stands beside it and has said what would settle more.
    """
    causes = causes[:_CAUSES]
    rules = [library.causes[match.rule] for match in causes]
    cited = rules[0].citations if rules else library.criteria[routine[0].rule].citations
    return Card(
        summary=_causes_summary(rules, assessment, library) if rules else _routine_summary(routine, library),
        indicator="info",
        source=source_of(cited[0].source, library, Coding(TOPICS, "possiblecauses")),
        detail=paragraphs(
            _table(causes, assessment, library) if causes else _entries(routine, assessment, library),
            "\n".join(dict.fromkeys(rule.say for rule in rules[:_SAID_CAUSES])),
            bullets("Routine", (_routine_line(match, library) for match in routine if not match.demoted_by)),
            bullets("Lowered", lowered_lines((m for m in routine if m.demoted_by), assessment, library)),
            where_it_stands(assessment, library),
            "" if urgent else bullets("Would settle more", settling_lines(assessment, library)),
            not_seen(assessment, routine),
            _sources(rules, library),
        ),
        override_reasons=OVERRIDES,
        rules=tuple(match.rule for match in (*routine, *causes)),
    )


def _causes_summary(rules: list[Cause], assessment: Assessment, library: Library) -> str:
    """As many causes as fit, the rest counted: written to the limit, never cut."""
    opening = f"Possible causes of {what_is_recorded(assessment, library)}: "
    for shown in range(len(rules), 0, -1):
        more = len(rules) - shown
        text = opening + ", ".join(rule.short for rule in rules[:shown]) + (f" and {more} more" if more else "")
        if len(text) <= MAX_SUMMARY:
            return text
    return f"Possible causes of bleeding into the skin: {len(rules)} to consider"


def _routine_summary(routine: list[Match], library: Library) -> str:
    if routine[0].demoted_by:
        return library.demotions[routine[0].demoted_by].summary
    return step_text(library.criteria[routine[0].rule], routine[0], "summary")


def _routine_line(match: Match, library: Library) -> str:
    rule = library.criteria[match.rule]
    return f"{rule.name}: {step_text(rule, match, 'advice')} ({citation_link(rule.citations[0], library)})"


def _entries(routine: list[Match], assessment: Assessment, library: Library) -> str:
    """The skin finding; of orders what the criteria rest on, the order first of all."""
    skin = [Match("", Truth.PRESENT, relied_on=(library.card.gate,))]
    return recorded(routine if assessment.hook in ABOUT_ORDERS else skin, assessment, library)


def _table(causes: list[Match], assessment: Assessment, library: Library) -> str:
    rows = [
        f"| {library.causes[match.rule].name} | {_favour(match, assessment, library)} | "
        f"{_against(match, assessment, library)} |"
        for match in causes
    ]
    return "\n".join(["| Possible cause | In favour | Against |", "|---|---|---|", *rows])


def _favour(match: Match, assessment: Assessment, library: Library) -> str:
    """Entries that speak for it; the skin finding itself stands in the summary."""
    skin = _skin_findings(library)
    wanted = [name for name in dict.fromkeys((*match.relied_on, *match.in_favour)) if name not in skin]
    return _cell(wanted, assessment, library) or "the skin finding itself"


def _against(match: Match, assessment: Assessment, library: Library) -> str:
    return _cell(match.against, assessment, library) or unsaid_against(match, assessment, library)


def _cell(found: Iterable[str], assessment: Assessment, library: Library) -> str:
    """Entries of the findings; one that only says where or how the skin finding is, by its own name."""
    skin = skin_references(assessment, library)
    texts: list[str] = []
    for name in found:
        items = [item for item in assessment.findings[name].evidence if item.reference not in skin]
        texts += evidence_lines(items, assessment.at) if items else (library.findings[name].name,)
    unique = list(dict.fromkeys(texts))
    more = len(unique) - _CELL_LINES
    return "; ".join([*unique[:_CELL_LINES], *([f"and {more} more"] if more > 0 else [])])


def _skin_findings(library: Library) -> frozenset[str]:
    """The gate and everything that makes it present, to any depth."""
    found: set[str] = set()
    waiting = [library.card.gate]
    while waiting:
        name = waiting.pop()
        rule = library.findings.get(name)
        if name not in found and rule is not None:
            found.add(name)
            waiting += _built_from(rule.when) if rule.when is not None else ()
    return frozenset(found)


def _built_from(expression: Expression) -> Iterator[str]:
    """The findings that make an expression present; what must be absent for it is no part of it."""
    if isinstance(expression, str):
        yield expression
    elif not isinstance(expression, NoneOf | ScoreAtLeast):
        for part in parts_of(expression):
            yield from _built_from(part)


def _sources(rules: list[Cause], library: Library) -> str:
    links = dict.fromkeys(citation_link(cite, library) for rule in rules for cite in rule.citations[:1])
    return f"**Sources** · {' · '.join(links)}" if links else ""
