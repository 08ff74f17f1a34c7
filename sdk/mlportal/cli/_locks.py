"""``lock create|list|delete`` of groups and workspaces."""

from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any, Optional

import typer

from mlportal.cli._command import command


class LockType(str, Enum):
    """What ``--lock-type`` takes."""

    CanNotDelete = "CanNotDelete"
    ReadOnly = "ReadOnly"


NameOption = Annotated[str, typer.Option("--name", "-n", help="The lock's name.")]
TypeOption = Annotated[LockType, typer.Option("--lock-type", "-t")]
NotesOption = Annotated[str, typer.Option("--notes", help="Why.")]


def add_locks(app: typer.Typer, owner_option: Any, owner_of: Callable[[Optional[str]], Any]) -> None:
    """Add the family ``lock``. ``owner_of`` turns the value of ``owner_option`` into a group or a workspace."""
    locks = typer.Typer(name="lock", help="Locks: they forbid deletion, or every change.", no_args_is_help=True)
    app.add_typer(locks)

    @command(locks, "create")
    def create(name: NameOption, lock_type: TypeOption, owner: owner_option = None, notes: NotesOption = "") -> Any:
        """Lock it and all that is in it."""
        return owner_of(owner).lock(name, lock_type.value, note=notes)

    @command(locks, "list", "name", "level", "note")
    def list_(owner: owner_option = None) -> Any:
        """List its locks."""
        return [*owner_of(owner).locks]

    @command(locks, "delete")
    def delete(name: NameOption, owner: owner_option = None) -> None:
        """Remove a lock."""
        owner_of(owner).unlock(name)
