"""Signs that the sentences of a chart name: each is a mention marked as narrative, or is counted as set aside.

Read are the values of observations that are no results, and the wording of problems and visit reasons: beside a
known code only for signs that neither it nor its name says. The name of an observation too, where it asks for one
sign and the value is a plain yes or no.
Notes, narrative divs and attachments never reach the record.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Final

from cds_hooks.chart.record import Coded, Observed, Problem
from cds_hooks.model.library import Library
from cds_hooks.model.results import UNDATED, Gap, GapReason
from cds_hooks.reasoning.codes import folded, meaning, own_words, texts
from cds_hooks.reasoning.entries import PAST, Chart, Mention, sites_of, stands
from cds_hooks.reasoning.said import HeadingKind, answer_of, heading_of, said_by
from cds_hooks.reasoning.text import NOTHING_SAID, Aside, Named, TextReading, read_text, terms_within

_RESULTS = frozenset({"lab", "vital"})
_SIGN = "sign"
_POSSIBLE = "possible"
_ASKING = re.compile(r"^(?:[^:]*:)?\s*(?:(?:are|is) there\s+)?(?:any\s+)?", re.IGNORECASE)
"""What a question begins with before the sign that it asks for: where, and whether there is any."""
_PAST: Final = "past"
_HEADED: Mapping[HeadingKind, Aside] = {
    "past": Aside.UNCLEAR,
    "family": Aside.RELATIVE,
    "hypothetical": Aside.HYPOTHETICAL,
}
_ASIDE: Mapping[Aside, str] = {
    Aside.RELATIVE: "Mentions in narrative text of somebody else's illness",
    Aside.HYPOTHETICAL: "Mentions in narrative text of what is only feared, asked or taught",
    Aside.UNCLEAR: "Mentions in narrative text whose wording leaves them open",
    Aside.TOO_LONG: "Narrative text beyond its first 4,000 characters",
}


def with_narrative(chart: Chart) -> Chart:
    """The chart with a mention for each sign that a sentence names, and a gap for each kind that was set aside."""
    if not chart.library.text_terms:
        return chart
    mentions = {name: list(known) for name, known in chart.mentions.items()}
    gaps = list(chart.set_aside)
    for entry, reading in _readings(chart):
        gaps += _gaps(entry, reading)
        for named in reading.named:
            mention = _mention(entry, named, chart.library)
            if mention is None:
                gaps.append(_gap(entry, Aside.UNCLEAR, 1))
            else:
                mentions.setdefault(mention.concept, []).append(mention)
    return replace(chart, mentions=mentions, set_aside=tuple(gaps))


def _readings(chart: Chart) -> Iterator[tuple[Observed | Problem, TextReading]]:
    """What sentences say, by entry, in the order of references."""
    entries: list[Observed | Problem] = [*chart.record.problems, *chart.record.observed]
    for entry in sorted(entries, key=lambda one: one.reference):
        yield entry, _reading_of(entry, chart.library)


def _reading_of(entry: Observed | Problem, library: Library) -> TextReading:
    if isinstance(entry, Problem):
        return _worded(entry.what, library)
    if not isinstance(entry.value, Coded | str) and said_by(entry, library) is None:
        return NOTHING_SAID  # as of most results, whatever they stand under
    if heading := heading_of(entry, library):
        return _under(heading, read_text(_words_of(entry, library), library))
    if not isinstance(entry.value, Coded | str) or _is_result(entry, library) or answer_of(entry, library):
        return TextReading(_by_name(entry, library))
    if isinstance(entry.value, str):
        return read_text(entry.value, library)
    reading = _worded(entry.value, library)
    return reading if reading.named or reading.aside else TextReading(_by_name(entry, library))


def _words_of(entry: Observed, library: Library) -> str:
    """The words of the value, our own for a bare code; of a plain yes those of the name."""
    if isinstance(entry.value, Coded) and not answer_of(entry, library):
        known = (library.concepts[concept].name for concept in meaning(entry.value, library).concepts)
        return next(texts(entry.value), "") or ", ".join(known)
    in_name = next(texts(entry.what), "") if said_by(entry, library) else ""
    return in_name or (entry.value if isinstance(entry.value, str) else "")


def _under(heading: HeadingKind, reading: TextReading) -> TextReading:
    """What is there, as past or as set aside; a denial that is not about now says nothing of it."""
    kept = [one for one in reading.named if heading == _PAST and one.state != "absent"]
    aside = Counter(reading.aside)
    aside[_HEADED[heading]] += len(reading.named) - len(kept)
    return TextReading(tuple(replace(one, state=_PAST) for one in kept), +aside)


def _worded(coded: Coded, library: Library) -> TextReading:
    """What the wording says: all of it where nothing else explains it, beside a known code only further signs."""
    known = meaning(coded, library)
    if not known.concepts:
        return read_text(next(texts(coded), ""), library)
    if known.certainty == "text":
        return NOTHING_SAID
    reading = read_text(own_words(coded, library), library)
    if not reading.named:
        return reading
    named = (one for one in reading.named if library.concepts[one.concept].kind == _SIGN)
    return replace(reading, named=tuple(one for one in named if _is_more(one.concept, known.concepts, library)))


def _is_more(sign: str, known: Iterable[str], library: Library) -> bool:
    """Whether the sign tells what a known code does not, by its names or because findings read both alike."""
    looked_for = _findings_of(sign, library)
    return not any(
        sign in _said_by_name(one, library) or looked_for <= _findings_of(one, library) for one in known
    )


@lru_cache(maxsize=2000)
def _findings_of(concept: str, library: Library) -> frozenset[str]:
    return frozenset(rule.id for rule in library.findings.values() if rule.sign and concept in rule.sign.concepts)


@lru_cache(maxsize=2000)
def _said_by_name(concept: str, library: Library) -> frozenset[str]:
    """The signs whose words stand in a name of the concept: that "purpura" is in its name makes it no purpura."""
    known = library.concepts[concept]
    names = (*known.texts, *(code.display for code in known.codes))
    return frozenset().union(*(terms_within(name, library) for name in names))


def _by_name(entry: Observed, library: Library) -> tuple[Named, ...]:
    """What an observation of no known name says of a sign, where that sign is all its name asks for.

    "Any petechiae?" and "Skin of leg: petechiae" ask for one. Of what was looked for, taught, or compared with
    before, a "yes" makes no sign, and a "no" takes none back.
    """
    said, name = said_by(entry, library), next(texts(entry.what), "").replace("?", " ")
    if said is None or meaning(entry.what, library).concepts or _is_result(entry, library):
        return ()
    if folded(_ASKING.sub("", name)) not in library.text_index:
        return ()
    found = read_text(name, library).named
    return found if said else tuple(replace(one, state="absent") for one in found if one.state == "present")


def _is_result(entry: Observed, library: Library) -> bool:
    """Whether the entry is a measurement of ours, or of a category whose texts are results ("CLUMPED")."""
    kinds = {library.concepts[concept].kind for concept in meaning(entry.what, library).concepts}
    return not _RESULTS.isdisjoint(kinds) or not set(entry.categories).isdisjoint(library.text_rules.results)


def _gaps(entry: Observed | Problem, reading: TextReading) -> Iterator[Gap]:
    for why, count in reading.aside.items():
        yield _gap(entry, why, count)


def _gap(entry: Observed | Problem, why: Aside, count: int) -> Gap:
    return Gap(_ASIDE[why], GapReason.SET_ASIDE, entry.reference, count)


def _mention(entry: Observed | Problem, named: Named, library: Library) -> Mention | None:
    """The mention; none when a refuted problem is worded as a denial, which could mean either."""
    if isinstance(entry, Observed):
        mention = _of_observation(entry, named, library)
    elif entry.denied and named.state != "present":
        return None
    else:
        mention = _of_problem(entry, named, library)
    possible = (_POSSIBLE,) if named.possible else ()
    if named.state != "past":
        return replace(mention, flags=(*mention.flags, *possible))
    return replace(mention, source="problem", active=False, began=None, flags=(*mention.flags, PAST, *possible))


def _of_observation(entry: Observed, named: Named, library: Library) -> Mention:
    when = entry.at or entry.issued
    flags = ("preliminary",) if entry.preliminary else ()
    return Mention(
        reference=entry.reference,
        concept=named.concept,
        said=named.state != "absent",
        source="observed",
        seen=when,
        began=when,
        active=True,
        sites=sites_of(entry.sites, "", library.concepts[named.concept].sites, library) or named.sites,
        certainty="narrative",
        flags=flags if when else (*flags, UNDATED),
        restricted=entry.restricted,
    )


def _of_problem(problem: Problem, named: Named, library: Library) -> Mention:
    flags = ("provisional",) if problem.provisional else ()
    return Mention(
        reference=problem.reference,
        concept=named.concept,
        said=named.state != "absent" and not problem.denied,
        source=problem.source,
        seen=problem.recorded or problem.onset,
        began=problem.onset or problem.recorded,
        active=stands(problem),
        sites=sites_of(problem.sites, "", library.concepts[named.concept].sites, library) or named.sites,
        certainty="narrative",
        flags=flags if problem.onset or problem.recorded else (*flags, UNDATED),
        restricted=problem.restricted,
    )
