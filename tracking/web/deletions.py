"""Deleting: the plan, which is shown before anything happens, and the page of a deletion until its report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tracking.cleanup import queries, services
from tracking.cleanup.settings import keeping
from tracking.cleanup.types import (
    LOCK,
    MAX_RUNS_NAMED,
    NAMED_KINDS,
    RUNNING_RUN,
    TRASHABLE,
    DeletionRow,
    Kind,
    Mode,
    Plan,
    State,
    Target,
)
from tracking.core.clock import utc_now
from tracking.core.errors import (
    ConflictError,
    InvalidParameterError,
    InvalidStateError,
    NotFoundError,
    PermissionDeniedError,
)
from tracking.runs.queries import find_runs, get_experiment
from tracking.runs.tables import list_uids
from tracking.web.account import ROLE_WORDS
from tracking.web.base import credential_of, group_page, workspace_page
from tracking.web.errors import refusing_bad_values
from tracking.web.formats import format_bytes, format_count, format_duration, spell_marks, time_element, unnamed
from tracking.web.fragments import render_page
from tracking.web.links import path_or
from tracking.web.workbench import Asked
from tracking.workspaces import access
from tracking.workspaces.types import Permission, Role

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    from tracking.cleanup.models import Deletion
    from tracking.identity.queries import Credential
    from tracking.workspaces.models import ResourceGroup, Workspace

COUNT_WORDS: Mapping[str, _StrPromise] = {
    "groups": gettext_lazy("Resource groups"),
    "workspaces": gettext_lazy("Workspaces"),
    "experiments": gettext_lazy("Experiments"),
    "runs": gettext_lazy("Runs"),
    "models": gettext_lazy("Logged models"),
    "registered_models": gettext_lazy("Registered models"),
    "model_versions": gettext_lazy("Model versions"),
    "artifacts": gettext_lazy("Files"),
    "metrics": gettext_lazy("Metrics"),
    "points": gettext_lazy("Points"),
    "params": gettext_lazy("Params"),
    "tags": gettext_lazy("Tags"),
    "datasets": gettext_lazy("Datasets used"),
    "roles": gettext_lazy("Roles"),
    "datastores": gettext_lazy("Datastores"),
    "file_pages": gettext_lazy("Free pages of the database file"),
}
STATE_WORDS: Mapping[State, _StrPromise] = {
    State.ACCEPTED: gettext_lazy("Waiting"),
    State.RUNNING: gettext_lazy("Deleting"),
    State.PAUSED: gettext_lazy("Paused"),
    State.FAILED: gettext_lazy("Failed"),
    State.DONE: gettext_lazy("Done"),
    State.CANCELLED: gettext_lazy("Cancelled"),
}
STATE_CSS = {
    State.ACCEPTED: "killed",
    State.RUNNING: "running",
    State.PAUSED: "killed",
    State.FAILED: "failed",
    State.DONE: "finished",
    State.CANCELLED: "killed",
}
# What progress is measured by: the things whose removal takes the time.
HEAVY = ("workspaces", "experiments", "runs", "models", "artifacts")
STEERING: Mapping[str, Callable[..., None]] = {
    "pause": services.pause,
    "resume": services.resume,
    "retry": services.retry,
    "cancel": services.cancel,
    "start_now": services.start_now,
}


@dataclass(frozen=True, slots=True)
class CountShown:
    """A line of a plan or of a progress."""

    label: str | Promise
    total: str
    done: str


@dataclass(frozen=True, slots=True)
class DeletionShown:
    """A deletion for a page. ``percent``: of the things that take time; ``is_live``: it moves, so look again."""

    uid: str
    title: str
    state: str | Promise
    css: str
    asked_by: str
    asked: SafeString
    due: SafeString
    started: SafeString
    ended: SafeString
    duration: str
    percent: int
    counts: tuple[CountShown, ...]
    freed: str
    given_back: str
    error: str
    is_live: bool
    is_in_trash: bool
    is_trashed: bool
    steps: tuple[str, ...]
    results: tuple[ResultShown, ...]


@dataclass(frozen=True, slots=True)
class ResultShown:
    """What became of an experiment or a workspace."""

    name: str
    runs: str
    size: str


# ---- the plan ------------------------------------------------------------------------------------------------------


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@workspace_page(need=Permission.READ)
@refusing_bad_values()
def delete_plan(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """Show what a deletion in a workspace would do; POST with ``go`` asks for it.

    ``kind`` and what it needs: nothing (the workspace), ``experiment``, ``runs`` (ids, commas between them or one a
    field), ``experiment`` and ``filter``, ``run`` and ``key`` or ``path``. The workbench sends ``experiment`` and
    ``runs``, or ``all`` and ``query``, the address whose runs are meant.
    """
    given = request.GET.copy()
    given.update(request.POST)
    target = _target(workspace, given)
    about = {"workspace": workspace}
    return _plan_page(request, "deletions/delete_plan.html", target, about, title=_named(workspace, target))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@group_page(need=Permission.READ)
@refusing_bad_values()
def group_delete_plan(request: HttpRequest, group: ResourceGroup) -> HttpResponse:
    """Show what the deletion of a resource group would do; POST with ``go`` asks for it."""
    target = Target(Kind.GROUP, group=group.name)
    return _plan_page(request, "deletions/group_delete_plan.html", target, {"group": group})


def _plan_page(
    request: HttpRequest, page: str, target: Target, about: Mapping[str, object], *, title: str = ""
) -> HttpResponse:
    trouble, status = "", 200
    if "go" in request.POST:
        try:
            return _asked(request, _ask(request, target))
        except (ConflictError, InvalidParameterError) as error:
            trouble, status = str(error), 409 if isinstance(error, ConflictError) else 400
    plan = queries.plan_deletion(credential=credential_of(request), target=target)
    kept = keeping()
    days = kept.groups if target.kind is Kind.GROUP else kept.workspaces if target.kind in NAMED_KINDS else kept.runs
    has_trash = (
        target.kind in TRASHABLE and (days is not None or target.kind not in NAMED_KINDS) and not plan.is_in_trash
    )
    context = {
        **about,
        "title": title or title_of(target.as_json()),
        "fields": _fields(target) | _way_back(request),
        "counts": counts_shown(plan.counts, plan.counts),
        "artifact_size": format_bytes(plan.artifact_bytes),
        "metric_size": format_bytes(plan.metric_bytes),
        "is_exact": plan.is_exact,
        "locks": [block for block in plan.blocks if block.kind == LOCK],
        "running": [spell_marks(block.name) for block in plan.blocks if block.kind == RUNNING_RUN],
        "people": [(one.username, ROLE_WORDS[Role(one.role)], one.where) for one in plan.people],
        "confirm": plan.needs_confirmation,
        "has_trash": has_trash,
        "trash_days": days.days if days else None,
        "is_nothing": _is_nothing(plan),
        "trouble": trouble,
    }
    return render(request, page, context, status=status)


def _named(workspace: Workspace, target: Target) -> str:
    """Return a title with the name of the one experiment or run that is meant; "" for all else, which is no name."""
    if target.kind is Kind.EXPERIMENT:
        experiment = get_experiment(workspace=workspace, experiment_id=target.experiment_id)
        return gettext("Experiment “%(name)s”") % {"name": spell_marks(experiment.name)}
    if target.kind is Kind.RUN and len(target.run_ids) == 1:
        names = [unnamed(run.name) for run in find_runs(workspace=workspace, uids=target.run_ids)]
        return gettext("Run “%(name)s”") % {"name": names[0]} if names else ""
    return ""


def _asked(request: HttpRequest, deletion: Deletion) -> HttpResponse:
    """Lead to the deletion; whoever came from a table of runs gets back to it once they are in the trash."""
    if "next" not in request.POST or deletion.mode != Mode.TRASH:
        return redirect("web:deletion_detail", deletion.uid)
    count = deletion.done.get("runs", 0)
    text = ngettext(
        "%(count)s run was deleted. It can be restored.", "%(count)s runs were deleted. They can be restored.", count
    )
    messages.success(request, text % {"count": format_count(count)})
    return redirect(path_or(request.POST["next"], "web:deletion_detail", deletion.uid))


def _way_back(request: HttpRequest) -> dict[str, str]:
    return {"next": request.POST["next"]} if request.POST.get("next") else {}


def _ask(request: HttpRequest, target: Target) -> Deletion:
    mode = request.POST.get("mode", Mode.PURGE)
    if mode not in (Mode.TRASH, Mode.PURGE):
        raise InvalidParameterError(f"mode: {mode[:40]!r} is neither trash nor purge")
    return services.delete(
        credential=credential_of(request),
        target=target,
        mode=Mode(mode),
        confirm=request.POST.get("confirm", ""),
        even_running="even_running" in request.POST,
        keeping=keeping(),
        now=utc_now(),
    )


def _target(workspace: Workspace, given: QueryDict) -> Target:
    """Read what is meant.

    :raises InvalidParameterError: if nothing can be meant.
    """
    name = workspace.name
    experiment, run = given.get("experiment", ""), given.get("run", "")
    if given.get("key") or given.get("path"):
        kind = Kind.METRIC if given.get("key") else Kind.ARTIFACT
        return Target(kind, workspace=name, run_id=run, key=given.get("key", ""), path=given.get("path", ""))
    runs = tuple(uid for text in given.getlist("runs") for uid in text.split(",") if uid)
    if given.get("all") == "1" and experiment:
        return _matching(workspace, experiment, QueryDict(given.get("query", "")))
    if runs or run:
        return Target(Kind.RUN, workspace=name, run_ids=tuple(dict.fromkeys(runs or (run,))))
    if given.get("kind") == Kind.RUNS and experiment:
        return Target(Kind.RUNS, workspace=name, experiment_ids=(experiment,), filter=given.get("filter", ""))
    if given.get("do"):
        raise InvalidParameterError(gettext("No run was chosen. Go back and choose some."))
    if experiment:
        return Target(Kind.EXPERIMENT, workspace=name, experiment_id=experiment)
    return Target(Kind.WORKSPACE, workspace=name)


def _matching(workspace: Workspace, experiment_id: str, query: QueryDict) -> Target:
    """Return the runs that an address of the workbench shows: by its filter, in the trash by their ids."""
    asked = Asked.of(workspace, get_experiment(workspace=workspace, experiment_id=experiment_id), query)
    if query.get("show") == "deleted" or asked.experiment.deleted_at is not None:
        uids = tuple(list_uids(runs=asked.matching(), limit=MAX_RUNS_NAMED))
        return Target(Kind.RUN, workspace=workspace.name, run_ids=uids)
    return Target(Kind.RUNS, workspace=workspace.name, experiment_ids=(experiment_id,), filter=asked.filter_text)


def _fields(target: Target) -> dict[str, str]:
    """Return the form's hidden fields, which ``_target`` reads again."""
    experiments = target.experiment_ids[0] if target.experiment_ids else target.experiment_id
    fields = {
        "kind": str(target.kind),
        "experiment": experiments,
        "runs": ",".join(target.run_ids),
        "filter": target.filter,
        "run": target.run_id,
        "key": target.key,
        "path": target.path,
    }
    return {name: value for name, value in fields.items() if value}


def _is_nothing(plan: Plan) -> bool:
    return plan.target.kind not in (*NAMED_KINDS, Kind.EXPERIMENT) and not plan.counts.total()


def title_of(target: Mapping[str, object], name: str = "") -> str:
    """Return what a deletion is about, in words. ``name``: what the experiment or run was called, or ""."""
    kind = Kind(str(target["kind"]))
    run_ids = target.get("run_ids")
    count = len(run_ids) if isinstance(run_ids, list) else 0
    words = {
        Kind.GROUP: gettext("Resource group %(group)s"),
        Kind.WORKSPACE: gettext("Workspace %(workspace)s"),
        Kind.EXPERIMENT: gettext("Experiment %(experiment_id)s in %(workspace)s"),
        Kind.RUN: ngettext("%(count)s chosen run in %(workspace)s", "%(count)s chosen runs in %(workspace)s", count),
        Kind.RUNS: gettext("All runs in %(workspace)s that match: %(filter)s"),
        Kind.METRIC: gettext("Metric %(key)s of run %(run_id)s"),
        Kind.ARTIFACT: gettext("Files %(path)s of run %(run_id)s"),
        Kind.ORPHANS: gettext("Orphans in the artifact store"),
    }
    if name:
        words |= {
            Kind.EXPERIMENT: gettext("Experiment “%(name)s” in %(workspace)s"),
            Kind.RUN: gettext("Run “%(name)s” in %(workspace)s"),
            Kind.METRIC: gettext("Metric %(key)s of run “%(name)s”"),
            Kind.ARTIFACT: gettext("Files %(path)s of run “%(name)s”"),
        }
    values = {field: spell_marks(str(value)) for field, value in target.items()}
    values |= {"count": format_count(count), "name": spell_marks(name)}
    if kind is Kind.RUNS and not target.get("filter"):
        values["filter"] = gettext("everything")
    return words[kind] % values


# ---- a deletion ----------------------------------------------------------------------------------------------------


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def deletion_detail(request: HttpRequest, uid: str) -> HttpResponse:
    """Show how far a deletion is, live, and in the end its report. POST steers it: pause, resume, retry, cancel."""
    credential = credential_of(request)
    try:
        if request.method == "POST":
            deletion = queries.get_deletion(credential=credential, uid=uid, need=Permission.MANAGE)
            return _steer(request, deletion)
        deletion = queries.get_deletion(credential=credential, uid=uid)
    except NotFoundError as error:
        raise Http404(str(error)) from None
    except PermissionDeniedError as error:
        raise PermissionDenied(str(error)) from None
    context = {
        "deletion": deletion_shown(
            queries.deletion_row(deletion), may_steer=queries.may_steer(credential=credential, deletion=deletion)
        ),
        "trash": _trash_of(credential, deletion),
    }
    fragments = {"progress": "deletions/_progress.html"}
    return render_page(request, "deletions/deletion_detail.html", context, fragments=fragments)


def _trash_of(credential: Credential, deletion: Deletion) -> str:
    """Return the workspace whose trash a deletion has to do with; "" if there is none for the reader."""
    if Kind(deletion.kind) not in TRASHABLE or Kind(deletion.kind) in NAMED_KINDS:
        return ""
    try:
        name = deletion.target["workspace"]
        return access.require(credential=credential, workspace=name, need=Permission.READ).name
    except NotFoundError:
        return ""


def _steer(request: HttpRequest, deletion: Deletion) -> HttpResponse:
    steer = STEERING.get(request.POST.get("do", ""))
    if steer is None:
        raise BadRequest(f"do: it is one of {', '.join(STEERING)}")
    try:
        steer(deletion=deletion, by=credential_of(request).user, now=utc_now())
    except (ConflictError, InvalidStateError) as error:
        messages.error(request, str(error))
    return redirect("web:deletion_detail", deletion.uid)


def deletion_shown(row: DeletionRow, *, may_steer: bool) -> DeletionShown:
    """Return a deletion as pages show it. No query."""
    ended = row.ended_at or utc_now()
    return DeletionShown(
        uid=row.uid,
        title=title_of(row.target, row.target_name),
        state=gettext("In the trash") if row.is_in_trash else STATE_WORDS[row.state],
        css=STATE_CSS[row.state],
        asked_by=row.asked_by or gettext("the timetable"),
        asked=time_element(row.asked_at),
        due=time_element(row.due_at),
        started=time_element(row.started_at),
        ended=time_element(row.ended_at),
        duration=format_duration((ended - row.started_at).total_seconds() if row.started_at else None),
        percent=_percent(row),
        counts=counts_shown(row.total, row.done),
        freed=format_bytes(row.bytes_freed),
        given_back=format_bytes(row.done["file_bytes"]) if row.done["file_bytes"] else "",
        error=row.error,
        is_live=row.state in (State.ACCEPTED, State.RUNNING) and not row.is_in_trash,
        is_in_trash=row.is_in_trash,
        is_trashed=row.mode is Mode.TRASH and row.state is State.DONE and row.kind not in NAMED_KINDS,
        steps=_steps(row) if may_steer else (),
        results=_results(row),
    )


def counts_shown(total: Mapping[str, int], done: Mapping[str, int]) -> tuple[CountShown, ...]:
    """Return the lines of a plan or a progress, in one order, without those that count nothing."""
    return tuple(
        CountShown(label, format_count(total.get(name, 0)), format_count(done.get(name, 0)))
        for name, label in COUNT_WORDS.items()
        if total.get(name, 0) or done.get(name, 0)
    )


def _percent(row: DeletionRow) -> int:
    if row.state is State.DONE:
        return 100
    total = sum(row.total[name] for name in HEAVY) or row.total["points"]
    done = sum(row.done[name] for name in HEAVY) or row.done["points"]
    return min(99, 100 * done // total) if total else 0


def _steps(row: DeletionRow) -> tuple[str, ...]:
    if row.is_in_trash:
        return ("cancel", "start_now")
    return {
        State.ACCEPTED: ("pause",),
        State.RUNNING: ("pause",),
        State.PAUSED: ("resume", "cancel"),
        State.FAILED: ("retry", "cancel"),
    }.get(row.state, ())


def _results(row: DeletionRow) -> tuple[ResultShown, ...]:
    found = (row.report or {}).get("results")
    return tuple(
        ResultShown(
            name=spell_marks(str(one["name"])),
            runs=format_count(one["counts"].get("runs", 0)),
            size=format_bytes(one["counts"].get("artifact_bytes", 0) + one["counts"].get("metric_bytes", 0)),
        )
        for one in (found if isinstance(found, list) else ())
    )
