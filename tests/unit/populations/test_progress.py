"""How far a run is: a bar, lines of JSON, or nothing."""

import io
import json

import pytest

from cds_hooks.populations import progress as module
from cds_hooks.populations.progress import shown


def walk(way, stream):
    with shown(way, stream) as progress:
        progress.files(3 << 20)
        progress.read(1 << 20)
        progress.read(2 << 20)
        progress.buckets(4, 2)
        progress.bucket_done(10)
        progress.bucket_done(5)
    return stream.getvalue()


def test_programs_get_lines_of_json(monkeypatch):
    monkeypatch.setattr(module, "_EVERY_S", 0.0)

    told = [json.loads(line) for line in walk("json", io.StringIO()).splitlines()]

    assert {"stage": "files", "done": 0, "total": 3 << 20, "patients": 0} == told[0]
    assert {"stage": "patients", "done": 4, "total": 4, "patients": 15} == told[-1]


def test_not_every_step_is_a_line_but_the_last_is():
    told = [json.loads(line) for line in walk("json", io.StringIO()).splitlines()]

    assert len(told) < 6
    assert 4 == told[-1]["done"]


def test_people_get_bars_with_bytes_and_patients():
    text = walk("bar", io.StringIO())

    assert "files" in text
    assert "15 patients" in text


@pytest.mark.parametrize("way", ["none"])
def test_nobody_gets_nothing(way):
    assert "" == walk(way, io.StringIO())
