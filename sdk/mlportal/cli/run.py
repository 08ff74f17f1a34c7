"""``mlportal run``."""

import shutil
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from mlportal._filters import equals
from mlportal.cli._command import (
    NoWaitOption,
    RunningOption,
    TagsOption,
    WorkspaceOption,
    YesOption,
    byte_progress,
    command,
    confirm,
    key_values,
    wait_for,
    workspace_of,
)
from mlportal.cli._output import Format
from mlportal.cli._plot import plot
from mlportal.errors import NotFoundError
from mlportal.experiment import Experiment
from mlportal.run import PARENT, STATUS, Run

app = typer.Typer(name="run", help="Runs.", no_args_is_help=True)
RunOption = Annotated[str, typer.Option("--run", "-r", help="The run's id.")]
STATUS_OUT = {ours: theirs for theirs, ours in STATUS.items()}


class Status(str, Enum):
    """What ``--status`` takes."""

    Running = "Running"
    Queued = "Queued"
    Completed = "Completed"
    Failed = "Failed"
    Canceled = "Canceled"


@command(app, "list", "id", "name", "status", "started_at", "duration_s", "user")
def list_(
    experiment_name: Annotated[Optional[str], typer.Option("--experiment-name", "-e", help="Default: all.")] = None,
    last: Annotated[int, typer.Option("--last", "--max-results", help="How many, newest first.", min=1)] = 10,
    status: Annotated[Optional[Status], typer.Option("--status")] = None,
    tags: TagsOption = None,
    parent_run_id: Annotated[Optional[str], typer.Option("--parent-run-id", "-p")] = None,
    filter: Annotated[Optional[str], typer.Option("--filter", help='e.g. "metrics.loss < 0.1".')] = None,
    workspace: WorkspaceOption = None,
) -> Any:
    """List runs, newest first."""
    home = workspace_of(workspace)
    ids = (
        [row.experiment_id for row in home._mlflow.list_experiments(view="ACTIVE_ONLY")]
        if experiment_name is None
        else [Experiment(home, experiment_name).id]
    )
    clauses = [
        *equals("tags", key_values(tags)),
        *equals("tags", None if parent_run_id is None else {PARENT: parent_run_id}),
        *([] if status is None else [f"attributes.status = '{STATUS_OUT[status.value]}'"]),
        *([] if filter is None else [filter]),
    ]
    rows = home._mlflow.search_runs(
        experiment_ids=ids, filter_=" AND ".join(clauses), order_by=["start_time DESC"], limit=last
    )
    return [_row(Run(home, row)) for row in rows]


@command(app, "show")
def show(run: RunOption, workspace: WorkspaceOption = None) -> Any:
    """Show a run: what it is, its params, tags and last metrics."""
    found = workspace_of(workspace).get_run(run)
    return {
        **_row(found),
        "params": dict(found._row.params),
        "metrics": dict(found._row.metrics),
        "tags": dict(found._row.tags),
        "url": found.get_portal_url(),
    }


@command(app, "metrics", "step", "value", "timestamp_ms")
def metrics(
    run: RunOption,
    metric: Annotated[
        Optional[str], typer.Option("--metric", "-m", help="Draw this one; its points with -o json.")
    ] = None,
    workspace: WorkspaceOption = None,
    output: Format = Format.table,
) -> Any:
    """List a run's last metrics, or draw one."""
    found = workspace_of(workspace).get_run(run)
    if metric is None:
        return dict(found._row.metrics)
    points = found.get_history(metric)
    if not points:
        raise NotFoundError(
            f"Run {run} has no metric {metric!r}. It has {', '.join(sorted(found._row.metrics)) or 'none'}."
        )
    if output is not Format.table:
        return points
    size = shutil.get_terminal_size((80, 24))
    print(f"{metric}: {len(points)} points, last {points[-1].value:g} at step {points[-1].step}")
    print(plot([p.step for p in points], [p.value for p in points], width=min(size.columns, 120)))
    return None


@command(app, "files", "path", "size_bytes")
def files(run: RunOption, workspace: WorkspaceOption = None) -> Any:
    """List a run's files."""
    rows = workspace_of(workspace).get_run(run)._files.walk()
    return [{"path": row.path, "size_bytes": row.size_bytes} for row in rows]


@command(app, "logs")
def logs(
    run: RunOption,
    name: Annotated[Optional[str], typer.Option("--name", help="This file instead of logs/ and user_logs/.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run has ended.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Print what a run printed."""
    found = workspace_of(workspace).get_run(run)
    for text in found.stream_logs(name, follow=follow):
        print(text, end="", flush=True)


@command(app, "download", "path")
def download(
    run: RunOption,
    output_dir: Annotated[Path, typer.Option("--output-dir", "-d")] = Path(),
    prefix: Annotated[Optional[str], typer.Option("--prefix", "-p", help="Only what lies in this folder.")] = None,
    workspace: WorkspaceOption = None,
) -> Any:
    """Download a run's files."""
    found = workspace_of(workspace).get_run(run)
    with byte_progress("Downloading") as progress:
        targets = found.download_files(prefix, output_dir, progress=progress)
    return [{"path": str(target)} for target in targets]


@command(app, "update")
def update(
    run: RunOption,
    add_tag: Annotated[list[str], typer.Option("--add-tag", help="KEY=VALUE; may be repeated.")],
    workspace: WorkspaceOption = None,
) -> Any:
    """Add tags to a run."""
    found = workspace_of(workspace).get_run(run)
    found.set_tags(key_values(add_tag))
    return _row(found)


@command(app, "cancel")
def cancel(run: RunOption, workspace: WorkspaceOption = None) -> Any:
    """Mark a run as cancelled."""
    found = workspace_of(workspace).get_run(run)
    found.cancel()
    return _row(found)


@command(app, "delete", "uid", "state", "bytes_freed")
def delete(
    run: Annotated[list[str], typer.Option("--run", "-r", help="A run's id; may be repeated.")],
    workspace: WorkspaceOption = None,
    purge: Annotated[bool, typer.Option("--purge", help="For good, at once; else they go to the trash.")] = False,
    yes: YesOption = False,
    no_wait: NoWaitOption = False,
    even_running: RunningOption = False,
) -> Any:
    """Delete runs and their files."""
    home = workspace_of(workspace)
    if purge:
        confirm(f"Delete {len(run)} runs and their files for good?", is_sure=yes)
    started = [Run.get(home, one).delete(purge=purge, no_wait=True, even_running=even_running) for one in run]
    return [wait_for(one, no_wait=no_wait) for one in started if one is not None] or None


@command(app, "restore")
def restore(run: RunOption, workspace: WorkspaceOption = None) -> Any:
    """Bring a run back from the trash."""
    found = workspace_of(workspace).get_run(run)
    found.restore()
    return _row(found)


def _row(run: Run) -> dict[str, Any]:
    ended, started = run.ended_at, run.started_at
    return {
        "id": run.id,
        "name": run.name,
        "status": run.status,
        "started_at": started,
        "ended_at": ended,
        "duration_s": (ended - started).total_seconds() if ended and started else None,
        "user": run._row.tags.get("mlflow.user", run._row.user),
        "experiment_id": run._row.experiment_id,
    }
