"""Chromium as the goals use it, and what a page costs: requests, bytes, and when things came into sight."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from bench.goals.stage import Place
from tests.support.programs import CHROMIUM, get_program

ROUNDS = 3
TIMEOUT_MS, REST_MS = 90_000, 5_000
SIZE: ViewportSize = {"width": 1280, "height": 900}
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"]
# Looks before each frame; what is seen first is not forgotten. `clicked` survives the way to the next page.
LOOK = """
(() => {
  const conditions = %s;
  window.seen = {};
  const look = () => {
    for (const [name, isThere] of Object.entries(conditions)) {
      if (!(name in window.seen) && isThere()) window.seen[name] = performance.timeOrigin + performance.now();
    }
    if (Object.keys(conditions).some((name) => !(name in window.seen))) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  const cameWithAScript = ({ target }) => {
    if (target.src?.includes("plotly")) window.seen.plotly ??= performance.timeOrigin + performance.now();
  };
  document.addEventListener("load", cameWithAScript, true); // what loads does not tell the window
  const remember = () => { sessionStorage.clicked = performance.timeOrigin + performance.now(); };
  addEventListener("click", remember, true);
  addEventListener("keydown", ({ key }) => key === "Enter" && remember(), true);
})();
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=get_program(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def visitor(place: Place, *, size: ViewportSize = SIZE) -> Iterator[BrowserContext]:
    """Run a Chromium with nothing in its cache, signed in."""
    with chromium() as browser:
        context = browser.new_context(viewport=size, locale="en-GB", storage_state=place.state)
        context.set_default_timeout(TIMEOUT_MS)
        yield context


def watch_for(context: BrowserContext, **conditions: str) -> None:
    """Have each page note when conditions, in JavaScript, were true first."""
    pairs = ", ".join(f"{name}: () => {condition}" for name, condition in conditions.items())
    context.add_init_script(LOOK % f"{{ {pairs} }}")


def seen_ms(page: Page, name: str, *, after_click: bool = False) -> float:
    """Wait until a condition of ``watch_for`` was true; return when, since the navigation or the last click."""
    page.wait_for_function("(name) => name in (window.seen ?? {})", arg=name)
    since = "Number(sessionStorage.clicked)" if after_click else "performance.timeOrigin"
    took: float = page.evaluate(f"(name) => window.seen[name] - {since}", name)
    return took


def rest(page: Page) -> None:
    """Wait until a page asks for nothing any more, but not for long: MLflow's never stop."""
    with suppress(PlaywrightTimeoutError):
        page.wait_for_load_state("networkidle", timeout=REST_MS)


@dataclass
class Traffic:
    """What went over the wire, by request."""

    urls: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, page: Page) -> "Traffic":
        """Watch a page from now on."""
        traffic = cls()
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        network.on(
            "Network.requestWillBeSent", lambda event: traffic.began(event["requestId"], event["request"]["url"])
        )
        network.on(
            "Network.loadingFinished",
            lambda event: traffic.sizes.update({event["requestId"]: event["encodedDataLength"]}),
        )
        return traffic

    def began(self, request: str, url: str) -> None:
        if not url.startswith(("data:", "blob:")):
            self.urls[request] = url

    @property
    def hosts(self) -> set[str]:
        return {urlsplit(url).netloc for url in self.urls.values()}

    def kilobytes(self, *parts: str) -> float:
        """Return what came of addresses with one of these parts in them, or of all."""
        wanted = (one for one, url in self.urls.items() if not parts or any(part in url for part in parts))
        return sum(self.sizes.get(one, 0) for one in wanted) / 1000


def median(measure: Callable[[], float], rounds: int = ROUNDS) -> float:
    """Return the median of several rounds."""
    return statistics.median(measure() for _ in range(rounds))


def medians(measure: Callable[[], Sequence[float]], rounds: int = ROUNDS) -> list[float]:
    """Return the median of each of several figures."""
    return [statistics.median(column) for column in zip(*(measure() for _ in range(rounds)), strict=True)]
