"""The sandbox page in Debian's chromium, and a watch over everything it must not do.

Without a browser these tests are skipped, with `CDS_REQUIRE=browser` they fail: `make test-browser` installs it.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import sync_playwright

from tests.running_sandbox import running_sandbox

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""
PATIENT_MS = 10_000


def browser_path():
    """The installed browser; skips, or fails where one is required."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        reason = "no chromium here: `make test-browser` as root installs it from Debian's packages"
        required = "browser" in os.environ.get("CDS_REQUIRE", "").split(",")
        (pytest.fail if required else pytest.skip)(reason)
    return path


@pytest.fixture(scope="session")
def base():
    browser_path()
    with running_sandbox() as address:
        yield address


@pytest.fixture(scope="session")
def chromium():
    """One browser with a new profile folder of its own; each tab gets a context that shares nothing."""
    path = browser_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Watch:
    """What went wrong or out of the origin while a page was open."""

    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    refusals_expected: bool = False
    """The browser itself reports a refused call as an error; set where a test is about one."""

    def on_console(self, message):
        is_refusal = message.text.startswith("Failed to load resource") and self.refusals_expected
        if message.type in {"error", "warning"} and not is_refusal:
            self.errors.append(message.text)


@pytest.fixture
def watch():
    return Watch()


@pytest.fixture
def tab(base, chromium, watch):
    """Opens the page as if for the first time. Afterwards nothing may have failed or left the origin."""
    contexts = []

    def open_tab(path="/", *, width=1440, height=900, scheme="light", clipboard=False, before=None):
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            permissions=["clipboard-read", "clipboard-write"] if clipboard else [],
        )
        contexts.append(context)
        context.add_init_script(VIOLATIONS)
        page = context.new_page()
        page.set_default_timeout(PATIENT_MS)
        page.on("console", watch.on_console)
        page.on("pageerror", lambda error: watch.errors.append(str(error)))
        page.on("request", lambda request: _note(request.url, base, watch))
        if before:
            before(page)
        page.goto(f"{base}{path}")
        return page

    yield open_tab
    violations = [context.pages[0].evaluate("window.violations") for context in contexts]
    for context in contexts:
        context.close()
    assert watch.errors == []
    assert watch.elsewhere == []
    assert violations == [[] for _ in contexts]


def _note(url, base, watch):
    if not url.startswith((base + "/", "data:", "blob:")):
        watch.elsewhere.append(url)
