"""The columns of the table of runs: which there are, what their heads offer, which can be chosen."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from django.http import QueryDict
from django.utils.translation import gettext, pgettext

from tracking.charts.direction import Direction
from tracking.runs.types import RunRow
from tracking.web.directions import Directions
from tracking.web.links import link_with

MAX_COLUMNS = 40  # at once; the address may name more, which are then looked through in parts
MIN_COLUMNS = 12
MAX_CELLS = 600  # of a page's columns: a page of more elements than 4,000 scrolls badly
MAX_CHOSEN = 400
DEFAULT_COLUMNS = 8
DEFAULT_METRICS = 4
MAX_GROUP_KEYS = 3
LEAST_WIDTH, MOST_WIDTH = 60, 900  # pixels, as in column_widths.js
SYSTEM_METRIC_PREFIX = "system/"


class ColumnKind(StrEnum):
    """What a column shows; the word that stands before the dot in a filter."""

    METRIC = "metrics"
    PARAM = "params"
    TAG = "tags"


class Statistic(StrEnum):
    """Which of a metric's values a column shows; all but the last are written ``min(metrics.loss)``."""

    LAST = "last"
    MIN = "min"
    MAX = "max"
    MEAN = "mean"


_WIDTH = re.compile(r"\d{1,4}", re.ASCII)
_STATISTIC = re.compile(rf"({Statistic.MIN}|{Statistic.MAX}|{Statistic.MEAN})\((.*)\)", re.S)


@dataclass(frozen=True, slots=True)
class Column:
    """A metric, param or tag that the table shows."""

    kind: ColumnKind
    key: str
    statistic: Statistic = Statistic.LAST

    @classmethod
    def from_text(cls, text: str) -> Self | None:
        """Return the column that ``params.lr`` or ``min(metrics.loss)`` names, None if it names none."""
        found = _STATISTIC.fullmatch(text)
        statistic = Statistic(found[1]) if found else Statistic.LAST
        kind, _, key = (found[2] if found else text).partition(".")
        if kind not in list(ColumnKind) or not key or (found and kind != ColumnKind.METRIC):
            return None
        return cls(ColumnKind(kind), key, statistic)

    @property
    def text(self) -> str:
        return self._written(self.key)

    @property
    def order_key(self) -> str:
        """The column in the grammar of filters and of order_by; quotes for a key with a slash or a space."""
        return self._written(f"`{self.key}`")

    @property
    def is_number(self) -> bool:
        return self.kind is ColumnKind.METRIC

    def _written(self, key: str) -> str:
        name = f"{self.kind}.{key}"
        return name if self.statistic is Statistic.LAST else f"{self.statistic}({name})"


@dataclass(frozen=True, slots=True)
class StatisticChoice:
    """A statistic that a column's menu offers."""

    label: str
    link: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Sorting:
    """How a column sorts the table, and the links that make it; those that sort behind what does already may be "".

    ``by``: ascending, descending or ""; ``rank``: its place among several sort keys, "" where it is alone.
    """

    by: str
    rank: str
    link: str
    ascending_link: str
    descending_link: str
    then_ascending_link: str
    then_descending_link: str


@dataclass(frozen=True, slots=True)
class Head:
    """A column's head and its menu; a link is "" where there is nothing to do.

    ``key``: what the address calls the column; ``filter_key``: what a filter calls it. ``metric``: the name to store a
    direction for, else "".
    """

    key: str
    label: str
    title: str
    prefix: str
    is_number: bool
    filter_key: str
    sorting: Sorting
    hide_link: str = ""
    left_link: str = ""
    right_link: str = ""
    group_link: str = ""
    statistics: tuple[StatisticChoice, ...] = ()
    metric: str = ""
    direction: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """The part of many columns that is shown: ``first`` to ``last`` of ``total``, from 1; links are "" at the ends."""

    columns: tuple[Column, ...]
    first: int
    last: int
    total: int
    before_link: str
    after_link: str


# ---- which columns -------------------------------------------------------------------------------------------------


def asked_columns(query: QueryDict) -> list[Column]:
    """Return the columns that the address names, each once."""
    found = (Column.from_text(text) for text in query.getlist("columns"))
    return list(dict.fromkeys(column for column in found if column is not None))[:MAX_CHOSEN]


def default_columns(rows: Sequence[RunRow], run_counts: Mapping[str, int]) -> list[Column]:
    """Return the metrics that most of the runs have, then the params in which they differ; at most eight in all."""
    by_count = sorted(
        (key for key in run_counts if not key.startswith(SYSTEM_METRIC_PREFIX)), key=lambda key: (-run_counts[key], key)
    )
    differing = differing_params(rows)
    param_count = min(len(differing), DEFAULT_COLUMNS - min(DEFAULT_METRICS, len(by_count)))
    chosen = [Column(ColumnKind.METRIC, key) for key in by_count[: DEFAULT_COLUMNS - param_count]]
    return chosen + [Column(ColumnKind.PARAM, key) for key in differing[:param_count]]


def differing_params(rows: Sequence[RunRow]) -> list[str]:
    """Return the params whose values are not the same in all these runs, sorted."""
    values: dict[str, set[str]] = {}
    carried: Counter[str] = Counter()
    for run in rows:
        for param in run.params:
            values.setdefault(param.key, set()).add(param.value)
            carried[param.key] += 1
    return sorted(key for key, seen in values.items() if len(seen) > 1 or carried[key] < len(rows))


def window_of(columns: Sequence[Column], query: QueryDict, *, row_count: int) -> Window:
    """Return the columns from the place ``?from_column=`` on, as many as a page of so many rows can bear."""
    most = min(MAX_COLUMNS, max(MIN_COLUMNS, MAX_CELLS // max(row_count, 1)))
    text = query.get("from_column", "")
    first = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 1
    first = min(max(first, 1), max(1, len(columns)))
    last = min(first + most - 1, len(columns))
    texts = [column.text for column in columns]
    before = str(max(1, first - most))
    return Window(
        columns=tuple(columns[first - 1 : last]),
        first=first,
        last=last,
        total=len(columns),
        before_link=link_with(query, from_column=before, columns=texts) if first > 1 else "",
        after_link=link_with(query, from_column=str(last + 1), columns=texts) if last < len(columns) else "",
    )


def chosen_widths(query: QueryDict, keys: Sequence[str]) -> dict[int, str]:
    """Return how many pixels wide ``?width=metrics.loss,120`` makes columns, by their cells' places in a row.

    :param keys: what the address calls the columns, in order; before them stands the cell with the box.
    """
    asked = dict(text.rsplit(",", 1) for text in query.getlist("width") if "," in text)
    return {
        place: str(max(LEAST_WIDTH, min(MOST_WIDTH, int(asked[key]))))
        for place, key in enumerate(keys, start=2)
        if _WIDTH.fullmatch(asked.get(key, ""))
    }


# ---- heads ---------------------------------------------------------------------------------------------------------


def heads(
    shown: Sequence[Column], *, columns: Sequence[Column], query: QueryDict, directions: Directions
) -> list[Head]:
    """Return the heads of the shown ones of the chosen columns.

    Every link names all columns, so that they stay when the runs change.
    """
    found = []
    for column in shown:
        direction = directions.of(column.key) if column.is_number else None
        is_descending_first = column.is_number and direction is not Direction.LESS
        found.append(
            Head(
                key=column.text,
                label=column_label(column),
                title=column.text,
                prefix=kind_word(column.kind),
                is_number=column.is_number,
                filter_key=column.order_key,
                hide_link=_columns_link(query, [other for other in columns if other != column]),
                left_link=_moved_link(query, columns, column, by=-1),
                right_link=_moved_link(query, columns, column, by=1),
                group_link="" if column.is_number else _group_link(query, column.text, columns),
                statistics=_statistics(column, columns, query),
                metric=column.key if column.is_number else "",
                direction=direction.value if direction else "",
                sorting=_sorting(column.order_key, query, columns, is_descending_first=is_descending_first),
            )
        )
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
        found[key] = Head(
            key=f"attributes.{key}",
            label=label,
            title=label,
            prefix="",
            is_number=False,
            filter_key=f"attributes.{key}",
            group_link=_group_link(query, f"attributes.{key}", columns) if key in ("status", "user_id") else "",
            sorting=_sorting(f"attributes.{key}", query, columns, is_descending_first=is_descending_first),
        )
    return found


def kind_word(kind: ColumnKind) -> str:
    """Return what stands before a column's key, so that one knows what it shows; "" for a metric."""
    return {ColumnKind.METRIC: "", ColumnKind.PARAM: gettext("param"), ColumnKind.TAG: gettext("tag")}[kind]


def column_label(column: Column) -> str:
    """Return what stands above a column: the key, and which of its values if that is not the last."""
    if column.statistic is Statistic.LAST:
        return column.key
    return f"{statistic_words()[column.statistic]} {column.key}"


def statistic_words() -> dict[Statistic, str]:
    """Return what each statistic is called."""
    return {
        Statistic.LAST: pgettext("of a metric's values", "last"),
        Statistic.MIN: pgettext("of a metric's values", "min"),
        Statistic.MAX: pgettext("of a metric's values", "max"),
        Statistic.MEAN: pgettext("of a metric's values", "mean"),
    }


def _statistics(column: Column, columns: Sequence[Column], query: QueryDict) -> tuple[StatisticChoice, ...]:
    if not column.is_number:
        return ()
    return tuple(
        StatisticChoice(
            word,
            _columns_link(query, [Column(column.kind, column.key, one) if c == column else c for c in columns]),
            one is column.statistic,
        )
        for one, word in statistic_words().items()
    )


def _columns_link(query: QueryDict, columns: Iterable[Column]) -> str:
    return link_with(query, columns=list(dict.fromkeys(column.text for column in columns)))


def _moved_link(query: QueryDict, columns: Sequence[Column], column: Column, *, by: int) -> str:
    """Return the link that lets a column change places with its neighbour, "" where it has none."""
    place = columns.index(column)
    if not 0 <= place + by < len(columns):
        return ""
    order = list(columns)
    order[place], order[place + by] = order[place + by], order[place]
    return _columns_link(query, order)


def _group_link(query: QueryDict, text: str, columns: Sequence[Column]) -> str:
    groups = query.getlist("group")
    if text in groups or len(groups) >= MAX_GROUP_KEYS:
        return ""
    return link_with(query, group=[*groups, text], page=None, columns=[column.text for column in columns])


def _sorting(order_key: str, query: QueryDict, columns: Sequence[Column], *, is_descending_first: bool) -> Sorting:
    """Return the links that sort by a key, alone or behind those that sort already, and how it sorts now."""
    order_by = [text for text in query.getlist("order_by") if text]
    ways = {order_key: "ascending", f"{order_key} ASC": "ascending", f"{order_key} DESC": "descending"}
    place = next((number for number, text in enumerate(order_by) if text in ways), None)
    sorted_by = "" if place is None else ways[order_by[place]]
    others = [text for text in order_by if text not in ways]

    def link(*, is_descending: bool, before: Sequence[str] = ()) -> str:
        wanted = [*before, f"{order_key} {'DESC' if is_descending else 'ASC'}"]
        return link_with(query, order_by=wanted, page=None, columns=[column.text for column in columns])

    return Sorting(
        by=sorted_by,
        rank=str(place + 1) if place is not None and len(order_by) > 1 else "",
        link=link(is_descending=sorted_by == "ascending" or (not sorted_by and is_descending_first)),
        ascending_link=link(is_descending=False),
        descending_link=link(is_descending=True),
        then_ascending_link=link(is_descending=False, before=others) if others else "",
        then_descending_link=link(is_descending=True, before=others) if others else "",
    )
