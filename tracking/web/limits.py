"""How much of what it may hold a workspace holds, as pages show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext

from tracking.runs.queries import count_runs_by_workspace
from tracking.web.formats import format_bytes, format_count
from tracking.workspaces.queries import count_artifact_bytes, get_quota
from tracking.workspaces.quotas import Spent, spent

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace


@dataclass(frozen=True, slots=True)
class LimitShown:
    """How much of a limit is used. ``percent``: of 100, for the bar; None: there is no limit."""

    label: str
    used: str
    most: str
    percent: int | None
    is_warning: bool
    is_full: bool


def limits_shown(workspace: Workspace) -> list[LimitShown]:
    """Return what a workspace holds of runs and of artifacts, and of how much. Three queries."""
    quota = get_quota(workspace_id=workspace.pk)
    runs = count_runs_by_workspace(workspaces=[workspace.pk]).get(workspace.pk, 0)
    size_bytes = count_artifact_bytes(workspace=workspace)
    return [
        _limit(gettext("Runs"), format_count(runs), spent(runs, quota.runs), format_count(quota.runs or 0)),
        _limit(
            gettext("Artifacts"),
            format_bytes(size_bytes),
            spent(size_bytes, quota.bytes),
            format_bytes(quota.bytes or 0),
        ),
    ]


def _limit(label: str, used: str, share: Spent | None, most: str) -> LimitShown:
    if share is None:
        return LimitShown(label, used, "", None, is_warning=False, is_full=False)
    return LimitShown(label, used, most, min(100, int(share.share * 100)), share.is_warning, share.is_full)
