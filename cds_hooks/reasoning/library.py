"""Library: everything in mappings/ and knowledge/, loaded strictly, or every fault with file and line.

The loader refuses what YAML forgives: duplicate keys, unquoted decimals, octal and date surprises,
anchors. The dataclasses of cds_hooks.model are the only description of the files; pydantic reads them here and
prints them as JSON Schema for editors.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from cds_hooks.errors import LibraryError
from cds_hooks.model.citations import Citation
from cds_hooks.model.codes import Concept, Conversion, Product
from cds_hooks.model.criteria import Ask, Cause, Choice, Criterion, Demotion
from cds_hooks.model.findings import FindingRule
from cds_hooks.model.leaflet import Leaflet, SourceAttributes
from cds_hooks.model.library import Library, LibraryCard
from cds_hooks.model.orders import OrderBundle
from cds_hooks.model.scores import ScoreRule
from cds_hooks.model.texts import TextRules
from cds_hooks.reasoning.codes import folded, system_uri, words
from cds_hooks.reasoning.lint import lint
from cds_hooks.reasoning.products import product_index, read_products
from cds_hooks.reasoning.strict_yaml import Document, build, read_document, schema_of
from cds_hooks.reasoning.text_index import cue_index, term_index
from cds_hooks.reasoning.values import folded_unit

_T = TypeVar("_T")
_CASES = ".cases.yaml"


@dataclass(slots=True)
class _Loading:
    """What has been read so far, where each thing stands, and what is wrong with it."""

    root: Path
    faults: list[str] = field(default_factory=list)
    places: dict[tuple[str, str], str] = field(default_factory=dict)


def load(root: Path | None = None) -> Library:
    """The checked library below `root` (a folder with mappings/ and knowledge/), by default our own.

    Our own is read once in a process: it does not change while one runs.
    Errors: LibraryError with every fault found, each as `file:line: what is wrong; the mend`.
    """
    return _own() if root is None else _read(root)


@cache
def _own() -> Library:
    return _read(data_root())


def _read(root: Path) -> Library:
    loading = _Loading(root)
    concepts = _mappings_of(loading, "mappings/concepts", Concept)
    findings = _files_of(loading, "mappings/findings", FindingRule)
    criteria = _files_of(loading, "knowledge/criteria", Criterion)
    causes = _files_of(loading, "knowledge/causes", Cause)
    scores = _files_of(loading, "knowledge/scores", ScoreRule)
    citations = _one_mapping(loading, "knowledge/citations.yaml", Citation)
    choices = _one_mapping(loading, "knowledge/choices.yaml", Choice)
    demotions = _files_of(loading, "knowledge/demotions", Demotion)
    orders = _files_of(loading, "knowledge/orders", OrderBundle)
    asks = _one_mapping(loading, "knowledge/asks.yaml", Ask) if _has(loading, "knowledge/asks.yaml") else {}
    leaflet = _whole(loading, "knowledge/leaflet.yaml", Leaflet)
    attributes = _whole(loading, "knowledge/attributes.yaml", SourceAttributes)
    text_rules = _text_rules(loading)
    card = _card(loading)
    products = _products(loading, concepts)
    if card is None or loading.faults:
        raise LibraryError(tuple(loading.faults) or ("knowledge/library.yaml: missing; write it",))
    library = Library(
        card=card,
        digest=digest(loading.root),
        concepts=MappingProxyType(concepts),
        products=MappingProxyType(products),
        findings=MappingProxyType(findings),
        criteria=MappingProxyType(criteria),
        causes=MappingProxyType(causes),
        scores=MappingProxyType(scores),
        citations=MappingProxyType(citations),
        choices=MappingProxyType(choices),
        code_index=MappingProxyType(code_index(concepts)),
        text_index=MappingProxyType(_text_index(concepts)),
        hidden_by=MappingProxyType(_hidden_by(concepts)),
        units=MappingProxyType({c.id: _units(c) for c in concepts.values() if c.convert or c.affine}),
        medicine_words=MappingProxyType(_word_index(concepts, "ingredient")),
        site_words=MappingProxyType(_word_index(concepts, "site")),
        text_rules=text_rules,
        text_terms=MappingProxyType(term_index(concepts, text_rules) if text_rules.cues else {}),
        text_cues=MappingProxyType(cue_index(text_rules)),
        orders=MappingProxyType(orders),
        demotions=MappingProxyType(demotions),
        asks=MappingProxyType(asks),
        leaflet=leaflet,
        attributes=attributes or SourceAttributes(),
    )
    faults = lint(library, loading.places)
    if faults:
        raise LibraryError(faults)
    return library


def data_root() -> Path:
    """The folder that holds mappings/ and knowledge/: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).resolve().parents[1]
    packaged = package / "_data"
    return packaged if packaged.is_dir() else package.parent


def rule_files(root: Path) -> tuple[Path, ...]:
    """Every YAML and CSV file that belongs to the library, in a fixed order; cases included."""
    found = [
        path
        for folder in ("mappings", "knowledge")
        for path in (root / folder).rglob("*")
        if path.suffix in (".yaml", ".csv") and path.is_file()
    ]
    return tuple(sorted(found, key=Path.as_posix))


def digest(root: Path) -> str:
    """SHA-256 over names and contents of all library files: the same content, the same digest."""
    total = hashlib.sha256()
    for path in rule_files(root):
        total.update(_name(path, root).encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()


def _name(path: Path, root: Path) -> str:
    """The file's name below the root; a thousand of them are asked for at a start, so without making a path."""
    return path.as_posix().removeprefix(f"{root.as_posix()}/")


def _files_of(loading: _Loading, folder: str, shape: type[_T]) -> dict[str, _T]:
    """One rule for each file; the file's name is the rule's id."""
    rules: dict[str, _T] = {}
    for path in sorted((loading.root / folder).glob("*.yaml")):
        if path.name.endswith(_CASES):
            continue
        document = _document(loading, path)
        rule = _built(loading, document, document.value, shape, ()) if document else None
        if rule is None or document is None:
            continue
        rule_id = str(getattr(rule, "id"))  # noqa: B009  # the shapes share the field, not a base class
        if rule_id != path.name.removesuffix(".yaml"):
            loading.faults.append(f"{document.name}:1: id `{rule_id}` is not the file's name; make them the same")
        rules[rule_id] = rule
        loading.places[(folder, rule_id)] = f"{document.name}:1"
    return rules


def _mappings_of(loading: _Loading, folder: str, shape: type[_T]) -> dict[str, _T]:
    found: dict[str, _T] = {}
    for path in sorted((loading.root / folder).glob("*.yaml")):
        for key, value in _entries(loading, path, shape):
            if key in found:
                here = loading.places[(folder, key)]
                loading.faults.append(f"{here}: `{key}` is defined twice; keep one")
            found[key] = value
    return found


def _one_mapping(loading: _Loading, name: str, shape: type[_T]) -> dict[str, _T]:
    return dict(_entries(loading, loading.root / name, shape))


def _has(loading: _Loading, name: str) -> bool:
    return (loading.root / name).is_file()


def _entries(loading: _Loading, path: Path, shape: type[_T]) -> Iterator[tuple[str, _T]]:
    document = _document(loading, path)
    if document is None:
        return
    if not isinstance(document.value, dict):
        loading.faults.append(f"{document.name}:1: must be a mapping of ids; write `id: …`")
        return
    folder = "mappings/concepts" if "concepts" in path.parts else f"knowledge/{path.name}"
    for key, node in document.value.items():
        loading.places[(folder, key)] = f"{document.name}:{document.line((key,))}"
        whole = {"id": key, **node} if isinstance(node, dict) else node
        value = _built(loading, document, whole, shape, (key,))
        if value is not None:
            yield key, value


def _document(loading: _Loading, path: Path) -> Document | None:
    name = _name(path, loading.root)
    try:
        return read_document(path, name)
    except LibraryError as error:
        loading.faults += error.faults
        return None


def _built(loading: _Loading, document: Document, node: object, shape: type[_T], at: tuple[str, ...]) -> _T | None:
    try:
        return build(node, shape, document, at)
    except LibraryError as error:
        loading.faults += error.faults
        return None


def _card(loading: _Loading) -> LibraryCard | None:
    document = _document(loading, loading.root / "knowledge/library.yaml")
    return _built(loading, document, document.value, LibraryCard, ()) if document else None


def _text_rules(loading: _Loading) -> TextRules:
    """How sentences are read. Without the file none is: text without its cues would turn denials into findings."""
    return _whole(loading, "mappings/text/context.yaml", TextRules) or TextRules()


def _whole(loading: _Loading, name: str, shape: type[_T]) -> _T | None:
    """What one file that may be left out says as a whole."""
    path = loading.root / name
    document = _document(loading, path) if path.is_file() else None
    return _built(loading, document, document.value, shape, ()) if document else None


def _products(loading: _Loading, concepts: Mapping[str, Concept]) -> dict[tuple[str, str], tuple[Product, ...]]:
    products: list[Product] = []
    for path in sorted((loading.root / "mappings/products").glob("*.csv")):
        rows, faults = read_products(path, _name(path, loading.root), concepts)
        products += rows
        loading.faults += faults
    return product_index(products)


def code_index(concepts: Mapping[str, Concept]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Concept ids by system URI and code, each once and in the order of the concepts."""
    index: dict[tuple[str, str], list[str]] = defaultdict(list)
    for concept in concepts.values():
        for code in concept.codes:
            ids = index[(system_uri(code.system), code.code)]
            if concept.id not in ids:
                ids.append(concept.id)
    return {key: tuple(ids) for key, ids in index.items()}


def _text_index(concepts: Mapping[str, Concept]) -> dict[str, tuple[str, ...]]:
    index: dict[str, list[str]] = defaultdict(list)
    for concept in concepts.values():
        if concept.kind != "ingredient":
            for text in concept.texts:
                index[folded(text)].append(concept.id)
    return {text: tuple(dict.fromkeys(ids)) for text, ids in index.items()}


def _hidden_by(concepts: Mapping[str, Concept]) -> dict[str, frozenset[str]]:
    wider = {name for concept in concepts.values() for name in concept.hides}
    return {name: frozenset(c.id for c in concepts.values() if name in c.hides) for name in wider}


def _word_index(concepts: Mapping[str, Concept], kind: str) -> dict[str, tuple[tuple[tuple[str, ...], str], ...]]:
    index: dict[str, list[tuple[tuple[str, ...], str]]] = defaultdict(list)
    for concept in concepts.values():
        if concept.kind == kind:
            for name in filter(None, map(words, concept.texts)):
                index[name[0]].append((name, concept.id))
    return {first: tuple(sorted(names, key=lambda n: (-len(n[0]), n))) for first, names in index.items()}


def _units(concept: Concept) -> Mapping[str, Conversion]:
    units = {folded_unit(s): Conversion(Decimal(0), factor, s) for s, factor in concept.convert.items()}
    units |= {folded_unit(s): Conversion(offset, factor, s) for s, (offset, factor) in concept.affine.items()}
    return MappingProxyType(units)


def schemas() -> Mapping[str, dict[str, Any]]:
    """JSON Schema of each kind of file, by file name below schema/, for editors. Any: JSON itself."""
    shapes: Mapping[str, type] = {
        "mappings/schema/concept.schema.json": Concept,
        "mappings/schema/context.schema.json": TextRules,
        "mappings/schema/finding.schema.json": FindingRule,
        "knowledge/schema/criterion.schema.json": Criterion,
        "knowledge/schema/cause.schema.json": Cause,
        "knowledge/schema/score.schema.json": ScoreRule,
        "knowledge/schema/citation.schema.json": Citation,
        "knowledge/schema/choice.schema.json": Choice,
        "knowledge/schema/demotion.schema.json": Demotion,
        "knowledge/schema/order.schema.json": OrderBundle,
        "knowledge/schema/ask.schema.json": Ask,
        "knowledge/schema/leaflet.schema.json": Leaflet,
        "knowledge/schema/attributes.schema.json": SourceAttributes,
        "knowledge/schema/library.schema.json": LibraryCard,
    }
    return {name: schema_of(shape, name) for name, shape in shapes.items()}
