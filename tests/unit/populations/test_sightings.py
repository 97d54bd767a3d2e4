"""The first look at a file sees whose its lines are and whose charts may speak; only those are read in full."""

import json
from itertools import pairwise

import msgspec
import pytest

from cds_hooks.populations import register as module
from cds_hooks.populations.register import Awake, Register
from cds_hooks.populations.rows import Bad, Tally
from cds_hooks.populations.runs import read_runs
from cds_hooks.populations.scatter import Scatter
from cds_hooks.populations.sightings import Scan
from tests.build import library_of
from tests.protocol.charts import PATIENT, bundle, petechiae, platelets
from tests.unit.populations.exports import HEALTHY, LIBRARY, lines, of, raw, screen

NOBODYS = petechiae(subject={"reference": "Group/g1"})
MEDICATION = {"resourceType": "Medication", "id": "m1", "code": {"text": "Warfarin"}}


@pytest.fixture
def scan():
    return Scan(screen(), frozenset({"Medication"}))


def cut(seen, block):
    return [block[start:end] for start, end in pairwise((0, *seen.ends))]


def test_each_plain_line_stands_by_itself_with_its_patient(scan):
    some = [of("p1", HEALTHY), of("p2", petechiae()), of("p3", HEALTHY)]

    seen = scan.block(lines(*some))

    assert (["p1", "p2", "p3"], {"p2"}, True) == (seen.patients, seen.awake, seen.by_line)
    assert [lines(one) for one in some] == cut(seen, lines(*some))


@pytest.mark.parametrize(
    "resource",
    [
        HEALTHY | {"recordedDate": "2031-01-01"},
        platelets(250, effectiveDateTime="2031-01-01"),
        platelets(250, issued="2031-01-01T00:00:00Z"),
        platelets(250, effectivePeriod={"start": "2031-01-01"}),
        platelets(8),
        {"resourceType": "Encounter", "id": "e", "status": "finished", "reasonCode": [{"text": "petechiae"}]},
        {"resourceType": "Flag", "id": "f", "status": "active", "code": {"text": "petechiae"}},
    ],
)
def test_whatever_may_speak_in_full_is_awake_among_lines_that_may_not(scan, resource):
    quiet = of("p1", resource | {"id": "q", "code": {"text": "Gout"}, "reasonCode": []})
    quiet |= {"recordedDate": "2020-01-01", "effectiveDateTime": "2020-01-01", "issued": "2020-01-01T00:00:00Z"}
    quiet.pop("effectivePeriod", None)
    scan.block(lines(quiet))  # codes that cannot speak are known from now on

    assert {"p2"} == scan.block(lines(quiet, of("p2", resource), quiet)).awake


def test_the_last_line_may_have_no_end(scan):
    block = lines(of("p1", HEALTHY), of("p2", HEALTHY))[:-1]

    assert [lines(of("p1", HEALTHY)), raw(of("p2", HEALTHY))] == cut(scan.block(block), block)


def test_what_is_nobodys_is_counted_and_wakes_nobody(scan):
    some = [of("p1", HEALTHY), NOBODYS, of("p2", HEALTHY)]

    seen = scan.block(lines(*some))

    assert (["p1", "", "p2"], set()) == (seen.patients, seen.awake)
    assert [lines(one) for one in some] == cut(seen, lines(*some))
    assert {Bad.NO_PATIENT.value: 1} == scan.scatter.tally.bad


@pytest.mark.parametrize(
    "block",
    [
        lines(of("p1", HEALTHY), of("p2", platelets(8))),
        lines(of("p1", HEALTHY)) + b"\n" + lines(of("p2", petechiae())),
        lines(of("p1", HEALTHY)) + b"no JSON\n" + lines(of("p2", petechiae())),
        lines(of("p1", HEALTHY), of("p2", petechiae(code={"text": "\xfc"}))).replace(b"\\u00fc", b"\xfc"),
        lines(bundle(of("p1", PATIENT), of("p1", HEALTHY), of("p2", petechiae()))),
    ],
    ids=["two types", "an empty line", "a bad line", "no UTF-8", "a Bundle"],
)
def test_what_is_not_plain_is_one_place(scan, block):
    seen = scan.block(block)

    assert ({"p1", "p2"}, {"p2"}) == (set(seen.patients), seen.awake)
    assert ([block], False) == (cut(seen, block), seen.by_line)


@pytest.mark.parametrize(
    "references",
    [
        ("Patient/p1", "http://ehr.example.org/fhir/Patient/p2"),
        ("Patient/p1/_history/2", "Patient/p2"),
        ("Patient/p1", "Patient/p2/_history/Patient"),
    ],
)
def test_a_patient_may_be_named_in_any_way(scan, references):
    some = [HEALTHY | {"subject": {"reference": one}} for one in references]

    assert ["p1", "p2"] == scan.block(lines(*some)).patients


def test_a_reference_is_never_taken_for_two(scan):
    some = [HEALTHY | {"subject": {"reference": one}} for one in ("Patient/p1\nPatient/p2", "p3")]

    assert ["p1\nPatient", ""] != scan.block(lines(*some)).patients
    assert "p2" not in scan.block(lines(*some)).patients


def test_of_lines_that_say_nothing_nothing_is_awake(scan):
    block = lines({"resourceType": "Condition", "subject": {"reference": "Patient/p1"}}, of("p2", petechiae()))

    assert {"p2"} == scan.block(block).awake


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_lines_of_which_one_holds_two_are_one_place(scan, end):
    block = lines(of("p1", HEALTHY)) + raw(of("p2", HEALTHY)) + raw(of("p3", petechiae())) + end

    assert {"p1", "p2", "p3"} == set(scan.block(block).patients)
    assert [block] == cut(scan.block(block), block)


def test_text_of_other_scripts_is_plain(scan):
    block = json.dumps(of("p1", petechiae(code={"text": "Überweisung"})), ensure_ascii=False).encode()

    assert scan.block(block).by_line


def test_what_is_needed_whoever_is_assessed_is_one_place(scan):
    seen = scan.block(lines(MEDICATION, MEDICATION | {"id": "m2"}))

    assert ([], set(), False) == (seen.patients, seen.awake, seen.by_line)


def test_of_an_empty_document_nothing_is_cut_out(tmp_path, scan):
    register = Register(tmp_path, 4, 1000)
    register.write(0, [(0, scan.document(b""))])

    assert {Bad.UNREADABLE.value: 1} == scan.scatter.tally.bad
    assert [] == list(register.places(0, Awake([], everyone=True)))


def test_a_patient_of_whom_there_is_only_a_request_is_awake_and_has_no_chart(scan):
    seen = scan.document(raw({"hookInstance": "x", "context": {"patientId": "p1"}}))

    assert ([], {"p1"}) == (seen.patients, seen.awake)


def test_with_a_rule_for_any_chart_everybody_is_awake():
    rule = {"R-AD-01": "when: adult\nneeds_skin_bleeding: false"}
    library = library_of({"adult": "person: {age: {from: {years: 18}}}"}, criteria=rule)
    scan = Scan(screen(library), frozenset())

    assert {"p1"} == scan.block(lines(of("p1", HEALTHY))).awake


def test_it_counts_what_the_second_look_would_count(scan):
    blocks = [
        lines(of("p1", HEALTHY), NOBODYS, of("p2", petechiae())),
        lines(platelets(8), platelets(250, id="o2")) + b"no JSON\n",
        lines({"resourceType": "Claim", "id": "x"}, MEDICATION),
        lines(of("p1", {"resourceType": "MedicationStatement", "id": "m", "status": "active"}), PATIENT),
    ]
    other = Scatter(screen())
    for block in blocks:
        scan.block(block)
        list(other.rows(block))

    assert other.counted(LIBRARY) == scan.scatter.counted(LIBRARY)


# ---------------------------------------------------------------- on disk


def registered(folder, scan, *blocks):
    register = Register(folder, 4, 1000)
    for number, block in enumerate(blocks):
        register.write(number, [(100, scan.block(block))])
        register.finish(number, Tally({"Condition": number}))
    return register


def test_everybody_is_found_by_bucket_and_only_what_is_awake_by_place(tmp_path, scan):
    some = [of(f"p{number}", petechiae() if number == 7 else HEALTHY) for number in range(50)]
    register = registered(tmp_path, scan, lines(*some[:20]), lines(*some[20:]), lines(MEDICATION))
    awake = register.awake(3, everyone=False)
    before = len(lines(*some[:7]))

    assert {f"p{n}" for n in range(50)} == set().union(*(register.patients(3, bucket) for bucket in range(4)))
    assert ["p7"] == [f"p{n}" for n in range(50) if f"p{n}" in awake]
    assert [[(100 + before, 100 + before + len(lines(some[7])))]] == list(register.places(0, awake))
    assert [] == list(register.places(1, awake))
    assert [[(100, 100 + len(lines(MEDICATION)))]] == list(register.places(2, awake))
    assert {"Condition": 2} == register.tally(2).resources
    assert register.has(2)
    assert not register.has(3)


def test_where_everyone_is_assessed_every_place_is_read(tmp_path, scan):
    register = registered(tmp_path, scan, lines(of("p1", HEALTHY), of("p2", HEALTHY)))

    [places] = register.places(0, register.awake(1, everyone=True))

    assert 2 == len(places)


@pytest.mark.parametrize(("most", "again"), [(10, set()), (1, {"p1", "p2"})])
def test_who_was_written_is_not_written_again_while_he_is_remembered(tmp_path, scan, monkeypatch, most, again):
    monkeypatch.setattr(module, "_KNOWN", most)
    block = lines(of("p1", HEALTHY), of("p2", HEALTHY), NOBODYS)
    registered(tmp_path, scan, block, block)

    path = tmp_path / "segment-00001.people"
    assert again == {name for bucket in range(4) for name in read_runs(path, bucket, msgspec.msgpack.Decoder())}


def test_a_mark_is_had_by_its_owner():
    assert "p1" not in Awake([])
    assert [1, 0] == Awake([5]).has([5, 4])
