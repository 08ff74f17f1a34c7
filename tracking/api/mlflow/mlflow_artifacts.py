"""``mlflow-artifacts/…``: files through the server, addressed ``<experiment>/<run>/artifacts/…`` in a workspace."""

from collections.abc import Callable, Iterator
from functools import partial

from django.http import HttpResponse, HttpResponseBase

from tracking.api.base import Call, endpoint
from tracking.api.files import body_chunks, body_size, file_response
from tracking.api.mlflow import shapes
from tracking.artifacts import queries, services
from tracking.artifacts.paths import ArtifactPath
from tracking.core.errors import ConflictError, InvalidParameterError, NotFoundError, NotImplementedHereError
from tracking.core.json import Request
from tracking.registry.queries import get_model
from tracking.registry.services import hold_model
from tracking.runs.queries import get_experiment, get_run_ref
from tracking.runs.services import hold_active_run

MAX_ENTRIES = 100_000


class ListFiles(Request):
    """mlflow-artifacts/artifacts"""

    path: str | None = None


@endpoint(ListFiles)
def list(call: Call, body: ListFiles) -> object:
    """Return a directory's entries, relative to it."""
    path = ArtifactPath.parse(body.path or "", allow_empty=True)
    if not path.is_root:
        get_experiment(workspace=call.workspace, experiment_id=path.parts[0])
    found = queries.list_files(workspace=call.workspace, path=path, limit=MAX_ENTRIES)
    return shapes.compact({"files": [shapes.file_info(info) for info in found]})


@endpoint(None)
def download(call: Call, path: str) -> HttpResponseBase:
    """Stream a file, or the range of it that was asked for."""
    asked = ArtifactPath.parse(path)
    head = queries.head_file(workspace=call.workspace, path=asked)

    def read(start: int, end: int) -> Iterator[bytes]:
        return queries.read_file(workspace=call.workspace, path=asked, start=start, end=end, etag=head.etag)

    return file_response(call.request, name=asked.name, head=head, read=read)


@endpoint(None)
def upload(call: Call, path: str) -> object:
    """Store the body as a file: whole, or not at all.

    Where its run began to be removed for good meanwhile, the file may have come too late for that and is removed here.
    """
    if path.endswith("/"):
        raise InvalidParameterError("Artifact path must include a filename, not end with a slash.")
    asked = ArtifactPath.parse(path)
    check = _authorise_write(call, asked)
    size_bytes = body_size(call.request)
    services.put_file(
        workspace=call.workspace, path=asked, chunks=body_chunks(call.request, size_bytes), size_bytes=size_bytes
    )
    try:
        check()
    except (ConflictError, NotFoundError):
        services.delete_files(workspace=call.workspace, path=asked)
        raise
    return HttpResponse()


@endpoint(None)
def delete(call: Call, path: str) -> object:
    """Delete a file or a folder; one that does not exist is no error."""
    asked = ArtifactPath.parse(path, allow_empty=True)
    _authorise_write(call, asked)
    services.delete_files(workspace=call.workspace, path=asked)
    return {}


@endpoint(None)
def multipart(call: Call, path: str) -> object:
    """Refuse; the client goes on with one PUT on just these words."""
    ArtifactPath.parse(path)
    raise NotImplementedHereError("Multipart upload is not supported for the current artifact repository")


@endpoint(None)
def presigned(call: Call, path: str) -> object:
    """Refuse: files go through this server."""
    ArtifactPath.parse(path)
    raise NotImplementedHereError("Presigned URLs are not supported for the current artifact repository")


def _authorise_write(call: Call, path: ArtifactPath) -> Callable[[], None]:
    """Prove that a path lies in the artifacts of an active run or of a logged model; return what proves it again."""
    parts = path.parts
    check: Callable[[], None]
    if len(parts) >= 3 and parts[2] == "artifacts":
        run = get_run_ref(workspace=call.workspace, uid=parts[1])
        owner, check = run.experiment_id, partial(hold_active_run, run)
    elif len(parts) >= 4 and parts[1] == "models" and parts[3] == "artifacts":
        model = get_model(workspace=call.workspace, uid=parts[2])
        owner, check = model.experiment_id, partial(hold_model, model)
    else:
        raise NotFoundError(f"No run or logged model has its artifacts at {str(path)!r}.")
    if parts[0] != str(owner):
        raise NotFoundError(f"No run or logged model has its artifacts at {str(path)!r}.")
    check()
    return check
