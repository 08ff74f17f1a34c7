"""Questions about logged models."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

from tracking.core.errors import NotFoundError
from tracking.core.pages import Page
from tracking.core.store import rows_among
from tracking.registry.filters import logged as filters
from tracking.registry.models import (
    LoggedModel,
    LoggedModelMetric,
    LoggedModelParam,
    LoggedModelTag,
    RunModelInput,
    RunModelOutput,
)
from tracking.registry.types import DatasetNamed, LoggedModelRow, LoggedModelStatus, ModelLinks, ModelMetric, ModelOrder
from tracking.runs.models import Experiment, Run
from tracking.runs.queries import list_experiment_pks
from tracking.runs.types import Pair
from tracking.search.grammars import LOGGED_MODELS
from tracking.search.parser import parse_filter
from tracking.workspaces.models import Workspace

USED_MODELS = (
    "SELECT link.id, link.run_id, model.uid FROM run_model_input link "
    "JOIN logged_model model ON model.id = link.model_id WHERE link.run_id"
)
MADE_MODELS = USED_MODELS.replace("run_model_input", "run_model_output").replace("model.uid", "model.uid, link.step")


def get_model(*, workspace: Workspace, uid: str) -> LoggedModel:
    """Return the active logged model with this id. One query.

    :raises NotFoundError: if the workspace has none.
    """
    found = (
        LoggedModel.objects.filter(workspace=workspace, uid=uid, deleted_at=None).first() if len(uid) <= 34 else None
    )
    if found is None:
        raise NotFoundError(f"Logged model with ID '{uid[:100]}' not found.")
    return found


def find_models(*, workspace: Workspace, uids: Sequence[str]) -> dict[str, LoggedModel]:
    """Return those of the active logged models that the workspace has, by id. One query."""
    found = LoggedModel.objects.filter(workspace=workspace, uid__in=uids, deleted_at=None)
    return {model.uid: model for model in found}


def model_row(model: LoggedModel) -> LoggedModelRow:
    """Return a logged model with its params, tags and metrics. Four queries."""
    return _model_rows([model])[0]


def list_logged(
    *,
    workspace: Workspace,
    experiment: Experiment | None = None,
    name_contains: str = "",
    page_token: str = "",
    limit: int,
) -> Page[LoggedModelRow]:
    """Return active logged models, newest first; only those with this in their name, perhaps of one experiment.

    Six queries.

    :raises InvalidParameterError: if the page token is none.
    """
    found = LoggedModel.objects.filter(workspace=workspace, deleted_at=None, name__icontains=name_contains)
    if experiment is not None:
        found = found.filter(experiment=experiment)
    page = filters.model_order(()).page(found, token=page_token, limit=limit)
    return Page(_model_rows(page.rows), page.next_token)


def search_models(
    *,
    workspace: Workspace,
    experiment_ids: Sequence[str],
    filter_text: str = "",
    datasets: Sequence[DatasetNamed] = (),
    order_by: Sequence[ModelOrder] = (),
    page_token: str = "",
    max_results: int,
) -> Page[LoggedModelRow]:
    """Return active logged models, newest first unless ordered otherwise. Six queries.

    ``datasets`` narrows metric conditions to metrics on one of them.

    :raises FilterError: if the filter does not parse.
    :raises InvalidParameterError: if an order names an unknown field.
    """
    tree = parse_filter(filter_text, LOGGED_MODELS)
    order = filters.model_order(order_by)
    experiments = list_experiment_pks(workspace=workspace, experiment_ids=experiment_ids)
    found = LoggedModel.objects.filter(experiment__in=experiments, deleted_at=None)
    if tree:
        found = found.filter(filters.model_condition(tree, datasets))
    page = order.page(found, token=page_token, limit=max_results)
    return Page(_model_rows(page.rows), page.next_token)


def model_links_by_run(*, run_ids: Sequence[int]) -> dict[int, ModelLinks]:
    """Return which logged models each of these runs used and made; runs without any are absent. Two queries."""
    inputs: defaultdict[int, list[str]] = defaultdict(list)
    outputs: defaultdict[int, list[tuple[str, int]]] = defaultdict(list)
    for _, run_id, uid in sorted(rows_among(USED_MODELS, run_ids)):
        inputs[run_id].append(uid)
    for _, run_id, uid, step in sorted(rows_among(MADE_MODELS, run_ids)):
        outputs[run_id].append((uid, step))
    return {
        run_id: ModelLinks(tuple(inputs.get(run_id, ())), tuple(outputs.get(run_id, ())))
        for run_id in {*inputs, *outputs}
    }


def linked_runs(*, model: LoggedModel) -> set[int]:
    """Return the runs that used or made a logged model. Two queries."""
    return {
        run_id
        for links in (RunModelInput, RunModelOutput)
        for run_id in links.objects.filter(model=model).values_list("run_id", flat=True)
    }


def _model_rows(models: Iterable[LoggedModel]) -> list[LoggedModelRow]:
    found = list(models)
    pks = [model.pk for model in found]
    params = _pairs(LoggedModelParam.objects.filter(model__in=pks).values_list("model_id", "key", "value"))
    tags = _pairs(LoggedModelTag.objects.filter(model__in=pks).values_list("model_id", "key", "value"))
    metrics: defaultdict[int, list[ModelMetric]] = defaultdict(list)
    for row in LoggedModelMetric.objects.filter(model__in=pks).select_related("run").order_by("key", "pk"):
        metrics[row.model_id].append(
            ModelMetric(
                key=row.key,
                value=math.nan if row.value is None else row.value,
                timestamp_ms=row.timestamp_ms,
                step=row.step,
                run_uid=row.run.uid,
                dataset_name=row.dataset_name,
                dataset_digest=row.dataset_digest,
            )
        )
    uids = dict(Run.objects.filter(pk__in=[m.source_run_id for m in found]).values_list("pk", "uid"))
    return [
        LoggedModelRow(
            pk=model.pk,
            uid=model.uid,
            experiment_id=model.experiment_id,
            name=model.name,
            model_type=model.model_type,
            source_run_uid=uids.get(model.source_run_id or 0, ""),
            status=LoggedModelStatus(model.status),
            created_at=model.created_at,
            updated_at=model.updated_at,
            params=tuple(params[model.pk]),
            tags=tuple(tags[model.pk]),
            metrics=tuple(metrics[model.pk]),
        )
        for model in found
    ]


def _pairs(rows: Iterable[tuple[int, str, str]]) -> defaultdict[int, list[Pair]]:
    by_model: defaultdict[int, list[Pair]] = defaultdict(list)
    for model_id, key, value in sorted(rows):
        by_model[model_id].append(Pair(key, value))
    return by_model
