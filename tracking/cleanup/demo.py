"""What ``manage.py demo`` made in a workspace, and taking it away again: that and nothing else, for good."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tracking.cleanup.models import Deletion
from tracking.cleanup.services import delete
from tracking.cleanup.types import MAX_RUNS_NAMED, Keeping, Kind, Mode, Target
from tracking.identity.queries import Credential
from tracking.registry.queries import get_registered, get_version, search_registered, search_versions
from tracking.registry.removal import count_models_in, count_models_of_runs
from tracking.registry.services import delete_registered, delete_version
from tracking.runs.queries import get_experiment, search_experiments
from tracking.runs.removal import runs_in_experiment
from tracking.runs.tables import matching_runs
from tracking.runs.types import ExperimentRow, Lifecycle, Pair

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace

IS_DEMO = Pair("mlportal.demo", "true")  # on everything that the demo made: what it is found by
MINE = f"tags.`{IS_DEMO.key}` = '{IS_DEMO.value}'"
MAX_EXPERIMENTS = 1_000
MAX_MODELS = 1_000


@dataclass(frozen=True, slots=True)
class DemoPart:
    """An experiment of the demo. ``is_kept``: others logged runs or models to it, which stay; ``run_uids`` go then."""

    experiment_id: int
    name: str
    run_count: int
    is_kept: bool
    run_uids: tuple[str, ...]


def list_demo_experiments(*, workspace: "Workspace") -> list[ExperimentRow]:
    """Return the demo's experiments, deleted ones too. Two queries."""
    return search_experiments(
        workspace=workspace, filter_text=MINE, lifecycle=Lifecycle.ALL, max_results=MAX_EXPERIMENTS
    ).rows


def list_demo_parts(*, workspace: "Workspace") -> list[DemoPart]:
    """Return what is left of the demo that no deletion has marked. Two queries, and up to eight an experiment."""
    parts = (_part(workspace, row) for row in list_demo_experiments(workspace=workspace))
    return [part for part in parts if part is not None]


def remove_demo(
    *, credential: Credential, workspace: "Workspace", now: datetime
) -> Iterator[tuple[DemoPart, Deletion]]:
    """Ask for the deletion of one part after the other, and in the end take away what the demo registered.

    :raises ConflictError: if a lock is in the way.
    :raises PermissionDeniedError: if the asker may not write there.
    """
    for part in list_demo_parts(workspace=workspace):
        whole = Target(Kind.EXPERIMENT, workspace=workspace.name, experiment_id=str(part.experiment_id))
        runs = Target(Kind.RUN, workspace=workspace.name, run_ids=part.run_uids)
        deletion = delete(
            credential=credential,
            target=runs if part.is_kept else whole,
            mode=Mode.PURGE,
            confirm="",
            even_running=True,
            keeping=Keeping(None, None, None),
            now=now,
        )
        yield part, deletion
    _unregister(credential, workspace, now)


def _part(workspace: "Workspace", row: ExperimentRow) -> DemoPart | None:
    if get_experiment(workspace=workspace, experiment_id=str(row.pk)).deletion_uid:
        return None
    everything = runs_in_experiment(row.pk).filter(deletion_uid="")
    mine = matching_runs(
        workspace=workspace, experiment_ids=[str(row.pk)], filter_text=MINE, lifecycle=Lifecycle.ALL
    ).filter(deletion_uid="")
    count = mine.count()
    is_kept = everything.count() > count or count_models_in(experiment_ids=[row.pk]) > count_models_of_runs(runs=mine)
    if is_kept and not count:
        return None
    uids = tuple(mine.order_by("pk").values_list("uid", flat=True)[:MAX_RUNS_NAMED]) if is_kept else ()
    return DemoPart(row.pk, row.name, count, is_kept, uids)


def _unregister(credential: Credential, workspace: "Workspace", now: datetime) -> None:
    """Take away the versions that the demo registered, and the model that it made if nothing else is left of it."""
    for row in search_versions(workspace=workspace, filter_text=MINE, max_results=MAX_MODELS).rows:
        version = get_version(workspace=workspace, name=row.model_name, version=str(row.version))
        delete_version(version=version, by=credential.user, now=now)
    for left in search_registered(workspace=workspace, filter_text=MINE, max_results=MAX_MODELS).rows:
        if not left.version_count:
            model = get_registered(workspace=workspace, name=left.name)
            delete_registered(model=model, by=credential.user, now=now)
