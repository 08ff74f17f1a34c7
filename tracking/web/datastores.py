"""The datastores of a workspace, and what is in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django import forms
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.types import FileInfo
from tracking.core.clock import utc_now
from tracking.core.errors import InvalidStateError, TrackingError, UnavailableError
from tracking.datastores import queries, services
from tracking.datastores.types import DatastoreRow, Kind
from tracking.web.base import credential_of, may, workspace_page
from tracking.web.errors import refusing_bad_values
from tracking.web.formats import format_bytes, spell_marks, time_element
from tracking.web.list_files import Cell, list_file
from tracking.workspaces import access
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace

ENTRIES_PER_PAGE = 500
FOLDER_HEAD = ("name", "is_dir", "size_bytes", "modified_at")
FILE_HEAD = ("name", "kind", "location", "is_default", "has_credentials", "created_by", "created_at")
KIND_WORDS = {
    Kind.BUILT_IN: gettext_lazy("This server"),
    Kind.LOCAL: gettext_lazy("Folder of the server"),
    Kind.S3: gettext_lazy("S3"),
    Kind.AZURE_BLOB: gettext_lazy("Azure Blob Storage"),
}


class RegisterForm(forms.Form):
    """What every registration says. The fields of a kind follow: settings first, then credentials."""

    settings: Sequence[str] = ()
    credentials: Sequence[str] = ()
    name = forms.CharField(max_length=63, label=gettext_lazy("Name"))

    @property
    def own_fields(self) -> list[forms.BoundField]:
        """The fields of the kind, as the page shows them."""
        return [self[field] for field in (*self.settings, *self.credentials)]


def _text(label: object, *, is_required: bool = False) -> forms.CharField:
    return forms.CharField(max_length=2000, required=is_required, label=label)  # type: ignore[arg-type]  # lazy


def _secret(label: object) -> forms.CharField:
    return forms.CharField(max_length=2000, required=False, label=label, widget=forms.PasswordInput)  # type: ignore[arg-type]


class S3Form(RegisterForm):
    """A bucket."""

    settings = ("bucket", "folder", "endpoint", "region")
    credentials = ("access_key_id", "secret_access_key")
    bucket = _text(gettext_lazy("Bucket"), is_required=True)
    folder = _text(gettext_lazy("Folder in it (may be empty)"))
    endpoint = _text(gettext_lazy("Address of the service (empty: Amazon's)"))
    region = _text(gettext_lazy("Region (may be empty)"))
    access_key_id = _text(gettext_lazy("Access key ID (empty: a public bucket)"))
    secret_access_key = _secret(gettext_lazy("Secret access key"))


class AzureForm(RegisterForm):
    """A container."""

    settings = ("account", "container", "folder", "endpoint")
    credentials = ("account_key", "sas_token")
    account = _text(gettext_lazy("Storage account"), is_required=True)
    container = _text(gettext_lazy("Container"), is_required=True)
    folder = _text(gettext_lazy("Folder in it (may be empty)"))
    endpoint = _text(gettext_lazy("Address of the service (empty: Azure's)"))
    account_key = _secret(gettext_lazy("Account key"))
    sas_token = _secret(gettext_lazy("or a SAS token"))


class LocalForm(RegisterForm):
    """A folder."""

    settings = ("path",)
    path = _text(gettext_lazy("Folder, where this server allows it"), is_required=True)


FORMS: Mapping[Kind, type[RegisterForm]] = {Kind.S3: S3Form, Kind.AZURE_BLOB: AzureForm, Kind.LOCAL: LocalForm}


@dataclass(frozen=True, slots=True)
class DatastoreShown:
    """A line of the list."""

    name: str
    kind: str
    location: str
    is_default: bool
    is_built_in: bool
    created_by: str
    created: SafeString


@dataclass(frozen=True, slots=True)
class KindShown:
    """A kind that can be registered, with its form."""

    value: str
    label: str
    form: RegisterForm
    is_open: bool


@dataclass(frozen=True, slots=True)
class EntryShown:
    """A line of a folder."""

    name: str
    is_dir: bool
    size: str
    modified: SafeString | str
    url: str


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@workspace_page(need=Permission.READ)
def datastore_list(request: HttpRequest, workspace: Workspace) -> HttpResponseBase:
    """Show the datastores of a workspace, also as a file. POST registers one, makes one the default, or forgets one."""
    filled: RegisterForm | None = None
    if request.method == "POST":
        access.require(credential=credential_of(request), workspace=workspace.name, need=Permission.MANAGE)
        filled = _changed(request, workspace)
        if filled is None:
            return redirect("web:datastore_list", workspace.name)
    rows = queries.list_datastores(workspace=workspace)
    if file := list_file(request, name="datastores", head=FILE_HEAD, rows=map(_file_row, rows)):
        return file
    context = {
        "workspace": workspace,
        "datastores": [_shown(row) for row in rows],
        "is_owner": may(request, workspace, Permission.MANAGE),
        "kinds": [
            KindShown(
                kind,
                str(KIND_WORDS[kind]),
                filled if isinstance(filled, form) else form(prefix=kind),
                isinstance(filled, form),
            )
            for kind, form in FORMS.items()
        ],
    }
    return render(request, "datastores/datastore_list.html", context)


@require_safe
@workspace_page(need=Permission.READ)
@refusing_bad_values()
def datastore_detail(request: HttpRequest, workspace: Workspace, name: str) -> HttpResponseBase:
    """Show the folder ``?path=`` of a datastore, from after the entry ``?after=``; all of it with ``?format=csv``."""
    path = ArtifactPath.parse(request.GET.get("path", ""), allow_empty=True)
    row = queries.get_datastore(workspace=workspace, name=name)
    trouble, found = "", list[FileInfo]()
    try:
        found = queries.list_files(
            workspace=workspace, name=name, path=path, after=request.GET.get("after"), limit=ENTRIES_PER_PAGE + 1
        )
    except (UnavailableError, InvalidStateError) as error:
        trouble = str(error)
    file_rows = _folder_rows(workspace, name, path)
    if not trouble and (file := list_file(request, name="files", head=FOLDER_HEAD, rows=file_rows)):
        return file
    here = reverse("web:datastore_detail", args=[workspace.name, name])
    shown = found[:ENTRIES_PER_PAGE]
    more = urlencode({"path": str(path), "after": shown[-1].path}) if len(found) > len(shown) else ""
    context = {
        "workspace": workspace,
        "datastore": _shown(row),
        "parents": _parents(here, path),
        "entries": [_entry(workspace, name, path, info) for info in shown],
        "is_root": path.is_root,
        "list_query": urlencode({"path": str(path)}),
        "trouble": trouble,
        "snippet": f"mlportal datastore upload -w {workspace.name} -n {name} -p FOLDER"
        if may(request, workspace, Permission.WRITE)
        else "",
        "more_url": f"{here}?{more}" if more else "",
    }
    return render(request, "datastores/datastore_detail.html", context)


def _folder_rows(workspace: Workspace, name: str, path: ArtifactPath) -> Iterator[tuple[Cell, ...]]:
    after: str | None = None
    while found := queries.list_files(workspace=workspace, name=name, path=path, after=after, limit=ENTRIES_PER_PAGE):
        for info in found:
            yield info.path, info.is_dir, info.size_bytes, info.modified_at
        after = found[-1].path


def _changed(request: HttpRequest, workspace: Workspace) -> RegisterForm | None:
    """Carry out what a form asks for; return the form of a registration that was refused, to be filled in again."""
    action = ACTIONS.get(request.POST.get("action", ""))
    if action is not None:
        try:
            messages.success(request, action(request, workspace, request.POST.get("name", "")))
        except TrackingError as error:
            messages.error(request, str(error))
        return None
    kind = next((kind for kind in FORMS if kind == request.POST.get("kind")), None)
    if request.POST.get("action") != "register" or kind is None:
        raise BadRequest(gettext("The form names no change that can be made here."))
    form = FORMS[kind](request.POST, prefix=kind)
    if not form.is_valid():
        return form
    try:
        _register(request, workspace, kind, form)
    except TrackingError as error:
        messages.error(request, str(error))
        return form
    messages.success(request, gettext("Datastore %(name)s was registered.") % {"name": form.cleaned_data["name"]})
    return None


def _register(request: HttpRequest, workspace: Workspace, kind: Kind, form: RegisterForm) -> None:
    given: Mapping[str, Any] = form.cleaned_data
    services.register(
        workspace=workspace,
        name=given["name"],
        kind=kind,
        # A form has a prefix of its own.
        config={"prefix" if field == "folder" else field: given[field] for field in form.settings},
        credentials={field: given[field] for field in form.credentials},
        by=credential_of(request).user,
        now=utc_now(),
    )


def _set_default(request: HttpRequest, workspace: Workspace, name: str) -> str:
    services.set_default(workspace=workspace, name=name, by=credential_of(request).user, now=utc_now())
    return gettext("%(name)s is the default datastore now.") % {"name": name}


def _unregister(request: HttpRequest, workspace: Workspace, name: str) -> str:
    location = services.unregister(workspace=workspace, name=name, by=credential_of(request).user, now=utc_now())
    return gettext("Datastore %(name)s was unregistered. Its files are still at %(location)s.") % {
        "name": name,
        "location": location,
    }


ACTIONS: Mapping[str, Callable[[HttpRequest, Workspace, str], str]] = {
    "set_default": _set_default,
    "unregister": _unregister,
}


def _file_row(row: DatastoreRow) -> tuple[Cell, ...]:
    return row.name, row.kind, row.location, row.is_default, row.has_credentials, row.created_by, row.created_at


def _shown(row: DatastoreRow) -> DatastoreShown:
    return DatastoreShown(
        name=row.name,
        kind=str(KIND_WORDS[row.kind]),
        location=spell_marks(row.location),
        is_default=row.is_default,
        is_built_in=row.is_built_in,
        created_by=row.created_by,
        created=time_element(row.created_at),
    )


def _parents(here: str, path: ArtifactPath) -> list[tuple[str, str]]:
    """Return each folder on the way down to this one as (name, URL)."""
    return [
        (spell_marks(part), f"{here}?{urlencode({'path': '/'.join(path.parts[: number + 1])})}")
        for number, part in enumerate(path.parts)
    ]


def _entry(workspace: Workspace, name: str, folder: ArtifactPath, info: FileInfo) -> EntryShown:
    path = str(folder / info.path)
    page = reverse("web:datastore_detail", args=[workspace.name, name])
    return EntryShown(
        name=spell_marks(info.path),
        is_dir=info.is_dir,
        size="" if info.size_bytes is None else format_bytes(info.size_bytes),
        modified="" if info.modified_at is None else time_element(info.modified_at),
        # The REST API sends files to who is signed in here: as attachments, in a sandbox.
        url=f"{page}?{urlencode({'path': path})}"
        if info.is_dir
        else f"/api/v1/workspaces/{workspace.name}/datastores/{name}/files/{quote(path)}",
    )
