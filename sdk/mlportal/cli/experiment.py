"""``mlportal experiment``."""

from typing import Annotated, Any, Optional

import typer

from mlportal.cli._command import (
    NoWaitOption,
    RunningOption,
    WorkspaceOption,
    YesOption,
    command,
    confirm,
    wait_for,
    workspace_of,
)
from mlportal.experiment import ARCHIVED_AT, Experiment
from mlportal.workspace import Workspace

app = typer.Typer(name="experiment", help="Experiments.", no_args_is_help=True)
NameOption = Annotated[str, typer.Option("--name", "--experiment-name", "-n", "-e")]


@command(app, "list", "name", "id", "created_at", "archived_at")
def list_(
    workspace: WorkspaceOption = None,
    include_archived: Annotated[bool, typer.Option("--include-archived")] = False,
) -> Any:
    """List the experiments of a workspace, newest first."""
    home = workspace_of(workspace)
    return [_row(one) for one in Experiment.list(home, include_archived=include_archived)]


@command(app, "show")
def show(name: NameOption, workspace: WorkspaceOption = None) -> Any:
    """Show an experiment."""
    experiment = _experiment(workspace_of(workspace), name)
    return {**_row(experiment), "tags": dict(experiment.tags), "url": experiment.portal_url}


@command(app, "archive")
def archive(name: NameOption, workspace: WorkspaceOption = None) -> Any:
    """Hide an experiment and free its name; its runs stay."""
    experiment = _experiment(workspace_of(workspace), name)
    experiment.archive()
    return _row(experiment)


@command(app, "restore")
def restore(
    name: NameOption,
    new_name: Annotated[Optional[str], typer.Option("--new-name", help="Where its old name is taken.")] = None,
    workspace: WorkspaceOption = None,
) -> Any:
    """Bring an experiment back from the archive or from the trash."""
    experiment = Experiment(workspace_of(workspace), name)
    found = experiment.workspace._mlflow.find_experiment(name)
    if found is not None and found.lifecycle_stage == "deleted":
        experiment.restore()
    else:
        experiment.reactivate(new_name)
    return _row(experiment)


@command(app, "delete")
def delete(
    name: NameOption,
    workspace: WorkspaceOption = None,
    purge: Annotated[bool, typer.Option("--purge", help="For good, at once; else it goes to the trash.")] = False,
    yes: YesOption = False,
    no_wait: NoWaitOption = False,
    even_running: RunningOption = False,
) -> Any:
    """Delete an experiment and its runs."""
    experiment = Experiment(workspace_of(workspace), name)
    if not purge:
        experiment.delete()
        return None
    confirm(f"Delete experiment {name!r} and all its runs for good?", is_sure=yes)
    started = experiment.delete(purge=True, no_wait=True, even_running=even_running)
    return None if started is None else wait_for(started, no_wait=no_wait)


def _experiment(workspace: Workspace, name: str) -> Experiment:
    experiment = Experiment(workspace, name)
    _ = experiment.id  # raises where there is none
    return experiment


def _row(experiment: Experiment) -> dict[str, Any]:
    known = experiment._known()
    return {
        "name": known.name,
        "id": known.experiment_id,
        "created_at": known.created_at,
        "archived_at": known.tags.get(ARCHIVED_AT),
    }
