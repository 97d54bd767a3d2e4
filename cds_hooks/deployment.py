"""Deployment: everything the addresses of one deployment need, and what each part is asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from cds_hooks.books import Books
from cds_hooks.cards.wire import Card, HookRequest, Service
from cds_hooks.guard.gate import Gate
from cds_hooks.journal.entries import Journal
from cds_hooks.journal.replay import ReplayStore
from cds_hooks.journal.replay_shared import SharedReplays
from cds_hooks.model.criteria import Hook
from cds_hooks.pages.served import Served
from cds_hooks.service import Advice, FetchMissing
from cds_hooks.settings import Settings
from cds_hooks.transport import Client
from cds_hooks.upkeep import Upkeep

SilentCall: TypeAlias = Callable[[bytes, Hook], HookRequest | None]
"""The call in a body that can only be answered without a card; None when that has to be found out."""

UseCase: TypeAlias = Callable[[HookRequest, FetchMissing], Awaitable[Sequence[Card] | Advice]]
"""What a call comes to: cards, best with what they rest on, given a way to fetch what prefetch left out."""

Insights: TypeAlias = Callable[[datetime], Awaitable[bytes]]
"""The report on this deployment up to an instant, as a page."""

Explain: TypeAlias = Callable[[HookRequest, FetchMissing, bytes, str], Awaitable[bytes]]
"""The reasoning about a call as JSON; with its body and a FHIR release also what of it is not valid FHIR."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Everything the routes need; `create_app` makes the real one."""

    settings: Settings
    services: tuple[tuple[Service, Mapping[str, str]], ...]
    """Each service with its prefetch templates by key."""
    answer: UseCase
    version: Mapping[str, str]
    silent: SilentCall = lambda _body, _hook: None
    """Tells at a glance what `answer` would come to at length."""
    site: tuple[str, ...] = ()
    """What this deployment set otherwise than the release, for /version."""
    documents: Mapping[str, Served] = field(default_factory=dict)
    """Pages and facts about the rules, by path; open to all."""
    client: Client = field(default_factory=Client)
    gate: Gate | None = None
    """None: callers are not authenticated, which only the sandbox may do."""
    replays: ReplayStore | SharedReplays | None = None
    journal: Journal | None = None
    """None: nothing is kept, and feedback has no address."""
    books: Books | None = None
    """What is kept and counted of calls; None: what can be without knowing the rules."""
    insights: Insights | None = None
    """None: /insights has no address."""
    upkeep: Upkeep | None = None
    """None: nothing runs beside the calls, and the service is ready without asking any canary."""
    explain: Explain | None = None
    """None: /explain has no address. Only the sandbox has it, for it tells more of a chart than cards do."""
