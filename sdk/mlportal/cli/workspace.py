"""``mlportal workspace``."""

from typing import Annotated, Any, Optional

import typer

from mlportal._pages import list_all
from mlportal._tokens import LONGEST_LIFE_S
from mlportal._transport import quoted
from mlportal.cli._command import (
    NoWaitOption,
    RunningOption,
    TagsOption,
    YesOption,
    command,
    connect,
    endpoint,
    group_named,
    key_values,
    workspace_of,
)
from mlportal.cli._deleting import delete_for_good
from mlportal.cli._locks import add_locks
from mlportal.workspace import PATH, Workspace, list_workspaces

app = typer.Typer(name="workspace", help="Workspaces.", no_args_is_help=True)
FLAGS = ("--name", "--workspace-name", "-n", "-w")
NameOption = Annotated[Optional[str], typer.Option(*FLAGS, help="Default: that of config.json or `config set`.")]
NewNameOption = Annotated[str, typer.Option(*FLAGS)]
GroupOption = Annotated[Optional[str], typer.Option("--resource-group", "-g")]
DescriptionOption = Annotated[Optional[str], typer.Option("--description")]
UserOption = Annotated[str, typer.Option("--user")]


@command(app, "create")
def create(
    name: NewNameOption,
    resource_group: GroupOption = None,
    description: DescriptionOption = None,
    tags: TagsOption = None,
    exist_ok: Annotated[bool, typer.Option("--exist-ok", help="Not an error if it is there already.")] = False,
) -> Any:
    """Create a workspace in a resource group, which is created too if need be."""
    workspace = Workspace.create(
        name,
        resource_group=group_named(resource_group),
        description=description or "",
        tags=key_values(tags),
        exist_ok=exist_ok,
        endpoint=endpoint(),
    )
    return workspace.get_details()


@command(app, "list", "name", "group", "state", "my_role", "description")
def list_(resource_group: GroupOption = None) -> Any:
    """List the workspaces that you may see."""
    return [*list_workspaces(connect(), group=resource_group)]


@command(app, "show")
def show(name: NameOption = None) -> Any:
    """Show a workspace."""
    return workspace_of(name).get_details()


@command(app, "update")
def update(
    name: NameOption = None,
    description: DescriptionOption = None,
    tags: TagsOption = None,
    move_to: Annotated[Optional[str], typer.Option("--move-to", help="Another resource group.")] = None,
) -> Any:
    """Change a workspace's description, its tags (all of them), or move it to another resource group."""
    given = None if tags is None else key_values(tags)
    return workspace_of(name).update(description=description, tags=given, resource_group=move_to)


@command(app, "delete")
def delete(
    name: NewNameOption, yes: YesOption = False, no_wait: NoWaitOption = False, even_running: RunningOption = False
) -> Any:
    """Delete a workspace with all that is in it, for good. Asks for its name on a terminal."""
    return delete_for_good(
        workspace_of(name), what="workspace", is_sure=yes, no_wait=no_wait, even_running=even_running
    )


@command(app, "tracking-uri")
def tracking_uri(
    name: NameOption = None,
    life: Annotated[int, typer.Option("--life", help="Seconds.", min=1, max=LONGEST_LIFE_S)] = LONGEST_LIFE_S,
) -> Any:
    """Print a tracking URI with a token in it: for another machine, another language, MLFLOW_TRACKING_URI."""
    return workspace_of(name).get_mlflow_tracking_uri(with_auth=True, life_s=life)


@command(app, "members", "username", "role", "scope", "inherited")
def members(name: NameOption = None) -> Any:
    """List who may do what in a workspace."""
    workspace = workspace_of(name)
    return [*list_all(workspace._transport, f"{PATH}/{quoted(workspace.name)}/members", "members")]


@command(app, "share")
def share(
    user: UserOption,
    role: Annotated[str, typer.Option("--role", help="owner, contributor or reader.")],
    name: NameOption = None,
) -> Any:
    """Give a person a role in a workspace."""
    workspace = workspace_of(name)
    path = f"{PATH}/{quoted(workspace.name)}/members/{quoted(user)}"
    return workspace._transport.call("PUT", path, body={"role": role})


@command(app, "unshare")
def unshare(user: UserOption, name: NameOption = None) -> None:
    """Take a person's role in a workspace away."""
    workspace = workspace_of(name)
    workspace._transport.call("DELETE", f"{PATH}/{quoted(workspace.name)}/members/{quoted(user)}")


add_locks(
    app, Annotated[Optional[str], typer.Option("--workspace-name", "-w", help="Default: as elsewhere.")], workspace_of
)
