"""A folder of a run's artifacts as one file to download."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from tracking.artifacts.queries import read_run_file, walk_run_files
from tracking.core.errors import InvalidParameterError, NotFoundError
from tracking.runs.queries import get_run
from tracking.web.base import workspace_page
from tracking.web.errors import refusing_bad_values
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.artifacts.types import StoredFile
    from tracking.runs.models import Run
    from tracking.workspaces.models import Workspace

EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)  # before that, the format has no times


@require_safe
@workspace_page(need=Permission.READ)
@refusing_bad_values()
def artifact_zip(request: HttpRequest, workspace: Workspace, uid: str) -> HttpResponseBase:
    """Send all files below the directory ``?path=`` in one ZIP file, each as it is read; nothing is compressed again.

    :raises NotFoundError: if there are none.
    """
    run = get_run(workspace=workspace, uid=uid)
    path = request.GET.get("path", "").rstrip("/")
    files = walk_run_files(run=run, path=path)
    first = next(files, None)
    if first is None:
        raise NotFoundError(f"path: {path[:200]!r} holds no files")
    name = f"{path.rpartition('/')[2] or f'artifacts-{uid}'}.zip"
    return StreamingHttpResponse(
        _zipped(run, path, first, files),
        content_type="application/zip",
        headers={
            "Content-Disposition": content_disposition_header(True, name) or "attachment",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-cache",
        },
    )


class _Outbox:
    """What the archive is written into: a file without an end, from which the parts are taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, part: bytes) -> int:
        self._parts.append(bytes(part))
        return len(part)

    def flush(self) -> None:
        """Do nothing: parts are taken, not flushed."""

    def close(self) -> None:
        """Do nothing: whoever reads goes on to the end."""

    def take(self) -> bytes:
        """Return what was written since the last time."""
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def _zipped(run: Run, directory: str, first: StoredFile, others: Iterator[StoredFile]) -> Iterator[bytes]:
    outbox = _Outbox()
    with zipfile.ZipFile(outbox, "w") as archive:
        for file in (first, *others):
            try:
                chunks = read_run_file(run=run, path=f"{directory}/{file.path}" if directory else file.path)
            except (NotFoundError, InvalidParameterError):
                continue  # gone meanwhile, or of a name that nobody can ask for
            at = max(EARLIEST, file.modified_at)
            info = zipfile.ZipInfo(file.path, (at.year, at.month, at.day, at.hour, at.minute, at.second))
            with archive.open(info, "w", force_zip64=True) as entry:
                for chunk in chunks:
                    entry.write(chunk)
                    yield outbox.take()
            yield outbox.take()
    yield outbox.take()
