"""Queries for everything the rules can use: prefetch keys and the FHIR search templates behind them.

Generated from the concepts that findings name, so a code added to a concept is asked for at once. Lists
whose emptiness is information (problems, medicines) are asked for whole. Observations are asked for twice,
by code and by category: one that has a code but no category, and one that is only text in a category, must
both reach us; the reader drops the doubles.

Templates stay in the common subset of CDS Hooks 2.0.1, "Prefetch query restrictions": equality searches,
`_count`, `_sort`. No date token (clients before 3.0 cannot resolve one), no parameter twice (some clients
join the values into an OR), no percent-encoding (clients encode). `_include` of medicines is the one
documented exception: without it a referenced Medication is only an id.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from urllib.parse import quote

from cds_hooks.chart.record import Query
from cds_hooks.model.codes import Concept, ConceptCode
from cds_hooks.model.criteria import ABOUT_ORDERS, Hook
from cds_hooks.model.findings import FindingRule
from cds_hooks.model.library import Library
from cds_hooks.reasoning.asked import asked_at
from cds_hooks.reasoning.codes import SYSTEMS, system_uri
from cds_hooks.reasoning.logic import SCORE_PREFIX, parsed_key, score_key
from cds_hooks.reasoning.scores import measured_by

MAX_TEMPLATE = 1900
"""Characters in a template. Servers and proxies refuse longer URLs from about 2,000."""

_PATIENT = "patient={{context.patientId}}"
_PAGE = "_count=200"
_NEWEST = f"_sort=-date&{_PAGE}"
_OBSERVED = frozenset({"lab", "vital", "sign"})
"""What is asked for by code. A diagnosis or circumstance charted as an Observation comes by its category."""
_ONLY_WHEN_USED = (("procedure", "procedures", "Procedure"), ("vaccine", "immunizations", "Immunization"))
_SEARCHED_SYSTEMS = frozenset({"loinc", "snomed"})
_PLAIN = re.compile(r"[\w:/.-]+")
_MEDICATION = re.compile(r"Medication/([A-Za-z0-9.-]{1,64})")
_SEARCHES = 4
"""For medicines by id; more than fit into so many stay unidentified, and are counted as that."""
_PIECE = re.compile(r"\{\{(?P<token>.*?)\}\}|(?P<text>[^{]+)")


@lru_cache(maxsize=20)
def queries(library: Library, hook: Hook = "patient-view") -> tuple[Query, ...]:
    """Every query the library can use at a hook, in the order of discovery; keys are stable names.

    Where only orders are looked at, no more is asked for than their rules need; allergies nowhere else. Worked
    out once for each library that is in use.
    """
    asked = asked_at(library, hook)
    used = _concepts_used(library, asked if hook in ABOUT_ORDERS else _everything(library))
    kinds = {concept.kind for concept in used}
    return (
        Query("patient", "Patient/{{context.patientId}}", "Patient"),
        _whole("conditions", "Condition"),
        *_observations_by_code(used),
        Query(
            "observationsByCategory",
            f"Observation?{_PATIENT}&category=exam,survey,vital-signs,laboratory&{_NEWEST}",
            "Observation",
            newest_first=True,
        ),
        _medicines("medicationRequests", "MedicationRequest"),
        _medicines("medicationStatements", "MedicationStatement"),
        Query("encounters", f"Encounter?{_PATIENT}&{_NEWEST}", "Encounter", newest_first=True),
        *(_whole(key, resource_type) for kind, key, resource_type in _ONLY_WHEN_USED if kind in kinds),
        *([_whole("allergies", "AllergyIntolerance")] if any(_blames(name, library) for name in asked) else []),
    )


def medications_by_id(addresses: Iterable[str], base: str) -> dict[str, str]:
    """Searches for the Medications at these addresses, by key; in one, as long as they fit into its URL.

    Only what lies under `base`, the address of the FHIR server: an id means nothing anywhere else. `_id` stands
    alone, since some servers refuse it beside anything.
    """
    head = "Medication?_id="
    names = (address.partition("/_history/")[0].removeprefix(f"{base.rstrip('/')}/") for address in addresses)
    ids = sorted({found[1] for name in names if (found := _MEDICATION.fullmatch(name))})
    pieces = islice(_chunks(ids, MAX_TEMPLATE - len(head)), _SEARCHES)
    return {f"medications{number}": head + piece for number, piece in enumerate(pieces, start=1)}


def resolve(template: str, context: Mapping[str, str]) -> str | None:
    """The template as a URL relative to a FHIR base, percent-encoded; None when a token has no value.

    `context` holds the hook's text members by their JSON names (patientId, encounterId). What holds no
    token is an address already (a next link) and stays as it is.
    """
    if "{{" not in template:
        return template
    path, mark, query = template.partition("?")
    try:
        return _filled(path, context) + mark + "&".join(_filled(part, context) for part in query.split("&"))
    except KeyError:
        return None


def _filled(text: str, context: Mapping[str, str]) -> str:
    """One path or one `name=value`. Commas of ours separate alternatives; a value from the context cannot."""
    return "".join(
        quote(piece["text"], safe="/=,:")
        if piece["text"]
        else quote(context[piece["token"].strip().removeprefix("context.")], safe="")
        for piece in _PIECE.finditer(text)
    )


def _whole(key: str, resource_type: str) -> Query:
    return Query(key, f"{resource_type}?{_PATIENT}&{_PAGE}", resource_type)


def _medicines(key: str, resource_type: str) -> Query:
    return Query(key, f"{resource_type}?{_PATIENT}&_include={resource_type}:medication&{_PAGE}", resource_type)


def _observations_by_code(used: Iterable[Concept]) -> Iterator[Query]:
    head, tail = f"Observation?{_PATIENT}&code=", f"&{_NEWEST}"
    room = MAX_TEMPLATE - len(head) - len(tail)
    for number, codes in enumerate(_chunks(_searched_codes(used), room), start=1):
        yield Query(f"observationsByCode{number}", head + codes + tail, "Observation", newest_first=True)


def _searched_codes(used: Iterable[Concept]) -> list[str]:
    """`system|code` of every code an Observation can carry, each once, in an order that does not change."""
    return sorted(
        {
            f"{system_uri(code.system)}|{code.code}"
            for concept in used
            if concept.kind in _OBSERVED
            for code in concept.codes
            if code.system in _SEARCHED_SYSTEMS or _is_local(code)
        }
    )


def _is_local(code: ConceptCode) -> bool:
    """A hospital's own code, when it can stand in a template as it is; others come by category."""
    return code.system not in SYSTEMS and bool(_PLAIN.fullmatch(code.system) and _PLAIN.fullmatch(code.code))


def _chunks(codes: Iterable[str], room: int) -> Iterator[str]:
    """The codes joined by commas, in as few pieces as fit into the room."""
    chunk = ""
    for code in codes:
        longer = f"{chunk},{code}" if chunk else code
        if len(longer) > room:
            yield chunk
            longer = code
        chunk = longer
    if chunk:
        yield chunk


def _concepts_used(library: Library, asked: Iterable[str]) -> tuple[Concept, ...]:
    """Concepts that the asked findings name, and that the asked scores measure."""
    named: set[str] = set()
    for name in asked:
        if name.startswith(SCORE_PREFIX):
            named |= set(measured_by(library.scores[parsed_key(name)[0]]))
        else:
            named |= set(_named_by(library.findings[name]))
    return tuple(library.concepts[concept] for concept in sorted(named))


def _everything(library: Library) -> Iterator[str]:
    """Every finding and score, whether a rule of today asks for it or not."""
    yield from library.findings
    yield from (score_key(score, 0) for score in library.scores)


def _blames(name: str, library: Library) -> bool:
    rule = library.findings.get(name)
    return rule is not None and rule.medication is not None and bool(rule.medication.blamed_for)


def _named_by(rule: FindingRule) -> Iterator[str]:
    for listing in (rule.sign, rule.answer, rule.since):
        if listing:
            yield from listing.concepts
    for single in (rule.measure, rule.trend):
        if single:
            yield single.concept
