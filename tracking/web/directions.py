"""Which way a metric gets better: as somebody said for an experiment, else guessed from the metric's name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from tracking.charts.direction import Direction, guess_direction
from tracking.core.clock import utc_now
from tracking.runs.queries import get_experiment
from tracking.runs.services import set_experiment_tag
from tracking.runs.types import Pair
from tracking.web.base import workspace_page
from tracking.web.errors import refusing_bad_values
from tracking.web.links import path_or
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace

TAG_PREFIX = "mlportal.direction."


@dataclass(frozen=True, slots=True)
class Directions:
    """The directions that were stored, by metric."""

    stored: dict[str, Direction]

    @classmethod
    def from_tags(cls, tags: Iterable[Pair]) -> Self:
        """Read the tags of one experiment or several; where they disagree, the last one counts."""
        known = {direction.value: direction for direction in Direction}
        return cls(
            {
                tag.key.removeprefix(TAG_PREFIX): known[tag.value]
                for tag in tags
                if tag.key.startswith(TAG_PREFIX) and tag.value in known
            }
        )

    def of(self, metric: str) -> Direction | None:
        """Return which values of a metric are better, None where nobody knows."""
        return self.stored.get(metric) or guess_direction(metric)


@require_POST
@workspace_page(need=Permission.WRITE)
@refusing_bad_values()
def direction(request: HttpRequest, workspace: Workspace, experiment_id: int) -> HttpResponse:
    """Store which way ``metric`` gets better in an experiment: ``better`` is less or more. Leads back to ``next``."""
    experiment = get_experiment(workspace=workspace, experiment_id=str(experiment_id))
    metric, better = request.POST.get("metric", ""), request.POST.get("better", "")
    if better not in [one.value for one in Direction]:
        raise BadRequest(f"better: {better[:40]!r} is neither less nor more")
    tag = Pair(f"{TAG_PREFIX}{metric}", better)
    set_experiment_tag(experiment=experiment, tag=tag, now=utc_now())
    return redirect(path_or(request.POST.get("next", ""), "web:experiment_detail", workspace.name, experiment.pk))
