"""What is shown of a file."""

import json
import re

import pytest

from tracking.web.previews import (
    MAX_HEAD_BYTES,
    MAX_IMAGE_BYTES,
    MAX_TABLE_ROWS,
    PreviewKind,
    inline_type,
    is_unsafe_format,
    make_preview,
    reads_head,
)


def kind_of(name: str, content: bytes) -> PreviewKind:
    return make_preview(name, head=content, size_bytes=len(content)).kind


class TestPreview:
    def test_shows_only_picture_formats_in_which_nothing_runs(self) -> None:
        assert kind_of("plot.PNG", b"x") is PreviewKind.IMAGE
        assert kind_of("plot.svg", b"<svg/>") is PreviewKind.CODE
        assert inline_type("page.html") is None

    def test_does_not_put_huge_pictures_into_the_page(self) -> None:
        assert make_preview("a.png", head=b"", size_bytes=MAX_IMAGE_BYTES + 1).kind is PreviewKind.NONE

    @pytest.mark.parametrize("name", ["model.pkl", "a/b.JOBLIB", "weights.pt", "x/pytorch_model.bin"])
    def test_never_reads_a_format_that_runs_code(self, name: str) -> None:
        assert is_unsafe_format(name)
        assert not reads_head(name, size_bytes=10)
        assert kind_of(name, b"text") is PreviewKind.NONE

    @pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a\0b", b"\xc3("])
    def test_shows_no_bytes_that_are_not_text(self, content: bytes) -> None:
        assert kind_of("data.bin", content) is PreviewKind.NONE

    def test_shows_text_whatever_its_name(self) -> None:
        assert kind_of("LICENSE", b"words") is PreviewKind.CODE

    def test_accepts_a_character_that_the_head_cuts_in_two(self) -> None:
        head = "ä".encode() * 10

        preview = make_preview("a.txt", head=head[:-1], size_bytes=MAX_HEAD_BYTES)

        assert preview.kind is PreviewKind.CODE
        assert preview.is_partial


class TestJson:
    def test_is_indented_and_keeps_its_numbers(self) -> None:
        preview = make_preview("a.json", head=b'{"a":1.10}', size_bytes=10)

        assert preview.html.count("\n") == 3
        assert "1.10" in preview.html

    @pytest.mark.parametrize("content", [b"[" * 5000, b"{", b"3", b'"text"'])
    def test_that_is_none_is_shown_as_it_is(self, content: bytes) -> None:
        assert kind_of("a.json", content) is PreviewKind.CODE

    def test_is_a_tree_that_keeps_its_numbers(self) -> None:
        content = b'{"a": {"<b>": [1.10, NaN, null, true, "x"]}, "columns": 1, "empty": {}}'

        preview = make_preview("a.json", head=content, size_bytes=len(content))

        assert preview.kind is PreviewKind.TREE
        assert '<span class="json-key">&lt;b&gt;</span> <span class="muted">[5]</span>' in preview.tree
        assert re.findall(r'<span class="json-(\w)">([^<]*)<', preview.tree) == [
            ("m", "1.10"), ("m", "NaN"), ("k", "null"), ("k", "true"), ("s", "&quot;x&quot;"), ("m", "1"), ("k", "{}"),
        ]  # fmt: skip

    def test_with_too_many_branches_is_text(self) -> None:
        content = b"[" + b",".join([b"1"] * 3000) + b"]"

        assert kind_of("a.json", content) is PreviewKind.CODE

    def test_of_log_table_is_a_table(self) -> None:
        content = b'{"columns": ["id", "ok"], "data": [[1, null], ["a", {"b": 2}]]}'

        preview = make_preview("a.json", head=content, size_bytes=len(content))

        assert preview.columns == ("id", "ok")
        assert preview.rows == (("1", "null"), ("a", '{"b":2}'))


class TestNotebook:
    CELLS = (
        {"cell_type": "markdown", "source": ["# Title <script>alert(1)</script>"]},
        {
            "cell_type": "code",
            "execution_count": 3,
            "source": "import x",
            "outputs": [
                {"output_type": "stream", "text": ["a <b>\n"]},
                {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo=\n", "text/plain": "no"}},
                {
                    "output_type": "execute_result",
                    "data": {"text/html": "<td onclick=x>1</td><script>y"},
                },
                {"output_type": "error", "ename": "ValueError", "evalue": "<i>"},
                {"output_type": "display_data", "data": {"image/png": '"><script>', "text/plain": "fallback"}},
            ],
        },
        "nonsense",
    )

    def test_shows_text_code_and_outputs_and_runs_nothing(self) -> None:
        content = json.dumps({"cells": self.CELLS}).encode()

        preview = make_preview("a.ipynb", head=content, size_bytes=len(content))

        title, code = preview.cells
        assert title.source.startswith("<h1>Title")
        assert (code.count, code.is_code) == ("3", True)
        stream, picture, table, error, fallback = code.outputs
        assert stream == "<pre>a &lt;b&gt;\n</pre>"
        assert 'src="data:image/png;base64,iVBORw0KGgo="' in picture
        assert "1" in table
        assert error == "<pre>ValueError: &lt;i&gt;</pre>"
        assert fallback == "<pre>fallback</pre>"
        assert not re.search(r"<script|onclick", "".join([title.source, code.source, *code.outputs]))

    @pytest.mark.parametrize("content", [b"{}", b"[]", b"{", b'{"cells": 3}', b"[" * 5000])
    def test_that_is_none_is_no_notebook(self, content: bytes) -> None:
        assert kind_of("a.ipynb", content) is not PreviewKind.NOTEBOOK


class TestMedia:
    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("a.mp3", PreviewKind.AUDIO),
            ("a.webm", PreviewKind.VIDEO),
            ("a.PDF", PreviewKind.PDF),
            ("a.html", PreviewKind.PAGE),
        ],
    )
    def test_is_shown_in_its_way(self, name: str, kind: PreviewKind) -> None:
        assert kind_of(name, b"x") is kind


class TestCsv:
    def test_is_a_table_with_its_first_line_as_the_head(self) -> None:
        preview = make_preview("a.csv", head=b'id,text\n1,"a, b"\n', size_bytes=17)

        assert preview.columns == ("id", "text")
        assert preview.rows == (("1", "a, b"),)
        assert not preview.is_partial

    def test_with_tabs_is_cut_at_the_tabs(self) -> None:
        assert make_preview("a.tsv", head=b"id\ttext\n", size_bytes=8).columns == ("id", "text")

    def test_stops_at_a_number_of_rows_and_says_so(self) -> None:
        content = b"id\n" + b"1\n" * (MAX_TABLE_ROWS + 1)

        preview = make_preview("a.csv", head=content, size_bytes=len(content))

        assert len(preview.rows) == MAX_TABLE_ROWS
        assert preview.is_partial

    def test_leaves_out_a_line_that_was_read_in_part(self) -> None:
        preview = make_preview("a.csv", head=b"id,b\n1,2\n3,", size_bytes=1000)

        assert preview.rows == (("1", "2"),)

    def test_with_a_monstrous_cell_is_text(self) -> None:
        assert kind_of("a.csv", b'"' + b"x" * 200_000) is PreviewKind.CODE
