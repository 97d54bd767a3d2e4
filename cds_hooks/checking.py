"""checking: everything that `pinpoint check` looks at: faults that refuse a library, warnings that do not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from cds_hooks.cards.compose import Voice
from cds_hooks.model.criteria import Hook
from cds_hooks.model.findings import FindingRule
from cds_hooks.model.library import Library
from cds_hooks.reasoning.case_charts import AT, chart_of
from cds_hooks.reasoning.cases import CaseReport, check_cases, rules_with_cases
from cds_hooks.reasoning.lint import reviews_due, unused_findings
from cds_hooks.reasoning.reach import citation_counts
from cds_hooks.reasoning.reach import faults as out_of_reach
from cds_hooks.reasoning.release import is_recorded, release_faults
from cds_hooks.service import advise_on

MAX_DETAIL = 3500
"""Characters of a card's detail: more is not read by the tired clinician it is for."""


def faults(library: Library, root: Path, today: date) -> CaseReport:
    """How many cases were judged, and everything because of which the library is refused."""
    report = check_cases(library, root)
    found = [*report.faults, *_unused(library), *reviews_due(library, today), *release_faults(library, root)]
    if not report.faults:  # what follows builds charts from the cases, which must be right for that
        found += [*out_of_reach(library, root), *_too_long(library, root)]
    return CaseReport(report.judged, tuple(found))


def warnings(library: Library, root: Path) -> tuple[str, ...]:
    """What an author should know and may leave: rules that are not recorded as a release yet."""
    if is_recorded(library, root):
        return ()
    return (f"{library.card.version} is not recorded as a release: run `pinpoint release` when it ships",)


def _unused(library: Library) -> Iterator[str]:
    """Findings and publications that nothing uses: nobody would notice when they are wrong."""
    for name in unused_findings(library):
        yield f"mappings/findings/{name}.yaml:1: no rule asks for `{name}`; use it or delete it with its cases"
    cited = citation_counts(library)
    for source in library.citations:
        if not cited[source]:
            yield f"knowledge/citations.yaml:1: nothing cites `{source}`; cite it in a rule or delete it"


def _too_long(library: Library, root: Path) -> Iterator[str]:
    """Cards of the charts in cases that nobody would read to the end."""
    unread: list[str] = []
    for rule, name, cases in rules_with_cases(library, root, unread):
        if isinstance(rule, FindingRule):
            continue
        hook: Hook = getattr(rule, "hooks", ("patient-view",))[0]
        for case in cases:
            if case.given is not None:
                advice = advise_on(chart_of(case.given, library), library, AT, Voice(), hook)
                longest = max((len(card.detail) for card in advice.cards), default=0)
                if longest > MAX_DETAIL:
                    yield f'{name}: case "{case.name}" makes a card of {longest} characters, at most {MAX_DETAIL}'
