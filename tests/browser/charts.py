"""What plotly was given to draw, read from the page."""

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Locator, Page

READ = """
(plot) => {
  const points = ({ x, y }) => [...x].map((at, i) => [at, y[i]]);
  const lines = plot.data.filter(({ uid }) => uid.startsWith("line"));
  const marks = plot.data.filter(({ uid }) => uid === "nonfinite");
  return {
    lines: lines.map((line) => [line.name, points(line)]),
    marks: marks.flatMap(({ x, text }) => [...x].map((at, i) => [at, text[i]])),
    smoothed: plot.data.some(({ uid }) => uid.startsWith("raw")),
    yType: plot.layout.yaxis.type,
    xTitle: plot.querySelector(".chart-x").textContent,
  };
}
"""


@dataclass(frozen=True)
class Chart:
    """A chart as it is drawn. ``lines``: the points of each curve by its run's name."""

    lines: dict[str, list[tuple[Any, float]]]
    marks: list[tuple[float, str]]
    is_smoothed: bool
    y_type: str
    x_title: str


def card(page: Page, metric: str) -> Locator:
    """Return the card of a metric."""
    return page.locator(".chart-card", has=page.locator(f'.chart-title[title="{metric}"]'))


def read_chart(page: Page, metric: str) -> Chart:
    """Return a metric's chart as soon as it is drawn."""
    card(page, metric).scroll_into_view_if_needed()
    plot = card(page, metric).locator(".chart-plot:not(.is-waiting)")
    plot.locator(".main-svg").first.wait_for()
    read = plot.evaluate(READ)
    return Chart(
        lines={name: [(x, y) for x, y in points] for name, points in read["lines"]},
        marks=[(x, word) for x, word in read["marks"]],
        is_smoothed=read["smoothed"],
        y_type=read["yType"],
        x_title=read["xTitle"],
    )


def wait_for_chart(page: Page, metric: str, condition: str) -> Chart:
    """Return a metric's chart as soon as ``condition``, in JavaScript, holds of its ``plot``."""
    plot = card(page, metric).locator(".chart-plot")
    page.wait_for_function(f"(plot) => plot.data && ({condition})", arg=plot.element_handle())
    return read_chart(page, metric)
