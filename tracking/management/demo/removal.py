"""Taking the demo away again: what it made and nothing else, for good, a little at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tracking.artifacts.queries import run_folder
from tracking.artifacts.services import delete_files
from tracking.core.errors import InvalidStateError
from tracking.management.demo.writer import DEMO_TAG
from tracking.metrics.services import purge_points
from tracking.registry.services import purge_models
from tracking.runs.queries import find_runs, get_experiment, search_experiments, search_runs
from tracking.runs.services import purge_experiment, purge_run
from tracking.runs.types import ExperimentRow, Lifecycle

if TYPE_CHECKING:
    from tracking.identity.models import User
    from tracking.workspaces.models import Workspace

MINE = f"tags.`{DEMO_TAG}` = 'true'"
MAX_EXPERIMENTS = 1_000
RUNS_AT_ONCE = 50
SEGMENTS_AT_ONCE = 500


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
    """Remove the demo's experiments one after the other, telling of each when it is gone.

    Files go before rows and every step is a transaction of its own: a removal that breaks off can be begun again.
    """
    for row in list_demo_experiments(workspace=workspace):
        runs = freed = 0
        while found := _some_runs(workspace, row):
            for uid in found:
                freed += _remove_run(workspace, uid, by, now)
            runs += len(found)
        experiment = get_experiment(workspace=workspace, experiment_id=str(row.pk))
        try:
            purge_experiment(experiment=experiment, by=by, now=now)
            is_kept = False
        except InvalidStateError:
            is_kept = True
        yield Removed(row.name, runs, freed, is_kept)


def _some_runs(workspace: "Workspace", row: ExperimentRow) -> list[str]:
    page = search_runs(
        workspace=workspace,
        experiment_ids=[str(row.pk)],
        filter_text=MINE,
        lifecycle=Lifecycle.ALL,
        max_results=RUNS_AT_ONCE,
    )
    return [run.uid for run in page.rows]


def _remove_run(workspace: "Workspace", uid: str, by: "User", now: datetime) -> int:
    """Remove a run with all it has; return the bytes of its files."""
    (run,) = find_runs(workspace=workspace, uids=[uid])
    freed = purge_models(run=run, by=by, now=now)
    freed += delete_files(workspace=workspace, path=run_folder(run).parent)
    while purge_points(run=run, limit=SEGMENTS_AT_ONCE) == SEGMENTS_AT_ONCE:
        pass
    purge_run(run=run, by=by, now=now)
    return freed
