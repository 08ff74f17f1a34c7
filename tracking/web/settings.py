"""The settings of a workspace, and why somebody may do there what they may."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from tracking.web.account import ROLE_WORDS
from tracking.web.administration import (
    RULES,
    Action,
    Asked,
    DetailsForm,
    asked,
    cleaned,
    format_tags,
    locks_shown,
    members_file,
    members_shown,
    parse_tags,
    place_named,
)
from tracking.web.base import credential_of, workspace_page
from tracking.web.form_actions import carry_out
from tracking.web.formats import time_element
from tracking.web.limits import limits_shown
from tracking.workspaces import access, queries, services
from tracking.workspaces.types import AccessExplained, Permission, Role, RoleRow, WorkspaceChange

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace

GIB = 2**30
PERMISSION_WORDS = {
    Permission.READ: gettext_lazy("Look at everything in it"),
    Permission.WRITE: gettext_lazy("Log runs, change and delete them"),
    Permission.MANAGE: gettext_lazy("Change its settings, members and locks"),
}


class QuotaForm(forms.Form):
    """The most that a workspace may hold; empty: no quota of its own."""

    quota_runs = forms.IntegerField(required=False, min_value=1, max_value=10**12, label=gettext_lazy("Runs"))
    quota_gib = forms.DecimalField(
        required=False, min_value=Decimal("0.001"), max_value=10**6, decimal_places=3, label=gettext_lazy("GiB")
    )


class MoveForm(forms.Form):
    """Another resource group."""

    group = forms.CharField(max_length=63, label=gettext_lazy("Resource group"))


@dataclass(frozen=True, slots=True)
class RoleShown:
    """A role that somebody has in the workspace, and whether it is the one that decides."""

    role: str
    where: str
    permits: str
    decides: bool


@dataclass(frozen=True, slots=True)
class AnswerShown:
    """Whether somebody may do something, and why or why not."""

    what: str
    is_allowed: bool
    why: str


@require_http_methods(["GET", "HEAD", "POST"])
@workspace_page(need=Permission.READ)
def workspace_settings(request: HttpRequest, workspace: Workspace) -> HttpResponseBase:
    """Show a workspace's details, quotas, members and locks; its owners change them, owners of its group the quotas.

    Its members are a file too.
    """
    credential = credential_of(request)
    if request.method == "POST":
        return _change(request, workspace)
    members = queries.list_members(workspace=workspace)
    if file := members_file(request, members):
        return file
    row = queries.get_workspace_row(credential=credential, workspace=workspace)
    groups = queries.list_group_rows(credential=credential)
    owned = [one.name for one in groups if one.my_role is Role.OWNER]
    context = {
        "workspace": workspace,
        "row": row,
        "tags": row.tags.items(),
        "tags_text": format_tags(row.tags),
        "created": time_element(row.created_at),
        "is_owner": row.my_role is Role.OWNER,
        "owns_group": row.group in owned,
        "sees_group": row.group in [one.name for one in groups],
        "other_groups": [name for name in owned if name != row.group],
        "limits": limits_shown(workspace),
        "quota_gib": "" if row.quota_bytes is None else f"{row.quota_bytes / GIB:g}",
        "members": members_shown(members, here="workspace"),
        "locks": locks_shown(row.locks, here="workspace"),
    }
    return render(request, "settings/workspace_settings.html", context)


@require_safe
@workspace_page(need=Permission.READ)
def workspace_access(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    """Show what somebody may do in a workspace, and why: oneself, or for its owners anybody."""
    credential = credential_of(request)
    me = credential.user.get_username()
    person = request.GET.get("person", "").strip() or me
    is_owner = queries.get_workspace_row(credential=credential, workspace=workspace).my_role is Role.OWNER
    if person != me and not is_owner:
        raise PermissionDenied(gettext("Only owners of the workspace may ask about somebody else."))
    explained = queries.explain_access(username=person, workspace=workspace)
    context = {
        "workspace": workspace,
        "person": person,
        "is_me": person == me,
        "is_owner": is_owner,
        "people": sorted({row.username for row in queries.list_members(workspace=workspace)}) if is_owner else [],
        "roles": _roles_shown(explained),
        "locks": locks_shown(explained.locks, here="workspace"),
        "answers": [_answer(explained, need) for need in Permission],
    }
    return render(request, "settings/workspace_access.html", context)


def _change(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    credential = credential_of(request)
    change = asked(request, workspace=workspace)
    action = change.fields.get("action", "")
    access.require(
        credential=credential, workspace=workspace.name, need=Permission.MANAGE, despite_lock=action in RULES
    )
    if action in ("set_quota", "move"):
        access.require_group(credential=credential, group=workspace.group.name, need=Permission.MANAGE)

    def move(change: Asked) -> str:
        target = cleaned(MoveForm, change)["group"]
        group = access.require_group(credential=credential, group=target, need=Permission.MANAGE)
        services.update_workspace(
            workspace=workspace, change=WorkspaceChange(), group=group, by=change.by, now=change.now
        )
        return gettext("The workspace is in resource group %(name)s now.") % {"name": target}

    own: dict[str, Action] = {
        "update_workspace": _update,
        "release_name": _release_name,
        "set_quota": _set_quota,
        "move": move,
    }
    is_done = carry_out(request, {**RULES, **own}, change)
    return redirect("web:workspace_settings", change.fields["name"] if _renames(action, is_done) else workspace.name)


def _renames(action: str, is_done: bool) -> bool:
    return is_done and action == "update_workspace"


def _update(change: Asked) -> str:
    fields = cleaned(DetailsForm, change)
    wanted = WorkspaceChange(name=fields["name"], description=fields["description"], tags=parse_tags(fields["tags"]))
    assert change.workspace is not None  # noqa: S101  (for the type checker: the view has one)
    services.update_workspace(workspace=change.workspace, change=wanted, by=change.by, now=change.now)
    return gettext("The workspace was changed.")


def _release_name(change: Asked) -> str:
    name = change.fields.get("former_name", "")
    assert change.workspace is not None  # noqa: S101  (for the type checker: the view has one)
    services.release_name(workspace=change.workspace, name=name, by=change.by, now=change.now)
    return gettext("The address %(name)s leads nowhere any more.") % {"name": name}


def _set_quota(change: Asked) -> str:
    fields = cleaned(QuotaForm, change)
    size = fields["quota_gib"]
    wanted = WorkspaceChange(
        quota_runs=fields["quota_runs"] or 0, quota_bytes=int(size * GIB) if size is not None else 0
    )
    assert change.workspace is not None  # noqa: S101  (for the type checker: the view has one)
    services.update_workspace(workspace=change.workspace, change=wanted, by=change.by, now=change.now)
    return gettext("The quotas were set.")


def _roles_shown(explained: AccessExplained) -> list[RoleShown]:
    return [
        RoleShown(
            role=str(ROLE_WORDS[row.role]),
            where=_where(row),
            permits=str(PERMISSION_WORDS[permission]),
            decides=permission is explained.permission,
        )
        for row, permission in explained.roles
    ]


def _where(row: RoleRow) -> str:
    return gettext("this workspace") if row.workspace is not None else place_named(row.group)


def _answer(explained: AccessExplained, need: Permission) -> AnswerShown:
    """Say whether somebody may do ``need``: first by role, then whether a deletion or a lock stands against it."""
    what = str(PERMISSION_WORDS[need])
    if explained.permission is None:
        return AnswerShown(what, False, gettext("No role here, or the account is disabled."))
    if explained.permission < need:
        return AnswerShown(what, False, gettext("No role here permits it."))
    read_only = next((lock for lock in explained.locks if lock.level == "ReadOnly"), None)
    if need is Permission.WRITE and explained.deletion_uid:
        return AnswerShown(what, False, gettext("The workspace is being deleted."))
    if need is Permission.WRITE and read_only is not None:
        return AnswerShown(what, False, gettext("Lock %(name)s refuses it.") % {"name": read_only.name})
    if need is Permission.MANAGE and read_only is not None:
        return AnswerShown(
            what, True, gettext("But for its settings, which lock %(name)s refuses.") % {"name": read_only.name}
        )
    row = max((one for one in explained.roles), key=lambda one: one[1])[0]
    return AnswerShown(
        what, True, gettext("%(role)s on %(where)s.") % {"role": ROLE_WORDS[row.role], "where": _where(row)}
    )
