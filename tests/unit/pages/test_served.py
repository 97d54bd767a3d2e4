"""What the service shows of itself at its own addresses: the rules, the leaflet, the source attributes."""

import base64
import hashlib
import re
from functools import cache

import pytest
from starlette.testclient import TestClient

from cds_hooks.app import create_app
from cds_hooks.cards.compose import Voice
from cds_hooks.cards.offers import SERVICES
from cds_hooks.pages.served import KNOWLEDGE, LEAFLET, served
from cds_hooks.service import advise_on
from cds_hooks.settings import Settings
from tests.build import library_of
from tests.end_to_end.charts import AT, PATIENTS, advice_of, library
from tests.signing import PUBLIC, clients_file

PAGES = (KNOWLEDGE, LEAFLET)
ATTRIBUTES = [f"/cds-services/{service.id}/source-attributes" for service in SERVICES]


@cache
def client(region="uk"):
    return TestClient(create_app(Settings(profile="sandbox", region=region)))


@cache
def places():
    """What a link may lead to, as path and anchor."""
    pages = {path: client().get(path).text for path in PAGES}
    return {(path, name) for path, text in pages.items() for name in ("", *re.findall(r' id="([^"]+)"', text))}


# ---------------------------------------------------------------- pages


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_html_that_may_load_and_run_nothing(path):
    response = client().get(path)

    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "unsafe" not in response.headers["content-security-policy"]
    assert not re.search(r"<script|<img|<form|<iframe|style=", response.text)


@pytest.mark.parametrize("path", PAGES)
def test_the_policy_lets_in_the_one_style_of_the_page(path):
    response = client().get(path)
    [style] = re.findall(r"<style>(.*?)</style>", response.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert f"style-src 'sha256-{digest}'" in response.headers["content-security-policy"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_says_its_language_and_can_be_printed(path):
    text = client().get(path).text

    assert text.startswith('<!doctype html>\n<html lang="en">')
    assert "@media print" in text
    assert "<title>" in text


@pytest.mark.parametrize(("region", "number"), [("uk", "999"), ("us", "911"), ("zz", "the emergency number")])
def test_the_leaflet_names_the_number_of_the_region(region, number):
    assert f"Call {number} or go" in client(region).get(LEAFLET).text


def test_the_rules_have_an_anchor_each():
    text = client().get(KNOWLEDGE).text

    assert '<section id="R-MEN-01">' in text
    assert '<tr id="aspirin">' in text


def test_a_library_without_a_leaflet_has_no_page_for_it():
    documents = served(library_of(), "uk", [])

    assert list(documents) == [KNOWLEDGE]
    assert documents[KNOWLEDGE].body() is documents[KNOWLEDGE].body()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_takes_nothing_in(path):
    assert client().post(path).status_code == 405


# ---------------------------------------------------------------- source attributes


@pytest.mark.parametrize("path", ATTRIBUTES)
def test_every_service_tells_its_source_attributes(path):
    response = client().get(path)

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert len(response.json()["attributes"]) == 13
    assert response.json()["rules"]


def test_a_service_that_is_not_there_has_none():
    assert client().get("/cds-services/other/source-attributes").status_code == 404


def test_pages_are_open_where_callers_must_be_authenticated(tmp_path):
    settings = Settings(profile="sandbox", clients=clients_file(tmp_path), public_url=PUBLIC)
    app = TestClient(create_app(settings))

    assert [app.get(path).status_code for path in (*PAGES, ATTRIBUTES[0])] == [200, 200, 200]
    assert app.post(f"/cds-services/{SERVICES[0].id}", json={}).status_code == 401


# ---------------------------------------------------------------- links of cards lead there


def linked(patient, public_url):
    """The cards of a sandbox patient where the service has this address."""
    record = advice_of(patient).record
    return advise_on(record, library(), AT, Voice("uk", public_url)).cards


@pytest.mark.parametrize("patient", PATIENTS)
def test_every_link_of_a_card_leads_to_its_publication_or_to_a_place_on_our_pages(patient):
    base = "https://pinpoint.example/cds"

    for card in linked(patient, base):
        urls = [link.url for link in card.links]
        ours = [url for url in urls if url.startswith(f"{base}/")]
        assert [url for url in urls if url not in ours] == [card.source.url]
        assert {link.type for link in card.links} == {"absolute"}
        assert {
            (path, anchor) for path, _, anchor in (url.removeprefix(base).partition("#") for url in ours)
        } <= places()


@pytest.mark.parametrize("patient", PATIENTS)
def test_without_a_public_address_no_card_links_to_our_pages(patient):
    for card in linked(patient, ""):
        assert [link.url for link in card.links] == [card.source.url]
