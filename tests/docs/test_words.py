"""Words and code agree: glossary and vocabulary, error tree and errors, code map and modules."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from cds_hooks import errors

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "cds_hooks"
GLOSSARY = (ROOT / "GLOSSARY.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
VOCABULARY = (*(f"model/{path.name}" for path in sorted((PACKAGE / "model").glob("*.py"))), "chart/record.py")


def section(title):
    return ARCHITECTURE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def types_of(name):
    """Classes and type aliases of a module, by their names in the source."""
    body = ast.parse((PACKAGE / name).read_text(encoding="utf-8")).body
    classes = {node.name for node in body if isinstance(node, ast.ClassDef)}
    aliases = {
        node.target.id
        for node in body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "TypeAlias"
    }
    return {name for name in classes | aliases if not name.startswith("_")}


def modules():
    """Dotted names below cds_hooks; package __init__ files are empty and tell nothing."""
    paths = (path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.rglob("*.py"))
    return {".".join(path.parts) for path in paths if path.name != "__init__"}


# ---------------------------------------------------------------- glossary


@pytest.mark.parametrize("name", VOCABULARY)
def test_every_type_of_the_vocabulary_has_a_glossary_entry(name):
    missing = {kind for kind in types_of(name) if f"- **`{kind}`** · " not in GLOSSARY}

    assert missing == set()


def test_the_glossary_names_no_type_that_is_gone():
    named = set(re.findall(r"- \*\*`(\w+)`\*\*", GLOSSARY))

    assert named == set().union(*map(types_of, VOCABULARY))


def test_no_word_stands_in_the_glossary_twice():
    words = re.findall(r"^- \*\*`?([^`*]+)", GLOSSARY, re.MULTILINE)

    assert sorted(set(words)) == sorted(words)


# ---------------------------------------------------------------- errors


def test_the_error_tree_shows_every_error():
    drawn = re.findall(r"^(.*)[├└]── (\w+)", errors.__doc__, re.MULTILINE)
    tree = [(len(indent), name) for indent, name in drawn]
    above = {
        name: next((other for at, other in reversed(tree[:place]) if at < depth), "CdsError")
        for place, (depth, name) in enumerate(tree)
    }
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type) and kind is not errors.CdsError]

    assert above == {kind.__name__: kind.__base__.__name__ for kind in classes}


# ---------------------------------------------------------------- architecture


def test_the_code_map_shows_every_module():
    table = "\n".join(line for line in section("Code map").splitlines() if line.startswith("| `"))
    shown = set(re.findall(r"`([a-z_.]+)`", "\n".join(line.split("|")[1] for line in table.splitlines())))

    assert shown == modules()


def test_the_picture_of_imports_has_the_order_of_the_contract():
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    layers = next(one["layers"] for one in tools["importlinter"]["contracts"] if one["id"] == "C1")
    level = {name: number for number, layer in enumerate(layers) for name in names_in(layer)}
    lines = (line.strip() for line in section("Imports point one way").splitlines() if line[:4] == "    ")

    drawn = [{level[name] for name in names_in(line.partition("    ")[0])} for line in lines]

    assert all(len(levels) == 1 for levels in drawn)
    assert drawn == sorted(drawn, key=min)


def names_in(text):
    return re.findall(r"[a-z_.]+", text)


def test_invariants_are_numbered_and_each_has_a_check():
    table = [line.strip("|").split("|") for line in section("Invariants").splitlines() if re.match(r"\| \d", line)]

    assert [str(number + 1) for number in range(len(table))] == [row[0].strip() for row in table]
    assert all(row[2].strip() for row in table)
