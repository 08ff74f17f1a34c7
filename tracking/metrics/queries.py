"""Questions about metrics."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from django.db.models import F

from tracking.core.errors import InvalidParameterError
from tracking.core.pages import decode_token, encode_token
from tracking.core.store import rows_among
from tracking.metrics import codec, placed, pyramid, store
from tracking.metrics.blocks import FULL, merge
from tracking.metrics.codec import Points
from tracking.metrics.curves import Reading, Steps
from tracking.metrics.downsample import interval_history
from tracking.metrics.grids import Axis, Grid
from tracking.metrics.models import MetricSeries
from tracking.metrics.placed import Stored
from tracking.metrics.pyramid import Buckets
from tracking.metrics.types import BlockHead, Latest, SeriesRow
from tracking.runs.models import Run
from tracking.runs.queries import key_ids_by_name, names_by_key
from tracking.runs.types import KeyKind

FEW = 1_000  # points of a series that are read as they are for its outline
LEAST_BUCKETS = 24  # of a longer one: twice as many points, as a sparkline has


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
                mean_value=row.finite_sum / row.finite_count
                if row.finite_sum is not None and row.finite_count
                else None,
            )
        )
    for found in by_run.values():
        found.sort(key=lambda row: row.key)
    return by_run


def latest_by_run(*, run_ids: Sequence[int]) -> dict[int, list[Latest]]:
    """Return the latest point of each metric of these runs by run, by key.

    One query, two for keys that were not asked for lately; reads no points.
    """
    rows = rows_among(store.LATEST_OF_RUNS, run_ids)
    names = names_by_key({row[1] for row in rows})
    by_run: defaultdict[int, list[Latest]] = defaultdict(list)
    for run_id, key_id, value, timestamp_ms, step in rows:
        by_run[run_id].append(Latest(names[key_id], math.nan if value is None else value, timestamp_ms, step))
    for found in by_run.values():
        found.sort(key=lambda latest: latest.key)
    return by_run


def read_series(
    *, runs: Sequence[Run], keys: Sequence[str], steps: Steps | None = None
) -> dict[tuple[str, str], Points]:
    """Return the distinct points of these metrics by (run uid, key), sorted by timestamp, step, value.

    Three queries. Series without points are absent. Asking for a range of steps, ends included, costs less; points
    outside it may come all the same.
    """
    names = key_ids_by_name(experiment_ids={run.experiment_id for run in runs}, kind=KeyKind.METRIC, names=keys)
    name_by_id = {key_id: name for name, key_ids in names.items() for key_id in key_ids}
    uid_by_id = {run.pk: run.uid for run in runs}
    if not name_by_id:
        return {}
    found = store.read(run_ids=list(uid_by_id), key_ids=list(name_by_id), steps=steps)
    return {
        (uid_by_id[run_id], name_by_id[key_id]): codec.distinct_sorted(points)
        for (run_id, key_id), points in found.items()
    }


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Some points of a series, and the token of the next page (None: there is none)."""

    points: Points
    next_token: str | None


def get_history(*, run: Run, key: str, page_token: str = "", max_results: int) -> HistoryPage:
    """Return distinct points sorted by timestamp, step, value.

    Four queries. The token holds the last point, so that pages stay right while points are added behind it. Costs the
    blocks that the page is in, wherever it starts, and the run's segments.
    """
    after = _place_in(page_token) if page_token else None
    ids = key_ids_by_name(experiment_ids=[run.experiment_id], kind=KeyKind.METRIC, names=[key]).get(key, [])
    points, is_last = _history(run.pk, ids, after, max_results)
    page = points.take(slice(None, max_results))
    if is_last and len(points) <= max_results:
        return HistoryPage(page, None)
    last = (int(page.timestamps_ms[-1]), int(page.steps[-1]), repr(float(page.values[-1])))
    return HistoryPage(page, encode_token(last))


def first_points(*, runs: Sequence[Run], key: str, limit: int) -> list[tuple[str, Points]]:
    """Return the first ``limit`` points of all runs by run uid, run after run, each sorted as its history.

    Costs ``limit``, not what the runs have: they are read in parts that received about so many points, three queries
    each.
    """
    names = key_ids_by_name(experiment_ids={run.experiment_id for run in runs}, kind=KeyKind.METRIC, names=[key])
    by_run = series_by_run(run_ids=[run.pk for run in runs], keys=[key])
    left = [(run, by_run[run.pk][0].received) for run in runs if run.pk in by_run]
    answer: list[tuple[str, Points]] = []
    while left and limit > 0:
        (first, received), *left = left
        part = [first]
        while left and received + left[0][1] <= limit:
            (run, more), *left = left
            part.append(run)
            received += more
        found = _first_of(part, names.get(key, []), limit)
        for run in part:
            points = found[run.pk].take(slice(None, limit))
            answer.append((run.uid, points))
            limit -= len(points)
    return answer


def _first_of(runs: Sequence[Run], key_ids: Sequence[int], least: int) -> dict[int, Points]:
    """Return the first points of one metric of these runs by run, at least so many of one alone, or all there are."""
    if len(runs) == 1:
        return {runs[0].pk: _history(runs[0].pk, key_ids, None, least)[0]}
    found = store.read(run_ids=[run.pk for run in runs], key_ids=key_ids)
    return {run_id: codec.distinct_sorted(points) for (run_id, _), points in found.items()}


def read_curves(
    *, runs: Sequence[Run], key: str, steps: Steps, width: float, few: int = FULL
) -> dict[str, Points | Buckets]:
    """Return a metric of several runs in a range of steps for a chart, by run uid.

    A long series comes as buckets of the widest level of ``pyramid`` that ``width`` takes; where there is none, and of
    a series with at most ``few`` points there, all points come, by step, timestamp, value. Runs without any are
    absent. Five queries. Costs summaries of a tenth (level 6) to a thousandth of the points' size, the blocks at the
    ends of the range, and the segments of the runs.
    """
    level = pyramid.level_for(width)
    uid_by_id = {run.pk: run.uid for run in runs}
    names = key_ids_by_name(experiment_ids={run.experiment_id for run in runs}, kind=KeyKind.METRIC, names=[key])
    waiting = store.read_segments(run_ids=list(uid_by_id), key_ids=names.get(key, []))
    heads = store.block_heads(run_ids=list(uid_by_id), key_ids=names.get(key, []))
    readings = {
        series: Reading.of(
            Points.concat(waiting.get(series, [])), heads.get(series, []), steps=steps, level=level, few=few
        )
        for series in {**heads, **waiting}
    }
    found = _read(readings)
    if found is None:
        return read_curves(runs=runs, key=key, steps=steps, width=width, few=few)
    return {uid_by_id[run_id]: curve for (run_id, _), curve in found.items()}


def read_outlines(*, run: Run, series: Sequence[SeriesRow]) -> dict[str, Points | Buckets]:
    """Return these metrics of a run, as ``series_by_run`` has them, from their first step to their last, by key.

    Up to ``FEW`` points of one come as they are, by step, timestamp, value; of more, some hundred buckets. Seven
    queries. Costs so much a series, however long it is, and the segments of the run.
    """
    names = key_ids_by_name(experiment_ids=[run.experiment_id], kind=KeyKind.METRIC, names=[row.key for row in series])
    row_by_id = {key_id: row for row in series for key_id in names.get(row.key, [])}
    waiting = store.read_segments(run_ids=[run.pk], key_ids=list(row_by_id))
    heads = store.block_heads(run_ids=[run.pk], key_ids=list(row_by_id))
    readings = {
        (run_id, key_id): Reading.of(
            Points.concat(waiting.get((run_id, key_id), [])),
            heads.get((run_id, key_id), []),
            steps=(row_by_id[key_id].first_step, row_by_id[key_id].last_step),
            level=_outline_level(row_by_id[key_id]),
            few=FEW,
        )
        for run_id, key_id in {**heads, **waiting}
    }
    found = _read(readings)
    if found is None:
        return read_outlines(run=run, series=series)
    return {row_by_id[key_id].key: outline for (_, key_id), outline in found.items()}


def _outline_level(row: SeriesRow) -> int:
    """Return the widest level of which a series has at least ``LEAST_BUCKETS``, or the finest."""
    return pyramid.level_for((row.last_step - row.first_step) / LEAST_BUCKETS) or pyramid.LEVELS[0]


def _read(readings: Mapping[tuple[int, int], Reading]) -> dict[tuple[int, int], Points | Buckets] | None:
    """Return what these readings find; None: it was compacted meanwhile. A query for blocks, and one a level."""
    unpacked = [pk for reading in readings.values() for pk in reading.unpacked]
    summarised: defaultdict[int, list[int]] = defaultdict(list)
    for reading in readings.values():
        if reading.level is not None:
            summarised[reading.level] += reading.summarised
    points = store.read_blocks(unpacked)
    buckets: dict[int, Buckets] = {}
    for level, pks in summarised.items():
        buckets |= store.read_summaries(pks, level=level)
    if len(points) < len(unpacked) or len(buckets) < sum(map(len, summarised.values())):
        return None
    return {series: reading.join(points, buckets) for series, reading in readings.items()}


def find_stored(*, runs: Sequence[Run], key: str, axes: Mapping[str, Axis]) -> dict[str, Stored] | None:
    """Return what there is of a metric by run uid, with few of its points; runs without any are absent.

    None: it was compacted meanwhile, and has to be found again. Three queries, a fourth for blocks in which a
    logarithmic axis begins. Costs the segments of the runs.
    """
    uid_by_id = {run.pk: run.uid for run in runs}
    names = key_ids_by_name(experiment_ids={run.experiment_id for run in runs}, kind=KeyKind.METRIC, names=[key])
    waiting = store.read_segments(run_ids=list(uid_by_id), key_ids=names.get(key, []))
    heads = store.block_heads(run_ids=list(uid_by_id), key_ids=names.get(key, []))
    found = {
        uid_by_id[series[0]]: Stored(merge([Points.concat(waiting.get(series, []))]), heads.get(series, []), {})
        for series in {**heads, **waiting}
    }
    across = [pk for uid, one in found.items() for pk in one.across(axes[uid])]
    points = store.read_blocks(across)
    if len(points) < len(across):
        return None
    return {
        uid: replace(one, points={pk: points[pk] for pk in one.across(axes[uid])}) if points else one
        for uid, one in found.items()
    }


def read_placed(
    *, stored: Mapping[str, Stored], grids: Mapping[str, Grid], few: int
) -> dict[str, Points | Buckets] | None:
    """Return series on a grid each, by run uid; None: they were compacted meanwhile, and have to be found again.

    A long series comes as the buckets of its grid, positions in the place of steps. All points come, in MLflow's order,
    of a series with at most ``few``, and of one whose positions do not ascend with its steps. Four queries. Costs a
    tenth (level 6) to a thousandth of the points, and the points of blocks that have no summaries which fit.
    """
    readings = {uid: placed.Reading(one, grids[uid], few=few) for uid, one in stored.items()}
    levels = {pk: level for reading in readings.values() for pk, level in reading.levels.items()}
    payloads: dict[int, bytes] = {}
    for level in set(levels.values()):
        payloads |= store.read_summary_payloads([pk for pk in levels if levels[pk] == level], level=level)
    if len(payloads) < len(levels):
        return None
    for reading in readings.values():
        reading.take(payloads)
    points = {pk: one for each in stored.values() for pk, one in each.points.items()}
    unpacked = [pk for reading in readings.values() for pk in reading.unpacked if pk not in points]
    points |= store.read_blocks(unpacked)
    if not points.keys() >= set(unpacked):
        return None
    return {uid: reading.join(points) for uid, reading in readings.items()}


def interval_points(
    *, runs: Sequence[Run], key: str, first_step: int | None, last_step: int | None, max_results: int
) -> dict[str, Points]:
    """Return at most ``max_results`` points a run by run uid: first, last, least and greatest of every bucket.

    Sorted by step, timestamp, value. Three queries. Runs without points are absent.
    """
    answer = {}
    steps = None if first_step is None or last_step is None else (first_step, last_step)
    for (uid, _), points in read_series(runs=runs, keys=[key], steps=steps).items():
        if steps is not None:
            points = points.take((points.steps >= steps[0]) & (points.steps <= steps[1]))
        if len(points):
            answer[uid] = points.take(interval_history(points, max_results=max_results))
    return answer


Place = tuple[int, int, float]
"""Of a point in MLflow's order: timestamp, step, value."""


def _history(run_id: int, key_ids: Sequence[int], after: Place | None, least: int) -> tuple[Points, bool]:
    """Return points behind a place, more than ``least`` of them if there are, and whether these are all."""
    waiting = store.read_segments(run_ids=[run_id], key_ids=key_ids)
    heads = store.block_heads(run_ids=[run_id], key_ids=key_ids)
    points = Points.concat([part for parts in waiting.values() for part in parts])
    ahead = sorted(
        (head for of_key in heads.values() for head in of_key if after is None or head.max_timestamp_ms >= after[0]),
        key=lambda head: head.min_timestamp_ms,
    )
    while True:
        some: list[BlockHead] = []
        while ahead and sum(head.count for head in some) <= least:
            some.append(ahead.pop(0))
        found = store.read_blocks([head.pk for head in some])
        if len(found) < len(some):  # compacted meanwhile
            return _history(run_id, key_ids, after, least)
        points = codec.distinct_sorted(Points.concat([*found.values(), points]))
        behind = points.take(slice(_count_up_to(points, after), None)) if after else points
        if not ahead:
            return behind, True
        # What is in the blocks to come may lie between these points, but not before its least timestamp.
        certain = int(np.searchsorted(behind.timestamps_ms, ahead[0].min_timestamp_ms, side="left"))
        if certain > least:
            return behind.take(slice(None, certain)), False


def _place_in(token: str) -> Place:
    """Return the place that a page token names.

    :raises InvalidParameterError: if it names none.
    """
    timestamp, step, value = decode_token(token, length=3)
    try:
        place = int(str(timestamp)), int(str(step)), float(str(value))
        np.array(place[:2], np.int64)
    except (ValueError, OverflowError):
        raise InvalidParameterError(
            f"Invalid page token, could not decode: {token[:100]!r}. Ask for the first page again."
        ) from None
    return place


def _count_up_to(points: Points, place: Place) -> int:
    """Return how many of the points, sorted in MLflow's order, stand before and at a place."""
    low = int(np.searchsorted(points.timestamps_ms, place[0], side="left"))
    high = int(np.searchsorted(points.timestamps_ms, place[0], side="right"))
    steps = points.steps[low:high]
    low, high = (
        low + int(np.searchsorted(steps, place[1], side="left")),
        low + int(np.searchsorted(steps, place[1], side="right")),
    )
    values = points.values[low:high]
    low, high = (
        low + int(np.searchsorted(values, place[2], side="left")),
        low + int(np.searchsorted(values, place[2], side="right")),
    )
    if place[2] == 0:  # -0.0 comes before 0.0
        bits = points.values[low:high].view(np.int64)
        return low + int(np.searchsorted(bits, np.float64(place[2]).view(np.int64), side="right"))
    return high
