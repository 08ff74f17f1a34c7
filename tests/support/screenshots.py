"""``make screenshots``: the pictures of the README and the docs, made anew from a portal with the demo in it.

No test needs this.
"""

import os
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from portal.env import BASE_DIR
from tests.support.portal import Portal, new_environ
from tests.support.programs import CHROMIUM, get_program

IMAGES = BASE_DIR / "docs" / "images"
SIZE: ViewportSize = {"width": 1280, "height": 1000}
EXPERIMENT = "vision/flowers-resnet50"
COMPARED = ("mixup", "label-smoothing", "baseline")


def take_all(browser: Browser, portal: Portal) -> None:
    """Write each picture for light and for dark surroundings."""
    for scheme in ("light", "dark"):
        page = browser.new_page(viewport=SIZE, color_scheme=scheme, reduced_motion="reduce")
        page.goto(portal.sign_in_link())
        page.goto(f"{portal.url}/w/demo/experiments")
        page.get_by_role("link", name=EXPERIMENT).click()
        _take(page, f"experiment-{scheme}")
        experiment = page.url
        page.locator(".run-name").get_by_role("link", name=COMPARED[0], exact=True).click()
        _take(page, f"run-{scheme}")
        page.goto(experiment)
        for name in COMPARED:
            page.get_by_role("checkbox", name=f"Choose {name}", exact=True).check()
        page.locator("[data-compare]").click()
        page.locator("#compared-title").wait_for()
        page.goto(f"{page.url}&find=eval/&only=diff")
        _take(page, f"compare-{scheme}")
        page.close()


def _take(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    if page.locator("[data-chart-grid]").count():
        page.locator(".js-plotly-plot .scatterlayer path").first.wait_for()
    page.screenshot(path=IMAGES / f"{name}.png")


def main() -> None:
    """Run a portal, fill it, take the pictures, stop it."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=get_program(CHROMIUM), args=sandbox)
        portal = Portal.launch(new_environ(Path(folder)), log=Path(folder) / "portal.log")
        try:
            portal.manage("demo", "--runs", "9")
            take_all(browser, portal)
        finally:
            portal.stop()


if __name__ == "__main__":
    main()
