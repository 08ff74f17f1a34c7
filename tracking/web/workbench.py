"""The state of an experiment's page, read from its address: which runs, which columns, which of them side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.core.exceptions import BadRequest
from django.http import QueryDict
from django.utils.translation import gettext

from tracking.charts.sparkline import MOST_POINTS, sparkline
from tracking.core.clock import utc_now
from tracking.core.errors import FilterError, InvalidParameterError
from tracking.core.pages import Page
from tracking.metrics.downsample import grid_width
from tracking.metrics.queries import read_curves
from tracking.metrics.summaries import Spread, spread_by_group
from tracking.metrics.types import SeriesRow
from tracking.runs.queries import count_runs, find_runs, run_row, search_run_heads, search_runs
from tracking.runs.tables import GROUP_ATTRIBUTES, GroupKey, group_runs, matching_runs
from tracking.runs.types import KeyKind, Lifecycle, RunHead, RunRow
from tracking.web.columns import (
    MAX_CHOSEN,
    MAX_GROUP_KEYS,
    Column,
    ColumnKind,
    asked_columns,
    default_columns,
    differing_params,
)
from tracking.web.formats import NOTHING, format_count, format_number, shorten, spell_marks, time_element
from tracking.web.links import link_with
from tracking.web.run_table import MAX_CELL, FilterTrouble, SeriesByRun, value_of

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.utils.safestring import SafeString

    from tracking.runs.models import Experiment, Run
    from tracking.workspaces.models import Workspace

MAX_SPARK_COLUMNS = 5
KEY_KINDS = {ColumnKind.PARAM: KeyKind.PARAM, ColumnKind.TAG: KeyKind.TAG, ColumnKind.METRIC: KeyKind.METRIC}


@dataclass(frozen=True, slots=True)
class Asked:
    """Which runs an address asks for, and in which order; ``now`` is what ``7d`` counts from."""

    workspace: Workspace
    experiment: Experiment
    filter_text: str
    order_by: tuple[str, ...]
    lifecycle: Lifecycle
    now: datetime

    @classmethod
    def of(cls, workspace: Workspace, experiment: Experiment, query: QueryDict) -> Self:
        """Read ``filter``, ``order_by`` and ``show=deleted``."""
        is_deleted = experiment.deleted_at is not None or query.get("show") == "deleted"
        return cls(
            workspace=workspace,
            experiment=experiment,
            filter_text=query.get("filter", "").strip(),
            order_by=tuple(text for text in query.getlist("order_by") if text),
            lifecycle=Lifecycle.DELETED if is_deleted else Lifecycle.ACTIVE,
            now=utc_now(),
        )

    @property
    def experiment_ids(self) -> list[str]:
        return [str(self.experiment.pk)]

    def page(self, *, token: str, limit: int) -> Page[RunRow]:
        """Return some of the runs.

        :raises FilterError: if the filter or the order does not parse.
        :raises InvalidParameterError: if the token is nobody's.
        """
        return search_runs(
            workspace=self.workspace,
            experiment_ids=self.experiment_ids,
            filter_text=self.filter_text,
            order_by=self.order_by,
            lifecycle=self.lifecycle,
            now=self.now,
            page_token=token,
            max_results=limit,
        )

    def heads(self, *, order_by: str = "", limit: int) -> list[RunHead]:
        """Return the first of the runs, without what they carry; ``order_by`` sorts them in another way."""
        return search_run_heads(
            workspace=self.workspace,
            experiment_ids=self.experiment_ids,
            filter_text=self.filter_text,
            order_by=[order_by] if order_by else self.order_by,
            lifecycle=self.lifecycle,
            now=self.now,
            max_results=limit,
        ).rows

    def count(self) -> int:
        """Count the runs."""
        return count_runs(
            workspace=self.workspace,
            experiment_ids=self.experiment_ids,
            filter_text=self.filter_text,
            lifecycle=self.lifecycle,
            now=self.now,
        )

    def matching(self) -> QuerySet[Run]:
        """Return all of the runs, for another question."""
        return matching_runs(
            workspace=self.workspace,
            experiment_ids=self.experiment_ids,
            filter_text=self.filter_text,
            lifecycle=self.lifecycle,
            now=self.now,
        )


@dataclass(frozen=True, slots=True)
class Found:
    """A page of runs and the number of all, or nothing and why the filter or the order was refused."""

    page: Page[RunRow]
    total: int
    trouble: FilterTrouble | None

    @classmethod
    def of(cls, asked: Asked, *, token: str, limit: int) -> Self:
        """Search."""
        try:
            return cls(asked.page(token=token, limit=limit), asked.count(), None)
        except FilterError as error:
            return cls(Page([], None), 0, FilterTrouble.of(error))
        except InvalidParameterError as error:
            raise BadRequest(str(error)) from None


def chosen_columns(query: QueryDict, rows: Sequence[RunRow], run_counts: Mapping[str, int]) -> list[Column]:
    """Return the columns of the table: those asked for, else useful ones; ``differ=1`` adds all params that differ."""
    columns = asked_columns(query) or default_columns(rows, run_counts)
    if query.get("differ") == "1":
        columns += [Column(ColumnKind.PARAM, key) for key in differing_params(rows)]
    return list(dict.fromkeys(columns))[:MAX_CHOSEN]


def differing_columns(columns: Sequence[Column], rows: Sequence[RunRow], series: SeriesByRun) -> list[Column]:
    """Return those of the columns in which the runs are not all the same."""
    return [column for column in columns if len({_identity(column, row, series) for row in rows}) > 1]


def _identity(column: Column, row: RunRow, series: SeriesByRun) -> str | None:
    if column.kind is ColumnKind.METRIC:
        found = next((one for one in series.get(row.pk, ()) if one.key == column.key), None)
        return None if found is None else repr(value_of(found, column.statistic))
    pairs = row.params if column.kind is ColumnKind.PARAM else row.tags
    return next((pair.value for pair in pairs if pair.key == column.key), None)


def base_row(workspace: Workspace, query: QueryDict) -> RunRow | None:
    """Return the run that the others are measured against, None if none is, or if the workspace lacks it."""
    uid = query.get("base", "")
    found = find_runs(workspace=workspace, uids=[uid]) if uid else []
    return run_row(found[0]) if found else None


def sparklines(
    workspace: Workspace, rows: Sequence[RunRow], columns: Sequence[Column], series: SeriesByRun
) -> dict[tuple[str, str], str]:
    """Return the curves of the first few metric columns by (run uid, key). Five queries a column."""
    keys = list(dict.fromkeys(column.key for column in columns if column.kind is ColumnKind.METRIC))
    runs = find_runs(workspace=workspace, uids=[row.uid for row in rows])
    paths: dict[tuple[str, str], str] = {}
    for key in keys[:MAX_SPARK_COLUMNS]:
        found = [one for row in rows for one in series.get(row.pk, ()) if one.key == key]
        if found:
            paths |= {(uid, key): path for uid, path in spark_paths(runs, key, found).items()}
    return paths


def spark_of(run: Run, row: SeriesRow) -> str:
    """Return the curve of one metric of one run. Five queries."""
    return spark_paths([run], row.key, [row]).get(run.uid, "")


def spark_paths(runs: Sequence[Run], key: str, found: Sequence[SeriesRow]) -> dict[str, str]:
    """Return the curves of one metric by run uid; ``found``: its series. Five queries."""
    low, high = min(row.first_step for row in found), max(row.last_step for row in found)
    width = grid_width((float(low), float(high)), pixels=MOST_POINTS * 4)
    curves = read_curves(runs=runs, key=key, steps=(low, high), width=width)
    return {uid: sparkline(curve) for uid, curve in curves.items()}


# ---- groups --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpreadShown:
    """A metric over the runs of a group: ``mean`` ± ``std``; the rest is in the title."""

    mean: str
    std: str
    title: str


@dataclass(frozen=True, slots=True)
class GroupShown:
    """A line of the table of groups; ``link`` shows its runs."""

    values: tuple[str, ...]
    titles: tuple[str, ...]
    run_count: str
    newest: SafeString
    spreads: tuple[SpreadShown, ...]
    link: str


def group_keys(query: QueryDict) -> list[tuple[str, GroupKey]]:
    """Return what the address groups by, each with its text there."""
    found = []
    for text in dict.fromkeys(query.getlist("group")):
        kind, _, name = text.partition(".")
        column = Column.from_text(text)
        if kind == "attributes" and name in GROUP_ATTRIBUTES:
            found.append((text, GroupKey(None, name)))
        elif column is not None and not column.is_number:
            found.append((text, GroupKey(KEY_KINDS[column.kind], column.key)))
    return found[:MAX_GROUP_KEYS]


def shown_groups(
    asked: Asked, *, keys: Sequence[tuple[str, GroupKey]], columns: Sequence[Column], query: QueryDict
) -> list[GroupShown]:
    """Return all groups of the runs that match. Three queries a metric column."""
    groups = [key for _, key in keys]
    runs, ids = asked.matching(), [asked.experiment.pk]
    metrics = [column for column in columns if column.is_number]
    spreads = [
        spread_by_group(runs=runs, experiment_ids=ids, keys=groups, metric=column.key, statistic=column.statistic.value)
        for column in metrics
    ]
    return [
        GroupShown(
            values=tuple(_value_shown(value) for value in group.values),
            titles=tuple(spell_marks(value or "")[: MAX_CELL * 8] for value in group.values),
            run_count=format_count(group.run_count),
            newest=time_element(group.newest_at, is_relative=True),
            spreads=tuple(_spread_shown(found.get(group.values)) for found in spreads),
            link=link_with(
                query,
                filter=_narrowed(asked.filter_text, keys, group.values),
                group=None,
                page=None,
                columns=[column.text for column in columns],
            ),
        )
        for group in group_runs(runs=runs, experiment_ids=ids, keys=groups)
    ]


def _value_shown(value: str | None) -> str:
    if value is None:
        return gettext("(none)")
    return spell_marks(shorten(value, length=MAX_CELL)) or gettext("(empty)")


def _spread_shown(spread: Spread | None) -> SpreadShown:
    if spread is None:
        return SpreadShown(NOTHING, "", "")
    title = gettext("{n} runs, from {low} to {high}").format(
        n=format_count(spread.run_count), low=format_number(spread.lowest), high=format_number(spread.highest)
    )
    std = "" if spread.std is None or math.isnan(spread.std) else format_number(float(f"{spread.std:.3g}"))
    return SpreadShown(format_number(spread.mean), std, title)


def _narrowed(filter_text: str, keys: Sequence[tuple[str, GroupKey]], values: Sequence[str | None]) -> str:
    """Return the filter that the runs of one group pass."""
    parts = [f"({filter_text})" if filter_text and " OR " in filter_text.upper() else filter_text]
    for (text, _), value in zip(keys, values, strict=True):
        kind, _, name = text.partition(".")
        key = text if kind == "attributes" else f"{kind}.`{name}`"
        parts.append(f"{key} IS NULL" if value is None else f"{key} = {quoted(value)}")
    return " AND ".join(part for part in parts if part)


def quoted(value: str) -> str:
    """Return a text as a filter takes it: nothing escapes there, so the quote is one that the text lacks."""
    return f'"{value}"' if "'" in value else f"'{value}'"
