"""What a page shows of a file without running any of it: nothing here loads a pickle, a model or a page."""

import codecs
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import PurePosixPath

import msgspec
from django.utils.safestring import SafeString

from tracking.web.figures import Json, read_figure
from tracking.web.json_tree import render_json_tree
from tracking.web.markup import render_code, render_markdown
from tracking.web.notebooks import NotebookCell, read_notebook

MAX_HEAD_BYTES = 256 * 1024
MAX_IMAGE_BYTES = 32 * 1024 * 1024
MAX_PAGE_BYTES = 16 * 1024 * 1024
MAX_TABLE_ROWS = 200
MAX_TABLE_COLUMNS = 60
MAX_CELL = 300
NO_HTML = SafeString("")

# What a browser may show from our origin: formats in which nothing can run.
INLINE_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
MEDIA_TYPES = {
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".wav": "audio/wav",
    ".mov": "video/quicktime",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
}
PDF_TYPE = "application/pdf"
# Files that run code when the usual library loads them.
UNSAFE_SUFFIXES = {
    ".ckpt", ".cloudpickle", ".dill", ".joblib", ".mar", ".p", ".pickle", ".pkl", ".pt", ".pth",
}  # fmt: skip


class PreviewKind(StrEnum):
    """How a file is shown; also the name of its template below artifacts/previews/."""

    IMAGE = "image"
    CODE = "code"
    MARKDOWN = "markdown"
    TABLE = "table"
    TREE = "tree"
    FIGURE = "figure"
    NOTEBOOK = "notebook"
    AUDIO = "audio"
    VIDEO = "video"
    PDF = "pdf"
    PAGE = "page"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Preview:
    """A file, or its beginning, ready to be shown. ``is_partial``: there is more than is shown."""

    kind: PreviewKind
    html: SafeString = NO_HTML
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    is_partial: bool = False
    tree: SafeString = NO_HTML
    cells: tuple[NotebookCell, ...] = ()
    figure: dict[str, Json] | None = None


class LoggedTable(msgspec.Struct, forbid_unknown_fields=True):
    """The JSON that ``mlflow.log_table`` writes."""

    columns: list[str | int]
    data: list[list[object]]


def inline_type(name: str) -> str | None:
    """Return the media type under which a picture may be shown in the page; None: it is none that may."""
    return INLINE_TYPES.get(_suffix(name))


def embedded_type(name: str) -> str | None:
    """Return the media type under which a file may be shown or played in the page; None: it may only be downloaded."""
    suffix = _suffix(name)
    return INLINE_TYPES.get(suffix) or MEDIA_TYPES.get(suffix) or (PDF_TYPE if suffix == ".pdf" else None)


def is_page(name: str) -> bool:
    """Tell whether a file is a page of its own, which a frame without any rights may show."""
    return _suffix(name) in (".html", ".htm")


def is_unsafe_format(name: str) -> bool:
    """Tell whether loading the file runs code that is in it."""
    return _suffix(name) in UNSAFE_SUFFIXES or name.rpartition("/")[2] == "pytorch_model.bin"


def reads_head(name: str, *, size_bytes: int) -> bool:
    """Tell whether a preview needs the file's first ``MAX_HEAD_BYTES``."""
    return size_bytes > 0 and embedded_type(name) is None and not is_unsafe_format(name)


def make_preview(name: str, *, head: bytes, size_bytes: int) -> Preview:
    """Return what to show of a file of which ``head`` was read."""
    if inline_type(name):
        return Preview(PreviewKind.IMAGE if size_bytes <= MAX_IMAGE_BYTES else PreviewKind.NONE)
    media = embedded_type(name)
    if media and size_bytes:
        return Preview(PreviewKind.PDF if media == PDF_TYPE else PreviewKind(media.partition("/")[0]))
    is_cut = len(head) < size_bytes
    text = _text_of(head)
    if text is None or not reads_head(name, size_bytes=size_bytes):
        return Preview(PreviewKind.NONE)
    suffix = _suffix(name)
    if suffix in (".csv", ".tsv"):
        return _table_of_csv(text, is_cut=is_cut, delimiter="\t" if suffix == ".tsv" else ",")
    if suffix in (".md", ".markdown"):
        return Preview(PreviewKind.MARKDOWN, html=render_markdown(text), is_partial=is_cut)
    if is_page(name) and size_bytes <= MAX_PAGE_BYTES:
        return Preview(PreviewKind.PAGE, html=render_code(text, name=name), is_partial=False)
    if suffix == ".ipynb" and not is_cut and (cells := read_notebook(text)) is not None:
        return Preview(PreviewKind.NOTEBOOK, cells=tuple(cells))
    if suffix in (".json", ".ipynb") and not is_cut:
        return _preview_of_json(name, head)
    return Preview(PreviewKind.CODE, html=render_code(text, name=name), is_partial=is_cut)


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _text_of(head: bytes) -> str | None:
    """Return the text, without a character that the end of ``head`` cuts in two; None if it is not UTF-8 text."""
    if b"\0" in head:
        return None
    try:
        return codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        return None


def _preview_of_json(name: str, raw: bytes) -> Preview:
    text = raw.decode("utf-8-sig")
    try:
        table = msgspec.json.decode(text, type=LoggedTable)
    except (msgspec.DecodeError, RecursionError):
        code = render_code(_indented(text), name=name)
        if figure := read_figure(text):
            return Preview(PreviewKind.FIGURE, html=code, figure=figure)
        tree = render_json_tree(text)
        return Preview(PreviewKind.TREE, html=code, tree=tree) if tree else Preview(PreviewKind.CODE, html=code)
    cells = [[_cell(value) for value in row] for row in table.data[:MAX_TABLE_ROWS]]
    return _table([str(column) for column in table.columns], cells, is_partial=len(table.data) > MAX_TABLE_ROWS)


def _indented(text: str) -> str:
    """Return JSON with indents, its numbers as they stand; as it is if it is not strict JSON (NaN is not)."""
    try:
        return msgspec.json.format(text, indent=2)
    except (msgspec.DecodeError, RecursionError):
        return text


def _table_of_csv(text: str, *, is_cut: bool, delimiter: str) -> Preview:
    whole_lines = text[: text.rfind("\n") + 1] if is_cut else text
    reader = csv.reader(io.StringIO(whole_lines, newline=""), delimiter=delimiter)
    try:
        rows = list(islice(reader, MAX_TABLE_ROWS + 2))
    except csv.Error:
        return Preview(PreviewKind.CODE, html=render_code(text, name=""), is_partial=is_cut)
    if not rows:
        return Preview(PreviewKind.CODE, html=render_code(text, name=""), is_partial=is_cut)
    header, body = rows[0], rows[1 : MAX_TABLE_ROWS + 1]
    return _table(header, body, is_partial=is_cut or len(rows) > MAX_TABLE_ROWS + 1)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, is_partial: bool) -> Preview:
    return Preview(
        PreviewKind.TABLE,
        columns=tuple(column[:MAX_CELL] for column in columns[:MAX_TABLE_COLUMNS]),
        rows=tuple(tuple(cell[:MAX_CELL] for cell in row[:MAX_TABLE_COLUMNS]) for row in rows),
        is_partial=is_partial or len(columns) > MAX_TABLE_COLUMNS,
    )


def _cell(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
