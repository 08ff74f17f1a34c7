"""From the first start to a comparison: the printed link, a real training, its curves in the browser."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from portal.env import BASE_DIR
from tests.browser.charts import read_chart
from tests.browser.training import EPOCHS, EXPERIMENT, NAN_EPOCH, SEEDS, SPIKE, SPIKE_EPOCH
from tests.browser.watching import find_barriers, find_overflow, settle, watch
from tests.support.portal import Portal


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """Start a portal that nobody has used, as ``make run`` does."""
    portal = Portal.start(tmp_path_factory.mktemp("fresh"))
    yield portal
    portal.stop()


@pytest.fixture(scope="module")
def visitor(browser: Browser, fresh: Portal) -> Iterator[Page]:
    """Sign in by the link that the server printed."""
    context = browser.new_context(base_url=fresh.url, reduced_motion="reduce")
    page, troubles = context.new_page(), list[str]()
    watch(page, troubles)
    page.goto(_printed(fresh, r"http\S+/sign-in/\S+"))
    yield page
    context.close()
    assert troubles == []


def _printed(portal: Portal, pattern: str) -> str:
    found = re.search(pattern, portal.log.read_text())
    assert found
    return found[0]


def _train(portal: Portal) -> str:
    """Run the training with the tracking URI that the server printed; return what the client printed."""
    uri = _printed(portal, r"http://owner:[^\"]+")
    done = subprocess.run(
        [sys.executable, "-m", "tests.browser.training"],
        cwd=BASE_DIR,
        env={**os.environ, "TRACKING_URI": uri},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class TestFirstDay:
    def test_begins_with_pages_that_say_what_to_do(self, visitor: Page) -> None:
        found = []
        for path, words in {
            "/": "Any script that uses mlflow can send its runs here",
            "/w/default/": "Make a tracking token",
            "/w/default/experiments": "Default",
            "/w/default/experiments/1": "No runs yet",
            "/account": "Set a password",
        }.items():
            visitor.goto(path)
            expect(visitor.locator("main")).to_contain_text(words)
            found += find_barriers(visitor) + find_overflow(visitor)

        assert found == []

    def test_ends_with_runs_compared(self, visitor: Page, fresh: Portal) -> None:
        printed = _train(fresh)

        # The link that the client printed leads to the run.
        link = re.findall(r"View run seed 0 at: \S+@(\S+)", printed)[0]
        visitor.goto(f"http://{link}")
        expect(visitor.locator("h1")).to_have_text("seed 0")
        expect(visitor.locator("#params")).to_contain_text("log_loss")

        # The experiment is found by typing a part of its name.
        visitor.goto("/w/default/experiments")
        visitor.locator("#q").press_sequentially("SGD")
        expect(visitor.locator("#experiments tbody tr")).to_have_count(1)
        visitor.get_by_role("link", name=EXPERIMENT).click()

        # Every run has its curve, with the spike, and a mark where it was no number.
        expect(visitor.locator("[data-runs-table] tbody tr")).to_have_count(SEEDS)
        chart = read_chart(visitor, "val/loss")
        assert set(chart.lines) == {f"seed {seed}" for seed in range(SEEDS)}
        for points in chart.lines.values():
            assert [step for step, _ in points] == [step for step in range(EPOCHS) if step != NAN_EPOCH]
            assert (SPIKE_EPOCH, SPIKE) in points
        assert chart.marks == [(NAN_EPOCH, "NaN")] * SEEDS

        # Three runs are chosen and compared, curves first.
        for seed in (0, 1, 3):
            visitor.get_by_role("checkbox", name=f"Choose seed {seed}").check()
        visitor.locator("[data-compare]").click()
        expect(visitor.locator("h1")).to_have_text("Compare runs")
        assert set(read_chart(visitor, "val/accuracy").lines) == {"seed 0", "seed 1", "seed 3"}
        rows = visitor.locator(".compare-table tbody tr")
        assert rows.filter(has_text="eta0").locator("td").all_text_contents() == ["0.004", "0.002", "0.001"]
        best = rows.filter(has_text="val/accuracy").locator(".is-best")
        shown = [float(text) for text in rows.filter(has_text="val/accuracy").locator("td").all_text_contents()]
        assert {float(text) for text in best.all_text_contents()} == {max(shown)}
        visitor.get_by_role("link", name="Only differences").click()
        expect(rows.filter(has_text="log_loss")).to_have_count(0)
        settle(visitor)
        assert find_barriers(visitor) + find_overflow(visitor) == []
