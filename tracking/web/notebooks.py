"""A notebook as a page: Markdown, code and what the code printed; nothing in it can run."""

import base64
import binascii
import json
from dataclasses import dataclass

import nh3
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from tracking.web.markup import TAGS, URL_SCHEMES, render_code, render_markdown

MAX_CELLS = 300
MAX_OUTPUTS = 20
MAX_TEXT = 20_000
TABLE_TAGS = TAGS | {"caption", "div", "span", "tfoot", "sub", "sup", "b", "i"}
PICTURES = ("image/png", "image/jpeg")


@dataclass(frozen=True, slots=True)
class NotebookCell:
    """A cell. ``count``: In [3]; ``outputs``: HTML that cannot do anything."""

    count: str
    source: SafeString
    is_code: bool
    outputs: tuple[SafeString, ...]


def read_notebook(text: str) -> list[NotebookCell] | None:
    """Return the cells of a notebook of nbformat 4, None if it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    cells = found.get("cells") if isinstance(found, dict) else None
    if not isinstance(cells, list):
        return None
    return [_cell(cell) for cell in cells[:MAX_CELLS] if isinstance(cell, dict)]


def _cell(cell: dict[str, object]) -> NotebookCell:
    source = _joined(cell.get("source"))
    if cell.get("cell_type") == "markdown":
        return NotebookCell("", render_markdown(source), False, ())
    outputs = cell.get("outputs")
    shown = (
        [_output(one) for one in outputs[:MAX_OUTPUTS] if isinstance(one, dict)] if isinstance(outputs, list) else []
    )
    count = cell.get("execution_count")
    return NotebookCell(
        count=str(count) if isinstance(count, int) else "",
        source=render_code(source, name="x.py"),
        is_code=True,
        outputs=tuple(one for one in shown if one),
    )


def _output(output: dict[str, object]) -> SafeString:
    """Return what an output shows at its best: a picture, a table, text."""
    if output.get("output_type") == "stream":
        return _text(_joined(output.get("text")))
    if output.get("output_type") == "error":
        return _text(f"{output.get('ename')}: {output.get('evalue')}")
    data = output.get("data")
    if not isinstance(data, dict):
        return SafeString("")
    for kind in PICTURES:
        if kind in data and _is_base64(_joined(data[kind])):
            picture = "".join(_joined(data[kind]).split())
            return format_html('<img class="preview-image" alt="" src="data:{};base64,{}">', kind, picture)
    if "text/html" in data:
        html = nh3.clean(
            _joined(data["text/html"])[: MAX_TEXT * 4],
            tags=TABLE_TAGS,
            attributes={"a": {"href", "title"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"}},
            url_schemes=URL_SCHEMES,
            clean_content_tags={"script", "style"},
            link_rel="noopener noreferrer nofollow",
        )
        return mark_safe(html)  # noqa: S308  (cleaned by nh3 a line above)
    return _text(_joined(data.get("text/plain")))


def _text(text: str) -> SafeString:
    return format_html("<pre>{}</pre>", text[:MAX_TEXT]) if text.strip() else SafeString("")


def _joined(value: object) -> str:
    """Return a text that nbformat may keep as a list of lines."""
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode("".join(text.split()), validate=True))
    except (binascii.Error, ValueError):
        return False
