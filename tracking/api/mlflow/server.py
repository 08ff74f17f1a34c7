"""What this server is: ``server-info``, ``/health``, ``/version``, and its workspaces."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from tracking.api.base import Call, endpoint, json_response, refuse_tracking_token
from tracking.api.mlflow import shapes
from tracking.cleanup import services as cleanup
from tracking.cleanup.settings import keeping
from tracking.cleanup.types import Kind, Mode, Target
from tracking.core.errors import InvalidParameterError, InvalidStateError, NotImplementedHereError
from tracking.core.json import Request
from tracking.datastores.queries import has_files
from tracking.datastores.types import BUILT_IN
from tracking.runs.provisioning import provision_workspace, remove_unused_workspace
from tracking.workspaces import access
from tracking.workspaces.queries import get_workspace_row
from tracking.workspaces.queries import list_workspaces as list_workspaces_of
from tracking.workspaces.services import update_workspace as change_workspace
from tracking.workspaces.types import DEFAULT_NAME, Permission, WorkspaceChange

MLFLOW_VERSION = "3.17.2"


class Nothing(Request):
    """A request whose path says all."""


class CreateWorkspace(Request):
    """workspaces, POST"""

    name: str
    description: str | None = None
    default_artifact_root: str | None = None


class UpdateWorkspace(Request):
    """workspaces/<workspace_name>, PATCH"""

    description: str | None = None
    default_artifact_root: str | None = None


@endpoint(Nothing)
def server_info(call: Call, body: Nothing) -> object:
    """Return what clients ask before they use a feature."""
    return {
        "store_type": "SqlStore",
        "workspaces_enabled": True,
        "trace_archival_enabled": False,
        "multipart_uploads_enabled": False,
        "multipart_downloads_enabled": False,
        "presigned_upload_run_id_supported": False,
        "presigned_upload_model_id_supported": False,
        "features_enabled": {"gateway": False},
    }


@endpoint(Nothing)
def list_workspaces(call: Call, body: Nothing) -> object:
    """Return the workspaces that the asker may read."""
    return {"workspaces": [shapes.workspace(found) for found in list_workspaces_of(credential=call.credential)]}


@endpoint(Nothing)
def get_workspace(call: Call, body: Nothing, workspace_name: str) -> object:
    """Return one workspace."""
    found = access.require(credential=call.credential, workspace=workspace_name, need=Permission.READ)
    return {"workspace": shapes.workspace(found)}


@endpoint(CreateWorkspace)
def create_workspace(call: Call, body: CreateWorkspace) -> HttpResponse:
    """Create a workspace in the resource group of the one that the tracking URI names; ``default`` at the root."""
    refuse_tracking_token(call.credential)
    _refuse_root(body.default_artifact_root)
    group = access.require_group(credential=call.credential, group=call.workspace.group.name, need=Permission.MANAGE)
    made = provision_workspace(
        name=body.name, group=group, description=body.description or "", by=call.user, now=call.now
    )
    return json_response({"workspace": shapes.workspace(made)}, status=201)


@endpoint(UpdateWorkspace)
def update_workspace(call: Call, body: UpdateWorkspace, workspace_name: str) -> object:
    """Describe a workspace."""
    refuse_tracking_token(call.credential)
    _refuse_root(body.default_artifact_root)
    found = access.require(credential=call.credential, workspace=workspace_name, need=Permission.MANAGE)
    change_workspace(
        workspace=found, change=WorkspaceChange(description=body.description or ""), by=call.user, now=call.now
    )
    return {"workspace": shapes.workspace(get_workspace_row(credential=call.credential, workspace=found))}


@endpoint(Nothing)
def delete_workspace(call: Call, body: Nothing, workspace_name: str) -> HttpResponse:
    """Delete a workspace: an empty one (mode RESTRICT, the client's default), or with all that is in it (CASCADE).

    The latter is accepted: nothing is written to it any more, and workers remove it (cleanup.services).
    """
    refuse_tracking_token(call.credential)
    mode = call.request.GET.get("mode", "RESTRICT")
    if mode == "SET_DEFAULT":
        raise NotImplementedHereError(
            "mode=SET_DEFAULT is not supported: runs do not move to another workspace. Use RESTRICT or CASCADE."
        )
    if mode not in ("RESTRICT", "CASCADE"):
        raise InvalidParameterError(
            f"Invalid deletion mode {mode[:80]!r}. Must be one of: SET_DEFAULT, CASCADE, RESTRICT"
        )
    if workspace_name == DEFAULT_NAME:
        raise InvalidParameterError(f"The {DEFAULT_NAME!r} workspace is reserved and cannot be deleted")
    found = access.require(credential=call.credential, workspace=workspace_name, need=Permission.MANAGE)
    if mode == "CASCADE":
        cleanup.delete(
            credential=call.credential,
            target=Target(Kind.WORKSPACE, workspace=found.name),
            mode=Mode.PURGE,
            confirm=found.name,
            even_running=False,
            keeping=keeping(),
            now=call.now,
        )
    else:
        if has_files(workspace=found):
            raise InvalidStateError(
                f"Workspace {found.name!r} is not empty: there are files in its datastore {BUILT_IN!r}. Delete them "
                "first, or delete the workspace with all that is in it (mode=CASCADE)."
            )
        remove_unused_workspace(workspace=found, by=call.user, now=call.now)
    return HttpResponse(status=204)


def _refuse_root(given: str | None) -> None:
    if given:
        raise InvalidParameterError(
            f"Invalid value {given[:80]!r} for parameter 'default_artifact_root' supplied: every workspace has a place "
            "of its own in the server's store."
        )


@require_safe
def health(request: HttpRequest, workspace: str = "") -> HttpResponse:
    """Say that the server answers."""
    return HttpResponse("OK", content_type="text/plain")


@require_safe
def version(request: HttpRequest, workspace: str = "") -> HttpResponse:
    """Return the version of MLflow whose API this is."""
    return HttpResponse(MLFLOW_VERSION, content_type="text/plain")
