"""What is done with many runs of an experiment's table at once: those chosen, or all that match the filter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from tracking.core.clock import utc_now
from tracking.runs.bulk import restore_runs, tag_runs
from tracking.runs.queries import get_experiment
from tracking.runs.tables import list_uids, runs_by_uid
from tracking.runs.types import Pair
from tracking.web.base import credential_of, may, workspace_page
from tracking.web.compare import MAX_COMPARED
from tracking.web.errors import refusing_bad_values
from tracking.web.formats import format_count
from tracking.web.links import path_or
from tracking.web.workbench import Asked, quoted
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from tracking.runs.models import Experiment, Run
    from tracking.workspaces.models import Workspace

MAX_EXPORTED = 1_000  # runs by id, in an address


@require_POST
@workspace_page(need=Permission.READ)
@refusing_bad_values()
def change_runs(request: HttpRequest, workspace: Workspace, experiment_id: int) -> HttpResponse:
    """Do ``do`` (compare, export, tag, restore) with the runs ``runs``, or all that match where ``all`` is 1.

    ``query`` is the address they match: its filter and its order. Leads to the comparison, to the file, or back.
    Deleting goes through its plan (``web:delete_plan``), which takes the same form.
    """
    experiment = get_experiment(workspace=workspace, experiment_id=str(experiment_id))
    form = request.POST
    asked = Asked.of(workspace, experiment, _query(form.get("query", "")))
    runs = asked.matching() if form.get("all") == "1" else runs_by_uid(experiment=experiment, uids=form.getlist("runs"))
    match form.get("do", ""):
        case "compare":
            uids = ",".join(list_uids(runs=runs, limit=MAX_COMPARED))
            return redirect(f"{reverse('web:compare', args=[workspace.name])}?runs={uids}")
        case "export":
            return redirect(_export_address(request, workspace, experiment, runs))
        case "tag" | "restore" as verb if may(request, workspace, Permission.WRITE):
            _change(request, verb, experiment, runs)
            back = path_or(form.get("next", ""), "web:experiment_detail", workspace.name, experiment.pk)
            return redirect(back)
        case "tag" | "restore" as verb:
            raise PermissionDenied(f"Your role in workspace {workspace.name!r} does not permit you to {verb} runs.")
        case other:
            raise BadRequest(f"do: {other[:40]!r} is none of compare, export, tag, restore")


def _change(request: HttpRequest, verb: str, experiment: Experiment, runs: QuerySet[Run]) -> None:
    by, now = credential_of(request).user, utc_now()
    if verb == "tag":
        tag = Pair(request.POST.get("key", "").strip(), request.POST.get("value", ""))
        count = tag_runs(experiment=experiment, runs=runs, tag=tag, by=by, now=now)
        text = ngettext("%(count)s run was tagged.", "%(count)s runs were tagged.", count)
    else:
        count = restore_runs(experiment=experiment, runs=runs, by=by, now=now)
        text = ngettext("%(count)s run was restored.", "%(count)s runs were restored.", count)
    messages.success(request, text % {"count": format_count(count)})


def _export_address(request: HttpRequest, workspace: Workspace, experiment: Experiment, runs: QuerySet[Run]) -> str:
    address = reverse("web:runs_csv", args=[workspace.name, experiment.pk])
    query = _query(request.POST.get("query", ""))
    if request.POST.get("all") != "1":
        uids = list_uids(runs=runs, limit=MAX_EXPORTED)
        query["filter"] = f"attributes.run_id IN ({', '.join(quoted(uid) for uid in uids)})"
    return f"{address}?{query.urlencode()}"


def _query(text: str) -> QueryDict:
    return QueryDict(text, mutable=True)
