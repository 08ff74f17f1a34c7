"""Marking, counting and removing for good: runs, what they carry, and their experiments."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import ProtectedError, QuerySet

from tracking.core.errors import InvalidStateError
from tracking.runs.models import DatasetInput, Experiment, ExperimentTag, Key, Param, Run, RunTag
from tracking.runs.types import RunStatus
from tracking.workspaces.models import Workspace

KINDS = {
    "tracking.Run": "runs",
    "tracking.Param": "params",
    "tracking.RunTag": "tags",
    "tracking.DatasetInput": "datasets",
    "tracking.Experiment": "experiments",
}


def runs_in_workspaces(workspace_ids: Iterable[int]) -> "QuerySet[Run]":
    """Return all runs of these workspaces, not yet asked for."""
    return Run.objects.filter(workspace__in=list(workspace_ids))


def runs_in_experiment(experiment_id: int) -> "QuerySet[Run]":
    """Return all runs of an experiment, not yet asked for."""
    return Run.objects.filter(experiment=experiment_id)


def runs_named(*, workspace: Workspace, uids: Sequence[str]) -> "QuerySet[Run]":
    """Return those of these runs that the workspace has, not yet asked for."""
    return Run.objects.filter(workspace=workspace, uid__in=uids)


def runs_trashed(*, workspace: Workspace, before: datetime) -> "QuerySet[Run]":
    """Return the runs that lie in the trash since then, not yet asked for; not those of trashed experiments."""
    return Run.objects.filter(workspace=workspace, deleted_at__lt=before, experiment__deleted_at=None, deletion_uid="")


def runs_marked(deletion_uid: str) -> "QuerySet[Run]":
    """Return the runs that a deletion has marked, not yet asked for."""
    return Run.objects.filter(deletion_uid=deletion_uid)


def experiments_known(*, pks: Sequence[int]) -> set[int]:
    """Return those of the numbers that an experiment has. One query."""
    return set(Experiment.objects.filter(pk__in=pks).values_list("pk", flat=True))


def run_uids_known(*, uids: Sequence[str]) -> set[str]:
    """Return those of the ids that a run has. A query for every thousand."""
    return {
        uid
        for start in range(0, len(uids), 1000)
        for uid in Run.objects.filter(uid__in=uids[start : start + 1000]).values_list("uid", flat=True)
    }


def count_rows(*, runs: "QuerySet[Run]") -> Counter[str]:
    """Count these runs and what they carry. Four queries."""
    return Counter(
        runs=runs.count(),
        params=Param.objects.filter(run__in=runs).count(),
        tags=RunTag.objects.filter(run__in=runs).count(),
        datasets=DatasetInput.objects.filter(run__in=runs).count(),
    )


def list_running(*, runs: "QuerySet[Run]", limit: int) -> list[tuple[str, str]]:
    """Return (uid, name) of runs among these that run. One query."""
    return list(
        runs.filter(status=RunStatus.RUNNING, deleted_at=None).order_by("pk").values_list("uid", "name")[:limit]
    )


def name_of_one(*, runs: "QuerySet[Run]") -> str:
    """Return what a run is called, "" if there is none. One query."""
    return runs.values_list("name", flat=True).first() or ""


def marks_of(*, runs: "QuerySet[Run]") -> list[str]:
    """Return up to two uids of deletions that have marked runs among these; "": some are not marked. One query."""
    return list(runs.order_by("deletion_uid").values_list("deletion_uid", flat=True).distinct()[:2])


def trashed_experiments(*, before: datetime) -> list[tuple[str, int]]:
    """Return (workspace, number) of experiments that lie in the trash since then. One query."""
    found = Experiment.objects.filter(
        deleted_at__lt=before, deletion_uid="", workspace__deletion_uid="", is_default=False
    )
    return list(found.order_by("pk").values_list("workspace__name", "pk"))


def workspaces_with_trashed_runs(*, before: datetime) -> list[str]:
    """Return the names of workspaces with runs that lie in the trash since then. One query over all runs."""
    found = Run.objects.filter(
        deleted_at__lt=before, deletion_uid="", experiment__deleted_at=None, workspace__deletion_uid=""
    )
    return sorted(set(found.values_list("workspace__name", flat=True).distinct()))


def list_trash(*, workspace: Workspace, limit: int) -> tuple[list[Experiment], list[Run]]:
    """Return deleted experiments of a workspace, and deleted runs of its others, newest first. Two queries."""
    experiments = Experiment.objects.filter(workspace=workspace, deleted_at__isnull=False)
    runs = Run.objects.filter(workspace=workspace, deleted_at__isnull=False, experiment__deleted_at=None)
    return list(experiments.order_by("-deleted_at", "pk")[:limit]), list(runs.order_by("-deleted_at", "pk")[:limit])


def trash_experiment(*, pk: int, now: datetime) -> None:
    """Move an experiment to the trash. In the caller's transaction."""
    Experiment.objects.filter(pk=pk, deleted_at=None).update(deleted_at=now, updated_at=now)


def mark_experiment(*, pk: int, deletion_uid: str, now: datetime) -> None:
    """Mark an experiment as being removed, and hide it. In the caller's transaction, behind the closed gate."""
    trash_experiment(pk=pk, now=now)
    Experiment.objects.filter(pk=pk).update(deletion_uid=deletion_uid)


def mark_runs(*, runs: "QuerySet[Run]", deletion_uid: str, hidden_at: datetime | None) -> int:
    """Mark runs that no other deletion has marked; hide them too if ``hidden_at``. Return how many. Two statements."""
    pks = runs.filter(deletion_uid="").values("pk")
    marked = Run.objects.filter(pk__in=pks).update(deletion_uid=deletion_uid)
    if hidden_at is not None:
        Run.objects.filter(deletion_uid=deletion_uid, deleted_at=None).update(deleted_at=hidden_at)
    return marked


def unmark(*, deletion_uid: str) -> None:
    """Let what is left of a deletion be written to, or restored, again."""
    Run.objects.filter(deletion_uid=deletion_uid).update(deletion_uid="")
    Experiment.objects.filter(deletion_uid=deletion_uid).update(deletion_uid="")


def trash_runs(*, runs: "QuerySet[Run]", now: datetime) -> int:
    """Move those of the runs to the trash that are neither there nor being removed; return how many."""
    return Run.objects.filter(pk__in=runs.filter(deleted_at=None, deletion_uid="").values("pk")).update(deleted_at=now)


@transaction.atomic
def purge_runs(*, pks: Sequence[int]) -> Counter[str]:
    """Remove runs for good with all rows that belong to them; return how many of each kind.

    Their files, models and points are to be removed before: what is left of points goes in one statement.
    """
    _, rows = Run.objects.filter(pk__in=pks).delete()
    return _by_kind(rows)


@transaction.atomic
def purge_keys(*, experiment_id: int, limit: int) -> int:
    """Remove at most ``limit`` names of an experiment without runs; return how many."""
    some = list(Key.objects.filter(experiment=experiment_id).order_by("pk").values_list("pk", flat=True)[:limit])
    return Key.objects.filter(pk__in=some).delete()[0] if some else 0


@transaction.atomic
def purge_experiment(*, pk: int) -> Counter[str]:
    """Remove an empty experiment for good.

    :raises InvalidStateError: if it still has runs or logged models.
    """
    tags = ExperimentTag.objects.filter(experiment=pk).count()
    try:
        _, rows = Experiment.objects.filter(pk=pk).delete()
    except ProtectedError:
        raise InvalidStateError(
            f"Experiment {pk} has runs or logged models; it can only be removed for good without any."
        ) from None
    return _by_kind(rows) + Counter(tags=tags)


def _by_kind(rows: dict[str, int]) -> Counter[str]:
    return Counter({KINDS[label]: count for label, count in rows.items() if label in KINDS})
