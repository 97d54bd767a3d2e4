"""Product tables: which ingredients a product code stands for, read from CSV with the line of every fault.

A table has the columns system, code, ingredient, route and, for people, display. A combination has one
row for each of its ingredients that we know.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from cds_hooks.model.codes import Concept, Product
from cds_hooks.reasoning.codes import SYSTEMS, system_uri

COLUMNS = ("system", "code", "ingredient", "route", "display")
"""The header of a product table."""
_NEEDED = COLUMNS[:4]


def read_products(path: Path, name: str, concepts: Mapping[str, Concept]) -> tuple[list[Product], list[str]]:
    """The rows of one table, and every fault in it as `name:line: what is wrong; the mend`."""
    products: list[Product] = []
    faults: list[str] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            missing = [column for column in _NEEDED if column not in (rows.fieldnames or ())]
            if missing:
                return [], [f"{name}:1: lacks the column {', '.join(missing)}; write {','.join(COLUMNS)}"]
            for row in rows:
                wrong = [f"{name}:{rows.line_num}: {text}" for text in _wrong(row, concepts)]
                faults += wrong
                products += [] if wrong else [Product(*(row[column] for column in _NEEDED))]
    except UnicodeDecodeError:
        return [], [f"{name}:1: holds a character that is not text; save the file as UTF-8"]
    return products, faults


def product_index(products: Iterable[Product]) -> dict[tuple[str, str], tuple[Product, ...]]:
    """The rows by system URI and code, each once."""
    index: dict[tuple[str, str], dict[Product, None]] = defaultdict(dict)
    for product in products:
        for system in _systems(product.system):
            index[(system, product.code)][product] = None
    return {key: tuple(rows) for key, rows in index.items()}


def _wrong(row: Mapping[str, str | None], concepts: Mapping[str, Concept]) -> Iterator[str]:
    ingredient, route = row["ingredient"] or "", row["route"]
    if ingredient not in concepts or concepts[ingredient].kind != "ingredient":
        yield f"unknown ingredient `{ingredient}`; write the id of an ingredient of mappings/concepts"
    if route is None:
        yield f"has fewer columns than the header; write {','.join(COLUMNS)}"
    elif route and (route not in concepts or concepts[route].kind != "route"):
        yield f"unknown route `{route}`; write the id of a route of mappings/concepts, or nothing"
    if not row["system"] or not row["code"]:
        yield "has no system or no code; write both"


def _systems(name: str) -> tuple[str, ...]:
    """UK product codes also arrive under the SNOMED URI, since dm+d takes its codes from that space."""
    return (system_uri(name), SYSTEMS["snomed"]) if name == "dmd" else (system_uri(name),)
