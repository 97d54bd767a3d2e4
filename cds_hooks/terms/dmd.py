"""Products of our ingredients from the UK dictionary of medicines and devices: its XML files, or a CSV list.

In the XML, a virtual product lists its substances, and actual products and packs point to the virtual one.
A CSV list has codes and names only; there the ingredient is read from the name. Files are read in a stream.
Source: dm+d Technical Specification of Data Files, release 2 version 3.1, chapters on VTM, VMP, AMP, VMPP,
AMPP and Ingredient.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO
from xml.etree.ElementTree import iterparse

from cds_hooks.model.library import Library
from cds_hooks.reasoning.codes import folded, names_in
from cds_hooks.terms.forms import route_of
from cds_hooks.terms.rows import Row

FILES = ("f_ingredient2", "f_vtm2", "f_vmp2", "f_amp2", "f_vmpp2", "f_ampp2")
"""How the names of the XML files begin, in the order in which they must be read."""
_POINTS: Mapping[str, tuple[str, str]] = {
    "AMP": ("APID", "VPID"),
    "VMPP": ("VPPID", "VPID"),
    "AMPP": ("APPID", "APID"),
}
"""Record -> its own id, and the id of the product it is one of. Ids of all kinds come from one space."""
_CODE_COLUMNS = ("code", "dmd_id", "dmd_code", "id", "vpid", "apid", "snomed_code")
_NAME_COLUMNS = ("name", "nm", "term", "dmd_name", "description", "display")


def products(files: Iterable[BinaryIO], library: Library) -> Iterator[Row]:
    """One row for each product and each ingredient of ours in it. `files` come in the order of FILES."""
    substances: dict[str, tuple[str, ...]] = {}
    names: dict[str, str] = {}
    contents: dict[str, set[str]] = defaultdict(set)
    for tag, record in (found for file in files for found in _records(file)):
        if tag == "ING":
            substances[record.get("ISID", "")] = ingredients_in(record.get("NM", ""), library)
        elif tag == "VTM":
            found = ingredients_in(record.get("NM", ""), library)
            yield from _rows(record.get("VTMID", ""), found, record.get("NM", ""), route="")
        elif tag == "VMP":
            names[record.get("VPID", "")] = record.get("NM", "")
        elif tag == "VPI":
            contents[record.get("VPID", "")].update(substances.get(record.get("ISID", ""), ()))
        else:
            own, of = (record.get(field, "") for field in _POINTS[tag])
            if contents.get(of):
                contents[own], names[own] = contents[of], record.get("DESC") or record.get("NM", "") or names[of]
    for code, inside in contents.items():
        yield from _rows(code, sorted(inside), names.get(code, ""), route_of(names.get(code, "")))


def products_of_list(lines: Iterable[str], library: Library) -> Iterator[Row]:
    """One row for each line of a CSV list whose name holds an ingredient of ours.

    The columns are found by their header: one of `code`, `dmd_id`, `id`, …, and one of `name`, `nm`,
    `term`, `description`, …. Errors: ValueError, naming them, when either is missing.
    """
    rows = csv.DictReader(lines)
    header = {folded(name): name for name in rows.fieldnames or ()}
    code = next((header[name] for name in _CODE_COLUMNS if name in header), None)
    name = next((header[column] for column in _NAME_COLUMNS if column in header), None)
    if code is None or name is None:
        raise ValueError(f"needs a column {' or '.join(_CODE_COLUMNS)}, and a column {' or '.join(_NAME_COLUMNS)}")
    for row in rows:
        label = row[name] or ""
        yield from _rows(row[code] or "", ingredients_in(label, library), label, route_of(label))


def ingredients_in(name: str, library: Library) -> tuple[str, ...]:
    """Our ingredients named in a substance or product, by whole words, without those its deny list excludes."""
    found = names_in(name, library.medicine_words)
    return tuple(
        concept
        for concept in found
        if not any(folded(denied) in folded(name) for denied in library.concepts[concept].deny)
    )


def _rows(code: str, ingredients: Iterable[str], name: str, route: str) -> Iterator[Row]:
    return (Row("dmd", code, ingredient, route, name) for ingredient in ingredients if code)


def _records(file: BinaryIO) -> Iterator[tuple[str, dict[str, str]]]:
    wanted = {"ING", "VTM", "VMP", "VPI", *_POINTS}
    for _, element in iterparse(file, events=("end",)):  # noqa: S314  # the operator's own download
        if element.tag in wanted and len(element):
            yield element.tag, {field.tag: (field.text or "").strip() for field in element}
            element.clear()
