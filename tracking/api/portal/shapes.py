"""What the REST API v1 answers with; the OpenAPI document is made from these, too (tracking.api.portal.schema)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
from django.conf import settings

from tracking.workspaces.quotas import quota_of, spent
from tracking.workspaces.types import GroupRow, LockLevel, LockRow, MemberRow, Role, WorkspaceRow


class Lock(msgspec.Struct):
    """A lock; ``group`` or ``workspace`` says what it stands on."""

    name: str
    level: LockLevel
    note: str
    group: str | None
    workspace: str | None
    created_by: str
    created_at: datetime


class Group(msgspec.Struct):
    """A resource group, with the names of its workspaces, its locks, and the highest role of the asker."""

    name: str
    description: str
    tags: Mapping[str, str]
    created_at: datetime
    state: str
    deletion: str | None
    workspaces: tuple[str, ...]
    locks: Sequence[Lock]
    my_role: Role


class Groups(msgspec.Struct):
    """A page of resource groups."""

    groups: Sequence[Group]
    next_page_token: str | None


class Quota(msgspec.Struct):
    """The most that a workspace may hold (null: no limit), and what is nearly or wholly used up, in words."""

    bytes: int | None
    runs: int | None
    warnings: Sequence[str]


class Usage(msgspec.Struct):
    """What a workspace holds."""

    runs: int
    experiments: int
    artifact_bytes: int


class Workspace(msgspec.Struct):
    """A workspace, with its own and its group's locks, and the highest role of the asker."""

    name: str
    former_names: tuple[str, ...]
    group: str
    description: str
    tags: Mapping[str, str]
    created_at: datetime
    state: str
    deletion: str | None
    locks: Sequence[Lock]
    quota: Quota
    usage: Usage
    default_datastore: str
    tracking_uri: str
    my_role: Role


class Workspaces(msgspec.Struct):
    """A page of workspaces."""

    workspaces: Sequence[Workspace]
    next_page_token: str | None


class Member(msgspec.Struct):
    """A person's role, where it was given, and whether it is inherited from there."""

    username: str
    is_active: bool
    role: Role
    scope: str
    inherited: bool


class Members(msgspec.Struct):
    """Who has a role."""

    members: Sequence[Member]
    next_page_token: str | None


class Locks(msgspec.Struct):
    """The locks that hold, inherited ones included."""

    locks: Sequence[Lock]
    next_page_token: str | None


class Server(msgspec.Struct):
    """What this server is, and what time it is there: a client finds out whether its clock is wrong."""

    name: str
    version: str
    api: str
    time_s: float


def lock(row: LockRow) -> Lock:
    """Return a lock."""
    return Lock(
        name=row.name,
        level=row.level,
        note=row.note,
        group=row.group,
        workspace=row.workspace,
        created_by=row.created_by,
        created_at=row.created_at,
    )


def locks(rows: Iterable[LockRow]) -> Sequence[Lock]:
    """Return locks."""
    return [lock(row) for row in rows]


def members(rows: Iterable[MemberRow], *, group: bool, workspace: bool) -> Sequence[Member]:
    """Return members as seen from a workspace, a group, or the server (neither)."""
    here = "workspace" if workspace else "group" if group else "server"
    return [Member(row.username, row.is_active, row.role.role, row.role.scope, row.role.scope != here) for row in rows]


def group(row: GroupRow) -> Group:
    """Return a resource group."""
    return Group(
        name=row.name,
        description=row.description,
        tags=row.tags,
        created_at=row.created_at,
        state="deleting" if row.deletion_uid else "active",
        deletion=row.deletion_uid or None,
        workspaces=row.workspaces,
        locks=locks(row.locks),
        my_role=row.my_role,
    )


def workspace(row: WorkspaceRow, *, runs: int, experiments: int, default_datastore: str) -> Workspace:
    """Return a workspace that holds so many runs and experiments."""
    return Workspace(
        name=row.name,
        former_names=row.former_names,
        group=row.group,
        description=row.description,
        tags=row.tags,
        created_at=row.created_at,
        state="deleting" if row.deletion_uid else "active",
        deletion=row.deletion_uid or None,
        locks=locks(row.locks),
        quota=_quota(row, runs),
        usage=Usage(runs=runs, experiments=experiments, artifact_bytes=row.artifact_bytes),
        default_datastore=default_datastore,
        tracking_uri=f"{settings.PORTAL_URL}/w/{row.name}",
        my_role=row.my_role,
    )


def _quota(row: WorkspaceRow, runs: int) -> Quota:
    quota = quota_of(quota_bytes=row.quota_bytes, quota_runs=row.quota_runs)
    limits = {"runs": spent(runs, quota.runs), "bytes": spent(row.artifact_bytes, quota.bytes)}
    return Quota(
        bytes=quota.bytes,
        runs=quota.runs,
        warnings=[
            f"{one.used} of {one.most} {what} are used{': no more are taken' if one.is_full else ''}."
            for what, one in limits.items()
            if one is not None and one.is_warning
        ],
    )
