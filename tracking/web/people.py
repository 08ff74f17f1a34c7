"""Who may come in: invite, disable, reset, and what each person may do where; for the server's owners."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tracking.core.clock import utc_now
from tracking.core.errors import InvalidParameterError, InvalidStateError, NotFoundError
from tracking.core.pages import decode_token, encode_token
from tracking.identity.queries import find_person, list_people, person_row
from tracking.identity.services import issue_sign_in_link, reset_password, set_active
from tracking.identity.types import INVITATION_LIFE, PersonRow
from tracking.web.account import ROLE_WORDS, place_words
from tracking.web.base import credential_of, server_page
from tracking.web.errors import refusing_bad_values
from tracking.web.formats import time_element
from tracking.web.list_files import Cell, list_file
from tracking.workspaces.queries import list_effective_roles, list_roles, roles_by_person
from tracking.workspaces.services import assign_role, invite, remove_role
from tracking.workspaces.types import Permission, Role, RoleRow

if TYPE_CHECKING:
    from tracking.identity.models import User

ROWS = 100
NO_ROLE = ("", gettext_lazy("None"))
ROLE_CHOICES = [NO_ROLE, *((role.value, words) for role, words in ROLE_WORDS.items())]


class InviteForm(forms.Form):
    """A new person."""

    username = forms.CharField(max_length=150, label=gettext_lazy("User name"))
    email = forms.EmailField(required=False, max_length=254, label=gettext_lazy("E-mail address"))
    role = forms.ChoiceField(required=False, choices=ROLE_CHOICES, label=gettext_lazy("Role on this server"))


class RoleForm(forms.Form):
    """What a person is on the server."""

    role = forms.ChoiceField(required=False, choices=ROLE_CHOICES, label=gettext_lazy("Role on this server"))


FILE_HEAD = ("username", "email", "is_active", "has_password", "created_at", "last_sign_in_at")


@dataclass(frozen=True, slots=True)
class PersonShown:
    """A line of the list of people. ``role``: on the server; ``other_count``: roles elsewhere."""

    username: str
    email: str
    is_active: bool
    has_password: bool
    role: str
    other_count: int
    created: SafeString
    last_sign_in: SafeString


@dataclass(frozen=True, slots=True)
class AccessShown:
    """What a person may do in a workspace, and why."""

    workspace: str
    role: str
    why: str


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@server_page(need=Permission.MANAGE)
@refusing_bad_values()
def person_list(request: HttpRequest) -> HttpResponseBase:
    """Show people, by name; all of them as a file. POST invites one and shows their link, this once."""
    form = InviteForm(request.POST if request.method == "POST" else None)
    link = _invited(request, form) if request.method == "POST" and form.is_valid() else ""
    text, token = request.GET.get("q", "").strip(), request.GET.get("page_token", "")
    after = str(decode_token(token, length=1)[0]) if token else ""
    if file := list_file(request, name="people", head=FILE_HEAD, rows=_file_rows(text)):
        return file
    found = list_people(text=text, after=after, limit=ROWS + 1)
    rows = found[:ROWS]
    roles = roles_by_person(people=[row.pk for row in rows])
    context = {
        "form": InviteForm() if link else form,
        "invited": form.cleaned_data["username"] if link else "",
        "link": link,
        "days": INVITATION_LIFE.days,
        "q": text,
        "people": [_shown(row, roles.get(row.pk, [])) for row in rows],
        "next_page_token": encode_token((rows[-1].username,)) if len(found) > ROWS else "",
    }
    return render(request, "people/person_list.html", context)


def _file_rows(text: str) -> Iterator[tuple[Cell, ...]]:
    after = ""
    while rows := list_people(text=text, after=after, limit=ROWS):
        for row in rows:
            yield row.username, row.email, row.is_active, row.has_password, row.created_at, row.last_sign_in_at
        after = rows[-1].username


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@server_page(need=Permission.MANAGE)
def person_detail(request: HttpRequest, username: str) -> HttpResponse:
    """Show a person, what they may do where, and why. POST carries out one of ``ACTIONS``."""
    user = find_person(username=username)
    if user is None:
        raise Http404
    link = ""
    if request.method == "POST":
        action = ACTIONS.get(request.POST.get("action", ""))
        if action is None:
            raise Http404
        try:
            link = action(request, user)
        except (InvalidStateError, NotFoundError) as error:
            messages.error(request, str(error))
        if not link:
            return redirect("web:person_detail", username)
    roles = list_roles(user=user)
    on_server = next((row.role.value for row in roles if row.group is None and row.workspace is None), "")
    context = {
        "person": _shown(person_row(user), roles),
        "is_self": user.pk == credential_of(request).user.pk,
        "form": RoleForm(initial={"role": on_server}),
        "link": link,
        "days": INVITATION_LIFE.days,
        "access": [
            AccessShown(row.workspace, str(ROLE_WORDS[row.given.role]), place_words(row.given))
            for row in list_effective_roles(user=user)
        ],
    }
    return render(request, "people/person_detail.html", context)


def _invited(request: HttpRequest, form: InviteForm) -> str:
    given = form.cleaned_data
    try:
        _, secret = invite(
            username=given["username"],
            email=given["email"],
            role=Role(given["role"]) if given["role"] else None,
            by=credential_of(request).user,
            now=utc_now(),
        )
    except InvalidParameterError as error:
        form.add_error("username", str(error))
        return ""
    return _link(secret)


def _set_role(request: HttpRequest, user: User) -> str:
    form, by, now = RoleForm(request.POST), credential_of(request).user, utc_now()
    if form.is_valid() and form.cleaned_data["role"]:
        assign_role(user=user, role=Role(form.cleaned_data["role"]), by=by, now=now)
    elif form.is_valid():
        remove_role(username=user.get_username(), by=by, now=now)
    messages.success(request, gettext("The role is changed."))
    return ""


def _disable(request: HttpRequest, user: User) -> str:
    set_active(user=user, is_active=False, by=credential_of(request).user, now=utc_now())
    messages.success(request, gettext("Disabled. Sessions and tokens have ended."))
    return ""


def _enable(request: HttpRequest, user: User) -> str:
    set_active(user=user, is_active=True, by=credential_of(request).user, now=utc_now())
    messages.success(request, gettext("Enabled. They need a new sign-in link or their password."))
    return ""


def _make_link(request: HttpRequest, user: User) -> str:
    by = credential_of(request).user
    return _link(issue_sign_in_link(user=user, life=INVITATION_LIFE, by=by, now=utc_now()))


def _reset(request: HttpRequest, user: User) -> str:
    return _link(reset_password(user=user, by=credential_of(request).user, now=utc_now()))


ACTIONS = {"role": _set_role, "disable": _disable, "enable": _enable, "link": _make_link, "reset": _reset}


def _link(secret: str) -> str:
    return f"{settings.PORTAL_URL}/sign-in/{secret}"


def _shown(row: PersonRow, roles: list[RoleRow]) -> PersonShown:
    on_server = [one for one in roles if one.group is None and one.workspace is None]
    return PersonShown(
        username=row.username,
        email=row.email,
        is_active=row.is_active,
        has_password=row.has_password,
        role=str(ROLE_WORDS[on_server[0].role]) if on_server else "",
        other_count=len(roles) - len(on_server),
        created=time_element(row.created_at),
        last_sign_in=time_element(row.last_sign_in_at, is_relative=True),
    )
