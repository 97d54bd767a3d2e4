"""YAML files of rules, read strictly, with the line of every node for messages.

Only text, whole numbers, true and false exist. A decimal must be quoted, because a float would move a
limit. Duplicate keys, anchors and merges are refused.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from cds_hooks.errors import LibraryError

_T = TypeVar("_T")
if TYPE_CHECKING:
    _Safe = yaml.SafeLoader
else:
    _Safe = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WHOLE = re.compile(r"^(0|-?[1-9][0-9]*)$")
_DECIMAL = re.compile(r"^[-+]?[0-9][0-9_]*\.[0-9]*([eE][-+]?[0-9]+)?$")
_OPERATORS = ("all", "any", "none", "at_least", "score")
_EXPRESSIONS = ("when", "never_when")
_COUNTED: Mapping[str, tuple[set[str], str, str]] = {
    "at_least": ({"count", "of"}, "count", "{at_least: {count: 2, of: […]}}"),
    "score": ({"id", "at_least"}, "at_least", "{score: {id: …, at_least: 2}}"),
}
"""Operators that are told apart by a number: their keys, which of them is the number, and how one writes them."""


class _Loader(_Safe):
    """Text only: what a plain word stands for is decided below, so YAML's own guess would be made for nothing."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:  # noqa: ANN401, ARG002  # the library's signature
        return ""


@dataclass(frozen=True, slots=True)
class Document:
    """One file: its name for messages, its value, and what was read."""

    name: str
    value: object
    node: yaml.Node | None = None
    may_hold_expressions: bool = True

    def line(self, path: tuple[str | int, ...]) -> int:
        """The line of the path, or of the nearest node above it that stands in the file."""
        node = self.node
        for step in path:
            inner = _inside(node, step)
            if inner is None:
                break
            node = inner
        return node.start_mark.line + 1 if node is not None else 1


def _inside(node: yaml.Node | None, step: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if str(key.value) == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        item: yaml.Node = node.value[step]
        return item
    return None


def read_document(path: Path, name: str) -> Document:
    """The file's value. Errors: LibraryError with every fault of the file, each with its line."""
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=_Loader)
    except OSError:
        raise LibraryError((f"{name}:1: cannot be read; put the file there",)) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise LibraryError((f"{name}:{line}: not YAML ({error.problem}); mend the line",)) from None
    except (UnicodeDecodeError, yaml.YAMLError):
        raise LibraryError((f"{name}:1: holds a character that is not text; save the file as UTF-8",)) from None
    reading = _Reading(name)
    value = reading.value(node) if node is not None else {}
    if reading.faults:
        raise LibraryError(tuple(reading.faults))
    return Document(name, value, node, may_hold_expressions=any(key in text for key in _EXPRESSIONS))


def build(node: object, shape: type[_T], document: Document, at: tuple[str, ...] = ()) -> _T:
    """The node as the dataclass. Errors: LibraryError, one fault for each wrong field, with line and mend."""
    wrong = _bad_expressions(node, ()) if document.may_hold_expressions else ()
    faults = [f"{document.name}:{document.line((*at, *path))}: {message}" for path, message in wrong]
    if faults:
        raise LibraryError(tuple(faults))
    try:
        built: _T = _adapter(shape).validate_python(node)  # type: ignore[arg-type]  # classes hash
    except ValidationError as error:
        raise LibraryError(tuple(_faults_of(error, document, at))) from None
    return built


def schema_of(shape: type, name: str) -> dict[str, Any]:
    """The JSON Schema of one rule file; for files that map ids to entries, of the whole mapping."""
    schema: dict[str, Any] = _adapter(shape, with_help=True).json_schema()
    if not name.endswith(("concept.schema.json", "citation.schema.json", "choice.schema.json", "ask.schema.json")):
        return schema
    definitions = schema.pop("$defs", {})
    schema["properties"].pop("id", None)
    schema["required"] = [key for key in schema.get("required", ()) if key != "id"]
    return {"type": "object", "additionalProperties": schema, "$defs": definitions}


class _Reading:
    """Turns YAML nodes into values, collecting faults on the way."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.faults: list[str] = []
        self._seen: set[int] = set()

    def value(self, node: yaml.Node) -> object:
        if id(node) in self._seen:
            self._fault(node, "anchors and aliases are not used here; write the value out")
            return None
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item) for item in node.value]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode) -> dict[str, object]:
        found: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in found:
                self._fault(key_node, f"key `{key}` stands twice; keep one")
            if key == "<<":
                self._fault(key_node, "merges are not used here; write the keys out")
            found[key] = self.value(value_node)
        return found

    def _scalar(self, node: yaml.Node) -> object:
        text = str(node.value)
        if node.style:  # type: ignore[attr-defined]  # quoted or block text; plain text has no style
            return text
        if text in ("true", "false"):
            return text == "true"
        if _WHOLE.match(text):
            return int(text)
        if _DECIMAL.match(text):
            self._fault(node, f'`{text}` must be a quoted decimal, write "{text}"')
        return None if text in ("", "null", "~") else text

    def _fault(self, node: yaml.Node, message: str) -> None:
        self.faults.append(f"{self.name}:{node.start_mark.line + 1}: {message}")


def _bad_expressions(node: object, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Expressions whose operator is unknown or stands beside another, wherever a `when` is."""
    if isinstance(node, dict):
        for key, value in node.items():
            inner = (*path, key)
            yield from _bad_expression(value, inner) if key in _EXPRESSIONS else _bad_expressions(value, inner)
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from _bad_expressions(item, (*path, index))


def _bad_expression(node: object, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(node, str):
        return
    if not isinstance(node, dict) or len(node) != 1 or next(iter(node)) not in _OPERATORS:
        yield path, f"an expression is a finding id or one of {', '.join(_OPERATORS)}; write {{all: […]}}"
        return
    operator, operand = next(iter(node.items()))
    fault = _bad_operand(operator, operand)
    if fault:
        yield (*path, operator), fault
        return
    for index, part in enumerate(_parts(operator, operand)):
        yield from _bad_expression(part, (*path, operator, index))


def _bad_operand(operator: str, operand: Any) -> str:  # noqa: ANN401  # Any: whatever stands in the file
    """What is wrong with the operand of an operator, its parts apart; empty when nothing is."""
    if operator in _COUNTED:
        keys, number, form = _COUNTED[operator]
        if not isinstance(operand, dict) or set(operand) != keys or type(operand[number]) is not int:
            return f"`{operator}` is not complete; write {form}"
    parts = _parts(operator, operand)
    if operator != "score" and (not isinstance(parts, list) or not parts):
        return f"`{operator}` needs a list of at least one expression"
    if operator == "at_least" and not 1 <= operand["count"] <= len(parts):
        return f"`at_least` cannot count {operand['count']} of {len(parts)}; mend the count"
    return ""


def _parts(operator: str, operand: Any) -> Any:  # noqa: ANN401  # Any: whatever stands in the file
    if operator == "score":
        return []
    return operand["of"] if operator == "at_least" else operand


def _faults_of(error: ValidationError, document: Document, at: tuple[str, ...]) -> Iterator[str]:
    for item in error.errors(include_input=False, include_context=False, include_url=False):
        path = item["loc"]
        shown = ".".join(str(part) for part in path) or "the file"
        yield f"{document.name}:{document.line((*at, *path))}: {shown}: {item['msg']}; see the schema of this file"


@cache
def _adapter(shape: Any, *, with_help: bool = False) -> TypeAdapter[Any]:  # noqa: ANN401  # any dataclass of rules
    """The reader of a dataclass by pydantic, strict about unknown keys.

    `with_help` takes the help of each field from its docstring, for which the sources are parsed: only schemas
    need it, and it would be most of a start. A field whose name is a reserved word of Python ends in `_`, its key
    does not. The settings are put on the classes here, so that the model stays free of pydantic.
    """
    vocabulary = (name for name in sys.modules if name.startswith("cds_hooks.model."))
    for kind in (kind for name in (*vocabulary, shape.__module__) for kind in vars(sys.modules[name]).values()):
        if isinstance(kind, type) and is_dataclass(kind):
            kind.__pydantic_config__ = ConfigDict(  # type: ignore[attr-defined]  # pydantic's own hook
                extra="forbid",
                use_attribute_docstrings=with_help,
                hide_input_in_errors=True,
                alias_generator=lambda field: field.removesuffix("_"),
            )
    return TypeAdapter(shape)
