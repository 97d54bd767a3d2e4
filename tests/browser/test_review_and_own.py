"""Review of all patients, and a request of one's own."""

import csv
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.protocol.charts import PATIENT, ago, bundle, petechiae, platelets

REVIEW_S = 5.0


@pytest.fixture
def reviewed(tab):
    page = tab("/#/review")
    page.click("#run-review")
    page.wait_for_selector("#review-table tbody tr")
    return page


def test_the_review_of_all_patients_is_quick_and_as_told(reviewed):
    first = seconds(reviewed)
    reviewed.click("#run-review")
    expect(reviewed.locator("#run-review")).to_be_enabled()

    sums = reviewed.locator(".review-sums").inner_text()
    assert min(first, seconds(reviewed)) < REVIEW_S  # this machine may be busy with something else once
    assert "all as told" in sums
    assert "none changed since last run" in sums
    assert reviewed.locator("#review-table .badge.emergency").count() > 5


def seconds(page):
    sums = page.locator(".review-sums").inner_text()
    return float(sums.partition(" patients in ")[2].partition(" s")[0])


def test_no_patient_differs_from_the_golden_cards(reviewed):
    assert "none differs from golden" in reviewed.locator(".review-sums").inner_text()


def test_a_second_run_is_compared_with_the_first(reviewed):
    reviewed.evaluate("""() => {
        const before = JSON.parse(localStorage.getItem("pinpoint.review"));
        before["healthy-elder"] = ["critical: Something else"];
        localStorage.setItem("pinpoint.review", JSON.stringify(before));
    }""")

    reviewed.click("#run-review")
    expect(reviewed.locator(".review-sums")).to_contain_text("1 changed since last run", timeout=20_000)

    row = reviewed.locator("#review-table tbody tr", has_text="healthy-elder")
    assert "changed" in row.inner_text()


def test_the_review_is_exported_as_csv(reviewed):
    with reviewed.expect_download() as download:
        reviewed.get_by_role("button", name="Export CSV").click()

    with Path(download.value.path()).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == reviewed.locator("#review-table tbody tr").count()
    assert {"patient", "tier", "cards", "golden"} < set(rows[0])
    assert next(row for row in rows if row["patient"] == "child-fever-purpura")["tier"] == "EMERGENCY"


def test_a_patient_is_opened_from_the_review(reviewed):
    reviewed.get_by_role("link", name="pregnancy-hellp").click()
    reviewed.wait_for_selector("#cards-body .card.critical")

    assert reviewed.locator("#patient-name").inner_text().startswith("Saskia")


# ---------------------------------------------------------------- own request


def sent(page, text):
    page.fill("#own-text", text if isinstance(text, str) else json.dumps(text))
    page.click("#own-send")
    page.locator("#own-result > *").first.wait_for()
    return page.locator("#own-result")


def test_a_bundle_gets_cards_a_trace_and_what_is_not_fhir_with_its_cost(tab):
    wrong = platelets(9, valueQuantity={"value": 9}, status=None)
    recent = bundle(PATIENT, petechiae(onsetDateTime=ago(days=1)), wrong)

    result = sent(tab("/#/own"), recent)
    result.locator(".why-part").first.wait_for()

    assert result.locator(".card, .silence").count() >= 1
    invalid = result.locator(".why-part", has_text="Not valid FHIR R4").inner_text()
    assert "Observation[0].status" in invalid
    assert "cost: " in invalid


def test_the_example_is_a_request_that_works(tab):
    page = tab("/#/own")

    page.click("#own-example")
    expect(page.locator("#own-text")).to_have_value(re.compile("hookInstance"))
    page.click("#own-send")
    page.wait_for_selector("#own-result .card.critical")

    assert "Not valid FHIR R4, and what it cost none" in page.locator("#own-result").inner_text().replace(
        "\n", " "
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "There is nothing to send"),
        ("{", "This is not JSON"),
        ("[1]", "This is neither a request nor a Bundle"),
        (bundle(petechiae()), "The Bundle holds no Patient with an id"),
    ],
)
def test_what_cannot_be_sent_is_said_kindly(tab, text, told):
    assert told in sent(tab("/#/own"), text).get_by_role("alert").inner_text()


def test_a_request_that_lacks_something_gets_its_outcome_explained(tab, watch):
    watch.refusals_expected = True

    result = sent(tab("/#/own"), {"hook": "patient-view", "hookInstance": "1"})
    alert = result.get_by_role("alert").first

    assert "The service answered 400" in alert.inner_text()
    assert "Where: context" in alert.inner_text()
    assert result.get_by_role("alert").count() == 1


def test_a_file_is_dropped(tab):
    page = tab("/#/own")
    text = json.dumps(bundle(PATIENT))

    transfer = page.evaluate_handle(
        """(text) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([text], "chart.json", { type: "application/json" }));
            return transfer;
        }""",
        text,
    )
    page.dispatch_event(".drop", "drop", {"dataTransfer": transfer})

    expect(page.locator("#own-text")).to_have_value(text)
