"""Charts of several runs as a reader arranges, links, groups and exports them, and charts of params and last values."""

import csv
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.charts import card, read_chart, wait_for_chart
from tests.browser.content import MANY, STEPS, Content
from tests.browser.watching import find_barriers, find_overflow

GROUPS = ["adamw \u00d73", "sgd \u00d72"]


def titles(page: Page) -> list[str]:
    """Return the metrics in the order of their cards."""
    found: list[str] = page.locator("[data-charts-sections] .chart-title").evaluate_all(
        "(all) => all.map(({ title }) => title)"
    )
    return found


def state(page: Page, name: str) -> list[str]:
    return parse_qs(urlsplit(page.url).query).get(name, [])


def drag_over(page: Page, area: Locator) -> None:
    """Zoom into the first half of a plot."""
    box = area.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 10, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, middle, steps=5)
    page.mouse.up()


class TestPrinting:
    def test_draws_what_lies_far_below_first(self, page: Page, content: Content) -> None:
        page.set_viewport_size({"width": 800, "height": 300})
        page.goto(content.path("run, charts"))
        read_chart(page, "train/loss")
        waiting = page.locator(".chart-card:visible .chart-plot.is-waiting")
        page.evaluate("""() => {
            window.print = () => {
                document.body.dataset.waiting = document.querySelectorAll(".chart-card .is-waiting").length;
            };
        }""")
        expect(waiting).not_to_have_count(0)

        page.keyboard.press("Control+p")

        expect(page.locator("body")).to_have_attribute("data-waiting", "0")
        expect(waiting).not_to_have_count(0)


class TestArranging:
    def test_pins_a_chart_to_the_top_and_keeps_it_in_the_address(self, page: Page, content: Content) -> None:
        page.goto(content.path("run, charts"))
        read_chart(page, "train/loss")

        card(page, "val/acc").get_by_role("button", name="Pin to the top").click()

        expect(page.locator(".section-name").first).to_have_text("Pinned")
        assert titles(page)[0] == "val/acc"
        page.reload()
        read_chart(page, "val/acc")
        assert titles(page)[0] == "val/acc"
        card(page, "val/acc").get_by_role("button", name="Take from the top").click()
        assert state(page, "pin") == []

    def test_reorders_by_dragging_and_by_keys(self, page: Page, content: Content) -> None:
        page.goto(content.path("run, charts") + "&pin=lr&pin=val/acc&pin=train/loss")
        for metric in ("lr", "val/acc", "train/loss"):
            read_chart(page, metric)

        card(page, "train/loss").locator(".chart-title").drag_to(
            card(page, "lr").locator(".chart-title"), target_position={"x": 3, "y": 5}
        )

        assert titles(page)[:3] == ["train/loss", "lr", "val/acc"]
        card(page, "val/acc").locator("[data-pin]").focus()
        page.keyboard.press("Alt+ArrowLeft")
        assert titles(page)[:3] == ["train/loss", "val/acc", "lr"]
        assert state(page, "pin") == ["train/loss", "val/acc", "lr"]

    def test_keeps_the_order_in_the_address(self, page: Page, content: Content) -> None:
        page.goto(content.path("run, charts"))
        read_chart(page, "val/acc")
        assert titles(page)[:3] == ["lr", "train/loss", "val/acc"]

        card(page, "val/acc").locator("[data-pin]").focus()
        page.keyboard.press("Alt+ArrowLeft")
        page.keyboard.press("Alt+ArrowLeft")
        assert state(page, "order") == [":val%2Facc"]
        page.reload()

        read_chart(page, "val/acc")
        assert titles(page)[:3] == ["val/acc", "lr", "train/loss"]
        card(page, "val/acc").locator("[data-pin]").focus()
        page.keyboard.press("Alt+ArrowRight")
        page.keyboard.press("Alt+ArrowRight")
        assert titles(page)[:3] == ["lr", "train/loss", "val/acc"]
        assert state(page, "order") == []

    def test_finds_metrics_by_a_pattern(self, page: Page, content: Content) -> None:
        page.goto(content.path("run, charts"))

        page.locator("[data-charts-search]").fill("^lr$|acc")

        expect(page.locator("[data-charts-sections] .chart-title")).to_have_text(["lr", "val/acc"])
        expect(page).to_have_url(re.compile("find="))

    def test_steps_through_the_charts_in_full_screen(self, page: Page, content: Content) -> None:
        page.goto(content.path("run, charts") + "&full=train/loss")
        heading = page.locator("dialog[open] .chart-title")
        expect(heading).to_have_text("train/loss")

        page.keyboard.press("ArrowRight")

        expect(heading).to_have_text("val/acc")
        page.get_by_role("button", name="Previous chart").click()
        expect(heading).to_have_text("train/loss")
        expect(page.locator("dialog[open] .main-svg").first).to_be_visible()
        page.keyboard.press("Escape")
        expect(page).not_to_have_url(re.compile("full="))


class TestLinked:
    def test_charts_point_zoom_and_show_all_again_together(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment"))
        read_chart(page, "val/acc")
        read_chart(page, "train/loss")
        card(page, "train/loss").locator(".nsewdrag").hover()
        expect(card(page, "val/acc").locator(".chart-crosshair")).to_have_count(1)

        drag_over(page, card(page, "train/loss").locator(".nsewdrag"))

        wait_for_chart(page, "val/acc", f"plot.layout.xaxis.range?.[1] < {0.7 * STEPS}")
        assert state(page, "zoom")
        page.keyboard.press("z")
        wait_for_chart(page, "val/acc", f"plot._fullLayout.xaxis.range[1] > {STEPS - 2}")
        assert state(page, "zoom") == []

    def test_charts_that_are_not_zoom_alone(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment") + "?link=0")
        read_chart(page, "val/acc")
        read_chart(page, "train/loss")

        drag_over(page, card(page, "train/loss").locator(".nsewdrag"))

        wait_for_chart(page, "train/loss", f"plot.layout.xaxis.range?.[1] < {0.7 * STEPS}")
        wait_for_chart(page, "val/acc", f"plot._fullLayout.xaxis.range[1] > {STEPS - 2}")


class TestLooking:
    def test_groups_runs_by_a_param_into_lines_with_bands(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment"))
        read_chart(page, "train/loss")

        page.locator("[data-charts-group]").focus()
        page.locator("[data-charts-group]").select_option("params.optimizer")
        chart = wait_for_chart(page, "train/loss", "plot.data.some(({ uid }) => uid === 'band1')")

        assert list(chart.lines) == GROUPS
        expect(card(page, "train/loss").locator(".chart-badge")).to_have_text("2 groups of 5 runs")
        page.reload()
        assert list(read_chart(page, "train/loss").lines) == GROUPS

    def test_draws_a_metric_over_another_one(self, page: Page, content: Content) -> None:
        page.goto(content.path("run, charts") + "&x=metric:val/acc")

        chart = read_chart(page, "train/loss")

        assert chart.x_title == "val/acc"
        (points,) = chart.lines.values()
        assert points[0][0] == 0
        assert 0.9 < points[-1][0] < 1

    def test_smooths_by_points_clips_the_axis_and_spreads_the_first_steps(self, page: Page, content: Content) -> None:
        page.goto(content.path("run, charts") + "&clip=1&logx=1")
        (points,) = wait_for_chart(page, "train/loss", "plot.layout.xaxis.type === 'log'").lines.values()
        assert len(points) == STEPS - 1  # step 0 has no place there
        assert card(page, "train/loss").locator(".chart-plot").evaluate("(plot) => plot.layout.yaxis.range[1]") < 5

        page.locator("[data-charts-smoother]").select_option("mean")
        page.locator("[data-charts-amount]").fill("50")
        wait_for_chart(page, "train/loss", "plot.data.find(({ uid }) => uid === 'line0').y.every((y) => y < 5)")

        expect(page).to_have_url(re.compile("smooth=mean%3A50"))

    def test_shows_more_runs_than_have_a_colour_of_their_own(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment, many runs") + "?charted=100")

        assert len(read_chart(page, "loss").lines) == MANY

    def test_draws_bars_of_what_each_run_logged_once(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment, many runs") + "?charted=10")
        wait_for_chart(page, "score", "plot.data.length")

        plot = card(page, "score").locator(".chart-plot")
        (bars,) = plot.evaluate("({ data }) => data.map(({ type, x, text }) => ({ type, x: [...x], text: [...text] }))")
        assert bars["type"] == "bar"
        assert bars["x"] == [number / MANY for number in range(MANY - 1, MANY - 11, -1)]
        assert bars["text"][0] == "0.983333"
        assert "trial 59" in plot.inner_text()


class TestFiles:
    def test_hold_every_point_or_the_drawing(self, page: Page, content: Content) -> None:
        page.goto(content.path("run, charts") + "&full=train/loss")
        expect(page.locator("dialog[open] .main-svg").first).to_be_visible()

        with page.expect_download() as table:
            page.get_by_role("button", name="Save all points as CSV").click()
        with page.expect_download() as drawing:
            page.get_by_role("button", name="Save as a drawing (SVG)").click()

        rows = list(csv.DictReader(Path(table.value.path()).read_text().splitlines()))
        assert [int(row["step"]) for row in rows] == list(range(STEPS))
        assert drawing.value.suggested_filename == "train_loss.svg"
        svg = Path(drawing.value.path()).read_text()
        assert svg.startswith("<svg")
        assert ">Step</text>" in svg


PANELS = {
    "scatter": "scatter:params.lr:metrics.train%252Floss:metrics.val%252Facc",
    "bar": "bar:metrics.train%252Floss",
    "parallel": "parallel:params.lr:params.optimizer:metrics.train%252Floss",
    "contour": "contour:params.lr:tags.seed:metrics.train%252Floss",
    "box": "box:params.optimizer:metrics.train%252Floss",
}


class TestPanels:
    def test_are_added_and_taken_away(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment"))
        read_chart(page, "train/loss")

        page.get_by_text("Add a chart").click()
        page.locator("[data-panel-form] [name=x]").select_option("params.lr")
        page.locator("[data-panel-form] [name=y]").select_option("min(metrics.train/loss)")
        page.get_by_role("button", name="Add", exact=True).click()

        panel = page.locator("[data-panels] .chart-card")
        expect(panel.locator(".chart-title")).to_have_text("min train/loss over lr")
        points = panel.locator(".chart-plot:not(.is-waiting)").evaluate("(plot) => plot.data[0].x")
        assert sorted(points) == pytest.approx([0.1 / 5, 0.1 / 4, 0.1 / 3, 0.1 / 2, 0.1])
        panel.get_by_role("button", name="Remove this chart").click()
        expect(panel).to_have_count(0)
        assert state(page, "panel") == []

    def test_are_all_drawn_from_the_address_in_both_themes(self, page: Page, content: Content) -> None:
        query = "&".join(f"panel={words}" for words in PANELS.values())

        page.goto(content.path("experiment") + f"?{query}")

        plots = page.locator("[data-panels] .chart-plot")
        expect(plots).to_have_count(len(PANELS))
        for place in range(len(PANELS)):
            plots.nth(place).scroll_into_view_if_needed()
            plots.nth(place).locator(".main-svg").first.wait_for()
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size({"width": 390, "height": 844})
        page.evaluate("scrollTo(0, 0)")  # else the header may cover half a button, which is then too small
        assert find_barriers(page) + find_overflow(page) == []

    def test_survive_nonsense_in_the_address(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment") + "?panel=pie:a:b&panel=scatter&zoom=nan:1&full=no+such&pin=nothing")

        read_chart(page, "train/loss")
        expect(page.locator("[data-panels] .chart-card")).to_have_count(0)


class TestMenus:
    @pytest.mark.parametrize("name", ["Options", "Add a chart"])
    def test_are_accessible_and_fit_a_small_dark_screen(self, page: Page, content: Content, name: str) -> None:
        page.set_viewport_size({"width": 390, "height": 844})
        page.emulate_media(color_scheme="dark")
        page.goto(content.path("experiment") + "?by=all")

        page.locator(".charts-menu > summary", has_text=name).click()

        assert find_barriers(page) + find_overflow(page) == []
