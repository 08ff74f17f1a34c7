"""Pages of experiments: browse by name, look at one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.safestring import SafeString

from tracking.core.clock import utc_now
from tracking.core.errors import FilterError, InvalidParameterError
from tracking.core.pages import Page
from tracking.metrics.queries import series_by_run
from tracking.runs.queries import (
    count_experiments,
    count_runs,
    experiment_row,
    find_runs,
    get_experiment,
    list_experiment_summaries,
    list_keys,
    run_rows,
    search_runs,
)
from tracking.runs.types import NOTE_TAG, ExperimentSummary, KeyKind, Lifecycle, Pair, RunRow
from tracking.web.base import workspace_page
from tracking.web.charts import AMOUNTS, MAX_RUNS, chart_grid, metric_names
from tracking.web.errors import refusing_bad_values
from tracking.web.formats import format_count, shorten, spell_marks, time_element
from tracking.web.fragments import render_page
from tracking.web.run_table import (
    ColumnKind,
    FilterTrouble,
    asked_columns,
    column_choices,
    default_columns,
    fixed_heads,
    heads,
    link_with,
    shown_runs,
)
from tracking.web.snippets import tracking_uri, training_snippet
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.runs.models import Experiment
    from tracking.workspaces.models import Workspace

EXPERIMENTS_PER_PAGE = 50
RUNS_PER_PAGE = 50
CHARTED_AT_FIRST = 10
MAX_TAGS_SHOWN = 3
MAX_NOTE = 120
MAX_TAG = 48


@dataclass(frozen=True, slots=True)
class ExperimentShown:
    """A line of the list of experiments."""

    pk: int
    name: str
    run_count: str
    running_count: int
    last_activity: SafeString
    note: str
    tags: tuple[str, ...]


@workspace_page(need=Permission.READ)
@refusing_bad_values()
def experiment_list(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """List the experiments whose name contains ``?q=``, a page at a time from ``?page=``; htmx swaps the list alone."""
    wanted = request.GET.get("q", "").strip()
    page = list_experiment_summaries(
        workspace=workspace,
        name_contains=wanted,
        page_token=request.GET.get("page", ""),
        limit=EXPERIMENTS_PER_PAGE,
    )
    total = count_experiments(workspace=workspace)
    context = {
        "workspace": workspace,
        "experiments": [_shown(summary) for summary in page.rows],
        "q": wanted,
        "found": format_count(count_experiments(workspace=workspace, name_contains=wanted) if wanted else total),
        "total": format_count(total),
        "next_token": page.next_token,
        "is_first_page": "page" not in request.GET,
        "snippet": training_snippet(uri=tracking_uri(workspace=workspace.name)),
    }
    fragments = {"experiments": "experiments/_experiments.html"}
    return render_page(request, "experiments/experiment_list.html", context, fragments=fragments)


def _shown(summary: ExperimentSummary) -> ExperimentShown:
    row = summary.row
    own_tags = [tag for tag in row.tags if not tag.key.startswith("mlflow.")]
    return ExperimentShown(
        pk=row.pk,
        name=spell_marks(row.name),
        run_count=format_count(summary.run_count),
        running_count=summary.running_count,
        last_activity=time_element(max(row.updated_at, summary.last_run_at or row.updated_at), is_relative=True),
        note=spell_marks(shorten(next((tag.value for tag in row.tags if tag.key == NOTE_TAG), ""), length=MAX_NOTE)),
        tags=tuple(_tag_shown(tag) for tag in own_tags[:MAX_TAGS_SHOWN]),
    )


def _tag_shown(tag: Pair) -> str:
    return spell_marks(shorten(f"{tag.key}: {tag.value}", length=MAX_TAG))


@workspace_page(need=Permission.READ)
def experiment_detail(request: HttpRequest, workspace: Workspace, experiment_id: int) -> HttpResponse:
    """Show an experiment's runs as a table and their metrics as charts; the whole state is in the address.

    ``filter``, ``order_by``, ``columns``, ``page``, ``show=deleted`` make the table; ``runs`` (comma between ids) are
    the runs in the charts, else the newest ten of the page; ``keys`` searches the columns to choose from.
    """
    experiment = get_experiment(workspace=workspace, experiment_id=str(experiment_id))
    query = request.GET
    page, total, trouble = _search(workspace, experiment, query)
    charted = _charted_rows(workspace, experiment, query, page.rows)
    series = series_by_run(run_ids=list({row.pk for row in (*page.rows, *charted)}))
    columns = asked_columns(query) or default_columns(page.rows, series)
    grid = chart_grid(
        request=request,
        workspace=workspace,
        runs=charted,
        metrics=metric_names({row.pk: series.get(row.pk, []) for row in charted}),
        found=total,
    )
    keys = {
        ColumnKind.PARAM: list_keys(experiment_ids=[experiment.pk], kind=KeyKind.PARAM),
        ColumnKind.METRIC: list_keys(experiment_ids=[experiment.pk], kind=KeyKind.METRIC),
        ColumnKind.TAG: list_keys(experiment_ids=[experiment.pk], kind=KeyKind.TAG),
    }
    column_texts = [column.text for column in columns]
    row = experiment_row(experiment)
    context = {
        "workspace": workspace,
        "experiment": replace(row, name=spell_marks(row.name)),
        "created": time_element(row.created_at),
        "note": next((tag.value for tag in row.tags if tag.key == NOTE_TAG), ""),
        "tags": [_tag_shown(tag) for tag in row.tags if not tag.key.startswith("mlflow.")],
        "runs": shown_runs(
            workspace=workspace,
            rows=page.rows,
            columns=columns,
            series=series,
            charted=grid.runs,
            query=query,
            now=utc_now(),
        ),
        "total": total,
        "shown_total": format_count(total),
        "fixed_heads": fixed_heads(columns, query),
        "heads": heads(columns, query),
        "column_choices": column_choices(keys=keys, chosen=columns, sought=query.get("keys", "")),
        "filter": query.get("filter", ""),
        "trouble": trouble,
        "order_by": query.getlist("order_by"),
        "columns": query.getlist("columns"),
        "keys": query.get("keys", ""),
        "chosen": query.get("runs", ""),
        "show": query.get("show", ""),
        "next_link": link_with(query, page=page.next_token, columns=column_texts) if page.next_token else "",
        "first_link": link_with(query, page=None) if "page" in query else "",
        "newest_link": link_with(query, runs=None),
        "unfiltered_link": link_with(query, filter=None, page=None),
        "deleted_link": link_with(query, show="deleted", page=None, runs=None),
        "active_link": link_with(query, show=None, page=None, runs=None),
        "grid": grid,
        "snippet": training_snippet(uri=tracking_uri(workspace=workspace.name), experiment=experiment.name),
    }
    fragments = {"columns-choices": "experiments/_columns.html"}
    return render_page(request, "experiments/experiment_detail.html", context, fragments=fragments)


def _search(
    workspace: Workspace, experiment: Experiment, query: QueryDict
) -> tuple[Page[RunRow], int, FilterTrouble | None]:
    """Return a page of runs and the number of all, or nothing and why the filter or the order was refused."""
    filter_text = query.get("filter", "").strip()
    is_deleted = experiment.deleted_at is not None or query.get("show") == "deleted"
    lifecycle = Lifecycle.DELETED if is_deleted else Lifecycle.ACTIVE
    ids = [str(experiment.pk)]
    try:
        page = search_runs(
            workspace=workspace,
            experiment_ids=ids,
            filter_text=filter_text,
            order_by=[text for text in query.getlist("order_by") if text],
            lifecycle=lifecycle,
            page_token=query.get("page", ""),
            max_results=RUNS_PER_PAGE,
        )
        total = count_runs(workspace=workspace, experiment_ids=ids, filter_text=filter_text, lifecycle=lifecycle)
    except FilterError as error:
        return Page([], None), 0, FilterTrouble.of(error)
    except InvalidParameterError as error:
        raise BadRequest(str(error)) from None
    return page, total, None


def _charted_rows(workspace: Workspace, experiment: Experiment, query: QueryDict, rows: list[RunRow]) -> list[RunRow]:
    """Return the runs that ``?runs=`` chooses, in that order, else the newest of the page, newest first.

    ``?charted=`` asks for so many of those that the filter finds, at most ``MAX_CHARTED``.
    """
    uids = [uid for uid in query.get("runs", "").split(",") if uid]
    if uids:
        return run_rows(find_runs(workspace=workspace, uids=uids[:MAX_RUNS]))
    asked = query.get("charted", "")
    most = int(asked) if asked in map(str, AMOUNTS) else CHARTED_AT_FIRST
    if rows and most > CHARTED_AT_FIRST:
        rows = search_runs(
            workspace=workspace,
            experiment_ids=[str(experiment.pk)],
            filter_text=query.get("filter", "").strip(),
            order_by=[],
            lifecycle=Lifecycle.DELETED if rows[0].is_deleted else Lifecycle.ACTIVE,
            page_token="",
            max_results=most,
        ).rows
    return sorted(rows, key=lambda row: (row.started_at, row.uid), reverse=True)[:most]
