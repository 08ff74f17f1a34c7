"""``metrics/…``"""

from collections.abc import Iterable
from itertools import repeat
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from tracking.api.base import Call, endpoint
from tracking.api.mlflow import shapes
from tracking.api.mlflow.messages import RunNamed, page_size
from tracking.core.errors import InvalidParameterError
from tracking.core.json import Int64, Request
from tracking.metrics import queries
from tracking.metrics.codec import Points
from tracking.runs.queries import find_runs, get_run
from tracking.runs.rules import missing

if TYPE_CHECKING:
    from tracking.runs.models import Run

MAX_HISTORY = 25_000
MAX_BULK_RUNS = 100
MAX_INTERVAL_POINTS = 2_500
DEFAULT_INTERVAL_POINTS = 320


class GetHistory(RunNamed, kw_only=True):
    """metrics/get-history"""

    metric_key: str
    page_token: str | None = None
    max_results: Int64 | None = None


class GetHistoryBulk(Request):
    """metrics/get-history-bulk"""

    metric_key: str
    run_id: list[str] | None = None
    max_results: Int64 | None = None


class GetHistoryBulkInterval(Request):
    """metrics/get-history-bulk-interval"""

    metric_key: str
    run_ids: list[str] | None = None
    start_step: Int64 | None = None
    end_step: Int64 | None = None
    max_results: Int64 | None = None


class Point(msgspec.Struct, gc=False):  # 25,000 a page: three times cheaper than a dict to make and to write
    """A Metric as MLflow sends it."""

    key: str
    value: float | str
    timestamp: int
    step: int


class RunPoint(Point, gc=False):
    """A MetricWithRunId."""

    run_id: str


@endpoint(GetHistory)
def get_history(call: Call, body: GetHistory) -> object:
    """Return every distinct point of a metric, a page at a time."""
    page = queries.get_history(
        run=get_run(workspace=call.workspace, uid=body.uid),
        key=body.metric_key,
        page_token=body.page_token or "",
        max_results=page_size(body.max_results, default=MAX_HISTORY),
    )
    return shapes.compact(
        {
            "metrics": list(map(Point, repeat(body.metric_key), *_columns(page.points))),
            "next_page_token": page.next_token,
        }
    )


@endpoint(GetHistoryBulk)
def get_history_bulk(call: Call, body: GetHistoryBulk) -> object:
    """Return the first points of a metric of several runs, run after run."""
    runs = _named(call, body.run_id, field="run_id")
    most = page_size(body.max_results, default=MAX_HISTORY, most=MAX_HISTORY)
    points = queries.first_points(runs=runs, key=body.metric_key, limit=most)
    return shapes.compact({"metrics": _with_runs(body.metric_key, points)})


@endpoint(GetHistoryBulkInterval)
def get_history_bulk_interval(call: Call, body: GetHistoryBulkInterval) -> object:
    """Return a metric of several runs in few points: first, last, least and greatest of every bucket."""
    if (body.start_step is None) != (body.end_step is None):
        raise InvalidParameterError("Give both start_step and end_step, or neither.")
    if body.start_step is not None and body.end_step is not None and body.start_step > body.end_step:
        raise InvalidParameterError(f"end_step={body.end_step} must not be less than start_step={body.start_step}.")
    points = queries.interval_points(
        runs=_named(call, body.run_ids, field="run_ids"),
        key=body.metric_key,
        first_step=body.start_step,
        last_step=body.end_step,
        max_results=page_size(body.max_results, default=DEFAULT_INTERVAL_POINTS, most=MAX_INTERVAL_POINTS),
    )
    return shapes.compact({"metrics": _with_runs(body.metric_key, points.items())})


def _named(call: Call, uids: list[str] | None, *, field: str) -> list["Run"]:
    if not uids:
        raise missing(field)
    if len(uids) > MAX_BULK_RUNS:
        raise InvalidParameterError(f"'{field}' names {len(uids)} runs; this endpoint takes at most {MAX_BULK_RUNS}.")
    return find_runs(workspace=call.workspace, uids=uids)


def _with_runs(key: str, points_by_run: Iterable[tuple[str, Points]]) -> list[RunPoint]:
    return [
        point for uid, points in points_by_run for point in map(RunPoint, repeat(key), *_columns(points), repeat(uid))
    ]


def _columns(points: Points) -> tuple[list[float | str], list[int], list[int]]:
    """Return values, as MLflow sends them, timestamps and steps."""
    values: list[float | str] = points.values.tolist()
    for place in np.flatnonzero(~np.isfinite(points.values)).tolist():
        values[place] = shapes.number(points.values[place].item())
    return values, points.timestamps_ms.tolist(), points.steps.tolist()
