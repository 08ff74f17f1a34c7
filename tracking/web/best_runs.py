"""The best runs of an experiment: for each of its main metrics the first few, and the params in which they differ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.http import QueryDict
from django.urls import reverse
from django.utils.safestring import SafeString

from tracking.charts.direction import Direction
from tracking.metrics.queries import series_by_run
from tracking.metrics.summaries import count_runs_by_metric
from tracking.metrics.types import SeriesRow
from tracking.runs.queries import run_rows
from tracking.runs.types import RunRow
from tracking.web.columns import Column, ColumnKind, differing_params
from tracking.web.directions import Directions
from tracking.web.experiment_table import main_metrics
from tracking.web.formats import StatusShown, status_shown, time_element, unnamed
from tracking.web.links import link_with
from tracking.web.run_table import Cell, metric_cell, text_cell
from tracking.web.workbench import Asked, quoted

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace

NEWEST = 50  # runs whose metrics are looked at
MAX_METRICS = 4
MAX_PARAMS = 4
MAX_LINKED = 200  # characters of a value that a link can say


@dataclass(frozen=True, slots=True)
class ParamCell:
    """A param of one of the best runs; ``link`` shows all runs that have this value, "" where no filter can say so."""

    cell: Cell
    link: str


@dataclass(frozen=True, slots=True)
class BestRun:
    """A line of a board."""

    name: str
    url: str
    status: StatusShown
    value: Cell
    params: tuple[ParamCell, ...]
    started: SafeString


@dataclass(frozen=True, slots=True)
class Board:
    """The best runs by one metric, the best first; where nobody knows which are, the highest.

    ``direction``: less, more or "". ``is_said``: somebody gave it, rather than the metric's name. ``params``: the heads
    of what the runs differ in; ``params_left``: how many more there are.
    """

    metric: str
    direction: str
    is_said: bool
    params: tuple[str, ...]
    params_left: int
    runs: tuple[BestRun, ...]
    table_link: str
    compare_link: str
    alone_link: str


@dataclass(frozen=True, slots=True)
class Best:
    """A run with the metric that it is among the best by."""

    row: RunRow
    series: SeriesRow


def usual_metrics(asked: Asked, directions: Directions) -> list[str]:
    """Return the metrics with a direction that many of the newest runs have, those that say most first.

    Many: half as many as the most usual of them. Two queries more than the search.
    """
    counts = count_runs_by_metric(run_ids=[run.pk for run in asked.heads(limit=NEWEST)])
    known = main_metrics(counts, directions)
    least = max((counts[name] for name in known), default=0) / 2
    return [name for name in known if counts[name] >= least][:MAX_METRICS]


def best_by_metric(
    asked: Asked, metrics: Sequence[str], directions: Directions, *, limit: int
) -> dict[str, list[Best]]:
    """Return the runs with the best last values, best first; NaN is none. A search for each metric, and six queries."""
    heads = {metric: asked.heads(order_by=_order(metric, directions), limit=limit) for metric in metrics}
    runs = {head.pk: head for found in heads.values() for head in found}
    rows = {row.pk: row for row in run_rows(list(runs.values()))}
    series = series_by_run(run_ids=list(runs), keys=metrics)
    values = {(pk, one.key): one for pk, found in series.items() for one in found if not math.isnan(one.latest_value)}
    return {
        metric: [Best(rows[run.pk], values[run.pk, metric]) for run in found if (run.pk, metric) in values]
        for metric, found in heads.items()
    }


def shown_boards(
    workspace: Workspace, experiment_id: int, best: Mapping[str, Sequence[Best]], directions: Directions
) -> list[Board]:
    """Return the boards, a metric each. No query."""
    table = reverse("web:experiment_detail", args=[workspace.name, experiment_id])
    return [_board(workspace, table, metric, found, directions) for metric, found in best.items()]


def board_rows(best: Mapping[str, Sequence[Best]], directions: Directions) -> Iterator[list[str | float | None]]:
    """Yield the boards as lines of a file."""
    for metric, found in best.items():
        direction = directions.of(metric)
        better = direction.value if direction else None
        for place, one in enumerate(found, start=1):
            row = one.row
            yield [metric, better, place, row.uid, row.name, row.status.value, one.series.latest_value]


def _board(workspace: Workspace, table: str, metric: str, found: Sequence[Best], directions: Directions) -> Board:
    rows = [one.row for one in found]
    differing = differing_params(rows)
    params = differing[:MAX_PARAMS]
    direction = directions.of(metric)
    column = Column(ColumnKind.METRIC, metric)
    columns = [column.text, *(Column(ColumnKind.PARAM, key).text for key in params)]
    nothing = QueryDict()
    compare = reverse("web:compare", args=[workspace.name])
    return Board(
        metric=metric,
        direction=direction.value if direction else "",
        is_said=metric in directions.stored,
        params=tuple(params),
        params_left=len(differing) - len(params),
        runs=tuple(_run(workspace, table, one, params) for one in found),
        table_link=f"{table}{link_with(nothing, order_by=_order(metric, directions), columns=columns)}",
        compare_link=f"{compare}{link_with(nothing, runs=','.join(row.uid for row in rows))}",
        alone_link=link_with(nothing, metric=metric),
    )


def _order(metric: str, directions: Directions) -> str:
    way = "ASC" if directions.of(metric) is Direction.LESS else "DESC"
    return f"{Column(ColumnKind.METRIC, metric).order_key} {way}"


def _run(workspace: Workspace, table: str, one: Best, params: Sequence[str]) -> BestRun:
    values = {param.key: param.value for param in one.row.params}
    return BestRun(
        name=unnamed(one.row.name),
        url=reverse("web:run_detail", args=[workspace.name, one.row.uid]),
        status=status_shown(one.row.status),
        value=metric_cell(one.series),
        params=tuple(ParamCell(text_cell(values.get(key)), _value_link(table, key, values.get(key))) for key in params),
        started=time_element(one.row.started_at, is_relative=True),
    )


def _value_link(table: str, key: str, value: str | None) -> str:
    if value is None or len(value) > MAX_LINKED or {"'", '"'} <= set(value):
        return ""
    return f"{table}{link_with(QueryDict(), filter=f'params.`{key}` = {quoted(value)}')}"
