"""Hostile charts and answers stay text; keys alone are enough; no serious accessibility violation."""

import json
from importlib.resources import files

import pytest
from playwright.sync_api import expect

EMERGENCY = "child-fever-purpura"
HOSTILE = (
    '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
    '<a href="javascript:window.hacked=1">x</a>\'"><svg onload=window.hacked=1>'
)
MARKDOWN = f"""{HOSTILE}

[x](javascript:window.hacked=1) ![x](https://elsewhere.example/x.png)

| {HOSTILE} |
|---|
| 1 |
"""
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
LIVE = "img[src='x'], svg[onload], a[href^='javascript'], [onerror], main script"


def hostile(value):
    """The same JSON with the hostile text behind every text that a page might show."""
    shown = {"text", "display", "family", "unit", "valueString", "headline", "summary", "label", "description"}
    match value:
        case dict():
            return {
                key: f"{inner} {HOSTILE}" if key in shown and isinstance(inner, str) else hostile(inner)
                for key, inner in value.items()
            }
        case list():
            return [hostile(inner) for inner in value]
        case _:
            return value


def answering(page, pattern, change):
    page.route(pattern, lambda route: _changed(route, change))


def _changed(route, change):
    answer = route.fetch()
    route.fulfill(response=answer, body=json.dumps(change(answer.json())))


def hostile_cards(answer):
    return {"cards": [card | {"detail": MARKDOWN} for card in hostile(answer)["cards"]]}


# ---------------------------------------------------------------- hostile text


def test_a_hostile_chart_stays_text(tab):
    page = tab(f"/#/chart/{EMERGENCY}", before=lambda page: answering(page, "**/*everything", hostile))
    page.wait_for_selector("#cards-body .card")
    page.wait_for_selector(".why-part")

    assert "<script>" in page.locator("#chart").inner_text()
    assert page.locator(LIVE).count() == 0
    assert page.evaluate("window.hacked") is None


def test_a_hostile_answer_stays_text(tab):
    def before(page):
        answering(page, "**/cds-services/*", hostile_cards)
        answering(page, "**/explain*", hostile)
        answering(page, "**/stories.json", hostile)

    page = tab(f"/#/chart/{EMERGENCY}", before=before)
    page.wait_for_selector("#cards-body .card")
    page.wait_for_selector(".why-part")

    assert "<img src=x" in page.locator(".detail").first.inner_text()
    assert page.locator(LIVE).count() == 0
    assert page.locator(".detail img").count() == 0
    assert page.evaluate("window.hacked") is None


def test_the_policy_stops_what_gets_past_all_that(tab, watch):
    page = tab()

    page.evaluate("""() => {
        const script = document.createElement("script");
        try { script.textContent = "window.hacked = 1"; } catch { window.violations.push("stopped"); }
        document.body.append(script);
    }""")

    assert page.evaluate("window.hacked") is None
    assert page.evaluate("window.violations.splice(0).length") > 0
    watch.errors.clear()


# ---------------------------------------------------------------- keys alone


def test_a_patient_is_chosen_and_a_card_overridden_by_keys_alone(tab):
    page = tab(f"/#/chart/{EMERGENCY}")
    page.wait_for_selector(".why-part")

    page.focus("#patient-list")
    page.keyboard.press("ArrowDown")
    page.wait_for_url(lambda url: EMERGENCY not in url)
    chosen = page.locator("#patient-list [aria-selected='true']").get_attribute("data-id")
    page.wait_for_selector("#cards[aria-busy='false']")
    page.keyboard.press("ArrowUp")
    page.wait_for_url(f"**/{EMERGENCY}")
    page.wait_for_selector("#cards[aria-busy='true']", state="detached")
    page.wait_for_selector("#patient-name:has-text('Wren')")
    page.wait_for_selector("#cards[aria-busy='false']")
    page.locator("#cards-body .card.critical").get_by_role("button", name="Override…").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.locator(".card.critical .feedback.kept").wait_for()

    assert chosen != EMERGENCY
    assert page.locator("dialog").count() == 0
    assert page.evaluate("document.activeElement.innerText") == "Show again"


def test_the_first_key_offers_to_skip_to_the_cards(tab):
    page = tab()
    page.wait_for_selector("#cards-body .card")

    page.keyboard.press("Tab")
    shown = page.evaluate("document.activeElement.innerText")
    page.keyboard.press("Enter")

    assert shown == "Skip to the cards"
    assert page.evaluate("document.activeElement.id") == "cards"


def test_escape_closes_the_question_without_feedback(tab):
    page = tab(f"/#/chart/{EMERGENCY}")
    page.wait_for_selector("#cards-body .card")

    page.get_by_role("button", name="Override…").first.click()
    page.keyboard.press("Escape")

    expect(page.locator("dialog")).to_have_count(0)
    assert page.locator(".overridden").count() == 0


def test_the_theme_is_switched_and_kept(tab):
    page = tab()
    page.wait_for_selector("#cards-body .card")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")

    page.click("#theme")
    page.reload()
    page.wait_for_selector("#cards-body .card")

    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


# ---------------------------------------------------------------- accessibility


def serious(page):
    """Serious and critical violations that axe finds, as rule and place."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [
        (one["id"], node["target"], node["failureSummary"])
        for one in found
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("patient", [EMERGENCY, "aspirin-no-skin-finding", "heparin-falling-platelets"])
def test_the_chart_has_no_serious_violation(tab, scheme, patient):
    page = tab(f"/#/chart/{patient}", scheme=scheme)
    page.wait_for_selector(".why-part")
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.get_by_role("button", name="Add: Temperature, °C").click()
    page.wait_for_selector("#reset")
    page.wait_for_selector("#cards-body > *")

    assert serious(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_question_for_a_reason_has_no_serious_violation(tab, scheme):
    page = tab(f"/#/chart/{EMERGENCY}", scheme=scheme)
    page.wait_for_selector("#cards-body .card")
    page.get_by_role("button", name="Override…").first.click()

    assert serious(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_review_has_no_serious_violation(tab, scheme):
    page = tab("/#/review", scheme=scheme)
    page.click("#run-review")
    page.wait_for_selector("#review-table tbody tr")

    assert serious(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_own_request_has_no_serious_violation(tab, watch, scheme):
    watch.refusals_expected = True
    page = tab("/#/own", scheme=scheme)
    page.fill("#own-text", "{}")
    page.click("#own-send")
    page.wait_for_selector("#own-result .outcome")

    assert serious(page) == []


@pytest.mark.parametrize("width", [1440, 1280, 1180, 1024, 820, 768, 390])
def test_nothing_sticks_out_sideways(tab, width):
    page = tab(f"/#/chart/{EMERGENCY}", width=width)
    page.wait_for_selector(".why-part")
    page.get_by_role("button", name="Add: Temperature, °C").click()
    page.wait_for_selector("tr.changed")
    page.wait_for_selector("#cards[aria-busy='false']")

    wide = "[...document.querySelectorAll('.box, .card')].filter((one) => one.scrollWidth > one.clientWidth + 1)"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(f"{wide}.map((one) => one.id || one.className)") == []


@pytest.mark.parametrize("width", [1180, 820])
def test_on_a_tablet_chart_and_cards_stand_side_by_side(tab, width):
    page = tab(f"/#/chart/{EMERGENCY}", width=width, height=2000 - width)
    page.wait_for_selector("#cards-body .card.critical")

    chart, cards = page.locator("#chart").bounding_box(), page.locator("#cards-body").bounding_box()
    assert chart["x"] + chart["width"] <= cards["x"]
    expect(page.locator("#chart")).to_be_in_viewport()
    expect(page.locator("#cards-body .card.critical h3")).to_be_in_viewport()
