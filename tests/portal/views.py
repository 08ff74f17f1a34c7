"""Addresses for the tests of this folder: ``@pytest.mark.urls("tests.portal.views")``."""

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path

log = structlog.get_logger("tests.portal.views")


def echo(request: HttpRequest) -> JsonResponse:
    """Tell what the server believes about where the request came from."""
    return JsonResponse(
        {"address": request.META["REMOTE_ADDR"], "is_secure": request.is_secure(), "host": request.get_host()}
    )


def note(request: HttpRequest) -> HttpResponse:
    """Log what was sent."""
    log.warning("noted", said=request.GET.get("said", ""))
    return HttpResponse()


def fail(request: HttpRequest, **_: str) -> HttpResponse:
    """Fail with what was sent in a local variable."""
    password = request.POST["password"]
    raise RuntimeError("no luck") from KeyError(len(password))


urlpatterns = [
    path("echo", echo),
    path("note", note),
    path("sign-in/<str:link>", fail),
    path("", include("portal.urls")),  # the page that says "Something went wrong" links to others
]
handler500 = "tracking.web.errors.server_error"
