"""How fast a population run is: an export is generated, replayed and measured, beside what others need for it.

    python bench/populations.py generate FOLDER --patients 20000   50 resources each, 16 files a type, half gzipped
    python bench/populations.py measure FOLDER --workers 2         wall and CPU time, patients/s, peak memory
    python bench/populations.py compare FOLDER                     reading lines, fhir.resources, a count in DuckDB

Everything generated is invented and the same on every run. One patient in a hundred has a skin finding.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

AT: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
FILES: Final = 16
EACH: Final = 49
"""Resources of a patient beside the Patient."""
_HELD: Final = 50_000
_CHARTS: Final = 2_000
_SNOMED, _LOINC, _RXNORM = (
    "http://snomed.info/sct",
    "http://loinc.org",
    "http://www.nlm.nih.gov/research/umls/rxnorm",
)
_LABS: Final = (
    ("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 12, 17),
    ("6690-2", "Leukocytes [#/volume] in Blood by Automated count", "10*3/uL", 4, 11),
    ("789-8", "Erythrocytes [#/volume] in Blood by Automated count", "10*6/uL", 4, 6),
    ("2339-0", "Glucose [Mass/volume] in Blood", "mg/dL", 70, 180),
    ("38483-4", "Creatinine [Mass/volume] in Blood", "mg/dL", 0.5, 1.5),
    ("2947-0", "Sodium [Moles/volume] in Blood", "mmol/L", 133, 147),
    ("8310-5", "Body temperature", "Cel", 36, 38),
    ("8867-4", "Heart rate", "/min", 55, 110),
    ("9279-1", "Respiratory rate", "/min", 11, 22),
)
_PLATELETS: Final = ("777-3", "Platelets [#/volume] in Blood by Automated count", "10*3/uL", 150, 400)
_MEDICINES: Final = (
    ("29046", "lisinopril"),
    ("6809", "metformin"),
    ("36567", "simvastatin"),
    ("17767", "amlodipine"),
    ("7646", "omeprazole"),
    ("10582", "levothyroxine"),
    ("161", "acetaminophen"),
    ("1191", "aspirin"),
)
_PROBLEMS: Final = (
    ("38341003", "Hypertensive disorder"),
    ("44054006", "Diabetes mellitus type 2"),
    ("195967001", "Asthma"),
    ("55822004", "Hyperlipidemia"),
    ("40930008", "Hypothyroidism"),
    ("10509002", "Acute bronchitis"),
)
_SKIN: Final = (("271813007", "Petechiae"), ("387778001", "Purpura"))

_Json = dict[str, Any]  # a resource as it is written


# ---------------------------------------------------------------- generating


def generate(folder: Path, patients: int, packed: str, giant: int = 0) -> None:
    """Writes the export. `packed`: half or all of the files are gzipped. `giant`: results of one more patient.

    A few thousand charts are made up; more patients have the same charts under ids of their own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rnd = random.Random(2026)
    charts = [_chart(rnd) for _ in range(min(patients, _CHARTS))]
    files: dict[tuple[str, int], BinaryIO] = {}
    held: list[tuple[str, bytes]] = []
    for number in range(patients):
        name, lines = charts[number % _CHARTS]
        mine = f"{number // _CHARTS:08x}".encode() + name[8:]
        held += [(kind, line.replace(name, mine)) for kind, line in lines]
        if len(held) >= _HELD or number == patients - 1:
            rnd.shuffle(held)
            for kind, line in held:
                _file(kind, rnd.randrange(FILES), files, folder, packed).write(line)
            held.clear()
    for kind, line in _giant(rnd, giant):
        _file(kind, rnd.randrange(FILES), files, folder, packed).write(line)
    for file in files.values():
        file.close()


def _giant(rnd: random.Random, results: int) -> Iterator[tuple[str, bytes]]:
    """One patient with petechiae and so many results; nothing for none."""
    patient = _uuid(rnd)
    if results:
        yield "Patient", _line({"resourceType": "Patient", "id": patient, "birthDate": "1960-01-01"})
        yield "Condition", _line(_problem(rnd, patient, _SKIN[0], recent=True))
    for _ in range(results):
        yield "Observation", _line(_observation(rnd, patient, rnd.choice((*_LABS, _PLATELETS))))


def _line(one: _Json) -> bytes:
    return json.dumps(one, separators=(",", ":")).encode() + b"\n"


def _chart(rnd: random.Random) -> tuple[bytes, list[tuple[str, bytes]]]:
    resources = list(_patient(rnd))
    lines = [(one["resourceType"], _line(one)) for one in resources]
    return resources[0]["id"].encode(), lines


def _file(kind: str, number: int, files: dict[tuple[str, int], BinaryIO], folder: Path, packed: str) -> BinaryIO:
    if (kind, number) not in files:
        path = folder / f"{kind}.{number:03}.ndjson"
        is_packed = packed == "all" or number % 2
        opened = gzip.open(f"{path}.gz", "wb", 1) if is_packed else path.open("wb")
        files[kind, number] = cast("BinaryIO", opened)
    return files[kind, number]


def _patient(rnd: random.Random) -> Iterator[_Json]:
    patient = _uuid(rnd)
    yield {
        "resourceType": "Patient",
        "id": patient,
        "meta": _meta(rnd, "patient"),
        "text": _narrative(f"Patient {patient[:8]}"),
        "identifier": [{"system": "http://hospital.example.org/mrn", "value": patient[:12]}],
        "name": [{"use": "official", "family": f"Test{patient[:4]}", "given": ["Sam"]}],
        "telecom": [{"system": "phone", "value": f"555-{rnd.randrange(10000):04}", "use": "home"}],
        "gender": rnd.choice(["female", "male"]),
        "birthDate": f"{rnd.randrange(1935, 2025)}-{rnd.randrange(1, 13):02}-{rnd.randrange(1, 28):02}",
        "address": [{"line": [f"{rnd.randrange(1, 999)} Main Street"], "city": "Springfield", "country": "US"}],
    }
    has_finding = rnd.random() < 0.01
    for number in range(EACH):
        kind = number % 10
        if kind < 6:
            yield _observation(rnd, patient, _PLATELETS if number in (33, 43) else rnd.choice(_LABS))
        elif kind < 8:
            yield _medicine(rnd, patient)
        elif kind == 8:
            found = has_finding and number == 8
            yield _problem(rnd, patient, rnd.choice(_SKIN if found else _PROBLEMS), recent=found)
        else:
            yield _visit(rnd, patient)


def _observation(rnd: random.Random, patient: str, lab: tuple[str, str, str, float, float]) -> _Json:
    code, display, unit, low, high = lab
    moment, value = _moment(rnd), round(rnd.uniform(low * 0.9, high * 1.1), 1)
    quantity = {"unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    category = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}
    interpretation = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "code": "N"}
    return _head(rnd, "Observation", "observation-lab", f"{display}: {value} {unit}") | {
        "status": "final",
        "category": [{"coding": [category | {"display": "Laboratory"}], "text": "Laboratory"}],
        "code": {
            "coding": [
                {"system": _LOINC, "code": code, "display": display},
                {"system": "http://lab.example.org/local", "code": f"L{code[:4]}", "display": display},
            ],
            "text": display,
        },
        "subject": {"reference": f"Patient/{patient}", "display": "Sam Test"},
        "encounter": {"reference": f"Encounter/{_uuid(rnd)}"},
        "effectiveDateTime": moment,
        "issued": moment,
        "performer": [{"reference": "Organization/lab-1", "display": "Central Laboratory"}],
        "valueQuantity": {"value": value} | quantity,
        "interpretation": [{"coding": [interpretation]}],
        "referenceRange": [{"low": {"value": low} | quantity, "high": {"value": high} | quantity}],
    }


def _medicine(rnd: random.Random, patient: str) -> _Json:
    code, name = rnd.choice(_MEDICINES)
    route = {"system": _SNOMED, "code": "26643006", "display": "Oral route"}
    return _head(rnd, "MedicationStatement", "medicationstatement", name) | {
        "status": rnd.choice(["active", "completed"]),
        "medicationCodeableConcept": {
            "coding": [{"system": _RXNORM, "code": code, "display": name}],
            "text": name,
        },
        "subject": {"reference": f"Patient/{patient}", "display": "Sam Test"},
        "effectivePeriod": {"start": _moment(rnd)},
        "dateAsserted": _moment(rnd),
        "note": [{"text": "As reported at the last visit."}],
        "dosage": [{"sequence": 1, "text": "once daily by mouth", "route": {"coding": [route]}}],
    }


def _problem(rnd: random.Random, patient: str, what: tuple[str, str], *, recent: bool) -> _Json:
    code, display = what
    moment = (AT - timedelta(hours=rnd.randrange(2, 100))).isoformat() if recent else _moment(rnd)
    status = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    verified = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
    return _head(rnd, "Condition", "condition", display) | {
        "clinicalStatus": {"coding": [{"system": status, "code": "active"}]},
        "verificationStatus": {"coding": [{"system": verified, "code": "confirmed"}]},
        "code": {"coding": [{"system": _SNOMED, "code": code, "display": display}], "text": display},
        "subject": {"reference": f"Patient/{patient}", "display": "Sam Test"},
        "encounter": {"reference": f"Encounter/{_uuid(rnd)}"},
        "onsetDateTime": moment,
        "recordedDate": moment,
        "note": [{"text": "Entered at the visit; reviewed."}],
    }


def _visit(rnd: random.Random, patient: str) -> _Json:
    moment = _moment(rnd)
    return _head(rnd, "Encounter", "encounter", "Visit") | {
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "type": [{"coding": [{"system": _SNOMED, "code": "185345009", "display": "Encounter for symptom"}]}],
        "subject": {"reference": f"Patient/{patient}"},
        "period": {"start": moment, "end": moment},
        "serviceProvider": {"reference": "Organization/org-1", "display": "Springfield General"},
    }


def _head(rnd: random.Random, kind: str, profile: str, words: str) -> _Json:
    identifier = {"system": "http://ehr.example.org/ids", "value": _uuid(rnd)}
    return {
        "resourceType": kind,
        "id": _uuid(rnd),
        "meta": _meta(rnd, profile),
        "text": _narrative(words),
        "identifier": [identifier],
    }


def _meta(rnd: random.Random, profile: str) -> _Json:
    url = f"http://hl7.org/fhir/us/core/StructureDefinition/us-core-{profile}"
    return {"versionId": "1", "lastUpdated": _moment(rnd), "profile": [url]}


def _narrative(words: str) -> _Json:
    said = f"<p><b>{words}</b></p><p>Generated for an invented chart.</p>"
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{said}</div>'
    return {"status": "generated", "div": div}


def _moment(rnd: random.Random) -> str:
    return (AT - timedelta(minutes=rnd.randrange(60, 5 * 365 * 24 * 60))).isoformat()


def _uuid(rnd: random.Random) -> str:
    digits = f"{rnd.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


# ---------------------------------------------------------------- measuring


def measure(folder: Path, words: list[str]) -> _Json:
    """Runs `pinpoint replay` and tells wall and CPU time, patients a second and a core-second, and peak memory."""
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "out"
        code = "from cds_hooks.cli import main; main()"
        command = [sys.executable, "-c", code, "replay", str(folder), "--at", AT.isoformat(), "--out", str(out)]
        load, start = os.getloadavg()[0], time.monotonic()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run = subprocess.Popen([*command, "--progress", "none", *words])
        peak, spill = _watch(run, out)
        wall, used = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
        told = json.loads((out / "report.json").read_text()) if run.returncode == 0 else {}
    patients = told.get("patients") or 0
    return {
        "exit": run.returncode,
        "load at start": round(load, 1),
        "patients": patients,
        "with card": told.get("with_card"),
        "wall s": round(wall, 1),
        "cpu s": round(cpu, 1),
        "patients/s": round(patients / wall),
        "patients per core-second": round(patients / cpu),
        "peak PSS MB": round(peak / 1024),
        "peak temporary MB": round(spill / 1e6),
    }


def _watch(run: subprocess.Popen[bytes], out: Path) -> tuple[int, int]:
    """The greatest sums of proportional memory (KB) and of temporary files (bytes), looked at twice a second."""
    peak = spill = 0
    while run.poll() is None:
        peak = max(peak, sum(map(_pss, _family(run.pid))))
        spill = max(spill, sum(map(_size, _files(out / "work"))))
        time.sleep(0.5)
    return peak, spill


def _files(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.rglob("*") if path.is_file()]
    except OSError:
        return []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # renamed meanwhile
        return 0


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in _family(int(child)))]


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


# ---------------------------------------------------------------- beside others


def compare(folder: Path, sample: int) -> list[_Json]:
    """What else one can do with the same files in one process: patients per core-second."""
    patients = _count(folder, "Patient")
    return [
        _timed("reading lines only", patients, lambda: _count(folder, "")),
        _timed("fhir.resources parses every line (a sample)", sample, lambda: _parse(folder, sample)),
        _timed(
            "DuckDB counts skin findings and low platelets (no rules, 1 thread)", patients, lambda: _duckdb(folder)
        ),
    ]


def _timed(name: str, patients: int, work: Callable[[], object]) -> _Json:
    start, cpu = time.monotonic(), time.process_time()
    work()
    cpu = time.process_time() - cpu
    wall = time.monotonic() - start
    return {
        "what": name,
        "wall s": round(wall, 1),
        "cpu s": round(cpu, 1),
        "patients per core-second": round(patients / cpu),
    }


def _lines(folder: Path, kind: str) -> Iterator[bytes]:
    for path in sorted(folder.glob(f"{kind}*.ndjson*")):
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield from file


def _count(folder: Path, kind: str) -> int:
    return sum(1 for _ in _lines(folder, kind))


def _parse(folder: Path, sample: int) -> None:
    from fhir.resources.R4B import get_fhir_model_class

    left = dict.fromkeys(("Patient", "Observation", "MedicationStatement", "Condition", "Encounter"), sample)
    for kind, share in zip(left, (1, 30, 10, 5, 4), strict=True):
        model = get_fhir_model_class(kind)
        for number, line in enumerate(_lines(folder, kind)):
            if number >= sample * share:
                break
            model.model_validate_json(line)


def _duckdb(folder: Path) -> object:
    import duckdb

    found = duckdb.connect(config={"threads": 1})
    codes = ", ".join(f"'{code}'" for code, _ in _SKIN)
    options = "format='newline_delimited', ignore_errors=true, columns={code: 'JSON', subject: 'JSON'%s}"
    conditions = f"read_json('{folder}/Condition*', {options % ''})"
    observations = f"read_json('{folder}/Observation*', {options % ', valueQuantity: JSON'})"
    skin = (
        f"SELECT json_extract_string(subject, '$.reference') FROM {conditions} "
        f"WHERE json_extract_string(code, '$.coding[0].code') IN ({codes})"
    )
    low = (
        f"SELECT json_extract_string(subject, '$.reference') FROM {observations} "
        "WHERE json_extract_string(code, '$.coding[0].code') = '777-3' "
        "AND json_extract_string(valueQuantity, '$.value')::DOUBLE < 150"
    )
    return found.execute(f"SELECT count(*) FROM ({skin} UNION {low})").fetchone()


def main() -> None:
    """Does what the command line says and prints JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["generate", "measure", "compare"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--patients", type=int, default=20_000)
    parser.add_argument("--giant", type=int, default=0, help="results of one more patient")
    parser.add_argument("--packed", choices=["half", "all"], default="half")
    parser.add_argument("--sample", type=int, default=100, help="patients that fhir.resources parses")
    known, rest = parser.parse_known_args()
    if known.what == "generate":
        generate(known.folder, known.patients, known.packed, known.giant)
    elif known.what == "measure":
        print(json.dumps(measure(known.folder, rest)))
    else:
        for row in compare(known.folder, known.sample):
            print(json.dumps(row))


if __name__ == "__main__":
    main()
