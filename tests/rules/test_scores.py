"""Published scores, worked out by our own rules on small charts: worked examples, every limit, every missing item.

Points are typed here from the published tables, independently of knowledge/scores.
"""

from decimal import Decimal
from functools import cache
from itertools import combinations

import pytest

from cds_hooks.model.truth import Span, Truth
from cds_hooks.reasoning.case_charts import AT, Given, chart_of
from cds_hooks.reasoning.criteria import assess_criterion
from cds_hooks.reasoning.mapping import find
from cds_hooks.reasoning.scores import risk_of
from tests.end_to_end.charts import library

ADULT = Given(age=Span(years=54))
MAN = (ADULT, Given(sex="male"))


def value(concept, number, unit, hours=2, **limits):
    bounds = {name: Decimal(limit) for name, limit in limits.items()}
    return Given(concept=concept, value=Decimal(number), unit=unit, hours_ago=Decimal(hours), **bounds)


def word(concept, answer):
    return Given(concept=concept, answer=answer, hours_ago=Decimal(2))


def seen(concept, hours=3, **more):
    return Given(concept=concept, observed=True, hours_ago=Decimal(hours), **more)


def listed(concept, days=40):
    return Given(concept=concept, problem="active", days_ago=Decimal(days))


def score(name, *given):
    return find(chart_of(given, library()), library(), AT).score(name)


def span(name, *given):
    total = score(name, *given)
    return (total.low, total.high)


def rule_says(rule, *given):
    truth_of = find(chart_of(given, library()), library(), AT).truth_of
    return assess_criterion(library().criteria[rule], truth_of, truth_of(library().card.gate)).truth


# ---------------------------------------------------------------- NEWS2: Royal College of Physicians, 2017


def breathing(number):
    return value("respiratory-rate", number, "/min")


def saturation(number):
    return value("oxygen-saturation", number, "%")


def air(litres="0"):
    return value("oxygen-flow", litres, "L/min")


def pressure(number):
    return value("systolic-pressure", number, "mm[Hg]")


def pulse(number):
    return value("heart-rate", number, "/min")


def temperature(number, unit="Cel"):
    return value("body-temperature", number, unit)


CALM = {
    "breathing": breathing("18"),
    "saturation": saturation("97"),
    "oxygen": air(),
    "pressure": pressure("124"),
    "pulse": pulse("84"),
    "consciousness": word("consciousness", "alert"),
    "temperature": temperature("37.2"),
}
"""All seven recorded, each worth nothing."""
SHOCKED = {
    "breathing": breathing("26"),
    "saturation": saturation("91"),
    "oxygen": air("4"),
    "pressure": pressure("88"),
    "pulse": pulse("132"),
    "consciousness": word("consciousness", "voice"),
    "temperature": temperature("39.4"),
}
FEBRILE = {
    "breathing": breathing("22"),
    "saturation": saturation("95"),
    "oxygen": air(),
    "pressure": pressure("104"),
    "pulse": pulse("112"),
    "consciousness": word("consciousness", "alert"),
    "temperature": temperature("38.6"),
}


@pytest.mark.parametrize(
    ("points", "chart"),
    [
        (0, CALM),
        (19, SHOCKED),  # 3+3+2+3+3+3+2
        (7, FEBRILE),  # 2+1+0+1+2+0+1
        (3, CALM | {"saturation": saturation("98"), "consciousness": word("consciousness", "confusion-new")}),
        (0, CALM | {"saturation": saturation("96"), "breathing": breathing("20"), "pulse": pulse("88")}),
        # Scale 2 would give this one 3; without a recorded target scale 1 holds, and gives more.
        (4, CALM | {"saturation": saturation("93"), "oxygen": air("1"), "breathing": breathing("20")}),
    ],
    ids=["well", "shock", "febrile", "confusion alone", "scale 2 on air", "scale 2 on oxygen"],
)
def test_news2_of_a_worked_example(points, chart):
    assert (points, points) == span("news2", ADULT, *chart.values())


@pytest.mark.parametrize(
    ("points", "number", "oxygen"),
    [
        ((0, 3), "88", "0"),
        ((3, 3), "83", "0"),
        ((2, 3), "84", "0"),
        ((1, 3), "87", "0"),
        ((0, 2), "92", "0"),
        ((0, 2), "93", "0"),
        ((0, 0), "96", "0"),
        ((2, 4), "96", "2"),
        ((2, 5), "97", "2"),
        ((3, 4), "93", "2"),
        ((2, 5), "90", "2"),
    ],
)
def test_news2_spans_both_scales_of_saturation_with_hypercapnic_respiratory_failure(points, number, oxygen):
    chart = CALM | {"saturation": saturation(number), "oxygen": air(oxygen)}

    assert points == span("news2", ADULT, listed("hypercapnic-respiratory-failure"), *chart.values())


def test_news2_spans_every_scale_while_nobody_knows_whether_oxygen_is_given():
    chart = {name: entry for name, entry in CALM.items() if name != "oxygen"}

    assert (0, 5) == span("news2", ADULT, listed("hypercapnic-respiratory-failure"), *chart.values())


def test_news2_is_on_scale_1_while_the_problem_list_is_unread():
    chart = CALM | {"saturation": saturation("88")}

    assert (3, 3) == span("news2", ADULT, Given(list="Condition", state="failed"), *chart.values())


@pytest.mark.parametrize(
    ("points", "name"), [(0, "low"), (4, "low"), (5, "urgent"), (6, "urgent"), (7, "emergency")]
)
def test_news2_totals_have_names(points, name):
    assert name == risk_of(library().scores["news2"], points)


@pytest.mark.parametrize(
    ("item", "made", "limits"),
    [
        ("breathing", breathing, {"8": 3, "9": 1, "11": 1, "12": 0, "20": 0, "21": 2, "24": 2, "25": 3}),
        ("saturation", saturation, {"91": 3, "92": 2, "93": 2, "94": 1, "95": 1, "96": 0}),
        ("oxygen", air, {"0": 0, "0.5": 2, "15": 2}),
        ("pressure", pressure, {"90": 3, "91": 2, "100": 2, "101": 1, "110": 1, "111": 0, "219": 0, "220": 3}),
        (
            "pulse",
            pulse,
            {"40": 3, "41": 1, "50": 1, "51": 0, "90": 0, "91": 1, "110": 1, "111": 2, "130": 2, "131": 3},
        ),
        (
            "temperature",
            temperature,
            {"35.0": 3, "35.1": 1, "36.0": 1, "36.1": 0, "38.0": 0, "38.1": 1, "39.0": 1, "39.1": 2},
        ),
    ],
)
def test_news2_points_on_both_sides_of_every_limit(item, made, limits):
    found = {number: span("news2", ADULT, *(CALM | {item: made(number)}).values()) for number in limits}

    assert {number: (points, points) for number, points in limits.items()} == found


@pytest.mark.parametrize(
    ("points", "answer"), [(0, "alert"), (3, "confusion-new"), (3, "voice"), (3, "pain"), (3, "unresponsive")]
)
def test_news2_points_of_every_level_of_consciousness(points, answer):
    chart = CALM | {"consciousness": word("consciousness", answer)}

    assert (points, points) == span("news2", ADULT, *chart.values())


@pytest.mark.parametrize(
    ("item", "number", "points"),
    [
        ("breathing", "20.4", 0),
        ("breathing", "20.5", 2),
        ("saturation", "95.5", 0),
        ("pressure", "90.4", 3),
        ("pulse", "130.5", 3),
        ("temperature", "38.04", 0),
        ("temperature", "38.05", 1),
    ],
)
def test_news2_rounds_as_the_paper_chart_does(item, number, points):
    made = {"breathing": breathing, "saturation": saturation, "pressure": pressure, "pulse": pulse}
    chart = CALM | {item: made.get(item, temperature)(number)}

    assert (points, points) == span("news2", ADULT, *chart.values())


def test_news2_is_not_for_children_and_not_for_a_recorded_pregnancy():
    child = score("news2", Given(age=Span(years=15)), *SHOCKED.values())
    expecting = score("news2", ADULT, Given(sex="female"), listed("pregnancy"), *SHOCKED.values())

    assert (Truth.ABSENT, Truth.ABSENT) == (child.applies, expecting.applies)


@pytest.mark.parametrize("person", [(ADULT,), MAN, (ADULT, Given(sex="female")), ()], ids=str)
def test_news2_counts_for_everybody_else_also_when_nobody_wrote_about_pregnancy(person):
    assert Truth.PRESENT is rule_says("R-SEP-05", *person, seen("petechiae"), *FEBRILE.values())


# ---------------------------------------------------------------- qSOFA: 22 breaths, 100 mmHg, altered mentation


def mentation(glasgow):
    return value("glasgow-coma-score", glasgow, "{score}")


@pytest.mark.parametrize(
    ("points", "breaths", "systolic", "glasgow"),
    [
        (3, "22", "100", "14"),
        (0, "21", "101", "15"),
        (1, "24", "110", "15"),
        (1, "21", "100", "15"),
        (1, "21", "101", "14"),
    ],
)
def test_qsofa_of_a_worked_example(points, breaths, systolic, glasgow):
    assert (points, points) == span("qsofa", ADULT, breathing(breaths), pressure(systolic), mentation(glasgow))


# ---------------------------------------------------------------- overt DIC: ISTH 2001, D-dimer of 2025


def platelets(number, hours=2):
    return value("platelet-count", number, "10*9/L", hours)


def d_dimer(times, concept="d-dimer-feu", unit="ug/L{FEU}"):
    """So many times a laboratory's limit of 500."""
    return value(concept, Decimal(times) * 500, unit, high="500")


def prothrombin(seconds):
    """So many seconds over a laboratory's limit of 13."""
    return value("prothrombin-time", Decimal(seconds) + 13, "s", high="13")


def fibrinogen(grams):
    return value("fibrinogen", grams, "g/L")


def clotting(count, times, seconds, grams):
    return {
        "platelets": platelets(count),
        "d-dimer": d_dimer(times),
        "prothrombin": prothrombin(seconds),
        "fibrinogen": fibrinogen(grams),
    }


@pytest.mark.parametrize(
    ("points", "chart"),
    [
        (7, clotting("42", "9", "4", "0.8")),  # 2+3+1+1
        (3, clotting("95", "4", "2", "2.4")),  # 1+2+0+0
        (5, clotting("100", "8", "6", "1.0")),  # 0+3+2+0
        (3, clotting("49", "3", "3", "1.0")),  # 2+0+1+0
    ],
)
def test_isth_of_a_worked_example(points, chart):
    assert (points, points) == span("isth-dic", ADULT, *chart.values())


NO_POINTS = clotting("250", "1", "0", "3.0")


@pytest.mark.parametrize(
    ("item", "made", "limits"),
    [
        ("platelets", platelets, {"49.9": 2, "50": 1, "99.9": 1, "100": 0}),
        ("d-dimer", d_dimer, {"3": 0, "3.002": 2, "7": 2, "7.002": 3}),
        ("prothrombin", prothrombin, {"2.9": 0, "3": 1, "5.9": 1, "6": 2}),
        ("fibrinogen", fibrinogen, {"0.99": 1, "1.0": 0}),
    ],
)
def test_isth_points_on_both_sides_of_every_limit(item, made, limits):
    found = {number: span("isth-dic", ADULT, *(NO_POINTS | {item: made(number)}).values()) for number in limits}

    assert {number: (points, points) for number, points in limits.items()} == found


@pytest.mark.parametrize(
    ("concept", "unit"),
    [("d-dimer-feu", "ug/L{FEU}"), ("d-dimer-ddu", "ng/mL{DDU}"), ("d-dimer-unspecified", "ug/L")],
)
def test_isth_takes_a_d_dimer_of_any_basis_against_its_own_limit(concept, unit):
    chart = NO_POINTS | {"d-dimer": d_dimer("8", concept, unit)}

    assert (3, 3) == span("isth-dic", ADULT, *chart.values())


def test_isth_leaves_a_d_dimer_without_a_reference_range_open():
    chart = NO_POINTS | {"d-dimer": value("d-dimer-feu", "4500", "ug/L{FEU}")}

    assert (0, 3) == span("isth-dic", ADULT, *chart.values())


def test_isth_does_not_take_the_points_of_a_table_that_gives_d_dimer_one_and_two():
    assert 2 == span("isth-dic", ADULT, *(NO_POINTS | {"d-dimer": d_dimer("4")}).values())[0]


# ---------------------------------------------------------------- SIC: Iba 2017


def inr(number):
    return value("inr", number, "{INR}")


SEPSIS = (ADULT, seen("petechiae"), Given(concept="sepsis", problem="active", hours_ago=Decimal(5)))


@pytest.mark.parametrize(
    ("total", "together", "ratio", "count", "organs"),
    [
        (6, 4, "1.5", "88", 2),
        (4, 2, "1.3", "120", 2),
        (4, 2, "1.2", "99", 2),
        (4, 3, "1.3", "95", 1),
    ],
)
def test_sic_of_a_worked_example(total, together, ratio, count, organs):
    """The organ points are a clinician's, 0 to 2; the example's total lies in the range with its own points."""
    low, high = span("sic", ADULT, inr(ratio), platelets(count))

    assert (together, together) == span("sic-coagulation", ADULT, inr(ratio), platelets(count))
    assert (low, high) == (together, together + 2)
    assert total == low + organs


@pytest.mark.parametrize(
    ("truth", "ratio", "count"),
    [
        (Truth.PRESENT, "1.5", "88"),  # 4 without any organ point
        (Truth.ABSENT, "1.3", "120"),  # INR and platelets give 2 together, more than 2 are needed
        (Truth.ABSENT, "1.2", "99"),
        (Truth.UNKNOWN, "1.3", "95"),  # 3: one organ point would make it
    ],
)
def test_sic_rule_of_a_worked_example(truth, ratio, count):
    assert truth is rule_says("R-SIC-01", *SEPSIS, inr(ratio), platelets(count))


@pytest.mark.parametrize(
    ("points", "ratio", "count"),
    [
        (0, "1.2", "150"),
        (1, "1.21", "150"),
        (1, "1.4", "150"),
        (2, "1.41", "150"),
        (1, "1.2", "149"),
        (1, "1.2", "100"),
        (2, "1.2", "99.9"),
    ],
)
def test_sic_points_on_both_sides_of_every_limit(points, ratio, count):
    assert (points, points) == span("sic-coagulation", ADULT, inr(ratio), platelets(count))


# ---------------------------------------------------------------- PLASMIC: Bendapudi 2017


def creatinine(number, unit="umol/L"):
    return value("creatinine", number, unit)


HAEMOLYSIS = (
    value("reticulocyte-percent", "5", "%"),
    value("haptoglobin", "1.0", "g/L", low="0.3"),
    value("bilirubin-indirect", "10", "umol/L"),
)


def plasmic(count, volume, ratio, creatine):
    return {
        "platelets": platelets(count),
        "volume": value("mcv", volume, "fL"),
        "inr": inr(ratio),
        "creatinine": creatinine(creatine),
    }


@pytest.mark.parametrize(
    ("points", "name", "chart", "more"),
    [
        (7, "high", plasmic("12", "84", "1.1", "95"), ()),
        (3, "low", plasmic("45", "92", "1.2", "210"), (listed("cancer-solid"),)),
        (5, "intermediate", plasmic("25", "95", "1.3", "180"), ()),
    ],
)
def test_plasmic_of_a_worked_example(points, name, chart, more):
    assert (points, points) == span("plasmic", ADULT, *chart.values(), *HAEMOLYSIS, *more)
    assert name == risk_of(library().scores["plasmic"], points)


MOST = plasmic("20", "80", "1.0", "90")
"""Seven points with haemolysis, no cancer, no transplant."""


@pytest.mark.parametrize(
    ("item", "made", "limits"),
    [
        ("platelets", platelets, {"29.9": 7, "30": 6}),
        ("volume", lambda number: value("mcv", number, "fL"), {"89.9": 7, "90": 6}),
        ("inr", inr, {"1.49": 7, "1.5": 6}),
        # 176.8 µmol/L are 2.0 mg/dL. A page in circulation prints 118: it would take the point from 150.
        ("creatinine", creatinine, {"118": 7, "150": 7, "176.7": 7, "176.8": 6}),
        ("creatinine", lambda number: creatinine(number, "mg/dL"), {"1.99": 7, "2.0": 6}),
    ],
)
def test_plasmic_points_on_both_sides_of_every_limit(item, made, limits):
    found = {n: span("plasmic", ADULT, *(MOST | {item: made(n)}).values(), *HAEMOLYSIS) for n in limits}

    assert {number: (points, points) for number, points in limits.items()} == found


@pytest.mark.parametrize(
    ("points", "signs"),
    [
        (7, (value("reticulocyte-percent", "2.6", "%"),)),
        (7, (value("haptoglobin", "0.1", "g/L", low="0.3"),)),
        (7, (value("bilirubin-indirect", "34.3", "umol/L"),)),
        (
            6,
            (
                value("reticulocyte-percent", "2.5", "%"),
                value("haptoglobin", "0.3", "g/L", low="0.3"),
                value("bilirubin-indirect", "34.2", "umol/L"),
            ),
        ),
    ],
)
def test_plasmic_takes_any_sign_of_haemolysis(points, signs):
    assert (points, points) == span("plasmic", ADULT, *MOST.values(), *signs)


@pytest.mark.parametrize(
    "against", [listed("cancer-solid"), listed("transplant", 4000)], ids=["cancer", "transplant"]
)
def test_plasmic_loses_a_point_for_cancer_and_for_a_transplant(against):
    assert (6, 6) == span("plasmic", ADULT, *MOST.values(), *HAEMOLYSIS, against)


def test_plasmic_of_five_is_intermediate_and_six_is_not():
    """A page in circulation groups 5 with 6."""
    names = [risk_of(library().scores["plasmic"], points) for points in range(8)]

    assert ["low"] * 5 + ["intermediate"] + ["high"] * 2 == names


# ---------------------------------------------------------------- 4Ts: Lo 2006; timing and other causes are judged

HEPARIN = Given(medicine="heparin", state="current", started_days_ago=Decimal(7))


def fall(before, now):
    return (platelets(before, 24 * 8), platelets(now, 4))


@pytest.mark.parametrize(
    ("points", "counts"),
    [
        (2, ("250", "90")),  # by 64 %
        (1, ("200", "120")),  # by 40 %
        (0, ("220", "8")),  # lowest below 10
        (1, ("300", "15")),  # lowest 10 to 19
        (1, ("100", "50")),  # by exactly half
        (2, ("100", "49.9")),
        (1, ("100", "70")),  # by exactly 30 %
        (0, ("100", "70.1")),
        (2, ("200", "20")),
        (1, ("200", "19.9")),
        (1, ("200", "10")),
        (0, ("200", "9.9")),
    ],
)
def test_four_ts_points_of_the_platelet_fall(points, counts):
    assert (points, points + 4) == span("four-ts", ADULT, HEPARIN, *fall(*counts))


def test_four_ts_points_of_a_new_clot():
    assert (4, 8) == span("four-ts", ADULT, HEPARIN, *fall("250", "90"), listed("thrombosis", 2))


@pytest.mark.parametrize(("total", "counts", "judged"), [(5, ("250", "90"), 2 + 1), (1, ("200", "120"), 0 + 0)])
def test_four_ts_of_a_worked_example_lies_in_the_range(total, counts, judged):
    low, high = span("four-ts", ADULT, HEPARIN, *fall(*counts))

    assert total == low + judged
    assert low <= total <= high


def test_four_ts_names_what_only_a_clinician_can_judge():
    assert ("Timing", "Other causes") == score("four-ts", ADULT, HEPARIN, *fall("250", "90")).missing


# ---------------------------------------------------------------- IgA vasculitis: EULAR/PRINTO/PRES 2010; HELLP

CHILD = Given(age=Span(years=6))
ON_THE_LEGS = {"sites": ("leg",)}


@pytest.mark.parametrize(
    ("truth", "chart"),
    [
        (Truth.PRESENT, (CHILD, seen("purpura", **ON_THE_LEGS), platelets("380"), seen("arthralgia"))),
        (Truth.UNKNOWN, (CHILD, seen("purpura", **ON_THE_LEGS), seen("arthralgia"))),
        (Truth.UNKNOWN, (Given(age=Span(years=40)), seen("purpura", **ON_THE_LEGS), platelets("210"))),
    ],
    ids=["met", "no platelet count", "no second feature recorded"],
)
def test_iga_vasculitis_of_a_worked_example(truth, chart):
    assert truth is rule_says("R-IGAV-01", *chart)


def test_iga_vasculitis_is_never_met_where_low_platelets_explain_the_purpura():
    chart = (CHILD, seen("petechiae", **ON_THE_LEGS), platelets("14"), seen("abdominal-pain"))

    assert Truth.PRESENT is not rule_says("R-IGAV-01", *chart)


WOMAN = (Given(age=Span(years=30)), Given(sex="female"), listed("pregnancy", 200))


def liver(count, transaminase, dehydrogenase):
    return (
        platelets(count),
        value("ast", transaminase, "U/L"),
        value("ldh", dehydrogenase, "U/L"),
    )


@pytest.mark.parametrize(
    ("truth", "values"),
    [
        (Truth.PRESENT, ("85", "120", "750")),
        (Truth.PRESENT, ("99.9", "70", "600")),
        (Truth.ABSENT, ("110", "150", "800")),
        (Truth.ABSENT, ("85", "69", "750")),
        (Truth.ABSENT, ("85", "120", "599")),
    ],
)
def test_hellp_of_a_worked_example(truth, values):
    assert truth is rule_says("R-PREG-01", *WOMAN, *liver(*values))


# ---------------------------------------------------------------- every subset of missing items

COMPLETE = {
    "news2": (CALM, SHOCKED, FEBRILE),
    "qsofa": tuple(
        {"breathing": breathing(b), "pressure": pressure(p), "mentation": mentation(m)}
        for b, p, m in (("22", "100", "14"), ("21", "101", "15"), ("24", "110", "15"))
    ),
    "isth-dic": (clotting("42", "9", "4", "0.8"), clotting("95", "4", "2", "2.4"), NO_POINTS),
    "plasmic": tuple(chart | {"haemolysis": HAEMOLYSIS[0]} for chart in (MOST, plasmic("45", "92", "1.6", "210"))),
    "sic-coagulation": ({"inr": inr("1.5"), "platelets": platelets("88")},),
    "sic": ({"inr": inr("1.3"), "platelets": platelets("120")},),
    "four-ts": (
        {"heparin": HEPARIN, "before": platelets("250", 24 * 8), "now": platelets("90", 4)},
        {"heparin": HEPARIN, "before": platelets("300", 24 * 8), "now": platelets("15", 4)},
    ),
}
CHARTS = [(name, number) for name, charts in COMPLETE.items() for number in range(len(charts))]


def test_every_score_is_tried():
    assert set(library().scores) == set(COMPLETE)


@cache
def ranges(name, number):
    """Range by the items that are recorded, for every subset of them."""
    chart = COMPLETE[name][number]
    subsets = [frozenset(some) for size in range(len(chart) + 1) for some in combinations(chart, size)]
    return {some: score(name, ADULT, *(chart[item] for item in chart if item in some)) for some in subsets}


@pytest.mark.parametrize(("name", "number"), CHARTS)
def test_what_is_missing_leaves_a_range_that_holds_the_whole_total(name, number):
    found = ranges(name, number)
    whole = found[frozenset(COMPLETE[name][number])]

    assert all(total.low <= whole.low <= whole.high <= total.high for total in found.values())


@pytest.mark.parametrize(("name", "number"), CHARTS)
def test_recording_an_item_never_widens_the_range(name, number):
    found = ranges(name, number)

    for some, total in found.items():
        for item in set(COMPLETE[name][number]) - some:
            more = found[some | {item}]
            assert total.low <= more.low <= more.high <= total.high, (set(some), item)


@pytest.mark.parametrize(("name", "number"), CHARTS)
def test_a_range_that_is_open_names_what_is_missing_and_a_closed_one_nothing(name, number):
    for total in ranges(name, number).values():
        assert bool(total.missing) == (total.low < total.high)


@pytest.mark.parametrize("name", COMPLETE)
def test_nothing_recorded_is_the_widest_range_and_never_one_number(name):
    total = score(name, ADULT, Given(list="Condition", state="failed"), Given(list="Procedure", state="failed"))

    assert total.low < total.high
