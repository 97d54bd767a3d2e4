"""What the deployment page shows of a clients file is a clients file, and says everything that one can say."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from cds_hooks.chart.queries import queries
from cds_hooks.guard.clients import CdsClient, load
from cds_hooks.reasoning.library import load as load_library

PAGE = (Path(__file__).resolve().parents[2] / "docs/deploy/README.md").read_text(encoding="utf-8")
[SHOWN] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def templates():
    return {query.key: query.template for query in queries(load_library())}


def test_the_clients_file_shown_is_one_that_starts(tmp_path, templates):
    path = tmp_path / "clients.yaml"
    path.write_text(SHOWN, encoding="utf-8")

    known = load(path, templates).by_name

    assert list(known) == ["general-hospital", "children-hospital"]
    assert known["children-hospital"].ehr == "oracle"


def test_every_member_of_an_entry_is_shown():
    assert {one.name for one in fields(CdsClient)} - {"name"} == set(
        re.findall(r"^ +(?:# )?(\w+):", SHOWN, re.MULTILINE)
    )
