"""Dates and ages in filters."""

from datetime import UTC, datetime

import pytest

from tracking.core.errors import FilterError
from tracking.search.grammars import EXPERIMENTS, LOGGED_MODELS, RUNS
from tracking.search.parser import parse_filter
from tracking.search.types import Comparison

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY_MS = 24 * 3600 * 1000


def ms_of(text: str) -> float:
    tree = parse_filter(f"start_time > {text}", RUNS, now=NOW)
    assert isinstance(tree, Comparison)
    assert isinstance(tree.value, float)
    return tree.value


def ms(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp() * 1000  # type: ignore[misc, arg-type]


class TestTime:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2026-11-01", ms(2026, 11, 1)),
            ("'2026-11-01'", ms(2026, 11, 1)),
            ('"2026-11-01 08:30"', ms(2026, 11, 1, 8, 30)),
            ("2026-11-01T08:30:15", ms(2026, 11, 1, 8, 30, 15)),
            ("2026-11-01T08:30:15.250", ms(2026, 11, 1, 8, 30, 15, 250_000)),
            ("2026-11-01T08:30Z", ms(2026, 11, 1, 8, 30)),
            ("2026-11-01T08:30+08:00", ms(2026, 11, 1, 0, 30)),
            ("7d", ms(2026, 11, 17, 12)),
            ("'90m'", ms(2026, 11, 24, 10, 30)),
            ("2h", ms(2026, 11, 24, 10)),
            ("1w", ms(2026, 11, 17, 12)),
            ("1700000000000", 1_700_000_000_000),
        ],
    )
    def test_is_understood(self, text: str, expected: float) -> None:
        assert ms_of(text) == expected

    @pytest.mark.parametrize(
        "text",
        ["'2026-02-31'", "2026-13-01", "'yesterday'", "'7'", "7y", "''", "'7 d'", "2026-11-01T25:00", "7dd", "-7d"],
    )
    def test_is_refused(self, text: str) -> None:
        with pytest.raises(FilterError):
            ms_of(text)

    def test_needs_to_know_now_for_an_age_only(self) -> None:
        assert parse_filter("start_time > 2026-11-01", RUNS) is not None
        with pytest.raises(FilterError, match="cannot be compared with an age here"):
            parse_filter("start_time > 7d", RUNS)

    @pytest.mark.parametrize("text", ["metrics.a > 7d", "metrics.a > 2026-11-01", "params.a = 2026-11-01"])
    def test_is_for_times_only(self, text: str) -> None:
        with pytest.raises(FilterError):
            parse_filter(text, RUNS, now=NOW)

    def test_is_understood_in_every_grammar(self) -> None:
        assert parse_filter("creation_time > 2026-11-01", EXPERIMENTS) is not None
        assert parse_filter("creation_timestamp > '2026-11-01'", LOGGED_MODELS) is not None
