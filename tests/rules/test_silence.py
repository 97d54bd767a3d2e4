"""When nothing is said, or only as information: one small chart for each row of the list, read by our own library.

N9 (the same card again) is for the journal and has no chart here. A chart is judged at `AT`, every list read.
"""

from dataclasses import replace
from decimal import Decimal

import pytest
from msgspec import structs

from cds_hooks.cards.compose import Voice
from cds_hooks.cards.explain import explain
from cds_hooks.model.truth import Span, Tier, Truth
from cds_hooks.reasoning.case_charts import AT, Given, chart_of
from cds_hooks.service import Advice, advise_on
from tests.build import days_ago, problem
from tests.end_to_end.charts import library

ADULT = Given(age=Span(years=47))
CHILD = Given(age=Span(years=7))
WOMAN = Given(age=Span(years=30), sex="female")
FOREVER = 900


def seen(concept, hours=2, *, sites=(), there=True):
    return Given(concept=concept, observed=there, hours_ago=Decimal(hours), sites=tuple(sites))


def listed(concept, days, state="active", sites=()):
    return Given(concept=concept, problem=state, days_ago=Decimal(days), sites=tuple(sites))


def lab(concept, value, unit, hours=24, **limits):
    bounds = {name: Decimal(bound) for name, bound in limits.items()}
    return Given(concept=concept, value=Decimal(value), unit=unit, hours_ago=Decimal(hours), **bounds)


def platelets(value, hours=24):
    return lab("platelet-count", value, "10*9/L", hours)


def temperature(value, hours=2):
    return lab("body-temperature", value, "Cel", hours)


def taken(medicine, days=60):
    return Given(medicine=medicine, state="current", started_days_ago=Decimal(days))


def begun(medicine, hours):
    return taken(medicine, Decimal(hours) / 24)


def film(word, hours=24):
    return Given(concept="blood-film", answer=word, hours_ago=Decimal(hours))


def on(*given) -> Advice:
    return of(chart_of(given, library()))


def of(record) -> Advice:
    return advise_on(record, library(), AT, Voice())


def indicators(advice):
    return [card.indicator for card in advice.cards]


def text(advice):
    return "\n".join(f"{card.summary}\n{card.detail}" for card in advice.cards)


def fired(advice):
    """Rule -> tier of every criterion that is met and may be shown."""
    shown = (match for match in advice.assessment.criteria if match.truth is Truth.PRESENT and match.tier)
    return {match.rule: match.tier for match in shown if library().criteria[match.rule].status == "active"}


def lowered(advice):
    return {match.rule: match.demoted_by for match in advice.assessment.criteria if match.demoted_by}


def is_information(advice):
    return set(indicators(advice)) == {"info"}


COUNT = (platelets("240"), lab("haemoglobin", "140", "g/L"), lab("white-cell-count", "7", "10*9/L"))
CLOTTING = (
    lab("inr", "1.0", "{INR}"),
    lab("aptt", "30", "s", high="35"),
    lab("fibrinogen", "3", "g/L", low="2"),
)
VISIT = Given(visit=True, hours_ago=Decimal(24))
ASSESSED = (*COUNT, *CLOTTING, film("normal"), VISIT)
TREATED = (begun("ceftriaxone", 3), Given(concept="blood-culture", value_text="pending", hours_ago=Decimal(3)))
COMFORT = listed("end-of-life-care", 20)


# ---------------------------------------------------------------- N1 negated, N2 over


def test_n1_an_explicit_negative_is_silent():
    assert on(ADULT, seen("petechiae", there=False), temperature("38.9")).cards == ()


def test_n1_a_refuted_problem_is_silent():
    assert on(ADULT, listed("purpura", 2, "denied"), listed("immune-thrombocytopenia", 2, "denied")).cards == ()


def test_n1_a_newer_negative_ends_the_episode():
    assert on(ADULT, seen("petechiae", 48), seen("petechiae", 2, there=False)).cards == ()


@pytest.mark.parametrize("over", [listed("petechiae", 300, "inactive"), seen("petechiae", 15 * 24)])
def test_n2_petechiae_that_are_over_are_silent(over):
    assert on(ADULT, over, taken("aspirin")).cards == ()


# ---------------------------------------------------------------- N3 assessed already


def test_n3_petechiae_of_a_child_that_were_assessed_are_information():
    before, after = on(CHILD, seen("petechiae", 72)), on(CHILD, seen("petechiae", 72), *ASSESSED)

    assert indicators(before)[0] == "warning"
    assert is_information(after)
    assert "assessed-already" == lowered(after)["R-CAN-01"]
    assert "lowered: assessed already, yesterday 17 March" in text(after)


def test_n3_the_trace_tells_what_was_lowered_and_from_where():
    advice = on(CHILD, seen("petechiae", 72), *ASSESSED)
    trace = "\n".join(explain(advice.record, advice.assessment, library(), advice.cards))

    assert "lowered from same day: assessed already" in trace


@pytest.mark.parametrize(
    "missing", [film("normal"), VISIT, *CLOTTING], ids=["film", "visit", "INR", "APTT", "fibrinogen"]
)
def test_n3_a_normal_count_alone_is_no_assessment(missing):
    rest = [item for item in ASSESSED if item != missing]

    assert "R-CAN-01" not in lowered(on(CHILD, seen("petechiae", 72), *rest))


@pytest.mark.parametrize(
    "danger", [temperature("38.6"), seen("spreading-rash"), seen("new-lesions"), seen("purpura")]
)
def test_n3_fever_spread_and_new_lesions_restore_the_urgency(danger):
    advice = on(CHILD, seen("petechiae", 72), *ASSESSED, danger)

    assert {} == lowered(advice)
    assert indicators(advice)[0] in ("warning", "critical")


# ---------------------------------------------------------------- N4-N8 known low counts

KNOWN_ITP = (ADULT, listed("immune-thrombocytopenia", 800), listed("petechiae", 400))
STABLE = (platelets("26", 24 * 90), platelets("24", 24))


def test_n4_known_platelets_of_a_long_immune_thrombocytopenia_are_information():
    assert Tier.ROUTINE is fired(on(*KNOWN_ITP, *STABLE))["R-PLT-30"]
    assert is_information(on(*KNOWN_ITP, *STABLE))


@pytest.mark.parametrize(
    "danger",
    [platelets("8", 1), seen("epistaxis"), seen("head-injury"), temperature("38.5"), taken("apixaban", 2)],
    ids=["below 10", "nosebleed", "head injury", "fever", "blood thinner"],
)
def test_n4_a_danger_beside_the_known_count_is_urgent(danger):
    assert indicators(on(*KNOWN_ITP, *STABLE, danger))[0] in ("warning", "critical")


NADIR = (ADULT, listed("cancer-solid", 90), taken("carboplatin", 10), listed("senile-purpura", FOREVER))


def test_n5_the_expected_nadir_is_information():
    assert Tier.ROUTINE is fired(on(*NADIR, platelets("38")))["R-PLT-50"]


@pytest.mark.parametrize("danger", [platelets("8", 1), temperature("38.5"), seen("epistaxis")])
def test_n5_below_10_fever_and_bleeding_keep_their_urgency(danger):
    assert indicators(on(*NADIR, platelets("38"), danger))[0] in ("warning", "critical")


def test_n6_stable_platelets_in_cirrhosis_are_information():
    advice = on(ADULT, listed("cirrhosis", 800), seen("petechiae"), platelets("70", 24 * 100), platelets("72", 1))

    assert Tier.ROUTINE is fired(advice)["R-PLT-100"]


def test_n6_a_fall_in_cirrhosis_is_not():
    advice = on(ADULT, listed("cirrhosis", 800), seen("petechiae"), platelets("140", 24 * 100), platelets("60", 1))

    assert Tier.WITHIN_48H is fired(advice)["R-PLT-100"]


def test_n7_clumps_and_a_normal_repeat_cancel_the_low_count():
    advice = on(ADULT, platelets("31", 30), film("clumped", 30), platelets("228", 6))

    assert advice.cards == ()


def test_n7_clumped_platelets_with_a_rash_are_no_low_platelets():
    advice = on(ADULT, seen("petechiae"), platelets("190", 24 * 60), platelets("31", 30), film("clumped", 30))

    assert [] == [rule for rule in fired(advice) if rule.startswith("R-PLT")]


def test_n8_platelets_of_100_and_more_in_pregnancy_are_information():
    expecting = (WOMAN, listed("pregnancy", 200), listed("gestational-thrombocytopenia", 60))
    advice = on(*expecting, listed("senile-purpura", FOREVER), platelets("118", 24 * 30), platelets("116", 2))

    assert is_information(advice)


# ---------------------------------------------------------------- N10 under treatment, N11 end of life, N12 died


def test_n10_infection_rules_are_information_once_antibiotic_and_culture_are_given():
    untreated = on(CHILD, seen("purpura", 8))
    treated = on(CHILD, seen("purpura", 8), *TREATED)

    assert Tier.EMERGENCY is fired(untreated)["R-MEN-01"]
    assert Tier.ROUTINE is fired(treated)["R-MEN-01"]
    assert "lowered: antibiotic begun and blood culture taken" in text(treated)


def test_n10_a_diagnosis_under_treatment_is_information():
    sepsis = (ADULT, seen("petechiae"), listed("meningococcal-disease", 1))

    assert Tier.EMERGENCY is fired(on(*sepsis))["R-DX-01"]
    assert Tier.ROUTINE is fired(on(*sepsis, *TREATED))["R-DX-01"]


@pytest.mark.parametrize("half", TREATED, ids=["antibiotic", "culture"])
def test_n10_half_a_treatment_lowers_nothing(half):
    assert {} == lowered(on(CHILD, seen("purpura", 8), half))


def test_n11_end_of_life_care_makes_everything_information_without_orders():
    advice = on(ADULT, COMFORT, seen("petechiae"), platelets("14", 3))

    assert is_information(advice)
    assert {"end-of-life-care"} == set(lowered(advice).values())
    assert not advice.assessment.orders
    assert all(not card.suggestions for card in advice.cards)


def test_n11_with_a_danger_sign_it_is_urgent_and_still_without_orders():
    advice = on(ADULT, COMFORT, seen("petechiae"), platelets("8", 3))

    assert indicators(advice)[0] == "critical"
    assert not advice.assessment.orders


def test_n11_unread_problems_lower_nothing():
    unread = Given(list="Condition", state="failed")

    assert {} == lowered(on(ADULT, seen("petechiae"), platelets("14", 3), unread))


@pytest.mark.parametrize("chart", [(seen("petechiae"),), (platelets("4"), seen("purpura"), temperature("40"))])
def test_n12_nothing_is_said_of_the_dead(chart):
    assert on(ADULT, Given(deceased=True), *chart).cards == ()


def test_n12_nor_that_their_chart_could_not_be_read():
    assert on(Given(deceased=True), Given(list="Condition", state="failed")).cards == ()


# ---------------------------------------------------------------- N13-N16


@pytest.mark.parametrize("medicine", ["aspirin", "prednisolone", "citalopram", "warfarin"])
def test_n13_a_medicine_without_a_finding_is_silent(medicine):
    assert on(ADULT, taken(medicine), temperature("38.3"), platelets("240")).cards == ()


@pytest.mark.parametrize("diagnosis", ["senile-purpura", "pigmented-purpuric-dermatosis"])
def test_n14_a_known_chronic_purpura_without_change_is_silent(diagnosis):
    assert on(ADULT, listed(diagnosis, FOREVER)).cards == ()


def test_n14_with_a_suspect_medicine_it_gives_one_information():
    advice = on(ADULT, listed("senile-purpura", FOREVER), taken("aspirin"))

    assert ["info"] == indicators(advice)
    assert "Aspirin" in text(advice)


@pytest.mark.parametrize(
    "change", [seen("new-lesions"), seen("petechiae"), platelets("60"), temperature("38.5"), seen("epistaxis")]
)
def test_n14_a_change_is_not_silent(change):
    assert on(ADULT, listed("senile-purpura", FOREVER), change).cards


def test_n14_medicines_that_could_not_be_read_are_not_taken_as_none():
    unread = Given(list="MedicationStatement", state="failed")

    assert on(ADULT, listed("senile-purpura", FOREVER), unread).cards


FACE = seen("petechiae", 10, sites=["face"])


def newborn(days, *more):
    return on(Given(age=Span(days=days)), FACE, temperature("36.9"), *more)


def test_n15_petechiae_of_the_face_on_the_first_day_are_not_critical():
    assert "warning" == indicators(newborn(1))[0]


def test_n15_they_are_an_emergency_when_birth_no_longer_explains_them():
    assert "critical" == indicators(newborn(6))[0]


@pytest.mark.parametrize(
    "danger", [seen("petechiae", 2, sites=["leg"]), temperature("38.3", 1), platelets("60", 2)]
)
def test_n15_elsewhere_or_ill_they_are_an_emergency(danger):
    assert "critical" == indicators(newborn(1, danger))[0]


@pytest.mark.parametrize(
    "words",
    [
        "History of Henoch-Schonlein purpura in childhood",
        "history of ITP",
        "h/o immune thrombocytopenic purpura",
        "Family history of ITP",
    ],
)
def test_n16_a_history_is_never_active(words):
    record = replace(chart_of([ADULT], library()), problems=(problem(words, days_ago(2)),))

    assert of(record).cards == ()


@pytest.mark.parametrize("concept", ["iga-vasculitis", "immune-thrombocytopenia"])
@pytest.mark.parametrize("words", ["History of it, in childhood", "Family history: father"])
def test_n16_a_code_whose_words_say_history_is_never_active(concept, words):
    chart = chart_of([ADULT, listed(concept, 1)], library())
    entry = chart.problems[0]
    record = replace(chart, problems=(replace(entry, what=structs.replace(entry.what, text=words)),))

    assert of(record).cards == ()


def test_n16_a_history_of_a_medicine_in_the_words_of_a_rash_is_no_history():
    chart = chart_of([ADULT, seen("petechiae"), listed("purpura", 1)], library())
    entry = chart.problems[0]
    told = replace(entry, what=structs.replace(entry.what, text="Purpura, with a history of aspirin use"))

    assert "R-MEN-01" in fired(of(replace(chart, problems=(told,))))


@pytest.mark.parametrize("concept", ["iga-vasculitis", "immune-thrombocytopenia", "petechiae"])
def test_n16_a_past_problem_is_never_active(concept):
    assert on(ADULT, listed(concept, 3000, "inactive")).cards == ()


# ---------------------------------------------------------------- what nothing lowers

EXPECTING = (listed("pregnancy", 100),)
NEVER = {
    "fever": (temperature("38.6"),),
    "hypothermia": (temperature("35.1"),),
    "meningism": (seen("neck-stiffness"),),
    "altered consciousness": (seen("confusion"),),
    "spread": (seen("spreading-rash"),),
    "platelets below 10": (platelets("8", 2),),
    "blasts": (film("blasts-seen", 2),),
    "microangiopathic haemolysis": (platelets("60", 2), film("schistocytes-seen", 2)),
    "pregnancy with platelets below 100": (Given(sex="female"), *EXPECTING, platelets("90", 2)),
    "weak immunity with fever": (listed("immunosuppression", 300), temperature("38.4")),
    "no spleen with fever": (listed("asplenia", 3000), temperature("38.4")),
    "abuse": (CHILD, listed("physical-abuse", 2)),
    "neck injury": (listed("neck-injury", 2), seen("petechiae", 2, sites=["face"])),
}
SITUATIONS = {"assessed": ASSESSED, "treated": TREATED, "end of life": (COMFORT,)}


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("danger", NEVER)
def test_nothing_is_lowered_beside_a_danger(danger, situation):
    advice = on(*NEVER[danger], ADULT, seen("petechiae", 70), *SITUATIONS[situation])

    assert {} == lowered(advice)
    assert indicators(advice)[0] in ("warning", "critical")


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("age", [Span(days=9), Span(months=4)], ids=["newborn", "infant not yet mobile"])
def test_nothing_is_lowered_in_the_youngest(age, situation):
    advice = on(Given(age=age), seen("petechiae", 72, sites=["leg"]), *SITUATIONS[situation])

    assert {} == lowered(advice)
    assert indicators(advice)[0] in ("warning", "critical")


@pytest.mark.parametrize("name", sorted(library().demotions))
def test_every_demotion_keeps_what_nothing_may_lower(name):
    rule = library().demotions[name]
    kept = "never-lowered-beside-fever" if name == "reviewed-febrile-child" else "never-lowered"

    assert kept == rule.never_when or kept in rule.never_when.any


# ---------------------------------------------------------------- restricted entries


def restricted(*given):
    chart = chart_of(given, library())
    return replace(
        chart,
        observed=tuple(replace(entry, restricted=True) for entry in chart.observed),
        problems=tuple(replace(entry, restricted=True) for entry in chart.problems),
        medications=tuple(replace(entry, restricted=True) for entry in chart.medications),
    )


def beside(hidden, *open_entries):
    """A chart with open entries and restricted ones."""
    shown, behind = chart_of(open_entries, library()), restricted(*hidden)
    return replace(
        shown,
        observed=(*shown.observed, *(replace(e, reference=f"{e.reference}-r") for e in behind.observed)),
        problems=(*shown.problems, *(replace(e, reference=f"{e.reference}-r") for e in behind.problems)),
        medications=(*shown.medications, *behind.medications),
    )


@pytest.mark.parametrize(
    ("hidden", "names"),
    [
        ([listed("hiv", 900)], ["HIV"]),
        ([platelets("8", 3)], ["latelet", "8 ×10"]),
        ([listed("pregnancy", 200), platelets("60", 2)], ["regnan", "60", "HELLP"]),
        ([taken("sertraline")], ["ertraline", "ntidepressant"]),
        ([listed("physical-abuse", 2)], ["buse", "afeguarding"]),
        ([COMFORT], ["alliative", "end-of-life"]),
    ],
    ids=["HIV", "platelets", "pregnancy", "medicine", "abuse", "end of life"],
)
def test_a_restricted_entry_counts_and_is_never_named(hidden, names):
    advice = of(beside(hidden, WOMAN, seen("petechiae")))
    cards = text(advice)

    assert advice.cards
    assert [] == [name for name in names if name in cards]


def test_a_restricted_count_is_as_urgent_as_an_open_one():
    advice = of(beside([platelets("8", 3)], WOMAN, seen("petechiae")))

    assert "critical" == advice.cards[0].indicator
    assert "restricted access" in advice.cards[0].summary


def test_restricted_petechiae_are_counted_without_their_name():
    advice = of(restricted(seen("petechiae"), temperature("38.6")))

    assert "critical" == indicators(advice)[0]
    assert "etechia" not in text(advice)
    assert "38.6" not in text(advice)


def test_a_restricted_entry_that_could_not_be_read_is_not_named_as_a_gap():
    unread, rash = lab("platelet-count", "41", "furlong"), seen("petechiae")

    def named(advice):
        return {gap.what for gap in advice.assessment.findings["platelets-below-50"].gaps}

    assert {"Platelet count"} == named(on(CHILD, rash, unread))
    assert {"Entry with restricted access"} == named(of(beside([unread], CHILD, rash)))


# ---------------------------------------------------------------- what is asked for


def asked(advice):
    lines = [line for card in advice.cards for line in card.detail.splitlines()]
    return [line for line in lines if " would settle " in line]


def test_at_most_five_things_are_asked_for_the_skin_first():
    lines = asked(on(ADULT, seen("petechiae")))

    assert 0 < len(lines) <= 5
    assert lines[0].startswith("- Whe")
    assert any("temperature" in line and "urgent criteria" in line for line in lines[:2])


def test_pregnancy_is_asked_of_a_woman_with_low_platelets_only():
    assert any("pregnant" in line for line in asked(on(WOMAN, seen("petechiae"), platelets("120", 2))))
    assert not any("pregnant" in line for line in asked(on(ADULT, seen("petechiae"), platelets("120", 2))))


def test_what_would_change_nothing_is_not_asked_for():
    lines = asked(
        on(CHILD, seen("purpura", 3), temperature("39.2"), seen("neck-stiffness"), seen("spreading-rash"))
    )

    assert [] == lines


# ---------------------------------------------------------------- what cannot be read


@pytest.mark.parametrize(
    "unread", [lab("body-temperature", "39.2", "furlong", 2), lab("platelet-count", "8", "furlong")]
)
def test_a_result_that_cannot_be_read_is_said_beside_the_card_that_speaks(unread):
    toddler, rash = Given(age=Span(years=4)), seen("petechiae", 3)

    assert "its unit is missing or unknown" not in on(toddler, rash).cards[0].detail
    assert "its unit is missing or unknown" in on(toddler, rash, unread).cards[0].detail
