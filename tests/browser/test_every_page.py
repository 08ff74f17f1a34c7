"""Every page, in both languages, light and dark, from a phone to a wide screen: nothing to complain about."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.charts import card, read_chart
from tests.browser.content import PAGES, Content
from tests.browser.watching import find_barriers, find_overflow, lengthen, settle

NARROW, USUAL = 390, 1280
WIDTHS = (1920, 320, NARROW)  # 320: a screen of 1280 at 400 %
# Colours change with the theme alone, words with the language alone: two opposite corners show each of them.
CORNERS = (
    pytest.param("en", "light", USUAL, id="en-light"),
    pytest.param("zh-hans", "dark", NARROW, id="zh-dark"),
    pytest.param("en", "dark", NARROW, id="en-dark", marks=pytest.mark.proof),
    pytest.param("zh-hans", "light", USUAL, id="zh-light", marks=pytest.mark.proof),
)


def resize(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    settle(page)


def overflow_of_others(page: Page) -> list[str]:
    """Return what makes the page scroll sideways at the other widths, and with longer words."""
    found = []
    for width in WIDTHS:
        resize(page, width)
        found += find_overflow(page)
    lengthen(page)
    found += find_overflow(page)
    resize(page, USUAL)
    return found + find_overflow(page)


@pytest.mark.parametrize("name", PAGES)
class TestEveryPage:
    @pytest.mark.parametrize(("language", "scheme", "width"), CORNERS)
    def test_is_accessible_and_fits(
        self, page: Page, content: Content, name: str, language: str, scheme: str, width: int
    ) -> None:
        page.context.add_cookies([{"name": "language", "value": language, "url": content.portal.url}])
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": width, "height": 844})

        page.goto(content.path(name))

        settle(page)
        assert page.locator("html").get_attribute("lang") == language
        found = find_barriers(page) + find_overflow(page)
        if language == "en":  # whose words are the longer ones
            found += overflow_of_others(page)
        assert not found, "\n".join(found)


class TestWhatOpensOverAPage:
    """On a small dark screen, which is the hardest."""

    @pytest.fixture(autouse=True)
    def opened(self, page: Page, content: Content) -> None:
        """Open an experiment."""
        page.set_viewport_size({"width": NARROW, "height": 844})
        page.emulate_media(color_scheme="dark")
        page.goto(content.path("experiment"))

    @pytest.mark.parametrize(
        "name", ["Workspace: default", "Menu of owner", "Columns", "Views", "Chosen runs", "How to filter", "Edit"]
    )
    def test_is_accessible_and_fits(self, page: Page, name: str) -> None:
        summary = page.locator("summary").and_(page.get_by_text(name).or_(page.get_by_label(name))).first

        summary.click()

        expect(page.locator("details[open]", has=summary)).to_have_count(1)
        assert find_barriers(page) + find_overflow(page) == []

    def test_is_accessible_and_fits_as_the_help(self, page: Page) -> None:
        page.keyboard.press("?")

        expect(page.locator("#help")).to_be_visible()
        assert find_barriers(page) + find_overflow(page) == []

    def test_is_accessible_and_fits_as_a_large_chart(self, page: Page) -> None:
        read_chart(page, "train/loss")

        card(page, "train/loss").get_by_role("button", name="Full screen").click()

        expect(page.locator("dialog[open] .main-svg").first).to_be_visible()
        page.locator("dialog[open]").get_by_role("button", name="Values as a table").click()
        assert find_barriers(page) + find_overflow(page) == []
