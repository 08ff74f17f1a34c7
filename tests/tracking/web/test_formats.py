"""Numbers, sizes, times and states as people read them."""

import math
from datetime import UTC, datetime

import pytest

from tracking.runs.types import RunStatus
from tracking.web.formats import (
    format_bytes,
    format_duration,
    format_number,
    format_time,
    shorten,
    spell_marks,
    status_shown,
    time_element,
    unnamed,
)

AT = datetime(2026, 11, 23, 14, 5, 9, 250_000, tzinfo=UTC)


class TestFormatNumber:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (0.0, "0"),
            (0.0123, "0.0123"),
            (1.23e-05, "1.23e-05"),
            (0.1 + 0.2, "0.3"),
            (12345.678, "12,345.7"),
            (-0.5, "-0.5"),
            (42.0, "42"),
            (1_234_567.0, "1,234,567"),
            (1e300, "1e+300"),
            (math.nan, "NaN"),
            (math.inf, "∞"),
            (-math.inf, "\u2212∞"),
        ],
    )
    def test_shows_six_digits_and_names_what_is_not_a_number(self, value: float, text: str) -> None:
        assert format_number(value) == text


class TestFormatBytes:
    @pytest.mark.parametrize(
        ("size_bytes", "text"),
        [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1024**2 - 1, "1.0 MiB"),
            (1_258_291, "1.2 MiB"),
            (3 * 1024**5, "3.0 PiB"),
            (5000 * 1024**5, "5000.0 PiB"),
        ],
    )
    def test_uses_binary_units(self, size_bytes: int, text: str) -> None:
        assert format_bytes(size_bytes) == text


class TestFormatDuration:
    @pytest.mark.parametrize(
        ("duration_s", "text"),
        [
            (None, "\u2013"),
            (-3.0, "0.00 s"),
            (0.416, "0.42 s"),
            (12.34, "12.3 s"),
            (59.96, "1 min"),
            (3600.0, "1 h"),
            (86_400.0, "1 d"),
            (307.0, "5 min 07 s"),
            (3720.0, "1 h 02 min"),
            (86_400.0 * 3 + 4 * 3600, "3 d 04 h"),
        ],
    )
    def test_shows_the_two_largest_units(self, duration_s: float | None, text: str) -> None:
        assert format_duration(duration_s) == text


class TestTime:
    def test_is_shown_to_the_minute_in_utc(self) -> None:
        assert format_time(AT) == "2026-11-23 14:05 UTC"

    def test_element_carries_the_moment_for_the_script(self) -> None:
        assert time_element(AT) == (
            '<time datetime="2026-11-23T14:05:09.250+00:00" title="2026-11-23 14:05:09 UTC">2026-11-23 14:05 UTC</time>'
        )

    def test_element_asks_for_relative_text(self) -> None:
        assert " data-relative>" in time_element(AT, is_relative=True)

    def test_element_of_no_moment_is_a_dash(self) -> None:
        assert time_element(None) == "\u2013"


class TestShorten:
    def test_keeps_a_short_text_on_one_line(self) -> None:
        assert shorten("  two\nlines ", length=20) == "two lines"

    def test_cuts_a_long_text_to_the_length(self) -> None:
        assert shorten("x" * 30, length=10) == "x" * 9 + "…"


class TestNames:
    def test_spell_out_what_would_turn_the_reading_direction(self) -> None:
        assert spell_marks("\u202egnp.exe") == "[U+202E]gnp.exe"

    def test_of_right_to_left_scripts_stay_as_they_are(self) -> None:
        assert spell_marks("תמונה") == "תמונה"

    def test_that_are_empty_get_words(self) -> None:
        assert unnamed("") == "(no name)"


class TestStatus:
    def test_of_every_run_has_an_icon_and_a_word(self) -> None:
        shown = [status_shown(status) for status in RunStatus]

        assert [one.label for one in shown] == ["Running", "Scheduled", "Finished", "Failed", "Killed"]
        assert all(one.icon == f"status-{one.slug}" for one in shown)
