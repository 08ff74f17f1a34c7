"""Changes to logged models."""

import math
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from tracking.audit.services import record
from tracking.core.errors import InvalidParameterError, NotFoundError
from tracking.core.ids import new_model_uid, new_run_name
from tracking.identity.models import User
from tracking.metrics.services import log_batch
from tracking.metrics.types import Metric
from tracking.registry.models import (
    LoggedModel,
    LoggedModelMetric,
    LoggedModelParam,
    LoggedModelTag,
    RunModelInput,
    RunModelOutput,
)
from tracking.registry.queries import find_models
from tracking.registry.types import MODEL_NAME_FORBIDDEN, LoggedModelStatus, ModelMetric
from tracking.runs.models import Experiment, Run
from tracking.runs.rules import check_distinct, check_key, check_length
from tracking.runs.services import (
    hold_active_experiment,
    hold_active_run,
    hold_experiment,
    hold_run,
    log_datasets,
)
from tracking.runs.types import DatasetLogged, Pair
from tracking.workspaces.models import Workspace


@transaction.atomic
def create_model(
    *,
    experiment: Experiment,
    name: str,
    model_type: str,
    source_run: Run | None,
    params: Sequence[Pair],
    tags: Sequence[Pair],
    now: datetime,
) -> LoggedModel:
    """Create a logged model whose files are about to come; without a name the server invents one."""
    hold_active_experiment(experiment)
    bad = [sign for sign in MODEL_NAME_FORBIDDEN if sign in name]
    if bad:
        raise InvalidParameterError(
            f"Invalid model name {name[:100]!r}: it contains {' '.join(bad)}. "
            f"A logged model's name must not contain any of {' '.join(MODEL_NAME_FORBIDDEN)}"
        )
    check_length(name, field="name", most=500)
    check_length(model_type, field="model_type", most=500)
    model = LoggedModel.objects.create(
        uid=new_model_uid(),
        workspace_id=experiment.workspace_id,
        experiment=experiment,
        source_run=source_run,
        name=name or new_run_name(),
        model_type=model_type,
        status=LoggedModelStatus.PENDING,
        created_at=now,
        updated_at=now,
    )
    log_model_params(model=model, params=params)
    set_model_tags(model=model, tags=tags, now=now)
    return model


@transaction.atomic
def finish_model(*, model: LoggedModel, status: LoggedModelStatus, now: datetime) -> None:
    """Say whether a logged model's files have come."""
    hold_model(model)
    model.status, model.updated_at = status, now
    model.save(update_fields=["status", "updated_at"])


@transaction.atomic
def delete_model(*, model: LoggedModel, by: User, now: datetime) -> None:
    """Delete a logged model."""
    hold_model(model)
    if LoggedModel.objects.filter(pk=model.pk, deleted_at=None).update(deleted_at=now, updated_at=now):
        record(by=by, verb="logged_model.delete", target=model.uid, at=now)


@transaction.atomic
def log_model_params(*, model: LoggedModel, params: Sequence[Pair]) -> None:
    """Log params of a logged model; the same value again changes nothing.

    :raises InvalidParameterError: if one was logged with another value, or is given twice.
    """
    hold_model(model)
    check_distinct(params, field="param")
    for number, param in enumerate(params):
        check_key(param.key, field=f"params[{number}].key")
        check_length(param.value, field=f"params[{number}].value", most=6_000)
    LoggedModelParam.objects.bulk_create(
        (LoggedModelParam(model=model, key=param.key, value=param.value) for param in params), ignore_conflicts=True
    )
    wanted = {param.key: param.value for param in params}
    stored = LoggedModelParam.objects.filter(model=model, key__in=list(wanted)).values_list("key", "value")
    for key, value in stored:
        if value != wanted[key]:
            raise InvalidParameterError(
                f"Changing param values is not allowed. Param with key='{key}' was already logged with "
                f"value='{value}' for model ID='{model.uid}'. Attempted logging new value '{wanted[key]}'."
            )


@transaction.atomic
def set_model_tags(*, model: LoggedModel, tags: Sequence[Pair], now: datetime) -> None:
    """Set tags of a logged model; the last of two equal keys wins."""
    hold_model(model)
    for number, tag in enumerate(tags):
        check_key(tag.key, field=f"tags[{number}].key")
        check_length(tag.value, field=f"tags[{number}].value", most=8_000)
    LoggedModelTag.objects.bulk_create(
        (LoggedModelTag(model=model, key=key, value=value) for key, value in {t.key: t.value for t in tags}.items()),
        update_conflicts=True,
        unique_fields=["model", "key"],
        update_fields=["value"],
    )
    LoggedModel.objects.filter(pk=model.pk).update(updated_at=now)


@transaction.atomic
def delete_model_tag(*, model: LoggedModel, key: str, now: datetime) -> None:
    """Delete a tag of a logged model.

    :raises NotFoundError: if it has no such tag.
    """
    hold_model(model)
    if not LoggedModelTag.objects.filter(model=model, key=key).delete()[0]:
        raise NotFoundError(f"No tag with key {key!r} found for model with ID {model.uid!r}.")
    LoggedModel.objects.filter(pk=model.pk).update(updated_at=now)


@transaction.atomic
def log_inputs(*, run: Run, datasets: Sequence[DatasetLogged], model_uids: Sequence[str]) -> None:
    """Note which datasets and logged models a run uses; the same ones again change nothing.

    :raises NotFoundError: if the workspace has no such logged model.
    """
    log_datasets(run=run, datasets=datasets)
    models = _existing_models(run.workspace, model_uids)
    RunModelInput.objects.bulk_create(
        (RunModelInput(run=run, model=models[uid]) for uid in dict.fromkeys(model_uids)), ignore_conflicts=True
    )


@transaction.atomic
def log_outputs(*, run: Run, models: Sequence[tuple[str, int]]) -> None:
    """Note which logged models a run made, as (id, step); the same one again moves its step.

    :raises NotFoundError: if the workspace has no such logged model.
    """
    hold_active_run(run)
    found = _existing_models(run.workspace, [uid for uid, _ in models])
    RunModelOutput.objects.bulk_create(
        (RunModelOutput(run=run, model=found[uid], step=step) for uid, step in dict(models).items()),
        update_conflicts=True,
        unique_fields=["run", "model"],
        update_fields=["step"],
    )


@transaction.atomic
def log_batch_on_models(
    *,
    run: Run,
    metrics: Sequence[Metric],
    params: Sequence[Pair],
    tags: Sequence[Pair],
    model_metrics: Sequence[tuple[str, ModelMetric]],
) -> None:
    """Log a batch of which some metrics are also those of logged models, given again as (model id, metric).

    :raises NotFoundError: if the workspace has no such logged model; nothing is kept then.
    :raises InvalidParameterError: if anything breaks a rule; nothing is kept then.
    """
    for _, metric in model_metrics:
        check_length(metric.dataset_name, field="dataset_name", most=500)
        check_length(metric.dataset_digest, field="dataset_digest", most=36)
    log_batch(run=run, metrics=metrics, params=params, tags=tags)
    models = _existing_models(run.workspace, [uid for uid, _ in model_metrics])
    for uid, metric in model_metrics:
        row, is_new = LoggedModelMetric.objects.get_or_create(
            model=models[uid],
            run=run,
            key=metric.key,
            dataset_name=metric.dataset_name,
            dataset_digest=metric.dataset_digest,
            defaults={"step": metric.step, "timestamp_ms": metric.timestamp_ms, "value": _stored(metric.value)},
        )
        if not is_new and _rank(metric.step, metric.timestamp_ms, _stored(metric.value)) > _rank(
            row.step, row.timestamp_ms, row.value
        ):
            row.step, row.timestamp_ms, row.value = metric.step, metric.timestamp_ms, _stored(metric.value)
            row.save(update_fields=["step", "timestamp_ms", "value"])


def hold_model(model: LoggedModel) -> None:
    """Make sure that no removal of a logged model begins before the caller's transaction ends. One query.

    It goes with the run that made it, or with its experiment if none did.

    :raises ConflictError: if one has begun; names the deletion.
    """
    if model.source_run is None:
        hold_experiment(model.experiment_id)
    else:
        hold_run(model.source_run)


def _rank(step: int, timestamp_ms: int, value: float | None) -> tuple[int, int, float]:
    return step, timestamp_ms, value or 0.0


def _stored(value: float) -> float | None:
    return None if math.isnan(value) else value


def _existing_models(workspace: Workspace, uids: Sequence[str]) -> dict[str, LoggedModel]:
    found = find_models(workspace=workspace, uids=uids)
    for uid in uids:
        if uid not in found:
            raise NotFoundError(f"Logged model with ID '{uid[:100]}' not found.")
    return found
