"""Changes to versions of registered models."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F

from tracking.audit.services import record
from tracking.core.errors import InvalidParameterError
from tracking.identity.models import User
from tracking.registry.models import ModelVersion, ModelVersionTag, RegisteredModel
from tracking.registry.rules import check_description, check_tag
from tracking.registry.services.registered import hold_registered, hold_version
from tracking.registry.sources import Given, resolve_prompt, resolve_source
from tracking.registry.types import ACTIVE_STAGES, IS_PROMPT, MAX_SOURCE, Stage
from tracking.runs.rules import check_length
from tracking.runs.types import Pair


@transaction.atomic
def create_version(
    *,
    model: RegisteredModel,
    given: Given,
    run_link: str,
    description: str,
    tags: Sequence[Pair],
    by: User,
    now: datetime,
) -> ModelVersion:
    """Register the next version of a model; the number of a deleted one is never given again.

    :raises InvalidParameterError: if the source is not allowed.
    :raises NotFoundError: if the workspace has not what the source names.
    """
    _check_texts(given, run_link, description, tags)
    by_key = {tag.key: tag.value for tag in tags}
    is_prompt = by_key.get(IS_PROMPT, "").lower() == "true"
    origin = resolve_prompt(given) if is_prompt else resolve_source(workspace=model.workspace, given=given)
    hold_registered(model)
    RegisteredModel.objects.filter(pk=model.pk).update(last_version=F("last_version") + 1, updated_at=now)
    model.refresh_from_db(fields=["last_version", "updated_at"])
    version = ModelVersion.objects.create(
        workspace_id=model.workspace_id,
        model=model,
        version=model.last_version,
        description=description,
        stage=Stage.NONE,
        source=origin.source,
        location=origin.location,
        run_uid=origin.run_uid,
        run_link=run_link,
        model_uid=origin.model_uid,
        user_name=by.get_username(),
        created_at=now,
        updated_at=now,
    )
    ModelVersionTag.objects.bulk_create(ModelVersionTag(version=version, key=k, value=v) for k, v in by_key.items())
    record(by=by, verb="model_version.create", target=_named(version), at=now)
    return version


@transaction.atomic
def describe_version(*, version: ModelVersion, description: str, now: datetime) -> None:
    """Set the description of a version."""
    check_description(description)
    hold_version(version)
    version.description, version.updated_at = description, now
    version.save(update_fields=["description", "updated_at"])


@transaction.atomic
def move_version(*, version: ModelVersion, stage: Stage, archive_others: bool, by: User, now: datetime) -> None:
    """Move a version to a stage; ``archive_others`` moves those that are there now to Archived.

    :raises InvalidParameterError: if others are to be archived from a stage that several versions may have.
    """
    if archive_others and stage not in ACTIVE_STAGES:
        raise InvalidParameterError(
            f"Model version transition cannot archive existing model versions because '{stage}' is not an Active "
            f"stage. Valid stages are {', '.join(ACTIVE_STAGES)}"
        )
    hold_version(version)
    if archive_others:
        others = ModelVersion.objects.filter(model=version.model, stage=stage).exclude(pk=version.pk)
        others.update(stage=Stage.ARCHIVED, updated_at=now)
    version.stage, version.updated_at = stage, now
    version.save(update_fields=["stage", "updated_at"])
    RegisteredModel.objects.filter(pk=version.model_id).update(updated_at=now)
    record(by=by, verb="model_version.stage", target=f"{_named(version)} to {stage}", at=now)


@transaction.atomic
def delete_version(*, version: ModelVersion, by: User, now: datetime) -> None:
    """Delete a version for good, with its aliases; its files stay."""
    hold_version(version)
    target = _named(version)
    version.delete()
    RegisteredModel.objects.filter(pk=version.model_id).update(updated_at=now)
    record(by=by, verb="model_version.delete", target=target, at=now)


@transaction.atomic
def set_version_tag(*, version: ModelVersion, tag: Pair) -> None:
    """Set a tag of a version."""
    check_tag(tag)
    hold_version(version)
    ModelVersionTag.objects.update_or_create(version=version, key=tag.key, defaults={"value": tag.value})


@transaction.atomic
def delete_version_tag(*, version: ModelVersion, key: str) -> None:
    """Delete a tag of a version; one that is not there is none the less gone."""
    hold_version(version)
    ModelVersionTag.objects.filter(version=version, key=key).delete()


def _check_texts(given: Given, run_link: str, description: str, tags: Sequence[Pair]) -> None:
    check_length(given.source, field="source", most=MAX_SOURCE)
    check_length(given.run_uid or "", field="run_id", most=500)
    check_length(given.model_uid or "", field="model_id", most=34)
    check_length(run_link, field="run_link", most=500)
    check_description(description)
    for tag in tags:
        check_tag(tag)


def _named(version: ModelVersion) -> str:
    return f"{version.model.workspace.name}/{version.model.name}/{version.version}"
