"""The metrics of a run: the table of its page, the numbers that stand out, and the lines of its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext

from tracking.charts.direction import Direction
from tracking.charts.sparkline import sparkline
from tracking.metrics.extremes import Extremes, extremes_of
from tracking.metrics.types import SeriesRow
from tracking.web.columns import SYSTEM_METRIC_PREFIX
from tracking.web.directions import Directions
from tracking.web.experiment_table import main_metrics
from tracking.web.formats import NOTHING, format_count, format_number
from tracking.web.list_files import Cell
from tracking.web.workbench import spark_of

if TYPE_CHECKING:
    from tracking.runs.models import Run
    from tracking.runs.types import RunRow

SPREAD = ("first", "min", "min_step", "max", "max_step", "mean", "first_step", "last_step", "points")
FILE_HEAD = ("kind", "key", "value", *SPREAD)
MAX_FIGURES = 4


@dataclass(frozen=True, slots=True)
class MetricShown:
    """A line of the table of metrics; ``spark``: its curve, "" where there is none."""

    key: str
    spark: str
    first: str
    last: str
    lowest: str
    lowest_at: str
    highest: str
    highest_at: str
    mean: str
    steps: str
    points: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that stands out: a metric's best value, where one knows which is best, else its last."""

    metric: str
    value: str
    at: str
    last: str
    spark: str


def is_system(row: SeriesRow) -> bool:
    """Tell whether a metric is about the machine."""
    return row.key.startswith(SYSTEM_METRIC_PREFIX)


def file_rows(run: Run, row: RunRow, series: Sequence[SeriesRow]) -> Iterator[list[Cell]]:
    """Return the lines of ``FILE_HEAD``: params, tags, then metrics, whose points are read as for the page."""
    for kind, pairs in (("param", row.params), ("tag", row.tags)):
        for pair in pairs:
            yield [kind, pair.key, pair.value, *[None] * len(SPREAD)]
    extremes = extremes_of(run=run, series=series)
    for one in series:
        found = extremes.get(one.key)
        first, low, high = (found.first_value, found.low_step, found.high_step) if found else (None, None, None)
        spread = (first, one.min_value, low, one.max_value, high, one.mean_value)
        yield ["metric", one.key, one.latest_value, *spread, one.first_step, one.last_step, one.received]


def list_figures(
    run: Run, series: Sequence[SeriesRow], directions: Directions, extremes: Mapping[str, Extremes]
) -> list[Figure]:
    """Return the metrics that say most, at most ``MAX_FIGURES``; five queries for a curve not read yet."""
    rows = {row.key: row for row in series}
    figures: list[Figure] = []
    for metric in main_metrics(rows, directions)[:MAX_FIGURES]:
        row = rows[metric]
        best = row.min_value if directions.of(metric) is Direction.LESS else row.max_value
        figures.append(
            Figure(
                metric=metric,
                value=format_number(row.latest_value if best is None else best),
                at=gettext("best"),
                last=format_number(row.latest_value),
                spark=sparkline(extremes[metric].curve) if metric in extremes else spark_of(run, row),
            )
        )
    return figures


def metric_shown(row: SeriesRow, extremes: Extremes | None) -> MetricShown:
    """Return the line of a metric."""
    return MetricShown(
        key=row.key,
        spark=sparkline(extremes.curve) if extremes else "",
        first=format_number(extremes.first_value) if extremes else NOTHING,
        last=format_number(row.latest_value),
        lowest=_number_shown(row.min_value),
        lowest_at=_step_shown(extremes.low_step if extremes else None),
        highest=_number_shown(row.max_value),
        highest_at=_step_shown(extremes.high_step if extremes else None),
        mean=_number_shown(row.mean_value),
        steps=_steps_shown(row),
        points=format_count(row.received),
    )


def _number_shown(value: float | None) -> str:
    return NOTHING if value is None else format_number(value)


def _step_shown(step: int | None) -> str:
    return "" if step is None else format_count(step)


def _steps_shown(row: SeriesRow) -> str:
    first, last = format_count(row.first_step), format_count(row.last_step)
    return first if first == last else f"{first} \u2013 {last}"
