"""A small library, and charts made of short words, for every test: what stands here is made up.

`library_of` writes a few YAML texts to a folder and loads them as ours are loaded. Chart entries are
named by the texts of that library ("petechiae"), times are distances from `AT`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, TypeAlias, cast

from cds_hooks.chart.record import (
    Coded,
    Listing,
    ListRead,
    MedicationUse,
    Observed,
    Patient,
    PatientRecord,
    Problem,
    Quantity,
    Value,
)
from cds_hooks.model.codes import Coding
from cds_hooks.model.library import Library
from cds_hooks.model.results import Finding, GapReason
from cds_hooks.model.truth import Truth, When
from cds_hooks.reasoning.library import load
from cds_hooks.reasoning.mapping import Findings, find

AT = datetime(2026, 3, 18, 12, 0, tzinfo=UTC)
"""The instant at which every test reads its chart."""

Entry: TypeAlias = Observed | Problem | MedicationUse
Comparator: TypeAlias = Literal["", "<", "<=", ">", ">="]
Body: TypeAlias = Mapping[str, str]
"""Rule id -> the YAML of the rule without its id (and, for findings, without its name)."""

CONCEPTS = """\
petechiae:
  kind: sign
  name: "Petechiae"
  codes:
    - {system: snomed, code: "1001", display: "Petechiae"}
    - {system: icd-10, code: "P1", display: "Petechiae"}
  texts: ["petechiae", "petechial rash"]
purpura:
  kind: sign
  name: "Purpura"
  codes: [{system: snomed, code: "1002", display: "Purpura"}]
  texts: ["purpura"]
eyelid-purpura:
  kind: sign
  name: "Purpura of the eyelid"
  texts: ["purpura of eyelid"]
  sites: [eyelid]
fever:
  kind: problem
  name: "Fever"
  texts: ["fever"]
platelet-count:
  kind: lab
  name: "Platelet count"
  unit: "10*9/L"
  show_unit: "×10⁹/L"
  convert: {"10*9/L": "1", "10*3/uL": "1", "/uL": "0.001"}
  plausible: {min: "0", max: "3000"}
  codes: [{system: loinc, code: "777-3", display: "Platelets"}]
  texts: ["platelet count"]
haemoglobin:
  kind: lab
  name: "Haemoglobin"
  unit: "g/L"
  convert: {"g/L": "1", "g/dL": "10"}
  plausible: {min: "0", max: "300"}
  texts: ["haemoglobin"]
inr:
  kind: lab
  name: "INR"
  unit: "{INR}"
  convert: {"{INR}": "1", "": "1"}
  plausible: {min: "0", max: "50"}
  texts: ["inr"]
haematocrit:
  kind: lab
  name: "Haematocrit"
  unit: "%"
  convert: {"%": "1", "L/L": "100"}
  plausible: {min: "0", max: "100"}
  texts: ["haematocrit"]
temperature:
  kind: vital
  name: "Temperature"
  unit: "Cel"
  show_unit: "°C"
  convert: {"Cel": "1"}
  affine: {"[degF]": ["-32", "0.5555555555555555555555555556"]}
  plausible: {min: "25", max: "45"}
  texts: ["temperature"]
urine-blood:
  kind: lab
  name: "Blood in urine"
  texts: ["urine blood"]
skin-exam:
  kind: context
  name: "Skin examination"
  texts: ["skin examination"]
present: {kind: answer, name: "present", means: "yes", texts: ["present", "positive"]}
absent: {kind: answer, name: "absent", means: "no", texts: ["absent", "negative", "0"]}
two-plus: {kind: answer, name: "2+", means: "yes", texts: ["2+"]}
doubtful: {kind: answer, name: "doubtful", texts: ["doubtful"]}
undone: {kind: answer, name: "not done", means: "nothing", texts: ["not done"]}
face: {kind: site, name: "face", parts: [above-chest], texts: ["face"]}
eyelid: {kind: site, name: "eyelid", parts: [above-chest, periorbital], texts: ["eyelid"]}
leg:
  kind: site
  name: "leg"
  parts: [below-chest]
  codes: [{system: snomed, code: "2001", display: "Leg"}]
  texts: ["leg", "lower leg"]
oral: {kind: route, name: "oral", texts: ["oral"]}
topical: {kind: route, name: "topical", texts: ["topical"]}
aspirin:
  kind: ingredient
  name: "Aspirin"
  classes: [antiplatelet]
  mechanisms: [PF]
  offset_days: 10
  codes:
    - {system: rxnorm, code: "3001", display: "aspirin"}
    - {system: atc, code: "B01AC06", display: "acetylsalicylic acid"}
  texts: ["aspirin"]
clopidogrel:
  kind: ingredient
  name: "Clopidogrel"
  classes: [antiplatelet]
  codes: [{system: rxnorm, code: "3002", display: "clopidogrel"}]
  texts: ["clopidogrel"]
prednisolone:
  kind: ingredient
  name: "Prednisolone"
  classes: [steroid]
  codes:
    - {system: atc, code: "H02AB", display: "Glucocorticoids", route: oral}
    - {system: atc, code: "D07", display: "Dermatologicals", route: topical}
    - {system: rxnorm, code: "3003", display: "prednisolone"}
  texts: ["prednisolone"]
  deny: ["prednisolone allergy"]
methylprednisolone:
  kind: ingredient
  name: "Methylprednisolone"
  classes: [strong-steroid]
  texts: ["methylprednisolone", "methyl prednisolone"]
"""

PRODUCTS = "system,code,ingredient,route\n"

CITATIONS = """\
textbook:
  title: "A textbook"
  publisher: "A publisher"
  year: "2024"
  url: "https://example.org/textbook"
  label: "Textbook 2024"
  read: original
  where: "Chapter 1"
"""

CHOICES = """\
our-choice: {name: "Our choice", why: "Because no guideline says."}
"""

CARD = """\
version: "1.2.3"
date: "2026-03-01"
gate: skin-bleeding
groups: [infection, platelets]
signed_off: false
"""

GATE: Body = {"skin-bleeding": "sign: {concepts: [petechiae, purpura], observed_within: {days: 14}}"}

_AMOUNT = re.compile(r"(<=|>=|<|>)?([-\d.]+) ?(.*)")
_MOMENT = re.compile(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?")
_LISTS = ("Condition", "Observation", "MedicationStatement", "MedicationRequest")


# ---------------------------------------------------------------- libraries


def library_of(
    findings: Body | None = None,
    *,
    criteria: Body | None = None,
    causes: Body | None = None,
    more_concepts: str = "",
    products: str = "",
    files: Mapping[str, str] | None = None,
) -> Library:
    """The small library with these rules. `files` (path -> text) replace or add whole files.

    Errors: LibraryError, as for our own library.
    """
    with TemporaryDirectory() as folder:
        root = Path(folder)
        write_library(
            root, findings, criteria=criteria, causes=causes, more_concepts=more_concepts, products=products
        )
        for name, text in (files or {}).items():
            _write(root / name, text)
        return load(root)


def write_library(
    root: Path,
    findings: Body | None = None,
    *,
    criteria: Body | None = None,
    causes: Body | None = None,
    more_concepts: str = "",
    products: str = "",
) -> Path:
    """The folder `root` with the files of the small library in it."""
    _write(root / "mappings/concepts/all.yaml", CONCEPTS + more_concepts)
    _write(root / "mappings/products/all.csv", PRODUCTS + products)
    _write(root / "knowledge/citations.yaml", CITATIONS)
    _write(root / "knowledge/choices.yaml", CHOICES)
    _write(root / "knowledge/library.yaml", CARD)
    for finding_id, body in (dict(GATE) | dict(findings or {})).items():
        _write(root / f"mappings/findings/{finding_id}.yaml", finding_text(finding_id, body))
    for criterion_id, body in (criteria or {}).items():
        _write(root / f"knowledge/criteria/{criterion_id}.yaml", criterion_text(criterion_id, body))
    for cause_id, body in (causes or {}).items():
        _write(root / f"knowledge/causes/{cause_id}.yaml", cause_text(cause_id, body))
    return root


def finding_text(finding_id: str, body: str) -> str:
    """The YAML of a finding rule."""
    return f'id: {finding_id}\nname: "{finding_id}"\n{body}\n'


def criterion_text(criterion_id: str, body: str) -> str:
    """The YAML of an active, cited criterion. The body has `when`; its own keys win."""
    rest = {
        "name": f'"{criterion_id}"',
        "group": "infection",
        "tiers": "[{tier: SAME_DAY}]",
        "summary": '"A summary."',
        "advice": '"An advice."',
        "status": "active",
        "citations": "[{source: textbook}]",
    }
    return _with_defaults(criterion_id, body, rest)


def cause_text(cause_id: str, body: str) -> str:
    """The YAML of an active, cited cause. The body has `when`; its own keys win."""
    rest = {
        "name": f'"{cause_id}"',
        "short": f'"{cause_id}"',
        "say": '"It may explain the skin finding."',
        "tier": "ROUTINE",
        "status": "active",
        "citations": "[{source: textbook}]",
    }
    return _with_defaults(cause_id, body, rest)


@cache
def small_library() -> Library:
    """The small library without further rules; made once."""
    return library_of()


@cache
def library_with(body: str) -> Library:
    """The small library and one finding named `it`; made once for each text."""
    return library_of({"it": body})


def finding(body: str, record: PatientRecord, at: datetime = AT) -> Finding:
    """What the rule says of the chart."""
    return find(record, library_with(body), at)["it"]


def findings_of(rules: Body, *entries: Entry, at: datetime = AT) -> Findings:
    """What the rules say of a chart with these entries and all lists read."""
    return find(record(*entries), library_of(rules), at)


def truths(present: Iterable[str] = (), absent: Iterable[str] = ()) -> dict[str, Truth]:
    """Truth by finding id."""
    return dict.fromkeys(present, Truth.PRESENT) | dict.fromkeys(absent, Truth.ABSENT)


# ---------------------------------------------------------------- times


def when(text: str) -> When:
    """`2026`, `2026-03` or `2026-03-18` as the interval it means; with a time (`…T11:00Z`) an instant."""
    if "T" in text:
        moment = datetime.fromisoformat(text)
        return When(moment, moment)
    year, month, day = (int(part or 0) for part in cast("re.Match[str]", _MOMENT.fullmatch(text)).groups())
    earliest = datetime(year, month or 1, day or 1, tzinfo=UTC)
    if day:
        return When(earliest, earliest + timedelta(days=1), "day")
    if month:
        return When(earliest, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC), "month")
    return When(earliest, datetime(year + 1, 1, 1, tzinfo=UTC), "year")


def hours_ago(hours: float) -> When:
    """An instant so many hours before `AT`."""
    moment = AT - timedelta(hours=hours)
    return When(moment, moment)


def days_ago(days: float) -> When:
    """An instant so many days before `AT`."""
    return hours_ago(days * 24)


# ---------------------------------------------------------------- chart entries


def record(
    *entries: Entry,
    person: Patient | None = None,
    lists: Mapping[str, ListRead] | None = None,
) -> PatientRecord:
    """A chart with these entries. Every list was read whole, but for what `lists` says."""
    return PatientRecord(
        patient=person or Patient(),
        observed=tuple(entry for entry in entries if isinstance(entry, Observed)),
        problems=tuple(entry for entry in entries if isinstance(entry, Problem)),
        medications=tuple(entry for entry in entries if isinstance(entry, MedicationUse)),
        lists={name: ListRead(Listing.COMPLETE) for name in _LISTS} | dict(lists or {}),
    )


def list_failed(reason: GapReason = GapReason.FAILED) -> ListRead:
    """A list that could not be had."""
    return ListRead(Listing.FAILED, reason=reason)


def patient(born: str = "", sex: Literal["", "female", "male"] = "", *, deceased: bool = False) -> Patient:
    """A person; `born` as `when` takes it."""
    return Patient(born=when(born) if born else None, sex=sex, deceased=deceased)


def coded(code: str, system: str = "snomed", display: str = "") -> Coded:
    """An entry known by its code alone."""
    return Coded((Coding(system, code, display),))


def amount(text: str) -> Quantity:
    """`9.9 10*9/L` or `<5 /uL` as a quantity."""
    comparator, number, unit = cast("re.Match[str]", _AMOUNT.fullmatch(text)).groups()
    return Quantity(Decimal(number), unit, cast("Comparator", comparator or ""))


def observed(
    what: str | Coded,
    value: Value = None,
    at: When | None = None,
    *,
    undated: bool = False,
    sites: Iterable[str] = (),
    **more: Any,  # the other fields of Observed, as they are
) -> Observed:
    """An observation named by text or code, one hour ago unless said."""
    named = _coded(what)
    return Observed(
        reference=more.pop("reference", f"Observation/{_slug(named)}"),
        what=named,
        value=value,
        at=None if undated else at or hours_ago(1),
        sites=tuple(Coded(text=site) for site in sites),
        **more,
    )


def platelets(text: str, at: When | None = None, **more: Any) -> Observed:  # as `observed`
    """A platelet count; the unit may be left out for 10*9/L."""
    value = amount(text if " " in text else f"{text} 10*9/L")
    return observed(coded("777-3", "loinc"), value, at, **more)


def problem(
    what: str | Coded,
    onset: When | None = None,
    *,
    state: Literal["active", "inactive", "contradictory", "unstated"] = "active",
    sites: Iterable[str] = (),
    **more: Any,  # the other fields of Problem, as they are
) -> Problem:
    """An entry of the problem list, active and undated unless said."""
    named = _coded(what)
    return Problem(
        reference=more.pop("reference", f"Condition/{_slug(named)}"),
        what=named,
        state=state,
        onset=onset,
        sites=tuple(Coded(text=site) for site in sites),
        **more,
    )


def medicine(
    what: str | Coded,
    state: Literal["current", "ended", "not-taken", "planned", "unknown"] = "current",
    *,
    route: str = "",
    **more: Any,  # the other fields of MedicationUse, as they are
) -> MedicationUse:
    """A medicine as reported, currently taken unless said."""
    named = _coded(what)
    return MedicationUse(
        reference=more.pop("reference", f"MedicationStatement/{_slug(named)}"),
        what=named,
        source=more.pop("source", "reported"),
        state=state,
        routes=(Coded(text=route),) if route else (),
        **more,
    )


def _coded(what: str | Coded) -> Coded:
    return Coded(text=what) if isinstance(what, str) else what


def _slug(what: Coded) -> str:
    codes: Iterator[str] = (coding.code for coding in what.codings)
    return re.sub(r"\W+", "-", what.text or next(codes, "unnamed"))


def _with_defaults(rule_id: str, body: str, rest: Mapping[str, str]) -> str:
    own = {line.split(":")[0] for line in body.splitlines()}
    lines = [f"{key}: {value}" for key, value in rest.items() if key not in own]
    return "\n".join([f"id: {rule_id}", *lines, body, ""])


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
