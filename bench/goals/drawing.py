"""Goals of the charts: many points, spikes, many cards, and what goes on by itself (G6, G7, G8, G20)."""

import time

from playwright.sync_api import BrowserContext, Page, ViewportSize

from bench.goals.browsing import Traffic, medians, rest, seen_ms, visitor, watch_for
from bench.goals.figures import Figure
from bench.goals.pages import CHARTS_OF_MLFLOW, FIRST_CHART, MLFLOW_CHART
from bench.goals.stage import CARDS, LIVE_METRICS, LIVE_POINTS, SPIKE, Place, spiked_steps

TALL: ViewportSize = {"width": 1920, "height": 5000}
TICKS, TICK_S = 5, 2
SERIES = "/charts/series"
DRAWN = "document.querySelectorAll('.chart-plot:not(.is-waiting) .main-svg:first-of-type').length"
# Where a line or the edge of a band passes at a step, among the points that a chart was given to draw.
SPIKES_DRAWN = """
([steps, least]) => {
  const all = [...document.querySelectorAll(".js-plotly-plot")].flatMap((plot) => plot.data);
  const high = all.flatMap(({ x, y }) => [...(x ?? [])].map((at, i) => [Number(at), Number(y[i])]));
  const reach = high.filter(([, y]) => y >= least).map(([x]) => x);
  return [steps.filter((step) => reach.some((x) => Math.abs(x - step) <= %d)).length, high.length];
}
"""
NEAR_STEPS = 200  # a pixel's width


def many_points(place: Place) -> list[Figure]:
    """G6: a hundred runs of 100,000 steps in one chart."""

    def visit() -> tuple[float, float]:
        with visitor(place, size={"width": 1920, "height": 1080}) as context:
            watch_for(context, chart=FIRST_CHART)
            page = context.new_page()
            traffic = Traffic.of(page)
            page.goto(place.page("long curves", charted=100))
            seen_ms(page, "chart")
            rest(page)
            return _since_asked(page, "chart"), traffic.kilobytes(SERIES)

    took, payload = medians(visit)
    what = "100 runs x 100,000 steps in one chart"
    return [
        Figure("G6", f"{what}: from the request to the drawn curves", 1.2, "s", took / 1e3),
        Figure("G6", f"{what}: payload", 400, "kB", payload),
    ]


def spikes(place: Place) -> list[Figure]:
    """G7: how many of twenty spikes, one step each in 100,000, the chart shows."""

    def count(url: str, condition: str) -> float:
        with visitor(place) as context:
            watch_for(context, chart=condition)
            page = context.new_page()
            page.goto(url)
            seen_ms(page, "chart")
            rest(page)
            found, points = page.evaluate(SPIKES_DRAWN % NEAR_STEPS, [spiked_steps(), 0.9 * SPIKE])
            if not points:
                raise LookupError(f"{url} draws no points")
            return float(found)

    theirs = place.mlflow_page("spikes")
    return [
        Figure(
            "G7",
            "one-step spikes that show, of 20 in 100,000 steps",
            len(spiked_steps()),
            "",
            count(place.page("spikes"), FIRST_CHART),
            count(theirs + CHARTS_OF_MLFLOW, MLFLOW_CHART) if theirs else None,
            is_floor=True,
        )
    ]


def live(place: Place) -> list[Figure]:
    """G8: what a tick of ten live charts of ten runs costs."""
    api = place.api()
    runs = api.run_ids(place.ours["live"])
    with visitor(place, size=TALL) as context:
        watch_for(context, all=f"{DRAWN} >= {LIVE_METRICS}")
        page = context.new_page()
        traffic = Traffic.of(page)
        page.goto(place.page("live", live=TICK_S))
        seen_ms(page, "all")
        page.wait_for_timeout(2_000 * TICK_S)
        session = context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})  # CPU: others may use the machine too

        def busy_s() -> float:
            metrics = session.send("Performance.getMetrics")["metrics"]
            return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))

        kilobytes, busy = traffic.kilobytes(SERIES), busy_s()
        began = time.monotonic()
        for tick in range(TICKS):
            step = LIVE_POINTS + int(time.time()) % 1_000_000
            for run in runs:
                points = [
                    {"key": f"m{place_}", "value": 0.5, "timestamp": step * 1000, "step": step + tick}
                    for place_ in range(LIVE_METRICS)
                ]
                api.ask(api.post("runs/log-batch", {"run_id": run, "metrics": points}))
            page.wait_for_timeout(max(0, (began + (tick + 1) * TICK_S - time.monotonic()) * 1e3))
        grown, worked = traffic.kilobytes(SERIES) - kilobytes, busy_s() - busy
    what = "a tick of 10 live charts of 10 runs"
    return [
        Figure("G8", f"{what}: bytes", 15, "kB", grown / TICKS),
        Figure("G8", f"{what}: CPU of the main thread, the table included", 100, "ms", 1e3 * worked / TICKS),
    ]


def cards(place: Place) -> list[Figure]:
    """G20: how soon the first of 24 charts is drawn, and all of them, after their data and plotly came."""

    def visit() -> tuple[float, float]:
        with visitor(place, size=TALL) as context:
            _watch_cards(context)
            page = context.new_page()
            page.goto(place.page("cards"))
            first, last = seen_ms(page, "first"), seen_ms(page, "all")
            came = max(_asked(page)[1], seen_ms(page, "plotly"))
            return first - came, last - came

    first, last = medians(visit)
    return [
        Figure("G20", "first of 24 charts of 5 runs drawn, after data", 0.3, "s", max(first, 0) / 1e3),
        Figure("G20", "all of 24 charts of 5 runs drawn, after data", 1.2, "s", last / 1e3),
    ]


def _watch_cards(context: BrowserContext) -> None:
    watch_for(context, first=FIRST_CHART, all=f"{DRAWN} >= {CARDS}")


def _asked(page: Page) -> tuple[float, float]:
    """Return when the first curves were asked for, and when the first answer was there, since the navigation."""
    found: list[list[float]] = page.evaluate(
        """(part) => performance.getEntriesByType("resource").filter(({ name }) => name.includes(part))
             .map(({ startTime, responseEnd }) => [startTime, responseEnd])""",
        SERIES,
    )
    return min(start for start, _ in found), min(end for _, end in found)


def _since_asked(page: Page, name: str) -> float:
    return seen_ms(page, name) - _asked(page)[0]
