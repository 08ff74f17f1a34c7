"""One Chromium a worker process, a filled portal, and a page whose every complaint fails the test.

The owner's tests share a page, reset after each: a new one starts a process that compiles every script again, which
takes longer than most tests.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect, sync_playwright

from tests.browser.content import Content
from tests.browser.watching import watch
from tests.support.portal import Portal

TIMEOUT_MS = 20_000  # test machines are busy
SIZE: ViewportSize = {"width": 1280, "height": 900}
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--process-per-site",  # the pages of strangers share a process too
]


@pytest.fixture(scope="package")
def browser(chromium: Path) -> Iterator[Browser]:
    """Run a headless Chromium. Not for the whole session: while playwright's loop runs, Django refuses to query."""
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def content(live_portal: Portal) -> Content:
    """Fill the portal."""
    return Content.log(live_portal)


@pytest.fixture(scope="package")
def complaints() -> list[str]:
    """Return what the owner's page and those of strangers complain about."""
    return []


@pytest.fixture(scope="package")
def owner(browser: Browser, live_portal: Portal, complaints: list[str]) -> Iterator[BrowserContext]:
    """Sign the owner in, in the page that all tests share."""
    context = new_context(browser, live_portal)
    page = context.new_page()
    watch(page, complaints)
    page.goto(live_portal.sign_in_link())
    yield context
    context.close()


@pytest.fixture
def troubles(complaints: list[str]) -> list[str]:
    """Return what was complained about in this test; one that expects something takes it out."""
    complaints.clear()
    return complaints


@pytest.fixture
def page(owner: BrowserContext, content: Content, troubles: list[str]) -> Iterator[Page]:
    """Return a page of the owner, 1280 pixels wide, on a computer that prefers light."""
    page = owner.pages[0]
    yield page
    _reset(page)
    assert troubles == []


@pytest.fixture
def anonymous(browser: Browser, live_portal: Portal, troubles: list[str]) -> Iterator[Page]:
    """Return a page of somebody who is not signed in."""
    context = new_context(browser, live_portal)
    page = context.new_page()
    watch(page, troubles)
    yield page
    context.close()
    assert troubles == []


def new_context(browser: Browser, portal: Portal) -> BrowserContext:
    """Return a browser of its own, 1280 pixels wide, that prefers light and English."""
    context = browser.new_context(
        base_url=portal.url,
        viewport=SIZE,
        color_scheme="light",
        reduced_motion="reduce",  # a colour that changes slowly has a wrong contrast on its way
        locale="en-GB",
        permissions=["clipboard-read", "clipboard-write"],
    )
    context.set_default_timeout(TIMEOUT_MS)
    return context


def _reset(page: Page) -> None:
    """Make a page as it was before the first test; what the browser has cached may stay."""
    page.goto("/health")  # of the same site, so that the process stays
    page.evaluate("localStorage.clear(), sessionStorage.clear()")
    page.context.clear_cookies(name="language")
    page.mouse.move(0, 0)
    page.set_viewport_size(SIZE)
    page.emulate_media(color_scheme="light")
