"""JSON as a tree that one unfolds. Without a script: every branch is a <details>."""

import json

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

MAX_NODES = 2_000
MAX_DEPTH = 40
MAX_TEXT = 400


class _Written(str):
    """A number as it was written: 1.10 stays 1.10, and 20 digits stay 20."""


def render_json_tree(text: str) -> SafeString | None:
    """Return a tree, None where the text is no JSON, no object or list, too deep or too large for a tree."""
    try:
        found = json.loads(text, parse_float=_Written, parse_int=_Written, parse_constant=_Written)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict | list) or not _fits(found):
        return None
    return format_html('<ul class="json-tree">{}</ul>', _branch(found, depth=0))


def _fits(value: object) -> bool:
    level, count = [value], 0
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
        ]
        count += len(level)
        if not level or count > MAX_NODES:
            break
    return not any(isinstance(one, dict | list) for one in level) and count <= MAX_NODES


def _branch(value: dict[str, object] | list[object], *, depth: int) -> SafeString:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    return format_html_join("", "<li>{}</li>", ((_node(str(name), inner, depth),) for name, inner in pairs))


def _node(name: str, value: object, depth: int) -> SafeString:
    if isinstance(value, dict | list) and value:
        size = f"{{{len(value)}}}" if isinstance(value, dict) else f"[{len(value)}]"
        return format_html(
            '<details{}><summary><span class="json-key">{}</span> <span class="muted">{}</span></summary>'
            "<ul>{}</ul></details>",
            SafeString(" open") if depth < 2 else "",
            name,
            size,
            _branch(value, depth=depth + 1),
        )
    is_number = isinstance(value, _Written)
    shown = str(value) if is_number else json.dumps(value, ensure_ascii=False)
    cut = shown if len(shown) <= MAX_TEXT else f"{shown[:MAX_TEXT]}…"
    kind = "m" if is_number else "s" if isinstance(value, str) else "k"
    return format_html('<span class="json-key">{}</span> <span class="json-{}">{}</span>', name, kind, cut)
