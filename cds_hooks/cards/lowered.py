"""lowered: how a card says that a recorded situation made criteria information, and since when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds_hooks.cards.phrases import listed, said
from cds_hooks.model.library import Library
from cds_hooks.model.results import Assessment, Match


def lowered_lines(matches: Iterable[Match], assessment: Assessment, library: Library) -> Iterator[str]:
    """One line for each demotion: the criteria it lowered, why and since when, what would make them urgent."""
    by_demotion: dict[str, list[str]] = {}
    for match in matches:
        by_demotion.setdefault(match.demoted_by, []).append(library.criteria[match.rule].name)
    for demotion, names in by_demotion.items():
        rule = library.demotions[demotion]
        ours = " · our own choice" if rule.choice else ""
        what = f"{listed(list(dict.fromkeys(names)))}; lowered: {why(demotion, assessment, library)}"
        yield f"{what}: {rule.advice}{ours}"


def why(demotion: str, assessment: Assessment, library: Library) -> str:
    """The half sentence behind "lowered:", with the day of the newest entry it rests on."""
    say = library.demotions[demotion].say
    match = next(match for match in assessment.demotions if match.rule == demotion)
    items = [item for name in match.relied_on for item in assessment.findings[name].evidence]
    times = [when for item in items if not item.restricted and (when := item.at or item.since) is not None]
    if not times:
        return say
    day = said(max(times, key=lambda when: when.latest), assessment.at)
    return f"{say}, {day}"
