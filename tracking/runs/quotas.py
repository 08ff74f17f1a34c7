"""Refusing runs that a workspace has no room for."""

from tracking.core.errors import QuotaExceededError
from tracking.core.memory import Memory
from tracking.runs.models import Run
from tracking.workspaces.models import Workspace
from tracking.workspaces.quotas import quota_of

PLENTY = 1_000
_has_plenty: Memory[int, bool] = Memory(size=10_000, life_s=1)


def check_run_quota(*, workspace_id: int) -> None:
    """Make sure that a workspace may hold one more run. Deleted runs count until they are removed for good.

    No query if it had no quota, or room for a thousand runs, within the last second; else two, of which the second
    counts no further than the quota.

    :raises QuotaExceededError: if it holds all that it may.
    """
    if _has_plenty.get(workspace_id):
        return
    workspace = Workspace.objects.get(pk=workspace_id)
    most = quota_of(quota_bytes=None, quota_runs=workspace.quota_runs).runs
    used = 0 if most is None else Run.objects.filter(workspace=workspace)[:most].count()
    if most is not None and used >= most:
        raise QuotaExceededError(
            f"Workspace {workspace.name!r} may hold {most} runs, deleted ones included, and has them. Delete runs for "
            "good, or ask an owner of its resource group for a larger quota."
        )
    if most is None or most - used > PLENTY:
        _has_plenty.put(workspace_id, True)
