"""CDS Hooks messages: what a caller sends us, and what we send back. Nothing clinical.

Of a request only the envelope is read here; chart entries stay raw bytes until the reader takes them one
by one. Members we do not know are ignored, because senders extend. A member written twice counts as its
last writing. Responses never hold null or anything empty but `cards`.
Source: CDS Hooks 2.0.1, "Discovery", "Calling a CDS Service", "CDS Service Response".
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, TypeVar
from uuid import UUID

import msgspec

from cds_hooks.errors import RequestError
from cds_hooks.model import Coding

SPECIFICATION = "2.0.1"
"""The version of CDS Hooks we follow."""

MAX_SUMMARY = 139
"""Code points in a card's summary: fewer than 140, says the specification."""

_FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_VISIBLE = re.compile(r"[\x21-\x7e]+")
"""What an HTTP header can carry."""


# ---------------------------------------------------------------- requests


@dataclass(frozen=True, slots=True)
class FhirAuthorization:
    """An access token for the caller's FHIR server, and the patient it is meant for ("" when unsaid)."""

    access_token: str = field(repr=False)
    patient_id: str = ""


@dataclass(frozen=True, slots=True)
class HookRequest:
    """One call of a service."""

    hook: str
    hook_instance: str
    context: Mapping[str, str]
    """By their JSON names: patientId (without `Patient/`), userId, and encounterId if it was sent."""
    prefetch: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """JSON as sent, by prefetch key; a value may be `null`. A key that was not sent is not here."""
    fhir_server: str = ""
    authorization: FhirAuthorization | None = None
    """None when none was sent, or when what was sent cannot be used to ask."""

    @property
    def patient_id(self) -> str:
        """FHIR id of the patient."""
        return self.context["patientId"]


def parse_request(body: bytes) -> HookRequest:
    """The call in a request body. prefetch absent, null and {} are the same.

    An incomplete fhirAuthorization cannot be used to ask, and that is all: the call itself stands.
    Raises RequestError that names the member which is missing or of the wrong type, never its value.
    """
    envelope = _members(body.removeprefix(codecs.BOM_UTF8), "")
    return HookRequest(
        hook=_required(envelope, "hook"),
        hook_instance=_required(envelope, "hookInstance"),
        context=_context(envelope),
        prefetch={key: bytes(raw) for key, raw in _object(envelope, "prefetch").items()},
        fhir_server=_optional(envelope, "fhirServer"),
        authorization=_authorization(envelope),
    )


_Members: TypeAlias = Mapping[str, msgspec.Raw]
_T = TypeVar("_T")


def _context(envelope: _Members) -> dict[str, str]:
    if _is_absent(envelope, "context"):
        raise RequestError("context is missing: send the context of the hook.", field="context")
    members = _object(envelope, "context")
    patient_id = _required(members, "patientId", "context.").removeprefix("Patient/")
    if not _FHIR_ID.fullmatch(patient_id):
        raise RequestError("context.patientId is not a FHIR id.", field="context.patientId")
    context = {"patientId": patient_id, "userId": _required(members, "userId", "context.")}
    encounter_id = _optional(members, "encounterId", "context.").removeprefix("Encounter/")
    return context | ({"encounterId": encounter_id} if encounter_id else {})


def _authorization(envelope: _Members) -> FhirAuthorization | None:
    if _is_absent(envelope, "fhirAuthorization"):
        return None
    if not _optional(envelope, "fhirServer"):
        raise RequestError("fhirAuthorization needs fhirServer: send both or none.", field="fhirServer")
    try:
        sent = _decoded(envelope["fhirAuthorization"], _SentAuthorization)
    except _Undecodable:
        return None
    if sent.token_type.lower() != "bearer" or not _VISIBLE.fullmatch(sent.access_token):
        return None
    return FhirAuthorization(sent.access_token, (sent.patient or "").removeprefix("Patient/"))


class _SentAuthorization(msgspec.Struct):
    access_token: str
    token_type: str
    patient: str | None = None


def _required(members: _Members, name: str, prefix: str = "") -> str:
    if text := _optional(members, name, prefix):
        return text
    raise RequestError(f"{prefix}{name} is missing or empty.", field=prefix + name)


def _optional(members: _Members, name: str, prefix: str = "") -> str:
    if _is_absent(members, name):
        return ""
    try:
        return _decoded(members[name], str)
    except _Undecodable:
        raise RequestError(f"{prefix}{name} must be text.", field=prefix + name) from None


def _object(members: _Members, name: str) -> _Members:
    return {} if _is_absent(members, name) else _members(members[name], name)


def _members(body: bytes | msgspec.Raw, name: str) -> _Members:
    try:
        return _decoded(body, dict[str, msgspec.Raw])
    except _Undecodable:
        raise RequestError(f"{name or 'The body'} must be a JSON object.", field=name) from None


def _is_absent(members: _Members, name: str) -> bool:
    return name not in members or bytes(members[name]) == b"null"


class _Undecodable(Exception):
    pass


def _decoded(body: bytes | msgspec.Raw, shape: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError:
        raise _Undecodable from None
    except (msgspec.DecodeError, UnicodeError):
        raise RequestError("The body is not well-formed JSON in UTF-8.") from None
    except RecursionError:
        raise RequestError("The body is nested too deeply.") from None


# ---------------------------------------------------------------- responses


@dataclass(frozen=True, slots=True)
class Source:
    """The main publication a card rests on."""

    label: str
    url: str = ""
    icon: str = ""
    topic: Coding | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """One change that accepting a suggestion would make."""

    type: Literal["create", "update", "delete"]
    description: str
    resource: bytes = b""
    """For create and update: the whole FHIR resource as JSON, already validated."""
    resource_id: str = ""
    """For delete: `Type/id`."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Something the user may accept with one click. Its actions are taken together."""

    label: str
    uuid: str = ""
    is_recommended: bool = False
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class OverrideReason:
    """A reason the user may give for not following a card; all three members are needed."""

    code: str
    system: str
    display: str


@dataclass(frozen=True, slots=True)
class Link:
    """A page or SMART app the user may open; `app_context` only with type smart."""

    label: str
    url: str
    type: Literal["absolute", "smart"] = "absolute"
    app_context: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One card. Raises ValueError when it says nothing in its summary, or too much: that is our fault."""

    summary: str
    indicator: Literal["info", "warning", "critical"]
    source: Source
    detail: str = ""
    """GitHub Flavored Markdown without raw HTML."""
    suggestions: tuple[Suggestion, ...] = ()
    selection_behavior: Literal["any", "at-most-one"] = "any"
    """Sent only with suggestions."""
    override_reasons: tuple[OverrideReason, ...] = ()
    links: tuple[Link, ...] = ()
    uuid: str = ""
    """Given when the card goes out (`with_uuids`); feedback names it."""

    def __post_init__(self) -> None:
        if not 0 < len(self.summary) <= MAX_SUMMARY:
            raise ValueError(f"A card's summary has 1 to {MAX_SUMMARY} characters, not {len(self.summary)}.")


def with_uuids(cards: Iterable[Card], fresh: Callable[[], UUID]) -> tuple[Card, ...]:
    """The cards, and their suggestions, each with a uuid of its own."""
    return tuple(
        replace(
            card,
            uuid=str(fresh()),
            suggestions=tuple(replace(suggestion, uuid=str(fresh())) for suggestion in card.suggestions),
        )
        for card in cards
    )


def response_json(cards: Sequence[Card]) -> bytes:
    """The body of a successful answer. Raises ValueError for a card that has no uuid yet."""
    if not all(card.uuid for card in cards):
        raise ValueError("A card has no uuid: pass the cards through with_uuids first.")
    return msgspec.json.encode({"cards": [_card(card) for card in cards]})


@dataclass(frozen=True, slots=True)
class Service:
    """What discovery tells of one service, but for its prefetch. An id stands for one hook only: clients
    that key services by URL would lose the second.
    """

    id: str
    hook: str
    title: str
    description: str
    usage_requirements: str = ""


def discovery_json(offers: Iterable[tuple[Service, Mapping[str, str]]]) -> bytes:
    """The body of discovery: each service with its prefetch templates by key. No service: an empty list."""
    return msgspec.json.encode({"services": [_offer(service, prefetch) for service, prefetch in offers]})


def outcome_json(code: str, text: str, *, fields: Sequence[str] = ()) -> bytes:
    """An OperationOutcome with one error. `code` is of issue-type; `fields` are paths into the request."""
    issue = _present(severity="error", code=code, details={"text": text}, expression=list(fields))
    return msgspec.json.encode({"resourceType": "OperationOutcome", "issue": [issue]})


_Json: TypeAlias = dict[str, object]


def _offer(service: Service, prefetch: Mapping[str, str]) -> _Json:
    return _present(
        hook=service.hook,
        title=service.title,
        description=service.description,
        id=service.id,
        prefetch=dict(prefetch),
        usageRequirements=service.usage_requirements,
        version=SPECIFICATION,
    )


def _card(card: Card) -> _Json:
    return _present(
        uuid=card.uuid,
        summary=card.summary,
        detail=card.detail,
        indicator=card.indicator,
        source=_source(card.source),
        suggestions=[_suggestion(suggestion) for suggestion in card.suggestions],
        selectionBehavior=card.selection_behavior if card.suggestions else "",
        overrideReasons=[
            {"code": reason.code, "system": reason.system, "display": reason.display}
            for reason in card.override_reasons
        ],
        links=[_link(link) for link in card.links],
    )


def _source(source: Source) -> _Json:
    topic = source.topic and _present(
        code=source.topic.code, system=source.topic.system, display=source.topic.display
    )
    return _present(label=source.label, url=source.url, icon=source.icon, topic=topic)


def _suggestion(suggestion: Suggestion) -> _Json:
    return _present(
        label=suggestion.label,
        uuid=suggestion.uuid,
        isRecommended=suggestion.is_recommended,
        actions=[_action(action) for action in suggestion.actions],
    )


def _action(action: Action) -> _Json:
    resource = msgspec.Raw(action.resource) if action.resource else None
    return _present(
        type=action.type, description=action.description, resource=resource, resourceId=action.resource_id
    )


def _link(link: Link) -> _Json:
    return _present(label=link.label, url=link.url, type=link.type, appContext=link.app_context)


def _present(**members: object) -> _Json:
    """The members that hold something: an optional one without a value is left out (never null or empty)."""
    return {name: value for name, value in members.items() if value}
