"""Changes to artifacts."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.queries import named_within, the_store, workspace_folder
from tracking.artifacts.types import Cleared, ObjectHead
from tracking.core.errors import InvalidParameterError
from tracking.workspaces.models import Workspace

ABANDONED_AFTER = timedelta(hours=24)


def put_file(
    *, workspace: Workspace, path: ArtifactPath, chunks: Iterable[bytes], size_bytes: int | None
) -> ObjectHead:
    """Store a file, whole or not at all; a present one is replaced. The caller has authorised the path.

    :raises InvalidParameterError: if fewer or more than ``size_bytes`` bytes came, or a folder stands in the way.
    """
    folder = workspace_folder(workspace)
    with named_within(folder):
        return the_store().put(folder / path, chunks, size_bytes=size_bytes)


def delete_files(*, workspace: Workspace, path: ArtifactPath) -> int:
    """Delete a file or a folder with all in it, return the bytes freed; one that does not exist frees 0.

    :raises InvalidParameterError: if the path names the whole workspace.
    """
    if path.is_root:
        raise InvalidParameterError("Invalid path: it names the whole artifact store of the workspace.")
    folder = workspace_folder(workspace)
    with named_within(folder):
        return the_store().delete(folder / path)


def clear_files(*, workspace: Workspace, path: ArtifactPath, limit: int) -> Cleared:
    """Remove at most ``limit`` files at or below a path; the root stands for all the workspace has."""
    folder = workspace_folder(workspace)
    with named_within(folder):
        return the_store().clear(folder / path if path.parts else folder, limit=limit)


def sweep_partials(*, now: datetime) -> int:
    """Remove what uploads left that died a day ago or earlier; return how many."""
    return the_store().sweep_partials(older_than=ABANDONED_AFTER, now=now)
