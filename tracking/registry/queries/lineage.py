"""Questions about what a run's models come from, and what became of them."""

from collections import defaultdict
from collections.abc import Collection

from django.db.models import Count, F, Window
from django.db.models.functions import RowNumber

from tracking.registry.models import LoggedModel, RunModelInput
from tracking.registry.types import Uses
from tracking.runs.models import Run
from tracking.workspaces.models import Workspace


def list_models_made(*, run: Run) -> list[LoggedModel]:
    """Return the active logged models that a run made, oldest first. One query."""
    return list(LoggedModel.objects.filter(source_run=run, deleted_at=None).order_by("created_at", "pk"))


def list_models_used(*, run: Run) -> list[LoggedModel]:
    """Return the active logged models that a run used, oldest first. One query."""
    links = RunModelInput.objects.filter(run=run).values("model")
    return list(LoggedModel.objects.filter(pk__in=links, deleted_at=None).order_by("created_at", "pk"))


def uses_by_model(*, workspace: Workspace, uids: Collection[str], limit: int) -> dict[str, Uses]:
    """Return the newest active runs that used each of these logged models; models that none used are absent. One query.

    Looks at every use of them.
    """
    newest = Window(RowNumber(), partition_by=[F("model")], order_by=[F("run__started_at").desc(), F("run")])
    total = Window(Count("pk"), partition_by=[F("model")])
    uses = RunModelInput.objects.filter(model__uid__in=uids, run__workspace=workspace, run__deleted_at=None)
    found = uses.annotate(place=newest, total=total).filter(place__lte=limit).order_by("place")
    runs: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    totals: dict[str, int] = {}
    for uid, run_uid, name, total in found.values_list("model__uid", "run__uid", "run__name", "total"):
        runs[uid].append((run_uid, name))
        totals[uid] = total
    return {uid: Uses(tuple(some), totals[uid]) for uid, some in runs.items()}
