"""The gate: who may call this deployment, and to which servers its calls may lead."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cds_hooks.errors import SettingsError
from cds_hooks.guard.clients import Clients, load
from cds_hooks.guard.keys import KeySets, reader
from cds_hooks.guard.tokens import Caller, Keys, Seen, bearer, verify
from cds_hooks.settings import Settings, parse_base, reasons_not_to_start
from cds_hooks.transport import Client


@dataclass(frozen=True, slots=True)
class Gate:
    """Lets callers in by their tokens."""

    clients: Clients
    keys: Keys
    seen: Seen
    public_url: str
    """Address under which callers know this service, without a slash at the end. Never taken from a request."""

    async def admit(self, authorization: Sequence[str], paths: Sequence[str], at: datetime) -> Caller:
        """The caller. `authorization`: every value of that header; `paths`: each counts as audience.

        Raises TokenRefused.
        """
        token = bearer(authorization)
        audiences = [self.public_url + path for path in paths]
        return await verify(token, self.clients, self.keys, self.seen, audiences=audiences, at=at)


def check_start(settings: Settings, templates: Mapping[str, str]) -> Clients | None:
    """The clients that may call; None in a sandbox without any, where everyone may.

    `templates` are the prefetch templates by key, which clients may replace.
    Raises SettingsError with every reason not to start, of the settings and of the clients file together.
    """
    reasons, clients = list(reasons_not_to_start(settings)), None
    if settings.clients:
        narrow = settings.allow_list if settings.fhir_servers else None
        try:
            clients = load(settings.clients, templates, narrow, sandbox=settings.is_sandbox)
        except SettingsError as error:
            reasons += error.reasons
    if reasons:
        raise SettingsError(tuple(reasons))
    return clients


def open_gate(settings: Settings, clients: Clients, http: Client, seen: Seen) -> Gate:
    """The gate of a deployment that authenticates its callers."""
    public = parse_base(settings.public_url)
    keys = KeySets(reader(http), demo_key=settings.is_sandbox)
    return Gate(clients, keys, seen, public.url if public else "")


def private_hosts(settings: Settings, clients: Clients | None) -> Callable[[str], bool]:
    """Whether the address of a host may lie inside a network: any in the sandbox, else what is configured so."""
    terminology = parse_base(settings.terminology_url)

    def may_be_private(host: str) -> bool:
        is_ours = terminology is not None and host == terminology.host
        return settings.is_sandbox or is_ours or (clients is not None and clients.may_be_private(host))

    return may_be_private
