"""Reading and writing segments and series: the statements that the ORM has no words for."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from tracking.metrics import codec
from tracking.metrics.codec import Points
from tracking.metrics.models import MetricSegment

COLUMNS = (
    "run_id, key_id, latest_step, latest_timestamp_ms, latest_value, "  # as the values of ``append`` stand
    "min_value, max_value, first_step, last_step, received"
)
# NaN is kept as NULL and ranks as 0 (MLflow's latest-metric rule); row values compare from left to right.
LATER = (
    "(excluded.latest_step, excluded.latest_timestamp_ms, coalesce(excluded.latest_value, 0)) > "
    "(metric_series.latest_step, metric_series.latest_timestamp_ms, coalesce(metric_series.latest_value, 0))"
)


def _lesser(column: str, comparison: str) -> str:
    return (
        f"{column} = CASE WHEN metric_series.{column} IS NULL OR excluded.{column} {comparison} metric_series.{column} "
        f"THEN coalesce(excluded.{column}, metric_series.{column}) ELSE metric_series.{column} END"
    )


MERGE = ", ".join(
    [
        *(
            f"{column} = CASE WHEN {LATER} THEN excluded.{column} ELSE metric_series.{column} END"
            for column in ("latest_step", "latest_timestamp_ms", "latest_value")
        ),
        _lesser("min_value", "<"),
        _lesser("max_value", ">"),
        _lesser("first_step", "<"),
        _lesser("last_step", ">"),
        "received = metric_series.received + excluded.received",
    ]
)


@dataclass(frozen=True, slots=True)
class SeriesChange:
    """What one request adds to one series; None stands for NaN, and for no minimum or maximum."""

    key_id: int
    latest_step: int
    latest_timestamp_ms: int
    latest_value: float | None
    min_value: float | None
    max_value: float | None
    first_step: int
    last_step: int
    received: int


def append(*, run_id: int, payload: bytes, changes: Sequence[SeriesChange]) -> None:
    """Add one segment and fold its summary into the series. Two statements, whatever the number of points."""
    MetricSegment.objects.create(run_id=run_id, payload=payload)
    row = "(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
    values: list[int | float | None] = []
    for change in sorted(changes, key=lambda change: change.key_id):  # one order for all writers: no deadlock
        values += (
            run_id,
            change.key_id,
            change.latest_step,
            change.latest_timestamp_ms,
            change.latest_value,
            change.min_value,
            change.max_value,
            change.first_step,
            change.last_step,
            change.received,
        )
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO metric_series ({COLUMNS}) VALUES {', '.join([row] * len(changes))} "  # noqa: S608
            f"ON CONFLICT (run_id, key_id) DO UPDATE SET {MERGE}",
            values,
        )


def read(*, run_ids: Sequence[int], key_ids: Sequence[int]) -> dict[tuple[int, int], Points]:
    """Return the points of these series by (run, key), in the order they came, re-sent ones included.

    One query. Costs the segments of the runs, whatever the keys.
    """
    wanted = set(key_ids)
    pieces: defaultdict[tuple[int, int], list[Points]] = defaultdict(list)
    segments = MetricSegment.objects.filter(run__in=run_ids).order_by("pk").values_list("run_id", "payload")
    for run_id, payload in segments.iterator(chunk_size=2000):
        for key_id, points in codec.decode_segment(payload).items():
            if key_id in wanted:
                pieces[run_id, key_id].append(points)
    return {series: Points.concat(parts) for series, parts in pieces.items()}
