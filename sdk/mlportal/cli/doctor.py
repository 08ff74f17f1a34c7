"""``mlportal doctor``."""

from typing import Annotated, Optional

import typer

from mlportal._config import read_config, resolve_endpoint
from mlportal._doctor import FAILED, examine
from mlportal.cli._command import command, endpoint
from mlportal.cli._output import Format, show
from mlportal.errors import ConfigError

ServerArgument = Annotated[
    Optional[str], typer.Argument(help="The server; default: as elsewhere.", metavar="[ENDPOINT]")
]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "doctor", "check", "state", "finding")(doctor)


def doctor(
    server: ServerArgument = None,
    output: Format = Format.table,
    query: Optional[str] = None,
) -> None:
    """Find out what is wrong between this machine and the server. Exit code 1 if something is."""
    try:
        config = read_config()
    except ConfigError:
        config = None
    checks = [*examine(resolve_endpoint(server) if server else endpoint(), config)]
    show(checks, format=output, query=query, columns=("check", "state", "finding"))
    if any(check.state == FAILED for check in checks):
        raise typer.Exit(1)
