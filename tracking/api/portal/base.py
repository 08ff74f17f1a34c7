"""What every route of the REST API v1 shares: who asks, of what, and who may.

A request comes with a token, as in MLflow's API, or with the session of the portal; then, unless it only reads, it must
also carry the CSRF token of a page of ours. Errors are MLflow's JSON.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from django.contrib.auth import get_user
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request as DrfRequest

from tracking.api.base import (
    ApiView,
    Endpoint,
    TokenAuthentication,
    json_response,
    read_body,
    refuse_nul,
    refuse_run_token,
    refuse_tracking_token,
)
from tracking.core.clock import utc_now
from tracking.core.errors import InvalidParameterError, PermissionDeniedError, UnauthenticatedError
from tracking.core.json import Request
from tracking.core.pages import decode_token, encode_token
from tracking.identity.queries import Credential
from tracking.workspaces import access
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.identity.models import User

DEFAULT_ROWS, MAX_ROWS = 100, 1000
SCHEME = 'Bearer realm="mlportal"'
NEEDS_CREDENTIAL = (
    "Send an access token (Authorization: Bearer TOKEN), or sign in to the portal and call from a page of it."
)


class Named(Protocol):
    """A row of a list that is ordered by name."""

    @property
    def name(self) -> str: ...


Row = TypeVar("Row", bound=Named)


class Place(StrEnum):
    """What a route is about, and so where the asker needs a role."""

    OPEN = "open"  # nothing: anybody may ask
    PERSON = "person"  # the asker: anybody with a valid credential (whose scope permits it) may
    SERVER = "server"
    GROUP = "group"  # the one that <group> in the path names
    WORKSPACE = "workspace"  # the one that <workspace> in the path names


@dataclass(frozen=True, slots=True)
class Access:
    """What it takes to be let in. ``despite_lock``: a ReadOnly lock is no hindrance."""

    place: Place
    need: Permission = Permission.READ
    despite_lock: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path, what it takes, and the status of a success (204: if the endpoint returns None)."""

    method: str
    path: str
    endpoint: Endpoint[Any]
    access: Access
    status: int = 200


@dataclass(frozen=True, slots=True)
class Call:
    """One authorised request: the raw one, who asks (None: a route that is open), and when."""

    request: HttpRequest
    asker: Credential | None
    now: datetime

    @property
    def credential(self) -> Credential:
        """Return who asks. :raises UnauthenticatedError: if nobody said who they are."""
        if self.asker is None:
            raise UnauthenticatedError(NEEDS_CREDENTIAL)
        return self.asker

    @property
    def user(self) -> "User":
        return self.credential.user


class Nothing(Request):
    """A request whose path says all."""


class Listing(Request):
    """A page of a list: what the page before gave as ``next_page_token``, and how many rows at most."""

    page_token: str | None = None
    max_results: int | None = None


class TokenOrSession(TokenAuthentication):
    """A token; without one, the portal's session."""

    def authenticate(self, request: DrfRequest) -> "tuple[User, Credential]":
        """Return who asks.

        :raises UnauthenticatedError: if neither is valid.
        :raises PermissionDeniedError: for a session's change without a CSRF token.
        """
        if "HTTP_AUTHORIZATION" in request.META:
            return super().authenticate(request)
        raw = request._request
        user = _signed_in(raw)
        if user is None:
            raise UnauthenticatedError(NEEDS_CREDENTIAL)
        _check_csrf(raw)
        return user, Credential(user=user, workspace_id=None)

    def authenticate_header(self, request: DrfRequest) -> str:
        """Return the scheme that a 401 names: Basic would make browsers ask for a password."""
        return SCHEME


class PortalView(ApiView):
    """One path of the REST API: its routes by method."""

    authentication_classes = (TokenOrSession,)
    routes: Mapping[str, Route] = {}

    @property
    def allowed_methods(self) -> list[str]:
        return list(self.routes)

    def initial(self, request: DrfRequest, *args: object, **kwargs: object) -> None:
        """Authenticate, unless the route is open."""
        route = self.routes.get(_method(request))
        if route is None or route.access.place is not Place.OPEN:
            self.perform_authentication(request)

    def finalize_response(  # type: ignore[override]  # a Django response, not one of DRF's
        self, request: DrfRequest, response: HttpResponseBase, *args: object, **kwargs: object
    ) -> HttpResponseBase:
        """Say how to authenticate, and that answers are not for a cache."""
        if response.status_code == 401:
            response["WWW-Authenticate"] = SCHEME
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    def run(self, request: DrfRequest, **path: str) -> HttpResponseBase:
        """Authorise, read the body, call the endpoint, answer."""
        route = self.routes.get(_method(request))
        if route is None:
            raise MethodNotAllowed(request.method or "")
        raw = request._request
        refuse_nul(raw)
        asker = None if route.access.place is Place.OPEN else cast(Credential, request.auth)
        arguments = dict(path) if asker is None else _authorised(route.access, asker, path)
        body, most = route.endpoint.body, route.endpoint.max_body_bytes
        given = () if body is None else (read_body(raw, body, most),)
        answer = route.endpoint.function(Call(request=raw, asker=asker, now=utc_now()), *given, **arguments)
        if isinstance(answer, HttpResponseBase):
            return answer
        return HttpResponse(status=204) if answer is None else json_response(answer, status=route.status)

    get = post = put = patch = delete = head = options = run  # type: ignore[assignment]


def _method(request: DrfRequest) -> str:
    return "GET" if request.method == "HEAD" else request.method or ""


def _authorised(needed: Access, credential: Credential, path: Mapping[str, str]) -> dict[str, object]:
    """Return the path's arguments with the group or the workspace in the place of its name.

    :raises NotFoundError, PermissionDeniedError: as workspaces.access.
    """
    arguments: dict[str, object] = dict(path)
    need, despite_lock = needed.need, needed.despite_lock
    if needed.place is Place.PERSON:
        access.require_person(credential=credential, need=need)
    elif needed.place is Place.SERVER:
        access.require_server(credential=credential, need=need)
    elif needed.place is Place.GROUP:
        arguments["group"] = access.require_group(
            credential=credential, group=path["group"], need=need, despite_lock=despite_lock
        )
    elif needed.place is Place.WORKSPACE:
        arguments["workspace"] = access.require(
            credential=credential, workspace=path["workspace"], need=need, despite_lock=despite_lock
        )
        if need is Permission.MANAGE:
            refuse_tracking_token(credential)
        elif need is Permission.WRITE:
            refuse_run_token(credential)
    return arguments


def _signed_in(request: HttpRequest) -> "User | None":
    """Return the person of the portal's session, which no middleware loads here (portal.middleware.ApiShortcut)."""
    SessionMiddleware(lambda _: HttpResponse()).process_request(request)
    user = get_user(request)
    return user if user.is_authenticated and user.is_active else None


def _check_csrf(request: HttpRequest) -> None:
    """Refuse a change that no page of ours sent.

    :raises PermissionDeniedError: if the origin or the CSRF token is wrong.
    """
    check = _CsrfCheck(lambda _: HttpResponse())
    check.process_request(request)
    reason = check.process_view(request, lambda _: HttpResponse(), (), {})
    if reason is not None:
        raise PermissionDeniedError(f"Without a token, a change must come from a page of this server. {reason}")


class _CsrfCheck(CsrfViewMiddleware):
    def _reject(self, request: HttpRequest, reason: str) -> str:
        return reason


def page_size(asked: Listing) -> int:
    """Return how many rows to answer with. :raises InvalidParameterError: if the number is out of range."""
    if asked.max_results is None:
        return DEFAULT_ROWS
    if not 1 <= asked.max_results <= MAX_ROWS:
        raise InvalidParameterError(
            f"Invalid value {asked.max_results} for parameter 'max_results' supplied: it must be from 1 to {MAX_ROWS}."
        )
    return asked.max_results


def page_after(asked: Listing) -> str:
    """Return the name that the page begins after. :raises InvalidParameterError: if the token is none of ours."""
    if not asked.page_token:
        return ""
    (name,) = decode_token(asked.page_token, length=1)
    return str(name)


def page_of(found: Sequence[Row], limit: int) -> tuple[Sequence[Row], str | None]:
    """Cut one row too many off, which says that there is a next page, and return its token."""
    rows = found[:limit]
    return rows, encode_token((rows[-1].name,)) if len(found) > limit else None


Word = TypeVar("Word", bound=StrEnum)


def read_word(text: str, *, among: Sequence[Word], field: str) -> Word:
    """Return the word that a body gives.

    :raises InvalidParameterError: with MLflow's words, if it is none of them.
    """
    found = next((word for word in among if word == text), None)
    if found is None:
        raise InvalidParameterError(
            f"Invalid value {text[:80]!r} for parameter {field!r} supplied: it must be one of {', '.join(among)}."
        )
    return found
