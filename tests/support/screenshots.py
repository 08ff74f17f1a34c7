"""``make screenshots``: the README's pictures, made anew from a portal with the demo in it. No test needs this."""

import os
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize, sync_playwright

from portal.env import BASE_DIR
from tests.support.portal import Portal, new_environ
from tests.support.programs import CHROMIUM, get_program

IMAGES = BASE_DIR / "docs" / "images"
SIZE: ViewportSize = {"width": 1280, "height": 1072}


def take_all(browser: Browser, portal: Portal) -> None:
    """Write one picture for light and one for dark surroundings."""
    for scheme in ("light", "dark"):
        page = browser.new_page(viewport=SIZE, color_scheme=scheme, reduced_motion="reduce")
        page.goto(portal.sign_in_link())
        page.goto(f"{portal.url}/w/demo/experiments")
        page.get_by_role("link", name="vision/flowers-resnet50").click()
        page.locator(".js-plotly-plot .scatterlayer path").first.wait_for()
        page.wait_for_load_state("networkidle")
        page.screenshot(path=IMAGES / f"experiment-{scheme}.png")
        page.close()


def main() -> None:
    """Run a portal, fill it, take the pictures, stop it."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=get_program(CHROMIUM), args=sandbox)
        portal = Portal.launch(new_environ(Path(folder)), log=Path(folder) / "portal.log")
        try:
            portal.manage("demo", "--runs", "7")
            take_all(browser, portal)
        finally:
            portal.stop()


if __name__ == "__main__":
    main()
