"""Everything that a chart is made from as CSV: all points, not those that were drawn."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tracking.core.clock import from_ms
from tracking.core.csv import harmless
from tracking.metrics.queries import get_history

if TYPE_CHECKING:
    from tracking.runs.models import Run

POINTS_AT_A_TIME = 25_000
HEAD = ("run_id", "run_name", "metric", "step", "time", "value")


def csv_parts(*, runs: Sequence[Run], metrics: Sequence[str]) -> Iterator[str]:
    """Yield the lines of all points of some metrics, run after run, by time; values so that they read back exactly.

    Never holds more than ``POINTS_AT_A_TIME`` points. Four queries for each.
    """
    yield _lines([HEAD])
    for metric in metrics:
        for run in runs:
            yield from _parts_of(run, metric)


def _parts_of(run: Run, metric: str) -> Iterator[str]:
    token: str | None = ""
    beginning = (run.uid, harmless(run.name), harmless(metric))
    while token is not None:
        page = get_history(run=run, key=metric, page_token=token, max_results=POINTS_AT_A_TIME)
        points, token = page.points, page.next_token
        columns = (points.steps.tolist(), points.timestamps_ms.tolist(), points.values.tolist())
        yield _lines([(*beginning, step, _time(at), repr(value)) for step, at, value in zip(*columns, strict=True)])


def _lines(rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _time(at_ms: int) -> str:
    """Return a time in ISO 8601, the plain number where no calendar has it."""
    try:
        return from_ms(at_ms).isoformat(timespec="milliseconds")
    except (OverflowError, ValueError):
        return str(at_ms)
