"""Resource groups: the list, and one with its workspaces, members, locks, tags and what was done to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from tracking.audit.queries import list_events
from tracking.audit.types import EventFilter
from tracking.core.clock import utc_now
from tracking.runs.provisioning import provision_workspace
from tracking.runs.queries import count_experiments_by_workspace, count_runs_by_workspace
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
)
from tracking.web.base import credential_of, group_page
from tracking.web.form_actions import carry_out
from tracking.web.formats import format_bytes, format_count, time_element
from tracking.web.list_files import Cell, list_file
from tracking.workspaces import access, queries, services
from tracking.workspaces.types import GroupChange, GroupRow, Permission, Role, WorkspaceRow

if TYPE_CHECKING:
    from tracking.workspaces.models import ResourceGroup

FILE_HEAD = ("name", "description", "workspaces", "artifact_bytes", "my_role", "created_at")
ACTIVITY_SHOWN = 20
ACTIVITY_READ = 200
ACTIVITY_SINCE = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class GroupShown:
    """A line of the list of groups."""

    name: str
    description: str
    workspace_count: str
    size: str
    lock_count: int
    role: str
    is_dying: bool


@dataclass(frozen=True, slots=True)
class WorkspaceShown:
    """A line of the list of a group's workspaces."""

    name: str
    description: str
    experiment_count: str
    run_count: str
    size: str
    lock_count: int
    is_dying: bool


@dataclass(frozen=True, slots=True)
class EventShown:
    """A line of what was done."""

    at: SafeString
    who: str
    verb: str
    target: str


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def group_list(request: HttpRequest) -> HttpResponseBase:
    """Show the resource groups in which the reader has a role; owners of the server create one. Also as a file."""
    may_create = access.owns_server(user=credential_of(request).user)
    if request.method == "POST":
        if not may_create:
            raise PermissionDenied(gettext("Only owners of the server create resource groups."))
        change = asked(request)
        is_done = carry_out(request, {"create_group": _create_group}, change)
        return redirect("web:group_detail", change.fields["name"]) if is_done else redirect("web:group_list")
    rows = queries.list_group_rows(credential=credential_of(request))
    if file := list_file(request, name="groups", head=FILE_HEAD, rows=map(_file_row, rows)):
        return file
    groups = [_group_shown(row) for row in rows]
    return render(request, "groups/group_list.html", {"groups": groups, "may_create": may_create})


@require_http_methods(["GET", "HEAD", "POST"])
@group_page(need=Permission.READ)
def group_detail(request: HttpRequest, group: ResourceGroup) -> HttpResponseBase:
    """Show a resource group; its owners change it, what is in it, who may come in, and what locks it.

    Its members are a file too.
    """
    credential = credential_of(request)
    if request.method == "POST":
        return _change(request, group)
    members = queries.list_members(group=group)
    if file := members_file(request, members):
        return file
    row = queries.get_group_row(credential=credential, group=group)
    is_owner = row.my_role is Role.OWNER
    workspaces = queries.list_workspace_rows(credential=credential, group=group.name)
    context = {
        "group": row,
        "tags": row.tags.items(),
        "tags_text": format_tags(row.tags),
        "is_owner": is_owner,
        "size": format_bytes(row.artifact_bytes),
        "role": ROLE_WORDS[row.my_role],
        "created": time_element(row.created_at),
        "workspaces": _workspaces_shown(workspaces),
        "members": members_shown(members, here="group"),
        "locks": locks_shown(row.locks, here="group"),
        "events": _activity(row) if is_owner else [],
    }
    return render(request, "groups/group_detail.html", context)


def _change(request: HttpRequest, group: ResourceGroup) -> HttpResponse:
    change = asked(request, group=group)
    action = change.fields.get("action", "")
    access.require_group(
        credential=credential_of(request), group=group.name, need=Permission.MANAGE, despite_lock=action in RULES
    )
    own: dict[str, Action] = {"update_group": _update_group, "create_workspace": _create_workspace}
    is_done = carry_out(request, {**RULES, **own}, change)
    if is_done and action == "create_workspace":
        return redirect("web:workspace_detail", change.fields["name"])
    return redirect("web:group_detail", change.fields["name"] if is_done and action == "update_group" else group.name)


def _create_group(change: Asked) -> str:
    fields = cleaned(DetailsForm, change)
    services.create_group(name=fields["name"], description=fields["description"], by=change.by, now=change.now)
    return gettext("Resource group %(name)s is there.") % {"name": fields["name"]}


def _update_group(change: Asked) -> str:
    fields = cleaned(DetailsForm, change)
    wanted = GroupChange(name=fields["name"], description=fields["description"], tags=parse_tags(fields["tags"]))
    assert change.group is not None  # noqa: S101  (for the type checker: the view has one)
    services.update_group(group=change.group, change=wanted, by=change.by, now=change.now)
    return gettext("The resource group was changed.")


def _create_workspace(change: Asked) -> str:
    fields = cleaned(DetailsForm, change)
    assert change.group is not None  # noqa: S101  (for the type checker: the view has one)
    provision_workspace(
        name=fields["name"],
        group=change.group,
        description=fields["description"],
        by=change.by,
        now=change.now,
    )
    return gettext("Workspace %(name)s is there: make a token and log to it.") % {"name": fields["name"]}


def _file_row(row: GroupRow) -> tuple[Cell, ...]:
    return row.name, row.description, row.workspaces, row.artifact_bytes, row.my_role, row.created_at


def _group_shown(row: GroupRow) -> GroupShown:
    return GroupShown(
        name=row.name,
        description=row.description,
        workspace_count=format_count(len(row.workspaces)),
        size=format_bytes(row.artifact_bytes),
        lock_count=len(row.locks),
        role=str(ROLE_WORDS[row.my_role]),
        is_dying=bool(row.deletion_uid),
    )


def _workspaces_shown(rows: list[WorkspaceRow]) -> list[WorkspaceShown]:
    pks = [row.pk for row in rows]
    experiments, runs = count_experiments_by_workspace(workspaces=pks), count_runs_by_workspace(workspaces=pks)
    return [
        WorkspaceShown(
            name=row.name,
            description=row.description,
            experiment_count=format_count(experiments.get(row.pk, 0)),
            run_count=format_count(runs.get(row.pk, 0)),
            size=format_bytes(row.artifact_bytes),
            lock_count=sum(lock.workspace is not None for lock in row.locks),
            is_dying=bool(row.deletion_uid),
        )
        for row in rows
    ]


def _activity(row: GroupRow) -> list[EventShown]:
    """Return what was done lately to the group: events whose object names it as a whole word."""
    filter_ = EventFilter(target=row.name, since=utc_now() - ACTIVITY_SINCE)
    named = re.compile(rf"(?<![\w-]){re.escape(row.name)}(?![\w-])")
    found = [
        event
        for event in list_events(filter_=filter_, limit=ACTIVITY_READ)
        if event.verb.startswith("group.") or f"group {row.name}" in event.target
    ]
    return [
        EventShown(time_element(event.at, is_relative=True), event.who, event.verb, event.target)
        for event in found
        if named.search(event.target)
    ][:ACTIVITY_SHOWN]
