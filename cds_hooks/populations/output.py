"""output: the results of a run as one table: Parquet where pyarrow is installed, else lines of JSON, gzipped.

The rows are those of Result without explanations, in the order of buckets; one file, there as a whole or not at
all. The table stays in the house: nothing in it is suppressed, and a rare set of rules can point to a person.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from cds_hooks.populations.results import Before, Result

_Columns: TypeAlias = dict[str, Any]  # one result as plain values, as pyarrow takes them


def write_results(folder: Path, batches: Iterable[list[Result]]) -> Path:
    """Writes the table and returns where it is: results.parquet, or results.ndjson.gz without pyarrow."""
    write, name = (_parquet, "results.parquet") if find_spec("pyarrow") else (_lines, "results.ndjson.gz")
    path, part = folder / name, folder / f"{name}.part"
    write(part, batches)
    part.rename(path)
    return path


def columns(result: Result) -> _Columns:
    """One row of the table: names and gaps are lists of pairs, because their number varies."""
    before = result.before
    return {
        "patient": result.patient,
        "at": result.at,
        "hook": result.hook,
        "assessed": result.assessed,
        "answered": result.answered,
        "skin_bleeding": result.skin_bleeding,
        "tier": result.tier,
        "cards": list(result.cards),
        "cards_digest": result.cards_digest,
        "rules": [msgspec.structs.asdict(said) | {"settle": list(said.settle)} for said in result.rules],
        "gaps": _pairs(result.gaps, "gap", "entries"),
        "milliseconds": result.milliseconds,
        "before": None if before is None else _of_before(before),
    }


def _of_before(before: Before) -> _Columns:
    return {"tier": before.tier, "cards": before.cards, "rules": _pairs(before.rules, "rule", "tier")}


def _pairs(values: Mapping[str, object], name: str, value: str) -> list[_Columns]:
    return [{name: key, value: one} for key, one in sorted(values.items())]


def _lines(part: Path, batches: Iterable[list[Result]]) -> None:
    with gzip.open(part, "wb", compresslevel=1) as file:
        for results in batches:
            file.write(_as_lines(results))


def _as_lines(results: list[Result]) -> bytes:
    return b"".join(msgspec.json.encode(columns(result)) + b"\n" for result in results)


def _parquet(part: Path, batches: Iterable[list[Result]]) -> None:
    import pyarrow as pa  # noqa: PLC0415  # an extra, which a run without Parquet does not need
    from pyarrow import json, parquet  # noqa: PLC0415

    text, number = pa.string(), pa.int32()
    said = {"rule": text, "truth": text, "tier": text, "speaks": pa.bool_(), "settle": pa.list_(text)}
    then = {"tier": text, "cards": number, "rules": pa.list_(pa.struct({"rule": text, "tier": text}))}
    schema = pa.schema(
        {
            "patient": text,
            "at": text,
            "hook": text,
            "assessed": pa.bool_(),
            "answered": pa.bool_(),
            "skin_bleeding": text,
            "tier": text,
            "cards": pa.list_(text),
            "cards_digest": text,
            "rules": pa.list_(pa.struct(said)),
            "gaps": pa.list_(pa.struct({"gap": text, "entries": number})),
            "milliseconds": pa.float64(),
            "before": pa.struct(then),
        }
    )
    with parquet.ParquetWriter(part, schema, compression="zstd") as file:
        for results in batches:
            if results:
                lines = _as_lines(results)  # read by pyarrow itself: from plain values it takes pandas along
                whole = json.ReadOptions(use_threads=False, block_size=len(lines) + 1)
                file.write_table(json.read_json(BytesIO(lines), whole, json.ParseOptions(schema)))
