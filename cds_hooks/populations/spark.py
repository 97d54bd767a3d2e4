"""spark: the engine for exports that one machine cannot take. Lines become rows, rows meet by patient, charts settle.

Spark reads the files, moves the rows and does lost work again; the two steps are the same functions as on one
machine. A Medication that is nobody's reaches the charts that name it by a join. Executors get our code, the
libraries and the key with their tasks; the packages that we need must be there (docs/populations.md).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec
import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import cds_hooks
from cds_hooks.errors import ReplayError
from cds_hooks.populations.charts import references
from cds_hooks.populations.job import Job, packed
from cds_hooks.populations.progress import Progress
from cds_hooks.populations.results import Result
from cds_hooks.populations.rows import TALLY, Row, Tally
from cds_hooks.populations.scatter import Scatter
from cds_hooks.populations.screen import Screen
from cds_hooks.populations.settle import Plan, settle
from cds_hooks.populations.sources import Source, is_named_as_lines, is_of_lines, sources
from cds_hooks.populations.spill import bucket_of, name_of

_ROWS: Final = "bucket int, patient string, kind string, slim binary, address string, may_speak boolean"
_FIELDS: Final = ("patient", "kind", "slim", "address", "may_speak")
_POINTS: Final = "name string, bucket int, patient string"
_SHARED: Final = "Medication"
_TOGETHER: Final = 2_000
_DEPTH: Final = 3
Batches = Iterator[pa.RecordBatch]
