"""From a search tree to SQL, for logged models; and their keyset order."""

from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from operator import or_

from django.db.models import Case, Exists, ExpressionWrapper, F, FloatField, OuterRef, Q, QuerySet, Subquery, When

from tracking.core.errors import InvalidParameterError
from tracking.registry.models import LoggedModel, LoggedModelMetric, LoggedModelParam, LoggedModelTag
from tracking.registry.types import DatasetNamed, ModelOrder
from tracking.runs.filters import compare_column, compare_time, condition_of, has_row
from tracking.runs.lookups import BinaryText
from tracking.runs.orders import Column, Order
from tracking.search.grammars import LOGGED_MODELS
from tracking.search.types import Comparison, Entity, Tree

COLUMNS = {
    "name": "name",
    "model_id": "uid",
    "model_type": "model_type",
    "status": "status",
    "source_run_id": "source_run__uid",
    "creation_timestamp": "created_at",
    "last_updated_timestamp": "updated_at",
}
TIMES = ("creation_timestamp", "last_updated_timestamp")


def model_condition(tree: Tree, datasets: Sequence[DatasetNamed]) -> Q:
    """Return what a filter asks of logged models; metrics are those on one of ``datasets``, if there are any.

    :raises InvalidParameterError: if a LIKE pattern is too long.
    """
    return condition_of(tree, lambda comparison: _compare(comparison, datasets))


def model_order(keys: Sequence[ModelOrder]) -> Order[LoggedModel]:
    """Return logged models by these keys, then the newest first, then by id; what is missing comes last.

    :raises InvalidParameterError: if a key names no field.
    """
    newest = ModelOrder("creation_timestamp", False, DatasetNamed("", ""))
    columns = [column for key in (*keys, newest) for column in _sorted_by(key)]
    return Order([*columns, Column(F("uid"), str, True)], {})


def _compare(comparison: Comparison, datasets: Sequence[DatasetNamed]) -> Q:
    key, op, value = comparison.key, comparison.op, comparison.value
    if comparison.entity is Entity.METRIC:
        return has_row(_metrics(key, datasets), "value", comparison)
    if comparison.entity is Entity.PARAM:
        return has_row(LoggedModelParam.objects.filter(model=OuterRef("pk"), key=key), "value", comparison)
    if comparison.entity is Entity.TAG:
        return has_row(LoggedModelTag.objects.filter(model=OuterRef("pk"), key=key), "value", comparison)
    if key == "source_run_id":
        itself = LoggedModel.objects.filter(pk=OuterRef("pk"), source_run__isnull=False)
        return has_row(itself, COLUMNS[key], comparison)
    if isinstance(value, float):
        return compare_time(COLUMNS[key], op, value)
    return compare_column(COLUMNS[key], op, value)


def _sorted_by(key: ModelOrder) -> list[Column]:
    prefix, _, name = key.field_name.partition(".")
    entity = LOGGED_MODELS.find_entity(prefix) if name else Entity.ATTRIBUTE
    if entity is Entity.METRIC:
        latest = _metrics(name, [key.dataset] if key.dataset.name else []).order_by("-step", "-timestamp_ms", "-pk")
        rank = Case(
            When(Q(Exists(latest.filter(value__isnull=False))), then=0), When(Q(Exists(latest)), then=1), default=2
        )
        value = Subquery(latest.filter(value__isnull=False).values("value")[:1])
        return [
            Column(rank, int, True),
            Column(ExpressionWrapper(value, FloatField()), float, key.is_ascending, is_nullable=True),
        ]
    found = LOGGED_MODELS.find_key(Entity.ATTRIBUTE, name or prefix) if entity is Entity.ATTRIBUTE else None
    if found is None or found.name == "source_run_id":
        raise InvalidParameterError(
            f"Invalid order by field name: {key.field_name[:100]!r}. It is metrics.<name> or one of "
            f"{', '.join(name for name in COLUMNS if name != 'source_run_id')}."
        )
    if found.name in TIMES:
        return [Column(F(COLUMNS[found.name]), datetime, key.is_ascending)]
    return [Column(BinaryText(F(COLUMNS[found.name])), str, key.is_ascending)]


def _metrics(name: str, datasets: Sequence[DatasetNamed]) -> QuerySet[LoggedModelMetric]:
    found = LoggedModelMetric.objects.filter(model=OuterRef("pk"), key=name)
    if not datasets:
        return found
    return found.filter(
        reduce(
            or_,
            (
                Q(dataset_name=one.name, dataset_digest=one.digest) if one.digest else Q(dataset_name=one.name)
                for one in datasets
            ),
        )
    )
