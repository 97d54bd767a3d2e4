"""Files become charts, or say what they lack."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox.store import STORY_TAG, kept_fresh, load


def write(folder: Path, name: str, *resources: Mapping[str, Any], kind: str = "silent") -> None:
    tag = {"system": STORY_TAG, "code": kind, "display": "A story"}
    entries = [{"resource": {"resourceType": "Patient", "id": name}}, *({"resource": one} for one in resources)]
    bundle = {"resourceType": "Bundle", "type": "collection", "meta": {"tag": [tag]}, "entry": entries}
    (folder / f"{name}.json").write_text(json.dumps(bundle), encoding="utf-8")


def test_a_file_becomes_a_story_filed_under_its_patient(tmp_path: Path, at: datetime):
    write(tmp_path, "one", {"resourceType": "Condition", "id": "one-rash", "recordedDate": "@-1h"}, kind="urgent")

    store = load(at, tmp_path)

    assert [("one", "urgent", "A story")] == [(one.id, one.kind, one.headline) for one in store.stories]
    assert ["one"] == [filed.chart for filed in store.by_type["Condition"]]
    assert store.by_reference["Condition/one-rash"]["recordedDate"] == "2026-03-02T08:00:00+00:00"


def test_last_updated_is_the_recording_or_else_the_moment_of_loading(tmp_path: Path, at: datetime):
    recorded = {"resourceType": "Condition", "id": "recorded", "recordedDate": "@-1h"}
    by_day = {"resourceType": "Condition", "id": "by-day", "recordedDate": "@-1d:date"}
    write(tmp_path, "one", recorded, by_day)

    store = load(at, tmp_path)

    assert store.by_reference["Condition/recorded"]["meta"]["lastUpdated"] == "2026-03-02T08:00:00+00:00"
    assert store.by_reference["Condition/by-day"]["meta"]["lastUpdated"] == "2026-03-02T09:00:00+00:00"


def test_an_id_used_in_two_files_is_named(tmp_path: Path, at: datetime):
    write(tmp_path, "one", {"resourceType": "Condition", "id": "rash"})
    write(tmp_path, "two", {"resourceType": "Condition", "id": "rash"})

    with pytest.raises(ValueError, match=r"two\.json: Condition/rash is used twice"):
        load(at, tmp_path)


@pytest.mark.parametrize(
    ("text", "lack"),
    [
        ("{", "Expecting property name"),
        ("{}", "meta"),
        ('{"meta": {"tag": []}}', "it needs a tag of"),
        (f'{{"meta": {{"tag": [{{"system": "{STORY_TAG}", "code": "sad"}}]}}}}', "whose code is one of"),
        (
            f'{{"meta": {{"tag": [{{"system": "{STORY_TAG}", "code": "urgent", "display": "A"}}]}}, "entry": []}}',
            'it needs one Patient with the id "one"',
        ),
        ('{"meta": "@yesterday"}', "is not a story date"),
    ],
)
def test_a_file_that_is_no_story_is_named_with_what_it_lacks(tmp_path: Path, at: datetime, text: str, lack: str):
    (tmp_path / "one.json").write_text(text, encoding="utf-8")

    with pytest.raises(ValueError, match=rf"one\.json is not a story: .*{lack}"):
        load(at, tmp_path)


def test_stories_are_told_anew_when_they_have_grown_old(tmp_path: Path, at: datetime):
    write(tmp_path, "one")
    moments = [at, at + timedelta(minutes=60), at + timedelta(minutes=61), at + timedelta(minutes=62)]
    clock = iter(moments)

    charts = kept_fresh(lambda: next(clock), folder=tmp_path)

    assert [moments[0], moments[2], moments[2]] == [charts().at, charts().at, charts().at]
