"""Search over the charts: the request's parameters become one page of matches, or a refusal.

Strict on purpose. A server that skips a parameter it does not know answers a question nobody asked, and
a client tested against it learns nothing. So what is not in PARAMETERS is refused by name.
Source: FHIR R4, 3.1.1 Search.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from sandbox.spans import PREFIXES, Span, span
from sandbox.store import Filed, Resource, Store

PAGE_SIZE = 200
LARGEST_PAGE = 500
_PREFIX_LENGTH = 2
_DIGITS = 9  # more than any page needs, and fewer than make a number costly to read

Asked = Sequence[tuple[str, str]]
"""Parameters as they came, in their order; a name may come more than once."""


Question = Callable[[Filed], bool]
"""Whether an entry answers to one parameter."""


class SearchError(Exception):
    """A search this server refuses; the message names the parameter and what would be accepted."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """How one search parameter reads a resource."""

    kind: Literal["token", "date", "chart"]
    fields: tuple[str, ...] = ()
    """Elements tried in this order; the first that is there counts."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of an answer."""

    total: int
    """All matches, on this page and the others."""
    matches: tuple[Resource, ...]
    included: tuple[Resource, ...]
    """What `_include` asked for, each once, for the matches of this page."""
    next_offset: int | None
    """Where the next page begins; None on the last."""


def _token(*fields: str) -> Parameter:
    return Parameter("token", fields)


def _date(*fields: str) -> Parameter:
    return Parameter("date", fields)


_EVERY_TYPE = {"_id": _token("id"), "_lastUpdated": _date("lastUpdated")}
_IN_A_CHART = {**_EVERY_TYPE, "patient": Parameter("chart")}
_ABOUT = {**_IN_A_CHART, "subject": Parameter("chart"), "status": _token("status")}
_MEDICATION = {**_ABOUT, "code": _token("medicationCodeableConcept"), "category": _token("category")}

PARAMETERS: Mapping[str, Mapping[str, Parameter]] = MappingProxyType(
    {
        "AllergyIntolerance": {
            **_IN_A_CHART,
            "category": _token("category"),
            "clinical-status": _token("clinicalStatus"),
            "code": _token("code"),
            "date": _date("recordedDate"),
            "verification-status": _token("verificationStatus"),
        },
        "Condition": {
            **_IN_A_CHART,
            "subject": Parameter("chart"),
            "category": _token("category"),
            "clinical-status": _token("clinicalStatus"),
            "code": _token("code"),
            "onset-date": _date("onsetDateTime", "onsetPeriod"),
            "recorded-date": _date("recordedDate"),
            "verification-status": _token("verificationStatus"),
        },
        "Encounter": {**_ABOUT, "class": _token("class"), "date": _date("period")},
        "Immunization": {
            **_IN_A_CHART,
            "date": _date("occurrenceDateTime"),
            "status": _token("status"),
            "vaccine-code": _token("vaccineCode"),
        },
        "Medication": {**_EVERY_TYPE, "code": _token("code"), "status": _token("status")},
        "MedicationRequest": {**_MEDICATION, "authoredon": _date("authoredOn"), "intent": _token("intent")},
        "MedicationStatement": {**_MEDICATION, "effective": _date("effectiveDateTime", "effectivePeriod")},
        "Observation": {
            **_ABOUT,
            "category": _token("category"),
            "code": _token("code"),
            "date": _date("effectiveDateTime", "effectivePeriod"),
        },
        "Patient": {**_EVERY_TYPE, "birthdate": _date("birthDate"), "gender": _token("gender")},
        "Procedure": {
            **_ABOUT,
            "category": _token("category"),
            "code": _token("code"),
            "date": _date("performedDateTime", "performedPeriod"),
        },
    }
)
"""Type -> parameter -> how it reads. A type of which no chart holds anything is answered with an empty list."""

INCLUDES: Mapping[str, str] = MappingProxyType(
    {f"{name}:medication": "medicationReference" for name in ("MedicationRequest", "MedicationStatement")}
)
"""What `_include` may ask for -> the element that holds the reference."""

# A plain `code` element, like a status, has one system that FHIR fixes and no resource writes down.
_GIVEN_BY_FHIR = "*"
_ABOUT_THE_ANSWER = frozenset({"_sort", "_count", "_offset", "_include", "_format"})


def search(store: Store, resource_type: str, asked: Asked) -> Page:
    """The page of matches that the parameters ask for.

    Repeated parameters must all hold; values joined by commas are alternatives.
    Errors: SearchError for an unknown parameter, modifier or value. The type must be one of PARAMETERS.
    """
    known = PARAMETERS[resource_type]
    _refuse_unknown(resource_type, asked)
    questions = [_question(known[name], name, values) for name, values in asked if name in known]
    filed_here = store.by_type.get(resource_type, ())
    found = [filed for filed in filed_here if all(holds(filed) for holds in questions)]
    ordered = _sorted(found, known, _last(asked, "_sort"))
    offset, count = _number(asked, "_offset", 0), min(_number(asked, "_count", PAGE_SIZE), LARGEST_PAGE)
    page = tuple(filed.resource for filed in ordered[offset : offset + count])
    return Page(
        total=len(found),
        matches=page,
        included=tuple(_included(store, resource_type, page, asked)),
        next_offset=offset + count if 0 < count < len(found) - offset else None,
    )


def _refuse_unknown(resource_type: str, asked: Asked) -> None:
    known = {*PARAMETERS[resource_type], *_ABOUT_THE_ANSWER}
    for name, value in asked:
        if name not in known:
            accepted = ", ".join(sorted(known))
            raise SearchError(f'parameter "{name}" is not known for {resource_type}; known are {accepted}')
        if not value:
            raise SearchError(f'parameter "{name}" has no value; leave it out or give it one')


def _question(parameter: Parameter, name: str, values: str) -> Question:
    alternatives = [_alternative(parameter, name, wanted) for wanted in values.split(",")]
    return lambda filed: any(holds(filed) for holds in alternatives)


def _alternative(parameter: Parameter, name: str, wanted: str) -> Question:
    match parameter.kind:
        case "chart":
            chart = wanted.removesuffix("/").split("/")[-1]
            return lambda filed: filed.chart == chart
        case "token":
            return lambda filed: _has_token(wanted, _element(filed.resource, parameter))
        case "date":
            in_time = _in_time(name, wanted)
            return lambda filed: in_time(span(_element(filed.resource, parameter)))


def _element(resource: Resource, parameter: Parameter) -> Any:  # noqa: ANN401 - whatever FHIR keeps there
    holder = resource["meta"] if parameter.fields == ("lastUpdated",) else resource
    return next((holder[field] for field in parameter.fields if field in holder), None)


def _codings(value: Any) -> Iterator[tuple[str | None, str]]:  # noqa: ANN401 - code, Coding, CodeableConcept, or a list
    match value:
        case str():
            yield _GIVEN_BY_FHIR, value
        case list():
            for one in value:
                yield from _codings(one)
        case {"coding": list() as codings}:
            yield from _codings(codings)
        case {"code": str() as code}:
            yield value.get("system"), code


def _has_token(wanted: str, value: Any) -> bool:  # noqa: ANN401 - as _codings
    return any(_token_matches(wanted, *coding) for coding in _codings(value))


def _token_matches(wanted: str, system: str | None, code: str) -> bool:
    asked_system, bar, asked_code = wanted.rpartition("|")
    if not bar:
        return wanted == code
    return (system == _GIVEN_BY_FHIR or asked_system == (system or "")) and asked_code in ("", code)


def _in_time(name: str, wanted: str) -> Callable[[Span | None], bool]:
    prefix, text = "eq", wanted
    if wanted[:1].isalpha():
        prefix, text = wanted[:_PREFIX_LENGTH], wanted[_PREFIX_LENGTH:]
    try:
        asked, holds = span(text), PREFIXES[prefix]
    except (KeyError, OverflowError, ValueError):
        raise SearchError(
            f'parameter "{name}" needs a date like 2026-03-02, after none or one of {", ".join(PREFIXES)}'
        ) from None
    return lambda found: found is not None and asked is not None and holds(found, asked)


def _sorted(found: list[Filed], known: Mapping[str, Parameter], order: str | None) -> list[Filed]:
    """Newest or oldest first; what lacks the element comes last either way."""
    keys = order.split(",") if order else []
    for key in reversed(keys):  # the first key weighs most: it is applied last, and ties keep their order
        parameter = known.get(key.removeprefix("-"))
        if parameter is None or parameter.kind == "chart":
            raise SearchError(f'_sort cannot use "{key}"; use a date or token parameter of the type')
        has = [filed for filed in found if _element(filed.resource, parameter) is not None]
        lacks = [filed for filed in found if _element(filed.resource, parameter) is None]
        found = [*sorted(has, key=_rank(parameter), reverse=key.startswith("-")), *lacks]
    return found


def _rank(parameter: Parameter) -> Callable[[Filed], Any]:
    def rank(filed: Filed) -> object:
        value = _element(filed.resource, parameter)
        if parameter.kind == "date" and (when := span(value)) is not None:
            return when.low
        return [code for _, code in _codings(value)]

    return rank


def _included(store: Store, resource_type: str, page: Iterable[Resource], asked: Asked) -> Iterator[Resource]:
    for wanted in [value for name, value in asked if name == "_include"]:
        if wanted not in INCLUDES or not wanted.startswith(f"{resource_type}:"):
            raise SearchError(f'_include "{wanted}" is not offered for {resource_type}; see GET metadata')
        references = [one.get(INCLUDES[wanted], {}).get("reference") for one in page]
        for reference in dict.fromkeys(references):
            if reference in store.by_reference:
                yield store.by_reference[reference]


def _last(asked: Asked, name: str) -> str | None:
    return next((value for key, value in reversed(asked) if key == name), None)


def _number(asked: Asked, name: str, default: int) -> int:
    text = _last(asked, name)
    if text is None:
        return default
    if not text.isdecimal() or len(text) > _DIGITS:
        raise SearchError(f"{name} needs a whole number, 0 or more, of at most {_DIGITS} digits")
    return int(text)
