"""canaries: each rule is asked about its synthetic patients at start and every five minutes, beside the calls.

The first round runs as fast as it can, because the service is not ready before it is over. Later ones are spread,
one rule after the other, so that no call waits for them. Canaries that were not all asked within two periods are
overdue: what was heard of them last says nothing any more.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import monotonic

import structlog

from cds_hooks.guard.privacy import origin_of
from cds_hooks.model.library import Library
from cds_hooks.reasoning.cases import Canary, canaries, has_turned, holds

EVERY_S = 300.0
_TRIES = 60
"""How often within a period a round that failed is begun anew."""
_log = structlog.get_logger()


class Canaries:
    """The canaries of one library. `root` is the folder that it and its cases were read from."""

    def __init__(
        self, library: Library, root: Path, *, deployed: Library | None = None, every_s: float = EVERY_S
    ) -> None:
        """`deployed`: the library that answers calls, where it is another object; it must hold every rule."""
        self._released = library
        self._deployed = deployed or library
        # Cases are about the release: where a site set something, another answer may be what it wants.
        self._library = library if self._deployed.site else self._deployed
        self._root = root
        self._every_s = every_s
        self._turned: set[str] = set()
        self._flock: tuple[Canary, ...] | None = None
        self._asked = 0.0
        self._task: asyncio.Task[None] | None = None

    @property
    def is_pending(self) -> bool:
        """True until every rule was asked once."""
        return self._flock is None

    @property
    def is_overdue(self) -> bool:
        """True when the last full round is older than two periods."""
        return not self.is_pending and monotonic() - self._asked > 2 * self._every_s

    @property
    def turned(self) -> tuple[str, ...]:
        """Ids of the rules that no longer say what they must, as they were last asked."""
        return tuple(sorted(self._turned))

    def start(self) -> None:
        """Nothing; from now on they are asked. Called again it does nothing."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._ask())

    def stop(self) -> None:
        """Nothing; they are asked no more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _ask(self) -> None:
        while True:
            try:
                flock = await self._round(self._flock)
                self._flock, self._asked = flock, monotonic()
            except Exception as fault:  # noqa: BLE001  # whatever it is: a watch must not end unseen
                where = origin_of(fault.__traceback__)
                _log.error("canaries_not_asked", error=type(fault).__name__, where=where)
                await asyncio.sleep(self._every_s / _TRIES)

    async def _round(self, flock: tuple[Canary, ...] | None) -> tuple[Canary, ...]:
        """All that were asked: the first time at once, later one after the other over a period."""
        if flock is None:
            return await asyncio.to_thread(self._first_round)
        for canary in flock:
            await asyncio.sleep(self._every_s / len(flock))
            self._judge(canary, await asyncio.to_thread(self._has_turned, canary))
        return flock

    def _first_round(self) -> tuple[Canary, ...]:
        flock = canaries(self._released, self._root)
        for canary in flock:
            self._judge(canary, self._has_turned(canary))
        return flock

    def _has_turned(self, canary: Canary) -> bool:
        """As has_turned; a rule that breaks has, too, and the others are asked all the same."""
        try:
            return not holds(self._deployed, canary.rule.id) or has_turned(canary, self._library)
        except Exception as fault:  # noqa: BLE001  # whatever it is: a canary that dies must be seen
            where = origin_of(fault.__traceback__)
            _log.error("canary_broke", rules=[canary.rule.id], error=type(fault).__name__, where=where)
            return True

    def _judge(self, canary: Canary, has_turned: bool) -> None:  # noqa: FBT001  # private
        if has_turned == (canary.rule.id in self._turned):
            return
        _log.error("canary_turned" if has_turned else "canary_recovered", rules=[canary.rule.id])
        self._turned ^= {canary.rule.id}
