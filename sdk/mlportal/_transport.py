"""The one seam to the server: addresses, the token, time-outs, patience, and errors as exceptions."""

from __future__ import annotations

import os
import random
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Union
from urllib.parse import quote

import httpx

from mlportal._credentials import find_credential, get_credential
from mlportal._version import __version__
from mlportal.errors import NotMlportalError, ServerUnreachableError, UnavailableError, error_from_answer

TIMEOUT = httpx.Timeout(120, connect=10)
PATIENCE_S = 60.0
AGAIN = frozenset({429, 502, 503, 504})
USER_AGENT = f"mlportal-python/{__version__}"
MAX_ERROR_CHARS = 300
Query = Mapping[str, Union[str, int, bool, list[str], None]]


class Transport:
    """Calls of one server as one person. Cheap to make: it connects and looks for a token when it is first used.

    ``token`` None: the environment's or what `mlportal login` saved, looked up anew when the server refuses it.
    ``patience_s``: how long a call is tried again when the server is busy or out of reach.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        token: str | None = None,
        patience_s: float = PATIENCE_S,
        timeout: httpx.Timeout = TIMEOUT,
    ) -> None:
        self.endpoint = endpoint
        self.patience_s = patience_s
        self._timeout = timeout
        self._given_token = token
        self._found_token: str | None = None
        self._client: httpx.Client | None = None
        self._client_pid = 0

    def get(self, path: str, query: Query | None = None) -> Any:
        """Return the JSON at a path."""
        return self.call("GET", path, query=query)

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: object = None,
        may_repeat: bool = True,
        signed: bool = True,
    ) -> Any:
        """Send JSON, return JSON (None for an empty answer). ``path`` is already quoted (see ``quoted``).

        ``may_repeat`` False: made again only if it certainly was not carried out. ``signed`` False: without a token.

        :raises MlportalError: of the kind that errors.py has for the answer.
        """
        response = self.send(
            method,
            path,
            signed=signed,
            may_repeat=may_repeat,
            params=_given(query),
            json={} if body is None and method != "GET" else body,
        )
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            raise _not_mlportal(response) from None

    def send(
        self,
        method: str,
        path: str,
        *,
        signed: bool = True,
        may_repeat: bool = True,
        content: Callable[[], Iterator[bytes]] | None = None,
        **request: Any,
    ) -> httpx.Response:
        """Send a request until it is answered, or patience ends; the answer is read whole.

        ``content`` gives the body from its beginning, each time it is called.
        """
        return self._with_patience(
            lambda: self._send_once(method, path, signed=signed, content=content, **request), may_repeat=may_repeat
        )

    @contextmanager
    def stream(self, path: str, *, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """Give the answer to a GET before its body is read; once, without patience."""
        try:
            request = self._http().build_request("GET", self._url(path), headers={**self._headers(), **headers})
            response = self._http().send(request, stream=True)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        try:
            if response.is_error:
                response.read()
                raise _error(response)
            yield response
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        finally:
            response.close()

    def send_elsewhere(self, method: str, url: str, *, headers: Mapping[str, str], content: Iterator[bytes]) -> None:
        """Send a body to an address of another service, which the server signed; once, and without our token."""
        try:
            response = self._http().request(method, url, headers=dict(headers), content=content)
        except httpx.TransportError as error:
            raise _elsewhere_failed(url, str(error) or type(error).__name__) from error
        if not response.is_success:
            raise _elsewhere_failed(url, f"it answers {response.status_code}")

    @contextmanager
    def stream_elsewhere(self, url: str, *, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """Give the answer to a GET of such an address before its body is read; once, and without our token."""
        plain = {**headers, "Accept-Encoding": "identity"}
        try:
            with self._http().stream("GET", url, headers=plain) as response:
                if not response.is_success:
                    raise _elsewhere_failed(url, f"it answers {response.status_code}")
                yield response
        except httpx.TransportError as error:
            raise _elsewhere_failed(url, str(error) or type(error).__name__) from error

    def close(self) -> None:
        """Close what connections are open; the next call opens new ones."""
        if self._client is not None and self._client_pid == os.getpid():
            self._client.close()
        self._client = None

    def _send_once(
        self, method: str, path: str, *, signed: bool, content: Callable[[], Iterator[bytes]] | None, **request: Any
    ) -> httpx.Response:
        headers = {**request.pop("headers", {}), **(self._headers() if signed else {})}
        try:
            response = self._http().request(
                method, self._url(path), headers=headers, content=content() if content else None, **request
            )
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        if response.status_code == 401 and signed and self._token_changed():
            return self._send_once(method, path, signed=signed, content=content, headers=headers, **request)
        if response.is_redirect:
            raise NotMlportalError(
                f"{self.endpoint} answers with a redirect to {response.headers.get('location', '?')[:200]}. Use the "
                "address that the portal itself shows.",
                status=response.status_code,
            )
        if response.is_error:
            raise _error(response)
        return response

    def _with_patience(self, attempt: Callable[[], httpx.Response], *, may_repeat: bool) -> httpx.Response:
        give_up_at = time.monotonic() + self.patience_s
        pause_s = 0.25
        while True:
            try:
                return attempt()
            except (ServerUnreachableError, UnavailableError) as error:
                wait_s = max(error.retry_after_s, pause_s * random.uniform(0.5, 1.5))  # noqa: S311  (spreads clients)
                if not _is_passing(error, may_repeat=may_repeat) or time.monotonic() + wait_s > give_up_at:
                    raise
            time.sleep(wait_s)
            pause_s = min(pause_s * 2, 10)

    def _http(self) -> httpx.Client:
        if (
            self._client is None or self._client_pid != os.getpid()
        ):  # a forked child must not share its parent's sockets
            self._client = httpx.Client(timeout=self._timeout, headers={"User-Agent": USER_AGENT})
            self._client_pid = os.getpid()
            weakref.finalize(self, self._client.close)
        return self._client

    def _headers(self) -> dict[str, str]:
        if self._given_token is None and self._found_token is None:
            self._found_token = get_credential(self.endpoint).token
        return {"Authorization": f"Bearer {self._given_token or self._found_token}"}

    def _token_changed(self) -> bool:
        """Look the token up again, and tell whether it is another one: somebody signed in since."""
        found = None if self._given_token else find_credential(self.endpoint)
        if found is None or found.token == self._found_token:
            return False
        self._found_token = found.token
        return True

    def _url(self, path: str) -> str:
        return f"{self.endpoint}/{path.lstrip('/')}"

    def _unreachable(self, error: httpx.TransportError) -> ServerUnreachableError:
        was_sent = not isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
        reason = str(error) or type(error).__name__
        return ServerUnreachableError(
            f"{self.endpoint} does not answer ({reason}). Is the address right and the server running? "
            "`mlportal doctor` looks closer.",
            code="INTERRUPTED" if was_sent else "UNREACHABLE",
        )


def quoted(*parts: str) -> str:
    """Return path segments, each percent-encoded whole, joined by slashes."""
    return "/".join(quote(part, safe="") for part in parts)


def _given(query: Query | None) -> dict[str, Any]:
    return {key: value for key, value in (query or {}).items() if value is not None}


def _is_passing(error: UnavailableError | ServerUnreachableError, *, may_repeat: bool) -> bool:
    if isinstance(error, UnavailableError):
        return error.status in AGAIN and (may_repeat or error.status in (429, 503))
    return may_repeat or error.code == "UNREACHABLE"


def _error(response: httpx.Response) -> Exception:
    try:
        body = response.json()
        code, message = str(body["error_code"]), str(body["message"])
    except (ValueError, KeyError, TypeError):
        if response.status_code in AGAIN:
            code, message = "TEMPORARILY_UNAVAILABLE", f"{response.url.host} answers {response.status_code}."
        else:
            return _not_mlportal(response)
    after = response.headers.get("retry-after", "")
    return error_from_answer(
        status=response.status_code,
        code=code,
        message=message,
        retry_after_s=min(float(after), 60.0) if after.isdigit() else 0.0,
    )


def _elsewhere_failed(url: str, reason: str) -> ServerUnreachableError:
    """Return an error that names the host alone: whoever has the rest of a signed address needs nothing else."""
    return ServerUnreachableError(f"{httpx.URL(url).host} did not take part in the transfer: {reason}.")


def _not_mlportal(response: httpx.Response) -> NotMlportalError:
    kind = response.headers.get("content-type", "no content type").partition(";")[0]
    begin = " ".join(response.text[:MAX_ERROR_CHARS].split())
    return NotMlportalError(
        f"{response.url.copy_with(query=None)} answered {response.status_code} with {kind}, not as mlportal does: the "
        f"address is wrong, or a proxy answers in its place. It said: {begin or 'nothing'}",
        status=response.status_code,
    )
