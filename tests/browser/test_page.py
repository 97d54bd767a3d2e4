"""The page as a person uses it: patients, cards, feedback, why, what if, the wire."""

import json
import re
import shlex
import time

import pytest
from playwright.sync_api import expect

EMERGENCY = "child-fever-purpura"
UNTESTED = "adult-petechiae-no-count"
TREND = "heparin-falling-platelets"
FIRST_CARD_S = 2.0
PAGE_BYTES = 300_000


def chart_of(patient):
    return f"/#/chart/{patient}"


def answered(page):
    """Waits for the cards and the trace of what was asked last."""
    page.wait_for_selector("#cards[aria-busy='false']")
    return page


def indicators(page):
    return page.locator("#cards-body .indicator").all_inner_texts()


def asked_again(page, action):
    """Does something that asks the service, and waits for its answer."""
    action()
    answered(page)


# ---------------------------------------------------------------- patients and cards


def test_a_chosen_patient_has_a_critical_card_within_two_seconds(tab):
    page = answered(tab(chart_of("healthy-elder")))

    started = time.monotonic()
    page.locator(f"#patient-{EMERGENCY}").click()
    page.wait_for_selector("#cards-body .card.critical")

    assert time.monotonic() - started < FIRST_CARD_S
    card = page.locator("#cards-body .card.critical")
    assert card.locator(".indicator").inner_text() == "Critical"
    assert "meningococcal" in card.locator("h3").inner_text()
    assert card.locator(".detail ul li").count() > 3
    assert card.get_by_role("link", name=re.compile("NICE")).first.get_attribute("target") == "_blank"
    assert page.locator("#patient-name").inner_text().startswith("Wren")


def test_the_first_visit_shows_an_emergency_within_two_seconds(tab):
    started = time.monotonic()

    tab("/").wait_for_selector("#cards-body .card.critical")

    assert time.monotonic() - started < FIRST_CARD_S


def test_the_first_visit_brings_less_than_300_kilobytes_with_all_its_data(tab):
    came = []

    def before(page):
        wire = page.context.new_cdp_session(page)
        wire.send("Network.enable")
        wire.on("Network.loadingFinished", lambda told: came.append(told["encodedDataLength"]))

    answered(tab("/", before=before)).wait_for_selector(".why-part")

    assert len(came) > 20
    assert sum(came) < PAGE_BYTES


def test_the_chart_is_shown_with_its_trend_and_its_outline(tab):
    page = answered(tab(chart_of(TREND)))

    assert "enoxaparin" in page.locator("#chart").inner_text()
    assert "262" in page.locator(".spark").get_attribute("aria-label")
    assert page.locator(".body .spot").count() > 5
    assert page.locator("tr[data-counts]").count() > 1


def test_a_silent_chart_says_that_silence_is_no_reassurance(tab):
    page = answered(tab(chart_of("aspirin-no-skin-finding")))

    assert "not reassurance" in page.locator("#cards-body").inner_text()


def test_stories_are_filtered_by_type_and_by_words(tab):
    page = answered(tab())

    page.locator("#kinds label", has_text="silent").click()
    kinds = set(page.locator("#patient-list .badge").all_inner_texts())
    page.locator("#kinds label", has_text="all").click()
    page.fill("#patient-search", "after a hip replacement")

    assert kinds == {"silent"}
    assert page.locator("#patient-list li").count() == 1


# ---------------------------------------------------------------- feedback


def test_accepting_makes_a_draft_and_the_feedback_arrives(tab):
    page = answered(tab(chart_of(EMERGENCY)))
    card = page.locator("#cards-body .card.critical")
    label = card.locator(".suggestions button").first.inner_text().removeprefix("+ ")

    with page.expect_request("**/feedback") as sent:
        card.locator(".suggestions button").first.click()
    card.locator(".feedback.kept").wait_for()

    [item] = json.loads(sent.value.post_data)["feedback"]
    assert (item["outcome"], len(item["acceptedSuggestions"])) == ("accepted", 1)
    assert "The service has the feedback (200" in card.locator(".feedback").inner_text()
    assert label in page.locator("#drafts").inner_text()


def test_what_a_suggestion_creates_is_told_in_words_and_as_fhir(tab):
    page = answered(tab(chart_of(EMERGENCY)))
    creates = page.locator("#cards-body .card.critical .creates")

    creates.locator("> summary").click()
    creates.locator("details summary").first.click()

    assert "ServiceRequest" in creates.locator("dl").first.inner_text()
    assert json.loads(creates.locator("pre").first.inner_text())["status"] == "draft"


def test_overriding_asks_for_a_reason_and_the_feedback_arrives(tab):
    page = answered(tab(chart_of(EMERGENCY)))
    card = page.locator("#cards-body .card.critical")

    card.get_by_role("button", name="Override…").click()
    page.get_by_label("Does not apply to this patient").check()
    page.get_by_label(re.compile("^Comment")).fill("blanches")
    with page.expect_request("**/feedback") as sent:
        page.get_by_role("button", name="Override", exact=True).click()
    card.locator(".feedback.kept").wait_for()

    [item] = json.loads(sent.value.post_data)["feedback"]
    assert item["overrideReason"]["reason"]["code"] == "cds-not-applicable"
    assert item["overrideReason"]["userComment"] == "blanches"
    assert not card.locator(".detail").is_visible()
    card.get_by_role("button", name="Show again").click()
    assert card.locator(".detail").is_visible()


def test_a_service_that_takes_no_feedback_is_said_kindly(tab, watch):
    watch.refusals_expected = True
    page = answered(tab(chart_of(EMERGENCY)))
    page.route("**/feedback", lambda route: route.fulfill(status=404, json={}))

    page.locator(".suggestions button").first.click()
    page.locator(".feedback.lost").first.wait_for()

    assert "takes no feedback (404)" in page.locator(".feedback.lost").first.inner_text()


# ---------------------------------------------------------------- why


def test_why_names_criteria_with_their_truth_entries_and_publications(tab):
    page = answered(tab(chart_of(EMERGENCY)))

    met = page.locator(".why-part", has_text="Criteria met").first
    assert met.locator(".truth.present").count() > 3
    assert "Temperature 39.8 °C" in met.inner_text()
    assert met.locator(".publications a").first.get_attribute("href").startswith("https://")
    assert met.locator("a[href='/knowledge#R-FEV5-01']").count() == 1
    assert page.locator(".why-part", has_text="Criteria undecided").locator(".truth.unknown").count() > 3
    assert page.locator(".why-part", has_text="Criteria not met").locator(".truth.absent").count() > 3


def test_an_entry_of_why_is_shown_in_the_chart(tab):
    page = answered(tab(chart_of(EMERGENCY), height=600))

    page.locator(".entries button", has_text="Temperature 39.8").first.click()

    row = page.locator("tr.pointed")
    assert row.count() == 1
    assert "39.8" in row.inner_text()
    expect(row).to_be_in_viewport()
    assert page.locator(".entries button[aria-pressed='true']").count() == 1


# ---------------------------------------------------------------- what if


def test_a_temperature_makes_the_tier_an_emergency_and_reset_takes_it_back(tab):
    page = answered(tab(chart_of(UNTESTED)))
    before = indicators(page)

    asked_again(page, lambda: page.get_by_role("button", name=re.compile("^Add: Temperature")).click())
    page.wait_for_selector("#cards-body .card.critical")
    changed = page.locator("tr.changed").inner_text()
    asked_again(page, lambda: page.locator("#reset").click())

    assert "Critical" not in before
    assert "39.2" in changed
    assert indicators(page) == before


def test_platelets_a_rash_and_a_stopped_medicine_reach_the_service_as_prefetch(tab):
    page = answered(tab(chart_of("aspirin-forearm-purpura")))
    assert "spirin" in page.locator("#cards-body").inner_text()

    page.get_by_role("spinbutton", name="Platelets").fill("7")
    asked_again(page, lambda: page.get_by_role("button", name=re.compile("^Set: Platelets")).click())
    platelets = page.locator("#cards-body .card.critical h3").inner_text()
    page.get_by_role("combobox", name="Site").select_option("Mouth")
    asked_again(page, lambda: page.get_by_role("button", name=re.compile("^Add: Rash")).click())
    stop = page.get_by_role("button", name=re.compile("^Stop: Medicine"))
    asked_again(page, stop.click)

    assert "latelets" in platelets
    assert page.locator(".edits li").count() == 3
    assert "mouth" in page.locator(".where figcaption").inner_text()
    assert page.locator("#chart .off").count() >= 1
    assert "what-if-1" in page.locator("#wire-request").inner_text()


def test_what_is_added_after_a_change_was_taken_back_has_an_id_of_its_own(tab):
    page = answered(tab(chart_of(UNTESTED)))
    temperature = page.get_by_role("button", name=re.compile("^Add: Temperature"))
    platelets = page.get_by_role("button", name=re.compile("^Set: Platelets"))

    asked_again(page, temperature.click)
    asked_again(page, platelets.click)
    asked_again(page, page.locator(".edits li button").first.click)
    asked_again(page, temperature.click)

    sent = re.findall(r'"id": "(what-if-\d+)"', page.locator("#wire-request").inner_text())
    assert set(sent) == {"what-if-2", "what-if-3"}
    assert page.locator(".edits li").count() == 2


# ---------------------------------------------------------------- the wire


@pytest.mark.parametrize("release", ["R5", "STU3"])
def test_the_chart_of_another_release_gets_the_same_cards(tab, release):
    page = answered(tab(chart_of("aspirin-forearm-purpura")))
    before = page.locator("#cards-body h3").all_inner_texts()

    asked_again(page, lambda: page.select_option("#release", release))

    assert page.locator("#cards-body h3").all_inner_texts() == before
    assert ("recorded" if release == "R5" else '"taken": "y"') in page.locator("#wire-request").inner_text()


def test_without_prefetch_the_service_asks_the_server_and_says_the_same(tab):
    page = answered(tab(chart_of(EMERGENCY)))
    before = page.locator("#cards-body h3").all_inner_texts()

    asked_again(page, lambda: page.select_option("#mode", "none"))
    without = page.locator("#wire-request").inner_text()
    asked_again(page, lambda: page.select_option("#mode", "partial"))

    assert page.locator("#cards-body h3").all_inner_texts() == before
    assert '"prefetch"' not in without
    assert '"fhirServer"' in without
    assert "medicationRequests" not in page.locator("#wire-request").inner_text()


@pytest.mark.parametrize("hook", ["order-select", "order-sign", "encounter-discharge", "problem-list-item-create"])
def test_every_hook_can_be_called(tab, hook):
    page = answered(tab(chart_of(UNTESTED)))

    asked_again(page, lambda: page.select_option("#hook", hook))

    sent = json.loads(page.locator("#wire-request").inner_text())
    assert sent["hook"] == hook
    assert page.locator(".wire-head .badge").inner_text().startswith("200 · ")


def test_a_hook_that_is_not_offered_is_greyed(tab):
    def without_orders(page):
        def answer(route):
            told = route.fetch().json()
            told["services"] = [one for one in told["services"] if one["hook"] == "patient-view"]
            route.fulfill(json=told)

        page.route("**/cds-services", answer)

    page = answered(tab(before=without_orders))

    assert page.locator("#hook option:disabled").count() == 4


def test_the_call_is_copied_for_a_terminal(tab, base):
    page = answered(tab(chart_of(EMERGENCY), clipboard=True))

    page.get_by_role("button", name="Copy as curl").click()
    page.get_by_role("button", name="Copied").wait_for()

    words = shlex.split(page.evaluate("navigator.clipboard.readText()"))
    assert words[0] == "curl"
    assert words[-1] == f"{base}/cds-services/petechiae-patient-view"
    assert json.loads(words[words.index("-d") + 1])["context"]["patientId"] == EMERGENCY


# ---------------------------------------------------------------- refusals


def test_a_refusal_of_the_service_is_told_in_plain_words(tab, watch):
    watch.refusals_expected = True
    page = answered(tab(chart_of(EMERGENCY)))
    issue = {"severity": "error", "code": "incomplete", "details": {"text": "Neither list could be read."}}
    refused = {"resourceType": "OperationOutcome", "issue": [issue]}
    page.route("**/cds-services/*", lambda route: route.fulfill(status=412, json=refused))

    page.select_option("#mode", "none")
    page.get_by_role("alert").wait_for()

    told = page.get_by_role("alert").inner_text()
    assert "The service answered 412" in told
    assert "Neither list could be read." in told
