"""The experiment's table under the hand: what the box offers, menus of columns and cells, a baseline, saved views."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.charts import read_chart
from tests.browser.content import Content
from tests.browser.watching import find_barriers


@pytest.fixture(autouse=True)
def opened(page: Page, content: Content) -> None:
    """Open an experiment of five runs."""
    page.goto(content.path("experiment"))


class TestFilterBox:
    def test_offers_keys_operators_and_values(self, page: Page) -> None:
        box, options = page.locator("#run-filter"), page.get_by_role("option")

        box.press_sequentially("opti")
        expect(options.first).to_have_text("params.optimizer")
        assert find_barriers(page) == []
        box.press("ArrowDown")
        box.press("Enter")
        expect(options.first).to_have_text("=")
        box.press_sequentially("= 'ad")
        expect(options.first).to_have_text("adamw3")
        box.press("ArrowDown")
        box.press("Tab")
        expect(box).to_have_value("params.optimizer = 'adamw' ")
        box.press("Escape")
        box.press("Enter")

        expect(page.locator("[data-run-row]")).to_have_count(3)


class TestLayout:
    def test_is_changed_by_keys(self, page: Page) -> None:
        table, charts = page.locator("[data-runs-table]"), page.locator("[data-chart-grid]")

        page.keyboard.press("v")
        expect(table).to_have_count(0)
        read_chart(page, "train/loss")  # keys mean something once there are charts
        page.keyboard.press("f")
        expect(page.locator("[data-chart-dialog]")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("[data-chart-dialog]")).to_be_hidden()
        page.keyboard.press("t")
        expect(charts).to_have_count(0)
        page.keyboard.press("b")

        expect(table.and_(page.locator("table"))).to_be_visible()
        expect(charts).to_be_visible()


class TestMenus:
    def test_of_a_column_changes_the_statistic(self, page: Page) -> None:
        page.get_by_role("button", name="Menu of train/loss").click()
        page.locator(".head-menu:popover-open").get_by_role("link", name="max").click()

        row = page.locator("[data-run-row]", has_text="seed 0")
        expect(row.get_by_role("cell", name="25", exact=True)).to_be_visible()

    def test_of_a_cell_filters_for_its_value(self, page: Page) -> None:
        page.get_by_role("cell", name="adamw").first.click()
        page.get_by_role("button", name="Only runs with this value").click()

        page.wait_for_url(re.compile("filter="))
        expect(page.locator("[data-run-row]")).to_have_count(3)


class TestBaseline:
    def test_is_a_chosen_run(self, page: Page) -> None:
        page.get_by_role("checkbox", name="Choose resnet18 seed 1").check()
        page.get_by_role("button", name="Baseline", exact=True).click()

        page.wait_for_url(re.compile("base="))
        expect(page.locator("[data-run-row]").first).to_contain_text("resnet18 seed 1")
        expect(page.locator(".delta.is-better").first).to_be_visible()

    def test_stays_in_sight_below_the_heads(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment, many runs"))
        page.get_by_role("checkbox", name="Choose trial 55", exact=True).check()
        page.get_by_role("button", name="Baseline", exact=True).click()
        page.wait_for_url(re.compile("base="))
        box = page.locator(".workbench .table-scroll")
        base, head = page.locator("tr.is-base .run-name"), page.locator("[data-runs-table] thead .run-name")

        box.evaluate("(element) => { element.scrollTop = 400; }")

        inside, above = base.bounding_box(), head.bounding_box()
        assert inside is not None
        assert above is not None
        assert inside["y"] == pytest.approx(above["y"] + above["height"], abs=4)


class TestMarks:
    def test_show_one_curve_alone_with_alt(self, page: Page) -> None:
        read_chart(page, "train/loss")

        page.get_by_role("button", name="Curves of resnet18 seed 2").click(modifiers=["Alt"])

        assert set(read_chart(page, "train/loss").lines) == {"resnet18 seed 2"}


class TestSavedView:
    def test_keeps_what_the_charts_show_too(self, page: Page) -> None:
        page.get_by_label("Log y").check()
        page.locator("summary", has_text="Views").click()
        page.get_by_label("Name of the view").fill("logarithmic")
        page.get_by_role("button", name="Save this view").click()

        page.wait_for_url(re.compile("view="))
        expect(page.get_by_label("Log y")).to_be_checked()
        page.locator("summary", has_text="Views").click()
        expect(page.get_by_role("link", name="logarithmic")).to_have_attribute("aria-current", "true")
        page.get_by_role("button", name="Delete the view logarithmic").click()
        expect(page.locator(".toast-note")).to_contain_text("The view is deleted.")


class TestLiveRows:
    def test_change_in_place_and_announce_new_runs(self, page: Page, content: Content) -> None:
        """What one has chosen, where one stands and how far one has scrolled stay as they are."""
        page.set_viewport_size({"width": 500, "height": 500})
        page.goto(f"{content.path('experiment, live')}?columns=metrics.pulse&columns=metrics.loss&columns=params.lr")
        page.get_by_role("checkbox", name="Choose marathon").check()
        page.evaluate("scrollTo(0, 100), document.querySelector('#runs-part .table-scroll').scrollTo(150, 0)")
        page.evaluate("window.isSame = true")

        content.client.log_metric(content.live_run, "pulse", 123.0, step=1)
        run = content.client.create_run(content.live, run_name="newcomer")
        content.client.set_terminated(run.info.run_id)

        expect(page.get_by_role("cell", name="123", exact=True)).to_be_visible()
        expect(page.locator("[data-news]")).to_contain_text("1 new run.")
        expect(page.get_by_role("checkbox", name="Choose marathon")).to_be_checked()
        expect(page.get_by_role("checkbox", name="Choose marathon")).to_be_focused()
        scrolled = "[scrollY, document.querySelector('#runs-part .table-scroll').scrollLeft, window.isSame]"
        assert page.evaluate(scrolled) == [100, 150, True]
