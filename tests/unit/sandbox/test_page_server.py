"""The page's files, the headers that guard it, and the little it asks for."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cds_hooks.chart.strict import Version, problems
from sandbox.page_server import FOLDER, page_router
from sandbox.store import Store

KILOBYTES = 300
ADDRESS = re.compile(r"""["'(]((?:https?:)?//[^"')\s]+)""")
NAMES_ONLY = ("http://www.w3.org/", "http://loinc.org", "http://snomed.info/", "http://unitsofmeasure.org")
NAMES_ONLY += ("http://terminology.hl7.org/", "http://www.nlm.nih.gov/")


@pytest.fixture(scope="module")
def page(charts: Store) -> Iterator[TestClient]:
    with TestClient(page_router(lambda: charts)) as client:
        yield client


def files() -> list[Path]:
    return sorted(path for path in FOLDER.rglob("*") if path.is_file())


# ---------------------------------------------------------------- what the page is made of


def test_the_page_is_light():
    assert sum(path.stat().st_size for path in files()) < KILOBYTES * 1000


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_no_file_names_an_address_to_load_from(path: Path):
    addresses = [one for one in ADDRESS.findall(path.read_text()) if not one.startswith(NAMES_ONLY)]

    assert addresses == []


def test_there_is_nothing_inline_that_the_policy_would_stop():
    html = (FOLDER / "index.html").read_text()

    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]* src=)", html)


@pytest.mark.parametrize("path", [one for one in files() if one.suffix == ".js"], ids=lambda path: path.name)
def test_text_becomes_markup_in_one_place_only(path: Path):
    hits = re.findall(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|parseFromString", path.read_text()
    )

    assert hits == (["parseFromString"] if path.name == "dom.js" else [])


# ---------------------------------------------------------------- answers


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/page/stories.json", "/page/nothing.js"])
def test_every_answer_holds_the_browser_to_our_own_origin(page: TestClient, path: str):
    headers = page.get(path).headers

    assert headers["content-security-policy"].startswith("default-src 'self'; object-src 'none'; base-uri 'none'")
    assert "require-trusted-types-for 'script'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_the_page_and_its_parts_are_served_with_their_types(page: TestClient):
    types = {
        path: page.get(path).headers["content-type"]
        for path in ("/", "/page/main.js", "/page/base.css", "/page/icon.svg")
    }

    assert types == {
        "/": "text/html; charset=utf-8",
        "/page/main.js": "text/javascript; charset=utf-8",
        "/page/base.css": "text/css; charset=utf-8",
        "/page/icon.svg": "image/svg+xml",
    }


@pytest.mark.parametrize(
    "path", ["/page/../store.py", "/page/%2e%2e/store.py", "/page/..%2fstore.py", "/page//etc/passwd"]
)
def test_nothing_outside_the_folder_is_served(page: TestClient, path: str):
    assert page.get(path).status_code == 404


def test_every_story_is_listed_with_its_patient(page: TestClient, charts: Store):
    listed = page.get("/page/stories.json").json()

    assert [(one["id"], one["kind"], one["headline"]) for one in listed] == [
        (story.id, story.kind, story.headline) for story in charts.stories
    ]
    assert all(one["patient"]["id"] == one["id"] for one in listed)


def test_details_are_rendered_in_their_order(page: TestClient):
    assert page.post("/page/rendered", json=["**a**", "", "<b>"]).json() == [
        "<p><strong>a</strong></p>\n",
        "",
        "<p>&lt;b&gt;</p>\n",
    ]


@pytest.mark.parametrize("body", ["x", '{"a": 1}', "[1]", "[null]"])
def test_what_is_no_list_of_texts_is_a_bad_request(page: TestClient, body: str):
    assert page.post("/page/rendered", content=body).status_code == 400


def test_a_body_without_end_is_too_large(page: TestClient):
    assert page.post("/page/rendered", content=b" " * 10_000_001).status_code == 413


@pytest.mark.parametrize("release", ["R5", "STU3"])
def test_charts_are_written_as_another_release_validly(page: TestClient, charts: Store, release: Version):
    for story in charts.stories:
        written = page.post(f"/page/written/{release}", json=list(story.resources)).json()

        assert [one["resourceType"] for one in written] == [one["resourceType"] for one in story.resources]
        assert problems(json.dumps(written).encode(), release) == ()


def test_what_cannot_be_written_is_refused(page: TestClient):
    assert page.post("/page/written/R9", json=[]).status_code == 404
    assert page.post("/page/written/R5", json=[{"id": "1"}]).status_code == 400
    assert page.post("/page/written/R5", json=[{"resourceType": "MedicationStatement"}]).status_code == 400
