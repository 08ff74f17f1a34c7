"""Pages of models: the registered ones with their versions and aliases, and those that runs logged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from tracking.registry.types import RegisteredRow, Stage, VersionRow
from tracking.runs.types import Pair
from tracking.stars.types import Kind
from tracking.web.base import credential_of, may, workspace_page
from tracking.web.changes import name_field, tag_field, tag_gone, tag_set, text_field
from tracking.web.errors import refusing_bad_values
from tracking.web.form_actions import carry_out
from tracking.web.formats import format_count, spell_marks, time_element
from tracking.web.fragments import render_page
from tracking.web.links import link_with
from tracking.web.list_files import ROWS_AT_ONCE, Cell, list_file, rows_of_all
from tracking.web.logged_models import MODELS_PER_PAGE, logged_context, logged_file, run_names
from tracking.web.markup import plain_text, render_markdown
from tracking.web.stars import star_button
from tracking.workspaces import access
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    from tracking.registry.models import RegisteredModel
    from tracking.workspaces.models import Workspace

VERSIONS_PER_PAGE = 100
MAX_TAGS_SHOWN = 3
MAX_DESCRIPTION = 400  # of a version, in the table
REGISTERED_HEAD = ("name", "versions", "latest_version", "aliases", "description", "created_at", "updated_at")
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
    """List registered models, or with ``show=logged`` what runs logged, by ``?q=`` in their names; also as a file."""
    query = request.GET
    is_logged, wanted = query.get("show") == "logged", query.get("q", "").strip()
    if file := logged_file(request, workspace, None) if is_logged else _file(request, workspace, wanted):
        return file
    token = query.get("page", "")
    context: dict[str, object] = {
        "workspace": workspace,
        "q": wanted,
        "is_logged": is_logged,
        "registered_link": link_with(query, show=None, page=None),
        "logged_link": link_with(query, show="logged", page=None),
        "csv_link": link_with(query, format="csv", page=None),
        "json_link": link_with(query, format="json", page=None),
        "first_link": link_with(query, page=None) if token else "",
    }
    if is_logged:
        context |= logged_context(request, workspace, None)
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


def _versions_shown(workspace: Workspace, rows: Sequence[VersionRow]) -> list[VersionShown]:
    names = run_names(workspace, [row.run_uid for row in rows])
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


def _file(request: HttpRequest, workspace: Workspace, wanted: str) -> HttpResponseBase | None:
    def registered(token: str) -> Page[RegisteredRow]:
        return queries.list_registered(workspace=workspace, name_contains=wanted, page_token=token, limit=ROWS_AT_ONCE)

    return list_file(request, name="models", head=REGISTERED_HEAD, rows=map(_registered_cells, rows_of_all(registered)))


def _registered_cells(row: RegisteredRow) -> Sequence[Cell]:
    aliases = [f"{alias.name}={alias.version}" for alias in row.aliases]
    latest = max((version.version for version in row.latest), default=None)
    return row.name, row.version_count, latest, aliases, row.description, row.created_at, row.updated_at
