"""What was acknowledged is read back, all and once, whatever came between; no extreme is ever left out of a chart."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.support.people import People
from tests.tracking.metrics.points import Row, distinct, kept, points_of
from tests.tracking.metrics.test_services import START, compact, history, log
from tracking.metrics import codec, pyramid, queries, services
from tracking.metrics.codec import Points
from tracking.metrics.downsample import buckets, grid_width, interval_history, merge_buckets
from tracking.metrics.models import MetricSeries
from tracking.runs.models import Run
from tracking.runs.queries import get_experiment
from tracking.runs.services import create_run

KEYS = ("loss", "acc")
VALUE = st.sampled_from([0.0, -0.0, 1.0, -1.0, math.nan, math.inf, -math.inf]) | st.floats()
# Few steps and times: doubles, late points and points of one step are common; and some far away.
STEP = st.integers(0, 40) | st.integers(-(2**63) + 1, 2**63 - 1)
TIME = st.integers(0, 20) | st.integers(0, 2**63 - 1)
BATCH = st.lists(st.tuples(st.sampled_from(KEYS), st.tuples(STEP, TIME, VALUE)), min_size=1, max_size=10)
RESEND, COMPACT = "resend", "compact"
# A batch that is new, the latest batches sent again, or compaction of at most so many segments.
Action = list[tuple[str, Row]] | tuple[str, int]
ACTION = BATCH | st.tuples(st.just(RESEND), st.integers(1, 3)) | st.tuples(st.just(COMPACT), st.integers(2, 5))
quick = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
thorough = settings(quick, max_examples=2_000)


@pytest.fixture
def new_run(people: People) -> Callable[[], Run]:
    experiment = get_experiment(workspace=people.workspace, experiment_id="0")
    return lambda: create_run(experiment=experiment, name="", user_name="ann", started_at=START, tags=[])


@dataclass
class Ledger:
    """A run, and what it was told."""

    run: Run
    batches: list[list[tuple[str, Row]]] = field(default_factory=list)

    def act(self, action: Action) -> None:
        if isinstance(action, list):
            log(self.run, action)
            self.batches.append(action)
            return
        what, number = action
        if what == COMPACT:
            services.compact(run_id=self.run.pk, limit=number)
        for batch in self.batches[-number:] if what == RESEND else ():
            log(self.run, batch)

    def rows(self, key: str) -> list[Row]:
        return [row for batch in self.batches for its_key, row in batch if its_key == key]


def check(ledger: Ledger, *, page: int) -> None:
    """Compare everything that can be asked about a run with what it was told."""
    for key in KEYS:
        expected = distinct(ledger.rows(key))
        if not expected:
            continue
        rows = history(ledger.run, key, page=page)
        assert len(rows) == len(expected)
        assert distinct(rows) == expected
        assert [(time, step) for step, time, _ in rows] == sorted((time, step) for step, time, _ in rows)
        ((_, first),) = queries.first_points(runs=[ledger.run], key=key, limit=page)
        assert distinct(rows_in(first)) == distinct(rows[:page])
        everything = queries.read_series(runs=[ledger.run], keys=[key])[ledger.run.uid, key]
        assert kept(everything) == expected
        check_summary(ledger.run, key, everything)


def check_summary(run: Run, key: str, points: Points) -> None:
    """Compare a series' row with what its points say."""
    row = MetricSeries.objects.get(run=run, key__name=key)
    latest = codec.latest(points)
    numbers = points.values[~np.isnan(points.values)]
    value = points.values[latest]
    assert (row.latest_step, row.latest_timestamp_ms) == (points.steps[latest], points.timestamps_ms[latest])
    assert row.latest_value == (None if np.isnan(value) else value)
    assert (row.min_value, row.max_value) == ((numbers.min(), numbers.max()) if len(numbers) else (None, None))
    assert (row.first_step, row.last_step) == (points.steps.min(), points.steps.max())


def rows_in(points: Points) -> list[Row]:
    columns = (points.steps.tolist(), points.timestamps_ms.tolist(), points.values.tolist())
    return list(zip(*columns, strict=True))


class TestAcknowledgedPoints:
    def prove(
        self, new_run: Callable[[], Run], monkeypatch: pytest.MonkeyPatch, actions: list[Action], page: int, worth: int
    ) -> None:
        monkeypatch.setattr(services, "WORTH_A_BLOCK", worth)  # a limit, not code: small examples reach it
        ledger = Ledger(new_run())
        for action in actions:
            ledger.act(action)
        check(ledger, page=page)
        compact(ledger.run)
        check(ledger, page=page)

    @quick
    @given(actions=st.lists(ACTION, max_size=12), page=st.integers(1, 20), worth=st.integers(1, 4))
    def test_are_read_back_once_whatever_came_between(
        self, new_run: Callable[[], Run], monkeypatch: pytest.MonkeyPatch, actions: list[Action], page: int, worth: int
    ) -> None:
        self.prove(new_run, monkeypatch, actions, page, worth)

    @pytest.mark.proof
    @thorough
    @given(actions=st.lists(ACTION, max_size=40), page=st.integers(1, 60), worth=st.integers(1, 9))
    def test_are_read_back_once_whatever_came_between_at_length(
        self, new_run: Callable[[], Run], monkeypatch: pytest.MonkeyPatch, actions: list[Action], page: int, worth: int
    ) -> None:
        self.prove(new_run, monkeypatch, actions, page, worth)


@st.composite
def curves(draw: st.DrawFn, *, most: int) -> Points:
    """Draw a series with spikes anywhere, gaps, doubled steps and values that are no numbers."""
    size = draw(st.integers(1, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    steps = np.sort(rng.integers(0, draw(st.sampled_from([size, 20 * size, 1_000 * size])) + 1, size))
    values = rng.normal(size=size)
    for value, share in ((50.0, 0.02), (-50.0, 0.02), (math.nan, 0.05), (math.inf, 0.01), (-math.inf, 0.01)):
        values[rng.random(size) < draw(st.sampled_from([0.0, share]))] = value
    return codec.by_step(codec.distinct_sorted(Points(steps, steps * 3 + rng.integers(0, 3, size), values)))


def extremes(points: Points, numbers: NDArray[np.int64]) -> list[tuple[float, float, float, float]]:
    """Return first, last, least and greatest finite value of each bucket, by a plain loop."""
    found = []
    for number in np.unique(numbers):
        inside = points.values[numbers == number]
        inside = inside[np.isfinite(inside)]
        if len(inside):
            found.append((inside[0], inside[-1], inside.min(), inside.max()))
    return found


class TestSampledPoints:
    def prove_buckets(self, points: Points, pixels: int) -> None:
        x_range = (float(points.steps[0]), float(points.steps[-1]))
        drawn = buckets(points.steps.astype(np.float64), points.values, pixels=pixels, x_range=x_range)
        if drawn.width:
            numbers = np.floor(points.steps / drawn.width).astype(np.int64)
            self.check(points, numbers, np.floor(drawn.x / drawn.width).astype(np.int64), drawn.y)
        assert drawn.nonfinite_total == np.count_nonzero(~np.isfinite(points.values))

    def prove_levels(self, points: Points) -> None:
        for level in pyramid.LEVELS:
            for width in (2.0**level, 2.0 ** (level + 2)):
                parts = [points.take(slice(0, len(points) // 3)), points.take(slice(len(points) // 3, None))]
                found = pyramid.merge([pyramid.summarise(part, level) for part in parts])
                drawn = merge_buckets(found, width=width)
                numbers = np.floor(points.steps / width).astype(np.int64)
                self.check(points, numbers, np.floor(drawn.x / width).astype(np.int64), drawn.y)
                assert drawn.total == len(points)

    def prove_intervals(self, points: Points, max_results: int) -> None:
        chosen = interval_history(points, max_results=max_results)
        assert len(chosen) <= max_results
        if len(points) <= max_results:
            assert len(chosen) == len(points)
            return
        parts = max_results // 4
        starts = np.arange(parts) * len(points) // parts
        for places in np.split(np.arange(len(points)), starts[1:]):
            inside, kept_here = points.values[places], points.values[np.intersect1d(chosen, places)]
            assert {places[0], places[-1]} <= set(chosen.tolist())
            if not np.isnan(inside).all():
                assert (np.nanmin(kept_here), np.nanmax(kept_here)) == (np.nanmin(inside), np.nanmax(inside))

    def check(
        self, points: Points, numbers: NDArray[np.int64], drawn_numbers: NDArray[np.int64], y: NDArray[np.float64]
    ) -> None:
        expected = extremes(points, numbers)
        assert len(np.unique(drawn_numbers)) == len(expected)
        for number, (first, last, low, high) in zip(np.unique(drawn_numbers), expected, strict=True):
            inside = y[drawn_numbers == number]
            assert (inside.min(), inside.max()) == (low, high)
            assert first in inside
            assert last in inside
            assert len(inside) <= 4

    @settings(max_examples=60)
    @given(points=curves(most=400), pixels=st.integers(1, 40), max_results=st.integers(4, 60))
    def test_hold_the_extremes_of_every_bucket_of_every_level(
        self, points: Points, pixels: int, max_results: int
    ) -> None:
        self.prove_buckets(points, pixels)
        self.prove_levels(points)
        self.prove_intervals(points, max_results)

    @pytest.mark.proof
    @settings(max_examples=1_000, suppress_health_check=[HealthCheck.too_slow])
    @given(points=curves(most=20_000), pixels=st.integers(1, 800), max_results=st.integers(4, 2_500))
    def test_hold_the_extremes_of_every_bucket_of_every_level_at_length(
        self, points: Points, pixels: int, max_results: int
    ) -> None:
        self.prove_buckets(points, pixels)
        self.prove_levels(points)
        self.prove_intervals(points, max_results)

    def test_of_a_stored_series_hold_them_at_every_zoom(self, new_run: Callable[[], Run]) -> None:
        run = new_run()
        points = points_of([(step, step, float(step % 97) if step % 1_013 else 1e6 + step) for step in range(30_000)])
        for start in range(0, 30_000, 1_000):
            log(run, [("loss", row) for row in rows_in(points.take(slice(start, start + 1_000)))])
            if start % 7_000 == 0:
                compact(run)

        for low, high in ((0, 29_999), (5_000, 25_000), (100, 9_000), (29_000, 29_999)):
            width = grid_width((float(low), float(high)), pixels=100)
            (found,) = queries.read_curves(runs=[run], key="loss", steps=(low, high), width=width, few=512).values()
            inside = points.take((points.steps >= low) & (points.steps <= high))
            spikes = set(inside.values[inside.values >= 1e6].tolist())
            if isinstance(found, Points):
                assert kept(found) == kept(inside)
            else:
                assert spikes_of(merge_buckets(found, width=width).y.tolist(), width) >= spikes_of(spikes, width)


def spikes_of(values: Sequence[float] | set[float], width: float) -> set[float]:
    """Return the highest spike of each bucket: a spike is a million more than its step."""
    highest: dict[float, float] = {}
    for value in values:
        if value >= 1e6:
            highest[(value - 1e6) // width] = max(value, highest.get((value - 1e6) // width, 0.0))
    return set(highest.values())
