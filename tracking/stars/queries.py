"""Questions about stars."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db.models import Q

from tracking.stars.models import Star
from tracking.stars.types import Kind, StarRow

if TYPE_CHECKING:
    from tracking.identity.models import User
    from tracking.workspaces.models import Workspace


def list_starred(*, owner: "User", workspaces: "Iterable[Workspace]", limit: int) -> list[StarRow]:
    """Return what a person starred in these workspaces, the newest stars first, without what is deleted. One query."""
    is_active = Q(experiment__deleted_at=None, run__deleted_at=None, run__experiment__deleted_at=None)
    found = (
        Star.objects.filter(is_active, owner=owner, workspace__in=list(workspaces))
        .select_related("workspace", "experiment", "run__experiment", "model")
        .order_by("-created_at", "-pk")
    )
    return [_row(star) for star in found[:limit]]


def starred_experiments(*, owner: "User", workspace: "Workspace") -> set[int]:
    """Return the numbers of the experiments of a workspace that a person starred. One query."""
    found = Star.objects.filter(owner=owner, workspace=workspace, experiment__isnull=False)
    return set(found.values_list("experiment_id", flat=True))


def has_star(*, owner: "User", kind: Kind, pk: int) -> bool:
    """Tell whether a person starred a thing. One query."""
    return Star.objects.filter(owner=owner, **{kind: pk}).exists()


def _row(star: Star) -> StarRow:
    workspace = star.workspace.name
    if star.run is not None:
        experiment = star.run.experiment
        return StarRow(Kind.RUN, workspace, star.run.name, experiment.pk, experiment.name, star.run.uid)
    if star.experiment is not None:
        return StarRow(Kind.EXPERIMENT, workspace, star.experiment.name, star.experiment.pk)
    return StarRow(Kind.MODEL, workspace, star.model.name if star.model else "")
