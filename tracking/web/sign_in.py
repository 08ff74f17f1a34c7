"""Coming in, by password or by a one-time link, and going out."""

import math
from collections.abc import Mapping

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tracking.core.clock import utc_now
from tracking.core.errors import TooManyTriesError, UnauthenticatedError, UnavailableError
from tracking.identity.hashers import SLOTS
from tracking.identity.services import (
    account_limits,
    address_limits,
    count_try,
    forget_tries,
    note_sign_in,
    use_sign_in_link,
)

BACKEND = "django.contrib.auth.backends.ModelBackend"


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponseBase:
    """Sign in with a user name and a password, and go on to ``next`` if that is a page of ours."""
    if request.user.is_authenticated:
        return redirect(_next(request))
    form = AuthenticationForm(request, data=request.POST if request.method == "POST" else None)
    provider = settings.ENV.oidc_name if settings.OIDC_ID else ""
    context: dict[str, object] = {"form": form, "next": _next(request), "provider": provider}
    if request.method != "POST":
        return render(request, "sign_in/sign_in.html", context)
    username = request.POST.get("username", "")[:150]
    limits = account_limits(what="password", username=username, address=request.META["REMOTE_ADDR"])
    try:
        SLOTS.check_room()  # before anything is written
        count_try(limits=limits, about=username, now=utc_now())
        if not form.is_valid():
            return render(request, "sign_in/sign_in.html", context)
    except (TooManyTriesError, UnavailableError) as error:
        # A form that knows what was typed would check it while the page is made.
        context["form"] = AuthenticationForm(request, initial={"username": username})
        return refuse_try(request, "sign_in/sign_in.html", context, error)
    forget_tries(limits=limits)
    login(request, form.get_user())
    note_sign_in(user=form.get_user(), how="password", now=utc_now())
    return redirect(_next(request))


@never_cache
@require_GET
def use_link(request: HttpRequest, link: str) -> HttpResponseBase:
    """Spend a one-time link. A second use, or a late one, answers 403 and says how to get a new link."""
    address = request.META["REMOTE_ADDR"]
    limits = address_limits(what="link", address=address)
    try:
        count_try(limits=limits, about=f"link from {address}", now=utc_now())
        user = use_sign_in_link(text=link, now=utc_now())
    except TooManyTriesError as error:
        return refuse_try(request, "sign_in/use_link.html", {}, error)
    except UnauthenticatedError:
        return render(request, "sign_in/use_link.html", status=403)
    forget_tries(limits=limits)
    login(request, user, backend=BACKEND)
    if not user.has_usable_password():
        messages.info(request, gettext("The link works once. Set a password on your account page to come back."))
    return redirect(settings.LOGIN_REDIRECT_URL)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    logout(request)
    return redirect(settings.LOGIN_URL)


def refuse_try(
    request: HttpRequest, template: str, context: Mapping[str, object], error: TooManyTriesError | UnavailableError
) -> HttpResponse:
    """Answer 429, or 503 where too many passwords are checked at once, and say when to come back."""
    if isinstance(error, TooManyTriesError):
        status, wait_s = 429, error.retry_after_s
        text = gettext("Too many tries. Wait %(minutes)s minutes.") % {"minutes": math.ceil(wait_s / 60)}
    else:
        status, wait_s = 503, 1
        text = gettext("Too many people sign in at this moment. Try again.")
    response = render(request, template, {**context, "refusal": text}, status=status)
    response["Retry-After"] = str(wait_s)
    return response


def _next(request: HttpRequest) -> str:
    """Return where to go after signing in: a path on this server and nothing else."""
    return safe_next(request.POST.get("next") or request.GET.get("next") or "")


def safe_next(wanted: str) -> str:
    """Return ``wanted`` if it is a path on this server, else where one arrives."""
    if wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        return wanted
    return reverse(settings.LOGIN_REDIRECT_URL)
