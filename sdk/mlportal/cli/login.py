"""``mlportal login``, ``logout``, ``whoami``."""

import os
import socket
import sys
import time
import webbrowser
from typing import Annotated, Any, Optional

import typer

from mlportal._config import resolve_endpoint
from mlportal._credentials import TOKEN_VARIABLE, forget_credential, save_credential
from mlportal._transport import Transport
from mlportal.cli._command import command, connect, endpoint, errors_to
from mlportal.errors import InvalidError, MlportalError, NotFoundError, NotSignedInError, TimedOutError

EndpointArgument = Annotated[
    Optional[str], typer.Argument(help="The server; default: as elsewhere.", metavar="[ENDPOINT]")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "login")(login)
    command(app, "logout")(logout)
    command(app, "whoami")(whoami)


def login(
    server: EndpointArgument = None,
    with_token: Annotated[
        bool, typer.Option("--with-token", help="Paste an access token, or pipe it in, instead of using the browser.")
    ] = False,
) -> Any:
    """Sign in at a server: a link for the browser and a code to compare, or an access token."""
    address = resolve_endpoint(server) if server else endpoint()
    if with_token:
        text = typer.prompt("Access token", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.read()
        token, expires_at = text.strip(), None
    else:
        token, expires_at = _by_browser(Transport(address))
    me = Transport(address, token=token).get("api/v1/me")
    of_token = me.get("token") or {}
    path = save_credential(
        endpoint=address, token=token, username=me["username"], expires_at=expires_at or of_token.get("expires_at")
    )
    if os.environ.get(TOKEN_VARIABLE):
        errors_to.print(f"{TOKEN_VARIABLE} is set and goes before what was saved.")
    return {"endpoint": address, "username": me["username"], "saved_in": str(path)}


def logout(server: EndpointArgument = None) -> Any:
    """Forget the token of a server. It stays valid: `mlportal token revoke` ends it."""
    address = resolve_endpoint(server) if server else endpoint()
    if not forget_credential(address):
        raise NotFoundError(f"Nothing is saved for {address}.")
    return {"endpoint": address}


def whoami() -> Any:
    """Show who you are to the server, and your roles."""
    return connect().get("api/v1/me")


def _by_browser(transport: Transport) -> "tuple[str, Optional[str]]":
    """Have a person confirm in the browser; return the token and when it expires.

    :raises NotSignedInError: if it is refused there. :raises TimedOutError: if nobody does.
    """
    client = f"mlportal on {socket.gethostname()}"
    asked = transport.call("POST", "api/v1/login/device", body={"client": client}, signed=False)
    link = asked.get("verification_uri_complete") or asked["verification_uri"]
    errors_to.print(f"Open {link}\nand confirm this code: {asked['user_code']}", soft_wrap=True)
    if errors_to.is_terminal:
        webbrowser.open(link)
    interval_s, give_up_at = float(asked["interval_s"]), time.monotonic() + float(asked["expires_in_s"])
    while time.monotonic() < give_up_at:
        time.sleep(interval_s)
        try:
            got = transport.call(
                "POST", "api/v1/login/device/token", body={"device_code": asked["device_code"]}, signed=False
            )
        except InvalidError as error:
            interval_s = _next_interval(error, interval_s)
        else:
            return str(got["token"]), got.get("expires_at")
    raise TimedOutError("Nobody confirmed the code in time. Run `mlportal login` again.")


def _next_interval(error: MlportalError, interval_s: float) -> float:
    if error.code == "AUTHORIZATION_PENDING":
        return interval_s
    if error.code == "SLOW_DOWN":
        return interval_s + 5
    if error.code == "EXPIRED_TOKEN":
        raise TimedOutError("The code has expired. Run `mlportal login` again.") from error
    if error.code == "ACCESS_DENIED":
        raise NotSignedInError("The sign-in was refused in the browser.") from error
    raise error
