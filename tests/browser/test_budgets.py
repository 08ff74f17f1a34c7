"""The budgets of the experiment's page that depend on no clock: elements, bytes, requests, hosts, clicks."""

import re
from collections.abc import Iterator
from urllib.parse import urlencode, urlsplit

import pytest
from mlflow.entities import Metric, Param
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.charts import card, read_chart
from tests.browser.conftest import new_context
from tests.browser.content import WORKSPACE, Content
from tests.browser.watching import settle, watch

MOST_ELEMENTS = 4000
MOST_BYTES, MOST_BYTES_WITHOUT_CHARTS = 900_000, 250_000
MOST_REQUESTS = 28  # the modules are as they were written: no build step joins them
RUNS, PARAMS, METRICS, CHARTED = 50, 100, 100, 10
COUNT_CLICKS = (
    "addEventListener('click', ({ detail }) => { window.clicks = (window.clicks ?? 0) + (detail > 0); }, true)"
)


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


class TestClicks:
    @pytest.fixture(autouse=True)
    def counted(self, page: Page) -> None:
        page.add_init_script(
            f"{COUNT_CLICKS}; clicks = Number(sessionStorage.clicks ?? 0);"
            "addEventListener('pagehide', () => { sessionStorage.clicks = clicks; })"
        )

    def test_are_three_to_compare_five_runs(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment, many runs"))
        boxes = page.locator("[data-choose]")

        boxes.nth(0).click()
        boxes.nth(4).click(modifiers=["Shift"])
        page.get_by_role("button", name="Compare").click()

        expect(page).to_have_url(re.compile(r"/compare\?runs="))
        assert page.evaluate("clicks") == 3

    def test_are_none_to_share_what_one_sees(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment"))
        read_chart(page, "train/loss")
        page.locator("[data-charts-logy]").check()

        page.goto(page.url)

        assert read_chart(page, "train/loss").y_type == "log"
        expect(card(page, "train/loss").locator("[data-log]")).to_have_attribute("aria-pressed", "true")
