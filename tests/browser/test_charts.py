"""Charts as a reader handles them: axes, smoothing, zoom, live, marks of what is not a number."""

import math
import re

import pytest
from mlflow.entities import Metric
from playwright.sync_api import Page, expect

from tests.browser.charts import card, read_chart, wait_for_chart
from tests.browser.content import AWKWARD_KEYS, SPIKE, SPIKE_STEP, STEPS, WORKSPACE, Content

NAME = "resnet18 seed 0"
MARK_AND_READ_CURVE = """
(plot) => {
  plot.querySelector(".xtick").dataset.mark = "";
  return plot.querySelector(".js-line").getAttribute("d");
}
"""
ALL_NUMBERS_ARE_INSIDE = """
(plot) => [...plot.querySelectorAll(".ytick text")].every((one) =>
  one.getBoundingClientRect().left >= plot.getBoundingClientRect().left)
"""


class TestChart:
    def test_draws_every_point_with_its_spike(self, page: Page, content: Content) -> None:
        page.goto(content.path("run, charts"))

        points = read_chart(page, "train/loss").lines[NAME]

        assert len(points) == STEPS
        assert (SPIKE_STEP, SPIKE) in points
        expect(card(page, "train/loss").locator(".chart-badge")).to_be_hidden()

    def test_marks_what_is_not_a_number(self, page: Page, content: Content) -> None:
        page.goto(content.path("run, ugly charts"))

        chart = read_chart(page, "mixed")

        (points,) = chart.lines.values()
        assert points == [(0, 1), (2, 3), (5, 2)]
        assert chart.marks == [(1, "NaN"), (3, "∞"), (4, "\u2212∞")]

    def test_says_where_no_value_can_be_drawn(self, page: Page, content: Content) -> None:
        page.goto(content.path("run, ugly charts"))

        assert len(read_chart(page, "all nan").marks) == 3
        expect(card(page, "all nan").locator(".chart-note")).to_have_text("No finite value in this range.")

    def test_is_drawn_whatever_the_metric_is_called(self, page: Page, content: Content) -> None:
        page.goto(content.path("run, ugly charts"))

        for key in AWKWARD_KEYS:
            (points,) = read_chart(page, key).lines.values()
            assert [y for _, y in points] == [1, 4, 2], key

    def test_of_one_value_shows_its_neighbourhood(self, page: Page, content: Content) -> None:
        page.goto(content.path("run, ugly charts"))

        read_chart(page, "constant")
        low, high = card(page, "constant").locator(".chart-plot").evaluate("(plot) => plot.layout.yaxis.range")

        assert 6.2 < low < 7 < high < 7.8  # plotly would go from 6 to 8, and with 0.1 from -0.9 to 1.1

    def test_makes_room_for_long_numbers(self, page: Page, content: Content) -> None:
        client = content.client
        uid = client.create_run(client.create_experiment("long numbers")).info.run_id
        for step in range(3):
            client.log_metric(uid, "narrow", 123456789 + step / 1e4, step=step)
        client.set_terminated(uid)
        page.goto(f"{WORKSPACE}/runs/{uid}?tab=charts")

        wait_for_chart(page, "narrow", "plot.layout.margin.l > 52")

        plot = card(page, "narrow").locator(".chart-plot")
        expect(plot.locator(".ytick text").first).to_contain_text("1.2345678")
        assert plot.evaluate(ALL_NUMBERS_ARE_INSIDE)

    def test_has_its_values_as_a_table(self, page: Page, content: Content) -> None:
        page.goto(content.path("run, charts"))
        loss = card(page, "train/loss")

        loss.get_by_role("button", name="Values as a table").click()

        expect(loss.locator("tbody td").nth(1)).to_have_text(str(STEPS - 1))
        expect(loss.locator("tbody td").nth(3)).to_have_text("25")

    def test_grows_to_the_full_screen_and_back(self, page: Page, content: Content) -> None:
        page.goto(content.path("run, charts"))
        read_chart(page, "train/loss")

        card(page, "train/loss").get_by_role("button", name="Full screen").click()
        large = page.locator("dialog[open] .chart-plot .main-svg").first
        expect(large).to_be_visible()
        with page.expect_download() as download:
            page.locator("dialog[open]").get_by_role("button", name="Save as a picture").click()
        page.keyboard.press("Escape")

        assert download.value.suggested_filename == "train_loss.png"
        expect(page.locator("dialog[open]")).to_have_count(0)

    def test_shows_values_under_the_pointer(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment"))
        read_chart(page, "train/loss")

        card(page, "train/loss").locator(".nsewdrag").hover()

        expect(page.locator(".chart-tooltip")).to_contain_text("Step")
        expect(page.locator(".chart-tooltip .tooltip-name")).to_have_count(5)
        expect(card(page, "train/loss").locator(".chart-crosshair")).to_have_count(1)

    def test_sorts_them_as_one_likes_best(self, page: Page, content: Content) -> None:
        page.goto(f"{content.path('experiment')}?tips=nearest")
        names = sorted(read_chart(page, "train/loss").lines)  # which have their values in this order
        plot, shown = card(page, "train/loss").locator(".nsewdrag"), page.locator(".chart-tooltip .tooltip-name")

        plot.hover(position={"x": 60, "y": 5})
        expect(shown).to_have_text(names[::-1])
        plot.hover(position={"x": 60, "y": 160})
        expect(shown).to_have_text(names)

        page.get_by_text("Options").click()
        page.get_by_label("Tooltip").select_option("By name")
        page.keyboard.press("Escape")
        plot.hover(position={"x": 60, "y": 5})
        expect(shown).to_have_text(names)
        expect(page).to_have_url(re.compile("tips=name"))

    def test_says_more_with_shift_and_copies_it(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment"))
        lines = read_chart(page, "train/loss").lines
        card(page, "train/loss").locator(".nsewdrag").hover()
        value = page.locator(".chart-tooltip .tooltip-value").first
        short = value.inner_text()

        page.keyboard.down("Shift")
        exact = value.inner_text()
        assert exact.startswith(short[:-1]) and len(exact) > len(short)
        page.keyboard.up("Shift")
        expect(value).to_have_text(short)

        page.keyboard.press("Control+c")
        head, *rows = page.evaluate("navigator.clipboard.readText()").splitlines()
        assert head.startswith("Step ")
        assert {row.split("\t")[0] for row in rows} == set(lines)
        assert rows[0].split("\t")[1] == exact

    def test_zooms_by_dragging_and_out_by_a_double_click(self, page: Page, content: Content) -> None:
        page.goto(content.path("run, charts"))
        read_chart(page, "train/loss")
        area = card(page, "train/loss").locator(".nsewdrag")
        box = area.bounding_box()
        assert box is not None
        middle = box["y"] + box["height"] / 2

        with page.expect_response(re.compile(r"charts/series.*from=")):
            page.mouse.move(box["x"] + 30, middle)
            page.mouse.down()
            page.mouse.move(box["x"] + 120, middle, steps=5)
            page.mouse.up()
        wait_for_chart(page, "train/loss", f"plot.layout.xaxis.range[1] < {STEPS / 2}")
        area.dblclick()

        wait_for_chart(page, "train/loss", f"plot.layout.xaxis.range[1] > {STEPS - 2}")


class TestControls:
    def test_set_the_axis_of_x_and_keep_it_in_the_address(self, page: Page, content: Content) -> None:
        page.goto(content.path("run, charts"))
        assert read_chart(page, "train/loss").x_title == "Step"

        page.locator("[data-charts-x]").select_option("relative")
        chart = wait_for_chart(
            page, "train/loss", "plot.querySelector('.chart-x').textContent.startsWith('Time since start')"
        )
        points = chart.lines[NAME]
        assert points[-1][0] * 60 == STEPS - 1  # in minutes
        page.locator("[data-charts-x]").select_option("time")
        wait_for_chart(page, "train/loss", "plot.layout.xaxis.type === 'date'")

        expect(page).to_have_url(re.compile("x=time"))
        page.reload()
        assert read_chart(page, "train/loss").x_title == "Time (UTC)"

    def test_smooth_and_leave_the_raw_curve_in_sight(self, page: Page, content: Content) -> None:
        page.goto(content.path("run, charts"))
        assert not read_chart(page, "train/loss").is_smoothed

        page.locator("[data-charts-smooth]").fill("0.9")
        chart = wait_for_chart(page, "train/loss", "plot.data.some(({ uid }) => uid.startsWith('raw'))")

        assert max(y for _, y in chart.lines[NAME]) < SPIKE / 2
        expect(page).to_have_url(re.compile("smooth=0.9"))

    def test_set_a_logarithmic_y(self, page: Page, content: Content) -> None:
        page.goto(content.path("run, charts"))
        assert read_chart(page, "val/acc").y_type == "linear"

        page.locator("[data-charts-logy]").check()

        wait_for_chart(page, "val/acc", "plot.layout.yaxis.type === 'log'")
        expect(page).to_have_url(re.compile("logy=1"))

    def test_find_a_metric(self, page: Page, content: Content) -> None:
        page.goto(content.path("run, charts"))
        titles = page.locator(".chart-title")
        expect(titles).to_have_text(["lr", "train/loss", "val/acc", "cpu_utilization_percentage"])

        page.locator("[data-charts-search]").fill("ACC")

        expect(titles).to_have_text(["val/acc"])
        page.locator("[data-charts-search]").fill("nothing")
        expect(page.locator("[data-charts-empty]")).to_have_text("No metric has “nothing” in its name.")


class TestLive:
    def test_lets_a_curve_grow_without_a_reload(self, page: Page, content: Content) -> None:
        page.goto(content.path("run, live"))
        page.locator("[data-charts-live]").select_option("2")
        before = len(read_chart(page, "loss").lines["marathon"])
        page.evaluate("window.isSamePage = true")

        content.client.log_metric(content.live_run, "loss", 0.25, step=before)

        chart = wait_for_chart(page, "loss", f"plot.data[0].x.length === {before + 1}")
        assert chart.lines["marathon"][-1] == (before, 0.25)
        assert page.evaluate("window.isSamePage")

    @pytest.mark.parametrize("smooth", ["", "ema:0.6"])
    def test_sends_the_end_of_a_long_curve_and_draws_the_whole(self, page: Page, content: Content, smooth: str) -> None:
        client = content.client
        uid = client.create_run(client.create_experiment(f"long curve {smooth or 'as logged'}")).info.run_id
        points = [Metric("loss", math.nan if step % 400 == 7 else math.sin(step), step, step) for step in range(4_020)]
        for start in range(0, 4_000, 1_000):
            client.log_batch(uid, metrics=points[start : start + 1_000])
        page.goto(f"{WORKSPACE}/runs/{uid}?tab=charts&live=2&smooth={smooth}")
        read_chart(page, "loss")

        with page.expect_response(lambda answer: "since=" in answer.url and answer.status == 200) as found:
            client.log_batch(uid, metrics=points[4_000:])
        grown = wait_for_chart(page, "loss", "Math.max(...plot.data[0].x) === 4019")

        (trace,) = found.value.json()["traces"]
        assert trace["kept"]["line"] > 100
        page.reload()
        assert grown == read_chart(page, "loss")

    def test_moves_the_curve_alone_where_the_axes_have_room(self, page: Page, content: Content) -> None:
        client = content.client
        uid = client.create_run(client.create_experiment("growing")).info.run_id
        client.log_batch(uid, metrics=[Metric("loss", step % 10, step, step) for step in range(200)])
        page.goto(f"{WORKSPACE}/runs/{uid}?tab=charts&live=2")
        before = read_chart(page, "loss")
        plot = card(page, "loss").locator(".chart-plot")
        drawn = plot.evaluate(MARK_AND_READ_CURVE)

        client.log_metric(uid, "loss", 4.5, step=202)
        chart = wait_for_chart(page, "loss", "plot.data[0].x.length === 201")

        grown = plot.evaluate("(plot) => plot.querySelector('.js-line').getAttribute('d')")
        assert grown.startswith(drawn)
        assert len(grown) > len(drawn)
        assert [*chart.lines.values()] == [[*line, (202, 4.5)] for line in before.lines.values()]
        expect(plot.locator("[data-mark]")).to_have_count(1)
        right = plot.evaluate("(plot) => plot.querySelector('.js-line').getBoundingClientRect().right")
        box = plot.bounding_box()
        assert box is not None
        page.mouse.move(right - 1, box["y"] + 60)
        expect(page.locator(".chart-tooltip")).to_contain_text("Step 202")

        client.log_metric(uid, "loss", 40, step=300)
        wait_for_chart(page, "loss", "plot.data[0].x.length === 202")

        expect(plot.locator("[data-mark]")).to_have_count(0)
        assert plot.evaluate("(plot) => plot._fullLayout.yaxis.range[1] > 40 && plot._fullLayout.xaxis.range[1] > 300")
