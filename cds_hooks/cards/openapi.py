"""The service as an OpenAPI document: each address with the shape of its requests and answers.

It says what a request must hold and what an answer does hold. What a request may hold besides is left open, for
senders extend: members that are not named here are ignored.
Source: CDS Hooks 2.0.1; CDS Hooks library, contexts of the hooks; FHIR R4 OperationOutcome; OpenAPI 3.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from cds_hooks.cards.feedback import MAX_ACCEPTED, MAX_ID, MAX_ITEMS
from cds_hooks.cards.wire import MAX_SUMMARY, Service
from cds_hooks.model.criteria import Hook

_Json: TypeAlias = dict[str, object]

_MESSAGE_REFUSALS = ("400", "401", "408", "413", "415")
"""Of every address that takes a body."""


def openapi(title: str, version: str, services: Iterable[Service]) -> _Json:
    """The document for these services and the probes beside them; pages for people are not in it."""
    paths: _Json = {"/cds-services": _get("The services, and what to prefetch for each", "Discovery", "401")}
    for service in services:
        paths[f"/cds-services/{service.id}"] = _post(
            service.title, f"{service.hook}-request", "Cards", *_MESSAGE_REFUSALS, "403", "412"
        )
        paths[f"/cds-services/{service.id}/feedback"] = _post(
            f"{service.title}: feedback", "Feedback", "Nothing", *_MESSAGE_REFUSALS, "503"
        )
    paths["/livez"] = _get("200 while the process answers", "Status")
    paths["/readyz"] = _get("200 while every rule says of its canary patients what it must", "Status", "503")
    paths["/version"] = _get("Which software and which knowledge answer", "Version")
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": paths,
        "components": {"schemas": {**_ANSWERS, **{f"{hook}-request": _request(hook) for hook in _CONTEXTS}}},
    }


def _get(summary: str, answer: str, *refusals: str) -> _Json:
    return {"get": {"summary": summary, "responses": _responses(answer, refusals)}}


def _post(summary: str, body: str, answer: str, *refusals: str) -> _Json:
    taken = {"required": True, "content": _content(body)}
    return {"post": {"summary": summary, "requestBody": taken, "responses": _responses(answer, refusals)}}


def _responses(answer: str, refusals: Iterable[str]) -> _Json:
    refused = {"description": "Refused", "content": _content("OperationOutcome")}
    answered: _Json = {"description": "Answered", "content": _content(answer)}
    return {"200": answered, **dict.fromkeys([*refusals, "500"], refused)}


def _content(schema: str) -> _Json:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _object(required: Mapping[str, _Json], optional: Mapping[str, _Json] | None = None) -> _Json:
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}}


def _closed(required: Mapping[str, _Json], optional: Mapping[str, _Json] | None = None) -> _Json:
    """What we send: these members and no others."""
    return _object(required, optional) | {"additionalProperties": False}


def _list(items: _Json, **limits: int) -> _Json:
    return {"type": "array", "items": items, **limits}


_FILLED: _Json = {"type": "string", "minLength": 1}
_SHORT: _Json = {"type": "string", "minLength": 1, "maxLength": MAX_ID}
_FHIR_ID: _Json = {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9\-.]{0,63}$"}
_UUID: _Json = {"type": "string", "format": "uuid"}
_HTTPS: _Json = {"type": "string", "pattern": "^https?://"}
_INSTANT: _Json = {"type": "string", "pattern": r"^20\d\d-(0[1-9]|1[0-2])-[012][1-8]T[01]\d:[0-5]\d:[0-5]\dZ$"}
_RESOURCE: _Json = {"type": "object"}
_CODING = _closed({"code": _FILLED, "system": _FILLED}, {"display": _FILLED})

# ---------------------------------------------------------------- requests

_EVERYONE = {"userId": _FILLED, "patientId": _FHIR_ID}
_BUNDLE = _object({"entry": _list(_object({"resource": _RESOURCE}))})
_CONTEXTS: Mapping[Hook, _Json] = {
    "patient-view": _object(_EVERYONE, {"encounterId": _FHIR_ID}),
    "order-select": _object(
        {**_EVERYONE, "selections": _list(_FILLED), "draftOrders": _BUNDLE}, {"encounterId": _FHIR_ID}
    ),
    "order-sign": _object({**_EVERYONE, "draftOrders": _BUNDLE}, {"encounterId": _FHIR_ID}),
    "encounter-discharge": _object({**_EVERYONE, "encounterId": _FHIR_ID}),
    "problem-list-item-create": _object({**_EVERYONE, "conditions": _BUNDLE}, {"encounterId": _FHIR_ID}),
}
_AUTHORIZATION = _object(
    {"access_token": _FILLED, "token_type": {"const": "Bearer"}},
    {
        "expires_in": {"type": "integer"},
        "scope": {"type": "string"},
        "subject": {"type": "string"},
        "patient": _FHIR_ID,
    },
)


def _request(hook: Hook) -> _Json:
    return {
        **_object(
            {"hook": {"const": hook}, "hookInstance": _FILLED, "context": _CONTEXTS[hook]},
            {
                "fhirServer": _HTTPS,
                "fhirAuthorization": _AUTHORIZATION,
                "prefetch": {"type": "object", "additionalProperties": {"type": ["object", "null"]}},
            },
        ),
        "dependentRequired": {"fhirAuthorization": ["fhirServer"]},
    }


_TOLD = _object(
    {"card": _SHORT, "outcome": {"enum": ["accepted", "overridden"]}, "outcomeTimestamp": _INSTANT},
    {
        "acceptedSuggestions": _list(_object({"id": _SHORT}), minItems=1, maxItems=MAX_ACCEPTED),
        "overrideReason": _object({}, {"reason": _object({"code": _SHORT}), "userComment": {"type": "string"}}),
    },
)
_FEEDBACK = _object(
    {
        "feedback": _list(
            {
                **_TOLD,
                "if": {"properties": {"outcome": {"const": "accepted"}}},
                "then": {"required": ["acceptedSuggestions"]},
            },
            maxItems=MAX_ITEMS,
        )
    }
)

# ---------------------------------------------------------------- answers

_ACTION = _closed({"type": {"const": "create"}, "description": _FILLED, "resource": _RESOURCE})
_CARD = {
    **_closed(
        {
            "uuid": _UUID,
            "summary": {"type": "string", "minLength": 1, "maxLength": MAX_SUMMARY},
            "indicator": {"enum": ["info", "warning", "critical"]},
            "source": _closed({"label": _FILLED}, {"url": _HTTPS, "topic": _CODING}),
        },
        {
            "detail": _FILLED,
            "suggestions": _list(
                _closed({"label": _FILLED, "uuid": _UUID, "actions": _list(_ACTION, minItems=1, maxItems=1)}),
                minItems=1,
            ),
            "selectionBehavior": {"enum": ["any", "at-most-one"]},
            "overrideReasons": _list({**_CODING, "required": ["code", "system", "display"]}, minItems=1),
            "links": _list(_closed({"label": _FILLED, "url": _HTTPS, "type": {"const": "absolute"}}), minItems=1),
        },
    ),
    "dependentRequired": {"suggestions": ["selectionBehavior"], "selectionBehavior": ["suggestions"]},
}
_SERVICE = _closed(
    {
        "hook": {"enum": list(_CONTEXTS)},
        "id": _FILLED,
        "title": _FILLED,
        "description": _FILLED,
        "version": _FILLED,
    },
    {
        "usageRequirements": _FILLED,
        "prefetch": {"type": "object", "minProperties": 1, "additionalProperties": _FILLED},
    },
)
_ISSUE = _closed(
    {"severity": {"const": "error"}, "code": _FILLED, "details": _closed({"text": _FILLED})},
    {"expression": _list(_FILLED, minItems=1)},
)
_ANSWERS: _Json = {
    "Discovery": _closed({"services": _list(_SERVICE)}),
    "Cards": _closed({"cards": _list(_CARD)}),
    "Feedback": _FEEDBACK,
    "Nothing": _closed({}),
    "Status": _closed({"status": {"enum": ["alive", "ready"]}}),
    "Version": _closed(
        {"software": _FILLED, "knowledge": _FILLED, "released": _FILLED, "digest": _FILLED},
        {"site": _list(_FILLED), "mode": {"const": "silent"}},
    ),
    "OperationOutcome": _closed(
        {"resourceType": {"const": "OperationOutcome"}, "issue": _list(_ISSUE, minItems=1, maxItems=1)}
    ),
}
