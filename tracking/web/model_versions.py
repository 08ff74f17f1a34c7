"""The page of one version of a registered model: where it comes from, what points to it, what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tracking.core.clock import utc_now
from tracking.registry import queries, services
from tracking.registry.types import makes_prompt
from tracking.runs.queries import find_runs, get_experiment, run_row
from tracking.web.base import credential_of, may, workspace_page
from tracking.web.changes import tag_field, tag_gone, tag_set, text_field
from tracking.web.errors import refusing_bad_values
from tracking.web.form_actions import carry_out
from tracking.web.formats import spell_marks, time_element
from tracking.web.lineage import version_lineage
from tracking.web.markup import render_markdown
from tracking.web.registry import STAGE_WORDS, loading_code, own_tags
from tracking.workspaces import access
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.registry.models import ModelVersion
    from tracking.workspaces.models import Workspace


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@workspace_page(need=Permission.READ)
@refusing_bad_values()
def version_detail(request: HttpRequest, workspace: Workspace, name: str, version: str) -> HttpResponse:
    """Show a version of a registered model. POST carries out one of ``ACTIONS``."""
    if request.method == "POST":
        access.require(credential=credential_of(request), workspace=workspace.name, need=Permission.WRITE)
    found = queries.get_version(workspace=workspace, name=name, version=version)
    if request.method == "POST":
        is_done = carry_out(request, ACTIONS, request, found)
        if is_done and request.POST["action"] == "delete":
            return redirect("web:model_detail", workspace.name, name)
        return redirect("web:version_detail", workspace.name, name, version)
    row = queries.version_row(found)
    run = next(iter(find_runs(workspace=workspace, uids=[row.run_uid])), None)
    experiment = get_experiment(workspace=workspace, experiment_id=str(run.experiment_id)) if run else None
    context = {
        "workspace": workspace,
        "name": spell_marks(row.model_name),
        "link": row.model_name,
        "number": row.version,
        "aliases": row.aliases,
        "stage": str(STAGE_WORDS.get(row.stage, "")),
        "source": row.source,
        "user_name": row.user_name,
        "created": time_element(row.created_at),
        "changed": time_element(row.updated_at),
        "experiment_id": experiment.pk if experiment else "",
        "experiment_name": spell_marks(experiment.name) if experiment else "",
        "lineage": version_lineage(workspace=workspace, row=row, run=run, run_row=run_row(run) if run else None),
        "description": render_markdown(row.description) if row.description.strip() else "",
        "description_source": row.description,
        "own_tags": own_tags(row.tags),
        "snippet": loading_code(row.model_name, f"/{row.version}", is_prompt=makes_prompt(row.tags)),
        "may_write": may(request, workspace, Permission.WRITE),
    }
    return render(request, "model_versions/version_detail.html", context)


# ---- what a form asks for ------------------------------------------------------------------------------------------


def _describe(request: HttpRequest, version: ModelVersion) -> str:
    services.describe_version(version=version, description=text_field(request, "description"), now=utc_now())
    return gettext("The description is saved.")


def _set_tag(request: HttpRequest, version: ModelVersion) -> str:
    tag = tag_field(request)
    services.set_version_tag(version=version, tag=tag)
    return tag_set(tag.key)


def _delete_tag(request: HttpRequest, version: ModelVersion) -> str:
    key = request.POST.get("key", "")
    services.delete_version_tag(version=version, key=key)
    return tag_gone(key)


def _delete(request: HttpRequest, version: ModelVersion) -> str:
    services.delete_version(version=version, by=credential_of(request).user, now=utc_now())
    return gettext("Version %(number)s is deleted; its files stay where they are.") % {"number": version.version}


ACTIONS: Mapping[str, Callable[[HttpRequest, ModelVersion], str]] = {
    "describe": _describe,
    "set_tag": _set_tag,
    "delete_tag": _delete_tag,
    "delete": _delete,
}
