"""Our own library: no case fails, the schemas on disk are those of the code, no program hides in the data."""

import json

import pytest

from cds_hooks.reasoning.cases import check_cases
from cds_hooks.reasoning.library import data_root, schemas
from tests.end_to_end.charts import library

FOLDERS = ("mappings", "knowledge")


def test_every_case_beside_every_rule_comes_out():
    report = check_cases(library())

    assert report.faults == ()
    assert report.judged > 5_000


@pytest.mark.parametrize("name", schemas())
def test_the_schema_on_disk_is_the_one_the_code_prints(name):
    on_disk = json.loads((data_root() / name).read_text(encoding="utf-8"))

    assert on_disk == json.loads(json.dumps(schemas()[name])), "write it anew: pinpoint schema --write"


@pytest.mark.parametrize("folder", FOLDERS)
def test_rules_are_data_and_hold_no_program(folder):
    programs = [path for path in (data_root() / folder).rglob("*") if path.suffix in {".py", ".pyc", ".so", ".sh"}]

    assert programs == []
