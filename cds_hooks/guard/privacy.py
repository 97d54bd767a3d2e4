"""What may be written to the log: named members only, so that nothing about a patient gets there by chance.

Events and counts are logged, not people. Log members are chosen one by one (LOGGED); any other is dropped
and only its name is kept, so that the omission is seen. Third-party loggers that write URLs, request lines
or exception texts are silenced, because all of these can hold patient ids, names and tokens.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from pathlib import Path
from types import TracebackType
from typing import TextIO
from uuid import UUID

import structlog

LOGGED = frozenset(
    {
        "event", "level", "timestamp",  # what happened, and when
        "error", "error_id", "where", "reasons",  # class of an error, our reference, our file and line, settings
        "hook_instance", "service", "status", "duration_ms", "body_bytes",  # the call
        "client", "reason",  # who called, by our own name for it, and why it was not let in
        "cards", "indicators", "rules", "gaps", "asked",  # the answer: counts, rule ids, kinds of gaps
        "items", "matched",  # feedback: how many, and how many of them about cards of ours
        "software", "knowledge", "digest", "profile",  # what answered
    }
)  # fmt: skip
"""Names of the members that may be logged."""

_TALKATIVE = ("httpx2", "httpcore2", "uvicorn.access", "asyncio", "sqlalchemy", "aiosqlite", "alembic")


def configure_logging(stream: TextIO | None = None) -> None:
    """Nothing; from now on one JSON object a line goes to `stream` (standard error), allowed members only."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            allow_list,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def allow_list(_logger: object, _level: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """The event with the members of LOGGED only; `dropped` lists the names of the others."""
    kept: dict[str, object] = {name: value for name, value in event.items() if name in LOGGED}
    if dropped := sorted(event.keys() - LOGGED):
        kept["dropped"] = dropped
    return kept


def loggable_instance(hook_instance: str) -> str:
    """The hookInstance when it is a UUID as the specification asks; any other text could say something."""
    try:
        return str(UUID(hook_instance))
    except ValueError:
        return "not a UUID"


def origin_of(traceback: TracebackType | None) -> str:
    """File and line where an exception was raised, without its text: that may hold what was being read."""
    while traceback and traceback.tb_next:
        traceback = traceback.tb_next
    return f"{Path(traceback.tb_frame.f_code.co_filename).name}:{traceback.tb_lineno}" if traceback else "unknown"
