"""The one use case: a call of a service in, cards and the reasoning behind them out.

Here the three pure steps meet the outside: what prefetch left out is fetched by a function that the
caller of `advise` passes in, and the instant comes as an argument.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import TypeAlias

import msgspec

from cds_hooks.cards.compose import Voice, compose, could_have_mattered, fired_criteria, listed_causes
from cds_hooks.cards.offers import SERVICES
from cds_hooks.cards.suggestions import suggestion
from cds_hooks.cards.wire import Card, HookRequest, Suggestion, is_fhir_id, parse_request
from cds_hooks.chart.fetch import next_page
from cds_hooks.chart.queries import medications_by_id, queries
from cds_hooks.chart.reader import read
from cds_hooks.chart.record import LIST_WORDS, Answer, Listing, ListRead, Observed, PatientRecord, Problem, Query
from cds_hooks.chart.strict import build
from cds_hooks.errors import DataUnavailable, RequestError
from cds_hooks.model.criteria import ABOUT_ORDERS, Hook
from cds_hooks.model.library import Library
from cds_hooks.model.results import Assessment, Gap, GapReason
from cds_hooks.model.truth import Span, Truth
from cds_hooks.reasoning.assess import assess
from cds_hooks.reasoning.mapping import Findings, charted, find
from cds_hooks.reasoning.medicines import MEDICATION_LISTS, medicines_were_read
from cds_hooks.reasoning.orders import Due
from cds_hooks.reasoning.trigger import trigger
from cds_hooks.reasoning.untouched import NOTHING_CHARTED

FetchMissing: TypeAlias = Callable[[Mapping[str, str]], Awaitable[Mapping[str, Answer]]]
"""Fetches queries (prefetch key -> template) that were left out; a key it cannot ask for stays out."""

Complete: TypeAlias = Callable[[PatientRecord], Awaitable[PatientRecord]]
"""Adds to a record what a terminology server knows about its medicines; never removes anything."""

_HOOKS: Mapping[str, Hook] = {service.hook: service.hook for service in SERVICES}

_NOBODY = "nobody"
"""Id of the patient for whom orders are proved."""

_ESSENTIAL = ("Condition", "Observation")
"""Without any of these two there is nothing to judge."""
_UNSORTED = "Condition"
"""No date says what of it is missing when it was cut off."""
_NEEDED_BACK = Span(days=14)
"""A list that was cut off must reach back at least this far to count as read for acute questions."""
_NOT_OURS = frozenset({GapReason.OTHER_PATIENT, GapReason.OWNER_UNKNOWN})
_REFUSALS = _NOT_OURS | {GapReason.FUTURE}
"""Why entries were left out that could be read; the record counts them."""
_NOT_DELIVERED = frozenset({GapReason.NOT_ANSWERING, GapReason.TIMED_OUT, GapReason.FAILED})

_NOTHING_READ = (
    "Neither the problem list nor the observations could be read: send the prefetch of this service, "
    "or fhirServer with an authorization to read Condition and Observation."
)
_SERVER_SILENT = (
    "The FHIR server delivered neither the problem list nor the observations: call again later, or send the "
    "prefetch of this service."
)
_NOT_THEIRS = (
    "What came of the problem list and the observations is not said to be of the patient in context.patientId: "
    "send the entries of this patient, each with subject.reference."
)
_NEITHER = "The file is neither a CDS Hooks request nor a FHIR Bundle."
_UNKNOWN_PATIENT = (
    "The FHIR server does not know the patient in context.patientId: send the id under which it keeps the patient."
)


@dataclass(frozen=True, slots=True)
class Advice:
    """What a call came to: the cards, and everything they rest on."""

    cards: tuple[Card, ...]
    assessment: Assessment
    record: PatientRecord


async def advise(
    request: HookRequest,
    fetch_missing: FetchMissing,
    library: Library,
    at: datetime,
    voice: Voice,
    *,
    complete: Complete | None = None,
) -> Advice:
    """Cards for one call. `complete` is given where a terminology server is configured.

    Errors: RequestError when the hook is not one of ours; DataUnavailable when neither problems nor
    observations of the patient could be had, or nobody knows the patient, and nothing speaks for itself.
    """
    hook = _hook_of(request)
    if hook in ABOUT_ORDERS:
        drafts = read((), {}, request.patient_id, at, context=request.context_resources)
        advice = advise_on(await _completed(drafts, complete), library, at, voice, hook)
        if all(match.truth is Truth.ABSENT for match in advice.assessment.criteria):
            return advice
    record = await _chart(request, fetch_missing, _as_sorted(queries(library, hook), request.unsorted), at)
    return answer(await _completed(record, complete), library, at, voice, hook)


async def _chart(
    request: HookRequest, fetch_missing: FetchMissing, asked: tuple[Query, ...], at: datetime
) -> PatientRecord:
    """What was sent, with what was fetched of it; then with the medicines that it only points to, at once."""
    sent = _sent(request, asked)
    wanted = {query.key: query.template for query in asked if query.key not in sent}
    wanted |= {key: page for key, answer in sent.items() if (page := _next_page(answer))}
    came = await fetch_missing(wanted) if wanted else {}
    answers = sent | {key: _continued(sent.get(key), answer) for key, answer in came.items()}
    loose, context = _loose(request, sent), request.context_resources
    record = read(asked, answers, request.patient_id, at, loose, context=context)
    by_id = medications_by_id(record.referred, request.fhir_server) if request.fhir_server else {}
    named = await fetch_missing(by_id) if by_id else {}
    beside = [*loose, *(body for answer in named.values() for body in answer.bodies)]
    return read(asked, answers, request.patient_id, at, beside, context=context) if named else record


def answer(
    record: PatientRecord, library: Library, at: datetime, voice: Voice, hook: Hook = "patient-view"
) -> Advice:
    """The advice on a record; silence only when something essential was read.

    Errors: DataUnavailable, since silence about an unread chart would look like reassurance.
    """
    advice = advise_on(record, library, at, voice, hook)
    said = fired_criteria(advice.assessment, library) or listed_causes(advice.assessment, library)
    unread = _why_unread(record)
    if unread and not said and could_have_mattered(advice.assessment, library):
        raise DataUnavailable(unread)
    return advice


def record_of_file(body: bytes, library: Library, at: datetime) -> PatientRecord:
    """The record in a file: the request of a hook, or a Bundle taken as everything the chart holds.

    Nothing is fetched. Errors: RequestError when it is neither.
    """
    asked = queries(library, hook_of_file(body))
    if _is_request(body):
        request = parse_request(body)
        sent = _sent(request, asked)
        loose = _loose(request, sent)
        return read(asked, sent, request.patient_id, at, loose, context=request.context_resources)
    return read(asked, {query.key: Answer((body,)) for query in asked}, _patient_in(body), at)


def hook_of_file(body: bytes) -> Hook:
    """The hook of the request in a file; that of opening a chart for a Bundle. Errors: RequestError."""
    return _hook_of(parse_request(body)) if _is_request(body) else "patient-view"


def advise_on(
    record: PatientRecord, library: Library, at: datetime, voice: Voice, hook: Hook = "patient-view"
) -> Advice:
    """find, assess, compose: the same three steps for every way a chart comes in."""
    findings = find(record, library, at)
    gaps = (
        *list_gaps(record, at, is_watched_ahead=_is_ahead_watched(record, library, at, hook)),
        *record.gaps,
        *findings.set_aside,
    )
    assessment = assess(
        findings,
        gaps,
        library,
        at,
        truth_of=findings.truth_of,
        scores=lambda: findings.worked_out_scores,
        deceased=any(findings.truth_of(name) is Truth.PRESENT for name in library.card.silent_when),
        hook=hook,
    )
    speaks = any(match.truth is Truth.PRESENT for match in (*assessment.criteria, *assessment.causes))
    more = (*findings.failed, *(_nameless(findings) if speaks else ()))
    if more:
        assessment = replace(assessment, gaps=(*assessment.gaps, *more))
    cards = compose(assessment, library, voice, record.patient_id)
    return Advice(tuple(_validated(card, record.patient_id) for card in cards), assessment, record)


def _nameless(findings: Findings) -> tuple[Gap, ...]:
    """The medicines that nobody can identify, as one gap: where something is said, they might have changed it."""
    number = findings.medicines.unidentified
    return (Gap("medication", GapReason.UNIDENTIFIED, count=number),) if number else ()


def _hook_of(request: HookRequest) -> Hook:
    if request.hook not in _HOOKS:
        raise RequestError("hook is not one this service answers; see GET /cds-services.", field="hook")
    return _HOOKS[request.hook]


def _is_request(body: bytes) -> bool:
    return b'"hookInstance"' in body


async def _completed(record: PatientRecord, complete: Complete | None) -> PatientRecord:
    return record if complete is None else await complete(record)


def prove_orders(library: Library) -> None:
    """Builds every order once, for nobody: a wrong one is known before the first call, and that call is not slow.

    Raises CdsError for an order that is no valid FHIR.
    """
    for bundle in library.orders.values():
        for order in bundle.orders:
            _validated_suggestion(suggestion(Due(order, bundle), _NOBODY), _NOBODY)


def _validated(card: Card, patient_id: str) -> Card:
    """The card with what it proposes checked as FHIR R4. Raises CdsError when we built it wrongly."""
    return replace(card, suggestions=tuple(_validated_suggestion(one, patient_id) for one in card.suggestions))


def _validated_suggestion(offered: Suggestion, patient_id: str) -> Suggestion:
    actions = [replace(one, resource=_valid(one.resource, patient_id)) for one in offered.actions]
    return replace(offered, actions=tuple(actions))


def _valid(resource: bytes, patient_id: str) -> bytes:
    """The resource as valid FHIR. The orders of two patients differ in the id alone, so each is checked once."""
    if not is_fhir_id(patient_id):
        return _built(resource)
    own, nobodys = (f'"Patient/{name}"'.encode() for name in (patient_id, _NOBODY))
    return _built_once(resource.replace(own, nobodys)).replace(nobodys, own)


@lru_cache(maxsize=1000)
def _built_once(resource: bytes) -> bytes:
    return _built(resource)


def _built(resource: bytes) -> bytes:
    return msgspec.json.encode(build(msgspec.json.decode(resource)))


def _is_ahead_watched(record: PatientRecord, library: Library, at: datetime, hook: Hook) -> bool:
    """Whether an entry that was left out as dated in the future stands for something that could wake a rule."""
    wakes = trigger(library, hook) if record.ahead else None
    if wakes is None:
        return bool(record.ahead)
    problems = tuple(entry for entry in record.ahead if isinstance(entry, Problem))
    observed = tuple(entry for entry in record.ahead if isinstance(entry, Observed))
    chart = charted(replace(NOTHING_CHARTED, problems=problems, observed=observed), library, at)
    return not wakes.watched.isdisjoint({*chart.mentions, *chart.observed})


def list_gaps(record: PatientRecord, at: datetime, *, is_watched_ahead: bool = True) -> Iterator[Gap]:
    """A gap for each list that was not read far enough back; medicines kept by one resource only are no gap.

    Essential, so that it is said even when nothing else is: where silence would mislead. Entries that were refused
    are gaps of the record, one by one; here only where that matters: of what lies ahead `is_watched_ahead` tells.
    """
    for name, words in LIST_WORDS.items():
        state = record.lists.get(name)
        if state is not None and _falls_short(state, at) and not _kept_elsewhere(name, record):
            reason = state.reason or GapReason.INCOMPLETE
            matters = is_watched_ahead or reason is not GapReason.FUTURE
            is_essential = name in _ESSENTIAL and matters and _would_mislead(name, reason, record)
            if is_essential or reason not in _REFUSALS:
                yield Gap(words, reason, essential=is_essential)


def _would_mislead(name: str, reason: GapReason, record: PatientRecord) -> bool:
    """Whether silence would, beside this gap of an essential list.

    A sorted list that is only long holds what is new. Entries of others beside the patient's own are misfiled;
    where nothing else came it is the chart of somebody else.
    """
    if reason is GapReason.INCOMPLETE:
        return name == _UNSORTED
    return reason is not GapReason.OTHER_PATIENT or not (record.problems or record.observed)


def _kept_elsewhere(name: str, record: PatientRecord) -> bool:
    """Servers commonly keep medicines in one of the two lists; the one they do not have is no gap then."""
    unsupported = record.lists[name].reason is GapReason.NOT_SUPPORTED
    return unsupported and name in MEDICATION_LISTS and medicines_were_read(record.lists)


def _falls_short(state: ListRead, at: datetime) -> bool:
    if state.state is Listing.COMPLETE:
        return False
    covered = state.state is Listing.INCOMPLETE and state.back_to is not None
    return not (covered and state.back_to is not None and state.back_to <= at - _NEEDED_BACK.exact())


def _why_unread(record: PatientRecord) -> str:
    """Why this is not the chart of the patient in question, and what to send instead; empty when it is."""
    states = [record.lists[name] for name in _ESSENTIAL if name in record.lists]
    patient = record.lists.get("Patient")
    if patient and patient.reason is GapReason.NOT_FOUND:
        return _UNKNOWN_PATIENT
    unread = [state for state in states if state.state in (Listing.FAILED, Listing.NOT_READ)]
    reasons = {state.reason for state in unread}
    nothing_theirs = not (record.problems or record.observed or record.medications)
    if reasons & _NOT_OURS and (nothing_theirs or len(unread) == len(states)):
        return _NOT_THEIRS
    if len(unread) < len(states):
        return ""
    return _SERVER_SILENT if reasons and reasons <= _NOT_DELIVERED else _NOTHING_READ


def _sent(request: HookRequest, asked: tuple[Query, ...]) -> dict[str, Answer]:
    prefetch = request.prefetch
    return {query.key: Answer((prefetch[query.key],)) for query in asked if query.key in prefetch}


def _as_sorted(asked: tuple[Query, ...], unsorted: frozenset[str]) -> tuple[Query, ...]:
    """The queries; one that this caller answers in no order is complete back to nothing when it is cut off."""
    return tuple(replace(query, newest_first=False) if query.key in unsorted else query for query in asked)


def _loose(request: HookRequest, sent: Mapping[str, Answer]) -> list[bytes]:
    """Prefetch under keys that we did not ask for: read for presence only."""
    return [body for key, body in request.prefetch.items() if key not in sent]


def _next_page(sent: Answer) -> str:
    """The address of the page after the one that was sent; a body that cannot be read is the reader's matter."""
    try:
        return next_page(sent.bodies[0]) if b'"next"' in sent.bodies[0] else ""
    except (msgspec.MsgspecError, RecursionError):
        return ""


def _continued(sent: Answer | None, came: Answer) -> Answer:
    """What was sent with the pages fetched after it; a failure of those leaves what was sent incomplete."""
    return came if sent is None else sent.followed_by(came)


def _patient_in(body: bytes) -> str:
    """Id of the first Patient in a Bundle."""
    try:
        bundle = msgspec.json.decode(body, type=_Bundle)
    except msgspec.ValidationError:
        raise RequestError(_NEITHER) from None
    except (msgspec.DecodeError, RecursionError):
        raise RequestError("The file is no JSON, or its JSON is broken.") from None
    if bundle.resourceType != "Bundle":
        raise RequestError(_NEITHER)
    for entry in bundle.entry:
        if entry.resource is not None and entry.resource.resourceType == "Patient" and entry.resource.id:
            return entry.resource.id
    raise RequestError("The Bundle holds no Patient with an id; add the patient it is about.", field="entry")


class _Resource(msgspec.Struct):
    resourceType: str = ""  # noqa: N815  # FHIR's name
    id: str = ""


class _Entry(msgspec.Struct):
    resource: _Resource | None = None


class _Bundle(msgspec.Struct):
    resourceType: str = ""  # noqa: N815  # as above
    entry: list[_Entry] = []
