"""``mlportal model``: logged models."""

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from mlportal.cli._command import TagsOption, WorkspaceOption, byte_progress, command, key_values, workspace_of
from mlportal.models import Model

app = typer.Typer(name="model", help="Logged models.", no_args_is_help=True)
IdOption = Annotated[str, typer.Option("--id", "--model-id", "-i", help="As `model list` prints it.")]


@command(app, "list", "id", "name", "status", "created_at", "run_id", "model_type")
def list_(
    name: Annotated[Optional[str], typer.Option("--name", "--model-name", "-n")] = None,
    tags: TagsOption = None,
    run: Annotated[Optional[str], typer.Option("--run", "-r", help="Only those that this run made.")] = None,
    latest: Annotated[bool, typer.Option("--latest", "-l", help="Of each name the newest.")] = False,
    workspace: WorkspaceOption = None,
) -> Any:
    """List logged models, newest first."""
    return Model.list(workspace_of(workspace), name, key_values(tags), run_id=run, latest=latest)


@command(app, "show")
def show(model_id: IdOption, workspace: WorkspaceOption = None) -> Any:
    """Show a logged model."""
    return Model.get(workspace_of(workspace), model_id)


@command(app, "download")
def download(
    model_id: IdOption,
    target_dir: Annotated[Path, typer.Option("--target-dir", "-t")] = Path(),
    workspace: WorkspaceOption = None,
) -> Any:
    """Download a logged model's files into a folder of its name."""
    model = Model.get(workspace_of(workspace), model_id)
    with byte_progress("Downloading") as progress:
        return {"path": str(model.download(target_dir, progress=progress))}
