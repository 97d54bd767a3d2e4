import pytest

from cds_hooks.chart.record import Coded
from cds_hooks.model.codes import Coding
from cds_hooks.reasoning.codes import (
    NOTHING,
    SYSTEMS,
    Meaning,
    by_code,
    folded,
    meaning,
    names_in,
    system_uri,
    texts,
    words,
)
from tests.build import coded, library_of, small_library


def stands_for(what):
    return meaning(what, small_library())


# ---------------------------------------------------------------- code systems


@pytest.mark.parametrize(
    ("expected", "name"),
    [
        ("http://snomed.info/sct", "snomed"),
        ("http://snomed.info/sct", "http://snomed.info/sct"),
        ("http://snomed.info/sct", "urn:oid:2.16.840.1.113883.6.96"),
        ("http://loinc.org", "urn:oid:2.16.840.1.113883.6.1"),
        ("http://loinc.org", "http://loinc.org/"),
        ("http://www.nlm.nih.gov/research/umls/rxnorm", "urn:oid:2.16.840.1.113883.6.88"),
        ("http://www.whocc.no/atc", "urn:oid:2.16.840.1.113883.6.73"),
        ("http://hl7.org/fhir/sid/icd-10-cm", "urn:oid:2.16.840.1.113883.6.90"),
        ("http://hl7.org/fhir/sid/icd-10", "urn:oid:2.16.840.1.113883.6.3"),
        ("http://snomed.info/sct", "HTTP://SNOMED.INFO/SCT"),
        ("http://snomed.info/sct", "SNOMED-CT"),
        ("http://loinc.org", "LOINC"),
        ("http://loinc.org", "LN"),
        ("http://loinc.org", "http://loinc.org|2.78"),
        ("http://snomed.info/sct", "http://snomed.info/sct/83821000000107/version/20240101"),
        ("http://hl7.org/fhir/sid/icd-10", "http://fhir.de/CodeSystem/bfarm/icd-10-gm"),
        ("http://loinc.org", "2.16.840.1.113883.6.1"),
        ("http://hl7.org/fhir/sid/icd-10-cm", "ICD-10-CM"),
        ("http://hl7.org/fhir/sid/icd-10", "I10"),
        ("", ""),
        ("http://example.org/Own", "http://example.org/Own"),
    ],
)
def test_a_code_system_has_one_name(expected, name):
    assert expected == system_uri(name)


def test_an_oid_means_the_same_as_the_uri():
    assert ("petechiae",) == by_code(Coding("urn:oid:2.16.840.1.113883.6.96", "1001"), small_library())


def test_a_long_code_without_a_system_is_known_by_itself():
    assert ("platelet-count",) == by_code(Coding("", "777-3"), small_library())
    assert () == by_code(Coding("", "1001"), small_library())
    assert () == by_code(Coding("", "999-9"), small_library())
    assert () == by_code(Coding("http://example.org/own", "777-3"), small_library())


@pytest.mark.parametrize(
    ("system", "code"),
    [
        ("snomed", "1001 |Petechiae|"),
        ("snomed", " 1001"),
        ("icd-10", "p1"),
        ("icd-10", "P01.2"),
        ("icd-10", "p012"),
    ],
)
def test_a_code_is_known_however_it_is_written(system, code):
    library = library_of(
        more_concepts="rash:\n  kind: sign\n  name: Rash\n"
        '  codes: [{system: icd-10, code: "P01.2", display: "Rash"}]\n'
    )

    assert by_code(Coding(SYSTEMS[system], code), library)


def test_a_code_of_another_system_means_nothing():
    assert () == by_code(Coding(SYSTEMS["loinc"], "1001"), small_library())


# ---------------------------------------------------------------- codes before texts


def test_a_code_in_any_coding_is_found():
    what = Coded((Coding("http://example.org/own", "x"), Coding(SYSTEMS["snomed"], "1002")))

    assert Meaning(("purpura",), "coded") == stands_for(what)


def test_a_code_beats_the_text_beside_it():
    what = Coded((Coding(SYSTEMS["snomed"], "1002"),), "petechiae")

    assert Meaning(("purpura",), "coded") == stands_for(what)


def test_several_codes_stand_for_several_concepts_once_each():
    codes = (Coding("snomed", "1001"), Coding("icd-10", "P1"), Coding("snomed", "1002"))

    assert Meaning(("petechiae", "purpura"), "coded") == stands_for(Coded(codes))


def test_the_text_counts_where_no_code_is_known():
    what = Coded((Coding("http://example.org/own", "x"),), "Petechial  rash.")

    assert Meaning(("petechiae",), "text") == stands_for(what)


def test_a_display_is_read_like_the_text():
    what = coded("x", "http://example.org/own", display="Petechiae")

    assert Meaning(("petechiae",), "text") == stands_for(what)


def test_a_mention_inside_a_longer_text_is_not_the_whole_text():
    assert NOTHING == stands_for(Coded(text="no petechiae seen"))


def test_an_empty_entry_means_nothing():
    assert NOTHING == stands_for(Coded())


def test_one_text_may_stand_for_two_concepts():
    library = library_of(more_concepts='rash: {kind: sign, name: "Rash", texts: ["Petechial rash"]}\n')

    assert Meaning(("petechiae", "rash"), "text") == meaning(Coded(text="petechial rash"), library)


SENILE = """\
senile-purpura:
  kind: sign
  name: "Senile purpura"
  hides: [purpura]
  codes: [{system: snomed, code: "1009", display: "x"}]
  texts: ["senile purpura"]
"""


@pytest.mark.parametrize(
    ("expected", "what"),
    [
        (("senile-purpura",), Coded((Coding("snomed", "1002"), Coding("snomed", "1009")))),
        (("senile-purpura",), Coded((Coding("snomed", "1002"),), "Senile purpura.")),
        (("senile-purpura",), Coded((Coding("snomed", "1002", "Senile purpura"),))),
        (("purpura",), Coded((Coding("snomed", "1002"),), "purpura, perhaps senile purpura")),
        (
            ("petechiae", "senile-purpura"),
            Coded((Coding("snomed", "1001"), Coding("snomed", "1002")), "senile purpura"),
        ),
        (("senile-purpura",), Coded((Coding("snomed", "1009"),), "purpura")),
    ],
)
def test_a_narrower_word_beside_a_wide_code_is_what_is_meant(expected, what):
    assert expected == meaning(what, library_of(more_concepts=SENILE)).concepts


def test_the_name_of_a_medicine_is_no_text_of_a_problem():
    assert NOTHING == stands_for(Coded(text="aspirin"))


def test_texts_are_the_own_text_then_the_displays():
    what = Coded((Coding("s", "1", "first"), Coding("s", "2"), Coding("s", "3", "third")), "own")

    assert ["own", "first", "third"] == [*texts(what)]


# ---------------------------------------------------------------- ATC groups


@pytest.mark.parametrize(
    ("expected", "code"),
    [
        (("aspirin",), "B01AC06"),
        ((), "B01AC04"),
        (("prednisolone",), "H02AB06"),
        (("prednisolone",), "H02AB"),
        ((), "H02A"),
        (("prednisolone",), "D07AA03"),
        ((), "H"),
        ((), ""),
    ],
)
def test_an_atc_code_means_what_its_group_means(expected, code):
    assert expected == by_code(Coding("http://www.whocc.no/atc", code), small_library())


def test_only_atc_codes_are_looked_up_by_group():
    assert () == by_code(Coding("snomed", "1001999"), small_library())


def test_an_atc_code_known_itself_is_not_looked_up_by_its_group():
    group = 'nsaid: {kind: ingredient, name: "NSAID", codes: [{system: atc, code: "B01", display: "x"}]}\n'

    assert ("aspirin",) == by_code(Coding("atc", "B01AC06"), library_of(more_concepts=group))


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("petechial rash", "  Petechial\n RASH "),
        ("petechiae", "Petechiae."),
        ("petechiae", "petechiae . "),
        ("2+", "2+"),
        ("", "."),
    ],
)
def test_texts_are_compared_without_case_spacing_and_final_full_stop(expected, text):
    assert expected == folded(text)


def test_words_keep_plus_signs_hyphens_and_apostrophes():
    assert ("co-trimoxazole", "960", "mg", "2+", "crohn's") == words("Co-trimoxazole (960 mg), 2+; Crohn's")


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (("aspirin",), "Aspirin 75 mg tablets"),
        (("methylprednisolone",), "methylprednisolone 40 mg"),
        (("methylprednisolone",), "Methyl prednisolone acetate"),
        (("prednisolone",), "prednisolone"),
        (("aspirin", "clopidogrel"), "aspirin/clopidogrel 75 mg/75 mg"),
        (("aspirin",), "aspirin, then aspirin again"),
        (("prednisolone", "methylprednisolone"), "prednisolone or methylprednisolone"),
        ((), "aspirinate"),
        ((), "methyl salicylate"),
        ((), ""),
    ],
)
def test_names_are_found_as_whole_words_and_the_longest_wins(expected, text):
    assert expected == names_in(text, small_library().medicine_words)


def test_a_name_that_two_concepts_share_means_both():
    co_trimoxazole = """\
trimethoprim: {kind: ingredient, name: "Trimethoprim", texts: ["co-trimoxazole", "trimethoprim"]}
sulfamethoxazole: {kind: ingredient, name: "Sulfamethoxazole", texts: ["co-trimoxazole"]}
"""

    found = names_in("Co-trimoxazole 960 mg", library_of(more_concepts=co_trimoxazole).medicine_words)

    assert ("sulfamethoxazole", "trimethoprim") == found
