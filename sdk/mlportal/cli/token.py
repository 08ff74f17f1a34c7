"""``mlportal token``: access tokens."""

from typing import Annotated, Any, Optional

import typer

from mlportal._pages import list_all
from mlportal._transport import quoted
from mlportal.cli._command import command, connect

app = typer.Typer(name="token", help="Access tokens: what programs sign in with.", no_args_is_help=True)
PATH = "api/v1/tokens"


@command(app, "list", "id", "kind", "name", "scopes", "expires_at", "last_used_at")
def list_() -> Any:
    """List your tokens; what they are is not shown again."""
    return [*list_all(connect(), PATH, "tokens")]


@command(app, "create")
def create(
    name: Annotated[str, typer.Option("--name", "-n", help="What it is for.")],
    scope: Annotated[Optional[list[str]], typer.Option("--scope", help="read, write, manage; may be repeated.")] = None,
    life_days: Annotated[Optional[int], typer.Option("--life-days", min=1)] = None,
) -> Any:
    """Create a token. It is shown this once."""
    body = {"name": name, "scopes": scope, "life_days": life_days}
    given = {key: value for key, value in body.items() if value is not None}
    return connect().call("POST", PATH, body=given, may_repeat=False)


@command(app, "revoke")
def revoke(token: Annotated[str, typer.Option("--id", "-i", help="As `token list` shows it.")]) -> None:
    """Revoke a token, and every tracking token that was made with it."""
    connect().call("DELETE", f"{PATH}/{quoted(token)}")
