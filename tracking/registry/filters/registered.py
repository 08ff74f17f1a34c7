"""From a search tree to SQL, for registered models and their versions; and their keyset orders."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from tracking.core.errors import InvalidParameterError
from tracking.registry.models import ModelVersion, ModelVersionTag, RegisteredModel, RegisteredModelTag
from tracking.registry.types import IS_PROMPT
from tracking.runs.filters import compare_column, compare_time, condition_of, has_row
from tracking.runs.lookups import BinaryText
from tracking.runs.orders import Column, Order
from tracking.search.types import And, Comparison, Entity, Not, Op, Or, OrderKey, Tree

NAME, VERSION, CHANGED = "name", "version_number", "last_updated_timestamp"
MAX_VERSION = 2**31 - 1
_TIMES = {"creation_timestamp": "created_at", CHANGED: "updated_at"}
_VERSION_COLUMNS = {NAME: "model__name", "run_id": "run_uid", "source_path": "source", VERSION: "version"}
_PROMPT_MODEL = Q(Exists(RegisteredModelTag.objects.filter(model=OuterRef("pk"), key=IS_PROMPT, value__iexact="true")))
_PROMPT_VERSION = Q(
    Exists(RegisteredModelTag.objects.filter(model=OuterRef("model"), key=IS_PROMPT, value__iexact="true"))
) | Q(Exists(ModelVersionTag.objects.filter(version=OuterRef("pk"), key=IS_PROMPT, value__iexact="true")))


def registered_condition(tree: Tree | None) -> Q:
    """Return what a filter asks of registered models. Prompts, which MLflow keeps as such, match only who names them.

    :raises InvalidParameterError: if a LIKE pattern is too long.
    """
    return _with_prompts(tree, _PROMPT_MODEL) & (condition_of(tree, _compare_registered) if tree else Q())


def version_condition(tree: Tree | None) -> Q:
    """Return what a filter asks of versions; those of prompts match only who names them.

    :raises InvalidParameterError: if a LIKE pattern is too long.
    """
    return _with_prompts(tree, _PROMPT_VERSION) & (condition_of(tree, _compare_version) if tree else Q())


def registered_order(keys: Sequence[OrderKey]) -> Order[RegisteredModel]:
    """Return registered models by these keys, then by name."""
    columns = [_time(key) or _name(key, "name") for key in map(_checked, keys)]
    if not any(key.key == NAME for key in keys):
        columns.append(Column(BinaryText(F("name")), str, True))
    return Order(columns, {})


def version_order(keys: Sequence[OrderKey]) -> Order[ModelVersion]:
    """Return versions by these keys (without any: the last changed first), then by name, then the newest first."""
    keys = keys or [OrderKey(Entity.ATTRIBUTE, CHANGED, is_ascending=False)]
    columns = []
    for key in map(_checked, keys):
        is_number = key.key == VERSION
        columns.append(
            Column(F("version"), int, key.is_ascending) if is_number else _time(key) or _name(key, "model__name")
        )
    if not any(key.key == NAME for key in keys):
        columns.append(Column(BinaryText(F("model__name")), str, True))
    if not any(key.key == VERSION for key in keys):
        columns.append(Column(F("version"), int, False))
    return Order(columns, {})


def _with_prompts(tree: Tree | None, are_prompts: Q) -> Q:
    return Q() if tree and _names_prompts(tree) else ~are_prompts


def _names_prompts(tree: Tree) -> bool:
    match tree:
        case Comparison(entity=Entity.TAG, key=key):
            return key == IS_PROMPT
        case Comparison():
            return False
        case Not(child):
            return _names_prompts(child)
        case And(children) | Or(children):
            return any(map(_names_prompts, children))


def _compare_registered(comparison: Comparison) -> Q:
    if comparison.entity is Entity.TAG:
        return _compare_tag(comparison, RegisteredModelTag.objects.filter(model=OuterRef("pk")), _PROMPT_MODEL)
    if comparison.key in _TIMES and isinstance(comparison.value, float):
        return compare_time(_TIMES[comparison.key], comparison.op, comparison.value)
    return compare_column("name", comparison.op, comparison.value)


def _compare_version(comparison: Comparison) -> Q:
    if comparison.entity is Entity.TAG:
        return _compare_tag(comparison, ModelVersionTag.objects.filter(version=OuterRef("pk")), _PROMPT_VERSION)
    if comparison.key in _TIMES and isinstance(comparison.value, float):
        return compare_time(_TIMES[comparison.key], comparison.op, comparison.value)
    if comparison.key == VERSION and isinstance(comparison.value, float):
        return compare_column("version", comparison.op, _whole(comparison.value))
    if comparison.key == "run_id" and comparison.op in (Op.NE, Op.NOT_IN):
        return compare_column("run_uid", comparison.op, comparison.value) & ~Q(run_uid="")
    return compare_column(_VERSION_COLUMNS[comparison.key], comparison.op, comparison.value)


def _whole(value: float) -> int:
    """Return a version's number. :raises InvalidParameterError: if no version can have it."""
    if not abs(value) <= MAX_VERSION or value != int(value):
        raise InvalidParameterError(f"Invalid value for numeric attribute '{VERSION}': {value}. It is a whole number.")
    return int(value)


def _compare_tag(comparison: Comparison, tags: QuerySet[Any], are_prompts: Q) -> Q:
    """Compare a tag; to be no prompt, nothing needs the tag that says so."""
    if comparison.key == IS_PROMPT and (comparison.op, comparison.value) in ((Op.NE, "true"), (Op.EQ, "false")):
        return ~are_prompts
    return has_row(tags.filter(key=comparison.key), "value", comparison)


def _checked(key: OrderKey) -> OrderKey:
    """Return the key. :raises InvalidParameterError: if nothing is sorted by it."""
    if key.entity is not Entity.ATTRIBUTE or key.key in ("run_id", "source_path"):
        raise InvalidParameterError(
            f"Invalid order by key '{key.key[:100]}' specified. It is {NAME}, {', '.join(_TIMES)}, "
            f"or of versions {VERSION}."
        )
    return key


def _time(key: OrderKey) -> Column | None:
    return Column(F(_TIMES[key.key]), datetime, key.is_ascending) if key.key in _TIMES else None


def _name(key: OrderKey, column: str) -> Column:
    return Column(BinaryText(F(column)), str, key.is_ascending)
