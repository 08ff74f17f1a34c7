"""Questions about experiments and runs."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeVar

from django.db.models import Count, Q, QuerySet

from tracking.core.errors import InvalidParameterError, NotFoundError
from tracking.core.memory import Memory
from tracking.core.pages import Page
from tracking.runs import filters
from tracking.runs.models import DatasetInput, Experiment, ExperimentTag, Key, Param, Run, RunTag
from tracking.runs.types import (
    DEFAULT_EXPERIMENT_ALIAS,
    PARENT_RUN_TAG,
    DatasetLogged,
    ExperimentRow,
    KeyKind,
    Lifecycle,
    Pair,
    RunRef,
    RunRow,
    RunStatus,
)
from tracking.search.grammars import EXPERIMENTS, RUNS
from tracking.search.parser import parse_filter, parse_order_by
from tracking.workspaces.models import Workspace

MAX_ID = 2**63 - 1
_refs: Memory[tuple[int, str], RunRef] = Memory(size=10_000)
Stored = TypeVar("Stored", Experiment, Run)


def get_experiment(*, workspace: Workspace, experiment_id: str) -> Experiment:
    """Return the experiment with this id; "0" is the workspace's Default. One query.

    :raises InvalidParameterError: if the id is not a whole number.
    :raises NotFoundError: if the workspace has none with this id.
    """
    if not re.fullmatch(r"\d{1,19}", experiment_id, re.ASCII):
        raise InvalidParameterError(
            f"Invalid experiment ID {experiment_id[:100]!r}. Experiment ID must be a valid integer."
        )
    mine = Experiment.objects.filter(workspace=workspace)
    if experiment_id == DEFAULT_EXPERIMENT_ALIAS:
        found = mine.filter(is_default=True).first()
    else:
        found = mine.filter(pk=int(experiment_id)).first() if int(experiment_id) <= MAX_ID else None
    if found is None:
        raise NotFoundError(f"No Experiment with id={experiment_id} exists")
    return found


def get_experiment_by_name(*, workspace: Workspace, name: str) -> Experiment:
    """Return the experiment of this name, deleted or not. One query.

    :raises NotFoundError: if the workspace has none of this name.
    """
    found = Experiment.objects.filter(workspace=workspace, name=name).first()
    if found is None:
        raise NotFoundError(f"Could not find experiment with name '{name}'")
    return found


def list_experiment_pks(*, workspace: Workspace, experiment_ids: Sequence[str]) -> list[int]:
    """Return the numbers of those of the experiments that the workspace has, deleted or not. One query."""
    numbers = [int(text) for text in experiment_ids if re.fullmatch(r"\d{1,18}", text, re.ASCII)]
    wanted = Q(pk__in=numbers)
    if DEFAULT_EXPERIMENT_ALIAS in experiment_ids:
        wanted |= Q(is_default=True)
    return list(Experiment.objects.filter(wanted, workspace=workspace).values_list("pk", flat=True))


def experiment_row(experiment: Experiment) -> ExperimentRow:
    """Return the experiment with its tags. One query."""
    return experiment_rows([experiment])[0]


def search_experiments(
    *,
    workspace: Workspace,
    filter_text: str = "",
    order_by: Sequence[str] = (),
    lifecycle: Lifecycle = Lifecycle.ACTIVE,
    page_token: str = "",
    max_results: int,
) -> Page[ExperimentRow]:
    """Return experiments, newest first unless ordered otherwise. Two queries, whatever the page size.

    :raises FilterError: if the filter or the order does not parse.
    """
    tree = parse_filter(filter_text, EXPERIMENTS)
    order = filters.experiment_order(parse_order_by(order_by, EXPERIMENTS))
    found = _in_lifecycle(Experiment.objects.filter(workspace=workspace), lifecycle)
    found = found.filter(filters.experiment_condition(tree)) if tree else found
    page = order.page(found, token=page_token, limit=max_results)
    return Page(experiment_rows(page.rows), page.next_token)


def count_experiments(*, workspace: Workspace, name_contains: str = "") -> int:
    """Count active experiments whose name contains a text (any case). One query."""
    return Experiment.objects.filter(workspace=workspace, deleted_at=None, name__icontains=name_contains).count()


def count_experiments_by_workspace(*, workspaces: Iterable[Workspace]) -> dict[int, int]:
    """Count the active experiments of each workspace by its number; those without any are absent. One query."""
    found = Experiment.objects.filter(workspace__in=list(workspaces), deleted_at=None)
    return dict(found.values_list("workspace_id").annotate(Count("pk")))


def get_run(*, workspace: Workspace, uid: str) -> Run:
    """Return the run with this id, deleted or not. One query.

    :raises NotFoundError: if the workspace has no such run.
    """
    found = Run.objects.filter(workspace=workspace, uid=uid).first() if len(uid) <= 32 else None
    if found is None:
        raise NotFoundError(f"Run with id={uid[:100]} not found")
    return found


def get_run_ref(*, workspace: Workspace, uid: str) -> RunRef:
    """Return what never changes of the run with this id, deleted or not. No query for one that was asked for lately.

    Whoever changes the run has to find out whether it is still there and active (``services.hold_active_run``).

    :raises NotFoundError: if the workspace has no such run.
    """
    found = _refs.get((workspace.pk, uid))
    if found is None:
        run = get_run(workspace=workspace, uid=uid)
        found = RunRef(run.pk, run.uid, run.experiment_id)
        _refs.put((workspace.pk, uid), found)
    return found


def find_runs(*, workspace: Workspace, uids: Sequence[str]) -> list[Run]:
    """Return those of the runs that the workspace has, in the order of ``uids``. One query."""
    found = {run.uid: run for run in Run.objects.filter(workspace=workspace, uid__in=uids)}
    return [found[uid] for uid in dict.fromkeys(uids) if uid in found]


def run_row(run: Run) -> RunRow:
    """Return a run with its params, tags and datasets. Three queries."""
    return run_rows([run])[0]


def run_rows(runs: Sequence[Run]) -> list[RunRow]:
    """Return runs with their params, tags and datasets, in the given order. Three queries, whatever the number."""
    pks = [run.pk for run in runs]
    params = _pairs(Param.objects.filter(run__in=pks).values_list("run_id", "key__name", "value"))
    tags = _pairs(RunTag.objects.filter(run__in=pks).values_list("run_id", "key__name", "value"))
    datasets: defaultdict[int, list[DatasetLogged]] = defaultdict(list)
    for given in DatasetInput.objects.filter(run__in=pks).select_related("dataset").order_by("pk"):
        datasets[given.run_id].append(
            DatasetLogged(
                name=given.dataset.name,
                digest=given.dataset.digest,
                source_type=given.dataset.source_type,
                source=given.dataset.source,
                schema=given.dataset.schema,
                profile=given.dataset.profile,
                tags=tuple(Pair(tag["key"], tag["value"]) for tag in given.tags),
            )
        )
    return [
        RunRow(
            pk=run.pk,
            uid=run.uid,
            experiment_id=run.experiment_id,
            name=run.name,
            user_name=run.user_name,
            status=RunStatus(run.status),
            started_at=run.started_at,
            ended_at=run.ended_at,
            is_deleted=run.deleted_at is not None,
            params=params.get(run.pk, ()),
            tags=tags.get(run.pk, ()),
            datasets=tuple(datasets.get(run.pk, ())),
        )
        for run in runs
    ]


def search_runs(
    *,
    workspace: Workspace,
    experiment_ids: Sequence[str],
    filter_text: str = "",
    order_by: Sequence[str] = (),
    lifecycle: Lifecycle = Lifecycle.ACTIVE,
    page_token: str = "",
    max_results: int,
) -> Page[RunRow]:
    """Return runs of these experiments (those that exist), newest first unless ordered otherwise.

    Six queries, whatever the page size.

    :raises FilterError: if the filter or the order does not parse.
    """
    tree = parse_filter(filter_text, RUNS)
    keys = parse_order_by(order_by, RUNS)
    experiments = list_experiment_pks(workspace=workspace, experiment_ids=experiment_ids)
    if not experiments:
        return Page([], None)
    names = filters.KeyIds(experiments, tree, keys)
    order = filters.run_order(keys, names)
    found = _in_lifecycle(Run.objects.filter(experiment__in=experiments), lifecycle)
    found = found.filter(filters.run_condition(tree, names)) if tree else found
    page = order.page(found, token=page_token, limit=max_results)
    return Page(run_rows(page.rows), page.next_token)


def count_runs(
    *,
    workspace: Workspace,
    experiment_ids: Sequence[str],
    filter_text: str = "",
    lifecycle: Lifecycle = Lifecycle.ACTIVE,
) -> int:
    """Count the runs that ``search_runs`` would walk. Three queries.

    :raises FilterError: if the filter does not parse.
    """
    tree = parse_filter(filter_text, RUNS)
    experiments = list_experiment_pks(workspace=workspace, experiment_ids=experiment_ids)
    found = _in_lifecycle(Run.objects.filter(experiment__in=experiments), lifecycle)
    if tree:
        found = found.filter(filters.run_condition(tree, filters.KeyIds(experiments, tree, ())))
    return found.count()


def list_child_runs(*, run: Run, limit: int) -> list[RunRow]:
    """Return active runs whose tag mlflow.parentRunId names this run, oldest first. Four queries."""
    children = (
        Run.objects.filter(
            experiment=run.experiment_id, deleted_at=None, tags__key__name=PARENT_RUN_TAG, tags__value=run.uid
        )
        .exclude(pk=run.pk)
        .order_by("started_at", "pk")
    )
    return run_rows(list(children[:limit]))


def list_running(*, workspaces: Iterable[Workspace], limit: int) -> list[Run]:
    """Return the newest runs that run now, each with its experiment and workspace. One query."""
    found = Run.objects.filter(workspace__in=list(workspaces), status=RunStatus.RUNNING, deleted_at=None)
    return list(found.select_related("experiment", "workspace").order_by("-started_at", "pk")[:limit])


def list_keys(*, experiment_ids: Sequence[int], kind: KeyKind) -> list[str]:
    """Return the names of all params, tags or metrics of these experiments, sorted. One query."""
    return sorted(set(Key.objects.filter(experiment__in=experiment_ids, kind=kind).values_list("name", flat=True)))


def _in_lifecycle(found: QuerySet[Stored], lifecycle: Lifecycle) -> QuerySet[Stored]:
    if lifecycle is Lifecycle.ALL:
        return found
    return found.filter(deleted_at__isnull=lifecycle is Lifecycle.ACTIVE)


def _pairs(rows: Iterable[tuple[int, str, str]]) -> dict[int, tuple[Pair, ...]]:
    by_run: defaultdict[int, list[Pair]] = defaultdict(list)
    for run_id, key, value in rows:
        by_run[run_id].append(Pair(key, value))
    return {run_id: tuple(sorted(pairs, key=lambda pair: pair.key)) for run_id, pairs in by_run.items()}


def experiment_rows(experiments: Sequence[Experiment]) -> list[ExperimentRow]:
    """Return experiments with their tags, in the given order. One query."""
    tags = ExperimentTag.objects.filter(experiment__in=[e.pk for e in experiments])
    by_experiment = _pairs(tags.values_list("experiment_id", "key", "value"))
    return [
        ExperimentRow(
            pk=experiment.pk,
            name=experiment.name,
            created_at=experiment.created_at,
            updated_at=experiment.updated_at,
            is_deleted=experiment.deleted_at is not None,
            is_default=experiment.is_default,
            tags=by_experiment.get(experiment.pk, ()),
        )
        for experiment in experiments
    ]


def key_ids_by_name(*, experiment_ids: Iterable[int], kind: KeyKind, names: Sequence[str]) -> dict[str, list[int]]:
    """Return the numbers that these names have in these experiments. One query."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    rows = Key.objects.filter(experiment__in=list(experiment_ids), kind=kind, name__in=names).values_list("name", "pk")
    for name, pk in rows:
        found[name].append(pk)
    return found
