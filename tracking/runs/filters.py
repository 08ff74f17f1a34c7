"""Search trees and order keys of runs and experiments, as conditions and orders of the database.

What a run lacks makes a comparison false, and NOT of it true: comparisons of what may be missing are EXISTS, and for
the nullable column, ``ended_at``, Django's ``~Q`` asks for NULL too.
"""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import and_, or_
from typing import Any

from django.db.models import (
    CharField,
    Exists,
    Expression,
    ExpressionWrapper,
    F,
    FloatField,
    OuterRef,
    Q,
    QuerySet,
    Value,
)
from django.db.models.functions import Cast, Concat, NullIf
from django.db.models.lookups import In

from tracking.core.clock import LAST_MS, from_ms
from tracking.core.errors import InvalidParameterError
from tracking.runs.lookups import MAX_PATTERN, BinaryText, ForSqlite, ILike, Like, Prefix
from tracking.runs.models import DatasetInput, Experiment, ExperimentTag, Run
from tracking.runs.orders import HAS_VALUE, IS_ABSENT, IS_NULL, Column, Join, Order, Walk, nullable
from tracking.runs.store import key_rows
from tracking.runs.types import DEFAULT_EXPERIMENT_ALIAS, KeyKind
from tracking.search.types import And, Comparison, Entity, Not, Op, Or, OrderKey, Stat, Tree

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

RUN_COLUMNS = {
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
_STAT_COLUMNS = {Stat.LAST: "latest_value", Stat.MIN: "min_value", Stat.MAX: "max_value"}
# Experiments whose indexes are walked side by side: each costs a page of its own.
MOST_SIDE_BY_SIDE = 20
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


CARRIED = {
    Entity.PARAM: _Carried(KeyKind.PARAM, "params", "value"),
    Entity.TAG: _Carried(KeyKind.TAG, "tags", "value"),
    # The metrics room stands above this one: its table is reached by the relation's name, never imported.
    Entity.METRIC: _Carried(KeyKind.METRIC, "metric_series", "latest_value"),
}


class KeyIds:
    """The ids of the metric, param and tag keys that a filter and an order name, in ``experiment_pks``.

    One query; none where no such key is named. Equal where they say the same.
    """

    def __init__(self, experiment_pks: Sequence[int], tree: Tree | None, order_keys: Sequence[OrderKey]) -> None:
        self.experiment_pks = tuple(experiment_pks)
        names: defaultdict[KeyKind, set[str]] = defaultdict(set)
        compared = [(comparison.entity, comparison.key) for comparison in _comparisons(tree)]
        for entity, name in (*compared, *((key.entity, key.key) for key in order_keys)):
            if entity in CARRIED:
                names[CARRIED[entity].kind].add(name)
        self._ids: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
        self._found: tuple[tuple[int, str, int], ...] = ()
        if names and experiment_pks:
            all_names = sorted(set().union(*names.values()))
            self._found = tuple(sorted(key_rows(experiment_pks, kinds=list(names), names=all_names)))
            for kind, name, pk in self._found:
                self._ids[kind, name].append(pk)  # also those of a name that was asked for as another kind

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeyIds) and (self.experiment_pks, self._found) == (other.experiment_pks, other._found)

    def __hash__(self) -> int:
        return hash((self.experiment_pks, self._found))

    def list_ids(self, entity: Entity, name: str) -> list[int]:
        """Return the ids of a key that was named: at most one an experiment."""
        return self._ids.get((CARRIED[entity].kind, name), [])


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


def run_order(
    keys: Sequence[OrderKey], names: KeyIds, *, tree: Tree | None = None, narrowed: "Narrowed | None" = None
) -> Order[Run]:
    """Return the runs of the experiments of ``names`` by these keys, then the newest first, then by id.

    Real values, then NaN, then what is missing: last in both directions. Texts compare by code point. ``names`` was
    made with the keys. What ``tree`` asks of the first key bounds the walk along its index. Few runs that are left are
    simply sorted.
    """
    newest = OrderKey(Entity.ATTRIBUTE, "start_time", is_ascending=False)
    by_id = OrderKey(Entity.ATTRIBUTE, "run_id", is_ascending=True)
    columns: list[Column] = []
    joins: dict[str, Join] = {}
    narrowed = narrowed or Narrowed()
    few = narrowed.few
    scopes = _scopes(names.experiment_pks) if few is None else [Q(pk__in=few)]
    walks = [Walk(HAS_VALUE, Q(), settled=0, parts=scopes)]
    for key in _leading(keys, newest, by_id):
        if key.entity in CARRIED:
            carried, ids = CARRIED[key.entity], names.list_ids(key.entity, key.key)
            if ids:  # else no run has it, and it sorts nothing
                alias = f"carried_{len(joins)}"
                joins[alias] = Join(carried.relation, Q((f"{carried.relation}__key__in", ids)))
                if not columns and few is None and key.stat is Stat.LAST:
                    walks = _walks(alias, key, ids, scopes, tree, narrowed.many)
                columns += _carried_columns(alias, key)
        elif key.key == "end_time":
            columns += nullable(plain(key, "ended_at"))
        elif key.key == "artifact_uri":
            columns.append(Column(BinaryText(_ARTIFACT_URI), str, key.is_ascending))
        elif key.key == "run_id":
            # Hexadecimal, so that any collation agrees; as it is, so that the index run_newest answers.
            columns.append(Column(F("uid"), str, key.is_ascending))
        else:
            columns.append(plain(key, RUN_COLUMNS[key.key]))
    return Order(columns, joins, walks)


def experiment_order(keys: Sequence[OrderKey]) -> Order[Experiment]:
    """Return experiments by these keys (without any: the newest first), then by id.

    What is missing comes last in both directions. Texts compare by code point, ids as numbers.
    """
    newest = OrderKey(Entity.ATTRIBUTE, "creation_time", is_ascending=False)
    by_id = OrderKey(Entity.ATTRIBUTE, "experiment_id", is_ascending=True)
    columns: list[Column] = []
    joins: dict[str, Join] = {}
    for key in _leading(keys or (newest,), by_id):
        if key.entity is Entity.TAG:
            alias = f"carried_{len(joins)}"
            joins[alias] = Join("tags", Q(tags__key=key.key))
            columns += nullable(plain(key, f"{alias}__value"), row=f"{alias}__pk")
        elif key.key == "experiment_id":
            columns.append(Column(F("pk"), int, key.is_ascending))
        else:
            columns.append(plain(key, _EXPERIMENT_COLUMNS[key.key]))
    return Order(columns, joins)


def _scopes(experiment_pks: Sequence[int]) -> list[Q]:
    """Return what holds for the runs of each experiment, whose indexes are walked side by side; of too many, of all."""
    if len(experiment_pks) > MOST_SIDE_BY_SIDE:
        return [Q(experiment__in=experiment_pks)]
    return [Q(experiment=pk) for pk in experiment_pks]


def _carried_columns(alias: str, key: OrderKey) -> list[Column]:
    if key.entity is Entity.METRIC:
        value = Column(_stat(key.stat, f"{alias}__"), float, key.is_ascending)
        return nullable(value, row=f"{alias}__pk")
    text = f"{alias}__value"
    beginning = Column(Prefix(F(text)), str, key.is_ascending)  # all of it that the index has
    return nullable(plain(key, text), row=f"{alias}__pk", before=[beginning])


def _walks(
    alias: str,
    key: OrderKey,
    ids: Sequence[int],
    scopes: Sequence[Q],
    tree: Tree | None,
    many: QuerySet[Any, Any] | None,
) -> list[Walk]:
    """Return the walks by what ``alias`` joins.

    The keys belong to the experiments, so that they are the scope of those who have a value: nothing else to tempt the
    database away from the index of values.
    """
    carried = CARRIED[key.entity]
    absent = ~Q(Exists(_rows_of(carried.relation).filter(key__in=ids)))
    parts = [Q((f"{alias}__key", pk)) for pk in ids] if len(ids) <= MOST_SIDE_BY_SIDE else []
    listed = Q() if many is None else Q(ForSqlite(In(F(f"{alias}__run_id"), many)))
    if key.entity is not Entity.METRIC:
        return [
            Walk(HAS_VALUE, Q((f"{alias}__pk__isnull", False)) & listed, settled=1, parts=parts),
            Walk(IS_ABSENT, absent, settled=3, without=alias, parts=scopes),
        ]
    value = f"{alias}__{carried.column}"
    bounds = [compare_column(value, one.op, one.value) for one in conjuncts(tree) if is_bound_by(one, key)]
    walk = Walk(HAS_VALUE, reduce(and_, bounds, Q((f"{value}__isnull", False)) & listed), settled=1, parts=parts)
    if bounds:
        return [walk]
    nan = Q((f"{alias}__pk__isnull", False), (f"{value}__isnull", True))
    return [
        walk,
        Walk(IS_NULL, nan, settled=2, parts=parts),
        Walk(IS_ABSENT, absent, settled=2, without=alias, parts=scopes),
    ]


def is_bound_by(comparison: Comparison, key: OrderKey) -> bool:
    """Tell whether a comparison can be true of real values of a key only."""
    named = (comparison.entity, comparison.key, comparison.stat)
    return named == (key.entity, key.key, key.stat) and comparison.op is not Op.NE


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What indexes know of the runs that a filter leaves. ``few``: no others, if not None. ``many``: a list of them."""

    few: Sequence[int] | None = None
    many: QuerySet[Any, Any] | None = None


def _leading(keys: Sequence[OrderKey], *tie_breaks: OrderKey) -> list[OrderKey]:
    """Return the keys and tie-breaks that decide: the first of each name, and none behind the last, unique one."""
    unique = (tie_breaks[-1].entity, tie_breaks[-1].key, Stat.LAST)
    leading: dict[tuple[Entity, str, Stat], OrderKey] = {}
    for key in (*keys, *tie_breaks):
        if unique not in leading:
            leading.setdefault((key.entity, key.key, key.stat), key)
    return list(leading.values())


def plain(key: OrderKey, column: str) -> Column:
    if key.key in _TIMES:
        return Column(F(column), datetime, key.is_ascending)
    return Column(BinaryText(F(column)), str, key.is_ascending)


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


def conjuncts(tree: Tree | None) -> list[Comparison]:
    """Return the comparisons that have to be true whatever else is."""
    children = tree.children if isinstance(tree, And) else (tree,)
    return [child for child in children if isinstance(child, Comparison)]


def _comparisons(tree: Tree | None) -> Iterator[Comparison]:
    match tree:
        case Comparison():
            yield tree
        case Not(child):
            yield from _comparisons(child)
        case And(children) | Or(children):
            for child in children:
                yield from _comparisons(child)


def _stat(stat: Stat, prefix: str = "") -> Expression | F:
    """Return a figure of a series; ``prefix`` leads to it. All are floats, and NULL where there is none."""
    match stat:
        case Stat.MEAN:
            mean = F(f"{prefix}finite_sum") / NullIf(F(f"{prefix}finite_count"), Value(0))
            return ExpressionWrapper(mean, output_field=FloatField())
        case Stat.COUNT:
            return Cast(F(f"{prefix}received"), FloatField())
        case _:
            return F(f"{prefix}{_STAT_COLUMNS[stat]}")


def _compare_run(comparison: Comparison, names: KeyIds) -> Q:
    key, op, value = comparison.key, comparison.op, comparison.value
    if comparison.entity in CARRIED:
        carried = CARRIED[comparison.entity]
        rows = _rows_of(carried.relation).filter(key__in=names.list_ids(comparison.entity, key))
        if comparison.entity is not Entity.METRIC:
            return has_row(rows, carried.column, comparison)
        if comparison.stat in _STAT_COLUMNS:
            return has_row(rows, _STAT_COLUMNS[comparison.stat], comparison)
        compared = compare_column("figure", op, value)
        if op is Op.NE:  # Django knows of columns that they may be NULL, not of expressions
            compared |= Q(figure__isnull=True)
        return Q(Exists(rows.alias(figure=_stat(comparison.stat)).filter(compared)))
    if comparison.entity is Entity.DATASET:
        inputs = DatasetInput.objects.filter(run=OuterRef("pk"))
        return has_row(inputs.exclude(context="") if key == "context" else inputs, _DATASET_COLUMNS[key], comparison)
    if isinstance(value, float):
        return compare_time(RUN_COLUMNS[key], op, value)
    if key == "artifact_uri":
        return has_row(Run.objects.filter(pk=OuterRef("pk")).alias(text=_ARTIFACT_URI), "text", comparison)
    return compare_column(RUN_COLUMNS[key], op, value)


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


def all_of(relation: str) -> QuerySet[Any]:
    model: Any = Run._meta.get_field(relation).related_model
    return QuerySet(model)


def _rows_of(relation: str) -> QuerySet[Any]:
    return all_of(relation).filter(run=OuterRef("pk"))


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
