import msgspec
import numpy as np
import plotly.graph_objects as go
import pytest

from tests.tracking.charts.test_series import curve, traces, view
from tracking.charts.series import Smoother, Smoothing
from tracking.charts.template import DASHES, chart_template


class TestChartTemplate:
    def test_makes_figures_that_plotlys_schema_accepts(self) -> None:
        template = msgspec.json.decode(msgspec.json.encode(chart_template()))
        values = np.sin(np.arange(3_000))
        values[5] = np.nan
        how = view(smooth=Smoothing(Smoother.EMA, 0.5))
        (trace,) = msgspec.to_builtins(traces([curve("a", values)], how))
        colour = "#0b7cc1"
        marks = {"x": [5.0], "y": [0.035], "text": [template["words"]["0"]], "customdata": [0]}
        shape = {**template["nonfinite"]["marker"], "symbol": [template["symbols"]["0"]], "color": [colour]}
        layout = template["layout"]
        axis = {**layout["xaxis"], "type": "linear"}

        figure = go.Figure(
            data=[
                {**template["band"], "x": trace["band"]["x"], "y": trace["band"]["hi"], "fillcolor": colour},
                {**template["raw"], **trace["raw"], "line": {**template["raw"]["line"], "color": colour}},
                {**template["line"], "x": trace["x"], "y": trace["y"], "name": trace["name"], "uid": "line0"},
                {**template["nonfinite"], **marks, "marker": shape},
                {**template["bars"], "x": [0.5], "y": [0], "text": ["0.5"], "customdata": [0]},
            ],
            layout={**layout, "xaxis": axis},
        )

        assert [one.mode for one in figure.data[:4]] == ["lines", "lines", "lines", "markers"]
        assert figure.data[2].y == trace["y"]

    @pytest.mark.parametrize("dash", DASHES)
    def test_has_dashes_that_plotly_knows(self, dash: str) -> None:
        assert go.scatter.Line(dash=dash).dash == dash
