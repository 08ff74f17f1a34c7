"""``mlportal group``: resource groups."""

from typing import Annotated, Any, Optional

import typer

from mlportal._transport import Transport
from mlportal._waiting import wait_until
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
)
from mlportal.cli._deleting import delete_for_good
from mlportal.cli._locks import add_locks
from mlportal.errors import NotFoundError
from mlportal.groups import ResourceGroup, get_group, list_groups

app = typer.Typer(name="group", help="Resource groups.", no_args_is_help=True)
NameOption = Annotated[
    Optional[str], typer.Option("--name", "--resource-group", "-n", "-g", help="Default: that of `config set group=`.")
]
NewNameOption = Annotated[str, typer.Option("--name", "--resource-group", "-n", "-g")]
DescriptionOption = Annotated[Optional[str], typer.Option("--description")]


def _group(name: Optional[str]) -> ResourceGroup:
    return get_group(connect(), group_named(name))


@command(app, "create")
def create(name: NewNameOption, description: DescriptionOption = None, tags: TagsOption = None) -> Any:
    """Create a resource group."""
    return ResourceGroup.create(name, description=description or "", tags=key_values(tags), endpoint=endpoint())


@command(app, "list", "name", "state", "my_role", "workspaces", "description")
def list_(tag: Annotated[Optional[str], typer.Option("--tag", help="KEY or KEY=VALUE.")] = None) -> Any:
    """List the resource groups that you may see."""
    key, _, value = (tag or "").partition("=")
    return [
        group
        for group in list_groups(connect())
        if tag is None or (key in group.tags and value in ("", group.tags[key]))
    ]


@command(app, "show")
def show(name: NameOption = None) -> Any:
    """Show a resource group."""
    return _group(name)


@command(app, "exists")
def exists(name: NameOption = None) -> Any:
    """Print whether there is such a group that you may see: true or false."""
    return _find(connect(), group_named(name)) is not None


@command(app, "update")
def update(
    name: NameOption = None,
    new_name: Annotated[Optional[str], typer.Option("--new-name")] = None,
    description: DescriptionOption = None,
    tags: TagsOption = None,
) -> Any:
    """Rename a resource group, or change its description or its tags (all of them)."""
    given = None if tags is None else key_values(tags)
    return _group(name).update(name=new_name, description=description, tags=given)


@command(app, "delete")
def delete(
    name: Annotated[str, typer.Option("--name", "--resource-group", "-n", "-g")],
    yes: YesOption = False,
    no_wait: NoWaitOption = False,
    even_running: RunningOption = False,
) -> Any:
    """Delete a resource group with all that is in it, for good. Asks for its name on a terminal."""
    group = get_group(connect(), name)
    return delete_for_good(group, what="resource group", is_sure=yes, no_wait=no_wait, even_running=even_running)


@command(app, "wait")
def wait(
    name: NameOption = None,
    created: Annotated[bool, typer.Option("--created", "--exists", help="Until it exists and is active.")] = False,
    deleted: Annotated[bool, typer.Option("--deleted", help="Until it is gone.")] = False,
    interval: Annotated[float, typer.Option("--interval", help="Seconds between looks.", min=0.1)] = 30,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds.", min=0)] = 3600,
) -> None:
    """Wait until a resource group exists, or is gone."""
    if created == deleted:
        raise typer.BadParameter("Say either --created (or --exists) or --deleted.")
    transport, wanted = connect(), group_named(name)
    wait_until(
        lambda: _find(transport, wanted),
        lambda found: found is None if deleted else found is not None and found.state == "active",
        first_pause_s=interval,
        longest_pause_s=interval,
        timeout_s=timeout,
        still=lambda found: f"Resource group {wanted!r} is {found.state if found else 'not there'}",
    )


def _find(transport: Transport, name: str) -> Optional[ResourceGroup]:
    try:
        return get_group(transport, name)
    except NotFoundError:
        return None


add_locks(
    app, Annotated[Optional[str], typer.Option("--resource-group", "-g", help="Default: that of `config set`.")], _group
)
