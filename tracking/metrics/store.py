"""Reading and writing segments, blocks and series: the statements that the ORM has no words for."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from django.db import connection, transaction
from django.db.models import Count

from tracking.core import hot
from tracking.core.store import rows_among
from tracking.metrics import codec, pyramid
from tracking.metrics.blocks import decode_block, decode_blocks, encode_block
from tracking.metrics.codec import Points
from tracking.metrics.models import MetricBlock, MetricSegment
from tracking.metrics.pyramid import Buckets
from tracking.metrics.types import BlockHead

SUMMARIES = dict(zip(pyramid.LEVELS, ("fine", "middle", "coarse"), strict=True))  # the columns that have them
_HEAD = ", ".join("id" if name == "pk" else name for name in BlockHead.__struct_fields__)
HEADS = f"SELECT run_id, key_id, {_HEAD} FROM metric_block"  # noqa: S608
_first = attrgetter("first_step", "first_timestamp_ms")
_key_id = attrgetter("key_id")
LATEST_OF_RUNS = "SELECT run_id, key_id, latest_value, latest_timestamp_ms, latest_step FROM metric_series WHERE run_id"
# Of the values of one request: that many requests cannot add up to more than a double holds, which PostgreSQL refuses.
MAX_SUM = 1e300
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


_MERGE = ", ".join(
    [
        *(
            f"{column} = CASE WHEN {LATER} THEN excluded.{column} ELSE metric_series.{column} END"
            for column in ("latest_step", "latest_timestamp_ms", "latest_value")
        ),
        _lesser("min_value", "<"),
        _lesser("max_value", ">"),
        _lesser("first_step", "<"),
        _lesser("last_step", ">"),
        *(f"{name} = metric_series.{name} + excluded.{name}" for name in ("received", "finite_sum", "finite_count")),
    ]
)
SEGMENT = "INSERT INTO metric_segment (run_id, payload) VALUES (%s, %s)"
SEGMENT_BYTES = (
    "SELECT coalesce(sum(length(payload)), 0) FROM metric_segment WHERE run_id = %s AND substr(payload, 1, 1) = %s"
)
SERIES = hot.Insert(
    "metric_series",
    {
        "run_id": "bigint",  # as the values of ``append`` stand
        "key_id": "bigint",
        "latest_step": "bigint",
        "latest_timestamp_ms": "bigint",
        "latest_value": "float8",
        "min_value": "float8",
        "max_value": "float8",
        "first_step": "bigint",
        "last_step": "bigint",
        "received": "bigint",
        "finite_sum": "float8",
        "finite_count": "bigint",
    },
    f"ON CONFLICT (run_id, key_id) DO UPDATE SET {_MERGE}",
)


@dataclass(slots=True)
class SeriesChange:
    """What one request adds to one series; None stands for NaN, and for no minimum or maximum.

    ``finite_sum`` of the ``finite_count`` values that are neither NaN nor infinite.
    """

    key_id: int
    latest_step: int
    latest_timestamp_ms: int
    latest_value: float | None
    min_value: float | None
    max_value: float | None
    first_step: int
    last_step: int
    received: int
    finite_sum: float
    finite_count: int


def append(*, run_id: int, payload: bytes, changes: Sequence[SeriesChange]) -> None:
    """Add one segment and fold its summary into the series. Two statements, whatever the number of points."""
    rows = [
        (
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
            min(max(change.finite_sum, -MAX_SUM), MAX_SUM),
            change.finite_count,
        )
        for change in sorted(changes, key=_key_id)  # one order for all writers: no deadlock
    ]
    with connection.cursor() as cursor:
        hot.execute(cursor, (SEGMENT, [run_id, payload]), SERIES.of(rows))


def read(
    *, run_ids: Sequence[int], key_ids: Sequence[int], steps: tuple[int, int] | None = None
) -> dict[tuple[int, int], Points]:
    """Return the points of these series by (run, key), some perhaps twice: the blocks' in order, then as they came.

    Two queries. Costs the segments of the runs, whatever the keys, and the blocks of the series. A range of steps, ends
    included, spares the blocks outside it; points outside it may come all the same.
    """
    waiting = read_segments(run_ids=run_ids, key_ids=key_ids)  # first: what compaction moves meanwhile is seen twice
    blocks = MetricBlock.objects.filter(run__in=run_ids, key__in=key_ids).order_by("first_step", "first_timestamp_ms")
    if steps is not None:
        blocks = blocks.filter(first_step__lte=steps[1], last_step__gte=steps[0])
    payloads: defaultdict[tuple[int, int], list[bytes | memoryview]] = defaultdict(list)
    for run_id, key_id, payload in blocks.values_list("run_id", "key_id", "payload").iterator(chunk_size=500):
        payloads[run_id, key_id].append(payload)
    return {
        series: decode_blocks(payloads.pop(series, ()), waiting.get(series, ()))
        for series in [*{**payloads, **waiting}]
    }


def read_segments(*, run_ids: Sequence[int], key_ids: Sequence[int]) -> dict[tuple[int, int], list[Points]]:
    """Return the points that are in segments, in the order they came. One query."""
    wanted = set(key_ids)
    pieces: defaultdict[tuple[int, int], list[Points]] = defaultdict(list)
    segments = MetricSegment.objects.filter(run__in=run_ids).order_by("pk").values_list("run_id", "payload")
    for run_id, payload in segments.iterator(chunk_size=2000):
        for key_id, points in codec.decode_segment(payload).items():
            if key_id in wanted:
                pieces[run_id, key_id].append(points)
    return pieces


def oldest_segments(*, run_id: int, limit: int) -> list[tuple[int, bytes]]:
    """Return (pk, payload) of a run's oldest segments. One query."""
    rows = MetricSegment.objects.filter(run=run_id).order_by("pk").values_list("pk", "payload")[:limit]
    return [(pk, bytes(payload)) for pk, payload in rows]


def count_segments(*, run_id: int) -> int:
    """Count a run's segments. One query."""
    return MetricSegment.objects.filter(run=run_id).count()


def segment_bytes(*, run_id: int) -> int:
    """Return how many bytes a run's segments have, not counting what compaction has left of others. One query."""
    with connection.cursor() as cursor:
        hot.execute(cursor, (SEGMENT_BYTES, [run_id, bytes([codec.VERSION])]))
        return int(cursor.fetchone()[0])


def runs_with_segments(*, least: int, limit: int) -> list[int]:
    """Return runs that have at least so many segments, those with most of them first. One query, all segments' keys."""
    counted = MetricSegment.objects.values("run_id").annotate(segments=Count("pk")).filter(segments__gte=least)
    return list(counted.order_by("-segments").values_list("run_id", flat=True)[:limit])


def block_heads(*, run_ids: Sequence[int], key_ids: Sequence[int]) -> dict[tuple[int, int], list[BlockHead]]:
    """Return what is known of the blocks of these series without their points, each in order. One query."""
    heads: defaultdict[tuple[int, int], list[BlockHead]] = defaultdict(list)
    select = f"{HEADS} WHERE key_id IN ({','.join(map(str, key_ids)) or 'NULL'}) AND run_id"
    for run_id, key_id, *head in rows_among(select, run_ids):
        heads[run_id, key_id].append(BlockHead(*head))
    for found in heads.values():
        found.sort(key=_first)
    return heads


def read_blocks(pks: Sequence[int]) -> dict[int, Points]:
    """Return the points of blocks by pk. One query."""
    return {
        pk: decode_block(payload)
        for pk, payload in MetricBlock.objects.filter(pk__in=pks).values_list("pk", "payload").iterator(chunk_size=500)
    }


def read_summaries(pks: Sequence[int], *, level: int) -> dict[int, Buckets]:
    """Return the buckets of a level of blocks by pk. One query."""
    return {pk: pyramid.decode_buckets(payload) for pk, payload in read_summary_payloads(pks, level=level).items()}


def read_summary_payloads(pks: Sequence[int], *, level: int) -> dict[int, bytes]:
    """Return the buckets of a level of blocks by pk, packed. One query."""
    select = f"SELECT id, {SUMMARIES[level]} FROM metric_block WHERE id"  # noqa: S608
    return dict(rows_among(select, pks))


@transaction.atomic
def replace(
    *,
    run_id: int,
    segments: Sequence[int],
    blocks: Sequence[int],
    by_blocks: Sequence[tuple[int, Points]],
    by_segment: bytes | None,
) -> bool:
    """Put new blocks, (key, points) each, and at most one segment in the place of old ones; all or nothing.

    Tell whether it was done: not where somebody else has already replaced any of the old ones.
    """
    is_mine = MetricSegment.objects.filter(pk__in=segments).delete()[0] == len(segments) and MetricBlock.objects.filter(
        pk__in=blocks
    ).delete()[0] == len(blocks)
    if not is_mine:
        transaction.set_rollback(True)
        return False
    MetricBlock.objects.bulk_create(_block(run_id, key_id, points) for key_id, points in by_blocks)
    if by_segment is not None:
        MetricSegment.objects.create(run_id=run_id, payload=by_segment)
    return True


def _block(run_id: int, key_id: int, points: Points) -> MetricBlock:
    fine, middle, coarse = pyramid.build(points)
    return MetricBlock(
        run_id=run_id,
        key_id=key_id,
        first_step=int(points.steps[0]),
        first_timestamp_ms=int(points.timestamps_ms[0]),
        last_step=int(points.steps[-1]),
        last_timestamp_ms=int(points.timestamps_ms[-1]),
        min_timestamp_ms=int(points.timestamps_ms.min()),
        max_timestamp_ms=int(points.timestamps_ms.max()),
        count=len(points),
        coarse=coarse,
        middle=middle,
        fine=fine,
        payload=encode_block(points),
    )
