"""Plotly figures that runs logged as JSON, made fit to be drawn by our plotly in our page.

What stays can only be drawn: no pictures from elsewhere, no links, no buttons, no kinds of traces our bundle lacks.
"""

import re
from collections.abc import Mapping
from typing import cast

import msgspec

Json = str | float | bool | None | list["Json"] | dict[str, "Json"]

DRAWN_TYPES = frozenset(
    ("bar", "box", "contour", "heatmap", "histogram", "histogram2d", "histogram2dcontour", "pie", "scatter", "violin")
)
PARTS = {"data", "layout", "frames", "config"}
# Pictures and addresses; what acts when it is clicked; colour bars, whose styles our policy refuses.
LEFT_OUT = frozenset(("colorbar", "config", "frames", "images", "meta", "sliders", "source", "updatemenus"))
SIZES = ("autosize", "height", "width")  # of another page
SCALED = ("heatmap", "contour", "histogram2d", "histogram2dcontour")
GAPPED = ("heatmap", "histogram2d")  # without gaps plotly enlarges a picture by an inline style, which we forbid
MARKUP = re.compile(r"<(?!/?(?:b|i|br|sub|sup) ?/?>)", re.I)


def read_figure(text: str) -> dict[str, Json] | None:
    """Return ``{data, layout}`` to draw, None if the text is no plotly figure or holds nothing that we can draw."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    if not isinstance(found, dict) or not PARTS.issuperset(found) or not isinstance(found.get("layout"), dict):
        return None
    traces = found.get("data")
    if not isinstance(traces, list) or not all(isinstance(trace, dict) for trace in traces):
        return None
    drawn = [_trace(trace) for trace in traces]
    if not drawn or None in drawn:
        return None
    layout = cast(dict[str, Json], _clean(found["layout"]))
    for size in SIZES:
        layout.pop(size, None)
    for axis in ("xaxis", "yaxis"):
        if not isinstance(layout.get(axis), dict):
            layout[axis] = {}
    if isinstance(scale := layout.get("coloraxis"), dict):
        scale["showscale"] = False
    return {"data": cast(list[Json], drawn), "layout": layout}


def _trace(trace: Mapping[str, Json]) -> dict[str, Json] | None:
    kind = trace.get("type", "scatter")
    kind = "scatter" if kind == "scattergl" else kind
    if not isinstance(kind, str) or kind not in DRAWN_TYPES:
        return None
    made = cast(dict[str, Json], _clean(dict(trace))) | {"type": kind}
    if kind in SCALED:
        made["showscale"] = False
    if kind in GAPPED:
        made |= {"xgap": 1, "ygap": 1, "zsmooth": False}
    if isinstance(marker := made.get("marker"), dict):
        marker["showscale"] = False
    return made


def _clean(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _clean(one) for key, one in value.items() if key not in LEFT_OUT}
    if isinstance(value, list):
        return [_clean(one) for one in value]
    return MARKUP.sub("&lt;", value) if isinstance(value, str) else value
