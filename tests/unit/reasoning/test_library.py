from decimal import Decimal

import pytest

from cds_hooks.errors import LibraryError
from cds_hooks.model.codes import Conversion, Product
from cds_hooks.reasoning.library import data_root, digest, load, rule_files, schemas
from tests.build import CARD, finding_text, library_of, small_library, write_library

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"


def faults(*arguments, **keywords):
    with pytest.raises(LibraryError) as caught:
        library_of(*arguments, **keywords)
    return list(caught.value.faults)


def other_file(text):
    return {"files": {"mappings/concepts/other.yaml": text}}


# ---------------------------------------------------------------- what is loaded


def test_a_library_has_its_version_and_order_of_groups():
    assert ("1.2.3", ("infection", "platelets")) == (small_library().card.version, small_library().card.groups)


def test_rules_are_known_by_their_id():
    library = library_of(
        {"it": "person: {deceased: true}"},
        criteria={"R-IT-01": "when: it"},
        causes={"a-cause": "when: it"},
    )

    assert {"skin-bleeding", "it"} == set(library.findings)
    assert ["R-IT-01"] == [*library.criteria]
    assert ["a-cause"] == [*library.causes]
    assert (["textbook"], ["our-choice"]) == ([*library.citations], [*library.choices])


def test_concepts_of_several_files_stand_together():
    library = library_of(**other_file('rash: {kind: sign, name: "Rash"}\n'))

    assert {"rash", "petechiae"} <= set(library.concepts)


def test_cases_are_not_rules():
    library = library_of(files={"mappings/findings/skin-bleeding.cases.yaml": "cases: []\n"})

    assert ["skin-bleeding"] == [*library.findings]


def test_a_library_cannot_be_changed():
    with pytest.raises(TypeError):
        small_library().findings["other"] = None


# ---------------------------------------------------------------- indexes


def test_codes_are_found_by_uri_and_code():
    assert ("platelet-count",) == small_library().code_index[(LOINC, "777-3")]


def test_a_code_may_stand_for_two_concepts():
    second = 'rash: {kind: sign, name: "Rash", codes: [{system: snomed, code: "1001", display: "x"}]}\n'

    assert ("petechiae", "rash") == library_of(more_concepts=second).code_index[(SNOMED, "1001")]


def test_a_code_written_twice_counts_once():
    twice = """\
rash:
  kind: sign
  name: "Rash"
  codes: [{system: snomed, code: "9", display: "x"}, {system: "http://snomed.info/sct", code: "9", display: "y"}]
  texts: ["rash", "Rash."]
"""
    library = library_of(more_concepts=twice)

    assert ("rash",) == library.code_index[(SNOMED, "9")]
    assert ("rash",) == library.text_index["rash"]


def test_texts_are_folded_and_those_of_medicines_left_out():
    index = small_library().text_index

    assert ("petechiae",) == index["petechial rash"]
    assert "aspirin" not in index


def test_a_wide_concept_knows_what_hides_it():
    narrow = 'senile-purpura: {kind: sign, name: "Senile purpura", hides: [purpura]}\n'

    assert {"purpura": {"senile-purpura"}} == dict(library_of(more_concepts=narrow).hidden_by)


def test_units_are_found_by_their_folded_spelling():
    units = small_library().units

    assert Conversion(Decimal(0), Decimal("0.001"), "/uL") == units["platelet-count"]["/ul"]
    assert Decimal(-32) == units["temperature"]["[degf]"].offset
    assert "petechiae" not in units


def test_names_of_medicines_and_sites_are_found_by_their_first_word():
    library = small_library()

    assert ((("methyl", "prednisolone"), "methylprednisolone"),) == library.medicine_words["methyl"]
    assert ((("lower", "leg"), "leg"),) == library.site_words["lower"]


def test_longer_names_come_first():
    more = 'shin: {kind: site, name: "shin", texts: ["lower leg front", "lower"]}\n'

    assert [3, 2, 1] == [len(name) for name, _ in library_of(more_concepts=more).site_words["lower"]]


def test_a_product_may_have_several_ingredients():
    library = library_of(products="rxnorm,9,aspirin,oral\nrxnorm,9,clopidogrel,\n")

    found = library.products[("http://www.nlm.nih.gov/research/umls/rxnorm", "9")]

    assert (Product("rxnorm", "9", "aspirin", "oral"), Product("rxnorm", "9", "clopidogrel", "")) == found


def test_a_british_product_is_also_known_under_snomed():
    library = library_of(products="dmd,9,aspirin,oral\n")

    assert library.products[("https://dmd.nhs.uk", "9")] == library.products[(SNOMED, "9")]


# ---------------------------------------------------------------- faults, each with its place


def test_an_id_that_is_not_the_name_of_its_file_is_a_fault():
    files = {"mappings/findings/it.yaml": finding_text("other", "person: {deceased: true}")}

    assert ["mappings/findings/it.yaml:1: id `other` is not the file's name; make them the same"] == faults(
        files=files
    )


def test_a_concept_defined_twice_is_a_fault_with_the_place_of_the_second():
    text = '# another file\nfever: {kind: problem, name: "Fever"}\n'

    assert ["mappings/concepts/other.yaml:2: `fever` is defined twice; keep one"] == faults(**other_file(text))


def test_a_file_of_concepts_must_be_a_mapping():
    assert ["mappings/concepts/other.yaml:1: must be a mapping of ids; write `id: …`"] == faults(
        **other_file("- a\n")
    )


def test_a_concept_must_be_a_mapping_too():
    (fault,) = faults(**other_file("rash: a\n"))

    assert fault.startswith("mappings/concepts/other.yaml:1: the file: ")


def test_a_wrong_field_of_a_concept_has_its_line():
    (fault,) = faults(**other_file('rash:\n  kind: wrong\n  name: "Rash"\n'))

    assert fault.startswith("mappings/concepts/other.yaml:2: kind: ")


def test_an_unknown_ingredient_of_a_product_is_a_fault_with_its_line():
    (fault,) = faults(products="rxnorm,1,aspirin,oral\nrxnorm,2,asprin,oral\n")

    assert fault.startswith("mappings/products/all.csv:3: unknown ingredient `asprin`; ")


@pytest.mark.parametrize(
    ("expected", "row"),
    [
        ("unknown ingredient `petechiae`", "rxnorm,1,petechiae,oral"),
        ("unknown route `leg`", "rxnorm,1,aspirin,leg"),
        ("has fewer columns than the header", "rxnorm,1,aspirin"),
        ("has no system or no code", ",1,aspirin,oral"),
        ("has no system or no code", "rxnorm,,aspirin,oral"),
    ],
)
def test_a_row_of_a_product_table_must_be_whole_and_known(expected, row):
    (fault,) = faults(products=f"{row}\n")

    assert fault.startswith(f"mappings/products/all.csv:2: {expected}")


def test_a_product_table_needs_its_columns():
    (fault,) = faults(files={"mappings/products/all.csv": "system,code\n"})

    assert fault.startswith("mappings/products/all.csv:1: lacks the column ingredient, route; ")


def test_a_product_table_must_be_text(tmp_path):
    root = write_library(tmp_path)
    (root / "mappings/products/all.csv").write_bytes(b"system,code,ingredient,route\n\xff")

    with pytest.raises(LibraryError, match=r"mappings/products/all\.csv:1: holds a character that is not text"):
        load(root)


def test_a_product_row_written_twice_counts_once():
    library = library_of(products="rxnorm,9,aspirin,oral\nrxnorm,9,aspirin,oral\n")

    assert 1 == len(library.products[("http://www.nlm.nih.gov/research/umls/rxnorm", "9")])


def test_faults_of_all_files_are_told_at_once():
    found = faults({"it": "person: {deceased: 1.5}", "that": "person: {old: true}"}, **other_file("a: b\na: c\n"))

    assert 3 == len(found)


def test_a_missing_card_is_a_fault(tmp_path):
    root = write_library(tmp_path)
    (root / "knowledge/library.yaml").unlink()

    with pytest.raises(LibraryError, match=r"knowledge/library\.yaml:1: cannot be read"):
        load(root)


def test_a_card_with_a_wrong_field_is_a_fault():
    (fault,) = faults(files={"knowledge/library.yaml": CARD + "colour: red\n"})

    assert fault.startswith("knowledge/library.yaml:6: colour: ")


def test_a_name_without_a_letter_is_a_fault_and_no_failure():
    (fault,) = faults(more_concepts='shin: {kind: site, name: "shin", texts: ["..."]}\n')

    assert fault.endswith("`shin` has a text without a letter; take it out")


# ---------------------------------------------------------------- digest, root, schemas


def test_the_digest_is_that_of_all_files(tmp_path):
    root = write_library(tmp_path)

    assert digest(root) == load(root).digest


@pytest.mark.parametrize("name", ["mappings/findings/it.cases.yaml", "mappings/products/more.csv"])
def test_another_file_gives_another_digest(name, tmp_path):
    root = write_library(tmp_path)
    before = digest(root)

    (root / name).write_text("cases: []\n")

    assert before != digest(root)


def test_files_that_are_no_rules_do_not_change_the_digest(tmp_path):
    root = write_library(tmp_path)
    before = digest(root)

    (root / "mappings/README.md").write_text("words\n")

    assert before == digest(root)


def test_content_moved_between_files_gives_another_digest(tmp_path):
    one = write_library(tmp_path / "one")
    two = write_library(tmp_path / "two")
    (two / "mappings/concepts/all.yaml").rename(two / "mappings/concepts/every.yaml")

    assert digest(one) != digest(two)


def test_rule_files_stand_in_the_order_of_their_names(tmp_path):
    root = write_library(tmp_path)

    names = [path.relative_to(root).as_posix() for path in rule_files(root)]

    assert sorted(names) == names
    assert "mappings/products/all.csv" in names


def test_our_own_folders_stand_beside_the_package():
    assert (data_root() / "cds_hooks").is_dir()


def test_every_kind_of_file_has_a_schema():
    found = schemas()

    assert {"mappings/schema/finding.schema.json", "knowledge/schema/criterion.schema.json"} <= set(found)
    assert all("properties" in schema or "additionalProperties" in schema for schema in found.values())
