"""``artifacts/…``: the artifacts of a run, by run."""

from tracking.api.base import Call, endpoint
from tracking.api.mlflow import shapes
from tracking.api.mlflow.messages import RunNamed
from tracking.artifacts import queries
from tracking.artifacts.paths import ArtifactPath
from tracking.core.errors import NotImplementedHereError
from tracking.core.json import Int64
from tracking.runs.queries import get_run

PAGE = 1_000


class ListArtifacts(RunNamed):
    """artifacts/list"""

    path: str | None = None
    page_token: str | None = None


class Presign(RunNamed, kw_only=True):
    """artifacts/presigned-download-url, presigned-upload-url"""

    path: str
    expiration: Int64 | None = None
    model_id: str | None = None


@endpoint(ListArtifacts)
def list(call: Call, body: ListArtifacts) -> object:
    """Return a directory's entries, relative to the run's root, a thousand at a time."""
    run = get_run(workspace=call.workspace, uid=body.uid)
    folder = ArtifactPath.parse(body.path or "", allow_empty=True)
    found = queries.list_run_files(run=run, path=body.path or "", after=body.page_token or None, limit=PAGE)
    return shapes.compact(
        {
            "root_uri": queries.run_artifact_uri(run.experiment_id, run.uid),
            "files": [shapes.file_info(info, below=str(folder)) for info in found],
            "next_page_token": found[-1].path if len(found) == PAGE else None,
        }
    )


@endpoint(Presign)
def presigned_url(call: Call, body: Presign) -> object:
    """Refuse: files go through this server."""
    get_run(workspace=call.workspace, uid=body.uid)
    raise NotImplementedHereError("Presigned URLs are not supported for the current artifact repository")
