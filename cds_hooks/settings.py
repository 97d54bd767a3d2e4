"""What a deployment is configured to do: the `CDS_` environment variables, one class, each documented.

Also the addresses such settings name. An address is compared by its parsed parts and never as text,
because `https://ehr.example/r4` is also the beginning of `https://ehr.example/r4-evil`.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from cds_hooks.errors import SettingsError

_PORTS = {"http": 80, "https": 443}
_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
_UNWANTED = re.compile(r"[\x00-\x20\x7f\\#]")
_HIDDEN = re.compile(r"%(?:2e|2f|5c|25)", re.IGNORECASE)
_LONGEST = 4096
"""Characters. Names beyond ASCII cost time to read, and callers choose how long theirs are."""
_SQLITE = "sqlite+aiosqlite:///"
_IN_MEMORY = f"{_SQLITE}:memory:"
_POSTGRES = "postgresql+asyncpg://"
_COMMA_LIST = Annotated[tuple[str, ...], NoDecode]


@dataclass(frozen=True, slots=True)
class Base:
    """A server's address in parts: lower-case IDNA host without a final dot, port, exact path segments."""

    scheme: str
    host: str
    port: int
    path: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """Scheme, host and port as a URL without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")

    @property
    def url(self) -> str:
        """The address as a URL without a slash at the end; built from the parts, not from what was given."""
        return "/".join((self.origin, *self.path))

    @property
    def is_loopback(self) -> bool:
        """True for this machine: 127.0.0.0/8, ::1 and localhost. No name is looked up."""
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            return self.host == "localhost"
        return any(address in network for network in _LOOPBACK)

    def contains(self, other: Base) -> bool:
        """True when the other address is this one or lies below it on the same origin."""
        return self.origin == other.origin and other.path[: len(self.path)] == self.path


def parse_base(url: str) -> Base | None:
    """The parts of an http(s) address; None when it is anything that could be read in two ways.

    Refused: user names, queries, fragments, backslashes, blanks and control characters, `.`, `..` and
    empty path segments, also percent-encoded; and what is longer than any address is.
    """
    if len(url) > _LONGEST or _UNWANTED.search(url) or "?" in url:
        return None
    try:
        parts = urlsplit(url)
        host, port = _host(parts.hostname or ""), parts.port
    except ValueError:
        return None
    path = _segments(parts.path)
    if parts.scheme not in _PORTS or not host or "@" in parts.netloc or "%" in parts.netloc or path is None:
        return None
    return Base(parts.scheme, host, port or _PORTS[parts.scheme], path)


@dataclass(frozen=True, slots=True)
class AllowList:
    """The FHIR bases this deployment may ask. With `any_loopback`, every base on this machine instead."""

    bases: tuple[Base, ...] = ()
    any_loopback: bool = False

    def holds(self, base: Base) -> bool:
        """True only for a base that equals an entry in every part."""
        return base in self.bases or (self.any_loopback and base.is_loopback)


class Settings(BaseSettings):
    """The configuration of one deployment, read from the environment. An empty variable counts as not set."""

    model_config = SettingsConfigDict(env_prefix="CDS_", env_ignore_empty=True, frozen=True)

    profile: Literal["sandbox", "production"] = "production"
    """CDS_PROFILE. sandbox: no authentication without CDS_CLIENTS, any web page may call, loopback FHIR
    servers are asked without a token; for fictional patients only."""
    fhir_servers: _COMMA_LIST = ()
    """CDS_FHIR_SERVERS. FHIR bases that may be asked for what prefetch left out, separated by commas.
    When set it replaces the sandbox's loopback allowance, and narrows the bases of CDS_CLIENTS."""
    clients: Path | None = None
    """CDS_CLIENTS. YAML file of the record systems that may call, each with its keys and FHIR servers.
    With it every caller is authenticated; production does not start without it."""
    public_url: str = ""
    """CDS_PUBLIC_URL. Address under which callers and users reach this service. Tokens name it as their
    audience, and cards link to it, or not at all."""
    region: str = Field(default="uk", pattern="^[a-z]{2}$")
    """CDS_REGION. Chooses emergency numbers and guideline links: uk, us, eu and others."""
    fetch_deadline_s: float = Field(default=1.5, ge=0.5, le=5)
    """CDS_FETCH_DEADLINE_S. Seconds for everything that is asked of the FHIR server, together."""
    library_dir: Path | None = None
    """CDS_LIBRARY_DIR. A site's own copy of mappings/ and knowledge/; left out: those of the release."""
    site_dir: Path | None = None
    """CDS_SITE_DIR. A folder with this hospital's codes, products and settings, put over the library."""
    require_reviewed: bool = False
    """CDS_REQUIRE_REVIEWED. true: rules that no named clinician has signed stay silent."""
    terminology_url: str = ""
    """CDS_TERMINOLOGY_URL. FHIR base of a terminology server that is asked about medicines whose codes
    nothing here knows. Left out: nobody is asked."""
    journal: str = Field(default="sqlite+aiosqlite:///./pinpoint-journal.sqlite", repr=False)
    """CDS_JOURNAL. Database of calls, cards, what users made of them, and tokens that were used: a SQLite file,
    shared by all processes of one host, or a PostgreSQL database (`postgresql+asyncpg://…`) for several hosts.
    The sandbox keeps it in memory unless one is named."""
    spool: Path = Path("pinpoint-spool")
    """CDS_SPOOL. Folder where entries wait that the journal could not take; made when it is needed."""
    keep_days: int = Field(default=730, ge=0, le=36500)
    """CDS_KEEP_DAYS. Entries of the journal are removed after so many days; 0: never."""
    keep_comments: bool = False
    """CDS_KEEP_COMMENTS. true: what users write about a card is kept. It may name patients; left out, only
    its length is kept."""
    mode: Literal["live", "silent"] = "live"
    """CDS_MODE. silent: everything is judged and journalled, nothing is shown."""
    site_keys: Path | None = None
    """CDS_SITE_KEYS. File with the keys under which is remembered who was told what, the newest first. Without it
    nothing is remembered, and every call gets every card."""
    repeat_hours: float = Field(default=24, ge=0, le=24)
    """CDS_REPEAT_HOURS. With CDS_SITE_KEYS: hours for which a card that was shown is not repeated to the same user
    unless there is something new; for an emergency four at most."""
    override_hours: float = Field(default=24, ge=0, le=168)
    """CDS_OVERRIDE_HOURS. The same after the user has overridden it; for an emergency four hours at most."""
    override_info_days: float = Field(default=30, ge=0, le=90)
    """CDS_OVERRIDE_INFO_DAYS. The same where nothing on the card is urgent, in days."""
    admin_token: SecretStr | None = Field(default=None, min_length=32)
    """CDS_ADMIN_TOKEN. What whoever asks for /metrics and /insights must send. Without it they have no address;
    in the sandbox they are open."""
    traces: bool = False
    """CDS_TRACES. true: each call, and each feedback, is a span of OpenTelemetry, without a word of what was
    sent. Its own variables say where spans go (OTEL_EXPORTER_OTLP_ENDPOINT)."""
    cors_origins: _COMMA_LIST = ()
    """CDS_CORS_ORIGINS. Web origins that may call from a browser, separated by commas.
    Left out: none in production, any in the sandbox."""

    @field_validator("fhir_servers", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        parts = value.split(",") if isinstance(value, str) else None
        return value if parts is None else tuple(part.strip() for part in parts if part.strip())

    @property
    def is_sandbox(self) -> bool:
        """True for the sandbox profile."""
        return self.profile == "sandbox"

    @property
    def allow_list(self) -> AllowList:
        """The FHIR bases that may be asked. An entry that is no address is left out; it also stops the start."""
        bases = tuple(base for base in map(parse_base, self.fhir_servers) if base)
        return AllowList(bases, any_loopback=self.is_sandbox and not self.fhir_servers)

    @property
    def journal_url(self) -> str:
        """Where the journal is. The sandbox keeps it in memory unless a file was named."""
        in_memory = self.is_sandbox and "journal" not in self.model_fields_set
        return _IN_MEMORY if in_memory else self.journal

    @property
    def journal_file(self) -> Path | None:
        """The file of the journal; None when it is kept in memory, or not in a file at all."""
        name = self.journal_url.removeprefix(_SQLITE)
        return Path(name) if name not in {"", ":memory:", self.journal_url} else None

    @property
    def is_journal_shared(self) -> bool:
        """True when several hosts may write to the journal."""
        return self.journal_url.startswith(_POSTGRES)

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """The web origins that get CORS headers; empty: no browser may call."""
        return self.cors_origins or (("*",) if self.is_sandbox else ())


def from_environment(**given: object) -> Settings:
    """The settings of this process. `given` (by field name) wins over the environment.

    Raises SettingsError with one line for each variable that cannot be understood.
    """
    try:
        return Settings(**given)  # type: ignore[arg-type]  # checked by pydantic, which reports below
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        raise SettingsError(
            tuple(f"CDS_{str(fault['loc'][0]).upper()}: {fault['msg']}." for fault in faults)
        ) from None


def check(settings: Settings) -> None:
    """Nothing, when the service may start. Raises SettingsError with every reason at once otherwise."""
    if reasons := reasons_not_to_start(settings):
        raise SettingsError(reasons)


def reasons_not_to_start(settings: Settings) -> tuple[str, ...]:
    """Everything that is wrong with the settings, one line each with the next step; empty when they will do."""
    reasons = [*_wrong_addresses(settings), *_wrong_origins(settings)]
    reasons += [*_wrong_journal(settings), *_wrong_traces(settings)]
    if not settings.is_sandbox:
        reasons += _wrong_for_production(settings)
    elif settings.clients and not settings.public_url:
        reasons.append("CDS_PUBLIC_URL is missing: with CDS_CLIENTS it is the audience that tokens must name.")
    return tuple(reasons)


def _wrong_addresses(settings: Settings) -> list[str]:
    wrong = [
        f"CDS_FHIR_SERVERS: entry {number} is not an http(s) address without user name, query, fragment or dots."
        for number, server in enumerate(settings.fhir_servers, start=1)
        if parse_base(server) is None
    ]
    if settings.terminology_url and parse_base(settings.terminology_url) is None:
        wrong.append("CDS_TERMINOLOGY_URL is not an http(s) address without user name, query, fragment or dots.")
    public = parse_base(settings.public_url)
    if settings.public_url and public is None:
        wrong.append("CDS_PUBLIC_URL is not an http(s) address without user name, query, fragment or dots.")
    if public and public.url != settings.public_url.removesuffix("/"):
        wrong.append(f"CDS_PUBLIC_URL: write it as {public.url}, since tokens name it character for character.")
    if settings.is_sandbox and public and public.scheme == "http" and not public.is_loopback:
        wrong.append("CDS_PUBLIC_URL must be https: cards link to it. Plain http will do on this machine only.")
    return wrong


def _wrong_origins(settings: Settings) -> list[str]:
    return [
        f"CDS_CORS_ORIGINS: entry {number} is not an origin as browsers write it, such as https://page.example."
        for number, origin in enumerate(settings.cors_origins, start=1)
        if origin != "*" and ((base := parse_base(origin)) is None or base.origin != origin)
    ]


def _wrong_journal(settings: Settings) -> list[str]:
    if settings.journal_url == _IN_MEMORY and not settings.is_sandbox:
        return ["CDS_JOURNAL is in memory: name a file, because every process of this host must see it."]
    if settings.is_journal_shared:
        missing = find_spec("asyncpg") is None
        return ["CDS_JOURNAL is PostgreSQL: install pinpoint-cds[postgres] for it."] if missing else []
    if settings.journal_url != _IN_MEMORY and settings.journal_file is None:
        return [
            f"CDS_JOURNAL is neither {_SQLITE}./name.sqlite (four slashes: a full path) nor {_POSTGRES}…/name."
        ]
    return []


def _wrong_traces(settings: Settings) -> list[str]:
    is_missing = settings.traces and find_spec("opentelemetry.exporter") is None
    return ["CDS_TRACES is set: install pinpoint-cds[otel] for it."] if is_missing else []


def _wrong_for_production(settings: Settings) -> list[str]:
    wrong = []
    if settings.clients is None:
        wrong.append(
            "CDS_CLIENTS is missing: production must authenticate its callers, so name the file that tells who "
            "may call. For fictional patients use CDS_PROFILE=sandbox."
        )
    if not settings.public_url:
        wrong.append("CDS_PUBLIC_URL is missing: set the https address under which this service is reached.")
    elif not settings.public_url.startswith("https://"):
        wrong.append("CDS_PUBLIC_URL must be https.")
    if any(not server.startswith("https://") for server in settings.fhir_servers):
        wrong.append("CDS_FHIR_SERVERS must all be https: patient data and tokens travel there.")
    if settings.terminology_url and not settings.terminology_url.startswith("https://"):
        wrong.append("CDS_TERMINOLOGY_URL must be https.")
    if "*" in settings.cors_origins:
        wrong.append("CDS_CORS_ORIGINS must name the origins; * would let any web page call.")
    return wrong


def _host(name: str) -> str:
    if ":" in name:
        return str(ipaddress.ip_address(name))
    return name.encode("idna").decode("ascii").lower().removesuffix(".")


def _segments(path: str) -> tuple[str, ...] | None:
    segments = tuple(path.removeprefix("/").removesuffix("/").split("/")) if path.strip("/") else ()
    if _HIDDEN.search(path) or any(segment in {"", ".", ".."} for segment in segments):
        return None
    return segments
