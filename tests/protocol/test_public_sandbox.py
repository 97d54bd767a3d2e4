"""The way that sandbox/README.md describes, walked with a stand-in for the public CDS Hooks sandbox."""

import json
import re
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.public_sandbox import ORIGIN, PublicSandbox
from tests.running_sandbox import free_port, running_sandbox
from tests.signing import jwks, key

README = Path(__file__).parents[2] / "sandbox" / "README.md"
ADDRESS = re.compile(rf"{re.escape(ORIGIN)}/\?\S+")
WRITTEN = ADDRESS.findall(README.read_text(encoding="utf-8"))
DRAFT = {"resourceType": "MedicationRequest", "id": "request-123", "category": {"text": "an object, not a list"}}
ASPIRIN = {
    "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "1191", "display": "aspirin"}]
}


@pytest.fixture(scope="module")
def base():
    with running_sandbox() as address:
        yield address


@pytest.fixture
def opened():
    """The page at an address of the README, with the port of this run."""
    with ExitStack() as tabs:

        def open_tab(written, base, **changes):
            page = PublicSandbox(written.replace("http://127.0.0.1:8080", base), **changes)
            tabs.enter_context(page.http)
            page.open()
            return page

        yield open_tab


def for_hook(hook):
    return next(one for one in WRITTEN if f"hook={hook}" in one)


@pytest.mark.parametrize("written", WRITTEN)
def test_every_address_of_the_readme_opens_with_a_patient_and_a_service(written, base, opened):
    page = opened(written, base)

    assert page.hook in {service["hook"] for service in page.services.values()}


def test_the_addresses_show_each_hook_that_page_knows():
    assert {"patient-view", "order-select", "order-sign"} == {
        hook for one in WRITTEN for hook in re.findall(r"&hook=([a-z-]+)", one)
    }


def test_the_first_address_shows_a_critical_card(base, opened):
    first, *_ = opened(WRITTEN[0], base).call()

    assert first["indicator"] == "critical"
    assert first["uuid"]
    assert all(suggestion["uuid"] for suggestion in first["suggestions"])


def test_every_key_of_ours_is_filled_although_searches_are_posted_and_parameters_joined(base, opened):
    page = opened(WRITTEN[0], base)

    page.call()

    [service] = [one for one in page.services.values() if one["hook"] == page.hook]
    assert set(page.requests[0]["prefetch"]) == set(service["prefetch"])


def test_what_that_page_drops_the_service_asks_for_itself_without_a_token(base, opened):
    page = opened(WRITTEN[0], base)
    whole = page.call()
    for service in page.services.values():
        service["prefetch"] = {"encounter": "Encounter/{{context.encounterId}}"}

    alone = page.call()

    assert "prefetch" not in page.requests[-1]
    assert [card["summary"] for card in alone] == [card["summary"] for card in whole]


def test_a_slash_at_the_end_of_the_discovery_address_does_not_matter(base, opened):
    page = opened(WRITTEN[0].replace("/cds-services&", "/cds-services/&"), base)

    assert page.call()[0]["indicator"] == "critical"
    assert any("//petechiae" in url for url in page.services)


def test_no_service_is_lost_because_services_are_keyed_by_their_address(base, opened):
    page = opened(WRITTEN[0], base)

    hooks = [service["hook"] for service in page.services.values()]
    assert len(set(hooks)) == len(hooks) == 5


def test_a_second_discovery_address_that_calls_again_changes_nothing(base, opened):
    page = opened(WRITTEN[0], base)

    first, second = page.call(), page.call()

    assert [card["summary"] for card in first] == [card["summary"] for card in second]
    assert {card["uuid"] for card in first}.isdisjoint(card["uuid"] for card in second)


def test_feedback_as_that_page_sends_it_is_taken(base, opened):
    page = opened(WRITTEN[0], base)
    card = page.call()[0]

    page.accept(card, card["suggestions"][0])
    page.override(card, card["overrideReasons"][0])


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_an_order_without_a_medicine_is_silent_and_one_with_aspirin_speaks(hook, base, opened):
    page = opened(for_hook(hook), base)
    selected = {"selections": ["MedicationRequest/request-123"]} if hook == "order-select" else {}

    def asked(**draft):
        return page.call(
            draftOrders={"resourceType": "Bundle", "entry": [{"resource": DRAFT | draft}]}, **selected
        )

    assert asked() == []
    assert asked(medicationCodeableConcept=ASPIRIN) != []


def test_tokens_dated_half_a_second_ahead_are_let_in(tmp_path, opened):
    port = free_port()
    own = f"http://127.0.0.1:{port}"
    (tmp_path / "keys.json").write_bytes(jwks(key()))
    client = {"iss": ORIGIN, "key_file": "keys.json", "fhir_bases": [f"{own}/fhir"]}
    (tmp_path / "clients.yaml").write_text(json.dumps({"public-sandbox": client}))

    with running_sandbox(port, CDS_CLIENTS=str(tmp_path / "clients.yaml"), CDS_PUBLIC_URL=own) as base:
        page = opened(WRITTEN[0], base, key=key())

        assert all(page.call()[0]["indicator"] == "critical" for _ in range(5))
