"""``workspaces``: tenants, each in one resource group."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tracking.api.base import endpoint
from tracking.api.portal import shapes
from tracking.api.portal.base import Call, Listing, Nothing, page_after, page_of, page_size
from tracking.runs.queries import count_experiments_by_workspace, count_runs_by_workspace
from tracking.workspaces import queries
from tracking.workspaces.types import WorkspaceRow

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace


class ListWorkspaces(Listing):
    """A page of workspaces, of one resource group if it is named."""

    group: str | None = None


@endpoint(ListWorkspaces)
def list(call: Call, body: ListWorkspaces) -> shapes.Workspaces:
    """Return the workspaces that the asker may read, by name."""
    limit = page_size(body)
    found = queries.list_workspace_rows(
        credential=call.credential, group=body.group, after=page_after(body), limit=limit + 1
    )
    rows, token = page_of(found, limit)
    return shapes.Workspaces(_shown(rows), token)


@endpoint(Nothing)
def show(call: Call, body: Nothing, workspace: "Workspace") -> shapes.Workspace:
    """Return a workspace, also under a name that it had."""
    return _shown([queries.get_workspace_row(credential=call.credential, workspace=workspace)])[0]


def _shown(rows: Sequence[WorkspaceRow]) -> Sequence[shapes.Workspace]:
    pks = [row.pk for row in rows]
    runs, experiments = count_runs_by_workspace(workspaces=pks), count_experiments_by_workspace(workspaces=pks)
    return [shapes.workspace(row, runs=runs.get(row.pk, 0), experiments=experiments.get(row.pk, 0)) for row in rows]
