"""What every request passes first: whom to believe about where it came from, and an id for the logs."""

import functools
import ipaddress
import re
import uuid
from collections.abc import Callable

import structlog
from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.middleware.gzip import GZipMiddleware
from django.urls import resolve

from tracking.audit.origin import originating
from tracking.web.errors import method_not_allowed

Next = Callable[[HttpRequest], HttpResponseBase]
API_PATH = re.compile(r"/(w/[^/]+/)?(ajax-)?api/")
COMPRESSED = ("text/html", "application/json")
FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST")


class TrustedProxies:
    """Believe X-Forwarded-For and X-Forwarded-Proto from PORTAL_TRUSTED_PROXIES and drop them from anyone else."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response
        self.networks = settings.ENV.trusted_proxies

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if self._is_trusted(request.META.get("REMOTE_ADDR", "")):
            hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
            client = next((hop for hop in reversed(hops) if not self._is_trusted(hop)), None)
            if client:
                request.META["REMOTE_ADDR"] = client
        else:
            for name in FORWARDED:
                request.META.pop(name, None)
        return self.get_response(request)

    def _is_trusted(self, address: str) -> bool:
        if not self.networks:
            return False
        try:
            peer = ipaddress.ip_address(address)
        except ValueError:
            return False
        peer = getattr(peer, "ipv4_mapped", None) or peer  # ::ffff:10.0.0.2, where the server listens on ::
        return any(peer in network for network in self.networks)


class RequestId:
    """Give each request an id: in every log line and audit event it causes, and in the answer's X-Request-ID."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if re.fullmatch(r"[\w-]{8,64}", given, re.ASCII) else uuid.uuid4().hex
        address, agent = request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_USER_AGENT", "")
        with (
            structlog.contextvars.bound_contextvars(request_id=request_id),
            originating(address=address, request_id=request_id, agent=agent),
        ):
            response = self.get_response(request)
        response.headers["X-Request-ID"] = request_id
        return response


class BrowserFeatures:
    """Tell browsers that no page here asks for a camera, a place or a payment, whatever gets into one."""

    POLICY = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers["Permissions-Policy"] = self.POLICY
        return response


class ApiShortcut:
    """Lead requests of the API past the middleware that follows, which is for browsers: sessions, CSRF, CSP, languages.

    An API's answer says all about itself (tracking.api.base), and a request of it must not pay for a page's.
    """

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not API_PATH.match(request.path_info):
            return self.get_response(request)
        request.get_host()  # refuses a Host that is not ours: what a rebound DNS name sends
        request.resolver_match = match = _resolve(request.path_info)
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        if isinstance(response, HttpResponse) and "Content-Length" not in response:
            response["Content-Length"] = str(len(response.content))
        return response


class CompressPages(GZipMiddleware):
    """Compress pages and their JSON, which are full of repeated addresses; files pass as they are, with their length.

    A length that varies by chance (Django's) and CSRF tokens that never look the same hide what BREACH looks for.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.streaming or response.get("Content-Type", "").partition(";")[0] not in COMPRESSED:
            return response
        return super().process_response(request, response)


class RefuseNul:
    """Refuse an address with NUL: no name or id has it, and PostgreSQL does not even take the question."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            raise BadRequest("The address contains NUL.")
        return self.get_response(request)


class MethodPage:
    """Show a page where a view does not take the method: Django's answer is empty, and browsers call that an error."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed):
            return method_not_allowed(request, response["Allow"])
        return response


_resolve = functools.lru_cache(maxsize=10_000)(resolve)  # the patterns are tried one after the other, a hundred of them
