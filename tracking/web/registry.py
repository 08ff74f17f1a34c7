"""Pages of models: the registered ones with their versions and aliases, and those that runs logged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from tracking.core.clock import utc_now
from tracking.core.errors import InvalidParameterError
from tracking.core.pages import Page
from tracking.registry import queries, services
from tracking.registry.types import LoggedModelRow, RegisteredRow, Stage, VersionRow
from tracking.runs.queries import find_runs, get_experiment
from tracking.runs.types import Pair
from tracking.stars.types import Kind
from tracking.web.base import credential_of, may, workspace_page
from tracking.web.changes import name_field, tag_field, tag_gone, tag_set, text_field
from tracking.web.errors import refusing_bad_values
from tracking.web.form_actions import carry_out
from tracking.web.formats import format_count, spell_marks, time_element, unnamed
from tracking.web.fragments import render_page
from tracking.web.links import link_with
from tracking.web.list_files import Cell, list_file
from tracking.web.markup import plain_text, render_markdown
from tracking.web.runs import MODEL_STATUS_WORDS
from tracking.web.stars import star_button
from tracking.workspaces import access
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    from tracking.registry.models import RegisteredModel
    from tracking.runs.models import Experiment
    from tracking.workspaces.models import Workspace

MODELS_PER_PAGE = 50
VERSIONS_PER_PAGE = 100
ROWS_AT_ONCE = 500  # of a list as a file
MAX_TAGS_SHOWN = 3
MAX_DESCRIPTION = 400  # of a version, in the table
REGISTERED_HEAD = ("name", "versions", "latest_version", "aliases", "description", "created_at", "updated_at")
LOGGED_HEAD = ("model_id", "name", "model_type", "status", "run_id", "experiment_id", "created_at")
STAGE_WORDS: Mapping[Stage, _StrPromise] = {
    Stage.STAGING: gettext_lazy("Staging"),
    Stage.PRODUCTION: gettext_lazy("Production"),
    Stage.ARCHIVED: gettext_lazy("Archived"),
}
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class ModelShown:
    """A line of the list of registered models; ``aliases``: as ``name → version``."""

    name: str
    link: str
    is_prompt: bool
    versions: str
    latest: str
    aliases: tuple[str, ...]
    tags: tuple[str, ...]
    changed: SafeString


@dataclass(frozen=True, slots=True)
class LoggedShown:
    """A line of the list of logged models."""

    uid: str
    name: str
    model_type: str
    status: str
    run_uid: str
    run_name: str
    created: SafeString


@dataclass(frozen=True, slots=True)
class VersionShown:
    """A line of the table of versions. ``run_uid`` "" where the run is gone, or there never was one."""

    version: int
    aliases: tuple[str, ...]
    stage: str
    run_uid: str
    run_name: str
    source: str
    description: str
    tags: tuple[str, ...]
    created: SafeString
    user_name: str


@require_safe
@workspace_page(need=Permission.READ)
@refusing_bad_values()
def model_list(request: HttpRequest, workspace: Workspace) -> HttpResponseBase:
    """List registered models, or with ``show=logged`` what runs logged, by ``?q=`` in their names; also as a file.

    ``experiment`` narrows what runs logged to those of one.
    """
    query = request.GET
    is_logged, wanted = query.get("show") == "logged", query.get("q", "").strip()
    asked = query.get("experiment", "") if is_logged else ""
    experiment = get_experiment(workspace=workspace, experiment_id=asked) if asked else None
    if file := _file(request, workspace, wanted, experiment, is_logged=is_logged):
        return file
    token = query.get("page", "")
    context: dict[str, object] = {
        "workspace": workspace,
        "q": wanted,
        "is_logged": is_logged,
        "experiment": spell_marks(experiment.name) if experiment else "",
        "experiment_id": experiment.pk if experiment else None,
        "all_link": link_with(query, experiment=None, page=None),
        "registered_link": link_with(query, show=None, page=None, experiment=None),
        "logged_link": link_with(query, show="logged", page=None),
        "csv_link": link_with(query, format="csv", page=None),
        "json_link": link_with(query, format="json", page=None),
        "first_link": link_with(query, page=None) if token else "",
    }
    if is_logged:
        logged = queries.list_logged(
            workspace=workspace, experiment=experiment, name_contains=wanted, page_token=token, limit=MODELS_PER_PAGE
        )
        context |= {"logged": _logged_shown(workspace, logged.rows), "next_link": _next(request, logged)}
    else:
        found = queries.list_registered(
            workspace=workspace, name_contains=wanted, page_token=token, limit=MODELS_PER_PAGE
        )
        context |= {"models": _models_shown(found.rows), "next_link": _next(request, found)}
    return render_page(request, "registry/model_list.html", context, fragments={"models": "registry/_models.html"})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@workspace_page(need=Permission.READ)
@refusing_bad_values()
def model_detail(request: HttpRequest, workspace: Workspace, name: str) -> HttpResponse:
    """Show a registered model and its versions from ``?page=`` on. POST carries out one of ``ACTIONS``."""
    if request.method == "POST":
        access.require(credential=credential_of(request), workspace=workspace.name, need=Permission.WRITE)
    model = queries.get_registered(workspace=workspace, name=name)
    if request.method == "POST":
        is_done = carry_out(request, ACTIONS, request, model)
        if is_done and request.POST["action"] == "delete":
            return redirect("web:model_list", workspace.name)
        return redirect("web:model_detail", workspace.name, model.name if is_done else name)
    row = queries.registered_row(model)
    page = queries.list_versions(model=model, page_token=request.GET.get("page", ""), limit=VERSIONS_PER_PAGE)
    context = {
        "workspace": workspace,
        "name": spell_marks(row.name),
        "link": row.name,
        "star": star_button(request, workspace, Kind.MODEL, model.pk, ident=row.name, name=spell_marks(row.name)),
        "is_prompt": row.is_prompt,
        "description": render_markdown(row.description) if row.description.strip() else "",
        "description_source": row.description,
        "created": time_element(row.created_at),
        "changed": time_element(row.updated_at),
        "user_name": row.user_name,
        "aliases": row.aliases,
        "own_tags": own_tags(row.tags),
        "versions": _versions_shown(workspace, page.rows),
        "has_stages": any(version.stage is not Stage.NONE for version in page.rows),
        "version_count": format_count(row.version_count),
        "number_of_versions": row.version_count,
        "first_link": link_with(request.GET, page=None) if "page" in request.GET else "",
        "next_link": _next(request, page),
        "may_write": may(request, workspace, Permission.WRITE),
        "snippet": loading_code(row.name, f"@{row.aliases[0].name}" if row.aliases else "/1", is_prompt=row.is_prompt),
    }
    return render(request, "registry/model_detail.html", context)


# ---- what a form asks for ------------------------------------------------------------------------------------------


def _describe(request: HttpRequest, model: RegisteredModel) -> str:
    services.describe_registered(model=model, description=text_field(request, "description"), now=utc_now())
    return gettext("The description is saved.")


def _rename(request: HttpRequest, model: RegisteredModel) -> str:
    name = name_field(request)
    services.rename_registered(model=model, name=name, by=credential_of(request).user, now=utc_now())
    return gettext("It is called %(name)s now.") % {"name": name}


def _set_tag(request: HttpRequest, model: RegisteredModel) -> str:
    tag = tag_field(request)
    services.set_registered_tag(model=model, tag=tag)
    return tag_set(tag.key)


def _delete_tag(request: HttpRequest, model: RegisteredModel) -> str:
    key = request.POST.get("key", "")
    services.delete_registered_tag(model=model, key=key)
    return tag_gone(key)


def _delete(request: HttpRequest, model: RegisteredModel) -> str:
    if request.POST.get("confirm", "") != model.name:
        raise InvalidParameterError(
            gettext("Nothing was deleted: the name that confirms it is %(name)s.") % {"name": model.name}
        )
    services.delete_registered(model=model, by=credential_of(request).user, now=utc_now())
    return gettext("%(name)s is deleted, with its versions and aliases.") % {"name": model.name}


def _set_alias(request: HttpRequest, model: RegisteredModel) -> str:
    alias, number = request.POST.get("alias", "").strip(), request.POST.get("version", "")
    version = queries.get_version(workspace=model.workspace, name=model.name, version=number)
    services.set_alias(version=version, name=alias, by=credential_of(request).user, now=utc_now())
    return gettext("%(alias)s is version %(version)s now.") % {"alias": alias, "version": version.version}


def _delete_alias(request: HttpRequest, model: RegisteredModel) -> str:
    alias = request.POST.get("alias", "")
    services.delete_alias(model=model, name=alias, by=credential_of(request).user, now=utc_now())
    return gettext("The alias %(alias)s is gone.") % {"alias": alias}


ACTIONS: Mapping[str, Callable[[HttpRequest, RegisteredModel], str]] = {
    "describe": _describe,
    "rename": _rename,
    "set_tag": _set_tag,
    "delete_tag": _delete_tag,
    "delete": _delete,
    "set_alias": _set_alias,
    "delete_alias": _delete_alias,
}


# ---- what is shown -------------------------------------------------------------------------------------------------


def _next(request: HttpRequest, page: Page[Row]) -> str:
    return link_with(request.GET, page=page.next_token) if page.next_token else ""


def _models_shown(rows: Sequence[RegisteredRow]) -> list[ModelShown]:
    return [
        ModelShown(
            name=spell_marks(row.name),
            link=row.name,
            is_prompt=row.is_prompt,
            versions=format_count(row.version_count),
            latest=str(max((version.version for version in row.latest), default="")),
            aliases=tuple(f"{alias.name} → {alias.version}" for alias in row.aliases),
            tags=_tags(row.tags),
            changed=time_element(row.updated_at, is_relative=True),
        )
        for row in rows
    ]


def _logged_shown(workspace: Workspace, rows: Sequence[LoggedModelRow]) -> list[LoggedShown]:
    names = _run_names(workspace, [row.source_run_uid for row in rows])
    return [
        LoggedShown(
            uid=row.uid,
            name=spell_marks(row.name),
            model_type=row.model_type,
            status=str(MODEL_STATUS_WORDS[row.status]),
            run_uid=row.source_run_uid if row.source_run_uid in names else "",
            run_name=names.get(row.source_run_uid, ""),
            created=time_element(row.created_at, is_relative=True),
        )
        for row in rows
    ]


def _versions_shown(workspace: Workspace, rows: Sequence[VersionRow]) -> list[VersionShown]:
    names = _run_names(workspace, [row.run_uid for row in rows])
    return [
        VersionShown(
            version=row.version,
            aliases=row.aliases,
            stage=str(STAGE_WORDS.get(row.stage, "")),
            run_uid=row.run_uid if row.run_uid in names else "",
            run_name=names.get(row.run_uid, ""),
            source=row.source,
            description=plain_text(row.description[:MAX_DESCRIPTION]),
            tags=_tags(row.tags),
            created=time_element(row.created_at, is_relative=True),
            user_name=row.user_name,
        )
        for row in rows
    ]


def _run_names(workspace: Workspace, uids: Sequence[str]) -> dict[str, str]:
    """Return the names of those of the runs that the workspace still has, by id. One query."""
    found = find_runs(workspace=workspace, uids=sorted({uid for uid in uids if uid}))
    return {run.uid: unnamed(run.name) for run in found}


def _tags(tags: Sequence[Pair]) -> tuple[str, ...]:
    return tuple(f"{tag.key}: {tag.value[:80]}" for tag in own_tags(tags)[:MAX_TAGS_SHOWN])


def own_tags(tags: Sequence[Pair]) -> list[Pair]:
    """Return the tags that people set."""
    return [tag for tag in tags if not tag.key.startswith(("mlflow.", "_mlflow", "mlportal."))]


def loading_code(name: str, which: str, *, is_prompt: bool) -> str:
    """Return how a script loads a version: ``/2`` or ``@champion``."""
    if is_prompt:
        return f'import mlflow\n\nprompt = mlflow.genai.load_prompt("prompts:/{name}{which}")'
    return f'import mlflow\n\nmodel = mlflow.pyfunc.load_model("models:/{name}{which}")'


# ---- the list as a file --------------------------------------------------------------------------------------------


def _file(
    request: HttpRequest, workspace: Workspace, wanted: str, experiment: Experiment | None, *, is_logged: bool
) -> HttpResponseBase | None:
    if is_logged:

        def logged(token: str) -> Page[LoggedModelRow]:
            return queries.list_logged(
                workspace=workspace, experiment=experiment, name_contains=wanted, page_token=token, limit=ROWS_AT_ONCE
            )

        return list_file(request, name="logged_models", head=LOGGED_HEAD, rows=map(_logged_cells, _all(logged)))

    def registered(token: str) -> Page[RegisteredRow]:
        return queries.list_registered(workspace=workspace, name_contains=wanted, page_token=token, limit=ROWS_AT_ONCE)

    return list_file(request, name="models", head=REGISTERED_HEAD, rows=map(_registered_cells, _all(registered)))


def _all(page_at: Callable[[str], Page[Row]]) -> Iterator[Row]:
    """Yield the rows of all pages, as they are asked for."""
    token: str | None = ""
    while token is not None:
        page = page_at(token)
        yield from page.rows
        token = page.next_token


def _registered_cells(row: RegisteredRow) -> Sequence[Cell]:
    aliases = [f"{alias.name}={alias.version}" for alias in row.aliases]
    latest = max((version.version for version in row.latest), default=None)
    return row.name, row.version_count, latest, aliases, row.description, row.created_at, row.updated_at


def _logged_cells(row: LoggedModelRow) -> Sequence[Cell]:
    return (
        row.uid,
        row.name,
        row.model_type,
        row.status,
        row.source_run_uid,
        str(row.experiment_id),
        row.created_at,
    )
