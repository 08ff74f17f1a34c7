"""The page of the person who is signed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from tracking.core.clock import utc_now
from tracking.core.errors import NotFoundError, TooManyTriesError, UnavailableError
from tracking.identity.hashers import SLOTS
from tracking.identity.queries import list_sessions
from tracking.identity.services import (
    account_limits,
    count_try,
    end_session,
    forget_tries,
    set_password,
    sign_out_everywhere,
)
from tracking.identity.types import SessionRow
from tracking.web.base import credential_of
from tracking.web.formats import shorten, spell_marks, time_element
from tracking.web.oidc import is_linked
from tracking.web.sign_in import refuse_try
from tracking.workspaces.queries import list_roles, list_workspaces
from tracking.workspaces.types import Role, RoleRow

if TYPE_CHECKING:
    from tracking.identity.models import User

ROLE_WORDS = {
    Role.OWNER: gettext_lazy("Owner"),
    Role.CONTRIBUTOR: gettext_lazy("Contributor"),
    Role.READER: gettext_lazy("Reader"),
}


# The first mark that fits counts: every browser says that it is some others, too.
BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
SYSTEMS = (
    *(("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android")),
    *(("Windows", "Windows"), ("Mac OS X", "macOS"), ("Linux", "Linux")),
)


@dataclass(frozen=True, slots=True)
class RoleShown:
    """A line of the list of roles."""

    role: str
    where: str


@dataclass(frozen=True, slots=True)
class SessionShown:
    """A line of the list of browsers."""

    session_id: int
    browser: str
    agent: str
    address: str
    seen: SafeString
    is_this: bool


@never_cache
@sensitive_post_parameters("old_password", "new_password1", "new_password2")
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """Show who is signed in and where, and set their password; other sessions end, this one goes on."""
    credential = credential_of(request)
    user = credential.user
    form = _form(user, typed=request.POST if request.method == "POST" else None)
    context: dict[str, object] = {
        "form": form,
        "workspaces": list_workspaces(credential=credential),
        "roles": [_role_shown(row) for row in list_roles(user=user)],
        "provider": settings.ENV.oidc_name,
        "is_linked": is_linked(request),
        "has_password": user.has_usable_password(),
        "sessions": [
            _session_shown(row)
            for row in list_sessions(user=user, this=request.session.session_key or "", now=utc_now())
        ],
    }
    if request.method == "POST":
        limits = account_limits(what="password", username=user.get_username(), address=request.META["REMOTE_ADDR"])
        try:
            SLOTS.check_room()
            count_try(limits=limits, about=user.get_username(), now=utc_now())
            if form.is_valid():
                forget_tries(limits=limits)
                return _set_password(request, user, form.cleaned_data["new_password1"])
        except (TooManyTriesError, UnavailableError) as error:
            context["form"] = _form(user, typed=None)  # one that knows what was typed would check it now
            return refuse_try(request, "account/account.html", context, error)
    return render(request, "account/account.html", context)


@require_POST
@login_required
def end_sessions(request: HttpRequest) -> HttpResponse:
    """Sign one of the reader's browsers out, or all with ``everywhere``."""
    user, text = credential_of(request).user, request.POST.get("session", "")
    if "everywhere" in request.POST:
        sign_out_everywhere(user=user, by=user, now=utc_now())
        request.session.flush()
        messages.success(request, gettext("You are signed out everywhere."))
        return redirect("web:sign_in")
    try:
        number = int(text) if text.isdecimal() and len(text) < 19 else 0
        end_session(session_id=number, user=user, by=user, now=utc_now())
    except NotFoundError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, gettext("The browser is signed out."))
    return redirect("web:account")


def place_words(row: RoleRow) -> str:
    """Say where a role was given."""
    if row.workspace is not None:
        return gettext("in workspace %(name)s") % {"name": row.workspace}
    if row.group is not None:
        return gettext("in resource group %(name)s") % {"name": row.group}
    return gettext("on this server")


def _form(user: User, *, typed: QueryDict | None) -> SetPasswordForm[User]:
    """Return the form for a new password, which asks for the old one where there is one."""
    kind = PasswordChangeForm if user.has_usable_password() else SetPasswordForm
    return kind(user, data=typed)


def _set_password(request: HttpRequest, user: User, password: str) -> HttpResponse:
    set_password(user=user, password=password, by=user, now=utc_now())
    update_session_auth_hash(request, user)
    messages.success(request, gettext("Your password is set. Other sessions were signed out."))
    return redirect("web:account")


def _role_shown(row: RoleRow) -> RoleShown:
    return RoleShown(role=str(ROLE_WORDS[row.role]), where=place_words(row))


def _session_shown(row: SessionRow) -> SessionShown:
    return SessionShown(
        session_id=row.session_id,
        browser=_browser_shown(row.agent),
        agent=shorten(spell_marks(row.agent), length=100),
        address=row.address,
        seen=time_element(row.seen_at, is_relative=True),
        is_this=row.is_this,
    )


def _browser_shown(agent: str) -> str:
    """Return the browser and the system that a User-Agent names, all of it where it names none that we know."""
    browser = next((name for mark, name in BROWSERS if mark in agent), "")
    system = next((name for mark, name in SYSTEMS if mark in agent), "")
    return " · ".join(name for name in (browser, system) if name) or shorten(spell_marks(agent), length=100)
