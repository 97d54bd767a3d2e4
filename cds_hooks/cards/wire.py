"""CDS Hooks messages: what a caller sends us, and what we send back. Nothing clinical.

Of a request only the envelope is read here; chart entries stay raw bytes until the reader takes them one
by one. Members we do not know are ignored, because senders extend. A member written twice counts as its
last writing. Responses never hold null or anything empty but `cards`.
Source: CDS Hooks 2.0.1, "Discovery", "Calling a CDS Service", "CDS Service Response".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias
from uuid import UUID

import msgspec

from cds_hooks.cards.envelope import (
    Members,
    Undecodable,
    body_members,
    decoded,
    is_absent,
    optional,
    optional_object,
    required,
    required_list,
    required_object,
)
from cds_hooks.errors import RequestError
from cds_hooks.model.codes import Coding
from cds_hooks.model.criteria import Hook

SPECIFICATION = "2.0.1"
"""The version of CDS Hooks we follow."""

MAX_SUMMARY = 139
"""Code points in a card's summary: fewer than 140, says the specification."""

_FHIR_ID = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9\-.]{1,64}")
"""But not what means a folder in an address."""
_ENCOUNTER_NEEDED = frozenset({"encounter-discharge"})
_VISIBLE = re.compile(r"[\x21-\x7e]+")
"""What an HTTP header can carry."""


# ---------------------------------------------------------------- requests


@dataclass(frozen=True, slots=True)
class FhirAuthorization:
    """An access token for the caller's FHIR server."""

    access_token: str = field(repr=False)
    patient_id: str = ""
    """The patient it is meant for; "" when unsaid."""
    scopes: tuple[str, ...] = ()
    """What it opens, in the words of SMART 1 or 2; empty when unsaid."""


@dataclass(frozen=True, slots=True)
class HookRequest:
    """One call of a service."""

    hook: str
    hook_instance: str
    context: Mapping[str, str]
    """By their JSON names: patientId (without `Patient/`), userId, and encounterId if it was sent."""
    context_resources: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """JSON as sent, by name: draftOrders of an order hook, conditions of a new problem."""
    prefetch: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """JSON as sent, by prefetch key; a value may be `null`. A key that was not sent is not here."""
    fhir_server: str = ""
    authorization: FhirAuthorization | None = None
    """None when none was sent, or when what was sent cannot be used to ask."""
    unsorted: frozenset[str] = frozenset()
    """Prefetch keys that this caller is asked for without an order; not sent, its entry says so."""

    @property
    def patient_id(self) -> str:
        """FHIR id of the patient."""
        return self.context["patientId"]


def parse_request(body: bytes, expected: str = "") -> HookRequest:
    """The call in a request body. prefetch absent, null and {} are the same.

    `expected` is the hook of the address that was called; without it any hook will do. An incomplete
    fhirAuthorization cannot be used to ask, and that is all: the call itself stands.
    Raises RequestError that names the member which is missing or of the wrong type, never its value.
    """
    envelope = body_members(body)
    hook = required(envelope, "hook")
    if expected not in {"", hook}:
        raise RequestError(f"hook must be {expected} at this address.", field="hook")
    sent = required_object(envelope, "context")
    return HookRequest(
        hook=hook,
        hook_instance=required(envelope, "hookInstance"),
        context=_context(sent, hook),
        context_resources=_resources(sent, hook),
        prefetch={key: bytes(raw) for key, raw in optional_object(envelope, "prefetch").items()},
        fhir_server=optional(envelope, "fhirServer"),
        authorization=_authorization(envelope),
    )


def is_fhir_id(text: str) -> bool:
    """Whether it can be the id of a resource: such text needs no escape in JSON or in an address."""
    return _FHIR_ID.fullmatch(text) is not None


_RESOURCES_OF: Mapping[str, str] = {
    "order-select": "draftOrders",
    "order-sign": "draftOrders",
    "problem-list-item-create": "conditions",
}
"""The Bundle that a hook must bring in its context."""
_SELECTING = "order-select"


def _context(sent: Members, hook: str) -> dict[str, str]:
    patient_id = required(sent, "patientId", "context.").removeprefix("Patient/")
    if not is_fhir_id(patient_id):
        raise RequestError("context.patientId is not a FHIR id.", field="context.patientId")
    context = {"patientId": patient_id, "userId": required(sent, "userId", "context.")}
    encounter = required if hook in _ENCOUNTER_NEEDED else optional
    encounter_id = encounter(sent, "encounterId", "context.").removeprefix("Encounter/")
    return context | ({"encounterId": encounter_id} if encounter_id else {})


def _resources(sent: Members, hook: str) -> dict[str, bytes]:
    """What the hook brings, as it was sent: its resources are read as leniently as a chart."""
    if hook == _SELECTING:
        required_list(sent, "selections", "context.")
    name = _RESOURCES_OF.get(hook)
    if name is None:
        return {}
    required_object(sent, name, "context.")
    return {name: bytes(sent[name])}


def _authorization(envelope: Members) -> FhirAuthorization | None:
    if is_absent(envelope, "fhirAuthorization"):
        return None
    if not optional(envelope, "fhirServer"):
        raise RequestError("fhirAuthorization needs fhirServer: send both or none.", field="fhirServer")
    try:
        sent = decoded(envelope["fhirAuthorization"], _SentAuthorization)
    except Undecodable:
        return None
    if sent.token_type.lower() != "bearer" or not _VISIBLE.fullmatch(sent.access_token):
        return None
    scope = sent.scope if isinstance(sent.scope, str) else ""
    return FhirAuthorization(
        sent.access_token, (sent.patient or "").removeprefix("Patient/"), tuple(scope.split())
    )


class _SentAuthorization(msgspec.Struct):
    access_token: str
    token_type: str
    patient: str | None = None
    scope: Any = ""  # Any: scopes of another shape take nothing from the token


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
    rules: tuple[str, ...] = ()
    """Ids of the rules that speak on it; not sent, for the journal."""

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
    hook: Hook
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
