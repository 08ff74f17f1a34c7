"""What stands above every page of an experiment: its name, who made it and when, its tags, what one may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from django.http import HttpRequest

from tracking.stars.types import Kind
from tracking.web.base import may
from tracking.web.experiment_table import own_tags, tag_shown
from tracking.web.formats import spell_marks, time_element
from tracking.web.stars import star_button
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.runs.models import Experiment
    from tracking.runs.types import ExperimentRow
    from tracking.workspaces.models import Workspace


def experiment_head(
    request: HttpRequest, workspace: Workspace, experiment: Experiment, row: ExperimentRow
) -> dict[str, object]:
    """Return what templates/experiments/_frame.html shows. One query."""
    name = spell_marks(row.name)
    return {
        "workspace": workspace,
        "experiment": msgspec.structs.replace(row, name=name),
        "star": star_button(request, workspace, Kind.EXPERIMENT, row.pk, ident=str(row.pk), name=name),
        "created": time_element(row.created_at),
        "created_by": experiment.user_name,
        "current_name": row.name,
        "tags": [tag_shown(tag) for tag in own_tags(row)],
        "own_tags": own_tags(row),
        "may_write": may(request, workspace, Permission.WRITE),
    }
