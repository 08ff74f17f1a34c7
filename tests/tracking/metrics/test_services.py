"""Logging and compaction together: what was acknowledged is read, once, whatever was compacted when."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress

import numpy as np
import pytest
from django.db import connection
from django.db.models import Func, IntegerField
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pytest_django import DjangoAssertNumQueries

from tests.support.people import People
from tests.tracking.metrics.points import ROW, Row, curve, distinct, kept, points_of, rows_of
from tracking.core.clock import from_ms
from tracking.metrics import queries, services, store
from tracking.metrics.blocks import FULL
from tracking.metrics.codec import Points, latest
from tracking.metrics.downsample import buckets, grid_width, merge_buckets
from tracking.metrics.models import MetricBlock, MetricSegment, MetricSeries
from tracking.metrics.types import Metric
from tracking.runs.models import Run
from tracking.runs.queries import get_experiment
from tracking.runs.services import create_run

START = from_ms(1_700_000_000_000)
KEYS = st.sampled_from(["loss", "acc", "f1"])
# A batch to log; None: compact; a number: compact, and crash after so many statements.
STEP = st.none() | st.integers(1, 8) | st.lists(st.tuples(KEYS, ROW), min_size=1, max_size=12)
PLANS = st.lists(STEP, max_size=12)
PAGES = ("page_count", "freelist_count", "page_size")
Column = NDArray[np.float64]
TYPICAL: dict[str, Callable[[NDArray[np.int64], Column], Column]] = {
    "a noisy loss": lambda steps, noisy: noisy,
    "a loss of 32 bits": lambda steps, noisy: noisy.astype(np.float32).astype(np.float64),
    "an accuracy of 10,000 examples": lambda steps, noisy: np.round(np.abs(noisy) * 10_000) / 10_000,
    "a learning rate": lambda steps, noisy: 1e-3 * (1 + np.cos(np.pi * steps / 60_000)),
    "an epoch": lambda steps, noisy: (steps // 500).astype(np.float64),
    "a smooth average": lambda steps, noisy: np.cumsum(noisy) / (steps + 1),
}
slowly = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture
def new_run(people: People) -> Callable[[], Run]:
    experiment = get_experiment(workspace=people.workspace, experiment_id="0")
    return lambda: create_run(experiment=experiment, name="", user_name="ann", started_at=START, tags=[])


@pytest.fixture
def run(new_run: Callable[[], Run]) -> Run:
    return new_run()


def log(run: Run, rows: Sequence[tuple[str, Row]]) -> None:
    metrics = [Metric(key, value, abs(time), max(step, -(2**63) + 1)) for key, (step, time, value) in rows]
    services.log_batch(run=run, metrics=metrics, params=[], tags=[])


def log_points(run: Run, key: str, points: Points, *, size: int = 1000) -> None:
    """Log points as a client does, ``size`` of them a request."""
    for start in range(0, len(points), size):
        part = points.take(slice(start, start + size))
        log(
            run,
            [
                (key, row)
                for row in zip(part.steps.tolist(), part.timestamps_ms.tolist(), part.values.tolist(), strict=True)
            ],
        )


def compact(run: Run) -> None:
    while services.compact(run_id=run.pk):
        pass


def bytes_used() -> int:
    """Return the bytes that hold points: of the whole file on SQLite, without pages that are free to be used again."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            pages, free, size = (cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in PAGES)
            return int((pages - free) * size)
        cursor.execute("SELECT pg_total_relation_size('metric_block')")  # a test's transaction keeps dead segments
        return int(cursor.fetchone()[0])


class CrashError(Exception):
    """Stands for the death of the process: the database rolls back what it was amid."""


class CrashAfter:
    """Raises after so many statements; what ends a savepoint is let through."""

    def __init__(self, statements: int) -> None:
        self.left = statements

    def __call__(self, execute: Callable[..., object], sql: str, *rest: object) -> object:
        answer = execute(sql, *rest)
        if "SAVEPOINT" not in sql:
            self.left -= 1
            if self.left == 0:
                raise CrashError(sql)
        return answer


def history(run: Run, key: str, *, page: int) -> list[Row]:
    """Walk a metric's pages."""
    rows: list[Row] = []
    token: str | None = ""
    while token is not None:
        found = queries.get_history(run=run, key=key, page_token=token, max_results=page)
        assert len(found.points) <= page
        columns = (found.points.steps, found.points.timestamps_ms, found.points.values)
        rows += zip(*(column.tolist() for column in columns), strict=True)
        token = found.next_token
    return rows


class TestCompact:
    @slowly
    @given(plan=PLANS, page=st.integers(1, 20), worth=st.integers(1, 4))
    def test_changes_nothing_that_is_read(
        self,
        new_run: Callable[[], Run],
        monkeypatch: pytest.MonkeyPatch,
        plan: list[list[tuple[str, Row]] | int | None],
        page: int,
        worth: int,
    ) -> None:
        run = new_run()
        monkeypatch.setattr(services, "WORTH_A_BLOCK", worth)  # a limit, not code: small examples reach it
        logged: list[tuple[str, Row]] = []

        for batch in plan:
            if batch is None:
                services.compact(run_id=run.pk)
            elif isinstance(batch, int):
                with suppress(CrashError), connection.execute_wrapper(CrashAfter(batch)):
                    services.compact(run_id=run.pk)
            else:
                batch = [(key, (max(step, -(2**63) + 1), time, value)) for key, (step, time, value) in batch]
                log(run, batch)
                logged += batch

        for key in {key for key, _ in logged}:
            rows = history(run, key, page=page)
            expected = distinct(row for its_key, row in logged if its_key == key)
            assert len(rows) == len(expected)
            assert distinct(rows) == expected
            times = [(time, step) for step, time, _ in rows]
            assert times == sorted(times)
            found = queries.read_series(runs=[run], keys=[key])[run.uid, key]
            assert kept(found) == expected
            assert len(found) == len(expected)

    def test_leaves_one_block_a_full_series_and_no_segment(self, run: Run) -> None:
        log_points(run, "loss", curve(10_000))

        compact(run)

        assert MetricSegment.objects.filter(run=run).count() == 0
        assert MetricBlock.objects.filter(run=run).count() == 1

    def test_leaves_short_series_in_one_small_segment(self, run: Run) -> None:
        for start in range(20):
            log(run, [(f"m{number}", (start, start, 0.5)) for number in range(50)])

        compact(run)

        assert MetricBlock.objects.filter(run=run).count() == 0
        (segment,) = MetricSegment.objects.filter(run=run)
        assert len(bytes(segment.payload)) < 12 * 20 * 50

    def test_stores_an_ordinary_curve_in_less_than_12_bytes_a_point(self, run: Run) -> None:
        log_points(run, "loss", curve(40_000))

        compact(run)

        sizes = MetricBlock.objects.filter(run=run).values_list("payload", "fine", "middle", "coarse")
        assert sum(len(bytes(column)) for row in sizes for column in row) < 10 * 40_000

    @pytest.mark.parametrize("kind", TYPICAL)
    def test_leaves_at_most_12_bytes_a_point_in_the_database(self, run: Run, kind: str) -> None:
        before = bytes_used()
        points = curve(60_000)
        shaped = Points(points.steps, points.timestamps_ms, TYPICAL[kind](points.steps, points.values))
        log_points(run, "loss", shaped)

        compact(run)

        assert bytes_used() - before <= 12 * 60_000
        assert kept(queries.read_series(runs=[run], keys=["loss"])[run.uid, "loss"]) == kept(shaped)

    def test_of_the_same_segments_by_two_is_done_once(self, run: Run) -> None:
        log_points(run, "loss", curve(200), size=50)
        segments = store.oldest_segments(run_id=run.pk, limit=100)
        pks = [pk for pk, _ in segments]
        compact(run)
        before = list(MetricBlock.objects.values_list("pk", flat=True))

        is_done = store.replace(run_id=run.pk, segments=pks, blocks=[], by_blocks=[(1, curve(5))], by_segment=b"")

        assert not is_done
        assert list(MetricBlock.objects.values_list("pk", flat=True)) == before
        assert MetricSegment.objects.filter(run=run).count() == 0

    def test_costs_statements_by_blocks_not_by_points(
        self, run: Run, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        log_points(run, "loss", curve(20_000))

        with django_assert_max_num_queries(9):
            services.compact(run_id=run.pk)

    def test_runs_by_itself_where_no_worker_does(self, run: Run, django_capture_on_commit_callbacks: object) -> None:
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            for step in range(services.MAX_SEGMENTS_A_PASS + services.SEGMENTS_WORTH_A_PASS):
                services.log_metric(run=run, metric=Metric("loss", 0.5, step, step))

        assert MetricSegment.objects.filter(run=run).count() <= services.MAX_SEGMENTS_A_PASS
        assert len(queries.read_series(runs=[run], keys=["loss"])[run.uid, "loss"]) == 1280


class TestSettle:
    def test_wakes_a_worker_up_for_points_that_are_worth_it(
        self, run: Run, django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[list[object]]]
    ) -> None:
        log_points(run, "loss", curve(1_000))

        with django_capture_on_commit_callbacks() as messages:
            services.settle(run=run)

        assert len(messages) == 1

    def test_leaves_short_runs_and_what_is_compacted(
        self,
        run: Run,
        new_run: Callable[[], Run],
        django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[list[object]]],
    ) -> None:
        log_points(run, "loss", curve(1_000))
        compact(run)
        short = new_run()
        log_points(short, "loss", curve(50))

        with django_capture_on_commit_callbacks() as messages:
            services.settle(run=run)
            services.settle(run=short)

        assert messages == []

    def test_is_for_a_single_request_too(self, run: Run) -> None:
        log_points(run, "loss", curve(1_000))

        compact(run)

        assert MetricBlock.objects.filter(run=run).count() == 1
        assert MetricSegment.objects.filter(run=run).count() == 0


class TestSweep:
    def test_compacts_runs_with_more_than_a_few_segments(self, new_run: Callable[[], Run]) -> None:
        busy, idle = new_run(), new_run()
        log_points(busy, "loss", curve(1_000), size=100)
        log_points(idle, "loss", curve(30), size=10)

        services.sweep()

        assert MetricSegment.objects.filter(run=busy).count() == 0
        assert MetricSegment.objects.filter(run=idle).count() == 3


class TestFirstPoints:
    @pytest.mark.parametrize("limit", [1, 7, 30, 31, 1_000])
    def test_are_those_of_the_first_runs(self, new_run: Callable[[], Run], limit: int) -> None:
        runs = [new_run() for _ in range(6)]
        for run, count in zip(runs, (10, 0, 20, 30, 5, 1), strict=True):
            log_points(run, "loss", curve(count), size=4)
            log_points(run, "loss", curve(count), size=4)  # sent again
        compact(runs[3])

        found = queries.first_points(runs=runs, key="loss", limit=limit)

        rows = [(uid, *row) for uid, points in found for row in rows_of(points)]
        everything = queries.read_series(runs=runs, keys=["loss"])
        expected = [
            (run.uid, *row)
            for run in runs
            if (run.uid, "loss") in everything
            for row in rows_of(everything[run.uid, "loss"])
        ]
        assert rows == expected[:limit]

    def test_cost_the_limit_not_the_series(self, run: Run) -> None:
        log_points(run, "loss", curve(3 * FULL))
        compact(run)
        first = MetricBlock.objects.order_by("first_step")[0]
        MetricBlock.objects.exclude(pk=first.pk).update(payload=b"unreadable")

        ((_, points),) = queries.first_points(runs=[run], key="loss", limit=1_000)

        assert points.steps.tolist() == list(range(1_000))


class TestReadCurves:
    @pytest.mark.parametrize("steps", [(0, 99_999), (20_000, 89_999), (-5, 10**6)])
    @pytest.mark.parametrize("pixels", [20, 300])
    def test_draw_what_all_points_would(self, run: Run, steps: tuple[int, int], pixels: int) -> None:
        points = curve(100_000)
        points.values[[5, 30_000, 30_001]] = [np.nan, np.inf, np.nan]
        log_points(run, "loss", points)
        compact(run)
        late = points_of(
            [(50_000, 1, -9.0), (100_050, 2, 3.0), (int(points.steps[7]), int(points.timestamps_ms[7]), 1.0)]
        )
        log_points(run, "loss", late)
        log_points(run, "loss", points.take(slice(40_000, 40_100)))  # sent again
        x_range = (float(steps[0]), float(steps[1]))
        width = grid_width(x_range, pixels=pixels)

        (found,) = queries.read_curves(runs=[run], key="loss", steps=steps, width=width).values()

        assert isinstance(found, np.ndarray)
        drawn = merge_buckets(found, width=width)
        everything = queries.read_series(runs=[run], keys=["loss"])[run.uid, "loss"]
        everything = everything.take(np.argsort(everything.steps, kind="stable"))
        expected = buckets(everything.steps.astype(np.float64), everything.values, pixels=pixels, x_range=x_range)
        assert drawn.x.tolist() == expected.x.tolist()
        assert drawn.y.tolist() == expected.y.tolist()
        assert drawn.lo.tolist() == expected.lo.tolist()
        assert drawn.hi.tolist() == expected.hi.tolist()
        assert drawn.nonfinite_x.tolist() == expected.nonfinite_x.tolist()
        assert drawn.total == expected.total

    def test_come_as_points_where_they_are_few(self, run: Run) -> None:
        log_points(run, "loss", curve(3_000))
        compact(run)

        (found,) = queries.read_curves(runs=[run], key="loss", steps=(1_000, 1_999), width=512).values()

        assert isinstance(found, Points)
        assert found.steps.tolist() == list(range(1_000, 2_000))

    def test_read_no_points_of_whole_blocks(self, run: Run) -> None:
        log_points(run, "loss", curve(60_000))
        compact(run)
        MetricBlock.objects.update(payload=b"unreadable")

        (found,) = queries.read_curves(runs=[run], key="loss", steps=(0, 10**6), width=1024).values()

        assert isinstance(found, np.ndarray)
        assert found["count"].sum() == 60_000


class TestLogBatch:
    @slowly
    @given(batches=st.lists(st.lists(ROW, min_size=1, max_size=8), min_size=1, max_size=6))
    def test_keeps_the_latest_point_by_mlflows_rule(self, new_run: Callable[[], Run], batches: list[list[Row]]) -> None:
        run = new_run()
        for batch in batches:
            log(run, [("loss", row) for row in batch])

        series = MetricSeries.objects.get(run=run)

        everything = queries.read_series(runs=[run], keys=["loss"])[run.uid, "loss"]
        place = latest(everything)
        value = everything.values[place]
        assert (series.latest_step, series.latest_timestamp_ms) == (
            everything.steps[place],
            everything.timestamps_ms[place],
        )
        assert series.latest_value == (None if np.isnan(value) else value)

    def test_is_not_compressed_while_the_client_waits(self, run: Run) -> None:
        log_points(run, "loss", curve(1000))

        size = "length" if connection.vendor == "sqlite" else "pg_column_size"
        payload, stored = MetricSegment.objects.values_list(
            "payload", Func("payload", function=size, output_field=IntegerField())
        ).get()
        assert stored >= len(payload) > 16_000
