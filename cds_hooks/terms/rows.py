"""Rows of a product table, and the table written for a site folder."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from cds_hooks.reasoning.products import COLUMNS


class Row(NamedTuple):
    """One product and one ingredient of ours in it; the columns of a product table."""

    system: str
    code: str
    ingredient: str
    route: str
    display: str


def write_table(rows: Iterable[Row], path: Path) -> tuple[Row, ...]:
    """The rows that were written, each once, by ingredient and code. An older table goes when all is well."""
    ordered = tuple(sorted(set(rows), key=lambda row: (row.ingredient, row.code, row.display)))
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    with fresh.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows(ordered)
    fresh.replace(path)
    return ordered
