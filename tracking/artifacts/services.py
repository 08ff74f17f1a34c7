"""Changes to artifacts."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.queries import named_within, the_store, workspace_folder
from tracking.artifacts.types import Cleared, ObjectHead
from tracking.core.commits import without_waiting
from tracking.core.errors import InvalidParameterError, NotFoundError, QuotaExceededError
from tracking.workspaces.models import Workspace
from tracking.workspaces.queries import count_artifact_bytes, get_quota, list_unmeasured
from tracking.workspaces.services import add_artifact_bytes, note_measured

ABANDONED_AFTER = timedelta(hours=24)
MEASURED_EVERY = timedelta(hours=24)


def put_file(
    *, workspace: Workspace, path: ArtifactPath, chunks: Iterable[bytes], size_bytes: int | None
) -> ObjectHead:
    """Store a file, whole or not at all; a present one is replaced. The caller has authorised the path.

    One query, which counts its bytes; with a quota two. Uploads at the same moment may pass a quota together.

    :raises InvalidParameterError: if fewer or more than ``size_bytes`` bytes came, or a folder stands in the way.
    :raises QuotaExceededError: if it would take the workspace over its quota; without a size, as soon as it does.
    """
    folder = workspace_folder(workspace)
    with named_within(folder):
        replaced = _size_of(folder / path)
        head = the_store().put(
            folder / path, _within_quota(workspace, chunks, size_bytes, replaced), size_bytes=size_bytes
        )
    with without_waiting():  # the file is durable; a count that is lost is put right by ``measure_usage``
        add_artifact_bytes(workspace_id=workspace.pk, change=head.size_bytes - replaced)
    return head


def delete_files(*, workspace: Workspace, path: ArtifactPath) -> int:
    """Delete a file or a folder with all in it, return the bytes freed; one that does not exist frees 0.

    :raises InvalidParameterError: if the path names the whole workspace.
    """
    if path.is_root:
        raise InvalidParameterError("Invalid path: it names the whole artifact store of the workspace.")
    folder = workspace_folder(workspace)
    with named_within(folder):
        freed = the_store().delete(folder / path)
    add_artifact_bytes(workspace_id=workspace.pk, change=-freed)
    return freed


def clear_files(*, workspace: Workspace, paths: Sequence[ArtifactPath], limit: int) -> Cleared:
    """Remove at most ``limit`` files at or below these paths; the root stands for all the workspace has. No query.

    The caller counts what is gone, with ``count_cleared``, in the transaction that removes the rows.
    """
    folder = workspace_folder(workspace)
    with named_within(folder):
        return the_store().clear([folder / path if path.parts else folder for path in paths], limit=limit)


def count_cleared(*, workspace: Workspace, cleared: Cleared) -> None:
    """Take what was cleared off what the workspace holds. One query, none for nothing."""
    if cleared.size_bytes:
        add_artifact_bytes(workspace_id=workspace.pk, change=-cleared.size_bytes)


def measure_usage(*, now: datetime) -> int:
    """Measure what workspaces hold whose usage was not measured for a day, a hundred at most; return how many.

    The count goes wrong by what two uploads of one file at the same moment, or a crash between a file and its count,
    leave out. What is uploaded while this looks at every file stays counted.
    """
    due = list_unmeasured(before=now - MEASURED_EVERY, limit=100)
    for workspace in due:
        counted = count_artifact_bytes(workspace=workspace)
        _, size_bytes = the_store().usage(workspace_folder(workspace))
        add_artifact_bytes(workspace_id=workspace.pk, change=size_bytes - counted)
        note_measured(workspace_id=workspace.pk, now=now)
    return len(due)


def sweep_partials(*, now: datetime) -> int:
    """Remove what uploads left that died a day ago or earlier; return how many."""
    return the_store().sweep_partials(older_than=ABANDONED_AFTER, now=now)


def _size_of(path: ArtifactPath) -> int:
    """Return the size of a file, 0 if there is none."""
    try:
        return the_store().head(path).size_bytes
    except NotFoundError:
        return 0


def _within_quota(
    workspace: Workspace, chunks: Iterable[bytes], size_bytes: int | None, replaced: int
) -> Iterable[bytes]:
    """Return the chunks, which end in an error where they pass the quota.

    :raises QuotaExceededError: at once, if the size says that they would.
    """
    most = get_quota(workspace_id=workspace.pk).bytes
    if most is None:
        return chunks
    used = count_artifact_bytes(workspace=workspace)
    error = QuotaExceededError(
        f"Workspace {workspace.name!r} may hold {most} bytes of artifacts and has {used}; the file does not fit. "
        "Delete artifacts or runs for good, or ask an owner of its resource group for a larger quota."
    )
    room = most - used + replaced
    if room < (size_bytes or 1):
        raise error
    return _up_to(room, chunks, error)


def _up_to(room: int, chunks: Iterable[bytes], error: QuotaExceededError) -> Iterator[bytes]:
    for chunk in chunks:
        room -= len(chunk)
        if room < 0:
            raise error
        yield chunk
