"""Signs, symptoms and diagnoses: present, denied or not recorded, with where and since when.

Two clocks (policies, knowledge README): a sign must be current to count, and "new" means that its first
record is recent, not that it was seen again. An explicit negative newer than the positive ends it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from msgspec.structs import replace

from cds_hooks.model.findings import FindingRule, Sign, SiteTest
from cds_hooks.model.library import Library
from cds_hooks.model.results import RESTRICTED, Evidence, Finding, Gap, GapReason
from cds_hooks.model.truth import Span, Truth, When
from cds_hooks.reasoning.entries import Chart, Mention, Unclear
from cds_hooks.reasoning.episodes import dated_by, first, has_begun
from cds_hooks.reasoning.logic import all_of
from cds_hooks.reasoning.results import unread_list
from cds_hooks.reasoning.times import EVER, is_ahead, is_surely_after, is_surely_older, is_within

_RECENTLY = Span(days=14)
_ONE_EXAMINATION = Span(minutes=30)
"""Records closer together are one examination written down entry by entry, not a rash that spreads."""
_EVERYWHERE = "generalised"
"""The region of sites that are more than any number of places."""


def find_sign(rule: FindingRule, sign: Sign, chart: Chart) -> Finding:
    """PRESENT with its entries newest first; ABSENT when denied since; else what `when_missing` says.

    An entry that names it and does not tell whether it is there is a gap: beside one it is never ABSENT.
    `since` leaves out an old problem that is not current for this rule: a chronic rash does not date an acute one.
    """
    mentions = chart.mentions_of(sign.concepts)
    unclear = chart.unclear_of(sign.concepts)
    if not mentions and not unclear:
        return _not_found(rule, sign, [], chart)
    denied = [mention for mention in mentions if not mention.said and _denies_now(mention, sign, chart.at)]
    positive = [mention for mention in mentions if mention.said and not _ended_by(mention, denied)]
    current = [mention for mention in positive if _is_current(mention, sign, chart.at)]
    unsettled = [one for one in unclear if _is_current(one.mention, sign, chart.at)]
    gaps = tuple(_unsettled(unsettled, current, denied, chart.library))
    if current:
        return _beside(gaps, _judge(rule, sign, current, positive, chart))
    if gaps := (*_undated_events(positive, sign, chart.library), *gaps):
        return Finding(rule.id, Truth.UNKNOWN, gaps=gaps)
    return _not_found(rule, sign, denied, chart)


def _unsettled(
    unclear: Iterable[Unclear], current: list[Mention], denied: list[Mention], library: Library
) -> Iterator[Gap]:
    """A gap for each entry that does not tell and that no surely later one settles."""
    for one in unclear:
        settled = any(_is_newer(other.seen, one.mention.seen) for other in current)
        if not settled and not _ended_by(one.mention, denied):
            yield Gap(_gap_name(one.mention, library), one.reason, one.mention.reference)


def _beside(gaps: tuple[Gap, ...], found: Finding) -> Finding:
    """The finding with its gaps, beside which it is never ABSENT."""
    is_open = gaps and found.truth is Truth.ABSENT
    return replace(found, truth=Truth.UNKNOWN if is_open else found.truth, gaps=gaps)


def _undated_events(positive: list[Mention], sign: Sign, library: Library) -> tuple[Gap, ...]:
    """A gap for each event of unknown date, where the rule asks when it happened."""
    return tuple(
        Gap(_gap_name(mention, library), GapReason.UNDATED, mention.reference)
        for mention in positive
        if mention.source == "event" and mention.seen is None and sign.observed_within is not None
    )


def _gap_name(mention: Mention, library: Library) -> str:
    return RESTRICTED if mention.restricted else library.concepts[mention.concept].name


def _judge(
    rule: FindingRule, sign: Sign, current: list[Mention], positive: list[Mention], chart: Chart
) -> Finding:
    dating = dated_by(current, positive, chart)
    is_event = any(mention.source == "event" for mention in current)  # its own time has decided already
    truth = all_of(
        (
            _where(sign.sites, current, chart.library),
            _spread(sign, current, chart),
            Truth.PRESENT if is_event else has_begun(dating, sign, chart.at),
        )
    )
    evidence = tuple([_line_of(mention, chart) for mention in sorted(current, key=_newest_first)])
    if truth is Truth.ABSENT:
        return Finding(rule.id, truth, evidence=evidence)
    began = first(mention for mention in dating.episode if mention in current or mention.source != "problem")
    return Finding(rule.id, truth, evidence=evidence, since=began.earliest if began else None)


def _is_current(mention: Mention, sign: Sign, at: datetime) -> bool:
    if mention.source == "problem":
        if not mention.active:
            return sign.past_problems
        return sign.any_active_problem or _is_recent_problem(mention, sign.problem_within, at)
    if mention.source == "event":
        return _happened_in_time(mention.seen, sign, at)
    return _observed_in_time(mention, sign, at)


def _happened_in_time(when: When | None, sign: Sign, at: datetime) -> bool:
    """Each event by itself: a transfusion of last month does not make yesterday's older."""
    if when is None:
        return sign.past_problems and sign.older_than is None and sign.new_within is None
    if sign.older_than is not None and not is_surely_older(when, sign.older_than, at):
        return False
    if sign.new_within is not None and not is_within(when, sign.new_within, at):
        return False
    return sign.past_problems or _in_window(when, sign.observed_within, at)


def _is_recent_problem(mention: Mention, span: Span | None, at: datetime) -> bool:
    """By its onset; by its record too when the onset lies in the last weeks, so that old lists do not revive."""
    if _in_window(mention.began, span, at):
        return True
    recently_begun = mention.began is not None and is_within(mention.began, _RECENTLY, at)
    return recently_begun and mention.seen is not None and _in_window(mention.seen, span, at)


def _observed_in_time(mention: Mention, sign: Sign, at: datetime) -> bool:
    if mention.source == "problem":
        return True
    return _in_window(mention.seen, sign.observed_within, at)


def _denies_now(mention: Mention, sign: Sign, at: datetime) -> bool:
    """Whether a denial is of the window. One that is dated ahead may be of any time, so it ends nothing."""
    return _observed_in_time(mention, sign, at) and not (mention.seen and is_ahead(mention.seen, at))


def _in_window(when: When | None, span: Span | None, at: datetime) -> bool:
    """An entry without any date counts as current: it is flagged, and the safer reading wins."""
    if span is None:
        return False
    return when is None or is_within(when, span, at)


def _ended_by(mention: Mention, denied: list[Mention]) -> bool:
    if mention.source == "event":
        return False
    return any(
        denial.concept == mention.concept
        and _is_newer(denial.seen, mention.seen or mention.began)
        and _denies(denial, mention)
        for denial in denied
    )


def _denies(denial: Mention, mention: Mention) -> bool:
    """A denial at one place ends the sign there only; a sentence does not end what a code says."""
    same_place = not denial.sites or (bool(mention.sites) and set(mention.sites) <= set(denial.sites))
    return same_place and (denial.certainty != "narrative" or mention.certainty == "narrative")


def _is_newer(denial: When | None, positive: When | None) -> bool:
    """Only a negative that is surely later ends a positive: of the same day, or moment, the positive stays."""
    return denial is not None and positive is not None and denial != positive and is_surely_after(denial, positive)


def _where(test: SiteTest | None, current: list[Mention], library: Library) -> Truth:
    """Whether it is where the rule asks. What may lie anywhere leaves open what another place would change."""
    if test is None:
        return Truth.PRESENT
    regions = [frozenset(library.concepts[site].parts) for mention in current for site in mention.sites]
    placed = {mention.reference for mention in current if mention.sites and mention.certainty != "narrative"}
    is_open = any(mention.elsewhere or mention.reference not in placed for mention in current)
    return all_of((_in_any(test.any, regions, is_open=is_open), _in_only(test.only, regions, is_open=is_open)))


def _in_any(wanted: Iterable[str], regions: list[frozenset[str]], *, is_open: bool) -> Truth:
    if not wanted or any(not region.isdisjoint(wanted) for region in regions):
        return Truth.PRESENT
    return Truth.UNKNOWN if is_open else Truth.ABSENT


def _in_only(wanted: Iterable[str], regions: list[frozenset[str]], *, is_open: bool) -> Truth:
    if wanted and any(region.isdisjoint(wanted) for region in regions):
        return Truth.ABSENT
    return Truth.UNKNOWN if wanted and is_open else Truth.PRESENT


def _spread(sign: Sign, current: list[Mention], chart: Chart) -> Truth:
    """Whether a later record has more sites than an earlier; unknown when records to compare may be unread."""
    span = sign.more_sites_within
    if span is None:
        return Truth.PRESENT
    sited: dict[When, set[str]] = defaultdict(set)
    for mention in current:
        if mention.source == "observed" and mention.certainty != "narrative" and mention.seen and mention.sites:
            sited[mention.seen].update(mention.sites)
    pairs = [(one, other) for one in sited for other in sited if _follows(one, other, span)]
    if any(_is_more(sited[later], sited[earlier], chart.library) for earlier, later in pairs):
        return Truth.PRESENT
    return Truth.ABSENT if pairs or not _unread(sign, chart) else Truth.UNKNOWN


def _follows(earlier: When, later: When, span: Span) -> bool:
    """Surely later, not of the same examination, and perhaps within the span."""
    apart = later.earliest - earlier.latest
    is_another = later.latest - earlier.earliest >= _ONE_EXAMINATION.exact()
    return timedelta() <= apart <= span.exact() and is_another


def _is_more(after: set[str], before: set[str], library: Library) -> bool:
    if len(after) > len(before) and after - before:
        return True
    return any(_EVERYWHERE in library.concepts[site].parts for site in after) and not any(
        _EVERYWHERE in library.concepts[site].parts for site in before
    )


def _not_found(rule: FindingRule, sign: Sign, denied: list[Mention], chart: Chart) -> Finding:
    if denied:
        newest_first = sorted(denied, key=_newest_first)
        return Finding(rule.id, Truth.ABSENT, evidence=tuple([_line_of(one, chart) for one in newest_first]))
    if rule.when_missing == "unknown":
        return Finding(rule.id, Truth.UNKNOWN)
    unread = _unread(sign, chart)
    return Finding(rule.id, Truth.UNKNOWN if unread else Truth.ABSENT, gaps=unread)


def _unread(sign: Sign, chart: Chart) -> tuple[Gap, ...]:
    """A gap for each list that would have to be whole, or to reach back over the window, before silence tells."""
    of_any_age = sign.any_active_problem or sign.past_problems
    windows = {"Condition": None if of_any_age else sign.problem_within, "Observation": sign.observed_within}
    windows |= dict.fromkeys(_homes(sign, chart.library))
    begins = {name: EVER if window is None else chart.at - window.exact() for name, window in windows.items()}
    return tuple(gap for name, begin in begins.items() for gap in unread_list(name, begin, chart.record))


def _homes(sign: Sign, library: Library) -> Iterator[str]:
    """The list in which alone such things belong, when all that is asked for are procedures, or vaccines."""
    kinds = {library.concepts[concept].kind for concept in sign.concepts}
    if kinds == {"procedure"}:
        yield "Procedure"
    if kinds == {"vaccine"}:
        yield "Immunization"


def _line_of(mention: Mention, chart: Chart) -> Evidence:
    """The mention as a line of evidence; written once in a chart."""
    return chart.once(mention, lambda: _evidence(mention, chart.library))


def _evidence(mention: Mention, library: Library) -> Evidence:
    return Evidence(
        reference=mention.reference,
        label=library.concepts[mention.concept].name,
        value="" if mention.said else "recorded as absent",
        at=mention.seen if mention.source != "problem" else mention.began,
        sites=tuple(library.concepts[site].name for site in mention.sites),
        since=mention.began if mention.source == "problem" else None,
        certainty=mention.certainty,
        flags=mention.flags,
        restricted=mention.restricted,
    )


def _newest_first(mention: Mention) -> tuple[float, str]:
    when = mention.seen or mention.began
    return (-when.latest.timestamp() if when else 0.0, mention.reference)
