"""What is wrong with a page: errors it reports by itself, and what axe-core and a ruler find."""

from pathlib import Path

from playwright.sync_api import ConsoleMessage, Dialog, Error, Page, Response

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP: ${event.violatedDirective} refused ${event.blockedURI} ${event.sample}`));
// In a sandbox, whose origin is "null", files may run their scripts.
if (window.origin !== "null")
  Object.defineProperty(window, "__pwned", { set: (place) => console.error(`a hostile name ran: ${place}`) });
"""
FIND_VIOLATIONS = """
async (rules) => {
  const { violations } = await axe.run({ exclude: ".chart-plot svg" }, { runOnly: rules, resultTypes: ["violations"] });
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html, any }) =>
    `${id}: ${html.slice(0, 200)} ${any.map(({ message }) => message).join("; ")}`));
}
"""
FIND_OVERFLOW = """
() => {
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth <= clientWidth) return [];
  const scrolls = (one) => one !== document.body && (getComputedStyle(one).overflowX !== "visible" || isCut(one));
  const isCut = (one) => scrolls(one.parentElement);
  const wide = [...document.querySelectorAll("body *")].filter((one) =>
    one.getBoundingClientRect().right > clientWidth && !isCut(one));
  return [`${scrollWidth - clientWidth} px too wide: ${wide.slice(-3).map((one) => one.outerHTML.slice(0, 160))}`];
}
"""


# Grows what a translator could have written longer; what people logged is as long as it is.
LENGTHEN = """
(share) => {
  const own = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const logged = "script, style, template, noscript, svg, pre, code, bdi, time, kbd, textarea, .chart-plot";
  while (own.nextNode()) {
    const { currentNode: node } = own;
    const { length } = node.data.trim();
    if (length && !node.parentElement.closest(logged)) node.data += "longer ".repeat(length).slice(0, length * share);
  }
}
"""


def watch(page: Page, troubles: list[str]) -> None:
    """Collect what the page reports: errors, refusals of its policy, dialogs, answers that are errors, hostile names
    (tests/browser/content.py) that ran as a script.
    """

    def on_console(message: ConsoleMessage) -> None:
        # Where an answer was an error, on_response says which.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            troubles.append(f"{message.type}: {message.text} ({page.url})")

    def on_error(error: Error) -> None:
        troubles.append(f"exception: {error} ({page.url})")

    def on_dialog(dialog: Dialog) -> None:
        troubles.append(f"dialog: {dialog.message} ({page.url})")
        dialog.dismiss()

    def on_response(response: Response) -> None:
        if response.status >= 400 and not response.request.is_navigation_request():
            troubles.append(f"{response.status}: {response.url}")

    page.on("console", on_console)
    page.on("pageerror", on_error)
    page.on("dialog", on_dialog)
    page.on("response", on_response)
    page.add_init_script(REPORT_VIOLATIONS)


def find_barriers(page: Page) -> list[str]:
    """Return what axe-core's rules of WCAG A and AA find on the page as it stands."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    found: list[str] = page.evaluate(FIND_VIOLATIONS, RULES)
    return found


def find_overflow(page: Page) -> list[str]:
    """Return what makes the page scroll sideways."""
    found: list[str] = page.evaluate(FIND_OVERFLOW)
    return found


def lengthen(page: Page, share: float = 0.4) -> None:
    """Make each text of the page longer, as another language would."""
    page.evaluate(LENGTHEN, share)


def settle(page: Page) -> None:
    """Wait until every chart that is near has its curves, or says why not."""
    page.wait_for_load_state("load")
    page.wait_for_function(
        """() => ![...document.querySelectorAll(".chart-plot.is-waiting")].some((plot) => {
             const { top, bottom, height } = plot.getBoundingClientRect();
             return height && bottom > 0 && top < innerHeight;
           })"""
    )
