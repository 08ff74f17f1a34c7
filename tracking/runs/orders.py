"""Keyset orders: which columns sort a search, what a page token says, and the walks that an index answers.

An order by what a row may lack is a sequence of walks: the rows that have a value, along the index of values, then
those whose value is NULL, then those that have none. A walk begins where the page begins and stops with it, so that a
page costs the same wherever it lies and however many rows there are.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Generic, TypeAlias, TypeVar

from django.db.models import Case, Expression, F, FilteredRelation, Model, Q, QuerySet, When
from django.db.models.lookups import IsNull

from tracking.core.clock import EPOCH
from tracking.core.errors import InvalidParameterError
from tracking.core.pages import KeyValue, Page, decode_token, encode_token
from tracking.core.store import Statement, fetch, merge_of, statement_of

Row = TypeVar("Row", bound=Model)
SortValue: TypeAlias = str | int | float | datetime
HAS_VALUE, IS_NULL, IS_ABSENT = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Column:
    """An expression to sort by. A nullable one stands behind a rank, equal ranks being all values or all NULL."""

    expression: Expression | F
    type: type[SortValue]
    is_ascending: bool
    is_nullable: bool = False

    @property
    def field(self) -> str:
        """The name of the row's own field that the column is, "" where it is more than that."""
        name = str(getattr(self.expression, "name", "")) if isinstance(self.expression, F) else ""
        return "" if "__" in name else name


@dataclass(frozen=True, slots=True)
class Join:
    """A relation, and which at most one of its rows the columns speak of."""

    relation: str
    condition: Q


@dataclass(frozen=True, slots=True)
class Walk:
    """A stretch of an order, all of whose rows have one rank, the first column: what holds for them.

    The first ``settled`` columns do not differ among them. ``without`` names a join that it has no use for. ``parts``:
    what holds for some of them and for no others, each of which an index has in order; they are walked side by side.
    """

    rank: int
    condition: Q
    settled: int
    without: str = ""
    parts: Sequence[Q] = ()


@dataclass(frozen=True, slots=True)
class Stretch:
    """A walk of a page as a statement: what it selects, the first ``width`` of which are asked for."""

    walk: Walk
    statement: Statement | None
    selected: Sequence[str]
    width: int


class Order(Generic[Row]):
    """A total order of rows: the last column is unique. ``joins`` are known to the columns by their names.

    ``walks`` cover all rows, by rank; without any, one query sorts the rows.
    """

    def __init__(self, columns: Sequence[Column], joins: Mapping[str, Join], walks: Sequence[Walk] = ()) -> None:
        self._columns: dict[str, Column] = {}
        for number, column in enumerate(columns):
            self._columns.setdefault(column.field or f"sorted_by_{number}", column)  # once sorted, a field decides
        self._joins = joins
        self._walks = walks or [Walk(HAS_VALUE, Q(), settled=0)]
        self._is_walked = any(walk.settled for walk in walks)

    def page(self, queryset: QuerySet[Row], *, token: str, limit: int) -> Page[Row]:
        """Return up to ``limit`` rows (at least 1) behind the row that the token names; "" is the beginning.

        One query; where the order is walked, one for each walk that the page touches.

        :raises InvalidParameterError: if the token was not made by an order by the same columns.
        """
        model = queryset.model
        fields = [field.attname for field in model._meta.concrete_fields]
        page = self.values(queryset, fields=fields, token=token, limit=limit)
        return Page([model.from_db(queryset.db, fields, row) for row in page.rows], page.next_token)

    def values(self, queryset: QuerySet[Row], *, fields: Sequence[str], token: str, limit: int) -> Page[Sequence[Any]]:
        """Return a page as ``page`` does, of these fields of its rows."""
        return self.collect(self.stretches(queryset, fields=fields, token=token, limit=limit), limit=limit)

    def stretches(
        self, queryset: QuerySet[Row], *, fields: Sequence[str], token: str, limit: int
    ) -> Iterator["Stretch"]:
        """Yield the statements whose rows one after the other ``collect`` takes its page from."""
        after = decode_token(token, length=len(self._columns)) if token else ()
        begin = self._rank_in(after, token)
        for walk in self._walks:
            if walk.rank < begin:
                continue
            names = list(self._columns)[walk.settled :]
            behind = self._behind(after, names, token) if after and walk.rank == begin else Q()
            selected = list(dict.fromkeys([*fields, *names]))
            directions = [name if self._columns[name].is_ascending else f"-{name}" for name in names]
            parts = [
                statement_of(
                    self._walked(queryset, walk, part)
                    .filter(behind)
                    .order_by(*directions)
                    .values_list(*selected)[: limit + 1]
                )
                for part in walk.parts or [Q()]
            ]
            places = [(selected.index(name), self._columns[name].is_ascending) for name in names]
            yield Stretch(walk, merge_of(parts, places, limit=limit + 1), selected, len(fields))

    def collect(self, stretches: Iterable["Stretch"], *, limit: int) -> Page[Sequence[Any]]:
        """Return the page of ``limit`` rows that begins with the stretches; asks no more of them than it needs."""
        rows: list[Sequence[Any]] = []
        last: tuple[KeyValue, ...] = ()
        for stretch in stretches:
            some = fetch(stretch.statement)
            if len(rows) < limit <= len(rows) + len(some):
                last = self._place(stretch.walk, dict(zip(stretch.selected, some[limit - 1 - len(rows)], strict=True)))
            rows += (row[: stretch.width] for row in some) if len(stretch.selected) > stretch.width else some
            if len(rows) > limit:
                return Page(rows[:limit], encode_token(last))
        return Page(rows, None)

    def _rank_in(self, after: Sequence[KeyValue], token: str) -> int:
        """Return the rank of the walk that a token's values lie in.

        :raises InvalidParameterError: if no walk has it.
        """
        if not after or not self._is_walked:
            return HAS_VALUE
        if isinstance(after[0], int) and after[0] in (HAS_VALUE, IS_NULL, IS_ABSENT):
            return after[0]
        raise _foreign(token)

    def _walked(self, queryset: QuerySet[Row], walk: Walk, part: Q) -> QuerySet[Row]:
        """Return the rows of a part of a walk, with the columns in which they differ."""
        # A FilteredRelation serves one queryset: Django rewrites its condition in place.
        joins = {
            name: FilteredRelation(join.relation, condition=join.condition)
            for name, join in self._joins.items()
            if name != walk.without
        }
        columns = list(self._columns.items())[walk.settled :]
        expressions = {name: column.expression for name, column in columns if not column.field}
        found: QuerySet[Row] = queryset.annotate(**joins).filter(walk.condition & part).annotate(**expressions)
        return found

    def _behind(self, after: Sequence[KeyValue], names: Sequence[str], token: str) -> Q:
        """Return what holds for the rows of a walk behind the one whose values are given.

        ``a > 1 OR (a = 1 AND b > 2) OR ...`` is longer than its nested form, and never too deep for SQLite's parser.
        """
        first, behind, equal = Q(), Q(), Q()
        for name, packed in zip(names, after[len(after) - len(names) :], strict=True):
            column = self._columns[name]
            if packed is None and column.is_nullable:
                continue  # the rank before it says that it is NULL
            value = _unpack(packed, column.type, token)
            comparison = f"{name}__{'gt' if column.is_ascending else 'lt'}"
            first = first or Q((f"{comparison}e", value))  # follows from the rest, and is where the index is entered
            behind |= equal & Q((comparison, value))
            equal &= Q((name, value))
        return first & behind

    def _place(self, walk: Walk, row: Mapping[str, Any]) -> tuple[KeyValue, ...]:
        """Return what the token of a row of a walk holds."""
        settled = (walk.rank, *(None for _ in range(walk.settled - 1))) if walk.settled else ()
        return (*settled, *(_pack(row[name]) for name in list(self._columns)[walk.settled :]))


def nullable(column: Column, *, row: str = "", before: Sequence[Column] = ()) -> list[Column]:
    """Return the rank that puts NULL last, and behind it what has no ``row`` at all, and then the column.

    Columns ``before`` it say the same less exactly.
    """
    ranks = [When(Q((f"{row}__isnull", True)), then=IS_ABSENT)] if row else []
    ranks.append(When(IsNull(column.expression, True), then=IS_NULL))
    rank = Column(Case(*ranks, default=HAS_VALUE), int, is_ascending=True)
    return [rank, *(replace(one, is_nullable=True) for one in (*before, column))]


def _pack(value: SortValue | None) -> KeyValue:
    match value:
        case datetime():
            return (value - EPOCH) // timedelta(microseconds=1)
        case float():
            return repr(value)  # JSON has no infinities
        case _:
            return value


def _unpack(packed: KeyValue, type_: type[SortValue], token: str) -> SortValue:
    """Return the value that became ``packed``.

    :raises InvalidParameterError: if no value of this type becomes it.
    """
    try:
        if type_ is str and isinstance(packed, str) and "\0" not in packed:
            return packed
        if type_ is float and isinstance(packed, str) and not math.isnan(float(packed)):
            return float(packed)
        if type_ is int and isinstance(packed, int) and abs(packed) < 2**63:
            return packed
        if type_ is datetime and isinstance(packed, int):
            return EPOCH + timedelta(microseconds=packed)
    except (ValueError, OverflowError):
        pass
    raise _foreign(token)


def _foreign(token: str) -> InvalidParameterError:
    return InvalidParameterError(f"Page token {token[:100]!r} belongs to another order. Ask for the first page again.")
