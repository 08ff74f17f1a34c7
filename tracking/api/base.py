"""What every route shares: who asks, a typed body, errors in MLflow's JSON; and which workspace MLflow's mean."""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec
import structlog
from django.db import DataError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, MethodNotAllowed
from rest_framework.request import Request as DrfRequest
from rest_framework.views import APIView

from tracking.api.bound import check_own_run
from tracking.audit.origin import note_token
from tracking.core import errors, json
from tracking.core.clock import utc_now
from tracking.core.commits import commit
from tracking.identity.queries import Credential, count_unknown, credential_by_token
from tracking.identity.services import note_use
from tracking.workspaces import access
from tracking.workspaces.types import DEFAULT_NAME, Permission

if TYPE_CHECKING:
    from tracking.identity.models import User
    from tracking.workspaces.models import Workspace

MAX_BODY_BYTES = 1_000_000
RETRY_AFTER_S = 1
WORKSPACE_HEADER = "X-MLFLOW-WORKSPACE"
Body = TypeVar("Body", bound=json.Request)
log = structlog.get_logger(__name__)

STATUS_AND_CODE: Mapping[type[errors.TrackingError], tuple[int, str]] = {
    errors.InvalidParameterError: (400, "INVALID_PARAMETER_VALUE"),
    errors.AlreadyExistsError: (400, "RESOURCE_ALREADY_EXISTS"),
    errors.InvalidStateError: (400, "INVALID_STATE"),
    errors.UnauthenticatedError: (401, "UNAUTHENTICATED"),
    errors.PermissionDeniedError: (403, "PERMISSION_DENIED"),
    errors.QuotaExceededError: (403, "QUOTA_EXCEEDED"),  # 429 and 507 would be tried again by the client
    errors.NotFoundError: (404, "RESOURCE_DOES_NOT_EXIST"),
    errors.ConflictError: (409, "RESOURCE_CONFLICT"),
    errors.TooManyTriesError: (429, "REQUEST_LIMIT_EXCEEDED"),
    errors.TooLargeError: (413, "INVALID_PARAMETER_VALUE"),
    errors.NotImplementedHereError: (501, "NOT_IMPLEMENTED"),
    errors.UnavailableError: (503, "TEMPORARILY_UNAVAILABLE"),
}


@dataclass(frozen=True, slots=True)
class Call:
    """One authorised request: the raw one, who asks, in which workspace, and when."""

    request: HttpRequest
    credential: Credential
    workspace: "Workspace"
    now: datetime

    @property
    def user(self) -> "User":
        return self.credential.user


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[Body]):
    """A function of this API with the kind of body it takes (None: it reads the request itself)."""

    function: Callable[..., object]
    body: type[Body] | None
    max_body_bytes: int
    shares_commit: bool


def endpoint(
    body: type[Body] | None, *, max_body_bytes: int = MAX_BODY_BYTES, shares_commit: bool = False
) -> Callable[[Callable[..., object]], Endpoint[Body]]:
    """Turn ``function(call, body, **path)`` into an endpoint; what it returns is sent as JSON, a response as it is.

    With ``shares_commit`` it is one change, which may be made durable together with others (core.commits); it must bear
    to be made twice.
    """
    return lambda function: Endpoint(function, body, max_body_bytes, shares_commit)


def authenticate(request: HttpRequest) -> Credential:
    """Return who asks, by a token: the password of HTTP Basic (with any user name), or Bearer.

    :raises UnauthenticatedError: unless a valid one came with the request.
    :raises TooManyTriesError: in its place, where too many that we never gave come from one address.
    """
    scheme, _, rest = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            _, _, token = base64.b64decode(rest, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise errors.UnauthenticatedError("The Authorization header is not valid HTTP Basic.") from None
    elif scheme.lower() == "bearer":
        token = rest.strip()
    else:
        raise errors.UnauthenticatedError(
            "A token is needed: put it into the tracking URI (http://user:TOKEN@host/w/workspace) or into "
            "MLFLOW_TRACKING_TOKEN. `manage.py tracking_uri` and the workspace's page in the portal make one."
        )
    now = utc_now()
    try:
        credential = credential_by_token(text=token, now=now)
    except errors.UnknownCredentialError:
        count_unknown(address=request.META.get("REMOTE_ADDR", ""))
        raise
    note_token(credential.token.token_id if credential.token else None)
    note_use(credential=credential, now=now)
    return credential


class TokenAuthentication(BaseAuthentication):
    """``authenticate`` for the views of Django REST framework."""

    def authenticate(self, request: DrfRequest) -> "tuple[User, Credential]":
        """Return who asks. :raises UnauthenticatedError: unless a valid token came with the request."""
        credential = authenticate(request._request)
        return credential.user, credential

    def authenticate_header(self, request: DrfRequest) -> str:
        """Return the scheme that a 401 names."""
        return 'Basic realm="mlportal"'


class ApiView(APIView):
    """A path of the API: authenticates first, and answers errors in MLflow's JSON."""

    authentication_classes = (TokenAuthentication,)

    def get_exception_handler(self) -> Callable[[Exception, Mapping[str, object]], HttpResponse]:
        """Answer errors as MLflow does."""
        return answer_exception

    def initial(self, request: DrfRequest, *args: object, **kwargs: object) -> None:
        """Authenticate; what is permitted is asked with the workspace."""
        self.perform_authentication(request)

    def finalize_response(  # type: ignore[override]  # a Django response, not one of DRF's
        self, request: DrfRequest, response: HttpResponseBase, *args: object, **kwargs: object
    ) -> HttpResponseBase:
        """Leave the response as it is: there is nothing to negotiate."""
        return response


class MlflowView(ApiView):
    """One path of MLflow's API: an endpoint and the permission it needs for each method.

    Its ``dispatch`` is short: what Django REST framework wraps a request in, these routes would only pay the time of.
    """

    endpoints: Mapping[str, tuple[Endpoint[Any], Permission]] = {}

    def dispatch(self, request: HttpRequest, *args: object, **path: str) -> HttpResponseBase:
        """Authenticate, answer, and answer errors as MLflow does."""
        try:
            return self.run(request, authenticate(request), **path)
        except Exception as error:
            return answer_exception(error, {})

    def run(
        self, request: HttpRequest, credential: Credential, workspace: str | None = None, **path: str
    ) -> HttpResponseBase:
        """Authorise, read the body, call the endpoint, answer."""
        method = "GET" if request.method == "HEAD" else request.method or ""
        if method not in self.endpoints:
            raise MethodNotAllowed(method)
        called, need = self.endpoints[method]
        refuse_nul(request)
        call = Call(
            request=request,
            credential=credential,
            workspace=access.require(credential=credential, workspace=_workspace_name(request, workspace), need=need),
            now=utc_now(),
        )
        given = () if called.body is None else (read_body(request, called.body, called.max_body_bytes),)
        if credential.run_uid and need > Permission.READ:
            check_own_run(run_uid=credential.run_uid, body=given[0] if given else None, path=path)

        def answer_call() -> object:
            return called.function(call, *given, **path)

        answer = commit(answer_call) if called.shares_commit else answer_call()
        return answer if isinstance(answer, HttpResponseBase) else json_response(answer)


class NoEndpoint(MlflowView):
    """A path that MLflow may have and this server does not: 404 to those who have a token, 401 to the others."""

    def run(
        self, request: HttpRequest, credential: Credential, workspace: str | None = None, **path: str
    ) -> HttpResponseBase:
        """Answer what MLflow's clients understand."""
        return error_response(
            status=404,
            code="ENDPOINT_NOT_FOUND",
            message=f"{request.method} {request.path[:200]} is not an endpoint here.",
        )


def json_response(value: object, *, status: int = 200) -> HttpResponse:
    """Return ``value`` as JSON."""
    return HttpResponse(msgspec.json.encode(value), content_type="application/json", status=status)


def error_response(*, status: int, code: str, message: str, retry_after_s: int = RETRY_AFTER_S) -> HttpResponse:
    """Return an error as MLflow writes it."""
    response = json_response({"error_code": code, "message": message}, status=status)
    if status == 401:
        response["WWW-Authenticate"] = 'Basic realm="mlportal"'
    if status in (429, 503):
        response["Retry-After"] = str(retry_after_s)
    return response


def answer_exception(error: Exception, context: Mapping[str, object]) -> HttpResponse:
    """Answer what an endpoint raised; the way from a room's words to HTTP."""
    if isinstance(error, errors.TrackingError):
        status, code = next(answer for kind, answer in STATUS_AND_CODE.items() if isinstance(error, kind))
        wait_s = error.retry_after_s if isinstance(error, errors.TooManyTriesError) else RETRY_AFTER_S
        return error_response(status=status, code=code, message=str(error), retry_after_s=wait_s)
    if isinstance(error, MethodNotAllowed):
        return error_response(status=405, code="ENDPOINT_NOT_FOUND", message=str(error.detail))
    if isinstance(error, APIException):
        return error_response(status=error.status_code, code="BAD_REQUEST", message=str(error.detail))
    if isinstance(error, OperationalError | InterfaceError):
        log.warning("database_unavailable", exc_info=error)
        return error_response(
            status=503, code="TEMPORARILY_UNAVAILABLE", message="The database cannot take the request now. Try again."
        )
    log.error("endpoint_failed", exc_info=error)
    what = "a value the database refuses" if isinstance(error, DataError) else "an unexpected error"
    request_id = structlog.contextvars.get_contextvars().get("request_id", "unknown")
    return error_response(
        status=500, code="INTERNAL_ERROR", message=f"The server met {what}; its log has request {request_id}."
    )


def _workspace_name(request: HttpRequest, in_path: str | None) -> str:
    in_header = request.META.get("HTTP_X_MLFLOW_WORKSPACE", "").strip()
    if in_path and in_header and in_path != in_header:
        raise errors.InvalidParameterError(
            f"The tracking URI names workspace {in_path!r} and the header {WORKSPACE_HEADER} names {in_header[:80]!r}."
        )
    return in_path or in_header or DEFAULT_NAME


def refuse_tracking_token(credential: Credential) -> None:
    """Refuse to manage with a token that was made for logging.

    :raises PermissionDeniedError: if the credential is for one workspace.
    """
    if credential.workspace_id is not None:
        raise errors.PermissionDeniedError(
            "A tracking token is for logging to its workspace; to manage one takes an access token."
        )


def refuse_run_token(credential: Credential) -> None:
    """Refuse to change anything else with a token that was made for one run.

    :raises PermissionDeniedError: if the credential is for one run.
    """
    if credential.run_uid:
        raise errors.PermissionDeniedError(
            f"The token is for logging to run {credential.run_uid}; this takes an access token."
        )


def refuse_nul(request: HttpRequest) -> None:
    """Refuse an address with NUL: no name or id has it, and PostgreSQL does not even take the question."""
    if "\0" in request.path:
        raise errors.InvalidParameterError("The address contains NUL.")


def read_body(request: HttpRequest, kind: type[Body], most: int) -> Body:
    """Return the request's query (GET) or its JSON body, of ``most`` bytes.

    :raises InvalidParameterError: if it is not what ``kind`` describes.
    :raises TooLargeError: if it is longer.
    """
    if request.method in ("GET", "HEAD"):
        return json.convert(_query_fields(request.GET, kind), kind)
    length = request.META.get("CONTENT_LENGTH") or ""
    if request.META.get("HTTP_TRANSFER_ENCODING"):
        raise errors.InvalidParameterError("Send the body with a Content-Length, not in chunks.")
    if length.isdigit() and int(length) > most:
        raise errors.TooLargeError(f"The body has {length} bytes; this endpoint takes {most}. Send it in parts.")
    if request.META.get("HTTP_CONTENT_ENCODING"):
        raise errors.InvalidParameterError("Send the body without Content-Encoding.")
    body = request.read(int(length)) if length.isdigit() else b""
    if length.isdigit() and len(body) != int(length):
        raise errors.InvalidParameterError(f"The body has {len(body)} of the {length} bytes that Content-Length said.")
    if body and request.content_type != "application/json":
        raise errors.InvalidParameterError(
            "Bad Request. Content-Type must be one of ['application/json'], "
            f"it is {(request.content_type or '')[:100]!r}."
        )
    return json.decode(body, kind)


def _query_fields(query: QueryDict, kind: type[json.Request]) -> dict[str, object]:
    lists = {field.name for field in msgspec.structs.fields(kind) if "list[" in str(field.type)}
    return {name: query.getlist(name) if name in lists else query[name] for name in query}
