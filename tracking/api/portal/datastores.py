"""``…/datastores``: named places for files, what is in them, and addresses that move files past the server."""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote

from django.conf import settings
from django.http import HttpResponseBase

from tracking.api.base import endpoint, refuse_run_token
from tracking.api.files import body_chunks, body_size, file_response
from tracking.api.portal import datastore_shapes as shapes
from tracking.api.portal.base import Call, Listing, Nothing, page_after, page_of, page_size, read_word
from tracking.artifacts.paths import ArtifactPath
from tracking.core.errors import InvalidParameterError
from tracking.core.json import Request
from tracking.core.pages import encode_token
from tracking.datastores import queries, services
from tracking.datastores.types import Kind, Verb
from tracking.workspaces import access
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace

LINK_LIFE_S = 900
REGISTERED = tuple(kind for kind in Kind if kind is not Kind.BUILT_IN)


class RegisterDatastore(Request):
    """A new datastore: ``kind`` is local, s3 or azure_blob; what is in ``config`` and ``credentials`` depends on it.

    local: config.path. s3: config.bucket, prefix, endpoint, region; credentials.access_key_id and secret_access_key,
    session_token if there is one. azure_blob: config.account, container, prefix, endpoint; credentials.account_key or
    sas_token. ``skip_validation``: register it even if it cannot be reached now.
    """

    name: str
    kind: str
    config: dict[str, str] | None = None
    credentials: dict[str, str] | None = None
    is_default: bool | None = None
    skip_validation: bool | None = None


class UpdateDatastore(Request):
    """What is to be set; what is absent stays, an empty text in ``config`` takes a value away.

    ``credentials`` replaces all of them; a new endpoint or account takes them anew. ``is_default``: only true.
    """

    config: dict[str, str] | None = None
    credentials: dict[str, str] | None = None
    is_default: bool | None = None
    skip_validation: bool | None = None


class ListFiles(Listing):
    """A page of a folder: ``path``, by default the root."""

    path: str | None = None


class SignFile(Request):
    """What the address is for (``get`` or ``put``) and how long it works: at most 3,600 seconds."""

    verb: str | None = None
    life_s: int | None = None


@endpoint(Listing)
def list(call: Call, body: Listing, workspace: "Workspace") -> shapes.Datastores:
    """Return the datastores of a workspace, by name."""
    limit = page_size(body)
    found = queries.list_datastores(workspace=workspace, after=page_after(body), limit=limit + 1)
    rows, token = page_of(found, limit)
    return shapes.Datastores([shapes.datastore(row) for row in rows], token)


@endpoint(RegisterDatastore)
def register(call: Call, body: RegisterDatastore, workspace: "Workspace") -> shapes.Datastore:
    """Register a datastore, after a look whether it can be reached; its credentials are encrypted and never shown."""
    services.register(
        workspace=workspace,
        name=body.name,
        kind=read_word(body.kind, among=REGISTERED, field="kind"),
        config=body.config or {},
        credentials=body.credentials or {},
        is_default=body.is_default or False,
        skip_validation=body.skip_validation or False,
        by=call.user,
        now=call.now,
    )
    return shapes.datastore(queries.get_datastore(workspace=workspace, name=body.name))


@endpoint(Nothing)
def show(call: Call, body: Nothing, workspace: "Workspace", name: str) -> shapes.Datastore:
    """Return a datastore."""
    return shapes.datastore(queries.get_datastore(workspace=workspace, name=name))


@endpoint(UpdateDatastore)
def update(call: Call, body: UpdateDatastore, workspace: "Workspace", name: str) -> shapes.Datastore:
    """Change a datastore's settings or credentials, or make it the workspace's default."""
    if body.config is None and body.credentials is None and body.is_default is None:
        raise InvalidParameterError(f"Datastore {name!r} is not changed: give config, credentials or is_default.")
    if body.is_default is False:
        raise InvalidParameterError("Invalid value False for parameter 'is_default': make another one the default.")
    if body.config is not None or body.credentials is not None:
        services.update(
            workspace=workspace,
            name=name,
            config=body.config or {},
            credentials=body.credentials,
            skip_validation=body.skip_validation or False,
            by=call.user,
            now=call.now,
        )
    if body.is_default:
        services.set_default(workspace=workspace, name=name, by=call.user, now=call.now)
    return shapes.datastore(queries.get_datastore(workspace=workspace, name=name))


@endpoint(Nothing)
def unregister(call: Call, body: Nothing, workspace: "Workspace", name: str) -> shapes.Unregistered:
    """Forget a datastore and its credentials; its files stay where they are."""
    location = services.unregister(workspace=workspace, name=name, by=call.user, now=call.now)
    return shapes.Unregistered(name=name, note=f"Its files were not deleted: they are still at {location}.")


@endpoint(ListFiles)
def list_files(call: Call, body: ListFiles, workspace: "Workspace", name: str) -> shapes.Files:
    """Return what is in a folder of a datastore, by name; nothing if there is no such folder."""
    limit = page_size(body)
    path = ArtifactPath.parse(body.path or "", allow_empty=True)
    found = queries.list_files(
        workspace=workspace, name=name, path=path, after=page_after(body) or None, limit=limit + 1
    )
    token = encode_token((found[limit - 1].path,)) if len(found) > limit else None
    return shapes.Files([shapes.file(info) for info in found[:limit]], token)


@endpoint(None)
def download(call: Call, workspace: "Workspace", name: str, path: str) -> HttpResponseBase:
    """Stream a file, or the range of it that was asked for."""
    asked = ArtifactPath.parse(path)
    head = queries.head_file(workspace=workspace, name=name, path=asked)

    def read(start: int, end: int) -> Iterator[bytes]:
        return queries.read_file(workspace=workspace, name=name, path=asked, start=start, end=end, etag=head.etag)

    return file_response(call.request, name=asked.name, head=head, read=read)


@endpoint(None)
def upload(call: Call, workspace: "Workspace", name: str, path: str) -> shapes.File:
    """Store the body as a file: whole, or not at all."""
    asked = ArtifactPath.parse(path)
    size_bytes = body_size(call.request)
    head = services.put_file(
        workspace=workspace,
        name=name,
        path=asked,
        chunks=body_chunks(call.request, size_bytes),
        size_bytes=size_bytes,
    )
    return shapes.File(asked.name, is_dir=False, size_bytes=head.size_bytes, modified_at=head.modified_at)


@endpoint(None)
def delete_files(call: Call, workspace: "Workspace", name: str, path: str) -> shapes.Freed:
    """Delete a file, or a folder with all in it; one that does not exist is no error."""
    asked = ArtifactPath.parse(path, allow_empty=True)
    freed = services.delete_files(workspace=workspace, name=name, path=asked, by=call.user, now=call.now)
    return shapes.Freed(bytes_freed=freed)


@endpoint(SignFile)
def sign(call: Call, body: SignFile, workspace: "Workspace", name: str, path: str) -> shapes.Link:
    """Return an address that moves a file past this server where the store can, else the one that goes through it."""
    verb = read_word(body.verb or Verb.GET, among=tuple(Verb), field="verb")
    if verb is Verb.PUT:
        access.require(credential=call.credential, workspace=workspace.name, need=Permission.WRITE)
        refuse_run_token(call.credential)
    asked = ArtifactPath.parse(path)
    life_s = LINK_LIFE_S if body.life_s is None else body.life_s
    signed = queries.sign(workspace=workspace, name=name, path=asked, verb=verb, life_s=life_s, now=call.now)
    if signed is not None:
        return shapes.Link(
            url=signed.url,
            method=signed.method,
            headers=signed.headers,
            expires_at=signed.expires_at,
            goes_through_server=False,
        )
    queries.get_datastore(workspace=workspace, name=name)
    places = ("workspaces", workspace.name, "datastores", name, "files", *asked.parts)
    return shapes.Link(
        url=f"{settings.PORTAL_URL}/api/v1/{'/'.join(quote(part, safe='') for part in places)}",
        method=verb.value.upper(),
        headers={},
        expires_at=None,
        goes_through_server=True,
    )
