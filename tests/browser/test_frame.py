"""What every page has: the way in and out, the theme, the menus, keys, copy buttons; and pages without JavaScript."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.content import PAYLOADS, WORKSPACE, Content
from tests.browser.watching import find_barriers, find_overflow
from tests.support.portal import Portal


class TestSignIn:
    @pytest.mark.parametrize("path", ["/sign-in", "/sign-in/mlp_wrong"])
    def test_is_accessible_and_fits(self, anonymous: Page, path: str) -> None:
        anonymous.goto(path)
        found = find_barriers(anonymous)

        anonymous.set_viewport_size({"width": 390, "height": 844})
        anonymous.emulate_media(color_scheme="dark")
        found += find_barriers(anonymous) + find_overflow(anonymous)

        assert found == []

    def test_leads_back_to_the_link_that_mlflow_printed(self, anonymous: Page, content: Content) -> None:
        link = f"{WORKSPACE}/#/experiments/{content.normal}/runs/{content.runs[0]}"

        anonymous.goto(link)

        expect(anonymous.locator("input[name=next]")).to_have_value(link)

    def test_ends_by_signing_out(self, anonymous: Page, live_portal: Portal) -> None:
        anonymous.goto(live_portal.sign_in_link())
        expect(anonymous.locator("h1")).to_have_text("Home")

        anonymous.locator("summary", has_text="owner").click()
        anonymous.get_by_role("button", name="Sign out").click()

        expect(anonymous.locator("h1")).to_have_text("Sign in")
        anonymous.goto("/")
        expect(anonymous.locator("h1")).to_have_text("Sign in")


class TestMlflowLinks:
    def test_lead_to_the_experiment(self, page: Page, content: Content) -> None:
        page.goto(f"{WORKSPACE}/#/experiments/{content.normal}")

        page.wait_for_url(f"**{WORKSPACE}/experiments/{content.normal}")
        expect(page.locator("h1")).to_have_text("cifar10/resnet baselines")

    @pytest.mark.parametrize("below", [WORKSPACE, ""])
    def test_lead_to_the_run(self, page: Page, content: Content, below: str) -> None:
        page.goto(f"{below}/#/experiments/{content.normal}/runs/{content.runs[0]}")

        page.wait_for_url(f"**{WORKSPACE}/runs/{content.runs[0]}")
        expect(page.locator("#run-uid")).to_have_text(content.runs[0])

    def test_lead_to_the_artifacts(self, page: Page, content: Content) -> None:
        page.goto(f"{WORKSPACE}/#/experiments/{content.normal}/runs/{content.runs[0]}/artifacts")

        page.wait_for_url("**?tab=artifacts")
        expect(page.locator(".tree-row").first).to_be_visible()


class TestTheme:
    def test_is_kept_over_pages(self, page: Page) -> None:
        root, toggle = page.locator("html"), page.locator("[data-theme-toggle]")
        page.goto("/")
        expect(root).to_have_attribute("data-bs-theme", "light")

        toggle.click()
        expect(toggle).to_have_attribute("aria-label", "Theme: light")
        toggle.click()
        page.goto(f"{WORKSPACE}/experiments")

        expect(root).to_have_attribute("data-bs-theme", "dark")
        expect(toggle).to_have_attribute("aria-label", "Theme: dark")


class TestKeys:
    def test_show_the_help_and_close_it(self, page: Page) -> None:
        page.goto("/")

        page.keyboard.press("?")
        expect(page.locator("#help")).to_be_visible()
        keys = "Ctrl K / g e g m g h [ ] 1 6 ? Esc j k x Shift Alt c t b v f z ← → Shift Ctrl C Alt ← → n p"
        expect(page.locator("#help kbd")).to_have_text(keys.split())
        page.keyboard.press("Escape")

        expect(page.locator("#help")).to_be_hidden()

    def test_go_to_the_search_box(self, page: Page) -> None:
        page.goto(f"{WORKSPACE}/experiments")

        page.keyboard.press("/")
        page.keyboard.type("?/")

        expect(page.locator("#q")).to_be_focused()
        expect(page.locator("#q")).to_have_value("?/")
        expect(page.locator("#help")).to_be_hidden()

    def test_go_to_the_experiments(self, page: Page) -> None:
        page.goto(f"{WORKSPACE}/")

        page.keyboard.press("g")
        page.keyboard.press("e")

        page.wait_for_url(f"**{WORKSPACE}/experiments")

    def test_close_a_menu_and_give_the_focus_back(self, page: Page) -> None:
        page.goto("/")
        menu = page.locator("summary", has_text="owner")

        menu.click()
        expect(page.get_by_role("link", name="Account")).to_be_visible()
        page.keyboard.press("Escape")

        expect(page.get_by_role("link", name="Account")).to_be_hidden()
        expect(menu).to_be_focused()


class TestMenu:
    def test_lists_the_workspaces_when_it_opens(self, page: Page) -> None:
        page.goto("/account")

        page.locator("summary", has_text="Workspaces").click()

        entry = page.locator("#workspace-menu").get_by_role("link", name="default")
        expect(entry).to_have_attribute("href", f"{WORKSPACE}/experiments")


class TestOpenedLast:
    def test_leads_back_from_the_first_page(self, page: Page, content: Content) -> None:
        for name in ("experiment", "run", "experiment, hostile"):
            page.goto(content.path(name))

        page.goto("/")

        links = page.locator("[data-recents] a")
        expect(links).to_have_text([PAYLOADS[0], "resnet18 seed 0", "cifar10/resnet baselines"])
        links.nth(1).click()
        expect(page).to_have_url(re.compile(content.path("run")))


class TestCopy:
    def test_puts_the_tracking_uri_into_the_clipboard(self, page: Page, content: Content) -> None:
        page.goto(f"{WORKSPACE}/")

        page.locator("[data-copy='#tracking-uri']").click()

        expect(page.locator(".toasts")).to_contain_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == f"{content.portal.url}{WORKSPACE}"

    def test_puts_the_run_id_into_the_clipboard(self, page: Page, content: Content) -> None:
        page.goto(content.path("run"))

        page.get_by_role("button", name="Copy the run ID").click()

        expect(page.locator(".toasts")).to_contain_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == content.runs[0]


class TestToken:
    def test_is_shown_once_in_a_snippet_to_paste(self, page: Page) -> None:
        page.goto(f"{WORKSPACE}/")

        page.get_by_role("button", name="Make a tracking token").click()

        expect(page.locator("#tracking-uri")).to_contain_text("owner:mlp_")
        expect(page.locator("#snippet-mlflow")).to_contain_text("owner:mlp_")
        page.goto(f"{WORKSPACE}/")
        expect(page.locator("#tracking-uri")).not_to_contain_text("mlp_")


class TestWithoutJavaScript:
    @pytest.fixture
    def bare(self, browser: Browser, content: Content, owner: BrowserContext) -> Iterator[Page]:
        """Return a page in which no script runs."""
        context = browser.new_context(
            base_url=content.portal.url,
            storage_state=owner.storage_state(),
            java_script_enabled=False,
            viewport={"width": 390, "height": 844},
        )
        yield context.new_page()
        context.close()

    def test_finds_an_experiment(self, bare: Page) -> None:
        bare.goto(f"{WORKSPACE}/experiments")

        bare.locator("#q").fill("RESNET")
        bare.get_by_role("button", name="Find").click()

        expect(bare.locator("#experiments tbody tr")).to_have_count(1)
        bare.get_by_role("link", name="cifar10/resnet baselines").click()
        expect(bare.locator("[data-runs-table] tbody tr")).to_have_count(6)

    def test_filters_sorts_and_compares(self, bare: Page, content: Content) -> None:
        bare.goto(content.path("experiment"))

        bare.locator("#run-filter").fill("params.optimizer = 'adamw'")
        bare.locator("form", has=bare.locator("#run-filter")).get_by_role("button", name="Filter").click()
        bare.get_by_role("columnheader", name="train/loss").get_by_role("link").click()
        names = bare.locator("[data-runs-table] .run-name bdi")
        expect(names).to_have_text(["resnet18 seed 0", "resnet18 seed 2", "resnet18 seed 4"])
        for box in bare.locator("[data-choose]").all():
            box.check()
        bare.locator("[data-compare]").click()

        expect(bare.locator("h1")).to_have_text("Compare runs")
        expect(bare.locator("#metrics-title")).to_be_visible()

    def test_shows_a_run_and_its_files(self, bare: Page, content: Content) -> None:
        bare.goto(content.path("run"))
        expect(bare.locator("#metrics tbody tr")).to_have_count(3)

        bare.get_by_role("link", name="Artifacts").click()
        bare.get_by_role("link", name="train.py").click()

        expect(bare.locator("#preview")).to_contain_text("def train")


class TestPalette:
    def test_leads_anywhere_by_keys_alone(self, page: Page, content: Content) -> None:
        page.goto(content.path("account"))

        page.keyboard.press("Control+k")
        page.keyboard.type("resnet18 seed 3")
        expect(page.locator("#palette .hits a")).to_have_count(1)
        assert find_barriers(page) == []
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")

        expect(page.locator("h1")).to_have_text("resnet18 seed 3")

    def test_carries_out_an_action(self, page: Page) -> None:
        page.goto("/")

        page.keyboard.press("Control+k")
        page.keyboard.type("theme: dark")
        expect(page.locator("#palette .hits button")).to_have_count(1)
        page.keyboard.press("Enter")

        expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
        expect(page.locator("#palette")).to_be_hidden()


class TestLanguage:
    def test_changes_pages_and_what_scripts_say(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment"))

        page.get_by_role("button", name="中文").click()

        expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
        expect(page.locator("#runs-title")).to_have_text("运行")
        page.get_by_role("cell", name="adamw").first.click()
        expect(page.get_by_role("button", name="仅显示此值的运行")).to_be_visible()
        assert find_barriers(page) == []
        page.keyboard.press("Escape")
        page.get_by_role("button", name="EN", exact=True).click()
        expect(page.locator("html")).to_have_attribute("lang", "en")
