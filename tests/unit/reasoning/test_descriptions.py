"""A sign that an examination describes is read like one that it names."""

from __future__ import annotations

import pytest

from cds_hooks.chart.record import Coded, Observed
from cds_hooks.errors import LibraryError
from cds_hooks.model.results import Finding
from cds_hooks.model.truth import Truth
from cds_hooks.reasoning.mapping import find
from tests.build import AT, amount, hours_ago, library_of, observed, record

ASPECTS = """\
size:
  kind: aspect
  name: "Size"
  unit: "mm"
  convert: {"mm": "1", "cm": "10"}
  plausible: {min: "0.1", max: "300"}
  texts: ["size"]
blanching: {kind: aspect, name: "Blanching", texts: ["blanching"]}
not-blanching:
  kind: aspect
  name: "Does not blanch"
  described: [{parts: [{aspect: blanching, answers: [absent]}]}, {denies: [blanching-rash]}]
blanching-rash: {kind: sign, name: "Blanching rash", texts: ["blanching rash"]}
bruise: {kind: sign, name: "Bruise", texts: ["bruise"]}
spots:
  kind: sign
  name: "Spots"
  texts: ["spots"]
  described:
    - says: [not-blanching]
      parts: [{aspect: size, answers: [two-plus], is: {at_most: "2", unit: "mm"}}]
      unless: [bruise]
"""
SIGN = "sign: {concepts: [spots], observed_within: {hours: 72}}"


@pytest.fixture(scope="module")
def library():
    return library_of({"it": SIGN}, more_concepts=ASPECTS)


@pytest.fixture
def found(library):
    def find_in(*entries: Observed) -> Finding:
        return find(record(*entries), library, AT)["it"]

    return find_in


def part(what: str, value=None, at=None, **more) -> Observed:
    """One component of the examination."""
    return observed(what, value, at, reference="Observation/exam", **more)


SMALL = part("size", amount("1 mm"))
STAYS = part("blanching", value=False)


def test_what_one_examination_describes_is_present_and_said_to_be_described(found):
    finding = found(part("skin examination"), SMALL, STAYS)

    assert Truth.PRESENT is finding.truth
    (evidence,) = finding.evidence
    assert ("Spots", "Observation/exam", "text", ("as described",)) == (
        evidence.label,
        evidence.reference,
        evidence.certainty,
        evidence.flags,
    )


@pytest.mark.parametrize(("size", "truth"), [("1.9", "present"), ("2", "present"), ("2.1", "unknown")])
def test_the_limit_of_a_size_is_exact(found, size, truth):
    assert truth == found(part("size", amount(f"{size} mm")), STAYS).truth.value


def test_a_size_is_read_in_every_unit_of_the_aspect(found):
    assert Truth.PRESENT is found(part("size", amount("0.2 cm")), STAYS).truth


@pytest.mark.parametrize("size", ["1", "1 parsec", "500 mm", "<5 mm"])
def test_a_size_that_cannot_be_judged_describes_nothing(found, size):
    assert Truth.UNKNOWN is found(part("size", amount(size)), STAYS).truth


def test_a_word_may_stand_for_the_size(found):
    assert Truth.PRESENT is found(part("size", Coded(text="2+")), STAYS).truth


def test_a_comparator_that_leaves_no_doubt_is_enough(found):
    assert Truth.PRESENT is found(part("size", amount("<2 mm")), STAYS).truth


@pytest.mark.parametrize("alone", [SMALL, STAYS])
def test_half_a_description_is_none(found, alone):
    assert Truth.UNKNOWN is found(alone).truth


def test_a_denied_sign_may_be_part_of_a_description(found):
    assert Truth.PRESENT is found(SMALL, part("blanching rash", value=False)).truth


def test_what_is_named_otherwise_is_not_described(found):
    assert Truth.UNKNOWN is found(part("bruise", value=True), SMALL, STAYS).truth


def test_what_the_examination_denies_is_not_described(found):
    finding = found(part("spots", value=False), SMALL, STAYS)

    assert Truth.ABSENT is finding.truth


def test_what_is_named_is_not_said_to_be_described(found):
    finding = found(part("spots", value=True), SMALL, STAYS)

    assert [()] == [evidence.flags for evidence in finding.evidence]


def test_two_examinations_are_never_put_together(found):
    elsewhere = observed("blanching", value=False, reference="Observation/other")

    assert Truth.UNKNOWN is found(SMALL, elsewhere).truth


def test_observations_of_one_panel_are_one_examination(found):
    panel = observed("skin examination", reference="Observation/panel", members=("Observation/a", "Observation/b"))
    size = observed("size", amount("1 mm"), reference="Observation/a")
    stays = observed("blanching", value=False, reference="Observation/b")

    assert "Observation/panel" == found(panel, size, stays).evidence[0].reference


def test_a_member_that_did_not_come_describes_nothing(found):
    panel = observed("skin examination", reference="Observation/panel", members=("Observation/a", "Observation/b"))
    size = observed("size", amount("1 mm"), reference="Observation/a")

    assert Truth.UNKNOWN is found(panel, size).truth


def test_the_window_of_a_sign_holds_for_a_description(found):
    old = hours_ago(73)

    assert Truth.UNKNOWN is found(part("size", amount("1 mm"), old), part("blanching", value=False, at=old)).truth


def test_the_time_is_that_of_any_part(found):
    finding = found(part("skin examination", undated=True), part("size", amount("1 mm"), hours_ago(3)), STAYS)

    assert hours_ago(3) == finding.evidence[0].at


def test_sites_flags_and_restriction_of_the_parts_are_kept(found):
    finding = found(
        part("size", amount("1 mm"), undated=True, sites=["leg"], preliminary=True, restricted=True),
        part("blanching", value=False, undated=True),
    )

    (evidence,) = finding.evidence
    assert (("leg",), ("as described", "preliminary", "undated"), True) == (
        evidence.sites,
        evidence.flags,
        evidence.restricted,
    )


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ("{says: [nowhere]}", "unknown concept `nowhere`"),
        ("{parts: [{aspect: bruise, answers: [absent]}]}", "which is no aspect"),
        ("{parts: [{aspect: size}]}", "needs answers or a range"),
        ('{parts: [{aspect: size, is: {at_most: "2", unit: "cm"}}]}', "in another unit"),
        ("{parts: [{aspect: nothing, answers: [absent]}]}", "unknown concept `nothing`"),
    ],
)
def test_a_description_that_could_never_hold_is_refused(parts, message):
    concept = f'extra: {{kind: sign, name: "Extra", described: [{parts}]}}\n'

    with pytest.raises(LibraryError) as error:
        library_of(more_concepts=ASPECTS + concept)

    assert any(message in fault for fault in error.value.faults)
