"""What a browser sees when a request cannot be answered; clients of the API get MLflow's JSON."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext

from tracking.core.errors import InvalidParameterError

API_MARKS = ("/api/", "/ajax-api/")
MAX_PATH_SHOWN = 200


@contextmanager
def refusing_bad_values() -> Iterator[None]:
    """Answer 400 with the reason where an address holds a value that a room refuses; a decorator of views."""
    try:
        yield
    except InvalidParameterError as error:
        raise BadRequest(str(error)) from None


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400."""
    if _is_api(request):
        return _json(400, "BAD_REQUEST", "The request could not be read.")
    # Other refusals quote what was sent, a foreign Host for example: that is for the log.
    text = str(exception) if isinstance(exception, BadRequest) else ""
    return _page(request, 400, gettext("This request cannot be answered"), text)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403."""
    if _is_api(request):
        return _json(403, "PERMISSION_DENIED", str(exception) or "Permission denied.")
    return _page(request, 403, gettext("You may not do this"), str(exception))


def method_not_allowed(request: HttpRequest, allowed: str) -> HttpResponse:
    """Answer 405, to who opens the address that a form is sent to: after signing in again, for example."""
    text = gettext("A form is sent to this address. Go back to the page that has it, reload it and try again.")
    response = _page(request, 405, gettext("There is no page at this address"), text)
    response["Allow"] = allowed
    return response


def conflict(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 409."""
    return _page(request, 409, gettext("This cannot be changed now"), str(exception))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form whose token does not belong to the session: mostly a page that stood open for long."""
    text = gettext("The page was open for too long, or it was sent from elsewhere. Go back, reload it and try again.")
    return _page(request, 403, gettext("This form cannot be accepted"), text)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404. What is unknown and what is not for this reader look the same."""
    if _is_api(request):
        return _json(404, "ENDPOINT_NOT_FOUND", f"There is no endpoint {request.path[:MAX_PATH_SHOWN]}.")
    text = gettext("It may have been deleted, or you may not have access to it. Check the address.")
    return _page(request, 404, gettext("There is nothing here"), text)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 without a query: the database may be what failed."""
    if _is_api(request):
        return _json(500, "INTERNAL_ERROR", "The server failed; its log says why.")
    return HttpResponse(render_to_string("errors/server_error.html"), status=500)


def _is_api(request: HttpRequest) -> bool:
    return any(mark in request.path for mark in API_MARKS)


def _json(status: int, code: str, message: str) -> HttpResponse:
    body = json.dumps({"error_code": code, "message": message})
    return HttpResponse(body, status=status, content_type="application/json")


def _page(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    context = {"heading": title, "text": text, "code": status}
    return HttpResponse(render_to_string("errors/error.html", context, request), status=status)
