"""Spill files: rows by bucket, for this user only, finished as a whole or not at all."""

import stat

import msgspec
import pytest

from cds_hooks.populations.rows import Row
from cds_hooks.populations.spill import SHARED, Spill, bucket_of, name_of

ROWS = [Row(f"p{number}", "Patient", b"{}" * number) for number in range(50)]
MEDICATION = Row("", "Medication", b'{"id":"m1","code":{"text":"a"}}')


def spill_in(folder, buffer_bytes=1 << 20):
    spill = Spill(folder / "spill", 4, buffer_bytes)
    spill.make()
    return spill


def test_the_folder_is_this_users_even_when_it_was_there(tmp_path):
    (tmp_path / "spill").mkdir(mode=0o755)

    spill = spill_in(tmp_path)

    assert 0o700 == stat.S_IMODE(spill.folder.stat().st_mode)


def test_every_row_is_in_the_bucket_of_its_patient_however_often_the_buffer_was_full(tmp_path):
    spill = spill_in(tmp_path, buffer_bytes=500)
    spill.write(0, ROWS[:30])
    spill.write(1, ROWS[30:])

    found = {bucket: list(spill.rows(2, bucket)) for bucket in range(4)}

    assert set(ROWS) == {row for rows in found.values() for row in rows}
    assert all(bucket_of(row.patient, 4) == bucket for bucket, rows in found.items() for row in rows)


def test_a_segment_is_there_only_when_it_is_finished(tmp_path):
    spill = spill_in(tmp_path)

    def broken():
        yield from ROWS
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        spill.write(0, broken())
    assert not spill.has(0)

    spill.write(0, ROWS)
    assert spill.has(0)
    assert not any(path.name.endswith(".part") for path in spill.folder.iterdir())


def test_a_file_without_rows_is_a_segment_too(tmp_path):
    spill = spill_in(tmp_path)
    spill.write(0, [])

    assert [] == list(spill.rows(1, 3))


def test_medications_of_nobody_are_found_by_name_and_of_two_one_whatever_the_order(tmp_path):
    newer = msgspec.structs.replace(MEDICATION, slim=b'{"id":"m1","code":{"text":"b"}}')
    found = []
    for number, order in enumerate([(MEDICATION, newer), (newer, MEDICATION)]):
        spill = spill_in(tmp_path / str(number))
        spill.write(0, [*order, ROWS[1]])
        assert SHARED not in {bucket_of(row.patient, 4) for row in ROWS}
        spill.gather_medications(1)
        spill.gather_medications(1)  # a run that goes on gathers again
        find = spill.medications()
        found.append(find("Medication/m1"))
        assert find("Medication/m2") is None

    assert [newer.slim, newer.slim] == found
    assert "Medication/m1" == name_of(newer.slim)
