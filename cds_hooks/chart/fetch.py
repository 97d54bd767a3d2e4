"""Answers from the EHR's FHIR server for the queries that prefetch left out.

Two questions are kept apart. Whom may we ask (`permitted`)? The address comes from the caller, so it must
equal a configured base, and a token is only ever sent to that base. What came back (`fetch`)? All queries
at once under one deadline; every failure is an Answer that says why, never an exception and never silence.
Source: CDS Hooks 2.0.1, "FHIR Resource Access"; FHIR R4, 3.1.1.4 Paging.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin

import msgspec

from cds_hooks.chart.record import Answer
from cds_hooks.model.results import GapReason
from cds_hooks.settings import AllowList, Base, parse_base
from cds_hooks.transport import Client, Deadline, Unanswered

MAX_PAGES = 5
"""Pages read for one query, the first included."""

AT_ONCE = 6
"""Questions under way to one server for one chart. More at the same instant overflow the queue of waiting
connections of a small server, and a connection that is refused there is tried again only a second later."""


FAIR_S = 0.25
"""Seconds that a server must have been given before its silence counts against it."""

_SILENCE = frozenset({GapReason.TIMED_OUT, GapReason.FAILED})
"""How questions end that a server did not answer, or answered with a fault of its own."""


@dataclass(frozen=True, slots=True)
class FhirServer:
    """A server that may be asked, and the token it may see. An empty token: asked without one."""

    base: Base
    token: str = field(default="", repr=False)


def permitted(
    url: str, token: str, *, token_patient: str, patient_id: str, allow_list: AllowList, needs_token: bool
) -> FhirServer | None:
    """The server that may be asked about this patient, or None: then nothing is asked and keys stay absent.

    None when no server is named, its base is not on the list, a token is needed and there is none (""), or
    the token is meant for another patient (`token_patient`; "" when the caller did not say).
    """
    base = allowed(url, allow_list)
    if base is None or (needs_token and not token) or token_patient not in {"", patient_id}:
        return None
    return FhirServer(base, token)


def allowed(url: str, allow_list: AllowList) -> Base | None:
    """The parsed base when it equals an entry of the list in scheme, host, port and every path segment."""
    base = parse_base(url)
    return base if base and allow_list.holds(base) else None


async def fetch(
    queries: Mapping[str, str], server: FhirServer, client: Client, deadline_s: float
) -> dict[str, Answer]:
    """One Answer for each key, all asked at once within `deadline_s` seconds together.

    `queries` maps a key to a URL relative to the server's base, or to the address of a next page.
    What could not be had is an Answer with `failed`; when later pages could not, the Answer has those that came
    beside it. An address on another origin or outside the base is not asked. A server that lately answered
    nothing is not asked at all for a while.
    """
    if not client.breakers.may_ask(server.base.url):
        return dict.fromkeys(queries, Answer(failed=GapReason.NOT_ANSWERING))
    deadline = Deadline.after(deadline_s)
    turns = asyncio.Semaphore(AT_ONCE)

    async def in_turn(query: str) -> Answer:
        async with turns:
            return await _answer(query, server, client, deadline)

    answers = await asyncio.gather(*map(in_turn, queries.values()))
    if any(answer.failed not in _SILENCE for answer in answers):
        client.breakers.answered(server.base.url)
    elif answers and deadline_s >= FAIR_S:
        client.breakers.silent(server.base.url)
    return dict(zip(queries, answers, strict=True))


def next_page(body: bytes) -> str:
    """The address in a Bundle's `next` link; empty for the last page and for a resource that is no Bundle.

    Raises msgspec.DecodeError or RecursionError when the body cannot be read as a JSON object.
    """
    links = msgspec.json.decode(body, type=_Page).link or ()
    return next((link.url for link in links if link.relation == "next"), "")


class _Link(msgspec.Struct):
    relation: str = ""
    url: str = ""


class _Page(msgspec.Struct):
    link: list[_Link] | None = None


async def _answer(query: str, server: FhirServer, client: Client, deadline: Deadline) -> Answer:
    pages = Answer()
    link = query
    while link and len(pages.bodies) < MAX_PAGES:
        try:
            body = await client.get(_address(link, server.base), token=server.token, deadline=deadline)
            link = next_page(body)
        except Unanswered as failure:
            return _so_far(pages, failure.reason)
        except (msgspec.MsgspecError, RecursionError):
            return _so_far(pages, GapReason.UNREADABLE)
        pages = pages.followed_by(Answer((body,), more=bool(link)))
    return pages


def _so_far(pages: Answer, reason: GapReason) -> Answer:
    """Pages that came before a failure are worth having; without any, the failure is the answer."""
    failure = Answer(failed=reason)
    return pages.followed_by(failure) if pages.bodies else failure


def _address(link: str, base: Base) -> str:
    """The full URL of a query or next link, built from parsed parts. Raises Unanswered outside the base."""
    try:
        path, mark, query = urljoin(f"{base.url}/", link).partition("?")
    except ValueError:
        raise Unanswered(GapReason.NOT_PERMITTED) from None
    target = parse_base(path)
    if target is None or not base.contains(target) or not link.isprintable():
        raise Unanswered(GapReason.NOT_PERMITTED)
    return target.url + mark + query
