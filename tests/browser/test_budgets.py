"""The budgets of the experiment's page that depend on no clock: elements, bytes, requests, hosts, clicks."""

import re
from collections.abc import Iterator
from urllib.parse import urlencode, urlsplit

import pytest
from mlflow.entities import Metric, Param
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.charts import card, read_chart, wait_for_chart
from tests.browser.conftest import new_context
from tests.browser.content import MANY, WORKSPACE, Content
from tests.browser.watching import settle, watch

MOST_ELEMENTS = 4000
MOST_BYTES, MOST_BYTES_WITHOUT_CHARTS = 900_000, 250_000
MOST_REQUESTS = 15
RUNS, PARAMS, METRICS, CHARTED = 50, 100, 100, 10
SPIKED_STEPS, SPIKES, SPIKE, A_BATCH = 20_000, 20, 1e6, 1_000
LIVE_RUNS, LIVE_METRICS, MOST_BYTES_A_TICK = 10, 10, 15_000
POINTS_OF_ALL = "(plot) => plot.data.flatMap(({ x, y }) => [...x].map((at, i) => [at, y[i]]))"
# The owner's page keeps the scripts of the tests before: only the first one counts.
COUNT_CLICKS = """
if (!("clicks" in window)) {
  window.clicks = Number(sessionStorage.clicks ?? 0);
  addEventListener("click", ({ detail }) => { window.clicks += detail > 0; }, true);
  addEventListener("pagehide", () => { sessionStorage.clicks = window.clicks; });
}
"""


@pytest.fixture(scope="module")
def wide(content: Content) -> str:
    """Return the page of an experiment of a hundred params and a hundred metrics, with columns for all of them."""
    client = content.client
    experiment: str = client.create_experiment("wide")
    params = [Param(f"p{number:03}", "1") for number in range(PARAMS)]
    metrics = [Metric(f"m{number:03}", step + number, step, step) for number in range(METRICS) for step in range(3)]
    for number in range(RUNS):
        uid = client.create_run(experiment, run_name=f"run {number}").info.run_id
        client.log_batch(uid, metrics=metrics if number >= RUNS - CHARTED else (), params=params)
    columns = [("columns", f"params.{param.key}") for param in params]
    columns += [("columns", f"metrics.m{number:03}") for number in range(METRICS)]
    return f"{WORKSPACE}/experiments/{experiment}?live=0&{urlencode(columns)}"


@pytest.fixture
def newcomer(browser: Browser, owner: BrowserContext, content: Content, troubles: list[str]) -> Iterator[Page]:
    """Return a page of the owner in a browser that has nothing of the portal in its cache."""
    context = new_context(browser, content.portal)
    url = content.portal.url
    context.add_cookies([{"name": one["name"], "value": one["value"], "url": url} for one in owner.cookies()])
    page = context.new_page()
    watch(page, troubles)
    yield page
    context.close()
    assert troubles == []


class TestPageOfAnExperiment:
    def test_holds_4_000_elements_at_most(self, page: Page, wide: str) -> None:
        page.set_viewport_size({"width": 1920, "height": 1080})
        page.goto(wide)
        read_chart(page, "m000")
        settle(page)

        assert page.locator("[data-run-row]").count() == RUNS
        assert page.locator("*").count() <= MOST_ELEMENTS

        for _ in range(12):
            page.mouse.wheel(0, 700)
            settle(page)
        page.evaluate("scrollTo(0, 0)")
        settle(page)
        assert page.locator("*").count() <= MOST_ELEMENTS

    def test_costs_few_bytes_and_requests_the_first_time(self, newcomer: Page, content: Content, wide: str) -> None:
        network = newcomer.context.new_cdp_session(newcomer)
        network.send("Network.enable")
        asked: dict[str, str] = {}
        received: dict[str, float] = {}
        network.on(
            "Network.responseReceived", lambda event: asked.update({event["requestId"]: event["response"]["url"]})
        )
        network.on(
            "Network.loadingFinished", lambda event: received.update({event["requestId"]: event["encodedDataLength"]})
        )

        newcomer.goto(wide)
        read_chart(newcomer, "m000")
        newcomer.wait_for_load_state("networkidle")

        for_charts = sum(received[one] for one, url in asked.items() if "plotly" in url or "/charts/series" in url)
        assert {urlsplit(url).netloc for url in asked.values()} == {urlsplit(content.portal.url).netloc}
        assert len(asked) <= MOST_REQUESTS, sorted(asked.values())
        assert sum(received.values()) <= MOST_BYTES
        assert sum(received.values()) - for_charts <= MOST_BYTES_WITHOUT_CHARTS


class TestCharts:
    def test_show_each_spike_of_a_step(self, page: Page, content: Content) -> None:
        client = content.client
        experiment: str = client.create_experiment("spiked")
        uid = client.create_run(experiment).info.run_id
        spiked = range(501, SPIKED_STEPS, SPIKED_STEPS // SPIKES)
        values = [SPIKE if step in spiked else 1 / (1 + step) for step in range(SPIKED_STEPS)]
        for start in range(0, SPIKED_STEPS, A_BATCH):
            steps = range(start, start + A_BATCH)
            client.log_batch(uid, metrics=[Metric("loss", values[step], step, step) for step in steps])
        client.set_terminated(uid)

        page.goto(f"{WORKSPACE}/experiments/{experiment}?live=0")

        (line,) = read_chart(page, "loss").lines.values()
        assert len(line) < SPIKED_STEPS / 4
        band = card(page, "loss").locator(".chart-plot").evaluate(POINTS_OF_ALL)
        high = [x for x, y in [*line, *band] if y == SPIKE]
        pixel = SPIKED_STEPS / 200
        assert len(spiked) == SPIKES
        assert all(any(abs(x - step) <= pixel for x in high) for step in spiked)

    def test_cost_few_bytes_a_tick(self, page: Page, content: Content) -> None:
        client = content.client
        experiment: str = client.create_experiment("ticking")
        uids = [client.create_run(experiment).info.run_id for _ in range(LIVE_RUNS)]
        keys = [f"m{number}" for number in range(LIVE_METRICS)]
        for uid in uids:
            client.log_batch(uid, metrics=[Metric(key, step, step, step) for key in keys for step in range(50)])
        page.set_viewport_size({"width": 1920, "height": 3000})
        page.goto(f"{WORKSPACE}/experiments/{experiment}?live=2")
        for key in keys:
            read_chart(page, key)
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        received: list[float] = []
        network.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))

        with page.expect_response(lambda answer: "/charts/series" in answer.url and answer.status == 200):
            for uid in uids:
                client.log_batch(uid, metrics=[Metric(key, 1.5, 50, 50) for key in keys])
        wait_for_chart(page, keys[-1], "plot.data[0].x.length === 51")

        assert max(received) <= MOST_BYTES_A_TICK  # one answer holds all ten charts


class TestClicks:
    @pytest.fixture(autouse=True)
    def counted(self, page: Page) -> None:
        page.add_init_script(COUNT_CLICKS)
        page.evaluate("window.clicks = 0")  # what the page before hands on

    def test_are_three_to_compare_five_runs(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment, many runs"))
        boxes = page.locator("[data-choose]")

        boxes.nth(0).click()
        boxes.nth(4).click(modifiers=["Shift"])
        page.get_by_role("button", name="Compare").click()

        expect(page).to_have_url(re.compile(r"/compare\?runs="))
        assert page.evaluate("clicks") == 3

    def test_are_two_to_compare_the_best_five(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment, many runs"))

        page.get_by_role("columnheader", name="loss").get_by_role("link").click()
        page.get_by_role("button", name="Compare the first 5").click()

        expect(page).to_have_url(re.compile(r"/compare\?runs="))
        best = [f"trial {MANY - 1 - place}" for place in range(5)]
        expect(page.locator(".compare-table thead").first.locator("bdi")).to_have_text(best)
        assert page.evaluate("clicks") == 2

    def test_are_two_for_the_mean_over_seeds(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment"))

        page.get_by_role("button", name="Menu of optimizer").click()
        page.locator(".head-menu:popover-open").get_by_role("link", name="Group by it").click()

        row = page.locator("#runs-part tbody tr", has_text="adamw")
        expect(row).to_contain_text("±")
        assert page.evaluate("clicks") == 2

    def test_are_none_to_share_what_one_sees(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment"))
        read_chart(page, "train/loss")
        page.locator("[data-charts-logy]").check()

        page.goto(page.url)

        assert read_chart(page, "train/loss").y_type == "log"
        expect(card(page, "train/loss").locator("[data-log]")).to_have_attribute("aria-pressed", "true")
