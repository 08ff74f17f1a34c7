"""Which runs a search has to look at, asked of indexes before it walks: few that match, or a list not too long."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from tracking.core.store import Statement, count_rows, fetch, statement_of
from tracking.runs.filters import (
    CARRIED,
    RUN_COLUMNS,
    KeyIds,
    Narrowed,
    all_of,
    compare_column,
    conjuncts,
    is_bound_by,
)
from tracking.runs.lookups import PREFIX, Prefix
from tracking.runs.models import DatasetInput, Run
from tracking.search.types import Comparison, Entity, Op, OrderKey, Stat, Tree

# As many runs as are sorted at once rather than met on a walk along an order that knows nothing of them.
FEW = 500
# As many as are listed before a walk, so that what it meets is looked up in a list and not in a table.
MANY = 20_000


@dataclass(frozen=True, slots=True)
class Narrowing:
    """The runs that one comparison leaves, and perhaps others, as an index has them: a question to it.

    ``first``: a few of them, as a statement; ``some``: many of them, where a list of those is of use; None where not.
    """

    rows: QuerySet[Any, Any]
    first: Statement | None
    some: Statement | None


def narrowings(
    found: QuerySet[Run], tree: Tree | None, names: KeyIds, keys: Sequence[OrderKey]
) -> tuple[Narrowing, ...]:
    """Return a question for each comparison that an index can answer and all have to be true.

    What bounds the walk by the first key is not asked.
    """
    is_walked = bool(keys) and keys[0].entity in CARRIED
    asked = []
    for comparison in conjuncts(tree):
        if keys and is_bound_by(comparison, keys[0]):
            continue
        rows = _indexed(found, comparison, names)
        if rows is not None:
            is_listed = is_walked and comparison.entity in (Entity.PARAM, Entity.TAG)
            some = statement_of(rows[: MANY + 1]) if is_listed else None
            asked.append(Narrowing(rows, statement_of(rows[: FEW + 1]), some))
    return tuple(asked)


def narrow(asked: Sequence[Narrowing]) -> Narrowed:
    """Return the runs that one comparison leaves, and perhaps others, if they are few, else a short enough list.

    A query for each question, until one leaves few; then one for each that leaves many, until one leaves not too many.
    Reads at most ``FEW`` or ``MANY`` entries of an index each time.
    """
    for one in asked:
        pks = [pk for (pk,) in fetch(one.first)]
        if len(pks) <= FEW:
            return Narrowed(few=pks)
    return Narrowed(many=next((one.rows for one in asked if one.some and count_rows(one.some) <= MANY), None))


def _indexed(found: QuerySet[Any], comparison: Comparison, names: KeyIds) -> QuerySet[Any, Any] | None:
    """Return the runs that a comparison may be true of, as an index has them; None if none has."""
    key, op, value = comparison.key, comparison.op, comparison.value
    if comparison.entity is Entity.METRIC:
        if comparison.stat is not Stat.LAST or op is Op.NE:
            return None
    elif op is not Op.EQ:
        return None
    match comparison.entity:
        case Entity.METRIC:
            rows = all_of("metric_series").filter(key__in=names.list_ids(Entity.METRIC, key))
            return rows.filter(compare_column("latest_value", op, value)).values_list("run_id", flat=True)
        case Entity.PARAM | Entity.TAG as entity:
            rows = all_of(CARRIED[entity].relation).filter(key__in=names.list_ids(entity, key))
            # Not the value itself beside it: SQLite would put it into SUBSTR, and the index would be of no use.
            begin_so: QuerySet[Any, Any] = rows.alias(beginning=Prefix("value")).filter(beginning=str(value)[:PREFIX])
            return begin_so.values_list("run_id", flat=True)
        case Entity.DATASET if key == "name":
            inputs = DatasetInput.objects.filter(dataset__experiment__in=names.experiment_pks, dataset__name=value)
            return inputs.values_list("run_id", flat=True)
        case Entity.ATTRIBUTE if key in ("run_id", "status"):
            rows = found.filter((RUN_COLUMNS[key], value), experiment__in=names.experiment_pks)
            return rows.values_list("pk", flat=True)
        case _:
            return None
