"""The data of line charts, and what a page needs to show a grid of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import msgspec
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.middleware.csrf import get_token
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from tracking.charts.answers import Sources
from tracking.charts.asking import MAX_CURVES, X_METRIC, SeriesAsked, parse_x
from tracking.charts.asking import MAX_RUNS as MAX_CHARTED
from tracking.charts.export import csv_parts
from tracking.charts.groups import Average, Spread, parse_grouping
from tracking.charts.run_values import read_run_values
from tracking.charts.series import MOST_WITH_BAND, Smoother, XAxis, parse_smoothing
from tracking.charts.template import DASHES, RUN_COLOURS, Json, chart_template
from tracking.core.errors import InvalidParameterError
from tracking.metrics.types import SeriesRow
from tracking.runs.queries import find_runs
from tracking.runs.types import RunRow, RunStatus
from tracking.web.base import workspace_page
from tracking.web.formats import format_count, unnamed
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace


MAX_RUNS = 100  # named one by one in a page's address
AMOUNTS = (10, 100, MAX_CHARTED)
MAX_OFFERED = 200  # choices in a list
EPOCH = "epoch"
CHART_FIELDS = (
    *("x", "smooth", "logx", "logy", "clip", "link", "by", "average", "spread", "live", "find", "zoom", "full", "pin"),
    *("order", "panel", "tips", "charted"),
)
"""What charts_state.js writes into the address of a page with charts, and ``charted``."""
TIP_ORDERS = ("value", "nearest", "name")
INTERVALS_S = (2, 5, 10, 30, 60, 0)


@require_http_methods(["GET", "POST"])
@workspace_page(need=Permission.READ)
def series(request: HttpRequest, workspace: Workspace) -> HttpResponseBase:
    """Answer the curves of some metrics of some runs as typed arrays; runs the workspace does not have are left out.

    With ``since`` only what changed: four queries where something did, two where nothing did. POST is for questions
    that are too long for an address; it changes nothing.
    """
    try:
        asked = SeriesAsked.from_query(_query(request))
        sources = Sources.find(workspace=workspace, asked=asked)
        etag = sources.etag(asked)
        unchanged = get_conditional_response(request, etag=etag) if request.method == "GET" else None
        answer = unchanged or _json(sources.answer(asked))
    except InvalidParameterError as error:
        return _refusal(error)
    answer["ETag"] = etag
    answer["Cache-Control"] = "private, no-cache"
    return answer


@require_http_methods(["GET", "POST"])
@workspace_page(need=Permission.READ)
def series_csv(request: HttpRequest, workspace: Workspace) -> HttpResponseBase:
    """Send all points of ``metric`` of ``run`` as CSV, streamed; the parameters are those of ``series``."""
    try:
        asked = SeriesAsked.from_query(_query(request))
    except InvalidParameterError as error:
        return _refusal(error)
    runs = find_runs(workspace=workspace, uids=asked.uids)
    name = re.sub(r"[^\w.-]+", "_", asked.metrics[0])
    return StreamingHttpResponse(
        csv_parts(runs=runs, metrics=asked.metrics),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": content_disposition_header(True, f"{name}.csv") or "attachment"},
    )


@require_http_methods(["GET", "POST"])
@workspace_page(need=Permission.READ)
def run_values(request: HttpRequest, workspace: Workspace) -> HttpResponseBase:
    """Answer params, tags and statistics of metrics (``column``, several) of the runs ``run``, column by column."""
    query = _query(request)
    uids = list(dict.fromkeys(uid for text in query.get("run", ()) for uid in text.split(",") if uid))
    runs = find_runs(workspace=workspace, uids=uids[:MAX_CHARTED])
    try:
        columns = read_run_values(runs=runs, columns=list(dict.fromkeys(query.get("column", ()))))
    except InvalidParameterError as error:
        return _refusal(error)
    return _json({"runs": [run.uid for run in runs], "columns": columns})


def _query(request: HttpRequest) -> dict[str, list[str]]:
    return dict((request.POST if request.method == "POST" else request.GET).lists())


def _json(value: object, *, status: int = 200) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(value), content_type="application/json", status=status)


def _refusal(error: InvalidParameterError) -> HttpResponse:
    return _json({"error": str(error)}, status=400)


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
class ChartsState:
    """How the reader looks at a grid, as its address says; nonsense there counts as absent."""

    x: str
    smoother: str
    amount: str
    is_log_x: bool
    is_log_y: bool
    is_clipped: bool
    is_linked: bool
    group: str
    average: str
    spread: str
    live: str
    find: str
    tips: str

    @classmethod
    def from_query(cls, query: QueryDict) -> Self:
        """Read ``x``, ``smooth``, ``logx``, ``logy``, ``clip``, ``link``, ``by``, ``average``, ``spread``, ``live``,
        ``find``, ``tips``.
        """
        smooth = query.get("smooth", "")
        smoother, _, amount = smooth.rpartition(":")  # a bare number is the weight of an EMA
        smoother = smoother or Smoother.EMA
        is_smooth = bool(smooth) and not _is_refused(parse_smoothing, f"{smoother}:{amount}")
        x = query.get("x", XAxis.STEP)
        group, average, spread = query.get("by", ""), query.get("average", "mean"), query.get("spread", "std")
        is_group = not _is_refused(parse_grouping, group, average, spread)
        return cls(
            x=XAxis.STEP if _is_refused(parse_x, x) else x,
            smoother=smoother if is_smooth else Smoother.EMA,
            amount=amount if is_smooth else "0",
            is_log_x=query.get("logx") == "1",
            is_log_y=query.get("logy") == "1",
            is_clipped=query.get("clip") == "1",
            is_linked=query.get("link") != "0",
            group=group if is_group else "",
            average=average if is_group else Average.MEAN,
            spread=spread if is_group else Spread.STD,
            live=query.get("live", ""),
            find=query.get("find", ""),
            tips=tips if (tips := query.get("tips", "")) in TIP_ORDERS else TIP_ORDERS[0],
        )

    @property
    def x_metric(self) -> str:
        """The metric that is x, "" if none is."""
        return self.x.removeprefix(X_METRIC) if self.x.startswith(X_METRIC) else ""

    @property
    def group_param(self) -> str:
        return self.group.removeprefix("params.") if self.group.startswith("params.") else ""

    @property
    def group_tag(self) -> str:
        return self.group.removeprefix("tags.") if self.group.startswith("tags.") else ""


def _is_refused(parse: Callable[..., object], *texts: str) -> bool:
    try:
        parse(*texts)
    except InvalidParameterError:
        return True
    return False


@dataclass(frozen=True, slots=True)
class Choice:
    """An option of a list."""

    value: str
    name: str
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class ChartGrid:
    """What templates/charts/grid.html shows. ``context`` is for static/js/charts_grid.js, through json_script.

    ``amounts``: how many runs there are to choose from, none where the page does not let the reader choose. ``kept``:
    what forms send along (charts/_state.html).
    """

    runs: tuple[ChartedRun, ...]
    metrics: tuple[str, ...]
    amounts: tuple[Choice, ...]
    intervals: tuple[Choice, ...]
    is_live: bool
    state: ChartsState
    kept: tuple[tuple[str, str], ...]
    context: dict[str, Json]


def charted_runs(*, workspace: Workspace, runs: Sequence[RunRow]) -> list[ChartedRun]:
    """Give each run its place; at most ``MAX_CHARTED`` of them."""
    return [
        ChartedRun(run.uid, unnamed(run.name), reverse("web:run_detail", args=[workspace.name, run.uid]), place)
        for place, run in enumerate(runs[:MAX_CHARTED])
    ]


def chart_grid(
    *,
    request: HttpRequest,
    workspace: Workspace,
    runs: Sequence[RunRow],
    metrics: Sequence[str],
    found: int = 0,
) -> ChartGrid:
    """Return a grid of one chart a metric over these runs, for ``{% include "charts/grid.html" %}``. No query.

    How they are shown is read from the page's address.

    :param found: runs that the page's filter finds, where the reader may choose how many of them are charted.
    """
    charted = charted_runs(workspace=workspace, runs=runs)
    is_live = any(run.status is RunStatus.RUNNING for run in runs)
    names: list[Json] = list(metrics)
    by_epoch: list[Json] = [*sorted(metrics, key=lambda name: (name.rpartition("/")[2] != EPOCH, name))]
    rows: list[Json] = [
        {"uid": run.uid, "name": run.name, "url": run.url, "colour": run.colour, "dash": run.dash} for run in charted
    ]
    params = sorted({pair.key for run in runs for pair in run.params})
    tags = sorted({pair.key for run in runs for pair in run.tags if not pair.key.startswith("mlflow.")})
    columns: list[Json] = [*(f"params.{key}" for key in params), *(f"tags.{key}" for key in tags)]
    context: dict[str, Json] = {
        "seriesUrl": reverse("web:series", args=[workspace.name]),
        "csvUrl": reverse("web:series_csv", args=[workspace.name]),
        "valuesUrl": reverse("web:run_values", args=[workspace.name]),
        "csrfToken": get_token(request),
        "runs": rows,
        "metrics": names,
        "xMetrics": by_epoch[:MAX_OFFERED],
        "columns": columns[:MAX_OFFERED],
        "isLive": is_live,
        "template": chart_template(),
        "mostCurves": MAX_CURVES,
        "mostWithBand": MOST_WITH_BAND,
        "text": dict(_texts()),
    }
    state = ChartsState.from_query(request.GET)
    chosen = request.GET.get("charted", str(AMOUNTS[0]))
    return ChartGrid(
        runs=tuple(charted),
        metrics=tuple(metrics),
        amounts=tuple(
            Choice(str(most), format_count(most), str(most) == chosen) for most in AMOUNTS if found > min(AMOUNTS)
        ),
        intervals=_intervals(state.live),
        is_live=is_live,
        state=state,
        kept=tuple((name, value) for name in CHART_FIELDS for value in request.GET.getlist(name) if value),
        context=context,
    )


def _intervals(chosen: str) -> tuple[Choice, ...]:
    """Return how often live charts may be brought up to date; 0: never."""
    usual = chosen if chosen in map(str, INTERVALS_S) else str(INTERVALS_S[1])
    names = {seconds: gettext("%(seconds)s s") % {"seconds": seconds} for seconds in INTERVALS_S if seconds}
    return tuple(
        Choice(str(seconds), names.get(seconds, gettext("off")), str(seconds) == usual) for seconds in INTERVALS_S
    )


def metric_names(series_rows: dict[int, list[SeriesRow]]) -> list[str]:
    """Return the keys of all these series, sorted."""
    return sorted({row.key for rows in series_rows.values() for row in rows})


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
        "grouped": gettext("{shown} groups of {total} runs"),
        "together": gettext("{total} runs as one line"),
        "clipped": gettext("middle 98 %"),
        "clippedWhy": gettext("The axis shows the middle 98 % of the values; no point is left out."),
        "allRuns": gettext("All runs"),
        "noValue": gettext("without a value"),
        "pinned": gettext("Pinned"),
        "pin": gettext("Pin to the top"),
        "unpin": gettext("Take from the top"),
        "panelScatter": gettext("{y} over {x}"),
        "panelBar": gettext("{y} of each run"),
        "panelParallel": gettext("Parallel coordinates"),
        "panelContour": gettext("{z} over {x} and {y}"),
        "panelBox": gettext("{y} by {x}"),
        "panelEmpty": gettext("No run has all of these values."),
        "panelFew": gettext("A contour needs four runs that do not lie on one line."),
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
