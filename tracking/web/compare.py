"""The page that lays runs side by side: their curves first, then params and metrics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from tracking.charts.direction import best_of
from tracking.core.clock import utc_now
from tracking.metrics.queries import series_by_run
from tracking.runs.experiment_tree import experiment_tags
from tracking.runs.finding import find_runs_by_text
from tracking.runs.queries import find_runs, run_rows
from tracking.runs.types import Pair, RunRow
from tracking.web.base import workspace_page
from tracking.web.charts import ChartedRun, chart_grid, charted_runs, metric_names
from tracking.web.columns import Column, ColumnKind, Statistic, statistic_words
from tracking.web.compare_files import compare_file, list_common_files
from tracking.web.directions import Directions
from tracking.web.errors import refusing_bad_values
from tracking.web.formats import StatusShown, spell_marks, status_shown, time_element, unnamed
from tracking.web.links import kept_fields, link_with, query_with
from tracking.web.list_files import Cell as FileCell
from tracking.web.list_files import list_file
from tracking.web.run_table import Cell, SeriesByRun, delta_of, metric_cell, shown_duration, text_cell, value_of
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace

MAX_COMPARED = 100  # columns that a table can bear
# A table is cut here; the search box finds the rest.
MAX_CELLS = 6_000
MAX_CANDIDATES = 20


@dataclass(frozen=True, slots=True)
class RunCompared:
    """A column of the comparison. ``without_link``: the comparison without this run."""

    charted: ChartedRun
    status: StatusShown
    started: SafeString
    duration: str
    experiment_url: str
    without_link: str
    base_link: str
    is_base: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run that may join; ``link``: the comparison with it."""

    name: str
    experiment: str
    uid: str
    link: str


@dataclass(frozen=True, slots=True)
class Line:
    """A param, tag or metric in all runs compared."""

    key: str
    cells: tuple[Cell, ...]
    is_different: bool


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines that are shown; ``left``: how many more there are; ``turned``: the same with runs as lines."""

    shown: tuple[Line, ...]
    left: int
    turned: tuple[tuple[RunCompared, tuple[Cell, ...]], ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """Which of the lines are asked for."""

    runs: Sequence[RunCompared]
    is_diff: bool
    sought: str

    def cut(self, lines: Sequence[Line]) -> Lines:
        """Return the lines that were asked for, as many as a page can bear."""
        wanted = [
            line
            for line in lines
            if (line.is_different or not self.is_diff) and self.sought.lower() in line.key.lower()
        ]
        most = max(20, MAX_CELLS // max(1, len(self.runs)))
        shown = tuple(wanted[:most])
        cells = zip(*(line.cells for line in shown), strict=True) if shown else ()
        return Lines(shown, max(0, len(wanted) - most), tuple(zip(self.runs, cells, strict=False)))


@require_safe
@workspace_page(need=Permission.READ)
@refusing_bad_values()
def compare(request: HttpRequest, workspace: Workspace) -> HttpResponseBase:
    """Lay the runs of ``?runs=a,b,c`` side by side; ``only=diff`` leaves out what they agree on, ``keys`` searches.

    ``base`` is the run that the others are measured against, ``stat`` which of a metric's values is compared,
    ``turn=1`` makes lines of runs, ``file`` is an artifact to compare, ``add`` a text that a further run has in its
    name or at the beginning of its id: the only one joins at once, of several one chooses. A form that sends ``runs``
    once for each run is sent on to this address. As a file, ``?format=csv`` or ``json``: a line a param, tag and
    metric, a column a run.
    """
    query = request.GET
    given = query.getlist("runs")
    uids = list(dict.fromkeys(uid for text in given for uid in text.split(",") if uid))
    candidates = _candidates(workspace, query, uids)
    if len(candidates) == 1:
        return redirect(f"{request.path}{candidates[0].link}")
    if len(given) > 1:
        return redirect(f"{request.path}{link_with(query, runs=','.join(uids))}")
    runs = find_runs(workspace=workspace, uids=uids[:MAX_COMPARED])
    rows = run_rows(runs)
    for run in runs:
        run.workspace = workspace  # what their files ask for
    series = series_by_run(run_ids=[row.pk for row in rows])
    statistic = _statistic(query)
    head = ("kind", "key", *(row.uid for row in rows))
    if file := list_file(request, name="comparison", head=head, rows=_file_rows(rows, series, statistic)):
        return file
    known = {row.uid for row in rows}
    base = next((place for place, row in enumerate(rows) if row.uid == query.get("base")), None)
    shown = _runs(workspace, rows, query, base=base)
    parts = Parts(runs=shown, is_diff=query.get("only") == "diff", sought=query.get("keys", "").strip())
    charted = charted_runs(workspace=workspace, runs=rows)
    directions = Directions.from_tags(experiment_tags(experiment_ids=list({row.experiment_id for row in rows})))
    context = {
        "workspace": workspace,
        "runs": shown,
        "params": parts.cut(_text_lines([row.params for row in rows], base=base)),
        "metrics": parts.cut(_metric_lines(rows, series, statistic, directions, base=base)),
        "tags": parts.cut(_text_lines([_own_tags(row) for row in rows], base=base)),
        "unknown": [uid[:40] for uid in uids[:MAX_COMPARED] if uid not in known],
        "candidates": candidates,
        "add": query.get("add", "").strip(),
        "add_fields": kept_fields(query, "add"),
        "no_add_link": link_with(query, add=None),
        "left_out": max(0, len(uids) - MAX_COMPARED),
        "most": MAX_COMPARED,
        "is_diff": parts.is_diff,
        "keys": parts.sought,
        "has_base": base is not None,
        "no_base_link": link_with(query, base=None),
        "is_turned": query.get("turn") == "1",
        "turn_link": link_with(query, turn=None if query.get("turn") == "1" else "1"),
        "statistics": [
            (word, link_with(query, stat=one.value), one is statistic) for one, word in statistic_words().items()
        ],
        "fields": kept_fields(query, "add", "keys", "x", "smooth", "logy"),
        "file_fields": kept_fields(query, "add", "file", "x", "smooth", "logy"),
        "list_query": query_with(query, format=None),
        "all_link": link_with(query, only=None),
        "diff_link": link_with(query, only="diff"),
        "grid": chart_grid(request=request, workspace=workspace, runs=rows, metrics=metric_names(series)),
        "file": query.get("file", ""),
        "file_names": list_common_files(runs),
        "files": compare_file(workspace=workspace, runs=runs, charted=charted, path=query["file"])
        if query.get("file")
        else [],
    }
    return render(request, "compare/compare.html", context)


def _candidates(workspace: Workspace, query: QueryDict, uids: Sequence[str]) -> list[Candidate]:
    """Return runs to add that fit ``?add=``, the newest first. One query, none without it."""
    text = query.get("add", "").strip()
    found = find_runs_by_text(workspaces=[workspace], text=text, limit=MAX_CANDIDATES + len(uids)) if text else []
    return [
        Candidate(
            name=unnamed(one.name),
            experiment=spell_marks(one.experiment),
            uid=one.uid,
            link=link_with(query, add=None, runs=",".join([*uids, one.uid])),
        )
        for one in found
        if one.uid not in uids
    ][:MAX_CANDIDATES]


def _statistic(query: QueryDict) -> Statistic:
    text = query.get("stat", "")
    return Statistic(text) if text in list(Statistic) else Statistic.LAST


def _runs(workspace: Workspace, rows: Sequence[RunRow], query: QueryDict, *, base: int | None) -> list[RunCompared]:
    now = utc_now()
    return [
        RunCompared(
            charted=charted,
            status=status_shown(row.status),
            started=time_element(row.started_at),
            duration=shown_duration(row, now=now),
            experiment_url=reverse("web:experiment_detail", args=[workspace.name, row.experiment_id]),
            without_link=link_with(query, runs=",".join(other.uid for other in rows if other.uid != row.uid)),
            base_link=link_with(query, base=None if place == base else row.uid),
            is_base=place == base,
        )
        for place, (row, charted) in enumerate(zip(rows, charted_runs(workspace=workspace, runs=rows), strict=True))
    ]


def _file_rows(rows: Sequence[RunRow], series: SeriesByRun, statistic: Statistic) -> Iterator[list[FileCell]]:
    yield ["attribute", "run_name", *(row.name for row in rows)]
    for kind, pairs_by_run in (("param", [row.params for row in rows]), ("tag", [_own_tags(row) for row in rows])):
        texts = [{pair.key: pair.value for pair in pairs} for pairs in pairs_by_run]
        for key in sorted({key for mine in texts for key in mine}):
            yield [kind, key, *(mine.get(key) for mine in texts)]
    values = [{one.key: value_of(one, statistic) for one in series.get(row.pk, ())} for row in rows]
    for key in sorted({key for mine in values for key in mine}):
        yield ["metric", key, *(mine.get(key) for mine in values)]


def _own_tags(row: RunRow) -> list[Pair]:
    return [tag for tag in row.tags if not tag.key.startswith(("mlflow.", "mlportal."))]


def _text_lines(pairs_by_run: Sequence[Sequence[Pair]], *, base: int | None) -> list[Line]:
    values = [{pair.key: pair.value for pair in pairs} for pairs in pairs_by_run]
    lines = []
    for key in sorted({key for mine in values for key in mine}):
        texts = [mine.get(key) for mine in values]
        is_different = len(set(texts)) > 1
        cells = tuple(
            text_cell(text, is_different=is_different if base is None else text != texts[base]) for text in texts
        )
        lines.append(Line(key, cells, is_different=is_different))
    return lines


def _metric_lines(
    rows: Sequence[RunRow], series: SeriesByRun, statistic: Statistic, directions: Directions, *, base: int | None
) -> list[Line]:
    by_run = [{found.key: found for found in series.get(row.pk, ())} for row in rows]
    lines = []
    for key in sorted({key for mine in by_run for key in mine}):
        found = [mine.get(key) for mine in by_run]
        values = [math.nan if one is None else value_of(one, statistic) for one in found]
        best = best_of(directions.of(key), values)
        column = Column(ColumnKind.METRIC, key, statistic)
        measured = None if base is None else found[base]
        cells = []
        for place, (one, value) in enumerate(zip(found, values, strict=True)):
            delta = delta_of(one, measured, column, directions) if place != base else ("", "")
            cell = metric_cell(one, statistic, delta=delta)
            cells.append(replace(cell, css=f"{cell.css} is-best") if one is not None and value == best else cell)
        lines.append(Line(key, tuple(cells), is_different=len({cell.text for cell in cells}) > 1))
    return lines
