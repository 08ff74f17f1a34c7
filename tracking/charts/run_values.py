"""What runs have in common beside curves: their params, tags and the statistics of their metrics, column by column."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tracking.charts.series import sayable
from tracking.core.errors import InvalidParameterError
from tracking.metrics.queries import series_by_run
from tracking.metrics.types import SeriesRow
from tracking.runs.queries import values_by_uid
from tracking.runs.types import KeyKind

if TYPE_CHECKING:
    from tracking.runs.models import Run

MAX_COLUMNS = 20
Value = str | float | None
_KINDS = {"params": KeyKind.PARAM, "tags": KeyKind.TAG}
_STATISTIC = re.compile(r"(min|max)\(metrics\.(.+)\)|metrics\.(.+)", re.DOTALL)


def read_run_values(*, runs: Sequence[Run], columns: Sequence[str]) -> dict[str, list[Value]]:
    """Return each column's values in the order of the runs, None where a run has none. One query a param or tag.

    :param columns: ``params.lr``, ``tags.model``, ``metrics.loss`` (the latest), ``min(metrics.loss)``, ``max(…)``.
    :raises InvalidParameterError: if a column is none of these, or there are too many.
    """
    if not 1 <= len(columns) <= MAX_COLUMNS:
        raise InvalidParameterError(f"column: name 1 to {MAX_COLUMNS} columns, got {len(columns)}")
    found = {column: _STATISTIC.fullmatch(column) for column in columns}
    metrics = {column: (one[1] or "last", one[2] or one[3]) for column, one in found.items() if one}
    keys = list({key for _, key in metrics.values()})
    by_run = series_by_run(run_ids=[run.pk for run in runs], keys=keys) if keys else {}
    rows = {(run.uid, row.key): row for run in runs for row in by_run.get(run.pk, ())}
    return {
        column: _of_metric(runs, rows, *metrics[column]) if column in metrics else _of_key(runs, column)
        for column in columns
    }


def _of_metric(runs: Sequence[Run], rows: Mapping[tuple[str, str], SeriesRow], what: str, key: str) -> list[Value]:
    found = [rows.get((run.uid, key)) for run in runs]
    if what == "last":
        return [sayable(row.latest_value) if row else None for row in found]
    return [sayable(row.min_value if what == "min" else row.max_value) if row else None for row in found]


def _of_key(runs: Sequence[Run], column: str) -> list[Value]:
    kind, _, key = column.partition(".")
    if kind not in _KINDS or not key:
        raise InvalidParameterError(
            f"column: {column[:60]!r} is no column; "
            "use params.KEY, tags.KEY, metrics.KEY, min(metrics.KEY) or max(metrics.KEY)"
        )
    values = values_by_uid(runs=runs, kind=_KINDS[kind], key=key)
    return [values.get(run.uid) for run in runs]
