"""Pages of experiments: browse by name, look at one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.safestring import SafeString

from tracking.core.clock import utc_now
from tracking.metrics.queries import series_by_run
from tracking.metrics.summaries import count_runs_by_metric
from tracking.runs.queries import (
    count_experiments,
    experiment_row,
    find_runs,
    get_experiment,
    list_experiment_summaries,
    list_keys,
    run_rows,
)
from tracking.runs.types import NOTE_TAG, ExperimentRow, ExperimentSummary, Pair, RunRow
from tracking.saved_views.queries import default_query, list_views
from tracking.web.base import credential_of, may, workspace_page
from tracking.web.charts import MAX_RUNS, chart_grid
from tracking.web.columns import ColumnKind, asked_columns, column_choices, column_label, fixed_heads, heads, window_of
from tracking.web.directions import TAG_PREFIX, Directions
from tracking.web.errors import refusing_bad_values
from tracking.web.formats import format_count, shorten, spell_marks, time_element
from tracking.web.fragments import render_page
from tracking.web.links import kept_fields, link_with, query_with
from tracking.web.markup import render_markdown
from tracking.web.run_table import SeriesByRun, shown_runs
from tracking.web.snippets import tracking_uri, training_snippet
from tracking.web.workbench import (
    KEY_KINDS,
    Asked,
    Found,
    base_row,
    chosen_columns,
    differing_columns,
    group_keys,
    shown_groups,
    sparklines,
)
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
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
    own_tags = _own_tags(row)
    return ExperimentShown(
        pk=row.pk,
        name=spell_marks(row.name),
        run_count=format_count(summary.run_count),
        running_count=summary.running_count,
        last_activity=time_element(max(row.updated_at, summary.last_run_at or row.updated_at), is_relative=True),
        note=spell_marks(shorten(next((tag.value for tag in row.tags if tag.key == NOTE_TAG), ""), length=MAX_NOTE)),
        tags=tuple(_tag_shown(tag) for tag in own_tags[:MAX_TAGS_SHOWN]),
    )


def _own_tags(row: ExperimentRow) -> list[Pair]:
    return [tag for tag in row.tags if not tag.key.startswith(("mlflow.", TAG_PREFIX))]


def _tag_shown(tag: Pair) -> str:
    return spell_marks(shorten(f"{tag.key}: {tag.value}", length=MAX_TAG))


# What charts_grid.js keeps up to date in forms; templates/experiments/_state.html holds these itself.
CHART_FIELDS = ("x", "smooth", "logy")


@workspace_page(need=Permission.READ)
def experiment_detail(request: HttpRequest, workspace: Workspace, experiment_id: int) -> HttpResponse:
    """Show an experiment's runs as a table and their metrics as charts; the whole state is in the address.

    ``filter``, ``order_by``, ``columns``, ``from_column``, ``differ=1``, ``spark=1``, ``base``, ``group``, ``page``,
    ``show=deleted`` make the table; ``runs`` (comma between ids) are the runs in the charts, else the newest ten of the
    page; ``keys`` searches the columns to choose from; ``view`` names the saved view that this began with. A bare
    address leads to the experiment's default view, if it has one.
    """
    experiment = get_experiment(workspace=workspace, experiment_id=str(experiment_id))
    query = request.GET
    if not query and (default := default_query(experiment=experiment)):
        return redirect(f"{request.path}?{default}")
    asked = Asked.of(workspace, experiment, query)
    found = Found.of(asked, token=query.get("page", ""), limit=RUNS_PER_PAGE)
    rows, charted = found.page.rows, _charted_rows(workspace, query, found.page.rows)
    row = experiment_row(experiment)
    context = {
        "workspace": workspace,
        "experiment": replace(row, name=spell_marks(row.name)),
        "created": time_element(row.created_at),
        "note": render_markdown(next((tag.value for tag in row.tags if tag.key == NOTE_TAG), "")),
        "tags": [_tag_shown(tag) for tag in _own_tags(row)],
        "total": found.total,
        "shown_total": format_count(found.total),
        "trouble": found.trouble,
        "filter": query.get("filter", ""),
        "show": query.get("show", ""),
        "keys": query.get("keys", ""),
        "chosen": query.get("runs", ""),
        "may_write": may(request, workspace, Permission.WRITE),
        "views": list_views(experiment=experiment, reader=credential_of(request).user),
        "view": query.get("view", ""),
        "view_query": query_with(query, page=None, view=None, keys=None),
        "snippet": training_snippet(uri=tracking_uri(workspace=workspace.name), experiment=experiment.name),
        "grid": chart_grid(
            request=request,
            workspace=workspace,
            runs=charted,
            metrics=sorted(count_runs_by_metric(run_ids=[run.pk for run in charted])),
        ),
    }
    context |= _links(query, next_token=found.page.next_token)
    context |= _table(request, asked, rows, charted, Directions.from_tags(row.tags))
    fragments = {"columns-choices": "experiments/_columns.html", "runs-part": "experiments/_part.html"}
    return render_page(request, "experiments/experiment_detail.html", context, fragments=fragments)


def _table(
    request: HttpRequest, asked: Asked, rows: Sequence[RunRow], charted: Sequence[RunRow], directions: Directions
) -> dict[str, object]:
    """Return the table of runs, or of groups of runs, and the columns to choose from."""
    query, workspace, experiment = request.GET, asked.workspace, asked.experiment
    base = base_row(workspace, query)
    columns = chosen_columns(query, rows, count_runs_by_metric(run_ids=[row.pk for row in rows]))
    of_base = [base] if base else []
    metrics = [column.key for column in columns if column.is_number]
    series: SeriesByRun = series_by_run(run_ids=list({row.pk for row in (*rows, *of_base)}), keys=metrics)
    if query.get("differ") == "1":
        columns = differing_columns(columns, [*rows, *of_base], series)
    window = window_of(columns, query)
    groups = group_keys(query)
    has_sparks = query.get("spark") == "1" and not groups
    keys = {kind: list_keys(experiment_ids=[experiment.pk], kind=KEY_KINDS[kind]) for kind in ColumnKind}
    return {
        "runs": shown_runs(
            workspace=workspace,
            rows=rows,
            base=base,
            columns=window.columns,
            series=series,
            sparks=sparklines(workspace, rows, window.columns, series) if has_sparks else {},
            charted=chart_grid(request=request, workspace=workspace, runs=charted, metrics=()).runs,
            directions=directions,
            query=query,
            now=utc_now(),
        ),
        "groups": shown_groups(asked, keys=groups, columns=window.columns, query=query) if groups else [],
        "group_heads": [text.partition(".")[2] for text, _ in groups],
        "group_metrics": [column_label(column) for column in window.columns if column.is_number],
        "window": window,
        "fixed_heads": fixed_heads(columns, query),
        "heads": heads(window.columns, columns=columns, query=query, directions=directions),
        "column_choices": column_choices(
            keys=keys, chosen=asked_columns(query) or columns, sought=query.get("keys", "")
        ),
    }


def _links(query: QueryDict, *, next_token: str | None) -> dict[str, object]:
    """Return where the page's links lead and what its forms keep."""
    return {
        "next_link": link_with(query, page=next_token) if next_token else "",
        "first_link": link_with(query, page=None) if "page" in query else "",
        "newest_link": link_with(query, runs=None),
        "unfiltered_link": link_with(query, filter=None, page=None),
        "deleted_link": link_with(query, show="deleted", page=None, runs=None),
        "active_link": link_with(query, show=None, page=None, runs=None),
        "differ_link": link_with(query, differ=None if query.get("differ") == "1" else "1"),
        "is_differ": query.get("differ") == "1",
        "spark_link": link_with(query, spark=None if query.get("spark") == "1" else "1"),
        "is_spark": query.get("spark") == "1",
        "ungrouped_link": link_with(query, group=None),
        "unsorted_link": link_with(query, order_by=None) if len(query.getlist("order_by")) > 1 else "",
        "unbased_link": link_with(query, base=None) if query.get("base") else "",
        "export_query": query_with(query, page=None, keys=None, runs=None, **dict.fromkeys(CHART_FIELDS)),
        "filter_fields": kept_fields(query, "filter", "page", *CHART_FIELDS),
        "column_fields": kept_fields(query, "columns", "keys", "page", "from_column", *CHART_FIELDS),
        "is_first_page": "page" not in query,
    }


def _charted_rows(workspace: Workspace, query: QueryDict, rows: list[RunRow]) -> list[RunRow]:
    """Return the runs that ``?runs=`` chooses, in that order, else the newest of the page, newest first."""
    uids = [uid for uid in query.get("runs", "").split(",") if uid]
    if uids:
        return run_rows(find_runs(workspace=workspace, uids=uids[:MAX_RUNS]))
    return sorted(rows, key=lambda row: (row.started_at, row.uid), reverse=True)[:CHARTED_AT_FIRST]
