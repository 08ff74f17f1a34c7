"""Pages of a run's artifacts: the tree, a preview, the bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, http_date, urlencode
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from tracking.artifacts.queries import head_run_file, list_run_files, read_run_file, walk_run_files
from tracking.artifacts.store import guess_content_type, parse_range
from tracking.artifacts.types import FileInfo, ObjectHead, RangeNotSatisfiableError
from tracking.core.errors import InvalidParameterError
from tracking.runs.queries import get_run
from tracking.web.base import workspace_page
from tracking.web.errors import refusing_bad_values
from tracking.web.formats import format_bytes, spell_marks, time_element, unnamed
from tracking.web.fragments import ANYWHERE, render_page
from tracking.web.list_files import list_file
from tracking.web.previews import (
    MAX_HEAD_BYTES,
    MAX_PAGE_BYTES,
    PDF_TYPE,
    Preview,
    embedded_type,
    is_page,
    is_unsafe_format,
    make_preview,
    reads_head,
)
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.runs.models import Run
    from tracking.workspaces.models import Workspace

ENTRIES_PER_PAGE = 500
MOST_FOUND = 200
MOST_LOOKED_AT = 100_000  # files: a second and a half on a local disk
FILE_HEAD = ("path", "size_bytes", "modified_at")
# Whatever is in the file, it gets no script, no cookies and no network from our address (CSP level 3, "sandbox").
DOWNLOAD_POLICY = "sandbox; default-src 'none'"
# A browser's viewer of PDF does not open in a sandbox.
PDF_POLICY = "default-src 'none'; frame-ancestors 'self'"
# A page that somebody logged: an origin of its own, no network, no forms, no way out of its frame.
FRAME_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' {script}; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; media-src data: blob:; frame-ancestors 'self'"
)
PLOTLY_SCRIPT = re.compile(rb'<script[^>]*src="https://cdn\.plot\.ly/plotly-[\w.-]+\.js"[^>]*></script>')


@dataclass(frozen=True, slots=True)
class EntryShown:
    """A line of the tree."""

    name: str
    path: str
    is_dir: bool
    size: str
    url: str
    zip_url: str = ""


@dataclass(frozen=True, slots=True)
class FileShown:
    """The facts of the file in the preview."""

    name: str
    path: str
    size: str
    modified: SafeString
    is_unsafe: bool
    is_empty: bool
    code: str
    download_url: str
    inline_url: str
    frame_url: str


@require_safe
@workspace_page(need=Permission.READ)
@refusing_bad_values()
def artifact_tree(request: HttpRequest, workspace: Workspace, uid: str) -> HttpResponseBase:
    """Show the directory ``?path=``, from after the entry ``?after=``; htmx asks for its entries alone.

    ``find`` shows the files at any depth below it whose path contains a text. As a file, ``?format=csv`` or ``json``:
    every file below it.
    """
    run = get_run(workspace=workspace, uid=uid)
    query = request.GET
    directory = query.get("path", "")
    if file := list_file(request, name="artifacts", head=FILE_HEAD, rows=_file_rows(run, directory)):
        return file
    context = page_context(workspace, run, directory=directory, after=query.get("after"), sought=query.get("find", ""))
    fragments = {ANYWHERE: "artifacts/_entries.html", "artifact-entries": "artifacts/_entries.html"}
    return render_page(request, "artifacts/artifact_tree.html", context, fragments=fragments)


@require_safe
@workspace_page(need=Permission.READ)
@refusing_bad_values()
def artifact_preview(request: HttpRequest, workspace: Workspace, uid: str) -> HttpResponse:
    """Show the file ``?path=`` beside its directory; htmx asks for the preview alone."""
    run = get_run(workspace=workspace, uid=uid)
    path = request.GET.get("path", "")
    head = head_run_file(run=run, path=path)
    directory = path.rpartition("/")[0]
    preview = _preview(run, path, head)
    context = page_context(workspace, run, directory=directory, after=None) | {
        "file": _file_shown(workspace, run, path, head),
        "preview": preview,
        "preview_template": f"artifacts/previews/{preview.kind}.html",
        "open_path": path,
    }
    return render_page(
        request, "artifacts/artifact_preview.html", context, fragments={"preview": "artifacts/_preview.html"}
    )


@require_safe
@workspace_page(need=Permission.READ)
@refusing_bad_values()
def artifact_download(request: HttpRequest, workspace: Workspace, uid: str) -> HttpResponseBase:
    """Send the file ``?path=``, or the range asked for, as an attachment.

    ``?inline=1`` lets the browser show or play it, if it is of a format in which nothing can run.
    """
    run = get_run(workspace=workspace, uid=uid)
    path = request.GET.get("path", "")
    head = head_run_file(run=run, path=path)
    unchanged = get_conditional_response(request, head.etag, int(head.modified_at.timestamp()))
    if unchanged is not None and unchanged.status_code == 304:
        return _with_headers(unchanged, request, path, head)
    try:
        wanted = parse_range(_range_header(request, head), head.size_bytes)
    except RangeNotSatisfiableError as error:
        refused = HttpResponse(status=416, headers={"Content-Range": f"bytes */{error.size_bytes}"})
        return _with_headers(refused, request, path, head)
    start, end = wanted or (0, head.size_bytes)
    response: HttpResponseBase
    if request.method == "HEAD":
        response = HttpResponse()
    else:
        response = StreamingHttpResponse(read_run_file(run=run, path=path, start=start, end=end, etag=head.etag))
    response["Content-Length"] = str(end - start)
    if wanted:
        response.status_code = 206
        response["Content-Range"] = f"bytes {start}-{end - 1}/{head.size_bytes}"
    return _with_headers(response, request, path, head)


@require_safe
@workspace_page(need=Permission.READ)
@refusing_bad_values()
def artifact_frame(request: HttpRequest, workspace: Workspace, uid: str) -> HttpResponseBase:
    """Send the page ``?path=`` for a frame: its scripts run, and they reach nothing, neither us nor the network.

    Pages that ask plotly's CDN for its script, as ``mlflow.log_figure`` writes them, get ours.
    """
    run = get_run(workspace=workspace, uid=uid)
    path = request.GET.get("path", "")
    head = head_run_file(run=run, path=path)
    if not is_page(path) or head.size_bytes > MAX_PAGE_BYTES:
        raise InvalidParameterError(f"path: {path[:200]!r} is no page that a frame can show")
    page = b"".join(read_run_file(run=run, path=path))
    ours = request.build_absolute_uri(static("vendor/plotly-cartesian.min.js"))
    response = HttpResponse(
        PLOTLY_SCRIPT.sub(f'<script src="{ours}"></script>'.encode(), page), content_type="text/html; charset=utf-8"
    )
    response["Content-Security-Policy"] = FRAME_POLICY.format(script=ours)
    response["X-Frame-Options"] = "SAMEORIGIN"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-cache"
    return response


def page_context(
    workspace: Workspace, run: Run, *, directory: str, after: str | None, sought: str = ""
) -> dict[str, object]:
    """Return what the templates of artifacts need, with the entries of one directory, or what was found below it.

    :raises InvalidParameterError: if the path can name nothing.
    """
    if wanted := sought.strip().lower():
        found = _find_files(run, directory, wanted)
        is_full = False
    else:
        found = list_run_files(run=run, path=directory, after=after, limit=ENTRIES_PER_PAGE)
        is_full = len(found) == ENTRIES_PER_PAGE
    tree_url = reverse("web:artifact_tree", args=[workspace.name, run.uid])
    return {
        "workspace": workspace,
        "run_uid": run.uid,
        "run_name": unnamed(run.name),
        "tree_url": tree_url,
        "directory": directory,
        "find": sought,
        "is_cut": bool(wanted) and len(found) == MOST_FOUND,
        "zip_url": _zip_url(workspace, run, directory),
        "list_query": urlencode({"path": directory}) if directory else "",
        "parents": _parents(directory, tree_url),
        "entries": [_entry_shown(workspace, run, directory, info) for info in found],
        "more_url": f"{tree_url}?{urlencode({'path': directory, 'after': found[-1].path})}" if is_full else "",
    }


def _find_files(run: Run, directory: str, wanted: str) -> list[FileInfo]:
    """Return the files below a directory whose path contains a text (any case), by path; looks at so many at most."""
    looked_at = islice(walk_run_files(run=run, path=directory), MOST_LOOKED_AT)
    matching = islice((file for file in looked_at if wanted in file.path.lower()), MOST_FOUND)
    return [
        FileInfo(path=file.path, is_dir=False, size_bytes=file.size_bytes, modified_at=file.modified_at)
        for file in sorted(matching, key=lambda file: file.path)
    ]


def _file_rows(run: Run, directory: str) -> Iterator[tuple[str, int, datetime]]:
    for file in walk_run_files(run=run, path=directory):
        yield file.path, file.size_bytes, file.modified_at


def _zip_url(workspace: Workspace, run: Run, path: str) -> str:
    address = reverse("web:artifact_zip", args=[workspace.name, run.uid])
    return f"{address}?{urlencode({'path': path})}" if path else address


def _parents(directory: str, tree_url: str) -> list[tuple[str, str]]:
    """Return each directory on the way down to this one as (name, URL)."""
    parts = [part for part in directory.split("/") if part]
    return [(part, f"{tree_url}?{urlencode({'path': '/'.join(parts[: i + 1])})}") for i, part in enumerate(parts)]


def _entry_shown(workspace: Workspace, run: Run, directory: str, info: FileInfo) -> EntryShown:
    path = f"{directory.rstrip('/')}/{info.path}" if directory else info.path
    page = "web:artifact_tree" if info.is_dir else "web:artifact_preview"
    return EntryShown(
        name=spell_marks(info.path),
        path=path,
        is_dir=info.is_dir,
        size="" if info.size_bytes is None else format_bytes(info.size_bytes),
        url=f"{reverse(page, args=[workspace.name, run.uid])}?{urlencode({'path': path})}",
        zip_url=_zip_url(workspace, run, path) if info.is_dir else "",
    )


def _file_shown(workspace: Workspace, run: Run, path: str, head: ObjectHead) -> FileShown:
    address = reverse("web:artifact_download", args=[workspace.name, run.uid])
    return FileShown(
        name=spell_marks(path.rpartition("/")[2]),
        path=path,
        size=format_bytes(head.size_bytes),
        modified=time_element(head.modified_at),
        is_unsafe=is_unsafe_format(path),
        is_empty=head.size_bytes == 0,
        code=f"mlflow.artifacts.download_artifacts({json.dumps(f'runs:/{run.uid}/{path}', ensure_ascii=False)})",
        download_url=f"{address}?{urlencode({'path': path})}",
        inline_url=f"{address}?{urlencode({'path': path, 'inline': '1'})}",
        frame_url=f"{reverse('web:artifact_frame', args=[workspace.name, run.uid])}?{urlencode({'path': path})}",
    )


def _preview(run: Run, path: str, head: ObjectHead) -> Preview:
    start = b""
    if reads_head(path, size_bytes=head.size_bytes):
        start = b"".join(read_run_file(run=run, path=path, end=min(head.size_bytes, MAX_HEAD_BYTES)))
    return make_preview(path, head=start, size_bytes=head.size_bytes)


def _range_header(request: HttpRequest, head: ObjectHead) -> str | None:
    """Return the Range header unless If-Range says that the reader has a part of another version (RFC 9110, 13.1.5)."""
    known = request.headers.get("If-Range")
    is_same = known is None or known in (head.etag, http_date(head.modified_at.timestamp()))
    return request.headers.get("Range") if is_same else None


def _with_headers(response: HttpResponseBase, request: HttpRequest, path: str, head: ObjectHead) -> HttpResponseBase:
    shown_as = embedded_type(path) if request.GET.get("inline") == "1" else None
    name = path.rpartition("/")[2]
    response["Content-Type"] = shown_as or guess_content_type(name)
    response["Content-Disposition"] = content_disposition_header(shown_as is None, name) or "attachment"
    response["Content-Security-Policy"] = DOWNLOAD_POLICY
    if shown_as == PDF_TYPE:
        response["Content-Security-Policy"] = PDF_POLICY
        response["X-Frame-Options"] = "SAMEORIGIN"
    response["X-Content-Type-Options"] = "nosniff"
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "private, no-cache"
    response["Last-Modified"] = http_date(head.modified_at.timestamp())
    if head.etag:
        response["ETag"] = head.etag
    return response
