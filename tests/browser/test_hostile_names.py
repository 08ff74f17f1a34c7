"""Markup, scripts and direction marks stored as every name and value: shown as they are, and nothing runs."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.charts import card, read_chart
from tests.browser.content import PAYLOADS, WORKSPACE, Content
from tracking.web.formats import spell_marks


@pytest.fixture(params=PAYLOADS, ids=range(len(PAYLOADS)))
def payload(request: pytest.FixtureRequest) -> str:
    """Return a name that would do something if it were read as markup."""
    name: str = request.param
    return name


class TestHostileName:
    def test_is_text_on_the_page_of_its_run(self, page: Page, content: Content, payload: str) -> None:
        page.goto(f"{WORKSPACE}/runs/{content.hostile_runs[payload]}")

        shown = spell_marks(payload)
        expect(page.locator("h1")).to_have_text(shown)
        expect(page).to_have_title(f"{shown} · {PAYLOADS[0]} · mlportal")
        assert page.locator("#params td").text_content() == payload
        assert payload in (page.locator("[data-dataset] strong").text_content() or "")
        assert payload in (page.locator("[data-lineage]").text_content() or "")
        expect(page.locator("[data-note] img")).to_have_count(0)
        hrefs = page.locator("[data-note] a").evaluate_all("(links) => links.map((link) => link.protocol)")
        assert set(hrefs) <= {"http:", "https:", "mailto:"}

        page.goto(f"{page.url}?tab=tags")
        assert payload in page.locator("#tags td").all_text_contents()

    def test_is_text_in_the_tree_of_files(self, page: Page, content: Content, payload: str) -> None:
        name = payload.replace("/", "_")
        page.goto(f"{WORKSPACE}/runs/{content.hostile_runs[payload]}?tab=artifacts")

        page.locator("summary.tree-row").click()
        for ending in (".txt", ".md", ".csv"):
            page.locator("a.tree-row", has_text=f"{spell_marks(name)}{ending}").click()
            expect(page.locator(".preview-head h2")).to_have_text(f"{spell_marks(name)}{ending}")

    def test_is_text_in_lists_and_charts(self, page: Page, content: Content) -> None:
        shown = [spell_marks(payload) for payload in PAYLOADS]
        page.goto(content.path("experiment, hostile"))

        assert sorted(page.locator("[data-runs-table] .run-name bdi").all_text_contents()) == sorted(shown)
        assert len(read_chart(page, "loss").lines) == len(PAYLOADS)
        card(page, "loss").locator(".nsewdrag").hover()
        expect(page.locator(".chart-tooltip .tooltip-name").first).to_be_visible()
        assert set(page.locator(".chart-tooltip .tooltip-name").all_text_contents()) <= set(shown)

        for payload, text in zip(PAYLOADS, shown, strict=True):
            page.goto(f"{WORKSPACE}/experiments?q={quote(payload)}")
            assert text in page.locator("#experiments tbody th a").all_text_contents()

    def test_is_text_side_by_side(self, page: Page, content: Content) -> None:
        page.goto(content.path("compare, hostile"))

        cells = page.locator(".compare-table", has_text="payload").first.locator("td").all_text_contents()
        assert set(PAYLOADS) <= set(cells)

    def test_is_text_in_a_picture_of_a_chart(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment, hostile"))
        read_chart(page, "loss")

        card(page, "loss").get_by_role("button", name="Full screen").click()
        expect(page.locator("dialog[open] .main-svg").first).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("button", name="Save as a picture").click()

        assert download.value.suggested_filename == "loss.png"


ALL = " ".join(PAYLOADS)
# Where people write on pages that no run has a part in, and the page that shows it.
TOLD = {
    "/groups": ALL,
    "/groups/default": ALL,
    f"{WORKSPACE}/": ALL,
    f"{WORKSPACE}/settings": ALL,
    "/account/tokens": PAYLOADS[0],
    "/audit": PAYLOADS[0],
}


@pytest.fixture(scope="module")
def told(owner: BrowserContext, content: Content) -> Iterator[None]:
    """Describe, tag and lock a group and a workspace in hostile words, and name a token so."""
    page = owner.new_page()
    page.goto("/account/tokens")
    token = page.locator("input[name=csrfmiddlewaretoken]").first.input_value()
    page.close()

    def ask(method: str, path: str, body: dict[str, object]) -> None:
        address = f"{content.portal.url}/api/v1/{path}"
        answer = owner.request.fetch(address, method=method, headers={"X-CSRFToken": token}, data=body)
        assert answer.ok, answer.text()

    for place in ("groups/default", "workspaces/default"):
        ask("PATCH", place, {"description": ALL, "tags": {"payload": ALL[:200]}})
        ask("POST", f"{place}/locks", {"name": "hostile", "level": "CanNotDelete", "note": ALL[:200]})
    ask("POST", "tokens", {"name": PAYLOADS[0], "scopes": ["read"]})
    yield
    for place in ("groups/default", "workspaces/default"):
        ask("PATCH", place, {"description": "", "tags": {}})
        ask("DELETE", f"{place}/locks/hostile", {})


class TestHostileWords:
    @pytest.mark.parametrize("path", TOLD)
    def test_are_text_where_people_write(self, page: Page, told: None, path: str) -> None:
        page.goto(path)

        fields = page.locator("main input, main textarea").evaluate_all("(all) => all.map(({ value }) => value)")
        shown = [page.locator("main").text_content() or "", *fields]
        assert any(word in text for text in shown for word in (TOLD[path], spell_marks(TOLD[path])))
