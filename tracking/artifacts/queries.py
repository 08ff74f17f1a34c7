"""Questions about artifacts. Their addresses are MLflow's: ``<experiment>/<run>/artifacts/…`` within a workspace."""

from collections.abc import Iterator
from functools import lru_cache

from django.conf import settings

from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.store import ArtifactStore, open_store
from tracking.artifacts.types import FileInfo, ObjectHead
from tracking.runs.models import Run
from tracking.workspaces.models import Workspace

URI_SCHEME = "mlflow-artifacts:/"


@lru_cache(maxsize=1)
def the_store() -> ArtifactStore:
    """Return the server's artifact store."""
    return open_store(settings.ARTIFACT_ROOT)


def stored_path(workspace: Workspace, path: ArtifactPath) -> ArtifactPath:
    """Return where the store keeps a workspace's path: below a folder of the workspace's number, so that no path of one
    workspace can name a file of another."""
    return ArtifactPath((f"workspace-{workspace.pk}", *path.parts))


def run_folder(run: Run) -> ArtifactPath:
    """Return the address of a run's artifacts in its workspace."""
    return ArtifactPath((str(run.experiment_id), run.uid, "artifacts"))


def run_artifact_uri(experiment_id: int, uid: str) -> str:
    """Return the URI that MLflow clients get; without a host, so that they keep to the tracking URI they have."""
    return f"{URI_SCHEME}{experiment_id}/{uid}/artifacts"


def list_files(*, workspace: Workspace, path: ArtifactPath, after: str | None = None, limit: int) -> list[FileInfo]:
    """Return a directory's entries by name, relative to it; nothing for one that does not exist. No query."""
    return the_store().list_dir(stored_path(workspace, path), after=after, limit=limit)


def head_file(*, workspace: Workspace, path: ArtifactPath) -> ObjectHead:
    """Return what is known of a file. No query.

    :raises NotFoundError: if there is none.
    """
    return the_store().head(stored_path(workspace, path))


def read_file(
    *, workspace: Workspace, path: ArtifactPath, start: int = 0, end: int | None = None, etag: str | None = None
) -> Iterator[bytes]:
    """Stream the bytes from ``start`` up to, not including, ``end``. No query.

    :raises ConflictError: if ``etag`` is given and the file was replaced meanwhile.
    """
    return the_store().read(stored_path(workspace, path), start=start, end=end, etag=etag)


def list_run_files(*, run: Run, path: str = "", after: str | None = None, limit: int = 1000) -> list[FileInfo]:
    """Return the entries of a directory of a run's artifacts, relative to it. No query."""
    return list_files(workspace=run.workspace, path=_in_run(run, path), after=after, limit=limit)


def head_run_file(*, run: Run, path: str) -> ObjectHead:
    """Return what is known of a run's artifact. No query.

    :raises NotFoundError: if there is none.
    """
    return head_file(workspace=run.workspace, path=_in_run(run, path))


def read_run_file(*, run: Run, path: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Stream a run's artifact. No query."""
    return read_file(workspace=run.workspace, path=_in_run(run, path), start=start, end=end)


def _in_run(run: Run, path: str) -> ArtifactPath:
    return run_folder(run).join(ArtifactPath.parse(path, allow_empty=True))
