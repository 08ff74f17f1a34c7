"""Search trees and order keys of runs and experiments, as conditions and orders of the database.

What a run lacks makes a comparison false, and NOT of it true: comparisons of what may be missing are EXISTS, and for
the nullable column, ``ended_at``, Django's ``~Q`` asks for NULL too.
"""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from operator import and_, or_
from typing import Any, Generic, TypeAlias, TypeVar

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import (
    Case,
    CharField,
    Exists,
    Expression,
    F,
    FilteredRelation,
    Func,
    Model,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Cast, Concat
from django.db.models.sql.compiler import SQLCompiler

from tracking.core.clock import EPOCH, LAST_MS, from_ms
from tracking.core.errors import InvalidParameterError
from tracking.core.pages import KeyValue, Page, decode_token, encode_token
from tracking.runs.lookups import MAX_PATTERN, ILike, Like
from tracking.runs.models import DatasetInput, Experiment, ExperimentTag, Key, Run
from tracking.runs.types import DEFAULT_EXPERIMENT_ALIAS, KeyKind
from tracking.search.types import And, Comparison, Entity, Not, Op, Or, OrderKey, Tree

Row = TypeVar("Row", bound=Model)
SortValue: TypeAlias = str | int | float | datetime

_LOOKUPS = {
    Op.EQ: "exact",
    Op.NE: "exact",
    Op.LT: "lt",
    Op.LE: "lte",
    Op.GT: "gt",
    Op.GE: "gte",
    Op.LIKE: Like.lookup_name,
    Op.ILIKE: ILike.lookup_name,
    Op.IN: "in",
    Op.NOT_IN: "in",
}
_NEGATIVE_OPS = (Op.NE, Op.NOT_IN)

_RUN_COLUMNS = {
    "run_id": "uid",
    "run_name": "name",
    "status": "status",
    "user_id": "user_name",
    "start_time": "started_at",
    "end_time": "ended_at",
}
_EXPERIMENT_COLUMNS = {"name": "name", "creation_time": "created_at", "last_update_time": "updated_at"}
_DATASET_COLUMNS = {"name": "dataset__name", "digest": "dataset__digest", "context": "context"}
_TIMES = ("start_time", "end_time", "creation_time", "last_update_time")
_ARTIFACT_URI = Concat(
    Value("mlflow-artifacts:/"),
    Cast("experiment_id", CharField()),
    Value("/"),
    "uid",
    Value("/artifacts"),
    output_field=CharField(),
)


@dataclass(frozen=True, slots=True)
class _Carried:
    """What a run carries under interned keys: their kind, the relation from run to rows, the column compared."""

    kind: KeyKind
    relation: str
    column: str


_CARRIED = {
    Entity.PARAM: _Carried(KeyKind.PARAM, "params", "value"),
    Entity.TAG: _Carried(KeyKind.TAG, "tags", "value"),
    # The metrics room stands above this one: its table is reached by the relation's name, never imported.
    Entity.METRIC: _Carried(KeyKind.METRIC, "metric_series", "latest_value"),
}


class KeyIds:
    """The ids of the metric, param and tag keys that a filter and an order name, in some experiments.

    One query; none where no such key is named.
    """

    def __init__(self, experiment_pks: Sequence[int], tree: Tree | None, order_keys: Sequence[OrderKey]) -> None:
        names: defaultdict[KeyKind, set[str]] = defaultdict(set)
        compared = [(comparison.entity, comparison.key) for comparison in _comparisons(tree)]
        for entity, name in (*compared, *((key.entity, key.key) for key in order_keys)):
            if entity in _CARRIED:
                names[_CARRIED[entity].kind].add(name)
        self._ids: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
        if names:
            asked = reduce(or_, (Q(kind=kind, name__in=sorted(wanted)) for kind, wanted in names.items()))
            found = Key.objects.filter(asked, experiment__in=experiment_pks)
            for kind, name, pk in found.values_list("kind", "name", "pk"):
                self._ids[kind, name].append(pk)

    def list_ids(self, entity: Entity, name: str) -> list[int]:
        """Return the ids of a key that was named: at most one an experiment."""
        return self._ids.get((_CARRIED[entity].kind, name), [])


def run_condition(tree: Tree, names: KeyIds) -> Q:
    """Return what a filter asks of runs; ``names`` was made with it.

    :raises InvalidParameterError: if a LIKE pattern is too long.
    """
    return condition_of(tree, lambda comparison: _compare_run(comparison, names))


def experiment_condition(tree: Tree) -> Q:
    """Return what a filter asks of experiments.

    :raises InvalidParameterError: if a LIKE pattern is too long.
    """
    return condition_of(tree, _compare_experiment)


def run_order(keys: Sequence[OrderKey], names: KeyIds) -> "Order[Run]":
    """Return runs by these keys, then the newest first, then by id; ``names`` was made with the keys.

    Real values, then NaN, then what is missing: last in both directions. Texts compare by code point.
    """
    newest = OrderKey(Entity.ATTRIBUTE, "start_time", is_ascending=False)
    by_id = OrderKey(Entity.ATTRIBUTE, "run_id", is_ascending=True)
    columns: list[Column] = []
    joins: dict[str, _Join] = {}
    for key in _leading(keys, newest, by_id):
        if key.entity in _CARRIED:
            carried, ids = _CARRIED[key.entity], names.list_ids(key.entity, key.key)
            if ids:  # else no run has it, and it sorts nothing
                alias = f"carried_{len(joins)}"
                joins[alias] = _Join(carried.relation, Q((f"{carried.relation}__key__in", ids)))
                columns += nullable(key, f"{alias}__{carried.column}", row=f"{alias}__pk")
        elif key.key == "end_time":
            columns += nullable(key, "ended_at")
        elif key.key == "artifact_uri":
            columns.append(Column(BinaryText(_ARTIFACT_URI), str, key.is_ascending))
        elif key.key == "run_id":
            # Hexadecimal, so that any collation agrees; as it is, so that the index run_newest answers.
            columns.append(Column(F("uid"), str, key.is_ascending))
        else:
            columns.append(plain(key, _RUN_COLUMNS[key.key]))
    return Order(columns, joins)


def experiment_order(keys: Sequence[OrderKey]) -> "Order[Experiment]":
    """Return experiments by these keys (without any: the newest first), then by id.

    What is missing comes last in both directions. Texts compare by code point, ids as numbers.
    """
    newest = OrderKey(Entity.ATTRIBUTE, "creation_time", is_ascending=False)
    by_id = OrderKey(Entity.ATTRIBUTE, "experiment_id", is_ascending=True)
    columns: list[Column] = []
    joins: dict[str, _Join] = {}
    for key in _leading(keys or (newest,), by_id):
        if key.entity is Entity.TAG:
            alias = f"carried_{len(joins)}"
            joins[alias] = _Join("tags", Q(tags__key=key.key))
            columns += nullable(key, f"{alias}__value", row=f"{alias}__pk")
        elif key.key == "experiment_id":
            columns.append(Column(F("pk"), int, key.is_ascending))
        else:
            columns.append(plain(key, _EXPERIMENT_COLUMNS[key.key]))
    return Order(columns, joins)


class BinaryText(Func):
    """A text that compares by code point, as SQLite's do, whatever PostgreSQL's collation."""

    output_field = CharField()
    template = '(%(expressions)s) COLLATE "C"'

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any) -> tuple[str, Any]:
        return self.as_sql(compiler, connection, template="%(expressions)s", **extra)


@dataclass(frozen=True, slots=True)
class Column:
    """An expression to sort by. A nullable one stands behind a rank, equal ranks being all values or all NULL."""

    expression: Expression | F
    type: type[SortValue]
    is_ascending: bool
    is_nullable: bool = False


@dataclass(frozen=True, slots=True)
class _Join:
    """A relation, and which at most one of its rows the columns speak of."""

    relation: str
    condition: Q


class Order(Generic[Row]):
    """A total order of rows: the last column is unique. ``joins`` are known to the columns by their names."""

    def __init__(self, columns: Sequence[Column], joins: Mapping[str, _Join]) -> None:
        self._columns = {f"sorted_by_{number}": column for number, column in enumerate(columns)}
        self._joins = joins

    def page(self, queryset: QuerySet[Row], *, token: str, limit: int) -> Page[Row]:
        """Return up to ``limit`` rows (at least 1) behind the row that the token names; "" is the beginning. One query.

        :raises InvalidParameterError: if the token was not made by an order by the same columns.
        """
        expressions = {name: column.expression for name, column in self._columns.items()}
        # A FilteredRelation serves one queryset: Django rewrites its condition in place.
        joins = {name: FilteredRelation(join.relation, condition=join.condition) for name, join in self._joins.items()}
        found = queryset.annotate(**joins).annotate(**expressions)
        if token:
            found = found.filter(self._after(token))
        directions = (name if column.is_ascending else f"-{name}" for name, column in self._columns.items())
        rows = list(found.order_by(*directions)[: limit + 1])
        if len(rows) <= limit:
            return Page(rows, None)
        return Page(rows[:limit], encode_token(tuple(_pack(getattr(rows[limit - 1], name)) for name in self._columns)))

    def _after(self, token: str) -> Q:
        """Return what holds for the rows behind the one that the token names.

        ``a > 1 OR (a = 1 AND b > 2) OR ...`` is longer than its nested form, and never too deep for SQLite's parser.
        """
        values = decode_token(token, length=len(self._columns))
        first, behind, equal = Q(), Q(), Q()
        for (name, column), packed in zip(self._columns.items(), values, strict=True):
            if packed is None and column.is_nullable:
                continue  # the rank before it says that it is NULL
            value = _unpack(packed, column.type, token)
            comparison = f"{name}__{'gt' if column.is_ascending else 'lt'}"
            first = first or Q((f"{comparison}e", value))  # follows from the rest; PostgreSQL's index starts there
            behind |= equal & Q((comparison, value))
            equal &= Q((name, value))
        return first & behind


def _leading(keys: Sequence[OrderKey], *tie_breaks: OrderKey) -> list[OrderKey]:
    """Return the keys and tie-breaks that decide: the first of each name, and none behind the last, unique one."""
    unique = (tie_breaks[-1].entity, tie_breaks[-1].key)
    leading: dict[tuple[Entity, str], OrderKey] = {}
    for key in (*keys, *tie_breaks):
        if unique not in leading:
            leading.setdefault((key.entity, key.key), key)
    return list(leading.values())


def plain(key: OrderKey, column: str) -> Column:
    if key.key in _TIMES:
        return Column(F(column), datetime, key.is_ascending)
    return Column(BinaryText(F(column)), str, key.is_ascending)


def nullable(key: OrderKey, column: str, *, row: str | None = None) -> list[Column]:
    """Return the rank that puts NULL last, and behind it what has no ``row`` at all, and then the column."""
    ranks = [When(Q((f"{row}__isnull", True)), then=2)] if row else []
    ranks.append(When(Q((f"{column}__isnull", True)), then=1))
    rank = Column(Case(*ranks, default=0), int, is_ascending=True)
    if key.entity is Entity.METRIC:
        return [rank, Column(F(column), float, key.is_ascending, is_nullable=True)]
    return [rank, replace(plain(key, column), is_nullable=True)]


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
    raise InvalidParameterError(f"Page token {token[:100]!r} belongs to another order. Ask for the first page again.")


def condition_of(tree: Tree, compare: Callable[[Comparison], Q], *, is_negated: bool = False) -> Q:
    """Return the condition of a tree, shaped for SQLite's parser, whose stack of 100 overflows at 31 nested ORs.

    NOT moves down to the comparisons, and the deepest child of AND and OR comes first: all that the grammar takes fits.
    """
    match tree:
        case Comparison():
            return ~compare(tree) if is_negated else compare(tree)
        case Not(child):
            return condition_of(child, compare, is_negated=not is_negated)
        case And(children) | Or(children):
            deepest_first = sorted(children, key=_depth, reverse=True)
            parts = (condition_of(child, compare, is_negated=is_negated) for child in deepest_first)
            return reduce(and_ if isinstance(tree, And) is not is_negated else or_, parts)


def _depth(tree: Tree) -> int:
    match tree:
        case Comparison():
            return 0
        case Not(child):
            return _depth(child)
        case And(children) | Or(children):
            return 1 + max(map(_depth, children))


def _comparisons(tree: Tree | None) -> Iterator[Comparison]:
    match tree:
        case Comparison():
            yield tree
        case Not(child):
            yield from _comparisons(child)
        case And(children) | Or(children):
            for child in children:
                yield from _comparisons(child)


def _compare_run(comparison: Comparison, names: KeyIds) -> Q:
    key, op, value = comparison.key, comparison.op, comparison.value
    if comparison.entity in _CARRIED:
        carried = _CARRIED[comparison.entity]
        rows = _rows_of(carried.relation).filter(key__in=names.list_ids(comparison.entity, key))
        return has_row(rows, carried.column, comparison)
    if comparison.entity is Entity.DATASET:
        inputs = DatasetInput.objects.filter(run=OuterRef("pk"))
        return has_row(inputs.exclude(context="") if key == "context" else inputs, _DATASET_COLUMNS[key], comparison)
    if isinstance(value, float):
        return compare_time(_RUN_COLUMNS[key], op, value)
    if key == "artifact_uri":
        return has_row(Run.objects.filter(pk=OuterRef("pk")).alias(text=_ARTIFACT_URI), "text", comparison)
    return compare_column(_RUN_COLUMNS[key], op, value)


def _compare_experiment(comparison: Comparison) -> Q:
    key, op, value = comparison.key, comparison.op, comparison.value
    if comparison.entity is Entity.TAG:
        return has_row(ExperimentTag.objects.filter(experiment=OuterRef("pk"), key=key), "value", comparison)
    if isinstance(value, float):
        return compare_time(_EXPERIMENT_COLUMNS[key], op, value)
    if key != "experiment_id":
        return compare_column(_EXPERIMENT_COLUMNS[key], op, value)
    if op in (Op.LIKE, Op.ILIKE):
        itself = Experiment.objects.filter(pk=OuterRef("pk"))
        return has_row(itself.alias(text=Cast("pk", CharField())), "text", comparison)
    return _compare_experiment_id(op, (value,) if isinstance(value, str) else value or ())


def _compare_experiment_id(op: Op, texts: Iterable[str]) -> Q:
    """Compare with ids as their texts; "0" is the workspace's Default, and what is no number is no experiment."""
    wanted = Q(pk__in=[int(text) for text in texts if re.fullmatch(r"\d{1,18}", text, re.ASCII)])
    if DEFAULT_EXPERIMENT_ALIAS in texts:
        wanted |= Q(is_default=True)
    return ~wanted if op in _NEGATIVE_OPS else wanted


def _rows_of(relation: str) -> QuerySet[Any]:
    model: Any = Run._meta.get_field(relation).related_model
    return QuerySet(model).filter(run=OuterRef("pk"))


def has_row(rows: QuerySet[Any], column: str, comparison: Comparison) -> Q:
    """Return whether one of the rows compares so; for IS NULL, whether there is no row."""
    match comparison.op:
        case Op.IS_NULL:
            return ~Q(Exists(rows))
        case Op.IS_NOT_NULL:
            return Q(Exists(rows))
        case op:
            return Q(Exists(rows.filter(compare_column(column, op, comparison.value))))


def compare_column(column: str, op: Op, value: str | float | tuple[str, ...] | None) -> Q:
    """Compare a column; of the NULLs, which are NaN, != is true and all else false.

    :raises InvalidParameterError: if a LIKE pattern is too long.
    """
    if op in (Op.LIKE, Op.ILIKE) and isinstance(value, str) and len(value) > MAX_PATTERN:
        raise InvalidParameterError(
            f"The {op} pattern '{value[:80]}…' has {len(value)} characters; at most {MAX_PATTERN} are allowed"
        )
    found = Q((f"{column}__{_LOOKUPS[op]}", value))
    return ~found if op in _NEGATIVE_OPS else found


def compare_time(column: str, op: Op, ms: float) -> Q:
    """Compare the whole milliseconds that clients see of a time, which may be finer, with any number."""
    ms = min(max(ms, -1.0), LAST_MS + 1.0)
    begin, end = from_ms(math.ceil(ms)), from_ms(math.floor(ms) + 1)
    conditions = {
        Op.EQ: Q((f"{column}__gte", begin), (f"{column}__lt", end)),
        Op.NE: Q((f"{column}__lt", begin)) | Q((f"{column}__gte", end)),
        Op.LT: Q((f"{column}__lt", begin)),
        Op.LE: Q((f"{column}__lt", end)),
        Op.GT: Q((f"{column}__gte", end)),
        Op.GE: Q((f"{column}__gte", begin)),
    }
    return conditions[op]
