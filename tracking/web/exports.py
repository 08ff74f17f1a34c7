"""Tables as files: what is shown, or everything, row by row as it is read, so that size does not matter."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from tracking.core.clock import utc_now
from tracking.core.csv import csv_lines
from tracking.core.errors import InvalidParameterError
from tracking.core.pages import Page
from tracking.metrics.queries import series_by_run
from tracking.metrics.summaries import count_runs_by_metric
from tracking.metrics.types import SeriesRow
from tracking.runs.experiment_tree import list_experiment_ids, summaries_of
from tracking.runs.queries import get_experiment, list_keys
from tracking.runs.types import RunRow
from tracking.web.base import workspace_page
from tracking.web.columns import Column, ColumnKind
from tracking.web.experiment_table import best_by_experiment, files_by_experiment, measured_by_experiment
from tracking.web.run_table import value_of
from tracking.web.workbench import KEY_KINDS, Asked, chosen_columns
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace

Value = str | float | None
ROWS_A_READ = 200
FIXED = ("run_id", "run_name", "status", "start_time", "end_time", "duration_s", "user_id")


def json_lines(name: str, head: Sequence[str], rows: Iterable[Sequence[Value]]) -> Iterator[str]:
    """Yield a table as a JSON object with one list of objects; what a row lacks is left out."""
    yield f'{{"{name}": ['
    for number, row in enumerate(rows):
        found = {key: _jsonable(value) for key, value in zip(head, row, strict=True) if value is not None}
        yield ("\n" if number == 0 else ",\n") + msgspec.json.encode(found).decode()
    yield "\n]}\n"


def _jsonable(value: Value) -> Value:
    """Return NaN and infinities as the texts that MLflow has for them: JSON has no such numbers."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def file_answer(lines: Iterator[str], *, name: str, content_type: str) -> StreamingHttpResponse:
    """Answer lines as a file, a part at a time."""
    disposition = content_disposition_header(content_type.startswith("text/csv"), name) or "attachment"
    return StreamingHttpResponse(
        lines,
        content_type=content_type,
        headers={"Content-Disposition": disposition, "Cache-Control": "private, no-cache"},
    )


@require_safe
@workspace_page(need=Permission.READ)
def runs_csv(request: HttpRequest, workspace: Workspace, experiment_id: int) -> HttpResponseBase:
    """Answer all runs that match, with the columns of the page; with those of all runs where ``what`` is all."""
    head, rows = _runs(request, workspace, experiment_id)
    return file_answer(csv_lines(head, rows), name=f"runs-{experiment_id}.csv", content_type="text/csv; charset=utf-8")


@require_safe
@workspace_page(need=Permission.READ)
def runs_json(request: HttpRequest, workspace: Workspace, experiment_id: int) -> HttpResponseBase:
    """Answer the same as JSON."""
    head, rows = _runs(request, workspace, experiment_id)
    return file_answer(
        json_lines("runs", head, rows), name=f"runs-{experiment_id}.json", content_type="application/json"
    )


def _runs(
    request: HttpRequest, workspace: Workspace, experiment_id: int
) -> tuple[list[str], Iterator[Sequence[Value]]]:
    """Return the head and the rows, of which the first are read at once, so that a bad filter is refused in time."""
    experiment = get_experiment(workspace=workspace, experiment_id=str(experiment_id))
    query = request.GET
    asked = Asked.of(workspace, experiment, query)
    try:
        first = asked.page(token="", limit=ROWS_A_READ)
    except InvalidParameterError as error:
        raise BadRequest(str(error)) from None
    if query.get("what") == "all":
        columns = [
            Column(kind, key)
            for kind in ColumnKind
            for key in list_keys(experiment_ids=[experiment.pk], kind=KEY_KINDS[kind])
        ]
    else:
        columns = chosen_columns(query, first.rows, count_runs_by_metric(run_ids=[row.pk for row in first.rows]))
    return [*FIXED, *(column.text for column in columns)], _read(asked, first, columns)


def _read(asked: Asked, first: Page[RunRow], columns: Sequence[Column]) -> Iterator[Sequence[Value]]:
    metrics = [column.key for column in columns if column.is_number]
    page = first
    while True:
        series = series_by_run(run_ids=[row.pk for row in page.rows], keys=metrics)
        for row in page.rows:
            yield [*_fixed(row), *_cells(row, columns, series.get(row.pk, ()))]
        if page.next_token is None:
            return
        page = asked.page(token=page.next_token, limit=ROWS_A_READ)


def _fixed(row: RunRow) -> list[Value]:
    so_far = (utc_now() - row.started_at).total_seconds()
    return [
        row.uid,
        row.name,
        row.status.value,
        row.started_at.isoformat(timespec="milliseconds"),
        row.ended_at.isoformat(timespec="milliseconds") if row.ended_at else None,
        round(so_far if row.duration_s is None else row.duration_s, 3),
        row.user_name,
    ]


def _cells(row: RunRow, columns: Sequence[Column], series: Sequence[SeriesRow]) -> Iterator[Value]:
    metrics = {found.key: found for found in series}
    texts = {
        ColumnKind.PARAM: {pair.key: pair.value for pair in row.params},
        ColumnKind.TAG: {pair.key: pair.value for pair in row.tags},
    }
    for column in columns:
        if column.kind is ColumnKind.METRIC:
            found = metrics.get(column.key)
            yield None if found is None else value_of(found, column.statistic)
        else:
            yield texts[column.kind].get(column.key)


EXPERIMENT_HEAD = (
    *("experiment_id", "name", "runs", "running", "last_run", "last_update"),
    *("best_metric", "best_value", "points", "metric_bytes", "artifact_bytes"),
)


@require_safe
@workspace_page(need=Permission.READ)
def experiments_csv(request: HttpRequest, workspace: Workspace) -> HttpResponseBase:
    """Answer the experiments below ``?prefix=`` whose name contains ``?q=``.

    Points and bytes stand where they are counted quickly, as on the page; everywhere with ``sizes=all``, and those of
    artifacts, of which no more than ``MAX_FILES_MEASURED`` files an experiment are counted.
    """
    rows = _experiments(request, workspace)
    return file_answer(csv_lines(EXPERIMENT_HEAD, rows), name="experiments.csv", content_type="text/csv; charset=utf-8")


@require_safe
@workspace_page(need=Permission.READ)
def experiments_json(request: HttpRequest, workspace: Workspace) -> HttpResponseBase:
    """Answer the same as JSON."""
    rows = json_lines("experiments", EXPERIMENT_HEAD, _experiments(request, workspace))
    return file_answer(rows, name="experiments.json", content_type="application/json")


def _experiments(request: HttpRequest, workspace: Workspace) -> Iterator[Sequence[Value]]:
    query = request.GET
    ids = list_experiment_ids(
        workspace=workspace, prefix=query.get("prefix", ""), name_contains=query.get("q", "").strip()
    )
    for start in range(0, len(ids), ROWS_A_READ):
        summaries = summaries_of(experiment_ids=ids[start : start + ROWS_A_READ])
        best = best_by_experiment(summaries)
        is_all = query.get("sizes") == "all"
        measured = measured_by_experiment(summaries, is_all=is_all)
        files = files_by_experiment(workspace, summaries) if is_all else {}
        for one in summaries:
            found, held = best.get(one.row.pk), measured.get(one.row.pk)
            yield [
                str(one.row.pk),
                one.row.name,
                one.run_count,
                one.running_count,
                one.last_run_at.isoformat(timespec="milliseconds") if one.last_run_at else None,
                one.row.updated_at.isoformat(timespec="milliseconds"),
                found.metric if found else None,
                found.value if found else None,
                held.points if held else None,
                held.size_bytes if held else None,
                files[one.row.pk].size_bytes if files else None,
            ]
