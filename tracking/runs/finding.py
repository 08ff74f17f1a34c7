"""Finding experiments and runs by a part of their name, in all workspaces that one may look into."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q

from tracking.runs.models import Experiment, Run
from tracking.workspaces.models import Workspace


@dataclass(frozen=True, slots=True)
class Finding:
    """An experiment (``uid`` "") or a run, and where it is."""

    name: str
    workspace: str
    experiment_id: int
    experiment: str
    uid: str


def find_experiments(*, workspaces: Iterable[Workspace], text: str, limit: int) -> list[Finding]:
    """Return active experiments whose name contains a text (any case), those that changed last first. One query."""
    found = (
        Experiment.objects.filter(workspace__in=list(workspaces), deleted_at=None, name__icontains=text)
        .select_related("workspace")
        .order_by("-updated_at", "pk")
    )
    return [Finding(one.name, one.workspace.name, one.pk, one.name, "") for one in found[:limit]]


def find_runs_by_text(*, workspaces: Iterable[Workspace], text: str, limit: int) -> list[Finding]:
    """Return active runs whose name contains a text (any case) or whose id begins with it, the newest first. One query.

    Reads the runs of these workspaces until there are enough.
    """
    found = (
        Run.objects.filter(Q(name__icontains=text) | Q(uid__startswith=text.lower()))
        .filter(workspace__in=list(workspaces), deleted_at=None, experiment__deleted_at=None)
        .select_related("workspace", "experiment")
        .order_by("-started_at", "pk")
    )
    return [
        Finding(run.name, run.workspace.name, run.experiment_id, run.experiment.name, run.uid) for run in found[:limit]
    ]
