"""Counting and removing logged models for good."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet

from tracking.registry.models import LoggedModel
from tracking.runs.models import Run


@dataclass(frozen=True, slots=True)
class ModelPlace:
    """A logged model, and where its files are."""

    pk: int
    uid: str
    experiment_id: int


def count_models_of_runs(*, runs: "QuerySet[Run]") -> int:
    """Count the logged models that these runs made, deleted ones too. One query."""
    return LoggedModel.objects.filter(source_run__in=runs).count()


def count_models_in(*, experiment_ids: Sequence[int]) -> int:
    """Count the logged models of experiments, deleted ones too. One query."""
    return LoggedModel.objects.filter(experiment__in=experiment_ids).count()


def models_of_runs(*, run_ids: Sequence[int], limit: int) -> list[ModelPlace]:
    """Return logged models that these runs made, deleted ones too. One query."""
    return _places(LoggedModel.objects.filter(source_run__in=run_ids), limit)


def models_in(*, experiment_id: int, limit: int) -> list[ModelPlace]:
    """Return logged models of an experiment, deleted ones too. One query."""
    return _places(LoggedModel.objects.filter(experiment=experiment_id), limit)


@transaction.atomic
def purge_models(*, pks: Sequence[int]) -> int:
    """Remove logged models for good, whose files are to be removed before; return how many."""
    _, rows = LoggedModel.objects.filter(pk__in=pks).delete()
    return rows.get("tracking.LoggedModel", 0)


def _places(found: "QuerySet[LoggedModel]", limit: int) -> list[ModelPlace]:
    return [ModelPlace(*row) for row in found.order_by("pk").values_list("pk", "uid", "experiment_id")[:limit]]
