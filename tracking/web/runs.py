"""The page of one run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from django.http import HttpRequest, HttpResponseBase
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from tracking.core.clock import utc_now
from tracking.metrics.extremes import extremes_of
from tracking.metrics.queries import series_by_run
from tracking.metrics.types import SeriesRow
from tracking.runs.experiment_tree import experiment_tags
from tracking.runs.queries import find_runs, get_experiment, get_run, run_row
from tracking.runs.run_tree import Descendant, list_descendants
from tracking.runs.types import NOTE_TAG, PARENT_RUN_TAG, DatasetLogged, Pair, RunRow
from tracking.stars.types import Kind
from tracking.web.artifacts import page_context
from tracking.web.base import may, workspace_page
from tracking.web.charts import chart_grid
from tracking.web.directions import Directions
from tracking.web.formats import (
    StatusShown,
    format_count,
    format_duration,
    shorten,
    spell_marks,
    status_shown,
    time_element,
    unnamed,
)
from tracking.web.fragments import render_page
from tracking.web.git_links import commit_link
from tracking.web.lineage import run_lineage
from tracking.web.list_files import list_file
from tracking.web.logged_images import list_image_series
from tracking.web.markup import render_markdown
from tracking.web.run_metrics import FILE_HEAD, file_rows, is_system, list_figures, metric_shown
from tracking.web.stars import star_button
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.runs.models import Run
    from tracking.workspaces.models import Workspace

SYSTEM_TAG_PREFIX = "mlflow."
SOURCE_TAG = "mlflow.source.name"
COMMIT_TAG = "mlflow.source.git.commit"
BRANCH_TAG = "mlflow.source.git.branch"
REPOSITORY_TAG = "mlflow.source.git.repoURL"
LOGGED_IMAGES_TAG = "mlflow.loggedImages"
LOGGED_ARTIFACTS_TAG = "mlflow.loggedArtifacts"
MAX_METRICS = 200
SHORT_COMMIT = 10
_NESTED = re.compile(r"[^./]+[./](?=.)")
MAX_CHILDREN = 200
MAX_SOURCE = 200
MAX_LONG_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Tab:
    """A part of the page with an address of its own; ``count`` "" for none."""

    slug: str
    label: str
    count: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class RunHead:
    """What stands above every tab."""

    uid: str
    name: str
    experiment_id: int
    experiment_name: str
    status: StatusShown
    is_running: bool
    is_deleted: bool
    user_name: str
    started: SafeString
    ended: SafeString
    duration: str
    source: str
    commit: str
    short_commit: str
    commit_url: str
    branch: str


@dataclass(frozen=True, slots=True)
class ParamShown:
    """A param; ``prefix`` and ``name`` are its key."""

    prefix: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class ParamGroup:
    """Params whose keys begin alike, ``model.depth`` and ``model.width``; ``name`` "" for those that are alone."""

    name: str
    params: tuple[ParamShown, ...]


@dataclass(frozen=True, slots=True)
class DatasetShown:
    """A dataset that the run used."""

    name: str
    digest: str
    context: str
    source_type: str
    source: str
    schema: str


@dataclass(frozen=True, slots=True)
class ChildShown:
    """A run that was started inside this one; ``depth`` 2: inside one of those."""

    depth: int
    uid: str
    name: str
    status: StatusShown
    started: SafeString
    duration: str


@require_safe
@workspace_page(need=Permission.READ)
def run_detail(request: HttpRequest, workspace: Workspace, uid: str) -> HttpResponseBase:
    """Show one run; ``?tab=`` is overview (the default), charts, system, images, tags or artifacts.

    ``metric`` searches the table of metrics. As a file, ``?format=csv`` or ``json``: its params, tags and metrics.
    """
    run = get_run(workspace=workspace, uid=uid)
    row = run_row(run)
    series = series_by_run(run_ids=[run.pk]).get(run.pk, [])
    if file := list_file(request, name="run", head=FILE_HEAD, rows=file_rows(run, row, series)):
        return file
    asked = request.GET.get("tab", "")
    tabs = _tabs(asked, row, series)
    opened = next(tab.slug for tab in tabs if tab.is_open)
    context: dict[str, object] = {
        "workspace": workspace,
        "run": _head(workspace, row),
        "star": star_button(request, workspace, Kind.RUN, run.pk, ident=run.uid, name=unnamed(row.name)),
        "parent": _parent(workspace, row),
        "tabs": tabs,
        "tab_template": f"runs/_{opened}.html",
        "current_name": row.name,
        "own_tags": _own_tags(row),
        "note_source": next((tag.value for tag in row.tags if tag.key == NOTE_TAG), ""),
        "may_restore": row.is_deleted and not run.deletion_uid and may(request, workspace, Permission.WRITE),
        "may_write": not row.is_deleted and may(request, workspace, Permission.WRITE),
    }
    if opened == "overview":
        context |= _overview(request.GET.get("metric", "").strip(), workspace, run, row, series)
    elif opened in ("charts", "system"):
        metrics = [found.key for found in series if opened == "charts" or is_system(found)]
        context["grid"] = chart_grid(request=request, workspace=workspace, runs=[row], metrics=metrics)
    elif opened == "images":
        context["image_series"] = list_image_series(workspace=workspace, run=run)
    elif opened == "tags":
        context["system_tags"] = _system_tags(row)
    else:
        context |= page_context(workspace, run, directory="", after=None)
    return render_page(request, "runs/run_detail.html", context, fragments={"run-metrics": "runs/_live.html"})


def _tabs(asked: str, row: RunRow, series: Sequence[SeriesRow]) -> list[Tab]:
    system = sum(is_system(found) for found in series)
    labels = [("overview", gettext("Overview"), 0), ("charts", gettext("Charts"), len(series))]
    if system:
        labels.append(("system", gettext("System metrics"), system))
    if any(tag.key == LOGGED_IMAGES_TAG for tag in row.tags):
        labels.append(("images", gettext("Images"), 0))
    labels += [("tags", gettext("Tags"), len(row.tags)), ("artifacts", gettext("Artifacts"), 0)]
    opened = asked if asked in [slug for slug, _, _ in labels] else "overview"
    return [Tab(slug, label, format_count(count) if count else "", slug == opened) for slug, label, count in labels]


def _head(workspace: Workspace, row: RunRow) -> RunHead:
    tags = {tag.key: tag.value for tag in row.tags}
    experiment = get_experiment(workspace=workspace, experiment_id=str(row.experiment_id))
    commit = tags.get(COMMIT_TAG, "")
    so_far = None if row.status.is_final else (utc_now() - row.started_at).total_seconds()
    return RunHead(
        uid=row.uid,
        name=unnamed(row.name),
        experiment_id=row.experiment_id,
        experiment_name=spell_marks(experiment.name),
        status=status_shown(row.status),
        is_running=not row.status.is_final,
        is_deleted=row.is_deleted,
        user_name=row.user_name,
        started=time_element(row.started_at),
        ended=time_element(row.ended_at),
        duration=format_duration(row.duration_s if row.duration_s is not None else so_far),
        source=shorten(tags.get(SOURCE_TAG, ""), length=MAX_SOURCE),
        commit=commit,
        short_commit=commit[:SHORT_COMMIT],
        commit_url=commit_link(tags.get(REPOSITORY_TAG, ""), commit),
        branch=tags.get(BRANCH_TAG, ""),
    )


def _parent(workspace: Workspace, row: RunRow) -> tuple[str, str] | None:
    """Return the id and the name of the run that this one was started in; None if the workspace has no such run."""
    uid = next((tag.value for tag in row.tags if tag.key == PARENT_RUN_TAG), "")
    found = find_runs(workspace=workspace, uids=[uid]) if uid else []
    return (found[0].uid, unnamed(found[0].name)) if found else None


def _overview(
    sought: str, workspace: Workspace, run: Run, row: RunRow, series: Sequence[SeriesRow]
) -> dict[str, object]:
    tags = {tag.key: tag.value for tag in row.tags}
    children = list_descendants(run=run, limit=MAX_CHILDREN + 1)
    own = [found for found in series if not is_system(found)]
    fitting = [found for found in own if sought.lower() in found.key.lower()]
    shown = fitting[:MAX_METRICS]
    extremes = extremes_of(run=run, series=shown)
    directions = Directions.from_tags(experiment_tags(experiment_ids=[row.experiment_id]))
    return {
        "note": render_markdown(tags.get(NOTE_TAG, "")) if tags.get(NOTE_TAG, "").strip() else "",
        "figures": list_figures(run, own, directions, extremes),
        "params": row.params,
        "param_groups": _param_groups(row.params),
        "metrics": [metric_shown(found, extremes.get(found.key)) for found in shown],
        "metric_count": format_count(len(own)),
        "metrics_left": len(fitting) - len(shown),
        "metric": sought,
        "datasets": [_dataset_shown(dataset) for dataset in row.datasets],
        "lineage": run_lineage(workspace=workspace, run=run, row=row),
        "tables": _logged_tables(tags.get(LOGGED_ARTIFACTS_TAG, "")),
        "children": [_child_shown(child) for child in children[:MAX_CHILDREN]],
        "has_more_children": len(children) > MAX_CHILDREN,
    }


def _param_groups(params: Sequence[Pair]) -> list[ParamGroup]:
    """Return params by what stands before the first dot or slash of their keys; first those that share it with none."""
    heads = {param.key: _NESTED.match(param.key) for param in params}
    prefixes = {key: found[0] if found else "" for key, found in heads.items()}
    sizes = Counter(prefixes.values())
    groups: dict[str, list[ParamShown]] = {"": []}
    for param in params:
        prefix = prefixes[param.key] if sizes[prefixes[param.key]] > 1 else ""
        shown = ParamShown(prefix, param.key.removeprefix(prefix), param.value)
        groups.setdefault(prefix, []).append(shown)
    return [ParamGroup(prefix[:-1], tuple(members)) for prefix, members in groups.items() if members]


def _logged_tables(text: str) -> list[str]:
    """Return the paths of the tables that ``mlflow.log_table`` wrote, as its tag has them."""
    try:
        found = msgspec.json.decode(text, type=list[dict[str, str]]) if text else []
    except msgspec.DecodeError:
        return []
    return [one["path"] for one in found if one.get("type") == "table" and one.get("path")]


def _own_tags(row: RunRow) -> list[Pair]:
    return [tag for tag in row.tags if not tag.key.startswith(SYSTEM_TAG_PREFIX)]


def _system_tags(row: RunRow) -> list[Pair]:
    return [Pair(tag.key, tag.value[:MAX_LONG_TEXT]) for tag in row.tags if tag.key.startswith(SYSTEM_TAG_PREFIX)]


def _dataset_shown(dataset: DatasetLogged) -> DatasetShown:
    return DatasetShown(
        name=dataset.name,
        digest=dataset.digest,
        context=dataset.context,
        source_type=dataset.source_type,
        source=shorten(dataset.source, length=MAX_SOURCE),
        schema=dataset.schema[:MAX_LONG_TEXT],
    )


def _child_shown(child: Descendant) -> ChildShown:
    row = child.row
    return ChildShown(
        depth=child.depth,
        uid=row.uid,
        name=unnamed(row.name),
        status=status_shown(row.status),
        started=time_element(row.started_at, is_relative=True),
        duration=format_duration(row.duration_s),
    )
