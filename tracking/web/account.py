"""The page of the person who is signed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import SetPasswordForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from tracking.core.clock import utc_now
from tracking.identity.services import set_password
from tracking.web.base import credential_of
from tracking.workspaces.queries import list_roles, list_workspaces
from tracking.workspaces.types import Role, RoleRow

if TYPE_CHECKING:
    from tracking.identity.models import User

ROLE_WORDS = {
    Role.OWNER: gettext_lazy("Owner"),
    Role.CONTRIBUTOR: gettext_lazy("Contributor"),
    Role.READER: gettext_lazy("Reader"),
}


@dataclass(frozen=True, slots=True)
class RoleShown:
    """A line of the list of roles."""

    role: str
    where: str


@sensitive_post_parameters("new_password1", "new_password2")
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """Show who is signed in and set their password; other sessions end, this one goes on."""
    credential = credential_of(request)
    user = credential.user
    form: SetPasswordForm[User] = SetPasswordForm(user, data=request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        set_password(user=user, password=form.cleaned_data["new_password1"], by=user, now=utc_now())
        update_session_auth_hash(request, user)
        messages.success(request, gettext("Your password is set. Other sessions were signed out."))
        return redirect("web:account")
    context = {
        "form": form,
        "workspaces": list_workspaces(credential=credential),
        "roles": [_role_shown(row) for row in list_roles(user=user)],
        "has_password": user.has_usable_password(),
    }
    return render(request, "account/account.html", context)


def _role_shown(row: RoleRow) -> RoleShown:
    if row.workspace is not None:
        where = gettext("in workspace %(name)s") % {"name": row.workspace}
    elif row.group is not None:
        where = gettext("in resource group %(name)s") % {"name": row.group}
    else:
        where = gettext("on this server")
    return RoleShown(role=str(ROLE_WORDS[row.role]), where=where)
