"""Plotly figures that were logged as JSON: what is drawn of them, and what never."""

import json
from typing import Any

import pytest

from tracking.web.figures import read_figure
from tracking.web.previews import PreviewKind, make_preview


def read(*traces: dict[str, Any], **layout: Any) -> dict[str, Any]:
    figure: Any = read_figure(json.dumps({"data": traces, "layout": layout}))
    assert figure is not None
    return dict(figure)


class TestReadFigure:
    def test_keeps_what_is_drawn(self) -> None:
        bars: dict[str, Any] = {"type": "bar", "x": ["a"], "y": [1.5], "marker": {"line": {"width": 2}}}
        figure = read(bars, title={"text": "<b>t</b><br>u"}, xaxis={"type": "log"}, width=4000, height=9)

        bars["marker"]["showscale"] = False
        assert figure["data"] == [bars]
        assert figure["layout"] == {"title": {"text": "<b>t</b><br>u"}, "xaxis": {"type": "log"}, "yaxis": {}}

    def test_draws_points_of_webgl_with_lines_and_names_a_missing_type(self) -> None:
        assert [trace["type"] for trace in read({"type": "scattergl"}, {"y": [1]})["data"]] == ["scatter", "scatter"]

    def test_takes_links_and_pictures_from_elsewhere_out(self) -> None:
        figure = read(
            {"y": [1], "name": '<a href="https://evil.example">x</a>', "text": ["<B onclick=x>"]},
            images=[{"source": "https://evil.example/x.png"}],
            template={"layout": {"images": [{"source": "https://evil.example/y.png"}]}},
            updatemenus=[{"buttons": [{"method": "relayout", "args": [{"images": []}]}]}],
        )

        assert figure["data"][0]["name"] == '&lt;a href="https://evil.example">x&lt;/a>'
        assert figure["data"][0]["text"] == ["&lt;B onclick=x>"]
        assert "images" not in json.dumps(figure)

    def test_draws_neither_a_colour_bar_nor_what_needs_inline_styles(self) -> None:
        figure = read({"type": "heatmap", "z": [[1]], "colorbar": {"title": "t"}}, coloraxis={"colorbar": {}})

        gaps = {"xgap": 1, "ygap": 1, "zsmooth": False}
        assert figure["data"][0] == {"type": "heatmap", "z": [[1]], "showscale": False} | gaps
        assert figure["layout"]["coloraxis"] == {"showscale": False}

    @pytest.mark.parametrize(
        "found",
        [
            {"data": [{"type": "surface"}], "layout": {}},
            {"data": [{"type": "image", "source": "https://evil.example/x.png"}], "layout": {}},
            {"data": [{"type": ["bar"]}], "layout": {}},
            {"data": [], "layout": {}},
            {"data": [1], "layout": {}},
            {"data": [{"y": [1]}]},
            {"data": [{"y": [1]}], "layout": {}, "rows": 3},
            [1],
        ],
    )
    def test_leaves_the_rest_to_other_previews(self, found: object) -> None:
        text = json.dumps(found)

        assert read_figure(text) is None
        assert make_preview("a.json", head=text.encode(), size_bytes=len(text)).kind is not PreviewKind.FIGURE
