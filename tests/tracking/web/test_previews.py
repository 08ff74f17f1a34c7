"""What is shown of a file."""

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

    @pytest.mark.parametrize("content", [b'{"a": NaN}', b"[" * 5000, b"{", b'{"columns": 1, "data": []}'])
    def test_that_is_none_is_shown_as_it_is(self, content: bytes) -> None:
        assert kind_of("a.json", content) is PreviewKind.CODE

    def test_of_log_table_is_a_table(self) -> None:
        content = b'{"columns": ["id", "ok"], "data": [[1, null], ["a", {"b": 2}]]}'

        preview = make_preview("a.json", head=content, size_bytes=len(content))

        assert preview.columns == ("id", "ok")
        assert preview.rows == (("1", "null"), ("a", '{"b":2}'))


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
