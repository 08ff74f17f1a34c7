"""Refusing runs that a workspace has no room for."""

from tracking.core.errors import QuotaExceededError
from tracking.core.memory import Memory
from tracking.runs.models import Run
from tracking.workspaces.models import Workspace
from tracking.workspaces.queries import get_quota

PLENTY = 1_000
_has_plenty: Memory[tuple[int, int], bool] = Memory(size=10_000, life_s=1)


def check_run_quota(*, workspace_id: int) -> None:
    """Make sure that a workspace may hold one more run. Deleted runs count until they are removed for good.

    No query where there was no quota, or room for a thousand runs, within the last second; else one that counts no
    further than the quota, and one for the quota once a second.

    :raises QuotaExceededError: if it holds all that it may.
    """
    most = get_quota(workspace_id=workspace_id).runs
    if most is None or _has_plenty.get((workspace_id, most)):
        return
    used = Run.objects.filter(workspace=workspace_id)[:most].count()
    if used >= most:
        name = Workspace.objects.values_list("name", flat=True).get(pk=workspace_id)
        raise QuotaExceededError(
            f"Workspace {name!r} may hold {most} runs, deleted ones included, and has them. Delete runs for good, or "
            "ask an owner of its resource group for a larger quota."
        )
    if most - used > PLENTY:
        _has_plenty.put((workspace_id, most), True)
