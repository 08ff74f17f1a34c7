"""Filters and orders that nobody would write: the right rows, or an error that says where; never anything else.

A few hundred in the ordinary suite, ten thousand with --proof.
"""

import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tracking.runs.facts import KEYS, NUMBERS, PATTERNS, TEXTS, Facts, holds, in_order, trees, written
from tracking.core.clock import from_ms
from tracking.core.errors import FilterError, InvalidParameterError
from tracking.runs import queries
from tracking.runs.models import Experiment
from tracking.search.grammars import RUNS
from tracking.search.parser import MAX_TEXT_BYTES, parse_filter, parse_order_by
from tracking.search.types import Tree
from tracking.workspaces.models import Workspace

NOW = from_ms(1_700_000_000_002)
FEW, MANY = 400, 10_000
PREFIXES = ("metrics", "params", "tags", "dataset", "attributes", "run", "`tags`", "Metrics", "bogus", "")
NAMES = (
    *KEYS,
    "start_time",
    "end_time",
    "run_name",
    "Run name",
    "status",
    "run_id",
    "artifact_uri",
    "context",
    "digest",
)
OPERATORS = (
    "=",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "LIKE",
    "ilike",
    "IN",
    "not  in",
    "IS NULL",
    "is not null",
    "==",
    "<>",
    "~",
)
GLUE = (" AND ", " and ", " OR ", " ", " NOT ", "(", ")", ",", " IS ", "\n", "\u3000", ";", "--", "/*", "\\")
FIGURES = ("min", "MAX", "mean", "last", "count", "sum", "start_time")
DATES = ("2023-11-14", "2023-11-14T22:13:20", "'2023-11-14 22:13:20.001'", "7d", "'1h'", "0m", "999999w", "2023-02-31",
         "'0001-01-01T00:00+14:00'", "9999-12-31T23:59:59.999999-14:00")  # fmt: skip
ODD = (
    "'",
    '"',
    "`",
    "''",
    "\x00",
    "\ud800",
    "\u202e",
    "😀",
    "%",
    "9" * 400,
    "1e999",
    "-",
    ".",
    "..",
    "$1",
    "%s",
    "{0}",
)


class Soup:
    """Texts that look like filters, and some of which are."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def filter(self) -> str:
        text = self._one()
        while self._random.random() < 0.45:
            text = f"{text}{self._any(GLUE)}{self._one()}"
        return self._mutated(text) if self._random.random() < 0.4 else text

    def order(self) -> str:
        return f"{self._key()}{self._any(('', ' ASC', ' DESC', ' desc', ' NULLS LAST', ' ASC DESC'))}"

    def _one(self) -> str:
        text = self._sound() if self._random.random() < 0.8 else self._unsound()
        if self._random.random() < 0.2:
            text = f"{self._any(('(', 'NOT (', 'NOT NOT (', '(('))}{text}{self._any((')', '))'))}"
        return text

    def _sound(self) -> str:
        """Return a comparison that means something, if its quotes fit."""
        name = self._any(KEYS[:2])
        match self._random.randrange(5):
            case 0:
                key = f"{self._any(FIGURES[:5])}(metrics.{name})" if self._random.random() < 0.5 else f"metric.{name}"
                return f"{key} {self._any(OPERATORS[:6])} {self._any(NUMBERS[:6])}"
            case 1:
                return f"{self._any(('params', 'tags'))}.`{self._any(KEYS)}` {self._any(('IS NULL', 'is  not null'))}"
            case 2:
                return (
                    f"{self._any(NAMES[4:6])}{self._any(OPERATORS[:6])}{self._any((*DATES[:7], 1700000000000, '.5'))}"
                )
            case 3:
                values = ", ".join(f"'{self._any(TEXTS[1:8])}'" for _ in range(self._random.randrange(1, 4)))
                return f"{self._any(('run_name', 'params.k', 'tags.学'))} {self._any(('IN', 'NOT IN'))} ({values})"
            case _:
                key = self._any(("tags.k", "params.学", "run_name", "user_id", "dataset.name", "tag.rare"))
                return f"{key} {self._any(('=', '!=', 'LIKE', 'ILIKE'))} '{self._any(PATTERNS)}'"

    def _unsound(self) -> str:
        return f"{self._key()} {self._any(OPERATORS)} {self._value()}"

    def _key(self) -> str:
        quote = self._any(("", "`", '"', "'"))
        name = f"{quote}{self._any(NAMES)}{quote}"
        prefix = self._any(PREFIXES)
        key = f"{prefix}.{name}" if prefix else name
        return f"{self._any(FIGURES)}({key})" if self._random.random() < 0.2 else key

    def _value(self) -> str:
        kind = self._random.random()
        if kind < 0.3:
            return self._quoted()
        if kind < 0.6:
            return repr(self._any(NUMBERS))
        if kind < 0.7:
            return str(self._any(DATES))
        if kind < 0.8:
            return f"({', '.join(self._quoted() for _ in range(self._random.randrange(4)))})"
        return self._any(("", *ODD))

    def _quoted(self) -> str:
        quote = self._any(("'", '"', "'", '"', "`"))
        return f"{quote}{self._any((*TEXTS, *PATTERNS))}{quote}"

    def _mutated(self, text: str) -> str:
        at = self._random.randrange(len(text) + 1)
        match self._random.randrange(4):
            case 0:
                return text[:at] + self._any((*ODD, *GLUE)) + text[at:]
            case 1:
                return text[:at] + text[at + self._random.randrange(1, 4) :]
            case 2:
                return text[:at]
            case _:
                return text * self._random.randrange(2, 30)

    def _any(self, options: tuple[object, ...]) -> str:
        return str(self._random.choice(options))


def walked(workspace: Workspace, text: str, order_by: list[str], limit: int) -> list[str]:
    """Return the ids of all pages of a search."""
    ids = [str(pk) for pk in Experiment.objects.values_list("pk", flat=True)]
    seen: list[str] = []
    token: str | None = ""
    while token is not None:
        page = queries.search_run_heads(
            workspace=workspace,
            experiment_ids=ids,
            filter_text=text,
            order_by=order_by,
            page_token=token,
            max_results=limit,
            now=NOW,
        )
        seen += [head.uid for head in page.rows]
        token = page.next_token
    return seen


@contextmanager
def counted_calls() -> Iterator[list[int]]:
    """Count the calls of Python functions inside."""
    calls = [0]

    def count(frame: FrameType, event: str, argument: object) -> None:
        calls[0] += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield calls
    finally:
        sys.setprofile(before)


def calls_of(parse: Callable[[], object]) -> int:
    with counted_calls() as calls, suppress(FilterError):
        parse()
    return calls[0]


class TestSearch:
    @settings(max_examples=150, derandomize=True, deadline=None, database=None,
              suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])  # fmt: skip
    @given(
        tree=trees,
        order_by=st.lists(
            st.sampled_from(["metrics.k DESC", "metrics.k", "max(metrics.学) DESC", "mean(metrics.k)", "params.k DESC",
                             "tags.学", "end_time DESC", "count(metrics.rare)", "status"]), max_size=3),
        limit=st.sampled_from([3, 7, 50]),
    )  # fmt: skip
    def test_of_a_written_tree_walks_what_plain_python_finds_in_order(
        self, workspace: Workspace, runs: list[Facts], tree: Tree, order_by: list[str], limit: int
    ) -> None:
        expected = in_order([facts for facts in runs if holds(tree, facts)], parse_order_by(order_by, RUNS))

        assert walked(workspace, written(tree), order_by, limit) == expected

    @pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.proof)])
    def test_of_any_text_finds_the_right_rows_or_refuses(
        self, workspace: Workspace, runs: list[Facts], count: int
    ) -> None:
        soup, understood, slowest_s = Soup(seed=count), 0, 0.0
        for _ in range(count):
            text, order_by = soup.filter(), [soup.order()] if soup._random.random() < 0.3 else []
            begin = time.perf_counter()
            try:
                tree, keys = parse_filter(text, RUNS, now=NOW), parse_order_by(order_by, RUNS)
            except FilterError as error:
                assert 0 <= error.column <= len(error.text)
                tree, keys = None, ()
                with pytest.raises(InvalidParameterError):
                    walked(workspace, text, order_by, 50)
            else:
                found = walked(workspace, text, order_by, 50)
                understood += 1
                wanted = [facts for facts in runs if tree is None or holds(tree, facts)]
                assert found == in_order(wanted, keys), (text, order_by)
            slowest_s = max(slowest_s, time.perf_counter() - begin)

        print(f"{understood} of {count} understood; the slowest took {slowest_s * 1000:.1f} ms, database included")
        assert count / 5 < understood < count * 3 / 4


class TestParsing:
    @pytest.mark.parametrize(
        "piece",
        ["(", "NOT ", "a", "'", "`", "metrics.", "metrics.`", "1", "1.", "-", "2026-", "tags.a = 'x' AND ", "é",
         "\u3000", "min(", "tags.a IN ('x', ", "''", "=", "7d ", "tags.a = 'x' "],
    )  # fmt: skip
    def test_takes_steps_in_proportion_to_the_text(self, piece: str) -> None:
        def calls(size: int) -> int:
            return calls_of(lambda: parse_filter((piece * size)[:size], RUNS, now=NOW))

        assert calls(8_000) <= 9 * calls(1_000) + 200

    def test_of_any_text_takes_a_bounded_number_of_steps(self) -> None:
        soup = Soup(seed=7)
        for _ in range(FEW):
            text = soup.filter()
            assert calls_of(partial(parse_filter, text, RUNS, now=NOW)) <= 30 * len(text) + 300, text

    @pytest.mark.proof
    def test_takes_less_than_100_ms_whatever_the_text(self) -> None:
        """The one time that is looked at, and only printed: a busy machine makes anything slow."""
        soup, slowest = Soup(seed=11), (0.0, "")
        texts = [soup.filter() for _ in range(MANY)]
        texts += [
            (piece * MAX_TEXT_BYTES)[:MAX_TEXT_BYTES] for piece in ("(", "'", "`", "a", "1", "NOT ", "''", ".", "7d")
        ]
        for text in texts:
            begin = time.process_time()
            with suppress(FilterError):
                parse_filter(text, RUNS, now=NOW)
            slowest = max(slowest, (time.process_time() - begin, text[:80]))

        print(f"slowest of {len(texts)}: {slowest[0] * 1000:.2f} ms: {slowest[1]!r}")
        assert len(texts) > MANY
