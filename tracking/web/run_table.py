"""The rows of the table of runs on an experiment's page: what their cells say, where their links lead."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Self
from unicodedata import east_asian_width

from django.http import QueryDict
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from tracking.charts.direction import Direction
from tracking.core.errors import FilterError
from tracking.metrics.types import SeriesRow
from tracking.runs.types import Pair, RunRow
from tracking.web.charts import ChartedRun
from tracking.web.columns import Column, ColumnKind, Statistic
from tracking.web.directions import Directions
from tracking.web.formats import (
    NOTHING,
    StatusShown,
    format_duration,
    format_number,
    shorten,
    status_shown,
    time_element,
    unnamed,
)
from tracking.web.links import link_with

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace

MAX_CELL = 60
MAX_TITLE = 500

SeriesByRun = Mapping[int, Sequence[SeriesRow]]


@dataclass(frozen=True, slots=True)
class Cell:
    """What one run has in one column. ``delta``: the difference from the base run; ``spark``: the path of a curve."""

    text: str
    title: str
    css: str
    delta: str = ""
    delta_css: str = ""
    spark: str = ""


@dataclass(frozen=True, slots=True)
class RunShown:
    """A line of the table. ``charted``: its place in the charts; None: ``chart_link`` puts it there."""

    uid: str
    name: str
    url: str
    status: StatusShown
    started: SafeString
    duration: str
    user: str
    cells: tuple[Cell, ...]
    charted: ChartedRun | None
    chart_link: str
    base_link: str
    is_base: bool


@dataclass(frozen=True, slots=True)
class FilterTrouble:
    """Why a filter was refused. ``text`` and ``caret`` are two lines, the second pointing into the first."""

    message: str
    text: str
    caret: str

    @classmethod
    def of(cls, error: FilterError) -> Self:
        """Return the error with a caret under the place; wide characters take the room of two."""
        text = " ".join(error.text.splitlines()).replace("\t", " ")
        before = "".join("\u3000" if east_asian_width(char) in "WF" else " " for char in text[: error.column])
        return cls(str(error), text, f"{before}^")


def shown_runs(
    *,
    workspace: Workspace,
    rows: Iterable[RunRow],
    base: RunRow | None,
    columns: Sequence[Column],
    series: SeriesByRun,
    sparks: Mapping[tuple[str, str], str],
    charted: Sequence[ChartedRun],
    directions: Directions,
    query: QueryDict,
    now: datetime,
) -> list[RunShown]:
    """Return the lines of the table, the base run first. No query."""
    place = {run.uid: run for run in charted}
    ordered = [row for row in rows if base is None or row.uid != base.uid]
    return [
        RunShown(
            uid=row.uid,
            name=unnamed(row.name),
            url=f"{reverse('web:run_detail', args=[workspace.name, row.uid])}",
            status=status_shown(row.status),
            started=time_element(row.started_at, is_relative=True),
            duration=shown_duration(row, now=now),
            user=row.user_name,
            cells=tuple(_cells(row, base, columns, series, sparks, directions)),
            charted=place.get(row.uid),
            chart_link=link_with(query, runs=",".join([*place, row.uid])),
            base_link=link_with(query, base=None if row is base else row.uid),
            is_base=row is base,
        )
        for row in ([base, *ordered] if base else ordered)
    ]


def shown_duration(row: RunRow, *, now: datetime) -> str:
    """Return how long a run took, or has taken until now."""
    return format_duration(row.duration_s if row.status.is_final else (now - row.started_at).total_seconds())


def _cells(
    row: RunRow,
    base: RunRow | None,
    columns: Sequence[Column],
    series: SeriesByRun,
    sparks: Mapping[tuple[str, str], str],
    directions: Directions,
) -> Iterable[Cell]:
    metrics, texts = {found.key: found for found in series.get(row.pk, ())}, _texts(row)
    other = base if base is not None and row.uid != base.uid else None
    base_metrics = {found.key: found for found in series.get(other.pk, ())} if other else {}
    base_texts = _texts(other) if other else {}
    for column in columns:
        if column.kind is ColumnKind.METRIC:
            found = metrics.get(column.key)
            delta = delta_of(found, base_metrics.get(column.key), column, directions)
            yield metric_cell(found, column.statistic, delta=delta, spark=sparks.get((row.uid, column.key), ""))
        else:
            value = texts[column.kind].get(column.key)
            is_different = other is not None and value != base_texts[column.kind].get(column.key)
            yield text_cell(value, is_different=is_different)


def _texts(row: RunRow) -> dict[ColumnKind, dict[str, str]]:
    return {ColumnKind.PARAM: _by_key(row.params), ColumnKind.TAG: _by_key(row.tags)}


def value_of(row: SeriesRow, statistic: Statistic) -> float:
    """Return one of a metric's values; NaN where there is nothing else."""
    found = {
        Statistic.LAST: row.latest_value,
        Statistic.MIN: row.min_value,
        Statistic.MAX: row.max_value,
        Statistic.MEAN: row.mean_value,
    }[statistic]
    return math.nan if found is None else found


def delta_of(row: SeriesRow | None, base: SeriesRow | None, column: Column, directions: Directions) -> tuple[str, str]:
    """Return the difference from the base run with its sign, and a class: is it better? "" where none is."""
    if row is None or base is None:
        return "", ""
    difference = value_of(row, column.statistic) - value_of(base, column.statistic)
    if math.isnan(difference) or difference == 0:
        return "", ""
    direction = directions.of(column.key)
    is_better = None if direction is None else (difference < 0) is (direction is Direction.LESS)
    css = "delta" if is_better is None else "delta is-better" if is_better else "delta is-worse"
    size = format_number(float(f"{abs(difference):.3g}"))
    return f"{'▲' if difference > 0 else '▼'} {size}", css


def metric_cell(
    row: SeriesRow | None,
    statistic: Statistic = Statistic.LAST,
    *,
    delta: tuple[str, str] = ("", ""),
    spark: str = "",
) -> Cell:
    """Return one of a metric's values; the others are in its title."""
    if row is None:
        return Cell(NOTHING, "", "number cell-absent")
    title = gettext("Last {last} at step {step}. Lowest {low}, highest {high}.").format(
        last=format_number(row.latest_value),
        step=f"{row.latest_step:,}",
        low=format_number(value_of(row, Statistic.MIN)),
        high=format_number(value_of(row, Statistic.MAX)),
    )
    return Cell(format_number(value_of(row, statistic)), title, "number", *delta, spark)


def text_cell(value: str | None, *, is_different: bool = False) -> Cell:
    """Return a param's or a tag's text on one line."""
    css = " is-different" if is_different else ""
    if value is None:
        return Cell(NOTHING, "", f"cell-absent{css}")
    return Cell(shorten(value, length=MAX_CELL), value[:MAX_TITLE], f"cell-cut{css}")


def _by_key(pairs: Iterable[Pair]) -> dict[str, str]:
    return {pair.key: pair.value for pair in pairs}
