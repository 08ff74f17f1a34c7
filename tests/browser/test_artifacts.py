"""The files of a run: the tree opens, every kind of file is shown or says why not, nothing in a file runs."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.content import Content

PREVIEWS = {
    "notes.md": "#preview .prose h1",
    "train.py": "#preview .highlight .k",
    "config.yaml": "#preview .highlight",
    "result.json": "#preview .json-tree",
    "figure.json": "#preview .preview-figure .main-svg .bars path",
    "rows.csv": "#preview table tbody tr:nth-child(3)",
    "table.json": "#preview table tbody tr:nth-child(3)",
    "log.txt": "#preview pre",
    "page.html": "#preview iframe",
    "drawing.svg": "#preview .highlight",
    "model.pkl": "[data-unsafe]",
    "data.bin": "#preview .empty",
    "empty.txt": "#preview .empty",
}


class TestTree:
    def test_opens_folders_where_they_stand(self, page: Page, content: Content) -> None:
        page.goto(content.path("run, artifacts"))

        for name in ("deep", "er"):
            page.locator("summary.tree-row", has=page.get_by_text(name, exact=True)).click()
        page.locator(".tree-row", has_text="inside.txt").click()

        expect(page.locator("#preview")).to_contain_text("found me")
        expect(page.locator(".tree-row[aria-current]")).to_contain_text("inside.txt")
        expect(page).to_have_url(re.compile(r"preview\?path=deep%2Fer%2Finside.txt$"))

    def test_has_an_address_for_each_file(self, page: Page, content: Content) -> None:
        page.goto(content.path("run, artifacts"))
        page.locator(".tree-row", has_text="train.py").click()
        expect(page.locator("#preview")).to_contain_text("def train")

        page.reload()

        expect(page.locator("#preview")).to_contain_text("def train")
        expect(page.locator(".tree-row[aria-current]")).to_contain_text("train.py")

    def test_shows_the_open_file_where_it_scrolls(self, page: Page, content: Content) -> None:
        page.set_viewport_size({"width": 390, "height": 844})

        page.goto(content.path("preview of train.py"))

        tree, row = page.locator(".tree").bounding_box(), page.locator(".tree-row[aria-current]").bounding_box()
        assert tree is not None and row is not None
        assert tree["y"] <= row["y"] <= tree["y"] + tree["height"] - row["height"]

    def test_goes_back_to_the_file_before(self, page: Page, content: Content) -> None:
        page.goto(content.path("run, artifacts"))
        page.locator(".tree-row", has_text="train.py").click()
        expect(page.locator("#preview")).to_contain_text("def train")
        page.locator(".tree-row", has_text="config.yaml").click()
        expect(page.locator("#preview")).to_contain_text("layers")

        page.go_back()

        expect(page.locator("#preview")).to_contain_text("def train")


class TestPreview:
    @pytest.fixture
    def opened(self, page: Page, content: Content) -> Page:
        """Return the page of a run's artifacts."""
        page.goto(content.path("run, artifacts"))
        return page

    def test_shows_every_kind_of_file(self, opened: Page) -> None:
        for name, selector in PREVIEWS.items():
            opened.locator(".tree-row", has_text=name).click()
            expect(opened.locator(".preview-head h2")).to_have_text(name)
            expect(opened.locator(selector).first).to_be_visible()

    def test_shows_a_picture(self, opened: Page) -> None:
        opened.locator(".tree-row", has_text="plot.png").click()

        picture = opened.get_by_role("img", name="plot.png")
        expect(picture).to_be_visible()
        opened.wait_for_function("(image) => image.naturalWidth === 320", arg=picture.element_handle())

    def test_shows_markup_as_text(self, opened: Page) -> None:
        opened.locator(".tree-row", has_text="notes.md").click()

        expect(opened.locator("#preview .prose")).to_contain_text("<script>window.__pwned=9</script>")
        opened.locator(".tree-row", has_text="page.html").click()
        expect(opened.locator("#preview pre")).to_have_text("<script>window.__pwned=10</script><h1>hi</h1>")

    def test_is_downloaded_as_it_was_logged(self, opened: Page) -> None:
        opened.locator(".tree-row", has_text="page.html").click()

        with opened.expect_download() as download:
            opened.get_by_role("link", name="Download", exact=True).click()

        assert download.value.suggested_filename == "page.html"
        assert download.value.path().read_text() == "<script>window.__pwned=10</script><h1>hi</h1>"
