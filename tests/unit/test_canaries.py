"""Canaries: asked at start and ever again, and what they tell of rules that turn."""

import asyncio
import threading
from dataclasses import replace

import pytest
import structlog
from structlog.testing import capture_logs

from cds_hooks.canaries import Canaries
from cds_hooks.reasoning.library import load
from tests.build import write_library

CASES = """\
cases:
  - {name: fires, present: [skin-bleeding], expect: present}
  - {name: not, absent: [skin-bleeding], expect: absent}
  - {name: open, expect: unknown}
"""


@pytest.fixture
def root(tmp_path):
    write_library(tmp_path, criteria={"R-IT-01": "when: skin-bleeding"})
    (tmp_path / "knowledge/criteria/R-IT-01.cases.yaml").write_text(CASES)
    (tmp_path / "mappings/findings/skin-bleeding.cases.yaml").write_text(
        "cases: [{name: seen, given: [{concept: petechiae, observed: true}], expect: present}]\n"
    )
    yield tmp_path
    structlog.reset_defaults()


def asked(canaries, until):
    """The canaries once `until` holds; asked as a service asks them."""

    async def run():
        canaries.start()
        canaries.start()
        async with asyncio.timeout(30):
            while not until(canaries):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        canaries.stop()
        canaries.stop()
        await asyncio.sleep(0.05)

    asyncio.run(run())
    return canaries


def test_they_are_pending_until_each_was_asked_once(root):
    canaries = Canaries(load(root), root)
    assert canaries.is_pending

    assert asked(canaries, lambda them: not them.is_pending).turned == ()


def test_a_rule_that_no_longer_fires_has_turned(root):
    path = root / "knowledge/criteria/R-IT-01.cases.yaml"
    path.write_text(CASES.replace("present: [skin-bleeding], expect", "absent: [skin-bleeding], expect"))

    assert asked(Canaries(load(root), root), lambda them: not them.is_pending).turned == ("R-IT-01",)


@pytest.mark.parametrize("site", [(), ("Rule off: R-IT-09",)])
def test_a_rule_that_the_deployment_lost_has_turned(root, site):
    library = load(root)
    lost = replace(library, criteria={}, site=site)

    canaries = Canaries(library, root, deployed=lost)
    assert asked(canaries, lambda them: not them.is_pending).turned == ("R-IT-01",)


def test_where_a_site_set_nothing_its_own_library_is_asked(root):
    library = load(root)
    broken = replace(library, text_index={}, code_index={})

    canaries = Canaries(library, root, deployed=broken)
    assert asked(canaries, lambda them: not them.is_pending).turned == ("skin-bleeding",)


def test_a_rule_without_cases_has_turned(root):
    (root / "mappings/findings/skin-bleeding.cases.yaml").unlink()

    assert asked(Canaries(load(root), root), lambda them: not them.is_pending).turned == ("skin-bleeding",)


@pytest.mark.parametrize("breaks_at", ["start", "later"])
def test_a_rule_that_breaks_has_turned_and_the_others_are_asked(root, breaks_at):
    library = load(root)
    broken = replace(library, code_index=None)
    canaries = Canaries(broken if breaks_at == "start" else library, root, every_s=0.02)

    def breaks(them):
        if not them.is_pending:
            them._library = broken
        return them.turned == ("skin-bleeding",)

    with capture_logs() as log:
        asked(canaries, breaks)
    assert {line["event"] for line in log} == {"canary_broke", "canary_turned"}


@pytest.mark.parametrize("breaks_at", ["start", "later"])
def test_a_fault_outside_the_rules_is_told_and_they_are_asked_again(root, monkeypatch, breaks_at):
    canaries, asks, raised = Canaries(load(root), root, every_s=0.02), asyncio.to_thread, []

    async def once_without_a_thread(function, *arguments):
        if not raised and canaries.is_pending == (breaks_at == "start"):
            raised.append("told")
            raise RuntimeError("no thread")
        return await asks(function, *arguments)

    monkeypatch.setattr(asyncio, "to_thread", once_without_a_thread)

    broken = replace(load(root), code_index=None)

    def was_asked_after(them):
        if raised and not them.is_pending:
            them._library = broken
        return them.turned == ("skin-bleeding",)

    with capture_logs() as log:
        asked(canaries, was_asked_after)
    assert [line["event"] for line in log if line["event"] == "canaries_not_asked"] == ["canaries_not_asked"]


def test_canaries_that_hang_are_overdue_after_two_periods(root):
    canaries, release = Canaries(load(root), root, every_s=0.1), threading.Event()
    was = []

    def hangs(them):
        if not them.is_pending and not was:
            was.append(them.is_overdue)
            them._has_turned = lambda _canary: release.wait(30)
        return them.is_overdue

    try:
        asked(canaries, hangs)
    finally:
        release.set()

    assert was == [False]


def test_canaries_that_are_asked_in_time_are_never_overdue(root):
    canaries, seen = Canaries(load(root), root, every_s=0.5), []

    def a_round_later(them):
        seen.append(them.is_overdue)
        return len(seen) > 130

    asked(canaries, a_round_later)
    assert not any(seen)


def test_they_are_asked_again_and_again(root):
    library = load(root)
    canaries, broken = Canaries(library, root, every_s=0.02), replace(library, text_index={}, code_index={})
    seen = []

    def breaks_and_is_mended(them):
        if not them.is_pending and bool(them.turned) == (len(seen) == 1):
            seen.append(them.turned)
            them._library = broken if len(seen) == 1 else library
        return len(seen) == 3

    asked(canaries, breaks_and_is_mended)

    assert seen == [(), ("skin-bleeding",), ()]
