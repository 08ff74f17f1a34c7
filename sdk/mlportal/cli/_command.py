"""What every command shares: the options of output and server, exit codes, questions on a terminal, progress."""

import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Optional

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from mlportal._config import read_config, read_defaults, resolve_endpoint
from mlportal._transport import Transport
from mlportal.cli._output import Format, query_of, show
from mlportal.deletions import Deletion
from mlportal.errors import (
    ConfigError,
    ConflictError,
    DeletionFailedError,
    MlportalError,
    NotFoundError,
    NotSignedInError,
    PermissionDeniedError,
    ServerUnreachableError,
    TimedOutError,
    UnavailableError,
)
from mlportal.workspace import Workspace

EXIT_CODES: dict[type[MlportalError], int] = {
    NotFoundError: 3,
    ConflictError: 4,
    DeletionFailedError: 5,
    NotSignedInError: 6,
    PermissionDeniedError: 6,
    ServerUnreachableError: 7,
    UnavailableError: 7,
    TimedOutError: 8,
}

OutputOption = Annotated[Format, typer.Option("--output", "-o", help="How to print what is returned.")]
QueryOption = Annotated[
    Optional[str], typer.Option("--query", help="JMESPath: the part of it to print.", metavar="JMESPATH")
]
EndpointOption = Annotated[Optional[str], typer.Option("--endpoint", help="The server, e.g. https://ml.example.org.")]
WorkspaceOption = Annotated[
    Optional[str],
    typer.Option("--workspace-name", "--workspace", "-w", help="Default: that of config.json or `config set`."),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
RunningOption = Annotated[bool, typer.Option("--even-running", help="Runs that still run go too.")]
NoWaitOption = Annotated[bool, typer.Option("--no-wait", help="Return as soon as the server has accepted it.")]
TagsOption = Annotated[Optional[list[str]], typer.Option("--tags", "--tag", help="KEY=VALUE; may be repeated.")]

errors_to = Console(stderr=True, highlight=False)


@dataclass
class _Asked:
    """The options that every command has, of the one that runs."""

    endpoint: Optional[str] = None


_asked = _Asked()


def command(
    app: typer.Typer, name: str, *columns: str, **settings: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function a command that prints what it returns. ``columns``: of a table of a list.

    A function that prints itself takes ``output``, and ``query`` if need be.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def run(*, output: Format, query: Optional[str], endpoint: Optional[str], **given: Any) -> None:
            _asked.endpoint = endpoint
            if query is not None:
                query_of(query)  # a mistake in it must not come out after something was done
            printing = {"output": output, "query": query}
            value = function(
                **given, **{name: value for name, value in printing.items() if name in signature.parameters}
            )
            if value is not None:
                show(value, format=output, query=query, columns=columns)

        shared = [
            _option("output", OutputOption, Format.table),
            _option("query", QueryOption, None),
            _option("endpoint", EndpointOption, None),
        ]
        parameters = [
            one.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for one in signature.parameters.values()
            if one.name not in ("output", "query")
        ]
        run.__signature__ = signature.replace(parameters=[*parameters, *shared])  # type: ignore[attr-defined]
        run.__annotations__ = {**function.__annotations__, **{one.name: one.annotation for one in shared}}
        app.command(name, **settings)(run)
        return function

    return register


def exit_code_of(error: Exception) -> Optional[int]:
    """Return what to exit with; None for an error that is none of ours."""
    if not isinstance(error, MlportalError):
        return None
    return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 1)


def connect() -> Transport:
    """Return the server that was asked for: by --endpoint, else config.json, the environment, the defaults."""
    return Transport(endpoint())


def endpoint() -> str:
    """Return the address of that server. :raises ConfigError: if nothing names one."""
    if _asked.endpoint is not None:
        return resolve_endpoint(_asked.endpoint)
    try:
        in_config = read_config().endpoint
    except ConfigError:
        in_config = None
    return resolve_endpoint(in_config)


def workspace_of(name: Optional[str]) -> Workspace:
    """Return the workspace of -w, else of config.json, else of `config set`."""
    if name is not None:
        return Workspace(workspace_name=name, endpoint=endpoint())
    try:
        config = read_config()
    except ConfigError:
        named = read_defaults().get("workspace")
        if named is None:
            raise
        return Workspace(workspace_name=named, endpoint=endpoint())
    return Workspace(config.subscription_id, config.resource_group, config.workspace_name, endpoint=endpoint())


def group_named(name: Optional[str]) -> str:
    """Return the group of -g, else of `config set`."""
    found = name or read_defaults().get("group")
    if found is None:
        raise typer.BadParameter("Name the resource group: -g NAME (or `mlportal config set group=NAME` once).")
    return found


def key_values(pairs: Optional[Sequence[str]]) -> dict[str, str]:
    """Return ``{"a": "1", "b": "x=y"}`` for ``["a=1", "b=x=y"]``."""
    parsed = {}
    for pair in pairs or ():
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise typer.BadParameter(f"{pair!r} must be KEY=VALUE.")
        parsed[key] = value
    return parsed


def confirm(question: str, *, is_sure: bool) -> None:
    """Ask yes or no on a terminal. :raises typer.BadParameter: without one, unless ``is_sure``."""
    if is_sure:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"{question} There is no terminal to ask on: say --yes.")
    typer.confirm(question, abort=True, err=True)


def wait_for(started: Deletion, *, no_wait: bool, timeout_s: Optional[float] = None) -> Deletion:
    """Wait for a deletion, with a bar on a terminal, unless ``no_wait``."""
    if no_wait or started.state == "done":
        return started
    with Progress(
        TextColumn("Deleting"), BarColumn(), TextColumn("{task.completed} of {task.total}"), **_bars()
    ) as progress:
        task = progress.add_task("", total=sum(started.total.values()) or None)

        def advance(deletion: Deletion) -> None:
            progress.update(task, completed=sum(deletion.done.values()), total=sum(deletion.total.values()) or None)

        return started.wait(timeout_s=timeout_s, on_progress=advance)


@contextmanager
def byte_progress(what: str) -> Iterator[Callable[[int], None]]:
    """Show how many bytes have gone by, on a terminal; gives what to call with each chunk's."""
    with Progress(TextColumn(what), BarColumn(), DownloadColumn(), **_bars()) as progress:
        task: TaskID = progress.add_task("", total=None)
        yield lambda size: progress.advance(task, size)


@contextmanager
def count_progress(what: str) -> Iterator[Callable[[int, int, str], None]]:
    """Show how many things are through, on a terminal; gives what to call with that, of how many, and a text."""
    with Progress(TextColumn(what), BarColumn(), TextColumn("{task.description}"), **_bars()) as progress:
        task: TaskID = progress.add_task("looking at what there is", total=None)
        yield lambda done, total, text: progress.update(task, completed=done, total=total, description=text)


def _bars() -> dict[str, Any]:
    return {"console": errors_to, "transient": True, "disable": not errors_to.is_terminal}


def _option(name: str, annotation: Any, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
