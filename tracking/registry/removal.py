"""Counting and removing logged models, registered models and versions for good."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from tracking.registry.models import (
    LoggedModel,
    LoggedModelTag,
    ModelVersion,
    RegisteredModel,
    RunModelInput,
    RunModelOutput,
)
from tracking.runs.documents import forget_documents
from tracking.runs.models import Run

EXTERNAL_TAG = "mlflow.model.isExternal"


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


@dataclass(frozen=True, slots=True)
class ModelInWorkspace:
    """A logged model, and the number of its workspace."""

    workspace_id: int
    model: ModelPlace


def models_from(*, after: int, before: datetime, limit: int) -> list[ModelInWorkspace]:
    """Return logged models of the whole server, by number, that were made before a moment and should have files.

    A model that lives elsewhere (MLflow's tag mlflow.model.isExternal) has none here. One query.
    """
    found = LoggedModel.objects.filter(pk__gt=after, created_at__lt=before)
    external = LoggedModelTag.objects.filter(model=OuterRef("pk"), key=EXTERNAL_TAG, value__iexact="true")
    rows = found.exclude(Exists(external)).order_by("pk").values_list("workspace_id", "pk", "uid", "experiment_id")
    return [
        ModelInWorkspace(workspace_id, ModelPlace(pk, uid, experiment_id))
        for workspace_id, pk, uid, experiment_id in rows[:limit]
    ]


def model_uids_known(*, uids: Sequence[str]) -> set[str]:
    """Return those of the ids that a logged model has. A query for every thousand."""
    return {
        uid
        for start in range(0, len(uids), 1000)
        for uid in LoggedModel.objects.filter(uid__in=uids[start : start + 1000]).values_list("uid", flat=True)
    }


@transaction.atomic
def purge_models(*, pks: Sequence[int]) -> int:
    """Remove logged models for good, whose files are to be removed before; return how many."""
    for links in (RunModelInput, RunModelOutput):
        forget_documents(run_ids=set(links.objects.filter(model__in=pks).values_list("run_id", flat=True)))
    _, rows = LoggedModel.objects.filter(pk__in=pks).delete()
    return rows.get("tracking.LoggedModel", 0)


def count_registered(*, workspaces: Sequence[int]) -> Counter[str]:
    """Count the registered models of workspaces and their versions. Two queries."""
    return Counter(
        registered_models=RegisteredModel.objects.filter(workspace__in=workspaces).count(),
        model_versions=ModelVersion.objects.filter(workspace__in=workspaces).count(),
    )


@transaction.atomic
def purge_registered(*, workspace_id: int, limit: int) -> Counter[str]:
    """Remove up to ``limit`` versions of a workspace for good, or, where none is left, as many registered models."""
    for table, name in ((ModelVersion, "model_versions"), (RegisteredModel, "registered_models")):
        pks = list(table._default_manager.filter(workspace=workspace_id).values_list("pk", flat=True)[:limit])
        if pks:
            _, rows = table._default_manager.filter(pk__in=pks).delete()
            return Counter({name: rows[table._meta.label]})
    return Counter()


def _places(found: "QuerySet[LoggedModel]", limit: int) -> list[ModelPlace]:
    return [ModelPlace(*row) for row in found.order_by("pk").values_list("pk", "uid", "experiment_id")[:limit]]
