"""Deleting what has a name that must be repeated: the plan, the question, the wait."""

import sys
from typing import Union

import typer

from mlportal.cli._command import errors_to, wait_for
from mlportal.deletions import Deletion, DeletionPlan
from mlportal.groups import ResourceGroup
from mlportal.workspace import Workspace


def delete_for_good(
    thing: Union[ResourceGroup, Workspace], *, what: str, is_sure: bool, no_wait: bool, even_running: bool
) -> Deletion:
    """Show what would go, have the name typed, delete and wait. ``is_sure``: without asking."""
    confirm_name(thing.name, what=what, plan="" if is_sure else plan_text(thing.plan_deletion()), is_sure=is_sure)
    return wait_for(thing.delete(no_wait=True, even_running=even_running), no_wait=no_wait)


def plan_text(plan: DeletionPlan) -> str:
    """Return what a deletion would take away, a line each."""
    counts = [f"  {count:>9} {kind}" for kind, count in plan.counts.items() if count]
    sizes = [f"  {size:>9} bytes of {kind}" for kind, size in plan.bytes.items() if size]
    blocks = [f"  forbidden by {one.get('kind')} {one.get('name')!r} ({one.get('where')})" for one in plan.blocked_by]
    return "\n".join([*counts, *sizes, *blocks]) or "  (it is empty)"


def confirm_name(name: str, *, what: str, plan: str, is_sure: bool) -> None:
    """Have the name typed on a terminal. :raises typer.BadParameter: without one, unless ``is_sure``."""
    if is_sure:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"This deletes {what} {name!r} for good. There is no terminal to ask on: say --yes.")
    errors_to.print(f"This deletes {what} {name!r} with everything in it, for good:\n{plan}")
    if typer.prompt("Type its name to go on", err=True) != name:
        errors_to.print("That is not its name. Nothing was deleted.")
        raise typer.Exit(1)
