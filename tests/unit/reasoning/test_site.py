"""Site settings: what a hospital may set, what it may not, and that every fault is told at once."""

import re
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from cds_hooks.chart.queries import queries
from cds_hooks.chart.record import Coded, MedicationUse
from cds_hooks.errors import LibraryError
from cds_hooks.model.codes import Coding, Product
from cds_hooks.model.truth import Truth
from cds_hooks.reasoning.case_charts import Given, chart_of
from cds_hooks.reasoning.library import load
from cds_hooks.reasoning.lint import bounds_of, lint
from cds_hooks.reasoning.mapping import find
from cds_hooks.reasoning.site import apply, deployed, only_reviewed
from cds_hooks.reasoning.values import plain
from tests.build import AT, library_of, record

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "tests/site_example"
LOW = """\
measure:
  concept: platelet-count
  is: {below: "150", unit: "10*9/L"}
  guard: {min: "130", max: "160"}
"""
STEPS = """\
when: low
tiers:
  - {tier: ROUTINE, when: skin-bleeding, choice: our-choice}
  - {tier: SAME_DAY}
unless:
  - {when: skin-bleeding, choice: our-choice}
  - {when: low}
"""


@cache
def released():
    return load()


@cache
def example():
    return apply(released(), EXAMPLE)


@cache
def small():
    return library_of(
        {"low-150": LOW, "low": LOW, "open": LOW.replace("  guard", "  # guard")},
        criteria={
            "R-IT-01": STEPS,
            "R-IT-02": "when: low\ntiers: [{tier: ROUTINE, choice: our-choice}]",
            "R-IT-03": "when: low\nstatus: draft",
        },
        causes={"a-cause": "when: low"},
    )


def site(folder, **texts):
    """A site folder with these files: concepts, settings, products (the rows below the header)."""
    for name, text in texts.items():
        path = folder / ("products/own.csv" if name == "products" else f"{name}.yaml")
        path.parent.mkdir(exist_ok=True)
        path.write_text("system,code,ingredient,route,display\n" + text if name == "products" else text)
    return folder


def faults(folder, library=None, **texts):
    with pytest.raises(LibraryError) as caught:
        apply(library or small(), site(folder, **texts))
    return [fault.removeprefix(f"{folder.name}/") for fault in caught.value.faults]


def here(folder, **texts):
    return apply(small(), site(folder, **texts))


# ---------------------------------------------------------------- the worked example


def truth(finding, library, *given):
    return find(chart_of(given, released()), library, AT)[finding].truth


@pytest.mark.parametrize(
    ("finding", "given", "there", "at_the_example"),
    [
        ("fever", Given(concept="body-temperature", value=Decimal("37.8"), unit="Cel"), "unknown", "present"),
        (
            "platelets-below-150",
            Given(concept="platelet-count", value=Decimal(145), unit="10*9/L"),
            "present",
            "absent",
        ),
    ],
)
def test_a_limit_of_the_example_counts_instead_of_ours(finding, given, there, at_the_example):
    assert (there, at_the_example) == tuple(truth(finding, lib, given).value for lib in (released(), example()))


def test_what_counts_as_fever_here_is_no_normal_temperature():
    measured = Given(concept="body-temperature", value=Decimal("37.8"), unit="Cel", hours_ago=Decimal(1))

    assert Truth.PRESENT is truth("temperature-normal", released(), measured)
    assert Truth.ABSENT is truth("temperature-normal", example(), measured)


def test_a_local_code_means_its_concept_and_is_asked_for():
    code = ("https://codes.example-hospital.org/lab", "PLT")

    assert ("platelet-count",) == example().code_index[code]
    assert any("|".join(code) in query.template for query in queries(example()))
    assert not any("example-hospital" in query.template for query in queries(released()))


def test_a_product_of_the_formulary_counts_for_each_of_its_ingredients():
    sachets = Coded((Coding("https://codes.example-hospital.org/formulary", "A177"),))
    chart = record(MedicationUse("MedicationRequest/1", sachets, state="current"))

    taken = {item.ingredient.id for item in find(chart, example(), AT).medicines.taken}

    assert {"aspirin", "paracetamol"} == taken


def test_the_example_tells_what_it_set_and_has_a_digest_of_its_own():
    assert 7 == len(example().site)
    assert "Limit of platelets-below-150: below 140 instead of Platelets below 150 ×10⁹/L" in example().site
    assert example().digest != released().digest
    assert example().digest == apply(released(), EXAMPLE).digest


def test_the_example_is_still_a_sound_library():
    assert () == lint(example(), {})


# ---------------------------------------------------------------- guards of the release


def guarded():
    rules = released().findings.values()
    return {rule.id: rule.measure for rule in rules if rule.measure is not None and rule.measure.guard is not None}


def test_the_page_lists_every_guard_with_its_numbers():
    page = (ROOT / "docs/site.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([\w-]+)` \| [^|]+ \| ([\d.]+ to [\d.]+) \|$", page, re.MULTILINE))

    assert {name: f"{m.guard.min} to {m.guard.max}" for name, m in guarded().items()} == rows


@pytest.mark.parametrize("finding", sorted(guarded()))
def test_no_wording_of_a_rule_names_a_limit_that_a_site_may_move(finding):
    [bound] = bounds_of(guarded()[finding].is_).values()
    number = re.compile(rf"(?<![\d.]){re.escape(plain(bound))}(?:\.0)?(?![\d.]|\s?mm\b|\))")
    library = released()
    asking = [rule for rule in library.criteria.values() if finding in str(rule.when) + str(rule.tiers)]
    words = [text for rule in asking for text in (rule.name, rule.summary, rule.advice)]
    words += [text for rule in asking for step in rule.tiers for text in (step.summary, step.advice)]

    assert [] == [text for text in words if number.search(text)]


# ---------------------------------------------------------------- what is set


def test_an_empty_folder_changes_nothing_but_is_another_deployment(tmp_path):
    library = here(tmp_path)

    assert (small().findings, small().code_index, ()) == (library.findings, library.code_index, library.site)


def test_without_a_folder_the_release_is_used_as_it_is():
    assert small() is deployed(small(), None)


def test_a_choice_switched_off_takes_its_steps_and_excuses_with_it(tmp_path):
    rule = here(tmp_path, settings="choices: {our-choice: off}\nrules: {R-IT-02: off}\n").criteria["R-IT-01"]

    assert ["low"] == [excuse.when for excuse in rule.unless]
    assert [None] == [step.when for step in rule.tiers]


def test_a_situation_that_lowers_by_choice_lowers_no_more_without_it(tmp_path):
    library = apply(released(), site(tmp_path, settings="choices: {assessed-already: off}\n"))

    assert {"assessed-already"} == {*released().demotions} - {*library.demotions}


def test_rules_are_silenced_and_switched_off(tmp_path):
    library = here(tmp_path, settings="rules: {R-IT-01: silent, a-cause: off}\n")

    assert ("silent", "retired") == (library.criteria["R-IT-01"].status, library.causes["a-cause"].status)
    assert "active" == library.criteria["R-IT-02"].status
    assert ("Rule silent: R-IT-01", "Rule off: a-cause") == library.site


def test_a_limit_moves_and_its_name_stays_where_it_holds_no_number(tmp_path):
    rule = here(tmp_path, settings='thresholds: {low: {below: "140"}}\n').findings["low"]

    assert (Decimal(140), "low") == (rule.measure.is_.below, rule.name)


def test_a_product_row_of_the_site_stands_beside_those_of_the_release(tmp_path):
    row = Product("urn:own", "1", "aspirin", "")

    assert {("urn:own", "1"): (row,)} == dict(here(tmp_path, products="urn:own,1,aspirin,,Any\n").products)


def test_a_local_code_may_repeat_what_the_release_says(tmp_path):
    text = 'petechiae: [{system: snomed, code: "1001", display: "Petechiae"}]\n'

    assert ("petechiae",) == here(tmp_path, concepts=text).code_index[("http://snomed.info/sct", "1001")]


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("thresholds:\n  nothing: {below: '1'}", "2: unknown finding `nothing`; write an id of mappings/findings"),
        ("thresholds: {open: {below: '1'}}", "1: `open` has no guard, so a site cannot move its limit"),
        ("thresholds: {skin-bleeding: {below: '1'}}", "1: `skin-bleeding` has no guard"),
        ("thresholds: {low: {below: '129.9'}}", "1: the limit of `low` may lie from 130 to 160; write a number"),
        ("thresholds: {low: {below: '161'}}", "1: the limit of `low` may lie from 130 to 160"),
        ("thresholds: {low: {at_most: '140'}}", "1: `low` is limited by `below`; write `below`"),
        ("thresholds: {low-150: {below: '140'}}", '1: `low-150` is named "low-150"; write its `name` with your'),
        ("thresholds: {low-150: {below: '140', name: low-150}}", "1: `low-150` is named"),
        ("thresholds: {low: {}}", "1: `low` is limited by `below`"),
        ("thresholds: {low: {below: 'low'}}", "1: thresholds.low.below: "),
        ("thresholds: {low: {below: 139.5}}", "1: `139.5` must be a quoted decimal"),
        ("choices: {nobodys: off}", "1: unknown choice `nobodys`; write an id of knowledge/choices.yaml"),
        ("choices: {our-choice: on}", "1: choices.our-choice: "),
        ("choices: {our-choice: off}", "1: `R-IT-02` has no tier without it; write also `rules: {R-IT-02: off}`"),
        ("rules: {R-NO-01: off}", "1: unknown rule `R-NO-01`; write the id of a criterion or cause"),
        ("rules: {R-IT-03: silent}", "1: `R-IT-03` is draft already; take the line out"),
        ("caps: {R-NO-01: warning}", "1: unknown criterion `R-NO-01`; write the id of a criterion"),
        ("caps: {a-cause: info}", "1: unknown criterion `a-cause`"),
        ("caps: {R-IT-01: warning}", "1: `R-IT-01` may be capped at info and nothing else; write `info`"),
        ("caps: {R-IT-01: critical}", "1: caps.R-IT-01: "),
        ("wishes: {}", "1: wishes: "),
        ("- a", "1: the file: "),
    ],
)
def test_a_wrong_setting_is_told_with_its_line(tmp_path, settings, told):
    [fault] = faults(tmp_path, settings=settings + "\n")

    assert fault.startswith(f"settings.yaml:{told}")


@pytest.mark.parametrize(
    ("concepts", "told"),
    [
        ("- a", "1: must be a mapping of concept ids"),
        ('nothing: [{system: "urn:x", code: "1", display: "x"}]', "1: unknown concept `nothing`"),
        (
            'petechiae:\n  - {system: lokal, code: "1", display: "x"}',
            "2: `lokal` is no code system; write its URI",
        ),
        ('petechiae: [{system: snomed, code: "1002", display: "x"}]', "1: this code also means `purpura`"),
        ('petechiae: [{system: "urn:x", code: "1"}]', "1: 0.display: "),
        ('aspirin: [{system: "urn:x", code: "1", display: "x", route: up}]', "1: unknown route `up`"),
    ],
)
def test_a_wrong_local_code_is_told_with_its_line(tmp_path, concepts, told):
    [fault] = faults(tmp_path, concepts=concepts + "\n")

    assert fault.startswith(f"concepts.yaml:{told}")


def test_a_code_that_means_two_things_in_the_folder_is_told_twice(tmp_path):
    one = '[{system: "urn:x", code: "1", display: "x"}]'

    assert 2 == len(faults(tmp_path, concepts=f"petechiae: {one}\npurpura: {one}\n"))


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("urn:x,1,nothing,,x", "2: unknown ingredient `nothing`"),
        ("urn:x,1,petechiae,,x", "2: unknown ingredient `petechiae`"),
        ("urn:x,1,aspirin,up,x", "2: unknown route `up`"),
        ("urn:x,,aspirin,,x", "2: has no system or no code"),
        ("urn:x,1,aspirin", "2: has fewer columns than the header"),
    ],
)
def test_a_wrong_product_is_told_with_its_line(tmp_path, rows, told):
    [fault] = faults(tmp_path, products=rows + "\n")

    assert fault.startswith(f"products/own.csv:{told}")


def test_a_table_without_its_columns_is_told(tmp_path):
    (tmp_path / "products").mkdir()
    (tmp_path / "products/own.csv").write_text("code,name\n1,x\n")

    assert faults(tmp_path)[0].startswith("products/own.csv:1: lacks the column system, ingredient, route")


def test_a_table_that_is_no_text_is_told(tmp_path):
    (tmp_path / "products").mkdir()
    (tmp_path / "products/own.csv").write_bytes(b"system,code,ingredient,route\nurn:x,1,aspirin,\xff\n")

    assert faults(tmp_path)[0].startswith("products/own.csv:1: holds a character that is not text")


def test_all_faults_are_told_at_once(tmp_path):
    (tmp_path / "setting.yaml").write_text("")
    texts = {"concepts": "a: 1\n", "settings": "choices: {no: off}\nchoices: {}\n", "products": "urn:x,1,no,,\n"}

    told = faults(tmp_path, **texts)

    assert ["setting.yaml:1", "concepts.yaml:1", "products/own.csv:2", "settings.yaml:2"] == [
        ":".join(fault.split(":")[:2]) for fault in told
    ]


def test_a_folder_that_is_not_there_is_told(tmp_path):
    assert faults(tmp_path / "none")[0].startswith("CDS_SITE_DIR: there is no folder")


# ---------------------------------------------------------------- only signed rules


def test_unsigned_rules_are_silent_when_only_signed_ones_may_speak():
    library = deployed(released(), EXAMPLE, require_reviewed=True)

    assert not [rule for rule in (*library.criteria.values(), *library.causes.values()) if rule.status == "active"]
    assert library.site[:-1] == example().site
    assert library.site[-1].startswith("Only signed rules speak")
    assert library.digest != example().digest


def test_a_signed_rule_goes_on_speaking():
    signed = 'when: low\nreview: {by: "A", checked_by: "B", on: "2026-01-01", next: "2027-01-01"}'
    library = only_reviewed(library_of({"low": LOW}, criteria={"R-IT-01": signed, "R-IT-02": "when: low"}))

    assert ("active", "silent") == (library.criteria["R-IT-01"].status, library.criteria["R-IT-02"].status)
