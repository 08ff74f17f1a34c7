"""Changes to registered models: their names, texts and aliases."""

from collections.abc import Sequence
from datetime import datetime

from django.db import IntegrityError, transaction

from tracking.audit.services import record
from tracking.core.errors import AlreadyExistsError, NotFoundError
from tracking.identity.models import User
from tracking.registry.models import ModelAlias, ModelVersion, RegisteredModel, RegisteredModelTag
from tracking.registry.rules import check_alias, check_description, check_model_name, check_tag
from tracking.registry.types import IS_PROMPT, makes_prompt
from tracking.runs.types import Pair
from tracking.workspaces.models import Workspace
from tracking.workspaces.services import hold_workspace


@transaction.atomic
def create_registered(
    *, workspace: Workspace, name: str, description: str, tags: Sequence[Pair], by: User, now: datetime
) -> RegisteredModel:
    """Register a name for versions to come; the last of two equal tags wins.

    :raises AlreadyExistsError: if the workspace has one of this name.
    """
    check_model_name(name)
    check_description(description)
    for tag in tags:
        check_tag(tag)
    hold_workspace(workspace)
    model = RegisteredModel(
        workspace=workspace,
        name=name,
        description=description,
        user_name=by.get_username(),
        created_at=now,
        updated_at=now,
    )
    try:
        with transaction.atomic():
            model.save()
    except IntegrityError:
        raise _taken(workspace, name, tags) from None
    by_key = {tag.key: tag.value for tag in tags}
    RegisteredModelTag.objects.bulk_create(RegisteredModelTag(model=model, key=k, value=v) for k, v in by_key.items())
    record(by=by, verb="registered_model.create", target=f"{workspace.name}/{name}", at=now)
    return model


@transaction.atomic
def rename_registered(*, model: RegisteredModel, name: str, by: User, now: datetime) -> None:
    """Rename a registered model, whose versions follow.

    :raises AlreadyExistsError: if the workspace has one of this name.
    """
    check_model_name(name, field="new_name")
    hold_registered(model)
    before = model.name
    model.name, model.updated_at = name, now
    try:
        with transaction.atomic():
            model.save(update_fields=["name", "updated_at"])
    except IntegrityError:
        raise AlreadyExistsError(f"Registered Model (name={name}) already exists.") from None
    ModelVersion.objects.filter(model=model).update(updated_at=now)
    record(by=by, verb="registered_model.rename", target=f"{model.workspace.name}/{before} to {name}", at=now)


@transaction.atomic
def describe_registered(*, model: RegisteredModel, description: str, now: datetime) -> None:
    """Set the description of a registered model."""
    check_description(description)
    hold_registered(model)
    model.description, model.updated_at = description, now
    model.save(update_fields=["description", "updated_at"])


@transaction.atomic
def delete_registered(*, model: RegisteredModel, by: User, now: datetime) -> None:
    """Delete a registered model for good, with its versions and aliases; the files of its versions stay."""
    hold_registered(model)
    target = f"{model.workspace.name}/{model.name}"
    model.delete()
    record(by=by, verb="registered_model.delete", target=target, at=now)


@transaction.atomic
def set_registered_tag(*, model: RegisteredModel, tag: Pair) -> None:
    """Set a tag of a registered model."""
    check_tag(tag)
    hold_registered(model)
    RegisteredModelTag.objects.update_or_create(model=model, key=tag.key, defaults={"value": tag.value})


@transaction.atomic
def delete_registered_tag(*, model: RegisteredModel, key: str) -> None:
    """Delete a tag of a registered model; one that is not there is none the less gone."""
    hold_registered(model)
    RegisteredModelTag.objects.filter(model=model, key=key).delete()


@transaction.atomic
def set_alias(*, version: ModelVersion, name: str, by: User, now: datetime) -> None:
    """Let an alias point to a version, and no longer to the one it pointed to before."""
    check_alias(name, is_new=True)
    hold_version(version)
    ModelAlias.objects.update_or_create(model=version.model, name=name, defaults={"version": version})
    record(by=by, verb="registered_model.alias", target=_named(version.model, f"@{name} to {version.version}"), at=now)


@transaction.atomic
def delete_alias(*, model: RegisteredModel, name: str, by: User, now: datetime) -> None:
    """Delete an alias; one that is not there is none the less gone."""
    check_alias(name, is_new=False)
    hold_registered(model)
    if ModelAlias.objects.filter(model=model, name=name).delete()[0]:
        record(by=by, verb="registered_model.unalias", target=_named(model, f"@{name}"), at=now)


def hold_registered(model: RegisteredModel) -> None:
    """Let nobody else change a registered model, nor remove its workspace, until the transaction ends. Two queries.

    :raises ConflictError: if a removal of the workspace has begun; names the deletion.
    :raises NotFoundError: if the model is gone.
    """
    hold_workspace(model.workspace)
    if not RegisteredModel.objects.select_for_update().filter(pk=model.pk).exists():
        raise NotFoundError(f"Registered Model with name={model.name} not found")


def hold_version(version: ModelVersion) -> None:
    """Do the same for a version. Three queries.

    :raises NotFoundError: if it or its model is gone.
    """
    hold_registered(version.model)
    if not ModelVersion.objects.filter(pk=version.pk).exists():
        raise NotFoundError(f"Model Version (name={version.model.name}, version={version.version}) not found")


def _named(model: RegisteredModel, what: str) -> str:
    return f"{model.workspace.name}/{model.name}{what}"


def _taken(workspace: Workspace, name: str, tags: Sequence[Pair]) -> AlreadyExistsError:
    """Return MLflow's words for a name that is taken: by the like, or a prompt's by a model and the reverse."""
    old = RegisteredModelTag.objects.filter(model__workspace=workspace, model__name=name, key=IS_PROMPT)
    is_old_prompt = old.filter(value__iexact="true").exists()
    is_prompt = makes_prompt(tags)
    words = {True: "Prompt", False: "Registered Model"}
    if is_prompt == is_old_prompt:
        return AlreadyExistsError(f"{words[is_prompt]} (name={name}) already exists.")
    return AlreadyExistsError(
        f"Tried to create a {words[is_prompt].lower()} with name {name!r}, but the name is already taken by a "
        f"{words[is_old_prompt].lower()}. MLflow does not allow creating a model and a prompt with the same name."
    )
