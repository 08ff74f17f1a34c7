"""The table of runs on an experiment's page: which columns there are, what their cells say, where their links lead."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Self
from unicodedata import east_asian_width

from django.http import QueryDict
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from tracking.charts.direction import Direction, guess_direction
from tracking.core.errors import FilterError
from tracking.metrics.types import SeriesRow
from tracking.runs.types import Pair, RunRow
from tracking.web.charts import ChartedRun
from tracking.web.formats import (
    StatusShown,
    format_duration,
    format_number,
    shorten,
    status_shown,
    time_element,
    unnamed,
)

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace

MAX_COLUMNS = 40
DEFAULT_COLUMNS = 8
DEFAULT_METRICS = 4
CHOICES_A_KIND = 40
MAX_CELL = 60
MAX_TITLE = 500
ABSENT = "\u2013"

SeriesByRun = Mapping[int, Sequence[SeriesRow]]


class ColumnKind(StrEnum):
    """What a column shows; the word that stands before the dot in a filter."""

    METRIC = "metrics"
    PARAM = "params"
    TAG = "tags"


@dataclass(frozen=True, slots=True)
class Column:
    """A metric, param or tag that the table shows."""

    kind: ColumnKind
    key: str

    @classmethod
    def from_text(cls, text: str) -> Self | None:
        """Return the column that ``params.lr`` names, None if it names none."""
        kind, _, key = text.partition(".")
        return cls(ColumnKind(kind), key) if kind in list(ColumnKind) and key else None

    @property
    def text(self) -> str:
        return f"{self.kind}.{self.key}"

    @property
    def order_key(self) -> str:
        """The column in the grammar of order_by; quotes are needed where the key has a slash or a space."""
        return f"{self.kind}.`{self.key}`"

    @property
    def is_number(self) -> bool:
        return self.kind is ColumnKind.METRIC


@dataclass(frozen=True, slots=True)
class Head:
    """A column's head. ``sorted_by``: ascending, descending or ""; ``sort_link`` is "" where nothing sorts by it."""

    label: str
    title: str
    prefix: str
    sort_link: str
    sorted_by: str
    is_number: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """What one run has in one column."""

    text: str
    title: str
    css: str


@dataclass(frozen=True, slots=True)
class RunShown:
    """A line of the table. ``charted``: its place in the charts; None: ``chart_link`` puts it there."""

    uid: str
    name: str
    url: str
    status: StatusShown
    started: SafeString
    duration: str
    user: str
    cells: tuple[Cell, ...]
    charted: ChartedRun | None
    chart_link: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A column that can be chosen."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Choices:
    """The columns of one kind that can be chosen; ``left``: how many more there are."""

    title: str
    choices: tuple[Choice, ...]
    left: int


@dataclass(frozen=True, slots=True)
class FilterTrouble:
    """Why a filter was refused. ``text`` and ``caret`` are two lines, the second pointing into the first."""

    message: str
    text: str
    caret: str

    @classmethod
    def of(cls, error: FilterError) -> Self:
        """Return the error with a caret under the place; wide characters take the room of two."""
        text = " ".join(error.text.splitlines()).replace("\t", " ")
        before = "".join("\u3000" if east_asian_width(char) in "WF" else " " for char in text[: error.column])
        return cls(str(error), text, f"{before}^")


def link_with(query: QueryDict, **changes: str | Sequence[str] | None) -> str:
    """Return a link to this page with parts of its query replaced, or left out where a change is None."""
    changed = query.copy()
    for name, value in changes.items():
        if value is None:
            changed.pop(name, None)
        else:
            changed.setlist(name, [value] if isinstance(value, str) else list(value))
    return f"?{changed.urlencode(safe='/,')}"


# ---- columns -------------------------------------------------------------------------------------------------------


def asked_columns(query: QueryDict) -> list[Column]:
    """Return the columns that the address names, each once."""
    found = (Column.from_text(text) for text in query.getlist("columns"))
    return list(dict.fromkeys(column for column in found if column is not None))[:MAX_COLUMNS]


def default_columns(rows: Sequence[RunRow], series: SeriesByRun) -> list[Column]:
    """Return the metrics that most of the runs have, then the params in which they differ; at most eight in all."""
    metrics = Counter(row.key for run in rows for row in series.get(run.pk, ()) if not row.key.startswith("system/"))
    by_count = sorted(metrics, key=lambda key: (-metrics[key], key))
    values: dict[str, set[str]] = {}
    carried: Counter[str] = Counter()
    for run in rows:
        for param in run.params:
            values.setdefault(param.key, set()).add(param.value)
            carried[param.key] += 1
    differing = sorted(key for key, seen in values.items() if len(seen) > 1 or carried[key] < len(rows))
    param_count = min(len(differing), DEFAULT_COLUMNS - min(DEFAULT_METRICS, len(by_count)))
    chosen = [Column(ColumnKind.METRIC, key) for key in by_count[: DEFAULT_COLUMNS - param_count]]
    return chosen + [Column(ColumnKind.PARAM, key) for key in differing[:param_count]]


def column_choices(*, keys: Mapping[ColumnKind, Sequence[str]], chosen: Sequence[Column], sought: str) -> list[Choices]:
    """Return what can be chosen: the chosen columns, then those with ``sought`` in their name, some of each kind."""
    titles = {
        ColumnKind.PARAM: gettext("Params"),
        ColumnKind.METRIC: gettext("Metrics"),
        ColumnKind.TAG: gettext("Tags"),
    }
    found = []
    for kind, title in titles.items():
        mine = [column.key for column in chosen if column.kind is kind]
        matching = [
            key
            for key in keys[kind]
            if sought.lower() in key.lower() and key not in mine and (sought or not key.startswith("mlflow."))
        ]
        choices = [Choice(f"{kind}.{key}", key, True) for key in mine]
        choices += [Choice(f"{kind}.{key}", key, False) for key in matching[:CHOICES_A_KIND]]
        if choices:
            found.append(Choices(title, tuple(choices), max(0, len(matching) - CHOICES_A_KIND)))
    return found


def heads(columns: Sequence[Column], query: QueryDict) -> list[Head]:
    """Return the heads of the chosen columns; every link names the columns, so that they stay when the runs change."""
    prefixes = {ColumnKind.METRIC: "", ColumnKind.PARAM: gettext("param"), ColumnKind.TAG: gettext("tag")}
    found = []
    for column in columns:
        is_descending_first = column.is_number and guess_direction(column.key) is not Direction.LESS
        link, sorted_by = _sort(column.order_key, query, columns, is_descending_first=is_descending_first)
        found.append(Head(column.key, column.text, prefixes[column.kind], link, sorted_by, column.is_number))
    return found


def fixed_heads(columns: Sequence[Column], query: QueryDict) -> dict[str, Head]:
    """Return the heads of the columns that every table of runs has, by name."""
    labels = {
        "run_name": (gettext("Run"), False),
        "status": (gettext("Status"), False),
        "start_time": (gettext("Started"), True),
        "user_id": (gettext("User"), False),
    }
    found = {}
    for key, (label, is_descending_first) in labels.items():
        link, sorted_by = _sort(f"attributes.{key}", query, columns, is_descending_first=is_descending_first)
        found[key] = Head(label, label, "", link, sorted_by, False)
    return found


def _sort(order_key: str, query: QueryDict, columns: Sequence[Column], *, is_descending_first: bool) -> tuple[str, str]:
    """Return the link that sorts by a key, the other way round where it does already, and how it sorts now."""
    order_by = [text for text in query.getlist("order_by") if text]
    now = order_by[0] if order_by else ""
    directions = {order_key: "ascending", f"{order_key} ASC": "ascending", f"{order_key} DESC": "descending"}
    sorted_by = directions.get(now, "")
    is_descending = sorted_by == "ascending" or (not sorted_by and is_descending_first)
    wanted = f"{order_key} {'DESC' if is_descending else 'ASC'}"
    return link_with(query, order_by=wanted, page=None, columns=[column.text for column in columns]), sorted_by


# ---- rows ----------------------------------------------------------------------------------------------------------


def shown_runs(
    *,
    workspace: Workspace,
    rows: Iterable[RunRow],
    columns: Sequence[Column],
    series: SeriesByRun,
    charted: Sequence[ChartedRun],
    query: QueryDict,
    now: datetime,
) -> list[RunShown]:
    """Return the lines of the table. No query."""
    place = {run.uid: run for run in charted}
    return [
        RunShown(
            uid=row.uid,
            name=unnamed(row.name),
            url=reverse("web:run_detail", args=[workspace.name, row.uid]),
            status=status_shown(row.status),
            started=time_element(row.started_at, is_relative=True),
            duration=shown_duration(row, now=now),
            user=row.user_name,
            cells=_cells(row, columns, series.get(row.pk, ())),
            charted=place.get(row.uid),
            chart_link=link_with(query, runs=",".join([*place, row.uid])),
        )
        for row in rows
    ]


def shown_duration(row: RunRow, *, now: datetime) -> str:
    """Return how long a run took, or has taken until now."""
    return format_duration(row.duration_s if row.status.is_final else (now - row.started_at).total_seconds())


def _cells(row: RunRow, columns: Sequence[Column], series: Sequence[SeriesRow]) -> tuple[Cell, ...]:
    by_metric = {found.key: found for found in series}
    texts = {ColumnKind.PARAM: _by_key(row.params), ColumnKind.TAG: _by_key(row.tags)}
    cells = []
    for column in columns:
        if column.kind is ColumnKind.METRIC:
            cells.append(metric_cell(by_metric.get(column.key)))
        else:
            cells.append(text_cell(texts[column.kind].get(column.key)))
    return tuple(cells)


def metric_cell(row: SeriesRow | None) -> Cell:
    """Return a metric's last value; the lowest and highest are in its title."""
    if row is None:
        return Cell(ABSENT, "", "number cell-absent")
    low = format_number(math.nan if row.min_value is None else row.min_value)
    high = format_number(math.nan if row.max_value is None else row.max_value)
    title = gettext("Last, at step {step}. Lowest {low}, highest {high}.")
    return Cell(
        format_number(row.latest_value), title.format(step=f"{row.latest_step:,}", low=low, high=high), "number"
    )


def text_cell(value: str | None) -> Cell:
    """Return a param's or a tag's text on one line."""
    if value is None:
        return Cell(ABSENT, "", "cell-absent")
    return Cell(shorten(value, length=MAX_CELL), value[:MAX_TITLE], "cell-cut")


def _by_key(pairs: Iterable[Pair]) -> dict[str, str]:
    return {pair.key: pair.value for pair in pairs}
