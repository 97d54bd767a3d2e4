"""The report: numbers that equal what is in the journal, and what they say of rules."""

import asyncio
import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cds_hooks.journal.entries import Call, Issued, Made, Met, Outcome, Unmapped
from cds_hooks.journal.later import OpenedLater
from cds_hooks.report.counting import stretches
from cds_hooks.report.drawing import bars, sparkline
from cds_hooks.report.gather import gather
from cds_hooks.report.numbers import Point, Report, told
from cds_hooks.report.page import insights_page
from cds_hooks.report.table import HEADS, report_csv
from cds_hooks.report.words import name_of, needs_a_look, percent, summary
from tests.build import library_of

SINCE = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = ("R-IT-01", "R-IT-02", "a-cause")
LIBRARY = library_of(
    {"it": "person: {deceased: true}"},
    criteria={"R-IT-01": "when: it", "R-IT-02": "when: it"},
    causes={"a-cause": "when: it"},
)


def call(number, at, *present, **changes):
    return Call(
        **{
            "id": f"call-{number}",
            "at": at,
            "client": "",
            "hook": "patient-view",
            "service": "s",
            "status": 200,
            "ms": 10.0,
            "software": "1",
            "knowledge": "0.2.0",
            "released": "2026-03-01",
            "digest": "abcdefabcdefabcdef",
            "mode": "live",
            "skin_bleeding": "unknown",
            "rules": RULES,
            "present": present,
        }
        | changes
    )


def report_of(*entries, since=SINCE, days=30):
    async def run():
        journal = OpenedLater("sqlite+aiosqlite:///:memory:", keep_comments=False)
        await journal.keep(entries)
        try:
            return await journal.ask(lambda store: gather(store, since, since + days * DAY))
        finally:
            await journal.close()

    return asyncio.run(run())


def over_days(days, each, *present, start=0, **changes):
    """So many calls a day, each with what it met."""
    return [
        call(
            f"{changes.get('digest', '')}{start + day}-{number}",
            SINCE + (start + day) * DAY + number * timedelta(minutes=1),
            *present,
            **({"ms": 10.0} | changes),
        )
        for day in range(days)
        for number in range(each)
    ]


SHOWN, SILENT = Met("R-IT-01", "SAME_DAY", "shown"), Met("R-IT-02", "ROUTINE", "silent")


# ---------------------------------------------------------------- numbers


def test_calls_are_counted_by_day_and_rules_by_what_became_of_them():
    report = report_of(
        *over_days(2, 6, SHOWN, cards=(Made("c", "warning", "shown"),)),
        *over_days(1, 6, SILENT, start=2, mode="silent", cards=(Made("d", "info", "silent"),)),
        call("refused", SINCE + DAY, status=412, rules=()),
        call("early", SINCE - DAY, SHOWN),
        call("late", SINCE + 31 * DAY, SHOWN),
    )

    assert report.statuses == {200: 18, 412: 1}
    assert [(point.calls, point.met) for point in report.calls[:4]] == [(6, 6), (6, 6), (6, 0), (0, 0)]
    assert (report.judged, report.silent_calls) == (18, 6)
    assert report.cards == {("warning", "shown"): 12, ("info", "silent"): 6}
    assert [(record.rule, record.met, dict(record.hows), dict(record.tiers)) for record in report.rules] == [
        ("R-IT-01", 12, {"shown": 12}, {"SAME_DAY": 12}),
        ("R-IT-02", 6, {"silent": 6}, {"ROUTINE": 6}),
        ("a-cause", 0, {}, {}),
    ]
    assert report.knowledge == (("0.2.0", "2026-03-01", "abcdefabcdefabcdef", 18),)


def test_a_rule_is_measured_by_the_calls_in_which_it_was_asked():
    elsewhere = {"hook": "order-sign", "digest": "other", "rules": ("R-IT-02",)}
    report = report_of(*over_days(1, 10, SHOWN), *over_days(1, 30, start=1, **elsewhere))

    rates = {record.rule: (record.calls, record.rate) for record in report.rules}
    assert rates == {"R-IT-01": (10, 1000.0), "R-IT-02": (40, 0.0), "a-cause": (10, 0.0)}


def test_what_left_rules_unknown_is_counted_with_its_reason():
    open_ = {"unknown": ("R-IT-01",), "open": {"it": "too old"}}
    report = report_of(*over_days(1, 6, **open_), *over_days(1, 4, start=1))

    assert report.why_unknown == (("it", "too old", 6),)
    assert {record.rule: record.unknown_share for record in report.rules}["R-IT-01"] == 0.6


def test_calls_answered_at_a_glance_count_as_not_met_but_not_as_decided():
    glanced = {"skin_bleeding": "", "rules": ()}
    report = report_of(*over_days(1, 6, SHOWN, unknown=("a-cause",)), *over_days(1, 18, start=1, **glanced))

    assert report.judged == 24
    rates = {
        record.rule: (record.calls, record.glanced, record.rate, record.unknown_share) for record in report.rules
    }
    assert rates["R-IT-01"] == (24, 18, 250.0, 0.0)
    assert rates["a-cause"] == (24, 18, 0.0, 1.0)


def test_where_every_call_was_answered_at_a_glance_nothing_is_known_of_unknown():
    glanced = over_days(1, 6, digest="second", skin_bleeding="", rules=())
    report = report_of(call("before", SINCE - DAY, digest="second"), *glanced)

    assert {record.unknown_share for record in report.rules} == {0.0}


def test_entries_gaps_and_calls_with_codes_that_nobody_knew_are_added_up():
    entries = {"entries": {"medication": (3, 5)}, "gaps": {"timed out": 2}}
    unmapped = {"unmapped": (Unmapped("medication", "http://loinc.org", "777-3", 2),)}
    report = report_of(*over_days(1, 3, **entries, **unmapped))

    assert report.entries == {"medication": (9, 15)}
    assert report.gaps == {"timed out": 6}
    assert report.unmapped == (("medication", "http://loinc.org", "777-3", 3),)


def test_what_users_said_counts_for_the_rules_of_cards_that_we_sent():
    def said(card, outcome="overridden", reason="", **changes):
        return Outcome(card, "s", "", outcome, SINCE, received=SINCE + DAY, reason=reason, **changes)

    report = report_of(
        *(Issued(card, "s", "", ("R-IT-01", "a-cause"), SINCE) for card in ("c1", "c2", "c3")),
        *over_days(1, 3, SHOWN),
        said("c1", reason="need-more-info"),
        said("c2"),
        said("c3", "accepted", suggestions=("s1",)),
        said("not ours"),
    )

    assert report.outcomes == {"overridden": 2, "accepted": 1}
    assert {*report.reasons} == {("need-more-info", 1), ("", 1)}
    assert [(r.accepted, r.overridden) for r in report.rules] == [(1, 2), (0, 0), (1, 2)]


def test_of_what_was_said_about_a_card_the_latest_counts_in_whatever_order_it_came():
    def said(hours, outcome="overridden", received=DAY, **changes):
        return Outcome("c1", "s", "", outcome, SINCE + timedelta(hours=hours), SINCE + received, **changes)

    report = report_of(
        Issued("c1", "s", "", ("R-IT-01",), SINCE),
        *over_days(3, 20, SHOWN),
        said(59, "accepted"),
        *(said(hours, reason="need-more-info") for hours in range(57)),
        said(58, received=2 * DAY),
    )

    assert (report.outcomes, report.reasons) == ({"accepted": 1}, ())
    assert [(record.accepted, record.overridden) for record in report.rules] == [(1, 0), (0, 0), (0, 0)]


def test_latencies_are_exact_percentiles():
    report = report_of(*(call(number, SINCE, ms=float(number)) for number in range(1, 102)))

    assert report.latencies == (51.0, 96.0, 100.0, 101.0)


def test_an_empty_journal_gives_an_empty_report():
    report = report_of()

    assert (report.judged, report.rules, report.latencies) == (0, (), ())


@pytest.mark.parametrize(("days", "step", "number"), [(30, 1, 30), (62, 1, 62), (70, 7, 10)])
def test_a_long_time_is_told_by_weeks(days, step, number):
    starts = stretches(SINCE, SINCE + days * DAY)

    assert (len(starts), starts[1] - starts[0]) == (number, step * DAY)


# ---------------------------------------------------------------- what needs a look


def looks(report):
    return [*needs_a_look(report, LIBRARY)]


def test_a_rule_that_fell_silent_is_told():
    report = report_of(*over_days(10, 20, SHOWN), *over_days(1, 20, start=10))

    [record] = [record for record in report.rules if record.has_fallen_silent]
    assert record.rule == "R-IT-01"
    assert round(record.expected_since) == 20
    assert any("R-IT-01 (R-IT-01) has fallen silent: about 20 firings" in line for line in looks(report))


def test_a_rule_whose_last_firing_is_older_than_the_report_is_still_told():
    before = over_days(10, 20, SHOWN, start=-10)
    report = report_of(*before, *over_days(10, 20), days=10)

    [line] = looks(report)
    assert line.startswith("R-IT-01 (R-IT-01) has fallen silent: about 200 firings")
    assert (report.judged, report.rules[0].met) == (200, 0)


def test_a_refused_call_before_the_time_tells_nothing_of_it():
    refused = [call(f"refused-{n}", SINCE - DAY, SHOWN, status=412) for n in range(50)]

    assert looks(report_of(*refused, *over_days(10, 20))) == []


def test_a_report_from_the_beginning_of_all_time_has_no_time_before():
    assert report_of(since=datetime.min.replace(tzinfo=UTC)).judged == 0


def test_a_rule_that_is_rare_may_be_silent_for_a_while():
    report = report_of(*over_days(10, 20), *over_days(1, 1, SHOWN, start=10), *over_days(3, 20, start=11))

    assert looks(report) == []


def test_a_day_that_chance_does_not_explain_is_told():
    quiet, loud = over_days(9, 100), over_days(1, 100, SHOWN, start=9)
    usual = [call(f"u{day}-{n}", SINCE + day * DAY, SHOWN) for day in range(10) for n in range(10)]

    report = report_of(*quiet, *loud, *usual)

    assert [point.start for point in report.rules[0].out] == [SINCE + 9 * DAY]
    assert any("10 March" in line for line in looks(report))


def issued_and_said(number, outcome):
    cards = [Issued(f"c{n}", "s", "", ("R-IT-01",), SINCE) for n in range(60)]
    said = [Outcome(f"c{n}", "s", "", outcome, SINCE, received=SINCE + DAY) for n in range(number)]
    return report_of(*over_days(3, 20, SHOWN), *cards, *said)


def test_a_rule_that_nobody_follows_is_told():
    told_ = looks(issued_and_said(58, "overridden"))

    assert "R-IT-01 (R-IT-01) was shown 60 times, and nothing of it was ever accepted." in told_
    assert "R-IT-01 (R-IT-01) was overridden 58 of 60 times." in told_
    assert looks(issued_and_said(5, "accepted")) == []


@pytest.mark.parametrize(
    ("point", "is_out"),
    [
        (Point(SINCE, 0, 0), False),
        (Point(SINCE, 1000, 4), False),
        (Point(SINCE, 1000, 14), True),
        (Point(SINCE, 1000, 9), True),
        (Point(SINCE, 1000, 8), False),
    ],
)
def test_few_firings_and_no_calls_are_never_out(point, is_out):
    assert point.is_out(3.3) is is_out


def test_limits_are_three_standard_deviations_of_a_poisson_rate():
    limits = Point(SINCE, 500, 10).limits(20.0)

    assert (limits.mean, round(limits.low, 2), round(limits.high, 2)) == (20.0, 1.03, 38.97)


# ---------------------------------------------------------------- written down


@pytest.mark.parametrize(("count", "text"), [(0, "0"), (1, "<5"), (4, "<5"), (5, "5")])
def test_small_counts_are_not_told(count, text):
    assert told(count) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"), [(5, 10, "50.0 %"), (0, 0, "0"), (2, 10, "<5"), (0, 9, "0.0 %")]
)
def test_a_share_of_few_is_not_told(part, whole, text):
    assert percent(part, whole) == text


def full():
    details = {
        "unknown": ("R-IT-02",),
        "open": {"it": "too old", "news2": "score open"},
        "gaps": {"timed out": 1},
        "entries": {"medication": (1, 3)},
        "unmapped": (Unmapped("medication", "s", "1-8", 1), Unmapped("medication", "s", "<b>rare", 0)),
        "cards": (Made("c", "warning", "shown"),),
        "mode": "silent",
    }
    gone = Met("R-GONE-1", "", "held")
    return report_of(
        *over_days(3, 6, SHOWN, gone, **details | {"rules": (*RULES, "R-GONE-1")}),
        *(Issued(f"c{n}", "s", "", ("R-IT-01",), SINCE) for n in range(6)),
        *(Outcome(f"c{n}", "s", "", "overridden", SINCE, received=SINCE + DAY) for n in range(6)),
    )


def test_the_page_tells_everything_and_hides_small_counts():
    page = insights_page(full(), LIBRARY).decode()

    assert page.startswith("<!doctype html>")
    for text in (
        "18 calls judged",
        "/knowledge#R-IT-01",
        "R-GONE-1",
        "too old",
        "silent mode",
        "1-8",
        "none given",
        "<svg",
    ):
        assert text in page
    assert "<b>rare" not in page
    assert "knowledge#R-GONE-1" not in page
    assert "site setting" not in page


def test_a_long_list_of_what_needs_a_look_is_cut_with_a_count():
    met = [Met(f"R-{number}", "ROUTINE", "shown") for number in range(12)]
    report = report_of(*over_days(3, 20, *met, rules=tuple(one.rule for one in met)))

    assert "and 2 more; `pinpoint report` tells all" in insights_page(report, LIBRARY).decode()


def test_the_page_marks_what_the_site_set():
    here = replace(LIBRARY, site=("Rule silent: R-IT-02",), set_here=frozenset({"R-IT-01"}))
    page = insights_page(full(), here).decode()

    assert "SAME_DAY · site setting" in page
    assert "site setting: Rule silent: R-IT-02" in page


def test_an_empty_report_is_a_page_too():
    page = insights_page(report_of(), LIBRARY).decode()

    assert page.count("Nothing.") == 2
    assert bars(()) in insights_page(Report(SINCE, SINCE), LIBRARY).decode()


def test_the_summary_has_a_row_for_each_rule_that_fired():
    here = [*summary(full(), LIBRARY)]

    assert here[0] == "2026-03-01 00:00 to 2026-03-31 00:00: 18 with 200"
    assert "R-IT-01  1000.0  18  0  0  0  0.0 %  0  6" in here
    assert "Cards overridden: 6" in here
    assert next(summary(report_of(), LIBRARY)).endswith("no calls")


def test_the_table_has_a_row_for_each_rule_and_day_without_small_counts():
    report = report_of(*over_days(1, 6, SHOWN), *over_days(1, 2, SHOWN, start=1))
    rows = [*csv.reader(io.StringIO(report_csv(report)))]

    assert tuple(rows[0]) == HEADS
    assert rows[1][:5] == ["R-IT-01", "2026-03-01T00:00+00:00", "6", "6", "1000.00"]
    assert rows[2][3:5] == ["<5", ""]
    assert rows[3][2:5] == ["0", "0", ""]
    assert len(rows) == 31


def test_a_table_tells_no_mean_of_a_small_count():
    report = report_of(*over_days(1, 3, SHOWN), *over_days(1, 20, start=1))
    rows = [*csv.reader(io.StringIO(report_csv(report)))]

    assert rows[1][2:8] == ["<5", "<5", "", "", "", ""]


@pytest.mark.parametrize("number", [2, 100])
def test_a_table_tells_no_mean_from_which_a_hidden_count_could_be_worked_out(number):
    unmet = over_days(1, number, start=1)[2:]
    report = report_of(*over_days(1, 100, SHOWN), *over_days(1, 2, SHOWN, start=1), *unmet)
    rows = [*csv.reader(io.StringIO(report_csv(report)))]

    assert rows[1][2:5] == ["100", "100", "1000.00"]
    assert rows[2][3] == "<5"
    assert {tuple(row[5:8]) for row in rows[1:]} == {("", "", "")}


@pytest.mark.parametrize("draw", [lambda points: sparkline(points, 30.0), bars])
def test_no_drawing_shows_which_small_count_it_is(draw):
    def drawn(calls, met):
        drawing = draw([Point(SINCE, 100, 30), Point(SINCE + DAY, calls, met)])
        return drawing.partition("</title>")[2]

    assert drawn(100, 1) == drawn(100, 4) != drawn(100, 0)
    assert drawn(1, 0) == drawn(4, 0)


def test_a_line_stays_inside_its_drawing():
    points = [Point(SINCE + day * DAY, 100, met) for day, met in enumerate((0, 90, 25, 30))]
    drawing = sparkline(points, 275.0)

    assert drawing.count("<circle") == 2
    heights = [float(pair.split(",")[1]) for pair in drawing.split('points="')[2].split('"')[0].split()]
    assert all(0 <= height <= 36 for height in heights)
    assert "polyline" in sparkline([], 0.0)
    assert "polyline" in sparkline([Point(SINCE, 10, 0)], 0.0)


def test_a_rule_that_is_gone_is_named_by_its_id():
    assert name_of("R-GONE-1", LIBRARY) == "R-GONE-1"
