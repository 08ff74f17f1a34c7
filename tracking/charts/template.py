"""The fixed part of every line chart: what static/js/chart.js copies before it puts data, names and colours in.

Written here, so that a test can hold it against plotly's own schema. Colours come from static/css/charts.css, where
both themes have them.
"""

from typing import TypeAlias

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"

# After ten colours the next ten runs are dashed.
RUN_COLOURS = 10
DASHES: list[Json] = ["solid", "dash", "dot", "dashdot", "longdash"]

LINE: dict[str, Json] = {
    "type": "scatter",
    "mode": "lines",
    "line": {"width": 1.75, "shape": "linear"},
    "marker": {"size": 7},
    "hoverinfo": "none",
    "showlegend": False,
}
RAW: dict[str, Json] = {
    "type": "scatter",
    "mode": "lines",
    "line": {"width": 1},
    "opacity": 0.3,
    "hoverinfo": "skip",
    "showlegend": False,
}
BAND: dict[str, Json] = {
    "type": "scatter",
    "mode": "lines",
    "line": {"width": 0},
    "fill": "toself",
    "opacity": 0.16,
    "hoverinfo": "skip",
    "showlegend": False,
}
NONFINITE: dict[str, Json] = {
    "type": "scatter",
    "mode": "markers",
    "marker": {"size": 9, "line": {"width": 1}},
    "yaxis": "y2",
    "cliponaxis": False,
    "hoverinfo": "none",
    "showlegend": False,
}
BARS: dict[str, Json] = {
    "type": "bar",
    "orientation": "h",
    "textposition": "outside",
    "cliponaxis": False,
    "hoverinfo": "none",
    "showlegend": False,
}
# Kind 0 is NaN, 1 is +inf, -1 is -inf (metrics.downsample).
NONFINITE_SYMBOLS: dict[str, Json] = {"0": "x", "1": "triangle-up", "-1": "triangle-down"}
NONFINITE_WORDS: dict[str, Json] = {"0": "NaN", "1": "∞", "-1": "\u2212∞"}
# Plotly measures no words here: each time that it asks the page how long one is, the page is laid out anew. So no
# margin, angle or title follows from the words; static/js/chart.js sees to that.
LAYOUT: dict[str, Json] = {
    "margin": {"l": 52, "r": 22, "t": 10, "b": 38, "pad": 0},
    "font": {"size": 11, "family": "system-ui, sans-serif"},
    "hovermode": "x",
    "hoverdistance": 40,
    "dragmode": "zoom",
    "uirevision": "kept",
    "showlegend": False,
    "xaxis": {
        "automargin": False,
        "showline": True,
        "ticks": "outside",
        "ticklen": 4,
        "tickangle": 0,
        "ticklabeloverflow": "allow",
        "nticks": 7,
        "zeroline": False,
    },
    "yaxis": {
        "automargin": False,
        "tickangle": 0,
        "ticklabeloverflow": "allow",
        "zeroline": False,
        "nticks": 6,
        "exponentformat": "e",
    },
    "yaxis2": {"overlaying": "y", "range": [0, 1], "fixedrange": True, "visible": False},
}


def chart_template() -> dict[str, Json]:
    """Return all of it, for the page that draws charts."""
    return {
        "line": LINE,
        "raw": RAW,
        "band": BAND,
        "nonfinite": NONFINITE,
        "bars": BARS,
        "symbols": NONFINITE_SYMBOLS,
        "words": NONFINITE_WORDS,
        "dashes": DASHES,
        "colours": RUN_COLOURS,
        "layout": LAYOUT,
    }
