"""The clients that may call: one YAML file, checked as a whole before the service starts.

A client is one record system, or one tenant of it. What it may do is written here and nowhere else: who it
says it is, where its keys are, which FHIR servers it may send us to. Every fault of the file is told at
once, with its line.
Source: CDS Hooks 2.0.1, "Trusting CDS Clients".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeAlias

from cds_hooks.chart.record import Answer
from cds_hooks.errors import LibraryError, SettingsError
from cds_hooks.guard.ehr import PROFILES, Ehr, EhrProfile, SelectionBehavior
from cds_hooks.guard.keys import UnusableKeys, key_set
from cds_hooks.guard.scopes import is_malformed, may_read
from cds_hooks.model.results import GapReason
from cds_hooks.reasoning.strict_yaml import Document, build, read_document
from cds_hooks.settings import AllowList, Base, parse_base

MAX_LEEWAY_S = 120
PUBLIC_SANDBOX = "sandbox.cds-hooks.org"
"""Its private key is published: a token that names it proves nothing."""

Algorithm: TypeAlias = Literal["ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]

_TOKEN = re.compile(r"\{\{context\.(?:patientId|encounterId|userId)\}\}")
_TEMPLATE = re.compile(r"(?P<type>[A-Z][A-Za-z]+)[/?][^\s%{}]*(?:\{\{[A-Za-z.]+\}\}[^\s%{}]*)+")


@dataclass(frozen=True, slots=True)
class CdsClient:
    """One client as the file tells of it."""

    iss: str
    """`iss` of its tokens: a URI, not always an address."""
    name: str = ""
    """The key of the entry; the log and `check-client` use it."""
    jku: str = ""
    """https address of its JWK set; a token may name this one and no other."""
    key_file: str = ""
    """A JWK set as a file, used in place of the address. A relative path starts at the clients file."""
    algorithms: tuple[Algorithm, ...] = ("ES384", "RS384")
    """Signature algorithms its tokens may use."""
    audiences: tuple[str, ...] = ()
    """Values of `aud` that count besides the address called, for record systems where it is set by hand."""
    tenants: tuple[str, ...] = ()
    """Values of `tenant` that its tokens must have one of. Left out: tenant is not looked at."""
    fhir_bases: tuple[str, ...] = ()
    """FHIR bases it may send us to, https, exactly as it sends `fhirServer`. Left out: prefetch only."""
    scopes: tuple[str, ...] = ()
    """SMART scopes its access tokens have, version 1 or 2. A type outside them is not asked for. Left out: all."""
    prefetch: Mapping[str, str | None] = field(default_factory=lambda: MappingProxyType({}))
    """Prefetch key -> another template for this client; null: its server does not support the query."""
    ehr: Ehr = "default"
    """The record system it is, where answers or questions must differ."""
    cds_hooks: Literal["1.0", "2.0"] = "2.0"
    """The version of CDS Hooks it speaks. 1.0: suggestions are taken at most one at a time."""
    leeway_s: int = 60
    """Seconds that its clock may differ from ours, 0 to 120."""
    allow_private: bool = False
    """true: the addresses of its servers may lie inside a private network."""

    @property
    def key_source(self) -> str:
        """Path or address of its keys."""
        return self.key_file or self.jku

    @property
    def bases(self) -> tuple[Base, ...]:
        """The FHIR bases in parts."""
        return tuple(base for base in map(parse_base, self.fhir_bases) if base)

    @property
    def hosts(self) -> frozenset[str]:
        """Names of the servers it has us talk to."""
        places = (*self.bases, parse_base(self.jku.partition("?")[0]))
        return frozenset(place.host for place in places if place)

    @property
    def profile(self) -> EhrProfile:
        """What differs for its kind of record system."""
        return PROFILES[self.ehr]

    @property
    def selection(self) -> SelectionBehavior:
        """`selectionBehavior` of its cards. A value it does not know would make a card an error."""
        return self.profile.selection or ("at-most-one" if self.cds_hooks == "1.0" else "any")

    def offered(self, templates: Mapping[str, str]) -> dict[str, str]:
        """The prefetch templates as this client knows them; queries its server does not support are left out."""
        ours = {key: self._own(key, template) for key, template in templates.items()}
        return {key: template for key, template in ours.items() if template}

    def unsorted(self, templates: Mapping[str, str]) -> frozenset[str]:
        """Keys that we would have sorted and this client is not asked to: a page of them may lack anything."""
        offered = self.offered(templates)
        return frozenset(key for key in offered if "_sort=" in templates[key] and "_sort=" not in offered[key])

    def terms(
        self, missing: Mapping[str, str], granted: Sequence[str] = ()
    ) -> tuple[dict[str, str], dict[str, Answer]]:
        """Of the queries that are missing: what to ask, and what is answered already without asking.

        `granted` are the scopes of the token that came with the call. An address of a next page (no template
        token in it) continues what the client sent, and is asked as it is.
        """
        answered: dict[str, Answer] = {}
        asked: dict[str, str] = {}
        for key, query in missing.items():
            ours = self._own(key, query) if "{{" in query else query
            if ours is None:
                answered[key] = Answer(failed=GapReason.NOT_SUPPORTED)
            elif "{{" in ours and not self._opens(_type_of(ours), granted):
                answered[key] = Answer(failed=GapReason.NOT_PERMITTED)
            else:
                asked[key] = ours
        return asked, answered

    def _own(self, key: str, template: str) -> str | None:
        """This client's template of a key: what its entry says, else ours as its kind is asked."""
        return self.prefetch[key] if key in self.prefetch else self.profile.template(template)

    def _opens(self, resource_type: str, granted: Sequence[str]) -> bool:
        return may_read(self.scopes, resource_type) and may_read(granted, resource_type)


@dataclass(frozen=True, slots=True)
class Clients:
    """Every client that may call, by name."""

    by_name: Mapping[str, CdsClient]

    def issued_by(self, iss: str, tenant: str) -> CdsClient | None:
        """The client of a token that says so. When the issuer is known and the tenant not: one of the issuer's."""
        known = [client for client in self.by_name.values() if client.iss == iss]
        return next((client for client in known if not client.tenants or tenant in client.tenants), None) or (
            known[0] if known else None
        )

    def may_be_private(self, host: str) -> bool:
        """True when a client says so of this server."""
        return any(client.allow_private and host in client.hosts for client in self.by_name.values())


def load(
    path: Path, templates: Mapping[str, str], allow_list: AllowList | None = None, *, sandbox: bool = False
) -> Clients:
    """The clients of the file, their FHIR bases narrowed to those of the allow-list, if there is one.

    `templates` are the prefetch templates by key, which clients may replace. In the sandbox profile plain
    http on this machine will do, and the key of the public sandbox counts.
    Raises SettingsError with every fault: `file:line: what is wrong and what to do`.
    """
    try:
        document = read_document(path, path.name)
        clients = _clients(document, path.parent)
    except LibraryError as error:
        raise SettingsError(error.faults) from None
    if faults := [*_file_faults(clients, document), *_faults(clients, document, templates, sandbox=sandbox)]:
        raise SettingsError(tuple(faults))
    return Clients({name: _narrowed(client, allow_list) for name, client in clients.items()})


def _clients(document: Document, folder: Path) -> dict[str, CdsClient]:
    if not isinstance(document.value, dict) or not document.value:
        raise LibraryError((f"{document.name}:1: names no client; write one entry for each, its name first",))
    faults: list[str] = []
    clients = {}
    for name, node in document.value.items():
        try:
            clients[name] = _client(name, node, document, folder)
        except LibraryError as error:
            faults += error.faults
    if faults:
        raise LibraryError(tuple(faults))
    return clients


def _client(name: str, node: object, document: Document, folder: Path) -> CdsClient:
    if not isinstance(node, dict) or "name" in node:
        raise LibraryError(
            (f"{document.name}:{document.line((name,))}: {name}: an entry is a mapping, and its key is its name",)
        )
    client = replace(build(node, CdsClient, document, (name,)), name=name)
    return replace(client, key_file=str(folder / client.key_file)) if client.key_file else client


def _narrowed(client: CdsClient, allow_list: AllowList | None) -> CdsClient:
    if allow_list is None:
        return client
    return replace(client, fhir_bases=tuple(base.url for base in client.bases if base in allow_list.bases))


_Fault: TypeAlias = tuple[str, str]
"""The member at fault, and what is wrong with it."""


def _faults(
    clients: Mapping[str, CdsClient], document: Document, templates: Mapping[str, str], *, sandbox: bool
) -> Iterator[str]:
    for name, client in clients.items():
        for member, fault in (
            *_wrong_identity(client, sandbox=sandbox),
            *_wrong_keys(client, sandbox=sandbox),
            *_wrong_servers(client, sandbox=sandbox),
            *_wrong_prefetch(client, templates),
        ):
            yield f"{document.name}:{document.line((name, member))}: {name}.{member}: {fault}"


def _file_faults(clients: Mapping[str, CdsClient], document: Document) -> Iterator[str]:
    """Two entries of one issuer are told apart by their tenants, and by nothing else."""
    for first, second in combinations(clients.values(), 2):
        if first.iss == second.iss and not (_are_apart(first.tenants, second.tenants)):
            yield (
                f"{document.name}:{document.line((second.name, 'iss'))}: {second.name}.iss: is that of "
                f"{first.name}; give each its own `tenants`, or make one entry of them"
            )


def _are_apart(first: Sequence[str], second: Sequence[str]) -> bool:
    return bool(first and second) and not set(first) & set(second)


def _wrong_identity(client: CdsClient, *, sandbox: bool) -> Iterator[_Fault]:
    if not client.iss or "*" in client.iss:
        yield "iss", "must be what the client's tokens say, in full: it is compared and not matched"
    if not client.algorithms:
        yield "algorithms", "is empty; name one, or leave it out for ES384 and RS384"
    if not 0 <= client.leeway_s <= MAX_LEEWAY_S:
        yield "leeway_s", f"must be 0 to {MAX_LEEWAY_S} seconds; set the clocks instead"
    if client.profile.selection == "any" and client.cds_hooks == "1.0":
        yield "cds_hooks", f"must be left out: {client.ehr} takes selectionBehavior any only, which 1.0 has not"
    named = (client.iss, client.jku)
    if not sandbox and any(PUBLIC_SANDBOX in address.lower() for address in named):
        yield "iss", "the private key of the public CDS Hooks sandbox is published, so it proves nothing here"


def _wrong_keys(client: CdsClient, *, sandbox: bool) -> Iterator[_Fault]:
    if not client.key_source:
        yield "jku", "is missing; write the address of the client's JWK set, or its `key_file`"
    if client.jku and (wrong := _wrong_address(client.jku.partition("?")[0], sandbox=sandbox)):
        yield "jku", wrong
    if client.key_file:
        try:
            key_set(Path(client.key_file).read_bytes(), demo_key=sandbox)
        except OSError:
            yield "key_file", "cannot be read; put the file there"
        except UnusableKeys as error:
            yield "key_file", str(error)


def _wrong_servers(client: CdsClient, *, sandbox: bool) -> Iterator[_Fault]:
    for number, base in enumerate(client.fhir_bases, start=1):
        if wrong := _wrong_address(base, sandbox=sandbox):
            yield "fhir_bases", f"entry {number} {wrong}"
    for number, scope in enumerate(client.scopes, start=1):
        if is_malformed(scope):
            yield "scopes", f"entry {number} is no SMART scope such as user/Patient.read or user/Patient.rs"


def _wrong_address(address: str, *, sandbox: bool) -> str:
    base = parse_base(address)
    if base is None:
        return "is not an http(s) address without user name, query, fragment or dots"
    if base.scheme == "https" or (sandbox and base.is_loopback):
        return ""
    return "must be https: keys, tokens and patient data travel there"


def _wrong_prefetch(client: CdsClient, templates: Mapping[str, str]) -> Iterator[_Fault]:
    for key, ours in client.prefetch.items():
        if key not in templates:
            yield "prefetch", f"{key} is no prefetch key; see GET /cds-services"
        elif ours is not None and not _asks_alike(ours, templates[key]):
            kind = _type_of(templates[key])
            yield "prefetch", f"{key} must be a relative read or search of {kind} with a {{{{context.…}}}} token"
    for resource_type in ("Condition", "Observation"):
        asked = [key for key, template in templates.items() if _type_of(template) == resource_type]
        if asked and all(client.prefetch.get(key, "") is None for key in asked):
            yield "prefetch", f"leaves no query of {resource_type}, without which there is nothing to judge"


def _asks_alike(ours: str, template: str) -> bool:
    """True for a relative query of the same type whose every token is one that all clients can fill in."""
    found = _TEMPLATE.fullmatch(ours)
    return bool(found) and _type_of(ours) == _type_of(template) and "{{" not in _TOKEN.sub("", ours)


def _type_of(template: str) -> str:
    return re.split(r"[/?]", template, maxsplit=1)[0]
