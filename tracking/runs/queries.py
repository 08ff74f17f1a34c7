"""Questions about experiments and runs."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, TypeVar

import msgspec
from django.db import transaction
from django.db.models import Count, QuerySet

from tracking.core.errors import InvalidParameterError, NotFoundError
from tracking.core.memory import Memory
from tracking.core.pages import Page
from tracking.core.store import rows_among
from tracking.runs import filters, narrowing, store
from tracking.runs.models import Experiment, Key, Param, Run, RunTag
from tracking.runs.orders import Order, Stretch
from tracking.runs.types import (
    DEFAULT_EXPERIMENT_ALIAS,
    MAX_RUN_TAG_VALUE,
    RUN_NAME_TAG,
    DatasetLogged,
    ExperimentRef,
    ExperimentRow,
    KeyKind,
    Lifecycle,
    Pair,
    RunHead,
    RunRef,
    RunRow,
    RunStatus,
)
from tracking.search.grammars import EXPERIMENTS, RUNS
from tracking.search.parser import parse_filter, parse_order_by
from tracking.search.types import OrderKey, Tree
from tracking.workspaces.models import Workspace

MAX_ID = 2**63 - 1
_experiment_pks: Memory[tuple[int, str], int] = Memory(size=10_000)
HEAD_FIELDS = tuple("id" if name == "pk" else name for name in RunHead.__struct_fields__)
EXPERIMENT_FIELDS = ("id", "name", "created_at", "updated_at", "deleted_at", "is_default")
MAX_REMEMBERED = 2_000  # characters of a search
_experiment_fields = attrgetter(*EXPERIMENT_FIELDS)
_names: Memory[int, str] = Memory(size=100_000)
_by_key = attrgetter("key")
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


def get_experiment_ref(*, workspace: Workspace, experiment_id: str) -> ExperimentRef:
    """Return what never changes of the experiment with this id, deleted or not. No query for one asked for lately.

    Whoever changes something in it has to find out whether it is still there and active
    (``services.hold_active_experiment``).

    :raises InvalidParameterError, NotFoundError: as ``get_experiment``.
    """
    asked = (workspace.pk, experiment_id)
    pk = _experiment_pks.get(asked)
    if pk is None:
        pk = get_experiment(workspace=workspace, experiment_id=experiment_id).pk
        _experiment_pks.put(asked, pk)
    return ExperimentRef(pk, workspace)


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
    return store.experiment_pks(workspace.pk, numbers, with_default=DEFAULT_EXPERIMENT_ALIAS in experiment_ids)


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
    asked = (workspace.pk, filter_text, tuple(order_by), lifecycle, page_token, max_results)
    is_short = len(filter_text) + len(page_token) + sum(map(len, order_by)) < MAX_REMEMBERED
    order, stretches = (_experiments_asked if is_short else _experiments_asked.__wrapped__)(*asked)
    page = order.collect(stretches, limit=max_results)
    tags = store.tags_by_experiment([row[0] for row in page.rows])
    return Page([_experiment_row(row, tags) for row in page.rows], page.next_token)


@lru_cache(maxsize=500)
def _experiments_asked(
    workspace_id: int, filter_text: str, order_by: tuple[str, ...], lifecycle: Lifecycle, token: str, limit: int
) -> tuple[Order[Experiment], tuple[Stretch, ...]]:
    """Return a search as statements, which say nothing of what is stored: to write them takes longer than to answer."""
    tree = parse_filter(filter_text, EXPERIMENTS)
    order = filters.experiment_order(parse_order_by(order_by, EXPERIMENTS))
    found = _in_lifecycle(Experiment.objects.filter(workspace=workspace_id), lifecycle)
    found = found.filter(filters.experiment_condition(tree)) if tree else found
    return order, tuple(order.stretches(found, fields=EXPERIMENT_FIELDS, token=token, limit=limit))


def experiments_of(*, workspace: Workspace) -> list[int]:
    """Return the numbers of all experiments of a workspace, deleted or not. One query."""
    return list(Experiment.objects.filter(workspace=workspace).order_by("pk").values_list("pk", flat=True))


def count_experiments(*, workspace: Workspace, name_contains: str = "") -> int:
    """Count active experiments whose name contains a text (any case). One query."""
    return Experiment.objects.filter(workspace=workspace, deleted_at=None, name__icontains=name_contains).count()


def count_experiments_by_workspace(*, workspaces: Iterable[Workspace] | Iterable[int]) -> dict[int, int]:
    """Count the active experiments of each workspace by its number; those without any are absent. One query."""
    found = Experiment.objects.filter(workspace__in=list(workspaces), deleted_at=None)
    return dict(found.values_list("workspace_id").annotate(Count("pk")))


def count_runs_by_workspace(*, workspaces: Iterable[int]) -> dict[int, int]:
    """Count the runs of each workspace by its number, deleted ones that can be restored included. One query, along an
    index."""
    found = Run.objects.filter(workspace__in=list(workspaces))
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


def remember_run(run: Run) -> None:
    """Spare ``get_run_ref`` its query for a run that was just made, if the caller's transaction is committed."""
    ref = RunRef(run.pk, run.uid, run.experiment_id)
    transaction.on_commit(lambda: _refs.put((run.workspace_id, run.uid), ref), robust=True)


def find_runs(*, workspace: Workspace, uids: Sequence[str]) -> list[Run]:
    """Return those of the runs that the workspace has, in the order of ``uids``. One query."""
    # The workspace is looked at here: beside it, SQLite reads all runs of the workspace rather than look up the ids.
    found = {run.uid: run for run in Run.objects.filter(uid__in=uids) if run.workspace_id == workspace.pk}
    return [found[uid] for uid in dict.fromkeys(uids) if uid in found]


def run_row(run: Run) -> RunRow:
    """Return a run with its params, tags and datasets. Three queries."""
    return run_rows([run])[0]


def run_rows(runs: Sequence[Run | RunHead]) -> list[RunRow]:
    """Return runs with their params, tags and datasets, in the given order. Five queries, whatever the number."""
    pks = [run.pk for run in runs]
    params, tags, datasets = params_by_run(run_ids=pks), tags_by_run(run_ids=pks), datasets_by_run(run_ids=pks)
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
            params=tuple(params.get(run.pk, ())),
            tags=tuple(tags.get(run.pk, ())),
            datasets=tuple(datasets.get(run.pk, ())),
        )
        for run in runs
    ]


def new_run_tags(run: Run, *, tags: Sequence[Pair]) -> list[Pair]:
    """Return the tags, by key, of a run that ``services.create_run`` has just made with these. No query."""
    stored = [Pair(tag.key, tag.value[:MAX_RUN_TAG_VALUE]) for tag in tags if tag.key != RUN_NAME_TAG]
    return sorted([*stored, Pair(RUN_NAME_TAG, run.name)], key=_by_key)


def params_by_run(*, run_ids: Sequence[int]) -> dict[int, list[Pair]]:
    """Return the params of these runs by run, by key. One query, two for keys that were not asked for lately."""
    return _pairs(rows_among(store.PARAMS_OF_RUNS, run_ids))


def tags_by_run(*, run_ids: Sequence[int]) -> dict[int, list[Pair]]:
    """Return the tags of these runs by run, by key. One query, two for keys that were not asked for lately."""
    return _pairs(rows_among(store.TAGS_OF_RUNS, run_ids))


def datasets_by_run(*, run_ids: Sequence[int]) -> dict[int, list[DatasetLogged]]:
    """Return the datasets that each of these runs used, as they were logged. One query."""
    datasets: defaultdict[int, list[DatasetLogged]] = defaultdict(list)
    for row in sorted(rows_among(store.DATASETS_OF_RUNS, run_ids)):
        fields = (*row[2:-1], msgspec.json.decode(row[-1], type=tuple[Pair, ...]))
        datasets[row[1]].append(DatasetLogged(*fields))
    return datasets


def names_by_key(key_ids: Collection[int]) -> dict[int, str]:
    """Return the names that these numbers of keys stand for. One query; none for those that were asked for lately."""
    known = {pk: name for pk in key_ids if (name := _names.get(pk)) is not None}
    new = [pk for pk in key_ids if pk not in known]
    if not new:
        return known
    found = dict(Key.objects.filter(pk__in=new).values_list("pk", "name"))

    def remember() -> None:
        for pk, name in found.items():
            _names.put(pk, name)

    transaction.on_commit(remember, robust=True)  # what a transaction that is rolled back has made never was
    return known | found


def search_runs(
    *,
    workspace: Workspace,
    experiment_ids: Sequence[str],
    filter_text: str = "",
    order_by: Sequence[str] = (),
    lifecycle: Lifecycle = Lifecycle.ACTIVE,
    page_token: str = "",
    max_results: int,
    now: datetime,
) -> Page[RunRow]:
    """Return runs as ``search_run_heads`` does, with their params, tags and datasets. Three queries more."""
    page = search_run_heads(
        workspace=workspace,
        experiment_ids=experiment_ids,
        filter_text=filter_text,
        order_by=order_by,
        lifecycle=lifecycle,
        page_token=page_token,
        max_results=max_results,
        now=now,
    )
    return Page(run_rows(page.rows), page.next_token)


def search_run_heads(
    *,
    workspace: Workspace,
    experiment_ids: Sequence[str],
    filter_text: str = "",
    order_by: Sequence[str] = (),
    lifecycle: Lifecycle = Lifecycle.ACTIVE,
    page_token: str = "",
    max_results: int,
    now: datetime,
) -> Page[RunHead]:
    """Return runs of these experiments (those that exist), newest first unless ordered otherwise.

    ``now`` is what ages in the filter count from.

    Two queries, up to two for each comparison that an index answers, and one to three for the page. Costs the page
    where an index has the order (start time, a metric, param or tag), the matching runs where none has.

    :raises FilterError: if the filter or the order does not parse.
    """
    tree = parse_filter(filter_text, RUNS, now=now)
    keys = parse_order_by(order_by, RUNS)
    experiments = list_experiment_pks(workspace=workspace, experiment_ids=experiment_ids)
    if not experiments:
        return Page([], None)
    names = filters.KeyIds(experiments, tree, keys)
    asked = (names, tree, tuple(keys), lifecycle)
    size = len(filter_text) + len(page_token) + sum(map(len, order_by)) + 8 * len(experiments)
    is_short = size < MAX_REMEMBERED
    questions = (_runs_narrowed if is_short else _runs_narrowed.__wrapped__)(*asked)
    narrowed = narrowing.narrow(questions)
    place = next((place for place, one in enumerate(questions) if one.rows is narrowed.many), None)
    is_known = is_short and narrowed.few is None
    write = _runs_asked if is_known else _runs_asked.__wrapped__
    order, stretches = write(*asked, narrowed.few, place, page_token, max_results)
    page = order.collect(stretches, limit=max_results)
    return Page([RunHead(*row) for row in page.rows], page.next_token)


@lru_cache(maxsize=500)
def _runs_narrowed(
    names: filters.KeyIds, tree: Tree | None, keys: tuple[OrderKey, ...], lifecycle: Lifecycle
) -> tuple[narrowing.Narrowing, ...]:
    """Return what a search asks of indexes, as statements: to write them takes longer than to answer."""
    return narrowing.narrowings(_in_lifecycle(Run.objects.all(), lifecycle), tree, names, keys)


@lru_cache(maxsize=500)
def _runs_asked(
    names: filters.KeyIds,
    tree: Tree | None,
    keys: tuple[OrderKey, ...],
    lifecycle: Lifecycle,
    few: Sequence[int] | None,
    many: int | None,
    token: str,
    limit: int,
) -> tuple[Order[Run], tuple[Stretch, ...]]:
    """Return a search of runs as statements. ``few``, ``many``: what narrows it, the runs or which question."""
    found = _in_lifecycle(Run.objects.all(), lifecycle)
    rows = None if many is None else _runs_narrowed(names, tree, keys, lifecycle)[many].rows
    order = filters.run_order(keys, names, tree=tree, narrowed=filters.Narrowed(few, rows))
    found = found.filter(filters.run_condition(tree, names)) if tree else found
    return order, tuple(order.stretches(found, fields=HEAD_FIELDS, token=token, limit=limit))


def count_runs(
    *,
    workspace: Workspace,
    experiment_ids: Sequence[str],
    filter_text: str = "",
    lifecycle: Lifecycle = Lifecycle.ACTIVE,
    now: datetime,
) -> int:
    """Count the runs that ``search_runs`` would walk. Three queries, and what ``search_run_heads`` asks of indexes.

    :raises FilterError: if the filter does not parse.
    """
    tree = parse_filter(filter_text, RUNS, now=now)
    experiments = list_experiment_pks(workspace=workspace, experiment_ids=experiment_ids)
    found = _in_lifecycle(Run.objects.all(), lifecycle)
    if tree:
        names = filters.KeyIds(experiments, tree, ())
        few = narrowing.narrow(narrowing.narrowings(found, tree, names, ())).few
        found = found.filter(filters.run_condition(tree, names))
        found = found if few is None else found.filter(pk__in=few)
    return found.filter(experiment__in=experiments).count()


def list_running(*, workspaces: Iterable[Workspace], limit: int) -> list[Run]:
    """Return the newest runs that run now, each with its experiment and workspace. One query."""
    found = Run.objects.filter(workspace__in=list(workspaces), status=RunStatus.RUNNING, deleted_at=None)
    return list(found.select_related("experiment", "workspace").order_by("-started_at", "pk")[:limit])


def list_runs_of(*, username: str, workspaces: Iterable[Workspace], limit: int) -> list[Run]:
    """Return the newest active runs that a person started, each with its experiment and workspace. One query."""
    found = Run.objects.filter(workspace__in=list(workspaces), deleted_at=None, experiment__deleted_at=None)
    mine = found.filter(created_by=username)
    return list(mine.select_related("experiment", "workspace").order_by("-started_at", "pk")[:limit])


def list_keys(*, experiment_ids: Sequence[int], kind: KeyKind) -> list[str]:
    """Return the names of all params, tags or metrics of these experiments, sorted. One query."""
    return sorted(set(Key.objects.filter(experiment__in=experiment_ids, kind=kind).values_list("name", flat=True)))


def _in_lifecycle(found: QuerySet[Stored], lifecycle: Lifecycle) -> QuerySet[Stored]:
    if lifecycle is Lifecycle.ALL:
        return found
    return found.filter(deleted_at__isnull=lifecycle is Lifecycle.ACTIVE)


def _pairs(found: Sequence[tuple[Any, ...]]) -> dict[int, list[Pair]]:
    names = names_by_key({key_id for _, key_id, _ in found})
    by_run: defaultdict[int, list[Pair]] = defaultdict(list)
    for run_id, key_id, value in found:
        by_run[run_id].append(Pair(names[key_id], value))
    for pairs in by_run.values():
        pairs.sort(key=_by_key)
    return by_run


def experiment_rows(experiments: Sequence[Experiment]) -> list[ExperimentRow]:
    """Return experiments with their tags, in the given order. One query."""
    tags = store.tags_by_experiment([experiment.pk for experiment in experiments])
    return [_experiment_row(_experiment_fields(experiment), tags) for experiment in experiments]


def _experiment_row(fields: Sequence[Any], tags: Mapping[int, list[Pair]]) -> ExperimentRow:
    pk, name, created_at, updated_at, deleted_at, is_default = fields
    own = tuple(tags.get(pk, ()))
    return ExperimentRow(pk, name, created_at, updated_at, deleted_at is not None, is_default, own)


def key_ids_by_name(*, experiment_ids: Iterable[int], kind: KeyKind, names: Sequence[str]) -> dict[str, list[int]]:
    """Return the numbers that these names have in these experiments. One query."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    experiments = list(experiment_ids)
    rows = store.key_rows(experiments, kinds=[kind], names=names) if experiments and names else []
    for _, name, pk in rows:
        found[name].append(pk)
    return found


def values_by_uid(*, runs: Sequence[Run], kind: KeyKind, key: str) -> dict[str, str]:
    """Return a param or tag of those of the runs that have it, by run uid. One query."""
    model = Param if kind is KeyKind.PARAM else RunTag
    uids = {run.pk: run.uid for run in runs}
    rows = model.objects.filter(run__in=list(uids), key__kind=kind, key__name=key).values_list("run_id", "value")
    return {uids[run_id]: value for run_id, value in rows}
