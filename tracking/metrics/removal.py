"""Removing points for good: of runs that go, or one metric of a run that stays. A little at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet, Sum
from django.db.models.functions import Length

from tracking.metrics import codec
from tracking.metrics.codec import Points
from tracking.metrics.models import MetricBlock, MetricSegment, MetricSeries
from tracking.runs.documents import forget_documents
from tracking.runs.models import Run


@dataclass(frozen=True, slots=True)
class PointsHeld:
    """What runs hold of metrics: series, points received, bytes of segments and blocks."""

    series: int
    points: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class PointsRemoved:
    """What a call took away. ``is_rest``: nothing of what was asked for is left."""

    series: int
    points: int
    size_bytes: int
    is_rest: bool


def measure_points(*, runs: "QuerySet[Run]") -> PointsHeld:
    """Count what these runs hold. Three queries, which look at every row of the runs but not at the points."""
    series = MetricSeries.objects.filter(run__in=runs)
    sizes = [
        rows.aggregate(size=Sum(Length("payload")))["size"] or 0
        for rows in (MetricSegment.objects.filter(run__in=runs), MetricBlock.objects.filter(run__in=runs))
    ]
    return PointsHeld(series.count(), series.aggregate(points=Sum("received"))["points"] or 0, sum(sizes))


def measure_metric(*, run_id: int, key_id: int) -> PointsHeld:
    """Count what a run holds of one metric; the bytes are those of its blocks, segments hold other metrics too."""
    series = MetricSeries.objects.filter(run=run_id, key=key_id)
    blocks = MetricBlock.objects.filter(run=run_id, key=key_id)
    return PointsHeld(
        series.count(),
        series.aggregate(points=Sum("received"))["points"] or 0,
        blocks.aggregate(size=Sum(Length("payload")))["size"] or 0,
    )


@transaction.atomic
def purge_points(*, run_ids: Sequence[int], limit: int) -> PointsRemoved:
    """Remove at most ``limit`` segments and blocks of these runs, and their series with the last."""
    rows = size_bytes = 0
    for model in (MetricSegment, MetricBlock):
        found = model.objects.filter(run__in=run_ids).order_by("pk").annotate(size=Length("payload"))
        some = dict(found.values_list("pk", "size")[: limit - rows])
        model.objects.filter(pk__in=list(some)).delete()
        rows += len(some)
        size_bytes += sum(some.values())
    if rows == limit:
        return PointsRemoved(0, 0, size_bytes, is_rest=False)
    forget_documents(run_ids=run_ids)
    series = MetricSeries.objects.filter(run__in=run_ids)
    points = series.aggregate(points=Sum("received"))["points"] or 0
    return PointsRemoved(series.delete()[0], points, size_bytes, is_rest=True)


@dataclass(frozen=True, slots=True)
class MetricRemoved:
    """What a call took away, and the number of the last segment that it looked at (None: it was the last call)."""

    series: int
    points: int
    size_bytes: int
    after: int | None


@transaction.atomic
def purge_metric(*, run_id: int, key_id: int, after: int, limit: int) -> MetricRemoved:
    """Remove one metric from the run's next ``limit`` segments; with the last ones its blocks and its series.

    Segments never change: one that holds other metrics too is replaced by a new one without this. So a compaction that
    is under way finds its segments gone and changes nothing. Nobody may log to the run meanwhile.
    """
    segments = MetricSegment.objects.filter(run=run_id, pk__gt=after).order_by("pk").values_list("pk", "payload")
    found = [(pk, bytes(payload)) for pk, payload in segments[:limit]]
    size_bytes = 0
    for pk, payload in found:
        series = codec.decode_segment(payload)
        if series.pop(key_id, None) is None:
            continue
        MetricSegment.objects.filter(pk=pk).delete()
        size_bytes += len(payload)
        if series:
            rest = _packed(series)
            MetricSegment.objects.create(run_id=run_id, payload=rest)
            size_bytes -= len(rest)
    if len(found) == limit:
        return MetricRemoved(0, 0, size_bytes, after=found[-1][0])
    forget_documents(run_ids=[run_id])
    blocks = MetricBlock.objects.filter(run=run_id, key=key_id)
    size_bytes += blocks.aggregate(size=Sum(Length("payload")))["size"] or 0
    blocks.delete()
    rows = MetricSeries.objects.filter(run=run_id, key=key_id)
    points = rows.aggregate(points=Sum("received"))["points"] or 0
    return MetricRemoved(rows.delete()[0], points, size_bytes, after=None)


def _packed(series: dict[int, Points]) -> bytes:
    key_ids = [key_id for key_id, points in series.items() for _ in range(len(points))]
    return codec.compress_segment(codec.encode_segment(key_ids, Points.concat(list(series.values()))))
