"""``workspaces/<workspace>/series``: what charts draw, for notebooks and scripts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response

from tracking.api.base import endpoint, json_response
from tracking.api.portal.base import Call
from tracking.charts.answers import ChartData, Sources
from tracking.charts.asking import SeriesAsked
from tracking.charts.export import csv_parts
from tracking.core.json import Request
from tracking.runs.queries import find_runs

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace


class Curves(Request):
    """Which metrics of which runs."""

    run: list[str]
    metric: list[str]

    def asked(self, *, since: Sequence[str] = (), **how: str | None) -> SeriesAsked:
        """Return the question. :raises InvalidParameterError: if something is missing or wrong."""
        one_each = {name: [value] for name, value in how.items() if value}
        return SeriesAsked.from_query({"run": self.run, "metric": self.metric, "since": since, **one_each})


class DrawnCurves(Curves):
    """How they are drawn; see docs/charts.md. ``since``: the states of an answer before, one a metric."""

    since: list[str] | None = None
    x: str | None = None
    x_from: float | str | None = None
    x_to: float | str | None = None
    log_x: bool | None = None
    px: int | None = None
    smooth: str | None = None
    group: str | None = None
    average: str | None = None
    spread: str | None = None


@endpoint(DrawnCurves)
def show(call: Call, body: DrawnCurves, *, workspace: "Workspace") -> ChartData | HttpResponseBase:
    """Return curves as typed arrays: sampled so that no extreme is lost, smoothed, grouped, or what changed since.

    304 to an If-None-Match that still holds: two queries, and no point is read.
    """
    asked = _asked(body)
    sources = Sources.find(workspace=workspace, asked=asked)
    etag = sources.etag(asked)
    answer = get_conditional_response(call.request, etag=etag) or json_response(sources.answer(asked))
    answer["ETag"], answer["Cache-Control"] = etag, "private, no-cache"
    return answer


@endpoint(DrawnCurves)
def ask(call: Call, body: DrawnCurves, *, workspace: "Workspace") -> ChartData:
    """Return the same for a question that is too long for an address."""
    asked = _asked(body)
    return Sources.find(workspace=workspace, asked=asked).answer(asked)


@endpoint(Curves)
def export_csv(call: Call, body: Curves, *, workspace: "Workspace") -> StreamingHttpResponse:
    """Return every point of the curves as CSV, streamed."""
    asked = body.asked()
    runs = find_runs(workspace=workspace, uids=asked.uids)
    headers = {"Content-Disposition": 'attachment; filename="series.csv"'}
    return StreamingHttpResponse(
        csv_parts(runs=runs, metrics=asked.metrics), content_type="text/csv; charset=utf-8", headers=headers
    )


def _asked(body: DrawnCurves) -> SeriesAsked:
    how = {
        "x": body.x,
        "from": None if body.x_from is None else str(body.x_from),
        "to": None if body.x_to is None else str(body.x_to),
        "log_x": "1" if body.log_x else None,
        "px": None if body.px is None else str(body.px),
        "smooth": body.smooth,
        "group": body.group,
        "average": body.average,
        "spread": body.spread,
    }
    return body.asked(since=body.since or (), **how)
