"""The files of a site folder, read strictly: local codes, local products, settings, and every fault in them.

Whether a hospital may set what its settings say is for site.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Literal, TypeAlias

from cds_hooks.errors import LibraryError
from cds_hooks.model.codes import ConceptCode, Product
from cds_hooks.model.library import Library
from cds_hooks.reasoning.codes import SYSTEMS, system_uri
from cds_hooks.reasoning.products import read_products
from cds_hooks.reasoning.strict_yaml import Document, build, read_document

CONCEPTS, PRODUCTS, SETTINGS = "concepts.yaml", "products", "settings.yaml"
_READ = f"only {CONCEPTS}, {SETTINGS} and {PRODUCTS}/*.csv are"

LocalCodes: TypeAlias = Mapping[str, tuple[ConceptCode, ...]]
"""Concept id -> further codes that mean it here."""
_Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit of this hospital, by the finding it replaces; the unit is the finding's own."""

    above: Decimal | None = None
    at_least: Decimal | None = None
    below: Decimal | None = None
    at_most: Decimal | None = None
    name: str = ""
    """The finding's name with the new number; needed when its own name holds the old one."""


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """settings.yaml: what this hospital sets otherwise."""

    thresholds: Mapping[str, Threshold] = field(default_factory=dict)
    """Finding id -> its limit here, inside the guard of the finding."""
    choices: Mapping[str, Literal["off"]] = field(default_factory=dict)
    """Id in knowledge/choices.yaml -> off: its steps and excuses are skipped."""
    rules: Mapping[str, Literal["silent", "off"]] = field(default_factory=dict)
    """Criterion or cause -> silent (assessed, never shown) or off (not assessed)."""
    caps: Mapping[str, Literal["warning", "info"]] = field(default_factory=dict)
    """Criterion -> the highest indicator of a card that it heads here. Its tier and its words stay."""


@dataclass(frozen=True, slots=True)
class SiteFiles:
    """What stands in the folder; empty where a file is left out."""

    codes: LocalCodes
    products: tuple[Product, ...]
    settings: SiteSettings
    document: Document
    """settings.yaml itself, for the line of what is wrong in it."""
    faults: tuple[str, ...]
    digest: str
    """SHA-256 over names and contents of everything that is read."""


def read_site(site_dir: Path, library: Library) -> SiteFiles:
    """The folder's content, with every fault that its files have by themselves.

    Errors: LibraryError when there is no such folder.
    """
    if not site_dir.is_dir():
        raise LibraryError((f"CDS_SITE_DIR: there is no folder {site_dir}; make it or unset the variable",))
    faults = [f"{name}:1: is not read, {_READ}; mend the name" for name in _strays(site_dir)]
    codes = _local_codes(site_dir, library, faults)
    products = _local_products(site_dir, library, faults)
    document = _document(site_dir / SETTINGS, site_dir, faults)
    settings = _settings(document, faults)
    return SiteFiles(codes, products, settings, document, tuple(faults), _digest(site_dir))


def _files(site_dir: Path) -> tuple[Path, ...]:
    """What is read, in a fixed order."""
    fixed = [path for path in (site_dir / CONCEPTS, site_dir / SETTINGS) if path.is_file()]
    return (*fixed, *sorted((site_dir / PRODUCTS).glob("*.csv")))


def _strays(site_dir: Path) -> list[str]:
    """Files that look as if they should count and would not."""
    seen = (path for path in site_dir.rglob("*") if path.suffix in {".yaml", ".yml", ".csv"})
    return sorted(_name(path, site_dir) for path in {*seen} - {*_files(site_dir)})


def _name(path: Path, site_dir: Path) -> str:
    return f"{site_dir.name}/{path.relative_to(site_dir).as_posix()}"


def _digest(site_dir: Path) -> str:
    total = hashlib.sha256()
    for path in _files(site_dir):
        total.update(path.relative_to(site_dir).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()


def _document(path: Path, site_dir: Path, faults: list[str]) -> Document:
    """The file, or an empty one when it is left out or cannot be read."""
    name = _name(path, site_dir)
    if path.is_file():
        try:
            return read_document(path, name)
        except LibraryError as error:
            faults += error.faults
    return Document(name, {})


def _local_codes(site_dir: Path, library: Library, faults: list[str]) -> LocalCodes:
    document = _document(site_dir / CONCEPTS, site_dir, faults)
    if not isinstance(document.value, dict):
        faults.append(f"{document.name}:1: must be a mapping of concept ids; write `id: […]`")
        return {}
    found: dict[str, tuple[ConceptCode, ...]] = {}
    for concept, node in document.value.items():
        try:
            found[concept] = build(node, tuple[ConceptCode, ...], document, (concept,))
        except LibraryError as error:
            faults += error.faults
    faults += [f"{document.name}:{document.line(path)}: {text}" for path, text in _wrong_codes(found, library)]
    return found


def _wrong_codes(codes: LocalCodes, library: Library) -> Iterator[tuple[_Path, str]]:
    for concept, listed in codes.items():
        if concept not in library.concepts:
            yield (concept,), f"unknown concept `{concept}`; write an id of mappings/concepts"
        for index, code in enumerate(listed):
            if code.system not in SYSTEMS and ":" not in code.system:
                yield (concept, index), f"`{code.system}` is no code system; write its URI"
            if code.route and code.route not in library.concepts:
                yield (concept, index), f"unknown route `{code.route}`; write an id of mappings/concepts"
            others = [name for name in _meanings(code, codes, library) if name != concept]
            if others:
                yield (concept, index), f"this code also means `{others[0]}`; let it mean one of the two"


def _meanings(code: ConceptCode, codes: LocalCodes, library: Library) -> Iterator[str]:
    """Concepts for which the code stands in the release or in this site's file."""
    key = (system_uri(code.system), code.code)
    yield from library.code_index.get(key, ())
    yield from (name for name, listed in codes.items() if key in {(system_uri(c.system), c.code) for c in listed})


def _local_products(site_dir: Path, library: Library, faults: list[str]) -> tuple[Product, ...]:
    products: list[Product] = []
    for path in sorted((site_dir / PRODUCTS).glob("*.csv")):
        rows, wrong = read_products(path, _name(path, site_dir), library.concepts)
        products += rows
        faults += wrong
    return tuple(products)


def _settings(document: Document, faults: list[str]) -> SiteSettings:
    try:
        return build(document.value, SiteSettings, document)
    except LibraryError as error:
        faults += error.faults
        return SiteSettings()
