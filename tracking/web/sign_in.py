"""Coming in, by password or by a one-time link, and going out."""

from django.conf import settings
from django.contrib.auth import login, logout
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tracking.core.clock import utc_now
from tracking.core.errors import UnauthenticatedError
from tracking.identity.services import use_sign_in_link

BACKEND = "django.contrib.auth.backends.ModelBackend"


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponseBase:
    """Sign in with a user name and a password, and go on to ``next`` if that is a page of ours."""
    if request.user.is_authenticated:
        return redirect(_next(request))
    form = AuthenticationForm(request, data=request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        login(request, form.get_user())
        return redirect(_next(request))
    return render(request, "sign_in/sign_in.html", {"form": form, "next": _next(request)})


@never_cache
@require_GET
def use_link(request: HttpRequest, link: str) -> HttpResponseBase:
    """Spend a one-time link. A second use, or a late one, answers 403 and says how to get a new link."""
    try:
        user = use_sign_in_link(text=link, now=utc_now())
    except UnauthenticatedError as error:
        return render(request, "sign_in/use_link.html", {"error": str(error)}, status=403)
    login(request, user, backend=BACKEND)
    return redirect(settings.LOGIN_REDIRECT_URL)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    logout(request)
    return redirect(settings.LOGIN_URL)


def _next(request: HttpRequest) -> str:
    """Return where to go after signing in: a path on this server and nothing else."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        return wanted
    return reverse(settings.LOGIN_REDIRECT_URL)
