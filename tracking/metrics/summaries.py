"""What tables ask about metrics without reading a point: which there are, and statistics over many runs."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Avg, Count, F, Max, Min, OuterRef, QuerySet, StdDev, Subquery, Sum
from django.db.models.functions import Length, NullIf

from tracking.metrics.models import MetricBlock, MetricSegment, MetricSeries
from tracking.metrics.removal import PointsHeld
from tracking.runs.models import Key, Run
from tracking.runs.queries import key_ids_by_name
from tracking.runs.tables import GroupKey, group_columns
from tracking.runs.types import KeyKind


@dataclass(frozen=True, slots=True)
class Spread:
    """A metric's statistic over the runs of a group. ``std`` is the sample's, None for one run alone."""

    run_count: int
    mean: float
    std: float | None
    lowest: float
    highest: float


MOST = 1e150  # in size: what can be squared and summed up; what is beyond, infinities too, does not count
STATISTICS = {
    "last": F("latest_value"),
    "min": F("min_value"),
    "max": F("max_value"),
    "mean": F("finite_sum") / NullIf(F("finite_count"), 0),
}


def count_runs_by_metric(*, run_ids: Sequence[int]) -> dict[str, int]:
    """Return how many of these runs have each metric. One query; reads an index entry a series."""
    found = MetricSeries.objects.filter(run__in=run_ids).values_list("key__name").annotate(count=Count("pk"))
    return dict(found)


def spread_by_group(
    *,
    runs: QuerySet[Run],
    experiment_ids: Sequence[int],
    keys: Sequence[GroupKey],
    metric: str,
    statistic: str,
) -> dict[tuple[str | None, ...], Spread]:
    """Return how a metric's statistic (of ``STATISTICS``) spreads in each group of runs. Three queries.

    Runs without the metric, or with NaN or an infinity, do not count.
    """
    ids = key_ids_by_name(experiment_ids=experiment_ids, kind=KeyKind.METRIC, names=[metric]).get(metric, [])
    columns = group_columns(experiment_ids=experiment_ids, keys=keys, prefix="run__")
    found = (
        MetricSeries.objects.filter(key__in=ids, run__in=runs.values("pk"))
        .annotate(value=STATISTICS[statistic], **columns)
        .filter(value__range=(-MOST, MOST))
        .values(*columns)
        .annotate(
            n=Count("pk"),
            mean=Avg("value"),
            std=StdDev("value"),  # of the population: SQLite refuses a sample's where a group is one run
            lowest=Min("value"),
            highest=Max("value"),
        )
        .order_by()
    )
    return {
        tuple(row[name] for name in columns): Spread(
            row["n"], row["mean"], _of_sample(row["std"], row["n"]), row["lowest"], row["highest"]
        )
        for row in found
    }


def _of_sample(std: float, count: int) -> float | None:
    return std * math.sqrt(count / (count - 1)) if count > 1 else None


def extremes_by_key(*, key_ids: Sequence[int]) -> dict[int, tuple[float, float]]:
    """Return the least and the greatest last value of each metric among active runs, NaN left out. One query.

    Each end is one step into the index of values, whatever the number of runs.
    """
    mine = MetricSeries.objects.filter(key=OuterRef("pk"), latest_value__isnull=False, run__deleted_at=None)
    found = Key.objects.filter(pk__in=list(key_ids)).annotate(
        low=Subquery(mine.order_by("latest_value").values("latest_value")[:1]),
        high=Subquery(mine.order_by("-latest_value").values("latest_value")[:1]),
    )
    return {pk: (low, high) for pk, low, high in found.values_list("pk", "low", "high") if low is not None}


def held_by_experiment(*, experiment_ids: Sequence[int]) -> dict[int, PointsHeld]:
    """Return what the active runs of each experiment hold of metrics. Three queries.

    They look at every row of these runs, though not at the points: whoever asks bounds the number of runs.
    """
    mine = {"run__experiment__in": list(experiment_ids), "run__deleted_at": None}
    series = MetricSeries.objects.filter(**mine).order_by().values_list("run__experiment")
    counts = {pk: (count, int(points)) for pk, count, points in series.annotate(Count("pk"), Sum("received"))}
    sizes: Counter[int] = Counter()
    for model in (MetricSegment, MetricBlock):
        rows = model.objects.filter(**mine).order_by().values_list("run__experiment")
        sizes.update(dict(rows.annotate(size=Sum(Length("payload")))))
    return {pk: PointsHeld(*counts.get(pk, (0, 0)), sizes[pk]) for pk in experiment_ids}
