"""``mlportal deletion``: what the server is deleting, or has deleted."""

from typing import Annotated, Any, Optional

import typer

from mlportal.cli._command import command, connect, wait_for
from mlportal.deletions import Deletion, get_deletion, list_deletions

app = typer.Typer(name="deletion", help="Deletions.", no_args_is_help=True)
UidOption = Annotated[str, typer.Option("--uid", "--id", "-n", help="As `delete --no-wait` printed it.")]


@command(app, "list", "uid", "state", "target", "asked_by", "asked_at", "bytes_freed", "error")
def list_() -> Any:
    """List the deletions that you may see, newest first."""
    return [*list_deletions(connect())]


@command(app, "show")
def show(uid: UidOption) -> Any:
    """Show how far a deletion is."""
    return get_deletion(connect(), uid)


@command(app, "wait")
def wait(uid: UidOption, timeout: Annotated[Optional[float], typer.Option("--timeout", help="Seconds.")] = None) -> Any:
    """Wait until a deletion is done."""
    return wait_for(_get(uid), no_wait=False, timeout_s=timeout)


@command(app, "retry")
def retry(uid: UidOption) -> Any:
    """Have a failed deletion go on where it stopped."""
    return _get(uid).retry()


@command(app, "pause")
def pause(uid: UidOption) -> Any:
    """Have a deletion stop after the step it is at."""
    return _get(uid).pause()


@command(app, "resume")
def resume(uid: UidOption) -> Any:
    """Have a paused deletion go on."""
    return _get(uid).resume()


@command(app, "cancel")
def cancel(uid: UidOption) -> Any:
    """Give up a deletion that does not run; what is left can be used again."""
    return _get(uid).cancel()


def _get(uid: str) -> Deletion:
    return get_deletion(connect(), uid)
