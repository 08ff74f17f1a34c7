"""Pages of experiments: browse by name, look at one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from tracking.core.clock import utc_now
from tracking.metrics.queries import series_by_run
from tracking.metrics.summaries import count_runs_by_metric
from tracking.runs.experiment_tree import list_branch, summaries_of
from tracking.runs.queries import count_experiments, experiment_row, find_runs, get_experiment, list_keys, run_rows
from tracking.runs.types import RunRow
from tracking.saved_views.queries import default_query, list_views
from tracking.stars.queries import starred_experiments
from tracking.web.base import credential_of, workspace_page
from tracking.web.charts import AMOUNTS, CHART_FIELDS, MAX_RUNS, chart_grid
from tracking.web.column_picker import chosen_choices, column_choices
from tracking.web.columns import (
    ColumnKind,
    asked_columns,
    chosen_widths,
    column_label,
    fixed_heads,
    heads,
    window_of,
)
from tracking.web.demo import holds_demo
from tracking.web.directions import Directions
from tracking.web.errors import refusing_bad_values
from tracking.web.experiment_head import experiment_head
from tracking.web.experiment_table import list_order, listed_page, parents_of, shown_experiments, starred_first
from tracking.web.formats import format_count
from tracking.web.fragments import render_page
from tracking.web.links import kept_fields, link_with, query_with
from tracking.web.run_table import SeriesByRun, shown_runs
from tracking.web.snippets import tracking_uri, training_snippets
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
LEAST_SPLIT, USUAL_SPLIT, MOST_SPLIT = 20, 50, 80


@require_safe
@workspace_page(need=Permission.READ)
@refusing_bad_values()
def experiment_list(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """List what lies in the folder ``?prefix=``, or all experiments whose name contains ``?q=``; htmx swaps the list.

    Those that the reader starred come first.

    ``sort`` is name or activity; ``page`` goes on behind the experiment that it names; ``sizes=all`` measures those
    with many runs too, and artifacts.
    """
    query = request.GET
    wanted, prefix = query.get("q", "").strip(), query.get("prefix", "")
    starred = starred_experiments(owner=credential_of(request).user, workspace=workspace)
    branch = starred_first(
        list_branch(workspace=workspace, prefix=prefix, name_contains=wanted, order=list_order(query)), starred
    )
    page = listed_page(branch, query.get("page", ""), limit=EXPERIMENTS_PER_PAGE)
    total = count_experiments(workspace=workspace)
    is_first = "page" not in query
    context = {
        "workspace": workspace,
        "folders": branch.folders if is_first else (),
        "parents": parents_of(prefix, query),
        "experiments": shown_experiments(
            workspace,
            summaries_of(experiment_ids=page.rows),
            starred=starred,
            is_all_measured=query.get("sizes") == "all",
        ),
        "has_files": query.get("sizes") == "all",
        "q": wanted,
        "prefix": prefix,
        "sort": list_order(query).value,
        "holds_demo": partial(holds_demo, request, workspace),  # not asked where htmx wants the list alone
        "found": format_count(branch.experiment_count),
        "total": format_count(total),
        "total_count": total,
        "is_part": bool(wanted or prefix),
        "next_link": link_with(query, page=page.next_token) if page.next_token else "",
        "first_link": "" if is_first else f"{request.path}{link_with(query, page=None)}",
        "name_link": link_with(query, sort=None, page=None),
        "activity_link": link_with(query, sort="activity", page=None),
        "measured_link": link_with(query, sizes="all"),
        "export_query": query_with(query, page=None),
        "snippets": training_snippets(uri=tracking_uri(workspace=workspace.name)),
    }
    fragments = {"experiments": "experiments/_experiments.html"}
    return render_page(request, "experiments/experiment_list.html", context, fragments=fragments)


@require_safe
@workspace_page(need=Permission.READ)
def experiment_detail(request: HttpRequest, workspace: Workspace, experiment_id: int) -> HttpResponse:
    """Show an experiment's runs as a table and their metrics as charts; the whole state is in the address.

    ``filter``, ``order_by``, ``columns``, ``from_column``, ``width``, ``differ=1``, ``spark=1``, ``base``, ``group``,
    ``page``, ``show=deleted`` make the table; ``runs`` (comma between ids) are the runs in the charts, else the first
    ``charted`` of the table, else the newest ten of the page; ``layout`` is table or charts where one of them is
    enough, ``split`` the table's percent of the width beside charts; ``keys`` searches the columns to choose from;
    ``view`` names the saved view that this began with. A bare address leads to the experiment's default view, if it
    has one.
    """
    experiment = get_experiment(workspace=workspace, experiment_id=str(experiment_id))
    query = request.GET
    if not query and (default := default_query(experiment=experiment)):
        return redirect(f"{request.path}?{default}")
    asked = Asked.of(workspace, experiment, query)
    found = Found.of(asked, token=query.get("page", ""), limit=RUNS_PER_PAGE)
    rows, charted = found.page.rows, _charted_rows(asked, query, found.page.rows)
    row = experiment_row(experiment)
    context = experiment_head(request, workspace, experiment, row)
    context |= {
        "total": found.total,
        "shown_total": format_count(found.total),
        "trouble": found.trouble,
        "filter": query.get("filter", ""),
        "show": query.get("show", ""),
        "keys": query.get("keys", ""),
        "chosen": query.get("runs", ""),
        "views": list_views(experiment=experiment, reader=credential_of(request).user),
        "view": query.get("view", ""),
        "view_query": query_with(query, page=None, view=None, keys=None),
        "snippets": training_snippets(uri=tracking_uri(workspace=workspace.name), experiment=experiment.name),
        "grid": chart_grid(
            request=request,
            workspace=workspace,
            runs=charted,
            metrics=sorted(count_runs_by_metric(run_ids=[run.pk for run in charted])),
            found=found.total,
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
    window = window_of(columns, query, row_count=len(rows))
    groups = group_keys(query)
    has_sparks = query.get("spark") == "1" and not groups
    keys = {kind: list_keys(experiment_ids=[experiment.pk], kind=KEY_KINDS[kind]) for kind in ColumnKind}
    chosen = asked_columns(query) or columns
    fixed = fixed_heads(columns, query)
    shown_heads = heads(window.columns, columns=columns, query=query, directions=directions)
    resizable = [fixed["run_name"], fixed["status"], *shown_heads, fixed["start_time"]]
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
        "fixed_heads": fixed,
        "heads": shown_heads,
        "widths": chosen_widths(query, [head.key for head in resizable]),
        "chosen_columns": chosen_choices(chosen),
        "column_choices": column_choices(keys=keys, chosen=chosen, sought=query.get("keys", "")),
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
        "export_query": query_with(query, **dict.fromkeys(("page", "keys", "runs", "split", "width", *CHART_FIELDS))),
        "filter_fields": kept_fields(query, "filter", "page", *CHART_FIELDS),
        "column_fields": kept_fields(query, "columns", "keys", "page", "from_column", *CHART_FIELDS),
        "is_first_page": "page" not in query,
        "layout": _layout(query),
        "split": _split(query),
        "both_link": link_with(query, layout=None),
        "table_link": link_with(query, layout="table"),
        "charts_link": link_with(query, layout="charts"),
    }


def _layout(query: QueryDict) -> str:
    """Return what the page shows: table, charts, or both."""
    asked = query.get("layout", "")
    return asked if asked in ("table", "charts") else "both"


def _split(query: QueryDict) -> int:
    """Return how many percent of the width the table has, beside charts."""
    asked = query.get("split", "")
    return max(LEAST_SPLIT, min(MOST_SPLIT, int(asked))) if re.fullmatch(r"\d{1,3}", asked, re.ASCII) else USUAL_SPLIT


def _charted_rows(asked: Asked, query: QueryDict, rows: list[RunRow]) -> list[RunRow]:
    """Return the runs that ``?runs=`` chooses, in that order, else the newest of the page, newest first.

    ``?charted=100`` takes the first hundred of the table instead, whatever the page.
    """
    uids = [uid for uid in query.get("runs", "").split(",") if uid]
    if uids:
        return run_rows(find_runs(workspace=asked.workspace, uids=uids[:MAX_RUNS]))
    most = query.get("charted", "")
    if rows and most in map(str, AMOUNTS[1:]):
        return asked.page(token="", limit=int(most)).rows
    return sorted(rows, key=lambda row: (row.started_at, row.uid), reverse=True)[:CHARTED_AT_FIRST]
