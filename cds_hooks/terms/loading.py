"""What a downloaded terminology holds about our ingredients: which release it is, and its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

from cds_hooks.model.library import Library
from cds_hooks.terms import dmd, rxnorm
from cds_hooks.terms.rows import Row

Open: TypeAlias = Callable[[Path], BinaryIO]
"""Opens a file for reading bytes; the caller shows the progress and closes it."""

_CONSO, _REL = "RXNCONSO.RRF", "RXNREL.RRF"
_KNOWN = f"the folder with {_CONSO} and {_REL}, the folder with the dm+d XML files, or a dm+d CSV list"


def load(path: Path, library: Library, opened: Open) -> tuple[Literal["rxnorm", "dmd"], Iterator[Row]]:
    """Name of the terminology, and its rows for our ingredients.

    `path` is a file of the release or its folder. Errors: ValueError when it is none that we can read.
    """
    folder = path if path.is_dir() else path.parent
    conso = next(iter(sorted(folder.rglob(_CONSO))), None)
    if path.suffix.lower() == ".csv":
        return "dmd", dmd.products_of_list(_lines(opened(path)), library)
    if conso is not None and (conso.parent / _REL).is_file():
        return "rxnorm", rxnorm.products(_lines(opened(conso)), _lines(opened(conso.parent / _REL)), library)
    files = [file for start in dmd.FILES for file in sorted(folder.glob(f"{start}*.xml"))]
    if not files:
        raise ValueError(f"is no terminology that can be read; give {_KNOWN}")
    return "dmd", dmd.products(map(opened, files), library)


def _lines(file: BinaryIO) -> Iterator[str]:
    return (line.decode("utf-8-sig") for line in file)
