"""The pictures in docs/images: a patient with a critical card, the trace, the review.

`python -m tests.browser.pictures` takes them anew. Who changes the page looks at them.
"""

from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import FLAGS, browser_path
from tests.running_sandbox import running_sandbox

IMAGES = Path(__file__).parents[2] / "docs/images"
SIZE = {"width": 1440, "height": 940}


def patient(page: Page) -> None:
    """The first patient worth trying, as the page opens."""
    page.goto("/")
    page.wait_for_selector("#cards-body .card.critical")


def why(page: Page) -> None:
    """The reasons for a platelet fall after heparin."""
    page.goto("/#/chart/heparin-falling-platelets")
    page.wait_for_selector("#patient-name:has-text('Ottokar')")
    page.wait_for_selector("a[href='/knowledge#R-HIT-01']")
    page.evaluate("document.getElementById('why').scrollIntoView()")
    page.evaluate("scrollBy(0, -64)")


def review(page: Page) -> None:
    """All patients, once each."""
    page.goto("/#/review")
    page.click("#run-review")
    page.wait_for_selector("#review-table tbody tr")


def take(folder: Path = IMAGES) -> None:
    """Writes the pictures as PNG files."""
    with running_sandbox() as base, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=FLAGS)
        for view in (patient, why, review):
            page = browser.new_page(base_url=base, viewport=SIZE, color_scheme="light")
            view(page)
            page.wait_for_function("document.querySelector('#cards')?.ariaBusy !== 'true'")
            page.wait_for_timeout(500)
            page.screenshot(path=folder / f"{view.__name__}.png")
        browser.close()


if __name__ == "__main__":
    take()
