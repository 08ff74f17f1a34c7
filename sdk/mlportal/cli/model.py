"""``mlportal model``: registered models and their versions, and the logged models they may come from."""

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from mlportal.cli._command import TagsOption, WorkspaceOption, byte_progress, command, key_values, workspace_of
from mlportal.cli._deleting import confirm_name
from mlportal.models import Model
from mlportal.versions import ModelVersion, delete_registered

app = typer.Typer(name="model", help="Registered models, their versions, and logged models.", no_args_is_help=True)
NameOption = Annotated[str, typer.Option("--name", "--model-name", "-n", help="Of the registered model.")]
ANameOption = Annotated[Optional[str], typer.Option("--name", "--model-name", "-n", help="Of a registered model.")]
VersionOption = Annotated[Optional[int], typer.Option("--version", "-v", help="Else the newest.")]
AliasOption = Annotated[Optional[str], typer.Option("--alias", "-a", help="Instead of a version.")]
IdOption = Annotated[
    Optional[str], typer.Option("--id", "--model-id", "-i", help="Of a logged model, as `model logged` prints it.")
]
RunOption = Annotated[Optional[str], typer.Option("--run", "-r", help="Only those that this run made.")]
LatestOption = Annotated[bool, typer.Option("--latest", "-l", help="Of each name the newest.")]


@command(app, "list", "name", "version", "aliases", "stage", "created_at", "run_id")
def list_(
    name: ANameOption = None,
    tags: TagsOption = None,
    run: RunOption = None,
    latest: LatestOption = False,
    workspace: WorkspaceOption = None,
) -> Any:
    """List versions of registered models, by name, the newest first."""
    return ModelVersion.list(workspace_of(workspace), name, key_values(tags), run_id=run, latest=latest)


@command(app, "logged", "id", "name", "status", "created_at", "run_id", "model_type")
def logged(
    name: Annotated[Optional[str], typer.Option("--name", "--model-name", "-n")] = None,
    tags: TagsOption = None,
    run: RunOption = None,
    latest: LatestOption = False,
    workspace: WorkspaceOption = None,
) -> Any:
    """List logged models, newest first."""
    return Model.list(workspace_of(workspace), name, key_values(tags), run_id=run, latest=latest)


@command(app, "show")
def show(
    name: ANameOption = None,
    version: VersionOption = None,
    alias: AliasOption = None,
    model_id: IdOption = None,
    workspace: WorkspaceOption = None,
) -> Any:
    """Show a version of a registered model, or a logged model."""
    return _named(workspace, name, version, alias, model_id)


@command(app, "register")
def register(
    name: NameOption,
    run: Annotated[Optional[str], typer.Option("--run", "-r", help="The run whose files --path names.")] = None,
    path: Annotated[Optional[str], typer.Option("--path", "--model-path", "-p", help="A file or folder of it.")] = None,
    model_id: IdOption = None,
    tags: TagsOption = None,
    description: Annotated[str, typer.Option("--description", "-d")] = "",
    workspace: WorkspaceOption = None,
) -> Any:
    """Register files of a run (-r, -p) or a logged model (-i) as the next version of a model."""
    home, words = workspace_of(workspace), key_values(tags)
    if model_id is not None:
        return Model.get(home, model_id).register(name, tags=words, description=description)
    if run is None or path is None:
        raise typer.BadParameter("Name a logged model (--id), or a run and a path in it (--run, --path).")
    return home.get_run(run).register_model(name, path, words, description)


@command(app, "alias")
def alias(
    name: NameOption,
    alias: Annotated[str, typer.Option("--alias", "-a", help="A word, such as champion.")],
    version: VersionOption = None,
    is_removed: Annotated[bool, typer.Option("--remove", help="Delete the alias.")] = False,
    workspace: WorkspaceOption = None,
) -> Any:
    """Let an alias point to a version, and no longer to another one."""
    found = ModelVersion.get(workspace_of(workspace), name, version)
    if is_removed:
        found.delete_alias(alias)
    else:
        found.set_alias(alias)


@command(app, "download")
def download(
    name: ANameOption = None,
    version: VersionOption = None,
    alias: AliasOption = None,
    model_id: IdOption = None,
    target_dir: Annotated[Path, typer.Option("--target-dir", "-t")] = Path(),
    workspace: WorkspaceOption = None,
) -> Any:
    """Download the files of a version, or of a logged model, into a folder of its name."""
    model = _named(workspace, name, version, alias, model_id)
    with byte_progress("Downloading") as progress:
        return {"path": str(model.download(target_dir, progress=progress))}


@command(app, "delete")
def delete(
    name: NameOption,
    version: Annotated[Optional[int], typer.Option("--version", "-v", help="Only this one.")] = None,
    is_sure: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    workspace: WorkspaceOption = None,
) -> Any:
    """Delete a version, or a registered model with all its versions; their files stay."""
    home = workspace_of(workspace)
    if version is not None:
        ModelVersion.get(home, name, version).delete()
        return
    count = len(ModelVersion.list(home, name))
    confirm_name(name, what="registered model", plan=f"  {count:>9} versions", is_sure=is_sure)
    delete_registered(home, name)


def _named(
    workspace: Optional[str], name: Optional[str], version: Optional[int], alias: Optional[str], model_id: Optional[str]
) -> Any:
    home = workspace_of(workspace)
    if model_id is not None:
        return Model.get(home, model_id)
    if name is None:
        raise typer.BadParameter("Name a registered model (--name) or a logged one (--id).")
    return ModelVersion.get(home, name, version, alias=alias)
