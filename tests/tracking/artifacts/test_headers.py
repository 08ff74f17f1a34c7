"""What a download says of a file, and which part of it a request asks for."""

import pytest

from tracking.artifacts.store import guess_content_type, parse_range
from tracking.artifacts.types import RangeNotSatisfiableError


class TestGuessContentType:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("train.py", "text/plain"),
            ("conda.YAML", "text/plain"),
            ("model/MLmodel", "text/plain"),
            ("app.js", "text/plain"),
            ("notes.txt", "text/plain"),
            ("README", "text/plain"),
            ("README.md", "text/markdown"),
            ("data.csv", "text/csv"),
            ("config.json", "application/json"),
            ("plot.png", "image/png"),
            ("plot.webp", "image/webp"),
            ("report.html", "text/html"),
            ("logo.svg", "image/svg+xml"),
            ("data.csv.gz", "application/octet-stream"),
            ("model.pkl", "application/octet-stream"),
            ("weights", "application/octet-stream"),
            ("py", "application/octet-stream"),
            ("", "application/octet-stream"),
        ],
    )
    def test_goes_by_the_name(self, name: str, expected: str) -> None:
        assert guess_content_type(name) == expected


class TestParseRange:
    @pytest.mark.parametrize(
        ("header", "expected"),
        [
            ("bytes=0-0", (0, 1)),
            ("bytes=0-499", (0, 500)),
            ("bytes=500-", (500, 1000)),
            ("bytes=999-999", (999, 1000)),
            ("bytes=900-99999999999999999999999999", (900, 1000)),
            ("bytes=-1", (999, 1000)),
            ("bytes=-5000", (0, 1000)),
            ("Bytes= 1-2 ", (1, 3)),
        ],
    )
    def test_reads_one_range(self, header: str, expected: tuple[int, int]) -> None:
        assert parse_range(header, 1000) == expected

    @pytest.mark.parametrize(
        "header",
        [
            None,
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-2",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=1-2-3",
            "bytes=٣-٤",
            "bytes=0-1,5-6",
            "items=0-1",
            "bytes=" + "9" * 5000 + "-",
        ],
    )
    def test_ignores_what_it_need_not_honour(self, header: str | None) -> None:
        assert parse_range(header, 1000) is None

    @pytest.mark.parametrize(
        ("header", "size"), [("bytes=1000-", 1000), ("bytes=1000-2000", 1000), ("bytes=-0", 1000), ("bytes=0-", 0)]
    )
    def test_refuses_a_range_outside_the_file(self, header: str, size: int) -> None:
        with pytest.raises(RangeNotSatisfiableError) as caught:
            parse_range(header, size)

        assert caught.value.size_bytes == size

    def test_sends_an_empty_file_whole_for_any_suffix(self) -> None:
        assert parse_range("bytes=-5", 0) is None
