"""Sums over results: of buckets in any order they come to the same."""

from cds_hooks.populations.results import Before, Change, Result, RuleSaid, Summary, summed

SPOKE = RuleSaid("R-A-01", "present", "SAME_DAY", speaks=True)
SILENT = RuleSaid("R-B-01", "present")
OPEN = RuleSaid("R-C-01", "unknown", settle=("a", "b"))
CARD = Result("p1", "t", skin_bleeding="present", tier="SAME_DAY", cards=("warning",), rules=(SPOKE, SILENT, OPEN))
AGAIN = Result("p1", "u", skin_bleeding="present", rules=(OPEN,), gaps={"Problem list: failed": 1})
SPARED = Result("p2", "t", assessed=False)
UNANSWERED = Result("p3", "t", answered=False)


def test_what_is_counted_of_results():
    total = summed([CARD, AGAIN, SPARED, UNANSWERED], 5)

    assert (4, 3, 3, 1, 1, 1, 1) == (
        total.charts,
        total.patients,
        total.assessed,
        total.unanswered,
        total.with_card,
        total.patients_with_card,
        total.cards,
    )
    assert {"SAME_DAY": 1, "": 3} == total.tiers
    assert {"present": 2, "not assessed": 2} == total.skin_bleeding
    assert (1, 1, ("p1",)) == (
        total.rules["R-A-01"].spoke,
        total.rules["R-A-01"].present,
        total.rules["R-A-01"].sample,
    )
    assert (0, 1, ()) == (total.rules["R-B-01"].spoke, total.rules["R-B-01"].present, total.rules["R-B-01"].sample)
    assert (2, {"a": 2, "b": 2}) == (total.rules["R-C-01"].unknown, total.rules["R-C-01"].settle)
    assert {"Problem list: failed": 1} == total.gaps


def test_sums_of_buckets_add_up_in_any_order():
    one, two = summed([CARD, AGAIN], 5), summed([SPARED, UNANSWERED], 5)
    forth, back = Summary(), Summary()
    for total, parts in ((forth, (one, two)), (back, (two, one))):
        for part in parts:
            total.add(part, 5)

    assert forth == back == summed([CARD, AGAIN, SPARED, UNANSWERED], 5)


def test_of_many_patients_a_few_are_kept_and_none_without_a_review():
    many = [Result(f"p{number}", "t", cards=("info",), rules=(SPOKE,)) for number in range(5)]

    assert ("p0", "p1") == summed(many, 2).rules["R-A-01"].sample
    assert () == summed(many, 0).rules["R-A-01"].sample


def before(tier="", **rules):
    said = tuple(RuleSaid("R-A-01", "present", tier, speaks=True) for tier in ("SAME_DAY",))
    return Result("p1", "t", tier="SAME_DAY", rules=said, before=Before(tier, 1, rules))


def changes(result):
    return summed([result], 0).changes


def test_rules_that_begin_cease_rise_and_fall_are_counted():
    assert {"R-A-01": Change(gained=1), "R-X-01": Change(lost=1)} == changes(before(**{"R-X-01": "ROUTINE"}))
    assert {"R-A-01": Change(raised=1)} == changes(before(**{"R-A-01": "ROUTINE"}))
    assert {"R-A-01": Change(lowered=1)} == changes(before(**{"R-A-01": "EMERGENCY"}))
    assert {} == changes(before(**{"R-A-01": "SAME_DAY"}))


def test_charts_that_change_their_tier_are_counted_by_from_and_to():
    assert {"ROUTINE > SAME_DAY": 1} == summed([before("ROUTINE")], 0).moved
    assert {} == summed([before("SAME_DAY"), SPARED], 0).moved
