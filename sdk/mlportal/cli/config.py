"""``mlportal config``: which server, group and workspace are meant when none is named."""

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from mlportal import _config
from mlportal._credentials import credentials_path, saved_credentials
from mlportal._endpoints import normal_endpoint
from mlportal.cli._command import command, endpoint, key_values
from mlportal.errors import ConfigError
from mlportal.workspace import Workspace

app = typer.Typer(name="config", help="Defaults, and a folder's config.json.", no_args_is_help=True)


@command(app, "show")
def show() -> Any:
    """Show what is configured, and where it comes from."""
    try:
        folder: Any = _config.read_config()
    except ConfigError:
        folder = None
    return {
        "folder": folder,
        "defaults": _config.read_defaults(),
        "defaults_file": str(_config.defaults_path()),
        "signed_in_at": sorted(saved_credentials()),
        "credentials_file": str(credentials_path()),
    }


@command(app, "set")
def set_(pairs: Annotated[list[str], typer.Argument(help="endpoint=URL, group=NAME, workspace=NAME")]) -> Any:
    """Set defaults."""
    given = key_values(pairs)
    unknown = sorted(given.keys() - set(_config.DEFAULT_KEYS))
    if unknown:
        raise typer.BadParameter(f"There is no default {unknown[0]!r}; there are {', '.join(_config.DEFAULT_KEYS)}.")
    if "endpoint" in given:
        given["endpoint"] = normal_endpoint(given["endpoint"])
    defaults = {**_config.read_defaults(), **given}
    _config.write_defaults(defaults)
    return defaults


@command(app, "unset")
def unset(keys: Annotated[list[str], typer.Argument(help="endpoint, group, workspace")]) -> Any:
    """Remove defaults."""
    defaults = {key: value for key, value in _config.read_defaults().items() if key not in keys}
    _config.write_defaults(defaults)
    return defaults


@command(app, "init")
def init(
    workspace: Annotated[str, typer.Option("--workspace-name", "--workspace", "-w")],
    path: Annotated[Path, typer.Option("--path", help="The folder.")] = Path(),
    resource_group: Annotated[
        Optional[str], typer.Option("--resource-group", "-g", help="Default: asked of the server.")
    ] = None,
) -> Any:
    """Write .mlportal/config.json, so that code and commands in this folder mean this workspace."""
    target = Workspace(None, resource_group, workspace, endpoint=endpoint()).write_config(path)
    return {"path": str(target)}
