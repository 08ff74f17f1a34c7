"""Questions about metrics."""

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from django.db.models import F

from tracking.core.pages import Page, decode_token, encode_token
from tracking.metrics import codec, store
from tracking.metrics.codec import Points
from tracking.metrics.downsample import interval_history
from tracking.metrics.models import MetricSeries
from tracking.metrics.types import SeriesRow
from tracking.runs.models import Run
from tracking.runs.queries import key_ids_by_name
from tracking.runs.types import KeyKind


def series_by_run(*, run_ids: Sequence[int], keys: Sequence[str] | None = None) -> dict[int, list[SeriesRow]]:
    """Return the metric series of these runs by run, sorted by key: all, or those named. One query; reads no points."""
    rows = MetricSeries.objects.filter(run__in=run_ids)
    if keys is not None:
        rows = rows.filter(key__name__in=keys)
    by_run: defaultdict[int, list[SeriesRow]] = defaultdict(list)
    for row in rows.annotate(name=F("key__name")):
        by_run[row.run_id].append(
            SeriesRow(
                run_id=row.run_id,
                key=row.name,
                latest_value=math.nan if row.latest_value is None else row.latest_value,
                latest_timestamp_ms=row.latest_timestamp_ms,
                latest_step=row.latest_step,
                min_value=row.min_value,
                max_value=row.max_value,
                first_step=row.first_step,
                last_step=row.last_step,
                received=row.received,
            )
        )
    for found in by_run.values():
        found.sort(key=lambda row: row.key)
    return by_run


def read_series(*, runs: Sequence[Run], keys: Sequence[str]) -> dict[tuple[str, str], Points]:
    """Return the distinct points of these metrics by (run uid, key), sorted by timestamp, step, value.

    Two queries. Series without points are absent.
    """
    names = key_ids_by_name(experiment_ids={run.experiment_id for run in runs}, kind=KeyKind.METRIC, names=keys)
    name_by_id = {key_id: name for name, key_ids in names.items() for key_id in key_ids}
    uid_by_id = {run.pk: run.uid for run in runs}
    if not name_by_id:
        return {}
    found = store.read(run_ids=list(uid_by_id), key_ids=list(name_by_id))
    return {
        (uid_by_id[run_id], name_by_id[key_id]): codec.distinct_sorted(points)
        for (run_id, key_id), points in found.items()
    }


def get_history(*, run: Run, key: str, page_token: str = "", max_results: int) -> Page[tuple[int, int, float]]:
    """Return distinct points as (step, timestamp in ms, value), sorted by timestamp, step, value.

    Two queries. The token holds the last point, so that pages stay right while points are added behind it.
    """
    points = read_series(runs=[run], keys=[key]).get((run.uid, key), Points.empty())
    start = 0
    if page_token:
        timestamp, step, value = decode_token(page_token, length=3)
        start = _after(points, timestamp, step, value)
    page = points.take(slice(start, start + max_results))
    rows = list(zip(page.steps.tolist(), page.timestamps_ms.tolist(), page.values.tolist(), strict=True))
    if start + max_results >= len(points):
        return Page(rows, None)
    last_step, last_timestamp, last_value = rows[-1]
    return Page(rows, encode_token((last_timestamp, last_step, repr(last_value))))


def interval_points(
    *, runs: Sequence[Run], key: str, first_step: int | None, last_step: int | None, max_results: int
) -> dict[str, Points]:
    """Return at most ``max_results`` points a run by run uid: first, last, least and greatest of every bucket.

    Sorted by step, timestamp, value. Two queries. Runs without points are absent.
    """
    answer = {}
    for (uid, _), points in read_series(runs=runs, keys=[key]).items():
        if first_step is not None and last_step is not None:
            points = points.take((points.steps >= first_step) & (points.steps <= last_step))
        if len(points):
            answer[uid] = points.take(interval_history(points, max_results=max_results))
    return answer


def _after(points: Points, timestamp: object, step: object, value: object) -> int:
    """Return how many points stand before and at (timestamp, step, value) in MLflow's order."""
    try:
        bounds = np.int64(int(str(timestamp))), np.int64(int(str(step))), np.float64(float(str(value)))
    except (ValueError, OverflowError):
        return len(points)
    low = int(np.searchsorted(points.timestamps_ms, bounds[0], side="left"))
    high = int(np.searchsorted(points.timestamps_ms, bounds[0], side="right"))
    steps = points.steps[low:high]
    low, high = (
        low + int(np.searchsorted(steps, bounds[1], side="left")),
        low + int(np.searchsorted(steps, bounds[1], side="right")),
    )
    return low + int(np.searchsorted(points.values[low:high], bounds[2], side="right"))
