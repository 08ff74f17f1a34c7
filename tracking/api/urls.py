"""The table of contents of the API: path and method -> endpoint, and the permission each needs.

Every path stands below ``/api/`` (clients) and ``/ajax-api/`` (MLflow's own pages); at the root, where the header
X-MLFLOW-WORKSPACE or nothing chooses the workspace, and below ``/w/<workspace>/``, which is what a tracking URI names.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, include, path
from django.views.decorators.csrf import csrf_exempt

from tracking.api.base import Endpoint, MlflowView, NoEndpoint
from tracking.api.mlflow import (
    artifacts,
    experiments,
    logged_models,
    metrics,
    mlflow_artifacts,
    model_versions,
    registered_models,
    runs,
    server,
)
from tracking.api.portal import urls as portal
from tracking.workspaces.types import Permission

READ, WRITE, MANAGE = Permission.READ, Permission.WRITE, Permission.MANAGE


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path."""

    method: str
    path: str
    endpoint: Endpoint[Any]
    need: Permission


E2, R2, M2, A2 = "2.0/mlflow/experiments", "2.0/mlflow/runs", "2.0/mlflow/metrics", "2.0/mlflow/artifacts"
L2, P2 = "2.0/mlflow/logged-models", "2.0/mlflow-artifacts"
G2, V2 = "2.0/mlflow/registered-models", "2.0/mlflow/model-versions"

ROUTES = (
    Route("POST", f"{E2}/create", experiments.create, WRITE),
    Route("GET", f"{E2}/get", experiments.get, READ),
    Route("GET", f"{E2}/get-by-name", experiments.get_by_name, READ),
    Route("GET", f"{E2}/search", experiments.search, READ),
    Route("POST", f"{E2}/search", experiments.search, READ),
    Route("POST", f"{E2}/update", experiments.update, WRITE),
    Route("POST", f"{E2}/delete", experiments.delete, WRITE),
    Route("POST", f"{E2}/restore", experiments.restore, WRITE),
    Route("POST", f"{E2}/set-experiment-tag", experiments.set_experiment_tag, WRITE),
    Route("POST", f"{E2}/delete-experiment-tag", experiments.delete_experiment_tag, WRITE),
    Route("POST", f"{R2}/create", runs.create, WRITE),
    Route("GET", f"{R2}/get", runs.get, READ),
    Route("POST", f"{R2}/search", runs.search, READ),
    Route("POST", f"{R2}/update", runs.update, WRITE),
    Route("POST", f"{R2}/delete", runs.delete, WRITE),
    Route("POST", f"{R2}/restore", runs.restore, WRITE),
    Route("POST", f"{R2}/log-metric", runs.log_metric, WRITE),
    Route("POST", f"{R2}/log-batch", runs.log_batch, WRITE),
    Route("POST", f"{R2}/log-parameter", runs.log_parameter, WRITE),
    Route("POST", f"{R2}/set-tag", runs.set_tag, WRITE),
    Route("POST", f"{R2}/delete-tag", runs.delete_tag, WRITE),
    Route("POST", f"{R2}/log-inputs", runs.log_inputs, WRITE),
    Route("POST", f"{R2}/outputs", runs.outputs, WRITE),
    Route("POST", f"{R2}/log-model", runs.log_model, WRITE),
    Route("GET", f"{M2}/get-history", metrics.get_history, READ),
    Route("GET", f"{M2}/get-history-bulk", metrics.get_history_bulk, READ),
    Route("GET", f"{M2}/get-history-bulk-interval", metrics.get_history_bulk_interval, READ),
    Route("GET", f"{A2}/list", artifacts.list, READ),
    Route("POST", f"{A2}/presigned-download-url", artifacts.presigned_url, READ),
    Route("POST", f"{A2}/presigned-upload-url", artifacts.presigned_url, WRITE),
    Route("POST", L2, logged_models.create, WRITE),
    Route("POST", f"{L2}/search", logged_models.search, READ),
    Route("GET", f"{L2}/<str:model_id>", logged_models.get, READ),
    Route("PATCH", f"{L2}/<str:model_id>", logged_models.finalize, WRITE),
    Route("DELETE", f"{L2}/<str:model_id>", logged_models.delete, WRITE),
    Route("POST", f"{L2}/<str:model_id>/params", logged_models.log_params, WRITE),
    Route("PATCH", f"{L2}/<str:model_id>/tags", logged_models.set_tags, WRITE),
    Route("DELETE", f"{L2}/<str:model_id>/tags/<path:tag_key>", logged_models.delete_tag, WRITE),
    Route("GET", f"{L2}/<str:model_id>/artifacts/directories", logged_models.list_directory, READ),
    Route("POST", f"{G2}/create", registered_models.create, WRITE),
    Route("GET", f"{G2}/get", registered_models.get, READ),
    Route("GET", f"{G2}/search", registered_models.search, READ),
    Route("PATCH", f"{G2}/update", registered_models.update, WRITE),
    Route("POST", f"{G2}/rename", registered_models.rename, WRITE),
    Route("DELETE", f"{G2}/delete", registered_models.delete, WRITE),
    Route("POST", f"{G2}/set-tag", registered_models.set_tag, WRITE),
    Route("DELETE", f"{G2}/delete-tag", registered_models.delete_tag, WRITE),
    Route("POST", f"{G2}/alias", registered_models.set_alias, WRITE),
    Route("GET", f"{G2}/alias", registered_models.get_by_alias, READ),
    Route("DELETE", f"{G2}/alias", registered_models.delete_alias, WRITE),
    Route("GET", f"{G2}/get-latest-versions", registered_models.get_latest_versions, READ),
    Route("POST", f"{G2}/get-latest-versions", registered_models.get_latest_versions, READ),
    Route("POST", f"{V2}/create", model_versions.create, WRITE),
    Route("GET", f"{V2}/get", model_versions.get, READ),
    Route("GET", f"{V2}/get-download-uri", model_versions.get_download_uri, READ),
    Route("GET", f"{V2}/search", model_versions.search, READ),
    Route("PATCH", f"{V2}/update", model_versions.update, WRITE),
    Route("DELETE", f"{V2}/delete", model_versions.delete, WRITE),
    Route("POST", f"{V2}/set-tag", model_versions.set_tag, WRITE),
    Route("DELETE", f"{V2}/delete-tag", model_versions.delete_tag, WRITE),
    Route("POST", f"{V2}/transition-stage", model_versions.transition_stage, WRITE),
    Route("GET", f"{P2}/artifacts", mlflow_artifacts.list, READ),
    Route("GET", f"{P2}/artifacts/<path:path>", mlflow_artifacts.download, READ),
    Route("PUT", f"{P2}/artifacts/<path:path>", mlflow_artifacts.upload, WRITE),
    Route("DELETE", f"{P2}/artifacts/<path:path>", mlflow_artifacts.delete, WRITE),
    Route("POST", f"{P2}/mpu/create/<path:path>", mlflow_artifacts.multipart, WRITE),
    Route("POST", f"{P2}/mpu/complete/<path:path>", mlflow_artifacts.multipart, WRITE),
    Route("POST", f"{P2}/mpu/abort/<path:path>", mlflow_artifacts.multipart, WRITE),
    Route("GET", f"{P2}/presigned/<path:path>", mlflow_artifacts.presigned, READ),
    Route("GET", "3.0/mlflow/server-info", server.server_info, READ),
    Route("GET", "3.0/mlflow/workspaces", server.list_workspaces, READ),
    Route("POST", "3.0/mlflow/workspaces", server.create_workspace, MANAGE),
    Route("GET", "3.0/mlflow/workspaces/<str:workspace_name>", server.get_workspace, READ),
    Route("PATCH", "3.0/mlflow/workspaces/<str:workspace_name>", server.update_workspace, MANAGE),
    Route("DELETE", "3.0/mlflow/workspaces/<str:workspace_name>", server.delete_workspace, MANAGE),
)

PLACES = ("", "w/<str:workspace>/")
# What MLflow serves elsewhere and this server does not.
ELSEWHERE = ("get-artifact", "model-versions/get-artifact", "graphql", "v1/traces", "gateway/<path:rest>")


def _endpoints() -> list[URLPattern]:
    """Return what stands below a root.

    Files come first: their addresses are many, and each is looked for anew, while where the others lead is remembered
    (portal.middleware).
    """
    by_path: defaultdict[str, dict[str, tuple[Endpoint[Any], Permission]]] = defaultdict(dict)
    for route in ROUTES:
        by_path[route.path][route.method] = (route.endpoint, route.need)
    return [
        *(
            path(below, csrf_exempt(MlflowView.as_view(endpoints=by_path[below])))
            for below in sorted(by_path, key=lambda below: "<path:" not in below)
        ),
        path("<path:rest>", NoEndpoint.as_view()),
    ]


def _places() -> list[URLPattern | URLResolver]:
    endpoints = _endpoints()
    patterns: list[URLPattern | URLResolver] = []
    for place in PLACES:
        patterns += [path(f"{place}{root}/", include(endpoints)) for root in ("api", "ajax-api")]
        patterns += [path(f"{place}health", server.health), path(f"{place}version", server.version)]
        patterns += [path(f"{place}{below}", NoEndpoint.as_view()) for below in ELSEWHERE]
    return patterns


# The REST API v1 comes first: what stands below /api/ and is neither is answered as MLflow's.
urlpatterns = [path(portal.PREFIX, include(portal.urlpatterns)), *_places()]
