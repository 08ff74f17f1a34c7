"""What this server is: ``server-info``, ``/health``, ``/version``, and the list of workspaces."""

from django.http import HttpRequest, HttpResponse

from tracking.api.base import Call, endpoint
from tracking.api.mlflow import shapes
from tracking.core.json import Request
from tracking.workspaces import access
from tracking.workspaces.queries import list_workspaces as list_workspaces_of
from tracking.workspaces.types import Permission

MLFLOW_VERSION = "3.17.2"


class Nothing(Request):
    """A request whose path says all."""


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


def health(request: HttpRequest, workspace: str = "") -> HttpResponse:
    """Say that the server answers."""
    return HttpResponse("OK", content_type="text/plain")


def version(request: HttpRequest, workspace: str = "") -> HttpResponse:
    """Return the version of MLflow whose API this is."""
    return HttpResponse(MLFLOW_VERSION, content_type="text/plain")
