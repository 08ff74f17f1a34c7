"""Text from outside as HTML that cannot do anything."""

import re

import pytest

from tracking.web.markup import MAX_HIGHLIGHTED, plain_text, render_code, render_markdown


class TestRenderMarkdown:
    def test_renders_what_notes_use(self) -> None:
        html = render_markdown("# Title\n\n* **bold**\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")

        assert "<h1>Title</h1>" in html
        assert "<strong>bold</strong>" in html
        assert "<td>1</td>" in html

    @pytest.mark.parametrize(
        "text",
        [
            "<img src=x onerror=alert(1)>",
            "<script>alert(1)</script>",
            "[link](javascript:alert(1))",
            "![picture](http://example.org/x.png)",
            '<a href="data:text/html,x">x</a>',
            "<style>*{display:none}</style>",
        ],
    )
    def test_leaves_nothing_that_runs_or_fetches(self, text: str) -> None:
        elements = re.findall(r"<[^>]*>", render_markdown(text))

        assert not any(re.match("<(img|script|style)", element) for element in elements)
        assert not any("javascript:" in element or "data:" in element for element in elements)

    def test_tells_nobody_where_a_link_was_followed_from(self) -> None:
        assert 'rel="noopener noreferrer nofollow"' in render_markdown("[wiki](https://example.org)")


class TestPlainText:
    def test_leaves_the_marks_out(self) -> None:
        text = "# Why\n\nUse `lr`, **not**\n[this](https://x.example).\n\n- one\n- two\n\n```py\nx = 1\n```\n"

        assert plain_text(text) == "Why Use lr, not this. one two x = 1"


class TestRenderCode:
    def test_colours_by_classes_as_the_name_suggests(self) -> None:
        assert '<span class="kn">import</span>' in render_code("import x\n", name="train.py")

    def test_escapes_what_it_does_not_know(self) -> None:
        assert "&lt;script&gt;" in render_code("<script>", name="x.unknown")

    def test_keeps_blank_lines(self) -> None:
        assert "\n\n\nx" in render_code("\n\n\nx", name="x.txt")

    def test_leaves_long_text_plain(self) -> None:
        assert "<span" not in render_code("import x\n" * MAX_HIGHLIGHTED, name="train.py")
