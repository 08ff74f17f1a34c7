"""What tables ask about metrics without reading a point: which there are, and statistics over many runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Avg, Count, F, Max, Min, QuerySet, StdDev

from tracking.metrics.models import MetricSeries
from tracking.runs.models import Run
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
STATISTIC_COLUMNS = {"last": "latest_value", "min": "min_value", "max": "max_value"}


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
    """Return how a metric's statistic (of ``STATISTIC_COLUMNS``) spreads in each group of runs. Three queries.

    Runs without the metric, or with NaN or an infinity, do not count.
    """
    ids = key_ids_by_name(experiment_ids=experiment_ids, kind=KeyKind.METRIC, names=[metric]).get(metric, [])
    columns = group_columns(experiment_ids=experiment_ids, keys=keys, prefix="run__")
    value = STATISTIC_COLUMNS[statistic]
    found = (
        MetricSeries.objects.filter(key__in=ids, run__in=runs.values("pk"), **{f"{value}__range": (-MOST, MOST)})
        .annotate(**columns)
        .values(*columns)
        .annotate(
            n=Count("pk"),
            mean=Avg(F(value)),
            std=StdDev(F(value), sample=True),
            lowest=Min(F(value)),
            highest=Max(F(value)),
        )
        .order_by()
    )
    return {
        tuple(row[name] for name in columns): Spread(
            row["n"], row["mean"], row["std"] if row["n"] > 1 else None, row["lowest"], row["highest"]
        )
        for row in found
    }
