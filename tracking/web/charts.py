"""The data of line charts, and what a page needs to show a grid of them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import msgspec
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext
from django.views.decorators.http import require_GET

from tracking.charts.series import (
    Curve,
    Range,
    State,
    Trace,
    View,
    XAxis,
    chart_traces,
    parse_smoothing,
    shared_range,
    step_range,
)
from tracking.charts.template import DASHES, RUN_COLOURS, Json, chart_template
from tracking.core.clock import to_ms
from tracking.core.errors import InvalidParameterError
from tracking.metrics.blocks import FULL
from tracking.metrics.codec import Points
from tracking.metrics.downsample import grid_width
from tracking.metrics.pyramid import Buckets
from tracking.metrics.queries import read_curves, read_series, series_by_run
from tracking.metrics.types import SeriesRow
from tracking.runs.queries import find_runs
from tracking.runs.types import RunRow, RunStatus
from tracking.web.base import workspace_page
from tracking.web.formats import unnamed
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.runs.models import Run
    from tracking.workspaces.models import Workspace

MAX_RUNS = 100
MAX_METRICS = 50
PIXELS = range(10, 4001)
LONG_SERIES = FULL  # points; shorter ones are read together, in one go for all metrics


@dataclass(frozen=True, slots=True)
class SeriesAsked:
    """The query of the series endpoint, checked. ``since``: the state the reader has of each metric, "" for none."""

    uids: tuple[str, ...]
    metrics: tuple[str, ...]
    since: tuple[str, ...]
    range: Range | None
    view: View

    @classmethod
    def from_query(cls, query: QueryDict) -> Self:
        """Read the query.

        :raises InvalidParameterError: if a parameter is missing or wrong; the text begins with its name.
        """
        uids = tuple(dict.fromkeys(uid for text in query.getlist("run") for uid in text.split(",") if uid))
        metrics = tuple(dict.fromkeys(query.getlist("metric")))
        since = tuple(query.getlist("since")) or ("",) * len(metrics)
        if not 1 <= len(uids) <= MAX_RUNS:
            raise InvalidParameterError(f"run: name 1 to {MAX_RUNS} runs, got {len(uids)}")
        if not 1 <= len(metrics) <= MAX_METRICS:
            raise InvalidParameterError(f"metric: name 1 to {MAX_METRICS} metrics, got {len(metrics)}")
        if len(since) != len(metrics):
            raise InvalidParameterError(f"since: give one state for each of {len(metrics)} metrics, got {len(since)}")
        x_text, px_text = query.get("x", XAxis.STEP), query.get("px", "800")
        if x_text not in list(XAxis):
            raise InvalidParameterError(f"x: {x_text[:40]!r} is not an axis; use {', '.join(XAxis)}")
        if not (px_text.isascii() and px_text.isdigit() and len(px_text) < 6 and int(px_text) in PIXELS):
            raise InvalidParameterError(f"px: {px_text[:40]!r} is not a whole number from {PIXELS[0]} to {PIXELS[-1]}")
        return cls(
            uids=uids,
            metrics=metrics,
            since=since,
            range=_range(query),
            view=View(
                x=XAxis(x_text),
                pixels=int(px_text),
                smoothing=parse_smoothing(query.get("smooth", "")),
                is_log_x=query.get("log_x") == "1",
            ),
        )


class Answer(msgspec.Struct):
    """What the series endpoint says. ``states`` are to be sent back as ``since``; ``running``: runs that go on."""

    states: dict[str, str]
    running: list[str]
    traces: list[Trace]


@require_GET
@workspace_page(need=Permission.READ)
def series(request: HttpRequest, workspace: Workspace) -> HttpResponseBase:
    """Answer the curves of some metrics of some runs as typed arrays; runs the workspace does not have are left out.

    With ``since`` only what changed: four queries where something did, two where nothing did.
    """
    try:
        asked = SeriesAsked.from_query(request.GET)
        runs = find_runs(workspace=workspace, uids=asked.uids)
        summaries = _summaries(runs, asked.metrics)
        etag = _etag(asked, runs, summaries)
        unchanged = get_conditional_response(request, etag=etag)
        answer = unchanged or HttpResponse(
            msgspec.json.encode(_answer(asked, runs, summaries)), content_type="application/json"
        )
    except InvalidParameterError as error:
        return HttpResponse(msgspec.json.encode({"error": str(error)}), content_type="application/json", status=400)
    answer["ETag"] = etag
    answer["Cache-Control"] = "private, no-cache"
    return answer


Summaries = dict[tuple[str, str], SeriesRow]


def _summaries(runs: Sequence[Run], metrics: Sequence[str]) -> Summaries:
    by_run = series_by_run(run_ids=[run.pk for run in runs], keys=metrics)
    return {(run.uid, row.key): row for run in runs for row in by_run.get(run.pk, ())}


def _counts(runs: Sequence[Run], metric: str, summaries: Summaries) -> list[int]:
    return [summaries[run.uid, metric].received if (run.uid, metric) in summaries else 0 for run in runs]


def _etag(asked: SeriesAsked, runs: Sequence[Run], summaries: Summaries) -> str:
    """Return a tag of everything the answer is made from, except what the reader says it has."""
    parts = (
        asked.range,
        asked.view,
        [(run.uid, run.name, run.status, run.started_at) for run in runs],
        [(metric, _counts(runs, metric, summaries)) for metric in asked.metrics],
    )
    return f'"{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}"'


def _answer(asked: SeriesAsked, runs: Sequence[Run], summaries: Summaries) -> Answer:
    before, states, stale = {}, {}, []
    for metric, since in zip(asked.metrics, asked.since, strict=True):
        before[metric] = State.from_text(since, runs=len(runs)) if since else None
        known = before[metric]
        if known is not None and known.has_counts(_counts(runs, metric, summaries)):
            states[metric] = since
        else:
            stale.append(metric)
    is_long = {metric: asked.view.is_plain and _has_long_series(runs, metric, summaries) for metric in stale}
    short = [metric for metric in stale if not is_long[metric]]
    points = read_series(runs=runs, keys=short) if short else {}
    traces = []
    for metric in stale:
        chart_range: Range | None
        if is_long[metric]:
            chart_range, found = _read_long(asked, runs, metric, summaries)
            curves = _curves(runs, metric, summaries, found)
        else:
            curves = _curves(runs, metric, summaries, {run.uid: points.get((run.uid, metric)) for run in runs})
            xs = [curve.x(asked.view.x) for curve in curves]
            chart_range = _closed(asked.range, shared_range([x[x > 0] for x in xs] if asked.view.is_log_x else xs))
        state = State.of(chart_range, _counts(runs, metric, summaries))
        wanted = {runs[place].uid for place in state.changed_places(before[metric])}
        traces += chart_traces(metric=metric, curves=curves, view=asked.view, chart_range=chart_range, wanted=wanted)
        states[metric] = state.to_text()
    return Answer(states=states, running=[run.uid for run in runs if run.status == RunStatus.RUNNING], traces=traces)


def _has_long_series(runs: Sequence[Run], metric: str, summaries: Summaries) -> bool:
    return max(_counts(runs, metric, summaries), default=0) > LONG_SERIES


def _read_long(
    asked: SeriesAsked, runs: Sequence[Run], metric: str, summaries: Summaries
) -> tuple[Range, Mapping[str, Points | Buckets]]:
    """Return the chart's range and what is read in it; the range is known without reading a point."""
    shared = step_range([summaries[run.uid, metric] for run in runs if (run.uid, metric) in summaries])
    chart_range = _closed(asked.range, shared) or shared
    low, high = (min(max(end, -(2.0**63)), 2.0**63 - 1024) for end in chart_range)
    width = grid_width(chart_range, pixels=asked.view.pixels)
    return chart_range, read_curves(runs=runs, key=metric, steps=(math.ceil(low), math.floor(high)), width=width)


def _curves(
    runs: Sequence[Run], metric: str, summaries: Summaries, found: Mapping[str, Points | Buckets | None]
) -> list[Curve]:
    return [
        Curve(
            uid=run.uid,
            name=unnamed(run.name),
            started_ms=to_ms(run.started_at) or 0,
            summary=summaries[run.uid, metric],
            points=points,
        )
        for run in runs
        if (points := found.get(run.uid)) is not None and (run.uid, metric) in summaries
    ]


def _closed(asked: Range | None, shared: Range | None) -> Range | None:
    """Return the one range of x for all curves of a chart: what was asked for, its open ends closed by the data."""
    if asked is None or shared is None:
        return asked or shared
    low, high = (ours if math.isinf(theirs) else theirs for theirs, ours in zip(asked, shared, strict=True))
    return low, max(low, high)


def _range(query: QueryDict) -> Range | None:
    """Return from and to as a range, None where neither is given; an end that is missing is open."""
    low, high = _number(query, "from", -math.inf), _number(query, "to", math.inf)
    if low > high:
        raise InvalidParameterError(f"from: {low:g} is greater than to, {high:g}")
    return None if math.isinf(low) and math.isinf(high) else (low, high)


def _number(query: QueryDict, name: str, missing: float) -> float:
    text = query.get(name, "")
    if not text:
        return missing
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidParameterError(f"{name}: {text[:40]!r} is not a finite number")
    return number


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
