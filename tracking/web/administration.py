"""What the pages of a resource group and of a workspace share: members, locks, details, and the forms that change them.

A form says by ``action`` which change it asks for; the views authorise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.http import HttpRequest, HttpResponseBase
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy

from tracking.core.clock import utc_now
from tracking.core.errors import InvalidParameterError
from tracking.identity.queries import get_user
from tracking.web.account import ROLE_WORDS
from tracking.web.base import credential_of
from tracking.web.formats import time_element
from tracking.web.list_files import list_file
from tracking.workspaces import services
from tracking.workspaces.types import LockLevel, LockRow, MemberRow, Role

if TYPE_CHECKING:
    from tracking.identity.models import User
    from tracking.workspaces.models import ResourceGroup, Workspace

MEMBER_HEAD = ("username", "role", "is_active", "given_on", "group", "workspace")
LOCK_WORDS = {
    LockLevel.CAN_NOT_DELETE: gettext_lazy("Cannot be deleted"),
    LockLevel.READ_ONLY: gettext_lazy("Read only"),
}


class DetailsForm(forms.Form):
    """What a group or a workspace is called and what it is for. Tags: a line each, ``name = value``."""

    name = forms.CharField(max_length=63, label=gettext_lazy("Name"))
    description = forms.CharField(required=False, max_length=1000, label=gettext_lazy("Description"))
    tags = forms.CharField(required=False, max_length=30_000, label=gettext_lazy("Tags"))


class MemberForm(forms.Form):
    """A person and the role to give."""

    username = forms.CharField(max_length=150, label=gettext_lazy("User name"))
    role = forms.ChoiceField(choices=[(role.value, words) for role, words in ROLE_WORDS.items()])


class LockForm(forms.Form):
    """A new lock."""

    name = forms.CharField(max_length=63, label=gettext_lazy("Name"))
    level = forms.ChoiceField(choices=[(level.value, words) for level, words in LOCK_WORDS.items()])
    note = forms.CharField(required=False, max_length=500, label=gettext_lazy("Why"))


@dataclass(frozen=True, slots=True)
class MemberShown:
    """A line of the list of members. ``inherited_from``: empty for a role that was given here."""

    username: str
    role: str
    is_active: bool
    inherited_from: str


@dataclass(frozen=True, slots=True)
class LockShown:
    """A line of the list of locks. ``inherited_from``: empty for one that stands here."""

    name: str
    level: str
    note: str
    created_by: str
    created: SafeString
    inherited_from: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A change that a form asks for: its fields, what it is about, who asks, and when."""

    fields: Mapping[str, str]
    group: ResourceGroup | None
    workspace: Workspace | None
    by: User
    now: datetime


Action = Callable[[Asked], str]


def asked(request: HttpRequest, *, group: ResourceGroup | None = None, workspace: Workspace | None = None) -> Asked:
    """Return what a form asks for."""
    fields = {name: str(value) for name, value in request.POST.items()}
    return Asked(fields, group, workspace, credential_of(request).user, utc_now())


def give_role(change: Asked) -> str:
    """Give somebody a role here."""
    fields = cleaned(MemberForm, change)
    user, role = get_user(username=fields["username"]), Role(fields["role"])
    services.assign_role(
        user=user, role=role, group=change.group, workspace=change.workspace, by=change.by, now=change.now
    )
    return gettext("%(name)s is %(role)s here now.") % {"name": user.username, "role": ROLE_WORDS[role]}


def take_role(change: Asked) -> str:
    """Take away the role that somebody was given here."""
    username = change.fields.get("username", "")
    services.remove_role(
        username=username, group=change.group, workspace=change.workspace, by=change.by, now=change.now
    )
    return gettext("The role of %(name)s was taken away.") % {"name": username}


def add_lock(change: Asked) -> str:
    """Put a lock here."""
    fields = cleaned(LockForm, change)
    services.create_lock(
        name=fields["name"],
        level=LockLevel(fields["level"]),
        note=fields["note"],
        group=change.group,
        workspace=change.workspace,
        by=change.by,
        now=change.now,
    )
    return gettext("Lock %(name)s holds now.") % {"name": fields["name"]}


def remove_lock(change: Asked) -> str:
    """Remove a lock from here."""
    name = change.fields.get("name", "")
    services.delete_lock(name=name, group=change.group, workspace=change.workspace, by=change.by, now=change.now)
    return gettext("Lock %(name)s is gone.") % {"name": name}


# What an owner may do in spite of a ReadOnly lock.
RULES: Mapping[str, Action] = {
    "give_role": give_role,
    "take_role": take_role,
    "add_lock": add_lock,
    "remove_lock": remove_lock,
}


def cleaned(kind: type[forms.Form], change: Asked) -> dict[str, Any]:
    """Return a form's fields.

    :raises InvalidParameterError: with the form's words, if one breaks a rule.
    """
    form = kind(change.fields)
    if not form.is_valid():
        name, errors = next(iter(form.errors.items()))
        label = form.fields[name].label or name
        raise InvalidParameterError(f"{label}: {' '.join(str(error) for error in errors)}")
    fields: dict[str, Any] = form.cleaned_data
    return fields


def parse_tags(text: str) -> dict[str, str]:
    """Return the tags that a text lists, a line each.

    :raises InvalidParameterError: if a line has no ``=`` or names a tag again.
    """
    tags: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        key, separator, value = (part.strip() for part in line.partition("="))
        if not separator or key in tags:
            raise InvalidParameterError(
                gettext("Tags are lines of the form name = value, each name once; this one is not: %(line)s")
                % {"line": line[:80]}
            )
        tags[key] = value
    return tags


def format_tags(tags: Mapping[str, str]) -> str:
    """Return tags as ``parse_tags`` reads them."""
    return "\n".join(f"{key} = {value}" for key, value in tags.items())


def members_file(request: HttpRequest, rows: Sequence[MemberRow]) -> HttpResponseBase | None:
    """Return members as the file that the address asks for; None: it asks for the page."""
    lines = (
        (row.username, row.role.role, row.is_active, row.role.scope, row.role.group, row.role.workspace) for row in rows
    )
    return list_file(request, name="members", head=MEMBER_HEAD, rows=lines)


def members_shown(rows: Sequence[MemberRow], *, here: str) -> list[MemberShown]:
    """Return members as seen from ``here``: group or workspace."""
    return [
        MemberShown(
            username=row.username,
            role=str(ROLE_WORDS[row.role.role]),
            is_active=row.is_active,
            inherited_from="" if row.role.scope == here else place_named(row.role.group),
        )
        for row in rows
    ]


def locks_shown(rows: Sequence[LockRow], *, here: str) -> list[LockShown]:
    """Return locks as seen from ``here``: group or workspace."""
    return [
        LockShown(
            name=row.name,
            level=str(LOCK_WORDS[row.level]),
            note=row.note,
            created_by=row.created_by,
            created=time_element(row.created_at, is_relative=True),
            inherited_from=place_named(row.group) if here == "workspace" and row.group else "",
        )
        for row in rows
    ]


def place_named(group: str | None) -> str:
    """Return where something is inherited from, in words."""
    if group is None:
        return gettext("the server")
    return gettext("resource group %(name)s") % {"name": group}
