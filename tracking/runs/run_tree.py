"""Runs inside runs: a tag of the inner one names the outer one, as MLflow has it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tracking.runs.models import Run
from tracking.runs.queries import run_rows, values_by_uid
from tracking.runs.types import PARENT_RUN_TAG, KeyKind, RunRow

MAX_DEPTH = 5


@dataclass(frozen=True, slots=True)
class Descendant:
    """A run inside another one. ``depth``: 1 for a child, 2 for a child's child."""

    row: RunRow
    depth: int


def list_descendants(*, run: Run, limit: int) -> list[Descendant]:
    """Return active runs of the same experiment inside a run, each behind its parent, the oldest first.

    Children's children too, ``MAX_DEPTH`` deep; outer ones first where there are more than ``limit``. Two queries a
    level, and three.
    """
    found: dict[str, Run] = {}
    inside: defaultdict[str, list[str]] = defaultdict(list)
    level = [run.uid]
    for _ in range(MAX_DEPTH):
        runs = [one for one in _children(run, level, limit - len(found)) if one.uid not in found]
        if not runs:
            break
        for uid, parent in values_by_uid(runs=runs, kind=KeyKind.TAG, key=PARENT_RUN_TAG).items():
            inside[parent].append(uid)
        found |= {one.uid: one for one in runs}
        level = [one.uid for one in runs]
    rows = {row.uid: row for row in run_rows(list(found.values()))}
    return list(_in_order(run.uid, inside, rows, depth=1))


def _children(run: Run, parents: Sequence[str], limit: int) -> list[Run]:
    named = Run.objects.filter(tags__key__name=PARENT_RUN_TAG, tags__value__in=parents)
    inside = named.filter(experiment=run.experiment_id, deleted_at=None).exclude(pk=run.pk)
    return list(inside.order_by("started_at", "pk")[:limit])


def _in_order(
    parent: str, inside: Mapping[str, Sequence[str]], rows: Mapping[str, RunRow], *, depth: int
) -> Iterator[Descendant]:
    mine = [rows[uid] for uid in inside.get(parent, ()) if uid in rows]
    for row in sorted(mine, key=lambda one: (one.started_at, one.pk)):
        yield Descendant(row, depth)
        if depth < MAX_DEPTH:
            yield from _in_order(row.uid, inside, rows, depth=depth + 1)
