"""Changes to experiments and runs."""

import json
from collections.abc import Sequence
from datetime import datetime

from django.db import IntegrityError, transaction

from tracking.audit.services import record
from tracking.core.commits import one_change
from tracking.core.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidParameterError,
    InvalidStateError,
    NotFoundError,
)
from tracking.core.ids import new_run_name, new_run_uid
from tracking.core.memory import Memory
from tracking.identity.models import User
from tracking.runs import queries, store
from tracking.runs.models import Dataset, DatasetInput, Experiment, ExperimentTag, Key, Run, RunTag
from tracking.runs.quotas import check_run_quota
from tracking.runs.rules import check_dataset, check_distinct, check_key, check_length
from tracking.runs.types import (
    DEFAULT_EXPERIMENT_NAME,
    MAX_EXPERIMENT_NAME,
    MAX_EXPERIMENT_TAG_VALUE,
    MAX_PARAM_VALUE,
    MAX_RUN_NAME,
    MAX_RUN_TAG_VALUE,
    RUN_NAME_TAG,
    DatasetLogged,
    ExperimentIdentity,
    Hold,
    KeyKind,
    Pair,
    RunHead,
    RunIdentity,
    RunStatus,
)
from tracking.workspaces.models import Workspace
from tracking.workspaces.services import hold_workspace

_keys: Memory[tuple[int, KeyKind, str], int] = Memory(size=100_000)

# ---- experiments ---------------------------------------------------------------------------------------------------


@transaction.atomic
def create_experiment(
    *,
    workspace: Workspace,
    name: str,
    tags: Sequence[Pair] = (),
    is_default: bool = False,
    by: User | None,
    now: datetime,
) -> Experiment:
    """Create an experiment. ``by`` None: the installation itself.

    :raises AlreadyExistsError: if the workspace has one of this name, deleted or not.
    """
    _check_experiment_name(name)
    _check_experiment_tags(tags)
    hold_workspace(workspace)
    experiment = Experiment(
        workspace=workspace,
        name=name,
        is_default=is_default,
        user_name=by.get_username() if by else "",
        created_at=now,
        updated_at=now,
    )
    _save_named(experiment)
    ExperimentTag.objects.bulk_create(ExperimentTag(experiment=experiment, key=t.key, value=t.value) for t in tags)
    record(by=by, verb="experiment.create", target=f"{workspace.name}/{experiment.pk} {name}", at=now)
    return experiment


def create_default_experiment(*, workspace: Workspace, by: User | None, now: datetime) -> Experiment:
    """Create the experiment that scripts use which never name one; its id is also "0" in this workspace."""
    return create_experiment(workspace=workspace, name=DEFAULT_EXPERIMENT_NAME, is_default=True, by=by, now=now)


@transaction.atomic
def rename_experiment(*, experiment: Experiment, name: str, by: User, now: datetime) -> None:
    """Give an active experiment another name.

    :raises InvalidStateError: if it is deleted.
    :raises AlreadyExistsError: if the name is taken.
    """
    _check_experiment_name(name)
    if not hold_experiment(experiment.pk).is_active:
        raise InvalidStateError("Cannot rename a non-active experiment.")
    experiment.name, experiment.updated_at = name, now
    _save_named(experiment)
    record(by=by, verb="experiment.rename", target=f"{experiment.pk} {name}", at=now)


@transaction.atomic
def delete_experiment(*, experiment: Experiment, by: User, now: datetime) -> None:
    """Delete an experiment and all its runs; both can be restored.

    :raises NotFoundError: if it is deleted already.
    :raises ConflictError: if it is being removed for good.
    """
    hold_experiment(experiment.pk)
    if not Experiment.objects.filter(pk=experiment.pk, deleted_at=None).update(deleted_at=now, updated_at=now):
        raise NotFoundError(f"No active Experiment with id={experiment.pk} exists")
    Run.objects.filter(experiment=experiment, deleted_at=None).update(deleted_at=now)
    record(by=by, verb="experiment.delete", target=f"{experiment.pk} {experiment.name}", at=now)


@transaction.atomic
def restore_experiment(*, experiment: Experiment, by: User, now: datetime) -> None:
    """Restore an experiment and all its runs, also those that were deleted one by one before (as MLflow does).

    :raises NotFoundError: if it is active.
    :raises ConflictError: if it is being removed for good.
    """
    hold_experiment(experiment.pk)
    if not Experiment.objects.filter(pk=experiment.pk, deleted_at__isnull=False).update(
        deleted_at=None, updated_at=now
    ):
        raise NotFoundError(f"No deleted Experiment with id={experiment.pk} exists")
    Run.objects.filter(experiment=experiment, deleted_at__isnull=False).update(deleted_at=None)
    record(by=by, verb="experiment.restore", target=f"{experiment.pk} {experiment.name}", at=now)


@transaction.atomic
def set_experiment_tag(*, experiment: Experiment, tag: Pair, now: datetime) -> None:
    """Set a tag of an active experiment."""
    hold_active_experiment(experiment)
    _check_experiment_tags([tag])
    ExperimentTag.objects.update_or_create(experiment=experiment, key=tag.key, defaults={"value": tag.value})
    Experiment.objects.filter(pk=experiment.pk).update(updated_at=now)


@transaction.atomic
def delete_experiment_tag(*, experiment: Experiment, key: str, now: datetime) -> None:
    """Delete a tag of an active experiment.

    :raises NotFoundError: if it has no such tag.
    """
    hold_active_experiment(experiment)
    if not ExperimentTag.objects.filter(experiment=experiment, key=key).delete()[0]:
        raise NotFoundError(f"No tag with name: {key} in experiment with id {experiment.pk}")
    Experiment.objects.filter(pk=experiment.pk).update(updated_at=now)


# ---- runs ----------------------------------------------------------------------------------------------------------


@one_change
def create_run(
    *,
    experiment: ExperimentIdentity,
    name: str,
    user_name: str,
    started_at: datetime,
    tags: Sequence[Pair],
    by: User | None = None,
) -> Run:
    """Start a run. Its name and the tag mlflow.runName mirror each other; without either the server invents one.

    ``user_name`` is what the client says; ``by``: whose credential it carries, None for the installation itself.

    :raises InvalidParameterError: if both are given and differ.
    :raises QuotaExceededError: if the workspace may not hold more.
    """
    hold_active_experiment(experiment)
    check_run_quota(workspace_id=experiment.workspace.pk)
    check_distinct(tags, field="tag")
    tagged = next((tag.value for tag in tags if tag.key == RUN_NAME_TAG), "")
    if name and tagged and name != tagged:
        raise InvalidParameterError(
            f"Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values: "
            f"run_name={name!r}, mlflow.runName={tagged!r}."
        )
    name = name or tagged or new_run_name()
    check_length(name, field="run_name", most=MAX_RUN_NAME)
    check_length(user_name, field="user_id", most=256)
    run = Run(
        uid=new_run_uid(),
        workspace=experiment.workspace,
        experiment_id=experiment.pk,
        name=name,
        user_name=user_name,
        created_by=by.get_username() if by else None,
        status=RunStatus.RUNNING,
        started_at=started_at,
    )
    store.add_run(run)
    _write_tags(run, [*(tag for tag in tags if tag.key != RUN_NAME_TAG), Pair(RUN_NAME_TAG, name)])
    queries.remember_run(run)
    return run


@one_change
def update_run(*, run: RunIdentity, status: RunStatus | None, ended_at: datetime | None, name: str) -> RunHead | None:
    """Change what is given of an active run: status, end, name (empty: unchanged); return it, None if nothing is given.

    :raises InvalidParameterError: if it is deleted, or the name is too long.
    """
    _hold_active(run)
    check_length(name, field="run_name", most=MAX_RUN_NAME)
    given = {"status": status, "ended_at": ended_at, "name": name}
    changes = {column: value for column, value in given.items() if value}
    if not changes:
        return None
    changed = store.change_run(run.pk, changes)
    store.forget_documents([run.pk])  # after the run's own row, as all do who lock both
    if name:
        _write_tags(run, [Pair(RUN_NAME_TAG, name)])
    return changed


@transaction.atomic
def delete_run(*, run: Run, by: User, now: datetime) -> None:
    """Delete a run; it can be restored. Deleting a deleted one changes nothing.

    :raises ConflictError: if it is being removed for good.
    """
    hold_run(run)
    if Run.objects.filter(pk=run.pk, deleted_at=None).update(deleted_at=now):
        record(by=by, verb="run.delete", target=run.uid, at=now)


@transaction.atomic
def restore_run(*, run: Run, by: User, now: datetime) -> None:
    """Restore a deleted run. Restoring an active one changes nothing.

    :raises ConflictError: if it is being removed for good.
    """
    hold_run(run)
    if Run.objects.filter(pk=run.pk, deleted_at__isnull=False).update(deleted_at=None):
        record(by=by, verb="run.restore", target=run.uid, at=now)


def hold_run(run: RunIdentity) -> Hold:
    """Make sure that nothing removes a run until the caller's transaction ends; return how it stands. One query.

    :raises ConflictError: if something does; names the deletion.
    :raises NotFoundError: if it is gone for good.
    """
    hold = store.hold_run(run)
    if hold is None:
        raise NotFoundError(f"Run with id={run.uid} not found")
    if hold.deletion_uid:
        raise ConflictError(
            f"Run {run.uid} is being deleted (deletion {hold.deletion_uid}); it takes no changes any more."
        )
    return hold


def hold_active_run(run: RunIdentity) -> None:
    """Make sure that a run stays active until the caller's transaction ends, which changes what it carries.

    One query; one more for a run that has ended, whose document is true no longer.

    :raises InvalidParameterError: if it is deleted.
    :raises ConflictError: if it is being removed for good.
    :raises NotFoundError: if it is gone for good.
    """
    if _hold_active(run).has_ended:
        store.forget_documents([run.pk])


def _hold_active(run: RunIdentity) -> Hold:
    hold = hold_run(run)
    if not hold.is_active:
        raise InvalidParameterError(f"The run {run.uid} must be in the 'active' state. Current state is deleted.")
    return hold


def hold_experiment(experiment_id: int) -> Hold:
    """Make sure that no removal of an experiment begins before the caller's transaction ends. One query.

    :raises ConflictError: if one has begun; names the deletion.
    :raises NotFoundError: if it is gone for good.
    """
    hold = store.hold_experiment(experiment_id)
    if hold is None:
        raise NotFoundError(f"No Experiment with id={experiment_id} exists")
    if hold.deletion_uid:
        raise ConflictError(
            f"Experiment {experiment_id} is being deleted (deletion {hold.deletion_uid}); it takes no changes any more."
        )
    return hold


def hold_active_experiment(experiment: ExperimentIdentity) -> None:
    """Make sure that an experiment is active and that no removal of it begins before the transaction ends. One query.

    :raises InvalidParameterError: with MLflow's words, if it is deleted.
    :raises ConflictError: if it is being removed for good.
    """
    if not hold_experiment(experiment.pk).is_active:
        raise InvalidParameterError(
            f"The experiment {experiment.pk} must be in the 'active' state. Current state is deleted."
        )


# ---- what a run carries --------------------------------------------------------------------------------------------


def intern_keys(*, experiment_id: int, kind: KeyKind, names: Sequence[str]) -> dict[str, int]:
    """Return the number of each name, making those that are new.

    No query for names that were asked for lately, one where some were not, three where some are new.
    """
    remembered = _keys.get_all((experiment_id, kind, name) for name in names)
    known = {name: pk for (_, _, name), pk in remembered.items()}
    asked = [name for name in dict.fromkeys(names) if name not in known]
    if not asked:
        return known
    found = _key_ids(experiment_id, kind, asked)
    new = [name for name in asked if name not in found]
    if new:
        Key.objects.bulk_create(
            (Key(experiment_id=experiment_id, kind=kind, name=name) for name in sorted(new)), ignore_conflicts=True
        )
        found |= _key_ids(experiment_id, kind, new)

    def remember() -> None:
        for name, pk in found.items():
            _keys.put((experiment_id, kind, name), pk)

    transaction.on_commit(remember, robust=True)  # what a transaction that is rolled back has made never was
    return known | found


@one_change
def log_params(*, run: RunIdentity, params: Sequence[Pair]) -> None:
    """Log params of an active run; the same value again changes nothing, a longer one is cut. Six queries at most.

    :raises InvalidParameterError: if a param was logged with another value, or is given twice.
    """
    hold_active_run(run)
    store_params(run=run, params=params)


def store_params(*, run: RunIdentity, params: Sequence[Pair]) -> None:
    """Write params in the caller's transaction, which holds the run. Five queries at most.

    :raises InvalidParameterError: as ``log_params``.
    """
    check_distinct(params, field="param")
    for number, param in enumerate(params):
        check_key(param.key, field=f"params[{number}].name")
    if not params:
        return
    keys = intern_keys(experiment_id=run.experiment_id, kind=KeyKind.PARAM, names=[param.key for param in params])
    wanted = {keys[param.key]: param.value[:MAX_PARAM_VALUE] for param in params}
    for key_id, value in store.add_params(run, wanted).items():
        if value != wanted[key_id]:
            name = next(param.key for param in params if keys[param.key] == key_id)
            raise InvalidParameterError(
                f"Changing param values is not allowed. Param with key='{name}' was already logged with "
                f"value='{value}' for run ID='{run.uid}'. Attempted logging new value '{wanted[key_id]}'."
            )


@one_change
def set_tags(*, run: RunIdentity, tags: Sequence[Pair]) -> None:
    """Set tags of an active run; the last of two equal keys wins, a longer value is cut. Six queries at most."""
    hold_active_run(run)
    store_tags(run=run, tags=tags)


def store_tags(*, run: RunIdentity, tags: Sequence[Pair]) -> None:
    """Write tags, and the run's name if it is among them, in the caller's transaction. Five queries at most."""
    name = next((tag.value for tag in reversed(tags) if tag.key == RUN_NAME_TAG), "")
    check_length(name, field=RUN_NAME_TAG, most=MAX_RUN_NAME)
    _write_tags(run, tags)
    if name:
        Run.objects.filter(pk=run.pk).update(name=name)


def _write_tags(run: RunIdentity, tags: Sequence[Pair]) -> None:
    for number, tag in enumerate(tags):
        check_key(tag.key, field=f"tags[{number}].name")
    if not tags:
        return
    keys = intern_keys(experiment_id=run.experiment_id, kind=KeyKind.TAG, names=[tag.key for tag in tags])
    store.put_tags(run, {keys[tag.key]: tag.value[:MAX_RUN_TAG_VALUE] for tag in tags})


@transaction.atomic
def append_to_tag(*, run: Run, key: str, item: object) -> None:
    """Append to the JSON list that a tag of an active run holds; a list that grows too long for a tag is refused.

    :raises InvalidParameterError: if it is, or the tag holds something else.
    """
    Run.objects.select_for_update().get(pk=run.pk)
    hold_active_run(run)
    held = RunTag.objects.filter(run=run, key__name=key).values_list("value", flat=True).first()
    try:
        items = json.loads(held or "[]")
    except (ValueError, RecursionError):  # a number of 5,000 digits, a list within a list within ...
        items = None
    if not isinstance(items, list):
        raise InvalidParameterError(f"Tag {key!r} of run {run.uid} does not hold a JSON list.")
    text = json.dumps([*items, item])
    check_length(text, field=key, most=MAX_RUN_TAG_VALUE)
    _write_tags(run, [Pair(key, text)])


@transaction.atomic
def delete_tag(*, run: Run, key: str) -> None:
    """Delete a tag of an active run.

    :raises NotFoundError: if it has no such tag.
    """
    hold_active_run(run)
    if not RunTag.objects.filter(run=run, key__name=key).delete()[0]:
        raise NotFoundError(f"No tag with name: {key} in run with id {run.uid}")


@transaction.atomic
def log_datasets(*, run: Run, datasets: Sequence[DatasetLogged]) -> None:
    """Note which datasets a run uses; the same one again changes nothing. Four queries."""
    hold_active_run(run)
    for number, given in enumerate(datasets):
        check_dataset(given, number)
    if not datasets:
        return
    Dataset.objects.bulk_create(
        (
            Dataset(
                experiment_id=run.experiment_id,
                name=given.name,
                digest=given.digest,
                source_type=given.source_type,
                source=given.source,
                schema=given.schema,
                profile=given.profile,
            )
            for given in datasets
        ),
        ignore_conflicts=True,
    )
    stored = Dataset.objects.filter(experiment=run.experiment_id, name__in=[given.name for given in datasets])
    by_identity = {(row.name, row.digest): row.pk for row in stored.only("name", "digest")}
    DatasetInput.objects.bulk_create(
        (
            DatasetInput(
                run=run,
                dataset_id=by_identity[given.name, given.digest],
                context=given.context,
                tags=[{"key": tag.key, "value": tag.value} for tag in given.tags],
            )
            for given in datasets
        ),
        ignore_conflicts=True,
    )


# ---- checks --------------------------------------------------------------------------------------------------------


def _save_named(experiment: Experiment) -> None:
    try:
        with transaction.atomic():
            experiment.save()
    except IntegrityError:
        raise AlreadyExistsError(f"Experiment(name={experiment.name}) already exists.") from None


def _check_experiment_name(name: str) -> None:
    if not name.strip():
        raise InvalidParameterError(f"Invalid experiment name: {name!r}. It must have a character that is not blank.")
    check_length(name, field="name", most=MAX_EXPERIMENT_NAME)


def _check_experiment_tags(tags: Sequence[Pair]) -> None:
    check_distinct(tags, field="tag")
    for number, tag in enumerate(tags):
        check_key(tag.key, field=f"tags[{number}].name")
        check_length(tag.value, field=f"tags[{number}].value", most=MAX_EXPERIMENT_TAG_VALUE)


def _key_ids(experiment_id: int, kind: KeyKind, names: Sequence[str]) -> dict[str, int]:
    known = Key.objects.filter(experiment=experiment_id, kind=kind, name__in=names)
    return dict(known.values_list("name", "pk"))
