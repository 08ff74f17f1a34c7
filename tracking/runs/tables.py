"""Questions that tables of runs ask: all that match a filter, what values there are, which runs belong together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, Count, F, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import Combinable

from tracking.runs import filters
from tracking.runs.models import Experiment, Key, Param, Run, RunTag
from tracking.runs.queries import list_experiment_pks
from tracking.runs.types import KeyKind, Lifecycle
from tracking.search.grammars import RUNS
from tracking.search.parser import parse_filter
from tracking.workspaces.models import Workspace

MAX_GROUPS = 200
_ATTRIBUTES = {"status": "status", "user_id": "user_name"}
GROUP_ATTRIBUTES = tuple(_ATTRIBUTES)


@dataclass(frozen=True, slots=True)
class GroupKey:
    """What runs are grouped by: a param, a tag, or (kind None) an attribute of ``GROUP_ATTRIBUTES``."""

    kind: KeyKind | None
    name: str


@dataclass(frozen=True, slots=True)
class RunGroup:
    """Runs that agree in all keys they are grouped by; None: they lack the key."""

    values: tuple[str | None, ...]
    run_count: int
    newest_at: datetime


def matching_runs(
    *,
    workspace: Workspace,
    experiment_ids: Sequence[str],
    filter_text: str = "",
    lifecycle: Lifecycle,
    now: datetime | None = None,
) -> QuerySet[Run]:
    """Return all runs that a search would walk, for another question to be asked of them. Two queries.

    :raises FilterError: if the filter does not parse.
    """
    tree = parse_filter(filter_text, RUNS, now=now)
    experiments = list_experiment_pks(workspace=workspace, experiment_ids=experiment_ids)
    found = Run.objects.filter(experiment__in=experiments)
    if lifecycle is not Lifecycle.ALL:
        found = found.filter(deleted_at__isnull=lifecycle is Lifecycle.ACTIVE)
    return found.filter(filters.run_condition(tree, filters.KeyIds(experiments, tree, ()))) if tree else found


def group_runs(*, runs: QuerySet[Run], experiment_ids: Sequence[int], keys: Sequence[GroupKey]) -> list[RunGroup]:
    """Return the groups that runs fall into, the largest first; at most ``MAX_GROUPS``. Two queries."""
    columns = group_columns(experiment_ids=experiment_ids, keys=keys)
    found = (
        runs.annotate(**columns)
        .values(*columns)
        .annotate(run_count=Count("pk"), newest_at=Max("started_at"))
        .order_by("-run_count", *columns)
    )
    return [
        RunGroup(tuple(row[name] for name in columns), row["run_count"], row["newest_at"]) for row in found[:MAX_GROUPS]
    ]


def group_columns(
    *, experiment_ids: Sequence[int], keys: Sequence[GroupKey], prefix: str = ""
) -> dict[str, Combinable]:
    """Return what to group rows by; ``prefix`` leads from a row to its run (``run__``).

    One query; none where only attributes are asked for.
    """
    wanted = Q(*[Q(kind=key.kind, name=key.name) for key in keys if key.kind], _connector=Q.OR)
    found = Key.objects.filter(wanted, experiment__in=experiment_ids) if wanted else Key.objects.none()
    ids: dict[tuple[int, str], list[int]] = {}
    for kind, name, pk in found.values_list("kind", "name", "pk"):
        ids.setdefault((kind, name), []).append(pk)
    columns: dict[str, Combinable] = {}
    for number, key in enumerate(keys):
        if key.kind is None:
            columns[f"group_{number}"] = F(f"{prefix}{_ATTRIBUTES[key.name]}")
        else:
            rows: QuerySet[Any] = (Param if key.kind is KeyKind.PARAM else RunTag).objects.filter(
                run=OuterRef(f"{prefix}pk"), key__in=ids.get((key.kind, key.name), [])
            )
            columns[f"group_{number}"] = Subquery(rows.values("value")[:1], output_field=CharField())
    return columns


def list_values(
    *, experiment_ids: Sequence[int], kind: KeyKind, name: str, contains: str = "", limit: int
) -> list[tuple[str, int]]:
    """Return the values of a param or a tag that contain a text (any case), the most frequent first, with counts.

    Two queries.
    """
    keys = Key.objects.filter(experiment__in=experiment_ids, kind=kind, name=name).values_list("pk", flat=True)
    rows: QuerySet[Any] = (Param if kind is KeyKind.PARAM else RunTag).objects.filter(
        key__in=list(keys), value__icontains=contains
    )
    found = rows.values_list("value").annotate(count=Count("pk")).order_by("-count", "value")
    return [(value, count) for value, count in found[:limit]]


def list_users(*, experiment_ids: Sequence[int], contains: str = "", limit: int) -> list[tuple[str, int]]:
    """Return the users whose name contains a text, the busiest first, with counts of their runs. One query."""
    found = (
        Run.objects.filter(experiment__in=experiment_ids, user_name__icontains=contains)
        .exclude(user_name="")
        .values_list("user_name")
        .annotate(count=Count("pk"))
        .order_by("-count", "user_name")
    )
    return [(name, count) for name, count in found[:limit]]


def list_uids(*, runs: QuerySet[Run], limit: int) -> list[str]:
    """Return ids of runs, the newest first. One query."""
    return list(runs.order_by("-started_at", "uid").values_list("uid", flat=True)[:limit])


def in_chunks(pks: Sequence[int], *, size: int = 500) -> Iterator[Sequence[int]]:
    """Yield numbers of runs in parts that a statement can name."""
    for start in range(0, len(pks), size):
        yield pks[start : start + size]


def runs_by_uid(*, experiment: Experiment, uids: Sequence[str]) -> QuerySet[Run]:
    """Return those of the runs that the experiment has, deleted or not, for a change of all of them."""
    return Run.objects.filter(experiment=experiment, uid__in=list(dict.fromkeys(uids)))
