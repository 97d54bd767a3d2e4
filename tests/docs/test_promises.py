"""What the documents promise of code and rules: no clinical constant in Python, no order and no dose on a card."""

import ast
import re
from pathlib import Path

import pytest

from cds_hooks.reasoning.library import load

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = load()
CODES = {code for _, code in LIBRARY.code_index if len(code) > 4}
"""Shorter ones are words or grades that may stand in code for something else."""
MEDICINES = {concept.id for concept in LIBRARY.concepts.values() if concept.kind == "ingredient"}
DOSE = re.compile(r"\b\d+([.,]\d+)?\s?(mg|mcg|µg|micrograms?|grams?|ml|units)\b(?!/)", re.IGNORECASE)
STOPPING = re.compile(
    r"\b(stop|stops|stopped|discontinue|withdraw|withhold|cease|start giving|prescribe)\b", re.IGNORECASE
)


def strings_of(path):
    """Every text in a module but its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return {node.value for node in texts if id(node) not in told}


def texts_on_cards():
    """By rule: every text of it that a card can show."""
    for rule in LIBRARY.criteria.values():
        steps = [text for step in rule.tiers for text in (step.summary, step.advice)]
        yield from ((rule.id, text) for text in (rule.name, rule.summary, rule.advice, *steps))
    for cause in LIBRARY.causes.values():
        yield from ((cause.id, text) for text in (cause.name, cause.short, cause.say))


@pytest.mark.parametrize("path", sorted((ROOT / "cds_hooks").rglob("*.py")), ids=lambda path: path.stem)
def test_no_module_holds_a_code_or_a_medicine(path):
    assert strings_of(path) & (CODES | MEDICINES) == set()


def test_no_code_lies_among_the_rules():
    assert [path for folder in ("mappings", "knowledge") for path in (ROOT / folder).rglob("*.py")] == []


@pytest.mark.parametrize("forbidden", [DOSE, STOPPING], ids=["a dose", "an order about a medicine"])
def test_no_card_says(forbidden):
    assert [(rule, text) for rule, text in texts_on_cards() if forbidden.search(text)] == []
