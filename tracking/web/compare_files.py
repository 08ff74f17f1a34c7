"""A file in several runs, side by side: pictures as they are, texts as what changed from the first run's."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from tracking.artifacts.queries import head_run_file, list_run_files, read_run_file
from tracking.core.errors import InvalidParameterError, NotFoundError
from tracking.web.charts import ChartedRun
from tracking.web.formats import spell_marks
from tracking.web.markup import render_code
from tracking.web.previews import MAX_HEAD_BYTES, MAX_IMAGE_BYTES, inline_type, reads_head

if TYPE_CHECKING:
    from tracking.runs.models import Run
    from tracking.workspaces.models import Workspace

MAX_RUNS_READ = 12  # a comparison of files asks the store once for each run
MAX_RUNS_LISTED = 2  # what is offered comes from these; any path may be typed
MAX_LISTED = 200
NO_HTML = SafeString("")


@dataclass(frozen=True, slots=True)
class FileInRun:
    """What a run has under the path. ``kind``: image, text, same (as the first run's), absent or other."""

    charted: ChartedRun
    kind: str
    url: str = ""
    html: SafeString = NO_HTML


def list_common_files(runs: Sequence[Run]) -> list[str]:
    """Return the files that lie at the top of the artifacts of the first two runs, by name."""
    names = set()
    for run in runs[:MAX_RUNS_LISTED]:
        names |= {
            info.path for info in list_run_files(run=run, path="", after=None, limit=MAX_LISTED) if not info.is_dir
        }
    return sorted(names)[:MAX_LISTED]


def compare_file(
    *, workspace: Workspace, runs: Sequence[Run], charted: Sequence[ChartedRun], path: str
) -> list[FileInRun]:
    """Return the file of each of the first few runs; the texts after the first as differences from it."""
    found: list[FileInRun] = []
    first: str | None = None
    for run, shown in list(zip(runs, charted, strict=True))[:MAX_RUNS_READ]:
        query = urlencode({"path": path, "inline": "1"})
        url = f"{reverse('web:artifact_download', args=[workspace.name, run.uid])}?{query}"
        if inline_type(path):
            is_there = _size(run, path) is not None
            found.append(FileInRun(shown, "image" if is_there else "absent", url))
            continue
        text = _text(run, path)
        if not isinstance(text, str):
            found.append(FileInRun(shown, "absent" if text is None else "other", url))
        elif first is None:
            first = text
            found.append(FileInRun(shown, "text", url, render_code(text, name=path)))
        else:
            found.append(_difference(shown, url, first, text))
    return found


def _difference(shown: ChartedRun, url: str, first: str, text: str) -> FileInRun:
    lines = list(difflib.unified_diff(first.splitlines(), text.splitlines(), lineterm="", n=2))[2:]
    if not lines:
        return FileInRun(shown, "same", url)
    return FileInRun(shown, "text", url, render_code("\n".join(lines), name="x.diff"))


def _size(run: Run, path: str) -> int | None:
    """Return how large a file is, None where the run has none that can be shown."""
    try:
        size = head_run_file(run=run, path=path).size_bytes
    except (NotFoundError, InvalidParameterError):
        return None
    return size if size <= MAX_IMAGE_BYTES else None


def _text(run: Run, path: str) -> str | bytes | None:
    """Return the beginning of a text file, b"" for a file that is none, None where the run has no such file."""
    size = _size(run, path)
    if size is None:
        return None
    if not reads_head(path, size_bytes=size):
        return b""
    head = b"".join(read_run_file(run=run, path=path, end=min(size, MAX_HEAD_BYTES)))
    try:
        text = head.decode("utf-8", errors="strict" if size <= MAX_HEAD_BYTES else "ignore")
    except UnicodeDecodeError:
        return b""
    if "\0" in text:
        return b""
    return _canonical(text) if path.lower().endswith(".json") else spell_marks(text)


def _canonical(text: str) -> str:
    """Return JSON with sorted keys and indents, so that only what it says differs."""
    try:
        return json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
