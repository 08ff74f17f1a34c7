"""The page that lays runs side by side: their curves first, then params and metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString

from tracking.charts.direction import best_of
from tracking.core.clock import utc_now
from tracking.metrics.queries import series_by_run
from tracking.runs.queries import find_runs, run_rows
from tracking.runs.types import Pair, RunRow
from tracking.web.base import workspace_page
from tracking.web.charts import MAX_RUNS, ChartedRun, chart_grid, charted_runs, metric_names
from tracking.web.formats import StatusShown, status_shown, time_element
from tracking.web.links import link_with
from tracking.web.run_table import Cell, SeriesByRun, metric_cell, shown_duration, text_cell
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace

# A table is cut here; the search box finds the rest.
MAX_CELLS = 6_000


@dataclass(frozen=True, slots=True)
class RunCompared:
    """A column of the comparison. ``without_link``: the comparison without this run."""

    charted: ChartedRun
    status: StatusShown
    started: SafeString
    duration: str
    experiment_url: str
    without_link: str


@dataclass(frozen=True, slots=True)
class Line:
    """A param, tag or metric in all runs compared."""

    key: str
    cells: tuple[Cell, ...]
    is_different: bool


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines that are shown; ``left``: how many more there are."""

    shown: tuple[Line, ...]
    left: int


@workspace_page(need=Permission.READ)
def compare(request: HttpRequest, workspace: Workspace) -> HttpResponseBase:
    """Lay the runs of ``?runs=a,b,c`` side by side; ``only=diff`` leaves out what they agree on, ``keys`` searches.

    A form that sends ``runs`` once for each run is sent on to this address.
    """
    query = request.GET
    given = query.getlist("runs")
    uids = list(dict.fromkeys(uid for text in given for uid in text.split(",") if uid))
    if len(given) > 1:
        return redirect(f"{request.path}{link_with(query, runs=','.join(uids))}")
    rows = run_rows(find_runs(workspace=workspace, uids=uids[:MAX_RUNS]))
    series = series_by_run(run_ids=[row.pk for row in rows])
    known = {row.uid for row in rows}
    is_diff, sought = query.get("only") == "diff", query.get("keys", "").strip()
    context = {
        "workspace": workspace,
        "runs": _runs(workspace, rows, query),
        "params": _cut(_text_lines([row.params for row in rows]), is_diff=is_diff, sought=sought, columns=len(rows)),
        "metrics": _cut(_metric_lines(rows, series), is_diff=is_diff, sought=sought, columns=len(rows)),
        "tags": _cut(_text_lines([_own_tags(row) for row in rows]), is_diff=is_diff, sought=sought, columns=len(rows)),
        "unknown": [uid[:40] for uid in uids[:MAX_RUNS] if uid not in known],
        "left_out": max(0, len(uids) - MAX_RUNS),
        "most": MAX_RUNS,
        "is_diff": is_diff,
        "keys": sought,
        "uids": ",".join(uids),
        "all_link": link_with(query, only=None),
        "diff_link": link_with(query, only="diff"),
        "grid": chart_grid(request=request, workspace=workspace, runs=rows, metrics=metric_names(series)),
    }
    return render(request, "compare/compare.html", context)


def _runs(workspace: Workspace, rows: Sequence[RunRow], query: QueryDict) -> list[RunCompared]:
    now = utc_now()
    return [
        RunCompared(
            charted=charted,
            status=status_shown(row.status),
            started=time_element(row.started_at, is_relative=True),
            duration=shown_duration(row, now=now),
            experiment_url=reverse("web:experiment_detail", args=[workspace.name, row.experiment_id]),
            without_link=link_with(query, runs=",".join(other.uid for other in rows if other.uid != row.uid)),
        )
        for row, charted in zip(rows, charted_runs(workspace=workspace, runs=rows), strict=True)
    ]


def _own_tags(row: RunRow) -> list[Pair]:
    return [tag for tag in row.tags if not tag.key.startswith("mlflow.")]


def _text_lines(pairs_by_run: Sequence[Sequence[Pair]]) -> list[Line]:
    values = [{pair.key: pair.value for pair in pairs} for pairs in pairs_by_run]
    lines = []
    for key in sorted({key for mine in values for key in mine}):
        texts = [mine.get(key) for mine in values]
        lines.append(Line(key, tuple(text_cell(text) for text in texts), is_different=len(set(texts)) > 1))
    return lines


def _metric_lines(rows: Sequence[RunRow], series: SeriesByRun) -> list[Line]:
    by_run = [{found.key: found for found in series.get(row.pk, ())} for row in rows]
    lines = []
    for key in sorted({key for mine in by_run for key in mine}):
        found = [mine.get(key) for mine in by_run]
        best = best_of(key, (one.latest_value for one in found if one is not None))
        cells = tuple(
            replace(cell, css=f"{cell.css} is-best") if one is not None and one.latest_value == best else cell
            for one, cell in ((one, metric_cell(one)) for one in found)
        )
        lines.append(Line(key, cells, is_different=len({cell.text for cell in cells}) > 1))
    return lines


def _cut(lines: Sequence[Line], *, is_diff: bool, sought: str, columns: int) -> Lines:
    """Return the lines that were asked for, as many as a page can bear."""
    wanted = [line for line in lines if (line.is_different or not is_diff) and sought.lower() in line.key.lower()]
    most = max(20, MAX_CELLS // max(1, columns))
    return Lines(tuple(wanted[:most]), max(0, len(wanted) - most))
