"""Ingredients of medicines whose codes nothing here knows, asked of a FHIR terminology server.

Off unless CDS_TERMINOLOGY_URL is set. Only a code and its system leave, never a text, and at most 0.3
seconds are spent on one chart. What the server does not know, or does not tell in time, stays unknown:
the medicine is then read by its name or counted as not identified, never as "not taken".
Source: FHIR R4 4.0.1, CodeSystem $lookup and ConceptMap $translate; R5 5.0.0 (`relationship`).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from urllib.parse import urlencode

import msgspec

from cds_hooks.chart.record import Coded, MedicationUse, PatientRecord
from cds_hooks.model.codes import Coding
from cds_hooks.model.library import Library
from cds_hooks.model.results import GapReason
from cds_hooks.reasoning.codes import SYSTEMS, medicine_by_code, system_uri
from cds_hooks.settings import Base
from cds_hooks.transport import Client, Deadline, Unanswered

TOTAL_S = 0.3
"""Seconds for all questions about one chart together."""
KEPT_S = 24 * 3600
"""Seconds for which an answer is kept; also the answer that nothing is known."""
REST_S = 30
"""Seconds during which a server that failed is left alone, so that not every call waits for it."""
MOST_KEPT = 20_000
"""Answers that are kept; when there are more, all are forgotten and asked anew."""
AT_ONCE = 6

_RXNORM = SYSTEMS["rxnorm"]
_INGREDIENT = frozenset({"ingredient", "has_ingredient", "has_ingredients", "has_precise_ingredient"})
"""Properties of an RxNorm concept that name what is in it, as servers call them."""
_AS_WIDE = frozenset({"equal", "equivalent", "wider", "subsumes", "source-is-narrower-than-target"})
"""A target that is as wide as the source or wider says nothing that the source does not."""
_SENDABLE = re.compile(r"[\w.-]{1,40}")
"""What a code of a published system looks like; anything else could be words."""


class Terminology:
    """A terminology server, with what it has answered so far; one for the life of the process."""

    def __init__(self, base: Base, client: Client, library: Library) -> None:
        self._base = base
        self._client = client
        self._library = library
        self._kept: dict[tuple[str, str], tuple[float, tuple[Coding, ...]]] = {}
        self._resting_until = 0.0

    async def complete(self, record: PatientRecord) -> PatientRecord:
        """The record with the ingredients that the server knows beside medicines that nothing here knows.

        Never raises and never removes anything; without a usable answer the record comes back as it was.
        """
        asked = {key for use in record.medications for key in self._unknown(use)}
        if not asked:
            return record
        await self._ask(asked)
        return replace(record, medications=tuple(map(self._completed, record.medications)))

    def _unknown(self, use: MedicationUse) -> Iterator[tuple[str, str]]:
        """System and code of every coding of a medicine of which no coding is known."""
        codings = [coding for item in (use.what, *use.ingredients) for coding in item.codings]
        if not any(medicine_by_code(coding, self._library) for coding in codings):
            for coding in codings:
                if ":" in system_uri(coding.system) and _SENDABLE.fullmatch(coding.code):
                    yield system_uri(coding.system), coding.code

    def _completed(self, use: MedicationUse) -> MedicationUse:
        found = [coding for key in self._unknown(use) for coding in self._kept.get(key, (0.0, ()))[1]]
        return replace(use, ingredients=(*use.ingredients, *(Coded((coding,)) for coding in dict.fromkeys(found))))

    async def _ask(self, asked: Iterable[tuple[str, str]]) -> None:
        now = asyncio.get_running_loop().time()
        wanted = sorted(key for key in asked if key not in self._kept or self._kept[key][0] < now)
        if now < self._resting_until or not wanted:
            return
        if len(self._kept) > MOST_KEPT:
            self._kept.clear()
        deadline, turns = Deadline.after(TOTAL_S), asyncio.Semaphore(AT_ONCE)

        async def in_turn(key: tuple[str, str]) -> None:
            async with turns:
                await self._keep(key, deadline)

        await asyncio.gather(*map(in_turn, wanted))

    async def _keep(self, key: tuple[str, str], deadline: Deadline) -> None:
        """Asks one question and keeps the answer; a failure is not kept, and gives the server a rest."""
        now = asyncio.get_running_loop().time()
        if now < self._resting_until:
            return
        try:
            found = await self._answer(key, deadline)
        except Unanswered as failure:
            if failure.reason is not GapReason.NOT_SUPPORTED:
                self._resting_until = now + REST_S
                return
            found = ()  # how servers say that they do not know the code, or this operation
        self._kept[key] = (now + KEPT_S, found)

    async def _answer(self, key: tuple[str, str], deadline: Deadline) -> tuple[Coding, ...]:
        system, code = key
        question = {"system": system, "code": code}
        if system == _RXNORM:
            query = urlencode({**question, "property": sorted(_INGREDIENT)}, doseq=True)
            return tuple(_ingredients(await self._parameters(f"CodeSystem/$lookup?{query}", deadline)))
        query = urlencode({**question, "targetsystem": _RXNORM})
        return tuple(_translated(await self._parameters(f"ConceptMap/$translate?{query}", deadline)))

    async def _parameters(self, question: str, deadline: Deadline) -> list[_Parameter]:
        body = await self._client.get(f"{self._base.url}/{question}", token="", deadline=deadline)
        try:
            return msgspec.json.decode(body, type=_Parameters).parameter
        except (msgspec.MsgspecError, RecursionError):
            raise Unanswered(GapReason.UNREADABLE) from None


class _Concept(msgspec.Struct):
    system: str = ""
    code: str = ""


class _Parameter(msgspec.Struct, rename="camel"):
    name: str = ""
    value_code: str = ""
    value_string: str = ""
    value_coding: _Concept | None = None
    part: list[_Parameter] = []


class _Parameters(msgspec.Struct):
    parameter: list[_Parameter] = []


def _ingredients(parameters: Iterable[_Parameter]) -> Iterator[Coding]:
    for parameter in parameters:
        parts = {part.name: part for part in parameter.part}
        if parameter.name == "property" and _word(parts.get("code")) in _INGREDIENT:
            value = parts.get("value") or _Parameter()
            concept = value.value_coding or _Concept(_RXNORM, _word(value))
            if concept.code:
                yield Coding(concept.system or _RXNORM, concept.code)


def _translated(parameters: Iterable[_Parameter]) -> Iterator[Coding]:
    for parameter in parameters:
        parts = {part.name: part for part in parameter.part}
        how = _word(parts.get("equivalence") or parts.get("relationship"))
        concept = parts["concept"].value_coding if "concept" in parts else None
        if parameter.name == "match" and how in _AS_WIDE and concept and concept.code:
            yield Coding(concept.system or _RXNORM, concept.code)


def _word(parameter: _Parameter | None) -> str:
    return parameter.value_code or parameter.value_string if parameter else ""
