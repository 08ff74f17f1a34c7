"""Runs with one of everything, and what is left of whom afterwards."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from django.apps import apps
from django.conf import settings

from tests.support.people import Person
from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.queries import run_folder, workspace_folder
from tracking.artifacts.services import put_file
from tracking.cleanup.models import Deletion
from tracking.cleanup.services import delete, finish
from tracking.cleanup.types import Keeping, Kind, Mode, Target
from tracking.core.clock import utc_now
from tracking.identity.queries import Credential
from tracking.metrics.services import log_batch
from tracking.metrics.types import Metric
from tracking.registry.services import create_model, log_outputs
from tracking.runs.models import Experiment, Run
from tracking.runs.services import create_experiment, create_run, log_datasets, update_run
from tracking.runs.types import DatasetLogged, Pair, RunStatus
from tracking.workspaces.models import Workspace

IRIS = DatasetLogged(name="iris", digest="d1", source_type="s3", source="{}", schema="", profile="", tags=())
FILE = b"0123456789"
UNKEPT = Keeping(runs=None, workspaces=None, groups=None)
RECORDS = ("AuditEvent", "Deletion", "RunDocument", "WorkspaceUsage")


def an_experiment(workspace: Workspace, name: str) -> Experiment:
    return create_experiment(workspace=workspace, name=name, tags=[Pair("team", "a")], by=None, now=utc_now())


def a_run(experiment: Experiment, *, name: str = "otter", status: RunStatus = RunStatus.FINISHED) -> Run:
    """Log a run with one of everything: a param, tags, points, a dataset, a file, a model with a file."""
    now = utc_now()
    run = create_run(experiment=experiment, name=name, user_name="ann", started_at=now, tags=[Pair("team", "a")])
    log_batch(run=run, metrics=points(), params=[Pair("lr", "0.1")], tags=[])
    log_datasets(run=run, datasets=[IRIS])
    put_file(workspace=run.workspace, path=run_folder(run) / "notes/a.txt", chunks=[FILE], size_bytes=len(FILE))
    model = create_model(
        experiment=experiment, name="net", model_type="", source_run=run, params=[Pair("d", "3")], tags=[], now=now
    )
    home = ArtifactPath((str(experiment.pk), "models", model.uid, "artifacts"))
    put_file(workspace=run.workspace, path=home / "MLmodel", chunks=[FILE], size_bytes=len(FILE))
    log_outputs(run=run, models=[(model.uid, 1)])
    update_run(run=run, status=status, ended_at=now if status.is_final else None, name="")
    return run


def points(count: int = 3) -> list[Metric]:
    return [Metric(key, 0.5, step, step) for step in range(count) for key in ("loss", "accuracy")]


def ask(who: Person, target: Target, *, mode: Mode = Mode.PURGE, confirm: str | None = None) -> Deletion:
    """Ask for a deletion, with the right name unless another is given."""
    return delete(
        credential=Credential(user=who.user, workspace_id=None),
        target=target,
        mode=mode,
        confirm=target.name if confirm is None else confirm,
        even_running=True,
        keeping=UNKEPT,
        now=utc_now(),
    )


def done(deletion: Deletion) -> Deletion:
    """Do the work of a deletion here and now."""
    finish(deletion=deletion, owner="test", clock=utc_now)
    return deletion


def experiment_target(experiment: Experiment) -> Target:
    return Target(Kind.EXPERIMENT, workspace=experiment.workspace.name, experiment_id=str(experiment.pk))


def runs_target(*runs: Run) -> Target:
    return Target(Kind.RUN, workspace=runs[0].workspace.name, run_ids=tuple(run.uid for run in runs))


def rows(*, but: Iterable[str] = ()) -> dict[str, int]:
    """Count the rows of every table but those that keep what happened."""
    tables = apps.get_app_config("tracking").get_models()
    return {t.__name__: t._default_manager.count() for t in tables if t.__name__ not in (*RECORDS, *but)}


def files_of(workspace: Workspace) -> list[str]:
    folder = Path(settings.ARTIFACT_ROOT) / str(workspace_folder(workspace))
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def tree_hash(workspace: Workspace) -> str:
    """Return a digest of all files of a workspace: their names and what is in them."""
    folder = Path(settings.ARTIFACT_ROOT) / str(workspace_folder(workspace))
    digest = hashlib.sha256()
    for name in files_of(workspace):
        digest.update(name.encode() + b"\0" + (folder / name).read_bytes())
    return digest.hexdigest()
