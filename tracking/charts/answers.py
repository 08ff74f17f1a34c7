"""From what was asked of a chart to what it draws: which points are read, and what of them is sent."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from tracking.charts.asking import SeriesAsked
from tracking.charts.groups import GroupTrace, group_traces
from tracking.charts.series import (
    Curve,
    Range,
    Trace,
    View,
    XAxis,
    drawn_curves,
    shared_range,
    step_range,
    trace_of,
    widen,
)
from tracking.charts.state import State
from tracking.charts.tails import Mark
from tracking.core.clock import to_ms
from tracking.metrics.blocks import FULL
from tracking.metrics.codec import Points
from tracking.metrics.downsample import grid_width
from tracking.metrics.pyramid import Buckets
from tracking.metrics.queries import find_stored, read_curves, read_placed, read_series, series_by_run
from tracking.metrics.types import SeriesRow
from tracking.runs.queries import find_runs, values_by_uid
from tracking.runs.types import RunStatus

if TYPE_CHECKING:
    from tracking.runs.models import Run
    from tracking.workspaces.models import Workspace

MANY_POINTS = 16 * FULL  # of all runs of a chart: below, its points are read together with those of other charts


class ChartData(msgspec.Struct):
    """What the series endpoint says. ``states`` are to be sent back as ``since``; ``running``: runs that go on.

    ``traces``: one a run, or, where runs were grouped, ``groups``.
    """

    states: dict[str, str]
    running: list[str]
    traces: list[Trace]
    groups: list[GroupTrace]


@dataclass(frozen=True, slots=True)
class Sources:
    """What is known of a chart before any point is read. ``group_by_uid``: of runs that have a value to group by."""

    runs: Sequence[Run]
    summaries: Mapping[tuple[str, str], SeriesRow]
    group_by_uid: Mapping[str, str]

    @classmethod
    def find(cls, *, workspace: Workspace, asked: SeriesAsked) -> Sources:
        """Return what the workspace has of what was asked. Two queries, three where runs are grouped by a key."""
        runs = find_runs(workspace=workspace, uids=asked.uids)
        by_run = series_by_run(run_ids=[run.pk for run in runs], keys=asked.keys)
        groups = {run.uid: "" for run in runs}
        if asked.grouping is not None and asked.grouping.kind is not None:
            groups = values_by_uid(runs=runs, kind=asked.grouping.kind, key=asked.grouping.key)
        return cls(runs, {(run.uid, row.key): row for run in runs for row in by_run.get(run.pk, ())}, groups)

    def counts(self, asked: SeriesAsked, metric: str) -> list[int]:
        """Return what a chart was received of each run: points of the metric and of the one that x counts."""
        return [self._received(run, metric) + self._received(run, asked.view.x_metric) for run in self.runs]

    def etag(self, asked: SeriesAsked) -> str:
        """Return a tag of everything the answer is made from, except what the reader says it has."""
        parts = (
            asked.range,
            asked.view,
            asked.grouping,
            [(run.uid, run.name, run.status, run.started_at, self.group_by_uid.get(run.uid)) for run in self.runs],
            [(metric, self.counts(asked, metric)) for metric in asked.metrics],
        )
        return f'"{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}"'

    def answer(self, asked: SeriesAsked) -> ChartData:
        """Return what differs from the states that the reader has, everything where it has none.

        :raises InvalidParameterError: if ``since`` is no state of these runs.
        """
        before, states, stale = {}, {}, []
        for metric, since in zip(asked.metrics, asked.since, strict=True):
            before[metric] = State.from_text(since, runs=len(self.runs)) if since else None
            known = before[metric]
            if known is not None and known.has_counts(self.counts(asked, metric)):
                states[metric] = since
            else:
                stale.append(metric)
        points = self._read_short(asked, stale)
        answer = ChartData(states, [run.uid for run in self.runs if run.status == RunStatus.RUNNING], [], [])
        for metric in stale:
            if metric in points:
                chart_range, curves = _closed(asked.range, _range_of(points[metric], asked)), points[metric]
            elif asked.view.is_plain:
                chart_range, curves = self._read_long(asked, metric)
            else:
                chart_range, curves = self._read_placed(asked, metric)
            state, known = State.of(chart_range, self.counts(asked, metric)), before[metric]
            wanted = {self.runs[place].uid: place for place in state.changed_places(known)}
            marks = dict(known.marks) if known is not None else {}
            self._draw(asked, metric, curves, chart_range, wanted, marks, answer)
            states[metric] = replace(state, marks=marks).to_text()
        return answer

    def _draw(
        self,
        asked: SeriesAsked,
        metric: str,
        curves: Sequence[Curve],
        chart_range: Range | None,
        wanted: Mapping[str, int],
        marks: dict[int, Mark],
        answer: ChartData,
    ) -> None:
        """Add the wanted curves to the answer, and bring the marks up to date of those that grow."""
        view = self._view(asked)
        if asked.grouping is not None:
            answer.groups += group_traces(
                metric=metric,
                curves=curves,
                group_by_uid=self.group_by_uid,
                grouping=asked.grouping,
                view=view,
                chart_range=chart_range,
                wanted=wanted,
            )
            return
        for curve, drawn in drawn_curves(curves=curves, view=view, chart_range=chart_range, wanted=wanted):
            mark = marks.pop(wanted[curve.uid], None)
            kept = drawn.kept(mark) if mark is not None else None
            answer.traces.append(trace_of(curve, metric, drawn, view, kept=kept))
            if curve.uid in answer.running:
                marks[wanted[curve.uid]] = drawn.mark()

    def _received(self, run: Run, key: str) -> int:
        row = self.summaries.get((run.uid, key))
        return row.received if row else 0

    def _read_short(self, asked: SeriesAsked, metrics: Sequence[str]) -> dict[str, list[Curve]]:
        """Read all points of the metrics that have few, or whose summaries would not show the same."""
        short = [metric for metric in metrics if not (asked.view.takes_summaries and self._is_long(asked, metric))]
        x_key = [asked.view.x_metric] if asked.view.x is XAxis.METRIC else []
        points = read_series(runs=self.runs, keys=[*short, *x_key]) if short else {}
        return {
            metric: self._curves(
                metric,
                {run.uid: points.get((run.uid, metric)) for run in self.runs},
                {run.uid: points[run.uid, key] for run in self.runs for key in x_key if (run.uid, key) in points},
            )
            for metric in short
        }

    def _is_long(self, asked: SeriesAsked, metric: str) -> bool:
        counts = self.counts(asked, metric)
        return max(counts, default=0) > FULL or sum(counts) > MANY_POINTS

    def _read_long(self, asked: SeriesAsked, metric: str) -> tuple[Range, list[Curve]]:
        """Return the chart's range and what is read in it; the range is known without reading a point."""
        shared = step_range(
            [self.summaries[run.uid, metric] for run in self.runs if (run.uid, metric) in self.summaries]
        )
        chart_range = _closed(asked.range, shared) or shared
        low, high = (min(max(end, -(2.0**63)), 2.0**63 - 1024) for end in chart_range)
        view = self._view(asked)
        found = read_curves(
            runs=self.runs,
            key=metric,
            steps=(math.ceil(low), math.floor(high)),
            width=grid_width(chart_range, pixels=view.pixels),
            few=self._few(),
        )
        return chart_range, self._curves(metric, found, {})

    def _read_placed(self, asked: SeriesAsked, metric: str) -> tuple[Range | None, list[Curve]]:
        """Do the same where summaries do not make up the buckets: over time, or on a logarithmic axis."""
        view, started_ms = self._view(asked), {run.uid: to_ms(run.started_at) or 0 for run in self.runs}
        axes = {uid: view.axis(at_ms) for uid, at_ms in started_ms.items()}
        while True:  # until no compaction comes between
            stored = find_stored(runs=self.runs, key=metric, axes=axes)
            if stored is None:
                continue
            bounds = [ends for uid, one in stored.items() if (ends := one.bounds(axes[uid])) is not None]
            if not bounds:
                return asked.range, self._curves(metric, dict.fromkeys(stored, Points.empty()), {})
            shared = widen((min(low for low, _ in bounds), max(high for _, high in bounds)))
            chart_range = _closed(asked.range, shared) or shared
            grids = {uid: view.grid(chart_range, at_ms) for uid, at_ms in started_ms.items()}
            found = read_placed(stored=stored, grids=grids, few=self._few())
            if found is not None:
                return chart_range, self._curves(metric, found, {})

    def _view(self, asked: SeriesAsked) -> View:
        return asked.view.among(len(self.runs)) if asked.grouping is None else asked.view

    def _few(self) -> int:
        return min(FULL, max(MANY_POINTS // len(self.runs), 512))

    def _curves(
        self, metric: str, found: Mapping[str, Points | Buckets | None], x_points: Mapping[str, Points]
    ) -> list[Curve]:
        return [
            Curve(
                uid=run.uid,
                name=run.name,
                started_ms=to_ms(run.started_at) or 0,
                summary=self.summaries[run.uid, metric],
                points=points,
                x_points=x_points.get(run.uid),
            )
            for run in self.runs
            if (points := found.get(run.uid)) is not None and (run.uid, metric) in self.summaries
        ]


def _range_of(curves: Sequence[Curve], asked: SeriesAsked) -> Range | None:
    xs = (curve.x(asked.view.x) for curve in curves)
    return shared_range((x[x > 0] for x in xs) if asked.view.is_log_x else xs)


def _closed(asked: Range | None, shared: Range | None) -> Range | None:
    """Return the one range of x for all curves of a chart: what was asked for, its open ends closed by the data."""
    if asked is None or shared is None:
        return asked or shared
    low, high = (ours if math.isinf(theirs) else theirs for theirs, ours in zip(asked, shared, strict=True))
    return low, max(low, high)
