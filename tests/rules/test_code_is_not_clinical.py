"""C5: no clinical literal in the code. Codes, medicines and limits stand in mappings/ and knowledge/ only.

Docstrings and comments may give examples; every other constant is looked at.
"""

import ast
import re
from pathlib import Path

import pytest

import cds_hooks
from tests.end_to_end.charts import library

PACKAGE = Path(cds_hooks.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "_data" not in path.parts)
NAMES = [str(path.relative_to(PACKAGE)) for path in MODULES]
SHORTEST_CODE = 4
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-]*[A-Za-z0-9]")


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_no_code_of_a_concept_stands_in_the_code(path):
    codes = {code.code for concept in library().concepts.values() for code in concept.codes}
    codes = {code for code in codes if len(code) >= SHORTEST_CODE}

    assert sorted(codes.intersection(words_of(path))) == []


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_no_medicine_is_named_in_the_code(path):
    medicines = {
        text.lower()
        for concept in library().concepts.values()
        if concept.kind == "ingredient"
        for text in (concept.id, concept.name, *concept.texts)
    }
    said = {word.lower() for word in words_of(path)}

    assert sorted(medicines & said) == []


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_no_limit_with_a_clinical_unit_stands_in_the_code(path):
    found = [text for text in texts_of(path) if limit_with_unit().search(text)]

    assert found == []


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_no_concept_or_finding_is_named_in_the_code(path):
    concepts = {name for name, concept in library().concepts.items() if concept.kind != "route"}
    rules = {*library().findings, *library().causes, *library().criteria}
    named = {name for name in concepts | rules if "-" in name}

    assert sorted(named.intersection(texts_of(path))) == []


def test_the_scan_finds_what_it_looks_for(tmp_path):
    path = tmp_path / "module.py"
    path.write_text('"""777-3 in a docstring."""\nCODE = "777-3"\nTEXT = f"platelets < 10 ×10⁹/L {CODE}"\n')

    assert words_of(path) == {"777-3", "platelets", "10"}
    assert [text for text in texts_of(path) if limit_with_unit().search(text)] == ["platelets < 10 ×10⁹/L "]


# ---------------------------------------------------------------- the scan


def words_of(path):
    """Words and numbers of every constant, as text."""
    return {word for text in texts_of(path) for word in WORD.findall(text)}


def texts_of(path):
    """Every constant of a module that is text or a number, docstrings left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation = {id(node.value) for node in ast.walk(tree) if is_bare_text(node)}
    return [
        str(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str | int | float)
        and not isinstance(node.value, bool)
        and id(node) not in documentation
    ]


def is_bare_text(node):
    """A docstring of a module, class, function or field."""
    return (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    )


def limit_with_unit():
    """A number before a unit of a measured concept; units of one letter and % would find plain English."""
    units = {
        unit
        for concept in library().concepts.values()
        for unit in (concept.unit, concept.show_unit, *concept.convert, *concept.affine)
        if len(unit) > 1 and not unit.isalpha()
    }
    written = "|".join(sorted(map(re.escape, units | {"mmHg", "mg", "ml", "mmol"}), key=len, reverse=True))
    return re.compile(rf"\d ?(?:{written})(?![A-Za-z0-9])")
