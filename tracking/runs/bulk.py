"""Changes of many runs at once: one transaction and one audit event, however many they are."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import QuerySet

from tracking.audit.services import record
from tracking.core.errors import InvalidParameterError
from tracking.runs.documents import forget_documents
from tracking.runs.models import Experiment, Run, RunTag
from tracking.runs.rules import check_key, check_length
from tracking.runs.services import hold_experiment, intern_keys
from tracking.runs.tables import in_chunks
from tracking.runs.types import MAX_RUN_TAG_VALUE, KeyKind, Pair

if TYPE_CHECKING:
    from tracking.identity.models import User

SYSTEM_TAG_PREFIX = "mlflow."


@transaction.atomic
def tag_runs(*, experiment: Experiment, runs: QuerySet[Run], tag: Pair, by: "User", now: datetime) -> int:
    """Set a tag of those of the runs that are active, and return how many they are. Two queries for 500 runs.

    :raises InvalidParameterError: if the key cannot be one, is one of mlflow's own, or the value is too long.
    """
    check_key(tag.key, field="key")
    check_length(tag.value, field="value", most=MAX_RUN_TAG_VALUE)
    if tag.key.startswith(SYSTEM_TAG_PREFIX):
        raise InvalidParameterError(f"key: {tag.key!r} is one of mlflow's own tags; those say something about one run")
    hold_experiment(experiment.pk)
    key_id = intern_keys(experiment_id=experiment.pk, kind=KeyKind.TAG, names=[tag.key])[tag.key]
    pks = list(_living(runs, experiment).filter(deleted_at=None).values_list("pk", flat=True))
    for part in in_chunks(pks):
        forget_documents(run_ids=part)  # before the tags, as all do who lock both
        RunTag.objects.bulk_create(
            [RunTag(run_id=pk, key_id=key_id, value=tag.value) for pk in part],
            update_conflicts=True,
            unique_fields=["run", "key"],
            update_fields=["value"],
        )
    record(by=by, verb="run.tag_many", target=f"{experiment.pk}: {len(pks)} runs, {tag.key}", at=now)
    return len(pks)


@transaction.atomic
def restore_runs(*, experiment: Experiment, runs: QuerySet[Run], by: "User", now: datetime) -> int:
    """Restore those of the runs that are deleted, and return how many they were."""
    hold_experiment(experiment.pk)
    pks = list(_living(runs, experiment).filter(deleted_at__isnull=False).values_list("pk", flat=True))
    count = sum(
        Run.objects.filter(pk__in=part, deleted_at__isnull=False).update(deleted_at=None) for part in in_chunks(pks)
    )
    record(by=by, verb="run.restore_many", target=f"{experiment.pk}: {count} runs", at=now)
    return count


def _living(runs: QuerySet[Run], experiment: Experiment) -> QuerySet[Run]:
    """Return those of the runs that belong to the experiment and are not being removed for good."""
    return runs.filter(experiment=experiment, deletion_uid="")
