"""The data of line charts, and what a page needs to show a grid of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from tracking.charts.answers import Sources
from tracking.charts.asking import MAX_RUNS as MAX_RUNS  # the pages around a grid choose as many
from tracking.charts.asking import SeriesAsked
from tracking.charts.series import XAxis
from tracking.charts.template import DASHES, RUN_COLOURS, Json, chart_template
from tracking.core.errors import InvalidParameterError
from tracking.metrics.types import SeriesRow
from tracking.runs.types import RunRow, RunStatus
from tracking.web.base import workspace_page
from tracking.web.formats import unnamed
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace


@require_http_methods(["GET", "POST"])
@workspace_page(need=Permission.READ)
def series(request: HttpRequest, workspace: Workspace) -> HttpResponseBase:
    """Answer the curves of some metrics of some runs as typed arrays; runs the workspace does not have are left out.

    With ``since`` only what changed: four queries where something did, two where nothing did. POST is for questions
    that are too long for an address; it changes nothing.
    """
    try:
        asked = SeriesAsked.from_query(dict((request.POST if request.method == "POST" else request.GET).lists()))
        sources = Sources.find(workspace=workspace, asked=asked)
        etag = sources.etag(asked)
        unchanged = get_conditional_response(request, etag=etag) if request.method == "GET" else None
        answer = unchanged or HttpResponse(msgspec.json.encode(sources.answer(asked)), content_type="application/json")
    except InvalidParameterError as error:
        return HttpResponse(msgspec.json.encode({"error": str(error)}), content_type="application/json", status=400)
    answer["ETag"] = etag
    answer["Cache-Control"] = "private, no-cache"
    return answer


# ---- the grid of charts that pages include -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChartedRun:
    """A run in a grid of charts. ``place`` decides its colour and dash: the same in every chart and beside its name."""

    uid: str
    name: str
    url: str
    place: int

    @property
    def colour(self) -> int:
        return self.place % RUN_COLOURS

    @property
    def dash(self) -> int:
        return self.place // RUN_COLOURS % len(DASHES)

    @property
    def css(self) -> str:
        """Classes for its mark; see static/css/charts.css."""
        return f"run-mark run-colour-{self.colour} run-dash-{self.dash}"


@dataclass(frozen=True, slots=True)
class ChartGrid:
    """What templates/charts/grid.html shows. ``context`` is for static/js/charts_grid.js, through json_script."""

    runs: tuple[ChartedRun, ...]
    metrics: tuple[str, ...]
    is_live: bool
    x: str
    smooth: str
    is_log_y: bool
    context: dict[str, Json]


def charted_runs(*, workspace: Workspace, runs: Sequence[RunRow]) -> list[ChartedRun]:
    """Give each run its place; at most ``MAX_RUNS`` of them."""
    return [
        ChartedRun(run.uid, unnamed(run.name), reverse("web:run_detail", args=[workspace.name, run.uid]), place)
        for place, run in enumerate(runs[:MAX_RUNS])
    ]


def chart_grid(
    *, request: HttpRequest, workspace: Workspace, runs: Sequence[RunRow], metrics: Sequence[str]
) -> ChartGrid:
    """Return a grid of one chart a metric over these runs, for ``{% include "charts/grid.html" %}``. No query.

    The axis, the smoothing and the scale of y are read from the page's address.
    """
    x = request.GET.get("x", "")
    smooth = request.GET.get("smooth", "")
    is_log_y = request.GET.get("logy") == "1"
    charted = charted_runs(workspace=workspace, runs=runs)
    is_live = any(run.status is RunStatus.RUNNING for run in runs)
    names: list[Json] = list(metrics)
    rows: list[Json] = [
        {"uid": run.uid, "name": run.name, "url": run.url, "colour": run.colour, "dash": run.dash} for run in charted
    ]
    context: dict[str, Json] = {
        "seriesUrl": reverse("web:series", args=[workspace.name]),
        "runs": rows,
        "metrics": names,
        "isLive": is_live,
        "template": chart_template(),
        "text": dict(_texts()),
    }
    return ChartGrid(
        runs=tuple(charted),
        metrics=tuple(metrics),
        is_live=is_live,
        x=x if x in list(XAxis) else XAxis.STEP,
        smooth=smooth if _is_weight(smooth) else "0",
        is_log_y=is_log_y,
        context=context,
    )


def metric_names(series_rows: dict[int, list[SeriesRow]]) -> list[str]:
    """Return the keys of all these series, sorted."""
    return sorted({row.key for rows in series_rows.values() for row in rows})


def _is_weight(text: str) -> bool:
    try:
        return 0 <= float(text) < 1
    except ValueError:
        return False


def _texts() -> dict[str, str]:
    """Return the words that the script needs beyond those in the template."""
    return {
        "step": gettext("Step"),
        "time": gettext("Time (UTC)"),
        "relative": gettext("Time since start"),
        "seconds": gettext("s"),
        "minutes": gettext("min"),
        "hours": gettext("h"),
        "days": gettext("d"),
        "points": gettext("{shown} of {total} points"),
        "badge": gettext("{shown} of {total} points are drawn: first, lowest, highest and last of every bucket."),
        "general": gettext("General"),
        "more": gettext("Show {count} more"),
        "others": gettext("and {count} more"),
        "found": gettext("Found"),
        "noMatch": gettext("No metric has “{text}” in its name."),
        "failed": gettext("The curves could not be loaded."),
        "signedOut": gettext("You have been signed out. Load the page again to sign in."),
        "noPoints": gettext("No finite value in this range."),
    }
