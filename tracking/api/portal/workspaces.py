"""``workspaces``: tenants, each in one resource group."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tracking.api.base import endpoint
from tracking.api.portal import shapes
from tracking.api.portal.base import Call, Listing, Nothing, page_after, page_of, page_size
from tracking.core.json import Int64, Request
from tracking.datastores.queries import default_names
from tracking.runs.provisioning import provision_workspace
from tracking.runs.queries import count_experiments_by_workspace, count_runs_by_workspace
from tracking.workspaces import access, queries, services
from tracking.workspaces.types import Permission, WorkspaceChange, WorkspaceRow

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace


class ListWorkspaces(Listing):
    """A page of workspaces, of one resource group if it is named."""

    group: str | None = None


class CreateWorkspace(Request):
    """A new workspace in a resource group."""

    name: str
    group: str
    description: str | None = None
    tags: dict[str, str] | None = None


class UpdateWorkspace(Request):
    """What is to be set; what is absent stays. ``tags`` replaces all of them; a quota of 0 takes the quota away.

    Another ``group`` moves the workspace there, which takes an owner of both; so do quotas of the present one.
    """

    name: str | None = None
    group: str | None = None
    description: str | None = None
    tags: dict[str, str] | None = None
    quota_bytes: Int64 | None = None
    quota_runs: Int64 | None = None


@endpoint(ListWorkspaces)
def list(call: Call, body: ListWorkspaces) -> shapes.Workspaces:
    """Return the workspaces that the asker may read, by name."""
    limit = page_size(body)
    found = queries.list_workspace_rows(
        credential=call.credential, group=body.group, after=page_after(body), limit=limit + 1
    )
    rows, token = page_of(found, limit)
    return shapes.Workspaces(_shown(rows), token)


@endpoint(CreateWorkspace)
def create(call: Call, body: CreateWorkspace) -> shapes.Workspace:
    """Create a workspace with a Default experiment; for owners of its resource group."""
    group = access.require_group(credential=call.credential, group=body.group, need=Permission.MANAGE)
    workspace = provision_workspace(
        name=body.name,
        group=group,
        description=body.description or "",
        tags=body.tags,
        by=call.user,
        now=call.now,
    )
    return _shown([queries.get_workspace_row(credential=call.credential, workspace=workspace)])[0]


@endpoint(Nothing)
def show(call: Call, body: Nothing, workspace: "Workspace") -> shapes.Workspace:
    """Return a workspace, also under a name that it had."""
    return _shown([queries.get_workspace_row(credential=call.credential, workspace=workspace)])[0]


@endpoint(UpdateWorkspace)
def update(call: Call, body: UpdateWorkspace, workspace: "Workspace") -> shapes.Workspace:
    """Rename a workspace (its former name still leads to it), move, describe, tag it, set its quotas."""
    group = None
    if body.group is not None or body.quota_bytes is not None or body.quota_runs is not None:
        access.require_group(credential=call.credential, group=workspace.group.name, need=Permission.MANAGE)
    if body.group is not None:
        group = access.require_group(credential=call.credential, group=body.group, need=Permission.MANAGE)
    change = WorkspaceChange(
        name=body.name,
        description=body.description,
        tags=body.tags,
        quota_bytes=body.quota_bytes,
        quota_runs=body.quota_runs,
    )
    services.update_workspace(workspace=workspace, change=change, group=group, by=call.user, now=call.now)
    return _shown([queries.get_workspace_row(credential=call.credential, workspace=workspace)])[0]


@endpoint(Nothing)
def release_name(call: Call, body: Nothing, workspace: "Workspace", name: str) -> None:
    """Let a workspace no longer answer under a former name."""
    services.release_name(workspace=workspace, name=name, by=call.user, now=call.now)


def _shown(rows: Sequence[WorkspaceRow]) -> Sequence[shapes.Workspace]:
    pks = [row.pk for row in rows]
    runs, experiments = count_runs_by_workspace(workspaces=pks), count_experiments_by_workspace(workspaces=pks)
    stores = default_names(workspaces=pks)
    return [
        shapes.workspace(
            row,
            runs=runs.get(row.pk, 0),
            experiments=experiments.get(row.pk, 0),
            default_datastore=stores[row.pk],
        )
        for row in rows
    ]
