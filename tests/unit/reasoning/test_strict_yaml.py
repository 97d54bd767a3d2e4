from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from cds_hooks.errors import LibraryError
from cds_hooks.model.codes import Concept
from cds_hooks.model.criteria import Criterion
from cds_hooks.model.findings import FindingRule
from cds_hooks.model.truth import Span
from cds_hooks.reasoning.strict_yaml import build, read_document, schema_of


@pytest.fixture
def document(tmp_path):
    def of(text, name="rules/it.yaml"):
        path = tmp_path / "it.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_document(path, name)

    return of


def faults(call, *arguments):
    with pytest.raises(LibraryError) as caught:
        call(*arguments)
    return list(caught.value.faults)


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("12", '"12"'),
        ("12", "'12'"),
        (12, "12"),
        (-3, "-3"),
        (0, "0"),
        ("010", "010"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("9.9", '"9.9"'),
        ("2026-03-01", "2026-03-01"),
        ("12:30", "12:30"),
        (True, "true"),
        (False, "false"),
        ("yes", "yes"),
        ("off", "off"),
        ("true", '"true"'),
        (None, "null"),
        (None, "~"),
        (None, ""),
        ("null", '"null"'),
        ("777-3", "777-3"),
    ],
)
def test_only_text_whole_numbers_and_truth_values_exist(expected, text, document):
    assert {"key": expected} == document(f"key: {text}\n").value


def test_lists_and_mappings_nest(document):
    assert {"a": [{"b": "c"}, 1]} == document("a: [{b: c}, 1]\n").value


def test_block_text_stays_text(document):
    assert {"a": "1\n"} == document("a: |\n  1\n").value


def test_an_empty_file_is_an_empty_mapping(document):
    assert {} == document("# nothing yet\n").value


# ---------------------------------------------------------------- faults of the file


@pytest.mark.parametrize("number", ["9.9", "-1.5", "10.", "1.5e3"])
def test_an_unquoted_decimal_is_refused_with_its_line(number, document):
    text = f"id: it\nlimit: {number}\n"

    expected = f'rules/it.yaml:2: `{number}` must be a quoted decimal, write "{number}"'

    assert [expected] == faults(document, text)


def test_a_duplicate_key_is_refused(document):
    assert ["rules/it.yaml:3: key `a` stands twice; keep one"] == faults(document, "a: x\nb: y\na: z\n")


def test_an_alias_is_refused(document):
    expected = "rules/it.yaml:1: anchors and aliases are not used here; write the value out"

    assert [expected] == faults(document, "a: &here [x]\nb: *here\n")


def test_an_alias_to_itself_is_refused(document):
    assert 1 == len(faults(document, "a: &here [*here]\n"))


def test_a_merge_is_refused(document):
    assert ["rules/it.yaml:2: merges are not used here; write the keys out"] == faults(
        document, "a: x\n<<: {b: y}\n"
    )


def test_all_faults_of_a_file_are_told_at_once(document):
    assert 3 == len(faults(document, "a: 1.5\na: x\nb: 2.5\n"))


def test_a_file_that_is_not_yaml_is_refused_with_its_line(document):
    (fault,) = faults(document, "a: x\nb: [1, 2\nc: y\n")

    assert fault.startswith("rules/it.yaml:3: not YAML (")


def test_two_documents_in_one_file_are_refused(document):
    (fault,) = faults(document, "a: x\n---\nb: y\n")

    assert "not YAML" in fault


@pytest.mark.parametrize("content", [b"a: \xff\n", b"a: \x01\n"])
def test_a_file_that_is_not_text_is_refused(content, document):
    (fault,) = faults(document, content)

    assert fault.startswith("rules/it.yaml:1: ")


def test_a_missing_file_is_named(tmp_path):
    expected = ["rules/it.yaml:1: cannot be read; put the file there"]

    assert expected == faults(read_document, tmp_path / "none.yaml", "rules/it.yaml")


# ---------------------------------------------------------------- lines


def test_the_line_of_each_path_is_known(document):
    read = document("a:\n  - b: x\n  - c: y\n")

    assert (2, 3) == (read.line(("a", 0)), read.line(("a", 1, "c")))


def test_a_path_that_is_not_in_the_file_has_the_line_of_what_is_above_it(document):
    read = document("\na:\n  b: x\n")

    assert 3 == read.line(("a", "missing"))
    assert 2 == read.line(("missing",))


# ---------------------------------------------------------------- building


def built(document, text, shape=FindingRule):
    read = document(text)
    return build(read.value, shape, read)


RULE = "id: it\nname: It\n"


def test_a_rule_becomes_its_dataclass(document):
    rule = built(document, f'{RULE}measure:\n  concept: c\n  is: {{below: "9.90"}}\n  within: {{hours: 72}}\n')

    assert Decimal("9.90") == rule.measure.is_.below
    assert Span(hours=72) == rule.measure.within


def test_from_and_is_are_written_as_in_english(document):
    rule = built(document, f"{RULE}person: {{age: {{from: {{years: 5}}}}}}\n")

    assert Span(years=5) == rule.person.age.from_


def test_an_unknown_key_is_a_fault_with_its_line(document):
    (fault,) = faults(built, document, f"{RULE}sign:\n  concepts: [petechiae]\n  observed_in: {{days: 3}}\n")

    assert fault.startswith("rules/it.yaml:5: sign.observed_in: ")
    assert fault.endswith("; see the schema of this file")


def test_a_missing_key_has_the_line_of_what_should_hold_it(document):
    (fault,) = faults(built, document, f"{RULE}measure:\n  within: {{days: 3}}\n")

    assert fault.startswith("rules/it.yaml:4: measure.concept: Field required")


def test_a_reserved_word_is_named_as_it_is_written(document):
    (fault,) = faults(built, document, f"{RULE}answer:\n  concepts: [a]\n  is: present\n")

    assert fault.startswith("rules/it.yaml:5: answer.is: ")


def test_a_file_that_holds_no_mapping_is_a_fault(document):
    (fault,) = faults(built, document, "- a\n")

    assert fault.startswith("rules/it.yaml:1: the file: ")


def test_faults_never_repeat_what_stands_in_the_file(document):
    assert "secret" not in "".join(faults(built, document, f"{RULE}person: {{deceased: secret}}\n"))


# ---------------------------------------------------------------- expressions


@pytest.mark.parametrize(
    "expression",
    [
        "a",
        "{all: [a, b]}",
        "{any: [a, {none: [b]}]}",
        "{at_least: {count: 2, of: [a, b, c]}}",
        "{score: {id: qsofa, at_least: 2}}",
    ],
)
def test_expressions_of_every_operator_are_read(expression, document):
    assert built(document, f"{RULE}when: {expression}\n").when is not None


@pytest.mark.parametrize(
    ("line", "expression"),
    [
        (3, "{not: [a]}"),
        (3, "{all: [a], any: [b]}"),
        (3, "[a, b]"),
        (3, "{}"),
        (4, "\n  {all: [{nor: [a]}]}"),
        (5, "\n  all:\n    - {any: [a], none: [b]}"),
    ],
)
def test_an_operator_that_does_not_exist_is_a_fault_with_its_line(line, expression, document):
    (fault,) = faults(built, document, f"{RULE}when: {expression}\n")

    assert fault == (
        f"rules/it.yaml:{line}: an expression is a finding id or one of all, any, none, at_least, score; "
        "write {all: […]}"
    )


@pytest.mark.parametrize(
    ("operator", "expression"),
    [
        ("all", "{all: a}"),
        ("any", "{any: []}"),
        ("none", "{none: {a: b}}"),
        ("at_least", "{at_least: {count: 2, of: a}}"),
    ],
)
def test_an_operator_without_parts_is_a_fault(operator, expression, document):
    (fault,) = faults(built, document, f"{RULE}when: {expression}\n")

    assert f"rules/it.yaml:3: `{operator}` needs a list of at least one expression" == fault


@pytest.mark.parametrize(
    ("form", "expression"),
    [
        ("{at_least: {count: 2, of: […]}}", "{at_least: 2}"),
        ("{at_least: {count: 2, of: […]}}", "{at_least: [a, b]}"),
        ("{at_least: {count: 2, of: […]}}", "{at_least: {count: 2}}"),
        ("{at_least: {count: 2, of: […]}}", "{at_least: {count: two, of: [a]}}"),
        ("{score: {id: …, at_least: 2}}", "{score: qsofa}"),
        ("{score: {id: …, at_least: 2}}", "{score: {id: qsofa}}"),
        ("{score: {id: …, at_least: 2}}", '{score: {id: qsofa, at_least: "2"}}'),
    ],
)
def test_an_operator_with_a_number_must_be_complete(form, expression, document):
    (fault,) = faults(built, document, f"{RULE}when: {expression}\n")

    assert fault.endswith(f"is not complete; write {form}")


@pytest.mark.parametrize("count", [0, 3])
def test_a_count_that_no_answer_can_turn_on_is_a_fault(count, document):
    (fault,) = faults(built, document, f"{RULE}when: {{at_least: {{count: {count}, of: [a, b]}}}}\n")

    assert f"rules/it.yaml:3: `at_least` cannot count {count} of 2; mend the count" == fault


def test_expressions_inside_lists_are_checked_too(document):
    text = f"{RULE}tiers:\n  - tier: EMERGENCY\n    when: {{nor: [a]}}\n"

    (fault,) = faults(built, document, text, Criterion)

    assert fault.startswith("rules/it.yaml:5: an expression is")


# ---------------------------------------------------------------- schemas


def test_a_schema_names_keys_as_they_are_written():
    schema = schema_of(FindingRule, "finding.schema.json")

    assert {"age", "is"} == set(schema["$defs"]["BandedLimits"]["required"])
    assert "from" in schema["$defs"]["AgeBand"]["properties"]


def test_the_help_of_a_field_is_the_text_under_it():
    schema = schema_of(FindingRule, "finding.schema.json")

    assert "Built from other findings." == schema["properties"]["when"]["description"]


def test_a_schema_allows_no_other_key():
    assert schema_of(FindingRule, "finding.schema.json")["additionalProperties"] is False


def test_a_file_of_many_entries_has_a_schema_of_the_mapping():
    schema = schema_of(Concept, "concept.schema.json")
    entry = schema["additionalProperties"]

    assert "object" == schema["type"]
    assert "id" not in entry["properties"]
    assert ["kind", "name"] == entry["required"]


@dataclass(frozen=True, slots=True)
class Plain:
    id: str = ""
    any_: str = field(default="")


def test_a_shape_of_another_module_is_strict_as_well(document):
    (fault,) = faults(built, document, "other: x\n", Plain)

    assert fault.startswith("rules/it.yaml:1: other: ")


def test_what_does_not_stand_in_the_file_has_the_line_of_what_is_above_it(document):
    read = document("one: 1\nmany:\n  - a\n  - b\n")

    lines = [read.line(path) for path in [("one",), ("one", "deeper"), ("many", 1), ("many", 7), ("other",), ()]]

    assert lines == [1, 1, 4, 3, 1, 1]
