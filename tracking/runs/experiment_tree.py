"""Experiments by name: a slash makes a folder, ``team/project/sweep``; names that share none stand in full."""

import fnmatch
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import Count, Max, Q, QuerySet

from tracking.runs.models import Experiment, ExperimentTag, Key, Run
from tracking.runs.queries import experiment_rows
from tracking.runs.types import ExperimentSummary, KeyKind, Pair, RunStatus
from tracking.workspaces.models import Workspace


class ExperimentOrder(StrEnum):
    """What a list of experiments is sorted by; the newest activity first."""

    NAME = "name"
    ACTIVITY = "activity"


@dataclass(frozen=True, slots=True)
class Folder:
    """Two experiments or more whose names begin with ``prefix``, which ends with a slash."""

    prefix: str
    name: str
    experiment_count: int


@dataclass(frozen=True, slots=True)
class Branch:
    """What lies in a folder: the folders in it by name, and the experiments that are in none of them, in order."""

    folders: tuple[Folder, ...]
    experiment_ids: tuple[int, ...]

    @property
    def experiment_count(self) -> int:
        return len(self.experiment_ids) + sum(folder.experiment_count for folder in self.folders)


def list_branch(
    *, workspace: Workspace, prefix: str = "", name_contains: str = "", order: ExperimentOrder = ExperimentOrder.NAME
) -> Branch:
    """Return what lies in a folder ("": at the top) among the active experiments whose name contains a text (any case).

    A text with ``*`` or ``?`` is a pattern for whole names. A search has no folders. One query, two by activity; reads
    the names of all experiments.
    """
    names = _names(workspace, prefix, name_contains)
    heads = {pk: head for pk, name in names.items() if (head := _head(name, prefix)) and not name_contains}
    sizes = Counter(heads.values())
    folders = [Folder(f"{prefix}{head}/", head, size) for head, size in sorted(sizes.items()) if size > 1]
    loose = [pk for pk in names if sizes.get(heads.get(pk, ""), 0) < 2]
    return Branch(tuple(folders), tuple(_ordered(workspace, loose, names, order)))


def list_experiment_ids(*, workspace: Workspace, prefix: str = "", name_contains: str = "") -> list[int]:
    """Return the numbers of all active experiments below a prefix whose name contains a text, by name. One query."""
    names = _names(workspace, prefix, name_contains)
    return sorted(names, key=lambda pk: (names[pk], pk))


def summaries_of(*, experiment_ids: Sequence[int]) -> list[ExperimentSummary]:
    """Return experiments with counts of their active runs, in the given order. Three queries."""
    found = Experiment.objects.in_bulk(list(experiment_ids))
    counts = {
        row["experiment_id"]: row
        for row in Run.objects.filter(experiment__in=list(found), deleted_at=None)
        .values("experiment_id")
        .annotate(runs=Count("pk"), running=Count("pk", filter=Q(status=RunStatus.RUNNING)), newest=Max("started_at"))
    }
    rows = experiment_rows([found[pk] for pk in experiment_ids if pk in found])
    return [
        ExperimentSummary(
            row=row,
            user_name=found[row.pk].user_name,
            run_count=counts[row.pk]["runs"] if row.pk in counts else 0,
            running_count=counts[row.pk]["running"] if row.pk in counts else 0,
            last_run_at=counts[row.pk]["newest"] if row.pk in counts else None,
        )
        for row in rows
    ]


def _names(workspace: Workspace, prefix: str, name_contains: str) -> dict[int, str]:
    """Return names by number. A text with ``*`` or ``?`` stands for whole names, as in a shell."""
    is_pattern = any(mark in name_contains for mark in "*?")
    found = Experiment.objects.filter(workspace=workspace, deleted_at=None, name__startswith=prefix)
    if is_pattern:
        fits = re.compile(fnmatch.translate(name_contains.replace("[", "[[]")), re.IGNORECASE).match
        return {pk: name for pk, name in _below(found, prefix).items() if fits(name)}
    return _below(found.filter(name__icontains=name_contains), prefix)


def _below(found: QuerySet[Experiment], prefix: str) -> dict[int, str]:
    # SQLite's LIKE, which Django makes of startswith, knows no case. "a/" lies beside the folder "a/", not in it.
    return {pk: name for pk, name in found.values_list("pk", "name") if name.startswith(prefix) and name != prefix}


def _head(name: str, prefix: str) -> str:
    """Return the next part of a name behind a prefix, "" where it is the last part."""
    head, slash, rest = name[len(prefix) :].partition("/")
    return head if slash and rest else ""


def _ordered(workspace: Workspace, pks: Sequence[int], names: dict[int, str], order: ExperimentOrder) -> list[int]:
    by_name = sorted(pks, key=lambda pk: (names[pk], pk))
    if order is ExperimentOrder.NAME:
        return by_name
    active = Run.objects.filter(workspace=workspace, deleted_at=None).order_by()
    newest: dict[int, datetime] = dict(active.values_list("experiment_id").annotate(Max("started_at")))
    has_run = [pk for pk in by_name if pk in newest]
    return sorted(has_run, key=lambda pk: newest[pk], reverse=True) + [pk for pk in by_name if pk not in newest]


def metric_keys_by_experiment(*, experiment_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """Return the numbers of the metrics' keys by name, for each experiment. One query."""
    found: dict[int, dict[str, int]] = {pk: {} for pk in experiment_ids}
    rows = Key.objects.filter(experiment__in=experiment_ids, kind=KeyKind.METRIC)
    for experiment_id, name, pk in rows.values_list("experiment_id", "name", "pk"):
        found[experiment_id][name] = pk
    return found


def experiment_tags(*, experiment_ids: Sequence[int]) -> list[Pair]:
    """Return the tags of some experiments, all together. One query."""
    rows = ExperimentTag.objects.filter(experiment__in=experiment_ids).order_by("experiment", "key")
    return [Pair(key, value) for key, value in rows.values_list("key", "value")]
