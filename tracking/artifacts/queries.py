"""Questions about artifacts. Their addresses are MLflow's: ``<experiment>/<run>/artifacts/…`` within a workspace."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from itertools import islice

from django.conf import settings

from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.store import ArtifactStore, open_store
from tracking.artifacts.types import FileInfo, FilesHeld, ObjectHead, StoredFile
from tracking.core.errors import TrackingError
from tracking.runs.models import Run
from tracking.workspaces.models import Workspace

URI_SCHEME = "mlflow-artifacts:/"


@lru_cache(maxsize=1)
def the_store() -> ArtifactStore:
    """Return the server's artifact store."""
    return open_store(settings.ARTIFACT_ROOT)


def workspace_folder(workspace: Workspace) -> ArtifactPath:
    """Return where the store keeps a workspace: a folder of its number, so that no path of one workspace can name a
    file of another."""
    return ArtifactPath((f"workspace-{workspace.pk}",))


@contextmanager
def named_within(folder: ArtifactPath) -> Iterator[None]:
    """Name paths in errors as the asker does: relative to ``folder``, which only the server knows of."""
    try:
        yield
    except TrackingError as error:
        error.args = (re.sub(rf"(['\"]){re.escape(str(folder))}(?:/|(?=\1))", r"\1", str(error)),)
        raise


def run_folder(run: Run) -> ArtifactPath:
    """Return the address of a run's artifacts in its workspace."""
    return ArtifactPath((str(run.experiment_id), run.uid, "artifacts"))


def run_home(*, experiment_id: int, uid: str) -> ArtifactPath:
    """Return the address of all files of a run in its workspace."""
    return ArtifactPath((str(experiment_id), uid))


def run_artifact_uri(experiment_id: int, uid: str) -> str:
    """Return the URI that MLflow clients get; without a host, so that they keep to the tracking URI they have."""
    return f"{URI_SCHEME}{experiment_id}/{uid}/artifacts"


def list_files(*, workspace: Workspace, path: ArtifactPath, after: str | None = None, limit: int) -> list[FileInfo]:
    """Return a directory's entries by name, relative to it; nothing for one that does not exist. No query."""
    folder = workspace_folder(workspace)
    with named_within(folder):
        return the_store().list_dir(folder / path, after=after, limit=limit)


def head_file(*, workspace: Workspace, path: ArtifactPath) -> ObjectHead:
    """Return what is known of a file. No query.

    :raises NotFoundError: if there is none.
    """
    folder = workspace_folder(workspace)
    with named_within(folder):
        return the_store().head(folder / path)


def read_file(
    *, workspace: Workspace, path: ArtifactPath, start: int = 0, end: int | None = None, etag: str | None = None
) -> Iterator[bytes]:
    """Stream the bytes from ``start`` up to, not including, ``end``. No query.

    :raises ConflictError: if ``etag`` is given and the file was replaced meanwhile.
    """
    folder = workspace_folder(workspace)
    with named_within(folder):
        return the_store().read(folder / path, start=start, end=end, etag=etag)


def walk_files(*, workspace: Workspace, path: ArtifactPath) -> Iterator[StoredFile]:
    """Yield every file at or below a path as it is found; the root stands for all the workspace has. No query."""
    folder = workspace_folder(workspace)
    with named_within(folder):
        yield from the_store().walk(folder / path if path.parts else folder)


def measure_experiment(*, workspace: Workspace, experiment_id: int, limit: int) -> FilesHeld:
    """Count the files of an experiment, its runs and its logged models; stops after ``limit``. No query."""
    held = FilesHeld(0, 0, is_exact=True)
    for file in islice(walk_files(workspace=workspace, path=ArtifactPath((str(experiment_id),))), limit + 1):
        if held.files == limit:
            return replace(held, is_exact=False)
        held = FilesHeld(held.files + 1, held.size_bytes + file.size_bytes, is_exact=True)
    return held


def list_run_files(*, run: Run, path: str = "", after: str | None = None, limit: int = 1000) -> list[FileInfo]:
    """Return the entries of a directory of a run's artifacts, relative to it. No query."""
    with named_within(run_folder(run)):
        return list_files(workspace=run.workspace, path=_in_run(run, path), after=after, limit=limit)


def head_run_file(*, run: Run, path: str) -> ObjectHead:
    """Return what is known of a run's artifact. No query.

    :raises NotFoundError: if there is none.
    """
    with named_within(run_folder(run)):
        return head_file(workspace=run.workspace, path=_in_run(run, path))


def read_run_file(
    *, run: Run, path: str, start: int = 0, end: int | None = None, etag: str | None = None
) -> Iterator[bytes]:
    """Stream a run's artifact. No query.

    :raises ConflictError: if ``etag`` is given and the file was replaced meanwhile.
    """
    with named_within(run_folder(run)):
        return read_file(workspace=run.workspace, path=_in_run(run, path), start=start, end=end, etag=etag)


def walk_run_files(*, run: Run, path: str = "") -> Iterator[StoredFile]:
    """Yield every file at or below a directory of a run's artifacts, relative to it, as it is found. No query.

    :raises InvalidParameterError: at once, if the path can name nothing.
    """
    return walk_files(workspace=run.workspace, path=_in_run(run, path))


def _in_run(run: Run, path: str) -> ArtifactPath:
    return run_folder(run).join(ArtifactPath.parse(path, allow_empty=True))
