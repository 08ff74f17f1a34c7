"""Pages without a mouse: everything that can be clicked can be reached, and one sees where one is."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.charts import read_chart
from tests.browser.content import Content

# What a keyboard must reach: all that can be used now, one of each group of radio buttons.
LIST = """
() => {
  const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")];
  window.wanted = new Set(all.filter((one) => !one.disabled && one.tabIndex >= 0 && one.checkVisibility()));
  return window.wanted.size;
}
"""
# Where the focus is now; what has it shows it: by an outline, or a shadow or border that others do not have.
TAKE = """
() => {
  const { activeElement: one } = document;
  const isWanted = window.wanted.delete(one);
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(one);
  const isSeen = (outlineStyle !== "none" && outlineWidth !== "0px") || boxShadow !== "none";
  return isWanted && !isSeen ? one.outerHTML.slice(0, 200) : "";
}
"""
LEFT = "() => [...window.wanted].map((one) => one.outerHTML.slice(0, 200))"
MORE = 20  # stops that are no controls: what scrolls


@pytest.mark.parametrize("name", ["experiment", "run, artifacts", "compare"])
class TestTab:
    def test_reaches_everything_and_shows_where_it_is(self, page: Page, content: Content, name: str) -> None:
        page.goto(content.path(name))
        if name in ("experiment", "compare"):
            read_chart(page, "train/loss")
        count = page.evaluate(LIST)
        unseen = []

        for _ in range(count + MORE):
            page.keyboard.press("Tab")
            unseen.append(page.evaluate(TAKE))

        assert page.evaluate(LEFT) == []
        assert [one for one in unseen if one] == []


class TestWholeWay:
    def test_from_home_to_a_comparison(self, page: Page, content: Content) -> None:
        page.goto(content.path("workspace"))

        page.keyboard.press("g")
        page.keyboard.press("e")
        page.wait_for_url("**/experiments")
        page.keyboard.press("/")
        page.keyboard.type("resnet")
        expect(page.locator("#experiments tbody tr")).to_have_count(1)
        page.locator("#experiments tbody th a").focus()
        page.keyboard.press("Enter")
        expect(page.locator("[data-run-row]").first).to_be_visible()
        page.wait_for_load_state("load")  # rows are shown before any script runs
        for key in ("j", "x", "j", "x", "c"):
            page.keyboard.press(key)

        expect(page).to_have_url(re.compile(r"/compare\?runs="))
        expect(page.locator("h1 + span")).to_have_text("2 runs")
