"""Taking the demo away again: what it made and nothing else, for good."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tracking.cleanup.services import delete, finish
from tracking.cleanup.types import Keeping, Kind, Mode, State, Target
from tracking.core.clock import utc_now
from tracking.core.errors import InvalidStateError
from tracking.identity.queries import Credential
from tracking.management.demo.writer import DEMO_TAG
from tracking.registry.queries import get_registered, get_version, search_registered, search_versions
from tracking.registry.removal import count_models_in, count_models_of_runs
from tracking.registry.services import delete_registered, delete_version
from tracking.runs.queries import count_runs, search_experiments, search_runs
from tracking.runs.removal import runs_named
from tracking.runs.types import ExperimentRow, Lifecycle

if TYPE_CHECKING:
    from tracking.identity.models import User
    from tracking.workspaces.models import Workspace

MINE = f"tags.`{DEMO_TAG}` = 'true'"
MAX_EXPERIMENTS = 1_000
MAX_MODELS = 1_000
MAX_RUNS = 1_000  # as many as the demo makes at most


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of an experiment. ``is_kept``: others logged runs or models to it, which stay."""

    name: str
    runs: int
    size_bytes: int
    is_kept: bool


def list_demo_experiments(*, workspace: "Workspace") -> list[ExperimentRow]:
    """Return the demo's experiments, deleted ones too. Two queries."""
    return search_experiments(
        workspace=workspace, filter_text=MINE, lifecycle=Lifecycle.ALL, max_results=MAX_EXPERIMENTS
    ).rows


def remove_demo(*, workspace: "Workspace", by: "User", now: datetime) -> Iterator[Removed]:
    """Remove the demo's registered models, then its experiments one after the other, telling of each that is gone.

    :raises ConflictError: if a lock is in the way.
    :raises InvalidStateError: if a removal stands still; says why.
    """
    _unregister(workspace, by, now)
    for row in list_demo_experiments(workspace=workspace):
        mine = _my_runs(workspace, row)
        is_kept = _has_more(workspace, row, mine)
        if is_kept and not mine:
            yield Removed(row.name, 0, 0, is_kept)
        else:
            yield _remove(workspace, row, mine, by, now, is_kept=is_kept)


def _unregister(workspace: "Workspace", by: "User", now: datetime) -> None:
    """Take away the versions that the demo registered, and the model that it made if nothing else is left of it."""
    for row in search_versions(workspace=workspace, filter_text=MINE, max_results=MAX_MODELS).rows:
        version = get_version(workspace=workspace, name=row.model_name, version=str(row.version))
        delete_version(version=version, by=by, now=now)
    for left in search_registered(workspace=workspace, filter_text=MINE, max_results=MAX_MODELS).rows:
        if not left.version_count:
            delete_registered(model=get_registered(workspace=workspace, name=left.name), by=by, now=now)


def _remove(
    workspace: "Workspace", row: ExperimentRow, mine: list[str], by: "User", now: datetime, *, is_kept: bool
) -> Removed:
    whole = Target(Kind.EXPERIMENT, workspace=workspace.name, experiment_id=str(row.pk))
    deletion = delete(
        credential=Credential(user=by, workspace_id=None),
        target=Target(Kind.RUN, workspace=workspace.name, run_ids=tuple(mine)) if is_kept else whole,
        mode=Mode.PURGE,
        confirm="",
        even_running=True,
        keeping=Keeping(None, None, None),
        now=now,
    )
    finish(deletion=deletion, owner=f"demo:{os.getpid()}", clock=utc_now)
    if deletion.state != State.DONE:
        raise InvalidStateError(f"The removal of {row.name!r} is {deletion.state}: {deletion.error}")
    return Removed(row.name, deletion.done["runs"], deletion.done["artifact_bytes"], is_kept)


def _my_runs(workspace: "Workspace", row: ExperimentRow) -> list[str]:
    page = search_runs(
        workspace=workspace,
        experiment_ids=[str(row.pk)],
        filter_text=MINE,
        lifecycle=Lifecycle.ALL,
        max_results=MAX_RUNS,
        now=utc_now(),
    )
    return [run.uid for run in page.rows]


def _has_more(workspace: "Workspace", row: ExperimentRow, mine: list[str]) -> bool:
    """Tell whether an experiment has runs or models that the demo did not make."""
    runs = count_runs(workspace=workspace, experiment_ids=[str(row.pk)], lifecycle=Lifecycle.ALL, now=utc_now())
    models = count_models_of_runs(runs=runs_named(workspace=workspace, uids=mine))
    return runs > len(mine) or count_models_in(experiment_ids=[row.pk]) > models
