"""Story dates: what a patient file writes relative to now becomes a real instant, so a story never ages.

The grammar is that of cds_hooks/chart/relative.py, which reads such files for `pinpoint explain` too. Here any
other string that starts with `@` is a mistake of the author.
"""

from datetime import datetime
from typing import Any

from cds_hooks.chart.relative import resolved


def resolve(written: Any, at: datetime) -> Any:  # noqa: ANN401 - any JSON value goes in and comes out
    """The same JSON value, with every `@…` string replaced by the instant or date it stands for.

    Time: instants keep the offset of `at`, to the second.
    Errors: ValueError for a string that starts with `@` and is not in the grammar.
    """
    match written:
        case dict():
            return {key: resolve(value, at) for key, value in written.items()}
        case list():
            return [resolve(value, at) for value in written]
        case str() if written.startswith("@"):
            return _instant(written, at)
        case _:
            return written


def _instant(written: str, at: datetime) -> str:
    moment = resolved(written, at)
    if moment is None:
        raise ValueError(f'"{written}" is not a story date; write for example "@-6h", "@-3d" or "@-2y:date"')
    return moment
