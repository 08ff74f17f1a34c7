"""Finding an experiment, and its workbench: filter, sort, page, choose, chart, compare."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.charts import read_chart
from tests.browser.content import MANY, WORKSPACE, Content


def names(page: Page) -> Locator:
    """Return the names in the table of runs."""
    return page.locator("[data-runs-table] .run-name bdi")


def width_of(element: Locator) -> float:
    box = element.bounding_box()
    assert box is not None
    return box["width"]


class TestSearch:
    def test_narrows_the_list_while_one_types(self, page: Page) -> None:
        page.goto(f"{WORKSPACE}/experiments")

        page.locator("#q").press_sequentially("RESnet")

        expect(page.locator("#experiments tbody tr")).to_have_count(1)
        expect(page.locator("#experiments tbody tr")).to_contain_text("cifar10/resnet baselines")
        expect(page.locator("[data-count]")).to_contain_text("1 of ")
        expect(page).to_have_url(re.compile(r"\?q=RESnet$"))
        expect(page.locator("#q")).to_be_focused()

    def test_is_where_back_leads(self, page: Page) -> None:
        page.goto(f"{WORKSPACE}/experiments?q=resnet")

        page.get_by_role("link", name="cifar10/resnet baselines").click()
        expect(page.locator("h1")).to_have_text("cifar10/resnet baselines")
        page.go_back()

        expect(page.locator("#q")).to_have_value("resnet")
        expect(page.locator("#experiments tbody tr")).to_have_count(1)

    def test_says_that_nothing_matches_and_leads_out(self, page: Page) -> None:
        page.goto(f"{WORKSPACE}/experiments?q=no+such+thing")

        expect(page.locator(".empty")).to_contain_text("No name contains “no such thing”.")
        page.get_by_role("link", name="Clear the search").click()

        expect(page.locator("#q")).to_have_value("")


class TestStar:
    def test_is_given_and_taken_back_where_one_is(self, page: Page) -> None:
        page.goto(f"{WORKSPACE}/experiments")
        star = page.locator(".star button").first

        star.focus()
        page.keyboard.press("Enter")
        expect(star).to_have_attribute("aria-pressed", "true")
        expect(star).to_be_focused()
        page.keyboard.press("Enter")

        expect(star).to_have_attribute("aria-pressed", "false")


class TestFilter:
    def test_narrows_the_table(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment"))

        page.locator("#run-filter").fill("metrics.`val/acc` > 0.9999 AND attributes.status = 'FINISHED'")
        page.locator("#run-filter").press("Enter")

        expect(names(page)).to_have_text(["resnet18 seed 0"])
        expect(page).to_have_url(re.compile("filter=metrics"))

    def test_points_at_the_mistake(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment"))

        page.locator("#run-filter").fill("params.lr = 0.1")
        page.locator("#run-filter").press("Enter")

        text, caret = page.locator("#filter-error pre").inner_text().splitlines()
        assert text == "params.lr = 0.1"
        assert caret.index("^") == text.index("0.1")
        expect(page.locator("#run-filter")).to_have_value("params.lr = 0.1")
        expect(page.locator("#run-filter")).to_have_attribute("aria-invalid", "true")


class TestColumns:
    def test_change_places_as_one_drags_a_head(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment"))
        heads = page.locator("[data-runs-table] thead th[data-filter-key^='metrics.'] .head-line > a")
        expect(heads).to_have_text(["lr", "train/loss", "val/acc"])

        heads.nth(2).drag_to(heads.nth(0))

        expect(heads).to_have_text(["val/acc", "lr", "train/loss"])
        heads.nth(0).drag_to(heads.nth(1))
        expect(heads).to_have_text(["lr", "val/acc", "train/loss"])

    def test_change_places_in_the_picker(self, page: Page, content: Content) -> None:
        page.goto(f"{content.path('experiment')}?columns=metrics.lr&columns=metrics.train/loss")
        page.locator(".columns-picker summary").click()
        picked = page.locator("[data-chosen-columns] > div")

        page.get_by_label("Find a column").press_sequentially("tea")
        expect(page.get_by_role("checkbox", name="optimizer")).to_have_count(0)  # what was found has come
        page.get_by_role("checkbox", name="team").check()
        page.get_by_role("button", name="Move tag team up").press("Enter")
        page.get_by_role("button", name="Move tag team up").press("Enter")
        expect(page.get_by_role("button", name="Move tag team up")).to_be_focused()
        expect(picked).to_have_text([re.compile("team"), re.compile("lr"), re.compile("train/loss")])
        picked.nth(1).drag_to(picked.nth(2))
        page.get_by_role("button", name="Show these").click()

        heads = page.locator("[data-runs-table] thead th[data-filter-key*='`'] .head-line > a")
        expect(heads).to_have_text(["tag team", "train/loss", "lr"])

    def test_become_as_wide_as_one_drags_their_edges(self, page: Page, content: Content) -> None:
        page.goto(f"{content.path('experiment')}?layout=table")
        head = page.get_by_role("columnheader", name="train/loss")
        handle = page.get_by_role("separator", name="Width of metrics.train/loss")
        before, box = width_of(head), handle.bounding_box()
        assert box is not None

        page.mouse.move(box["x"] + 4, box["y"] + 10)
        page.mouse.down()
        page.mouse.move(box["x"] + 84, box["y"] + 10, steps=4)
        page.mouse.up()

        assert width_of(head) == pytest.approx(before + 80, abs=1)
        page.get_by_role("columnheader", name="Status").get_by_role("link").click()
        page.wait_for_url(re.compile("order_by=.*width=|width=.*order_by="))
        assert width_of(head) == pytest.approx(before + 80, abs=1)

    def test_become_as_wide_as_keys_say(self, page: Page, content: Content) -> None:
        page.goto(f"{content.path('experiment')}?layout=table")
        head = page.get_by_role("columnheader", name="train/loss")
        handle, before = page.get_by_role("separator", name="Width of metrics.train/loss"), width_of(head)

        handle.press("ArrowLeft")
        handle.press("ArrowLeft")
        expect(handle).to_have_attribute("aria-valuenow", str(round(before) - 20))
        page.reload()
        assert width_of(head) == pytest.approx(before - 20, abs=1)
        handle.press("Enter")

        assert width_of(head) == pytest.approx(before, abs=1)
        expect(page).not_to_have_url(re.compile("width="))


class TestSplit:
    def test_gives_the_table_more_room_and_keeps_it_in_the_address(self, page: Page, content: Content) -> None:
        page.set_viewport_size({"width": 1600, "height": 900})
        page.goto(content.path("experiment"))
        handle = page.get_by_role("separator", name="Width of the table")
        table, before = page.locator(".workbench > div").first, width_of(page.locator(".workbench > div").first)

        handle.press("ArrowRight")
        handle.press("ArrowRight")
        expect(handle).to_have_attribute("aria-valuenow", "60")
        assert width_of(table) == pytest.approx(before * 1.2, abs=3)
        page.reload()
        assert width_of(table) == pytest.approx(before * 1.2, abs=3)
        page.get_by_role("link", name="Only the table").click()
        expect(page).to_have_url(re.compile("split=60"))

    def test_is_dragged(self, page: Page, content: Content) -> None:
        page.set_viewport_size({"width": 1600, "height": 900})
        page.goto(content.path("experiment"))
        handle = page.get_by_role("separator", name="Width of the table")
        box = handle.bounding_box()
        assert box is not None

        page.mouse.move(box["x"] + 8, box["y"] + 50)
        page.mouse.down()
        page.mouse.move(450, box["y"] + 50, steps=4)
        page.mouse.up()

        expect(page).to_have_url(re.compile(r"split=2\d"))
        handle.dblclick()
        expect(page).not_to_have_url(re.compile("split="))


class TestTable:
    def test_is_sorted_by_a_column_best_first(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment, many runs"))
        head = page.get_by_role("columnheader", name="loss")

        head.get_by_role("link").click()
        expect(names(page).first).to_have_text(f"trial {MANY - 1}")
        expect(head).to_have_attribute("aria-sort", "ascending")
        head.get_by_role("link").click()

        expect(names(page).first).to_have_text("trial 00")
        expect(head).to_have_attribute("aria-sort", "descending")

    def test_is_turned_to_the_next_page_and_back(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment, many runs"))
        expect(names(page)).to_have_count(50)

        page.get_by_role("link", name="Next").click()
        expect(names(page)).to_have_count(MANY - 50)
        expect(names(page).last).to_have_text("trial 00")
        page.get_by_role("link", name="Back to the first").click()

        expect(names(page).first).to_have_text(f"trial {MANY - 1}")

    def test_shows_the_columns_that_were_found_and_chosen(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment"))
        heads = page.locator("[data-runs-table] thead th")
        expect(heads.filter(has_text="team")).to_have_count(0)

        page.locator(".columns-picker summary").click()
        page.get_by_label("Find a column").press_sequentially("tea")
        page.get_by_role("checkbox", name="team").check()
        page.get_by_role("button", name="Show these").click()

        expect(heads.filter(has_text="team")).to_have_count(1)
        expect(page.locator("[data-runs-table] tbody tr").first).to_contain_text("vision")

    def test_is_walked_through_by_keys(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment"))

        for key in ("j", "x", "j", "j", "x", "k", "x"):
            page.keyboard.press(key)
        page.keyboard.press("?")
        expect(page.locator("#help")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("[data-chosen-count]")).to_have_text("(3)")
        page.keyboard.press("c")

        page.wait_for_url("**/compare?runs=*")
        expect(page.locator("h1 + span")).to_have_text("3 runs")

    def test_chooses_all_between_two_shift_clicks(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment, many runs"))
        boxes = page.locator("[data-choose]")

        boxes.nth(2).click()
        boxes.nth(6).click(modifiers=["Shift"])

        expect(page.locator("[data-chosen-count]")).to_have_text("(5)")
        expect(page.locator("tr.is-chosen")).to_have_count(5)


class TestCharts:
    def test_show_the_chosen_runs(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment"))
        assert len(read_chart(page, "train/loss").lines) == 5

        for name in ("resnet18 seed 1", "resnet18 seed 3"):
            page.get_by_role("checkbox", name=f"Choose {name}").check()
        page.get_by_role("button", name="Chart", exact=True).click()

        page.wait_for_url("**runs=*")
        assert set(read_chart(page, "train/loss").lines) == {"resnet18 seed 1", "resnet18 seed 3"}
        expect(page.locator(".note").first).to_contain_text("The charts show 2 chosen runs.")

    def test_add_a_run_by_its_mark(self, page: Page, content: Content) -> None:
        page.goto(f"{content.path('experiment')}?runs={content.runs[1]}")
        assert set(read_chart(page, "train/loss").lines) == {"resnet18 seed 1"}

        page.get_by_role("link", name="Add resnet18 seed 2 to the charts").click()

        page.wait_for_url(f"**{content.runs[2]}")
        assert set(read_chart(page, "train/loss").lines) == {"resnet18 seed 1", "resnet18 seed 2"}

    def test_hide_a_run_by_its_mark(self, page: Page, content: Content) -> None:
        page.goto(content.path("experiment"))
        read_chart(page, "train/loss")

        page.get_by_role("button", name="Curves of resnet18 seed 2").click()

        expect(page.locator(".run-toggle[aria-pressed=false]")).to_have_count(1)
        assert "resnet18 seed 2" not in read_chart(page, "train/loss").lines


class TestCompare:
    @pytest.fixture(autouse=True)
    def opened(self, page: Page, content: Content) -> None:
        """Open three runs from their experiment."""
        page.goto(content.path("experiment"))
        for seed in range(3):
            page.get_by_role("checkbox", name=f"Choose resnet18 seed {seed}").check()
        page.locator("[data-compare]").click()
        page.wait_for_url("**/compare?runs=*")

    def test_shows_curves_first(self, page: Page) -> None:
        assert len(read_chart(page, "train/loss").lines) == 3
        top, table = (page.locator(each).first.bounding_box() for each in ("[data-chart-grid]", ".compare-table"))
        assert top is not None and table is not None
        assert top["y"] < table["y"]

    def test_marks_the_best_value(self, page: Page) -> None:
        best = page.locator(".compare-table tr", has_text="val/acc").locator(".is-best")

        expect(best).to_have_count(1)
        expect(best).to_have_text("0.999952")

    def test_leaves_out_what_the_runs_agree_on(self, page: Page) -> None:
        rows = page.locator(".compare-table tbody tr")
        expect(rows.filter(has_text="batch_size")).to_have_count(1)

        page.get_by_role("link", name="Only differences").click()

        expect(rows.filter(has_text="batch_size")).to_have_count(0)
        expect(rows.filter(has_text="optimizer")).to_have_count(1)
        page.get_by_role("link", name="All", exact=True).click()
        expect(rows.filter(has_text="batch_size")).to_have_count(1)

    def test_takes_a_run_out(self, page: Page) -> None:
        page.get_by_role("link", name="Take resnet18 seed 1 out").click()

        expect(page.locator("h1 + span")).to_have_text("2 runs")
        assert set(read_chart(page, "train/loss").lines) == {"resnet18 seed 0", "resnet18 seed 2"}

    def test_finds_a_line(self, page: Page) -> None:
        page.get_by_label("Find a param, a metric or a tag").fill("optim")
        page.keyboard.press("Enter")

        expect(page.locator(".compare-table tbody tr", has_text="optimizer")).to_have_count(1)
        expect(page.locator(".compare-table tbody tr", has_text="batch_size")).to_have_count(0)
