"""Which tokens were used already, where several hosts share one journal: the database decides.

When it does not answer in time, each process goes on with a memory of its own and says so in the log: a token
could then be used once in each process, which is better than no answer for anyone.
"""

from __future__ import annotations

from concurrent.futures import Future
from datetime import datetime

import structlog

from cds_hooks.journal.later import OpenedLater
from cds_hooks.journal.patience import Patience

_SURELY_PAST_S = 7200
"""A token lives an hour at most. What ends this long before one that is valid now has ended."""
_log = structlog.get_logger()


class SharedReplays:
    """Remembers token ids until they cannot be valid any more."""

    def __init__(self, journal: OpenedLater, patience: Patience) -> None:
        self._journal = journal
        self._patience = patience
        self._memory: dict[tuple[str, str], float] = {}

    async def __call__(self, iss: str, jti: str, until: datetime) -> bool:
        """True when this token id of this issuer was here before. It is remembered until `until`."""
        if (iss, jti) in self._memory:
            return True
        was_used = await self._patience.ask(lambda: self._seen(iss, jti, until))
        if was_used is None:
            _log.error("replay_store_down", error="no answer in time")
            self._remember((iss, jti), until.timestamp())
        return bool(was_used)

    def close(self) -> None:
        """Nothing; the database is closed with the journal."""

    def _seen(self, iss: str, jti: str, until: datetime) -> Future[bool]:
        return self._journal.begin(lambda store: store.seen(iss, jti, until))

    def _remember(self, token: tuple[str, str], until: float) -> None:
        self._memory = {one: end for one, end in self._memory.items() if end >= until - _SURELY_PAST_S}
        self._memory[token] = until
