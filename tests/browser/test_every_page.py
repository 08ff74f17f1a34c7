"""Every page, light and dark, wide and narrow: nothing to complain about."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.charts import card, read_chart
from tests.browser.content import PAGES, Content
from tests.browser.watching import find_barriers, find_overflow, settle

WIDE, NARROW = 1280, 390


class TestEveryPage:
    @pytest.mark.parametrize("name", PAGES)
    def test_is_accessible_and_fits(self, page: Page, content: Content, name: str) -> None:
        """Colours change with the theme alone, places with the width alone: axe-core looks at two opposite corners."""
        page.goto(content.path(name))
        settle(page)
        found = find_barriers(page) + find_overflow(page)

        page.set_viewport_size({"width": NARROW, "height": 844})
        settle(page)
        found += find_overflow(page)
        page.emulate_media(color_scheme="dark")
        settle(page)
        found += find_barriers(page) + find_overflow(page)
        page.set_viewport_size({"width": WIDE, "height": 900})
        settle(page)
        found += find_overflow(page)

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
        "name", ["Workspace: default", "Menu of owner", "Columns", "Views", "Chosen runs", "How to filter"]
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
