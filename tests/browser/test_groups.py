"""An owner makes a group and a workspace in it, and locks it; by keyboard, in a browser."""

from playwright.sync_api import Page, expect

from tests.browser.watching import find_barriers, find_overflow


class TestGroup:
    def test_is_made_filled_locked_and_shared(self, page: Page) -> None:
        page.goto("/groups")
        page.get_by_text("Create a resource group").press("Enter")
        page.get_by_label("Name").fill("research")
        page.get_by_label("Description").fill("Everything of the research team")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="research", level=1)).to_be_visible()

        page.get_by_label("Name", exact=True).first.fill("vision-lab")
        page.get_by_role("button", name="Create").press("Enter")
        expect(page.get_by_role("heading", name="vision-lab")).to_be_visible()

        page.goto("/groups/research")
        page.get_by_text("Add a lock").press("Enter")
        page.get_by_label("Name of the lock").fill("audit")
        page.get_by_label("What it forbids").select_option("ReadOnly")
        page.get_by_label("Why").fill("Nobody changes anything until the audit is over, not even a little. " * 3)
        page.get_by_role("button", name="Lock", exact=True).press("Enter")
        expect(page.get_by_role("status")).to_contain_text("Lock audit holds now.")

        page.get_by_text("Add a lock").press("Enter")
        page.set_viewport_size({"width": 390, "height": 844})
        assert find_barriers(page) + find_overflow(page) == []
        page.goto("/w/vision-lab/access")
        expect(page.locator("[data-answers] li").nth(1)).to_contain_text("Lock audit refuses it.")
        assert find_barriers(page) + find_overflow(page) == []

    def test_warns_of_a_quota(self, page: Page) -> None:
        page.goto("/w/default/settings")
        page.get_by_label("Runs, at most").fill("1")
        page.get_by_role("button", name="Set quotas").press("Enter")

        expect(page.get_by_text("Used up: no more are taken.")).to_be_visible()
        assert find_barriers(page) == []
        page.get_by_label("Runs, at most").fill("")
        page.get_by_role("button", name="Set quotas").press("Enter")
        expect(page.get_by_text("Used up: no more are taken.")).to_have_count(0)
