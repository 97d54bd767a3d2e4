"""The one use case: a call of a service in, cards and the reasoning behind them out.

Here the three pure steps meet the outside: what prefetch left out is fetched by a function that the
caller of `advise` passes in, and the instant comes as an argument.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import msgspec

from cds_hooks.cards.compose import Voice, compose, fired_criteria, listed_causes
from cds_hooks.cards.wire import Card, HookRequest, Service, parse_request
from cds_hooks.chart.fetch import next_page
from cds_hooks.chart.queries import queries
from cds_hooks.chart.reader import read
from cds_hooks.chart.record import LIST_WORDS, Answer, Listing, ListRead, PatientRecord, Query
from cds_hooks.errors import DataUnavailable, RequestError
from cds_hooks.model import Assessment, Gap, GapReason, Library, Span
from cds_hooks.reasoning.assess import assess
from cds_hooks.reasoning.mapping import find

FetchMissing: TypeAlias = Callable[[Mapping[str, str]], Awaitable[Mapping[str, Answer]]]
"""Fetches queries (prefetch key -> template) that were left out; a key it cannot ask for stays out."""

SERVICES: tuple[Service, ...] = (
    Service(
        id="petechiae-patient-view",
        hook="patient-view",
        title="Pinpoint: bleeding into the skin",
        description=(
            "Possible causes of petechiae and purpura, and criteria for urgent referral, each with the chart "
            "entries and the publication it rests on. The knowledge is not yet clinically signed off; it "
            "supports and does not replace a clinician's judgement."
        ),
        usage_requirements=(
            "FHIR R4. Works from prefetch alone; what prefetch leaves out is read from fhirServer. Needs "
            "Condition and Observation; reads Patient, MedicationStatement, MedicationRequest and Encounter."
        ),
    ),
)

_ESSENTIAL = ("Condition", "Observation")
"""Without any of these two there is nothing to judge."""
_NEEDED_BACK = Span(days=14)
"""A list that was cut off must reach back at least this far to count as read for acute questions."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What a call came to: the cards, and everything they rest on."""

    cards: tuple[Card, ...]
    assessment: Assessment
    record: PatientRecord


async def advise(
    request: HookRequest, fetch_missing: FetchMissing, library: Library, at: datetime, voice: Voice
) -> Advice:
    """Cards for one call.

    Errors: RequestError when the hook is not one of ours; DataUnavailable when neither problems nor
    observations could be had and nothing that was sent speaks for itself.
    """
    if request.hook not in {service.hook for service in SERVICES}:
        raise RequestError("hook is not one this service answers; see GET /cds-services.", field="hook")
    asked = queries(library)
    sent = _sent(request, asked)
    wanted = {query.key: query.template for query in asked if query.key not in sent}
    wanted |= {key: page for key, answer in sent.items() if (page := _next_page(answer))}
    came = await fetch_missing(wanted) if wanted else {}
    answers = sent | {key: _continued(sent.get(key), answer) for key, answer in came.items()}
    record = read(asked, answers, request.patient_id, at, _loose(request, sent))
    return answer(record, library, at, voice)


def answer(record: PatientRecord, library: Library, at: datetime, voice: Voice) -> Advice:
    """The advice on a record; silence only when something essential was read.

    Errors: DataUnavailable, since silence about an unread chart would look like reassurance.
    """
    advice = advise_on(record, library, at, voice)
    said = fired_criteria(advice.assessment, library) or listed_causes(advice.assessment, library)
    if not said and not _anything_essential(record):
        raise DataUnavailable(
            "Neither the problem list nor the observations could be read: send the prefetch of this service, "
            "or fhirServer with an authorization to read Condition and Observation."
        )
    return advice


def record_of_file(body: bytes, library: Library, at: datetime) -> PatientRecord:
    """The record in a file: a patient-view request, or a Bundle taken as everything the chart holds.

    Nothing is fetched. Errors: RequestError when it is neither.
    """
    asked = queries(library)
    if b'"hookInstance"' in body:
        request = parse_request(body)
        sent = _sent(request, asked)
        return read(asked, sent, request.patient_id, at, _loose(request, sent))
    return read(asked, {query.key: Answer((body,)) for query in asked}, _patient_in(body), at)


def advise_on(record: PatientRecord, library: Library, at: datetime, voice: Voice) -> Advice:
    """find, assess, compose: the same three steps for every way a chart comes in."""
    findings = find(record, library, at)
    gaps = (*list_gaps(record, at), *record.gaps)
    assessment = assess(
        findings,
        gaps,
        library,
        at,
        truth_of=findings.truth_of,
        scores=lambda: findings.worked_out_scores,
        deceased=record.patient.deceased,
    )
    return Advice(compose(assessment, library, voice), assessment, record)


def list_gaps(record: PatientRecord, at: datetime) -> Iterator[Gap]:
    """A gap for each list that was not read far enough back; medicines kept by one resource only are no gap.

    Essential, so that it is said even when nothing else is: what failed. A list that is only long is not.
    """
    for name, words in LIST_WORDS.items():
        state = record.lists.get(name)
        if state is not None and _falls_short(state, at) and state.reason is not GapReason.NOT_SUPPORTED:
            reason = state.reason or GapReason.INCOMPLETE
            yield Gap(words, reason, essential=name in _ESSENTIAL and reason is not GapReason.INCOMPLETE)


def _falls_short(state: ListRead, at: datetime) -> bool:
    if state.state is Listing.COMPLETE:
        return False
    covered = state.state is Listing.INCOMPLETE and state.back_to is not None
    return not (covered and state.back_to is not None and state.back_to <= at - _NEEDED_BACK.exact())


def _anything_essential(record: PatientRecord) -> bool:
    states = [record.lists[name].state for name in _ESSENTIAL if name in record.lists]
    return any(state in (Listing.COMPLETE, Listing.INCOMPLETE) for state in states)


def _sent(request: HookRequest, asked: tuple[Query, ...]) -> dict[str, Answer]:
    prefetch = request.prefetch
    return {query.key: Answer((prefetch[query.key],)) for query in asked if query.key in prefetch}


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
    if sent is None:
        return came
    return Answer(sent.bodies + came.bodies, more=came.more or came.failed is not None)


def _patient_in(body: bytes) -> str:
    """Id of the first Patient in a Bundle."""
    try:
        bundle = msgspec.json.decode(body, type=_Bundle)
    except (msgspec.MsgspecError, RecursionError):
        raise RequestError("The file is neither a CDS Hooks request nor a FHIR Bundle.") from None
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
    entry: list[_Entry] = []
