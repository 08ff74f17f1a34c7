"""Goals of the runs page: what it weighs, how soon it is there, how fast the table answers (G1 to G4, G9, G10)."""

import http.client
import json
import time
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from playwright.sync_api import Page

from bench.goals.browsing import ROUNDS, Traffic, median, medians, rest, seen_ms, visitor, watch_for
from bench.goals.figures import Figure
from bench.goals.stage import WIDE_COLUMNS, Place
from bench.results import percentile_ms

ASKED = 60
ROW, USABLE = "document.querySelector('[data-run-row]')", "document.querySelector('[data-choose-all]:not([hidden])')"
MLFLOW_ROW = "document.querySelector('a[href*=\"/runs/\"]')"
FIRST_CHART = "document.querySelector('.chart-plot:not(.is-waiting) .scatterlayer path')"
MLFLOW_CHART = "document.querySelector('.js-plotly-plot .scatterlayer path')"
CHARTS_OF_MLFLOW = "?compareRunsMode=CHART"
IN_CHARTS = ("plotly", "/charts/series")


def weight(place: Place) -> list[Figure]:
    """G1, G2, G15: what the runs page with its charts costs a browser that has nothing of it."""
    ours = _first_visit(place, place.page("curves"), FIRST_CHART)
    kilobytes = requests = hosts = None
    if place.mlflow_page("curves"):
        theirs = _first_visit(place, place.mlflow_page("curves") + CHARTS_OF_MLFLOW, MLFLOW_CHART)
        kilobytes, requests, hosts = theirs.kilobytes(), len(theirs.urls), len(theirs.hosts) - 1
    charts = ours.kilobytes(*IN_CHARTS)
    return [
        Figure("G1", "runs page, cold, without charts", 250, "kB", ours.kilobytes() - charts),
        Figure("G1", "runs page, cold, with charts", 900, "kB", ours.kilobytes(), kilobytes),
        Figure("G2", "requests of the runs page, cold", 15, "", len(ours.urls), requests),
        Figure("G15", "other hosts that it asks", 0, "", len(ours.hosts) - 1, hosts),
    ]


def answers(place: Place) -> list[Figure]:
    """G3: how long the server takes to find the first hundred runs by a filter and sort them by a metric."""
    figures = []
    for seed, target in (("10,000 runs", 150), ("100,000 runs", 300)):
        if seed not in place.ours:
            continue
        body = {
            "experiment_ids": [place.ours[seed]],
            "filter": "metrics.m1 > 0.3 AND params.p1 = 'v3'",
            "order_by": ["metrics.m0 ASC"],
            "max_results": 100,
        }
        ours = _search_ms(place.url, body, place.token)
        theirs = None
        if seed in place.theirs:
            theirs = _search_ms(place.mlflow, {**body, "experiment_ids": [place.theirs[seed]]}, "")
        figures.append(Figure("G3", f"first 100 of {seed}, filter and sort, p95", target, "ms", ours, theirs))
        page = _page_ms(place, seed)
        figures.append(Figure("G3", f"the same as a page of {seed}, p95", target, "ms", page))
    return figures


def first_rows(place: Place) -> list[Figure]:
    """G4: when the first row of 10,000 runs is visible, and when the table does what it is told."""
    url, theirs = place.page("10,000 runs"), place.mlflow_page("10,000 runs")

    def visit() -> tuple[float, float]:
        with visitor(place) as context:
            watch_for(context, row=ROW, usable=USABLE)
            page = context.new_page()
            page.goto(url, wait_until="commit")
            return seen_ms(page, "row"), seen_ms(page, "usable")

    row, usable = medians(visit)
    their_row = _until(place, theirs, MLFLOW_ROW)[0] if theirs else None
    return [
        Figure("G4", "first of 10,000 rows visible, cold", 1.0, "s", row / 1e3, their_row and their_row / 1e3),
        Figure("G4", "table of 10,000 runs usable, cold", 1.5, "s", usable / 1e3),
    ]


def first_chart(place: Place) -> list[Figure]:
    """G5: when the first curve of 10 runs with 1,000 points is drawn."""
    ours = _until(place, place.page("curves"), FIRST_CHART)
    theirs = place.mlflow_page("curves")
    cold, warm = _until(place, theirs + CHARTS_OF_MLFLOW, MLFLOW_CHART) if theirs else (None, None)
    return [
        Figure("G5", "first chart, cold", 2.0, "s", ours[0] / 1e3, cold and cold / 1e3),
        Figure("G5", "first chart, warm", 0.8, "s", ours[1] / 1e3, warm and warm / 1e3),
    ]


def table(place: Place) -> list[Figure]:
    """G9: how long a click on a heading, a filter and the next page take until the new rows are there."""
    url = place.page("10,000 runs")
    steps: list[tuple[str, str, Callable[[Page], None]]] = [
        ("sort", "order_by=", lambda page: page.locator("th a", has_text="m0").first.click()),
        ("filter", "filter=", _filter),
        ("next page", "page=", lambda page: page.locator("a[rel=next]").click()),
    ]
    figures = []
    for name, part, act in steps:

        def once(part: str = part, act: Callable[[Page], None] = act) -> float:
            with visitor(place) as context:
                watch_for(context, rows=f"location.search.includes('{part}') && {ROW}")
                page = context.new_page()
                for _ in range(2):  # warm
                    page.goto(url, wait_until="load")
                rest(page)
                act(page)
                return seen_ms(page, "rows", after_click=True)

        figures.append(Figure("G9", f"{name}: from the click to the new rows, 10,000 runs", 300, "ms", median(once)))
    return figures


def elements(place: Place) -> list[Figure]:
    """G10: how many elements the runs page holds with two hundred columns."""
    columns = [f"{kind}{number:03}" for kind in ("params.p", "metrics.m") for number in range(WIDE_COLUMNS)]
    with visitor(place, size={"width": 1920, "height": 1080}) as context:
        page = context.new_page()
        page.goto(place.page("wide", columns=columns))
        rest(page)
        count = page.locator("*").count()
    return [Figure("G10", "elements of the runs page, 50 runs, 200 columns chosen", 4000, "", count)]


def _filter(page: Page) -> None:
    page.locator("#run-filter").fill("metrics.m1 > 0.3")
    page.locator("#run-filter").press("Enter")


def _first_visit(place: Place, url: str, condition: str) -> Traffic:
    with visitor(place) as context:
        watch_for(context, chart=condition)
        page = context.new_page()
        traffic = Traffic.of(page)
        page.goto(url)
        seen_ms(page, "chart")
        rest(page)
        return traffic


def _until(place: Place, url: str, condition: str) -> tuple[float, float]:
    """Return how long until something is visible, cold and warm."""

    def visit() -> tuple[float, float]:
        with visitor(place) as context:
            watch_for(context, wanted=condition)
            page = context.new_page()
            page.goto(url, wait_until="commit")
            cold = seen_ms(page, "wanted")
            rest(page)
            page.goto("about:blank")
            page.goto(url, wait_until="commit")
            return cold, seen_ms(page, "wanted")

    cold, warm = medians(visit, ROUNDS)
    return cold, warm


def _search_ms(url: str, body: object, token: str) -> float:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    prefix = "/w/default" if token else ""
    return _p95_ms(url, "POST", f"{prefix}/api/2.0/mlflow/runs/search", json.dumps(body), headers)


def _page_ms(place: Place, seed: str) -> float:
    query = urlencode({"filter": "metrics.m1 > 0.3 AND params.p1 = 'v3'", "order_by": "metrics.m0 ASC"})
    with open(place.state) as file:
        cookies = "; ".join(f"{one['name']}={one['value']}" for one in json.load(file)["cookies"])
    path = urlsplit(place.page(seed)).path
    return _p95_ms(place.url, "GET", f"{path}?{query}", "", {"Cookie": cookies})


def _p95_ms(url: str, method: str, path: str, body: str, headers: dict[str, str]) -> float:
    """Ask again and again on one connection; return the 95th percentile of the answers' times."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    took = []
    for _ in range(ASKED):
        started = time.perf_counter()
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        content = answer.read()
        took.append(time.perf_counter() - started)
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:200]!r}")
    found = percentile_ms(took, 0.95)
    assert found is not None
    return found
