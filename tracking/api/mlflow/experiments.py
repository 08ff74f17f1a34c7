"""``experiments/…``"""

from typing import TYPE_CHECKING

from tracking.api.base import Call, endpoint
from tracking.api.mlflow import shapes
from tracking.api.mlflow.messages import LIFECYCLES, KeyValue, page_size, pairs, word
from tracking.core.errors import InvalidParameterError
from tracking.core.json import Int64, Request
from tracking.runs import queries, services
from tracking.runs.rules import missing
from tracking.runs.types import Lifecycle, Pair

if TYPE_CHECKING:
    from tracking.runs.models import Experiment


class CreateExperiment(Request):
    """experiments/create"""

    name: str
    artifact_location: str | None = None
    tags: list[KeyValue] | None = None


class ExperimentNamed(Request):
    """experiments/get, delete, restore"""

    experiment_id: str


class GetByName(Request):
    """experiments/get-by-name"""

    experiment_name: str


class UpdateExperiment(Request):
    """experiments/update"""

    experiment_id: str
    new_name: str | None = None


class SearchExperiments(Request):
    """experiments/search"""

    max_results: Int64 | None = None
    page_token: str | None = None
    filter: str | None = None
    order_by: list[str] | None = None
    view_type: str | int | None = None


class SetExperimentTag(Request):
    """experiments/set-experiment-tag"""

    experiment_id: str
    key: str
    value: str | None = None


class DeleteExperimentTag(Request):
    """experiments/delete-experiment-tag"""

    experiment_id: str
    key: str


@endpoint(CreateExperiment)
def create(call: Call, body: CreateExperiment) -> object:
    """Create an experiment; where its artifacts live is the server's choice."""
    if body.artifact_location:
        raise InvalidParameterError(
            f"Invalid value {body.artifact_location[:200]!r} for parameter 'artifact_location' supplied: "
            "this server chooses where artifacts live; leave it out."
        )
    experiment = services.create_experiment(
        workspace=call.workspace, name=body.name, tags=pairs(body.tags), by=call.user, now=call.now
    )
    return {"experiment_id": str(experiment.pk)}


@endpoint(ExperimentNamed)
def get(call: Call, body: ExperimentNamed) -> object:
    """Return an experiment by id."""
    return _shown(call, _named(call, body.experiment_id))


@endpoint(GetByName)
def get_by_name(call: Call, body: GetByName) -> object:
    """Return an experiment by name, deleted or not."""
    return _shown(call, queries.get_experiment_by_name(workspace=call.workspace, name=body.experiment_name))


@endpoint(SearchExperiments)
def search(call: Call, body: SearchExperiments) -> object:
    """Return a page of experiments."""
    if body.max_results is None:
        raise missing("max_results")
    page = queries.search_experiments(
        workspace=call.workspace,
        filter_text=body.filter or "",
        order_by=body.order_by or (),
        lifecycle=word(body.view_type, LIFECYCLES) or Lifecycle.ACTIVE,
        page_token=body.page_token or "",
        max_results=page_size(body.max_results, default=1),
    )
    return shapes.compact(
        {
            "experiments": [shapes.experiment(row, call.workspace) for row in page.rows],
            "next_page_token": page.next_token,
        }
    )


@endpoint(UpdateExperiment)
def update(call: Call, body: UpdateExperiment) -> object:
    """Rename an experiment."""
    experiment = _named(call, body.experiment_id)
    if body.new_name is not None:
        services.rename_experiment(experiment=experiment, name=body.new_name, by=call.user, now=call.now)
    return {}


@endpoint(ExperimentNamed)
def delete(call: Call, body: ExperimentNamed) -> object:
    """Delete an experiment with its runs."""
    services.delete_experiment(experiment=_named(call, body.experiment_id), by=call.user, now=call.now)
    return {}


@endpoint(ExperimentNamed)
def restore(call: Call, body: ExperimentNamed) -> object:
    """Restore a deleted experiment with its runs."""
    services.restore_experiment(experiment=_named(call, body.experiment_id), by=call.user, now=call.now)
    return {}


@endpoint(SetExperimentTag)
def set_experiment_tag(call: Call, body: SetExperimentTag) -> object:
    """Set a tag."""
    experiment = _named(call, body.experiment_id)
    services.set_experiment_tag(experiment=experiment, tag=Pair(body.key, body.value or ""), now=call.now)
    return {}


@endpoint(DeleteExperimentTag)
def delete_experiment_tag(call: Call, body: DeleteExperimentTag) -> object:
    """Delete a tag."""
    services.delete_experiment_tag(experiment=_named(call, body.experiment_id), key=body.key, now=call.now)
    return {}


def _named(call: Call, experiment_id: str) -> "Experiment":
    return queries.get_experiment(workspace=call.workspace, experiment_id=experiment_id)


def _shown(call: Call, experiment: "Experiment") -> object:
    return {"experiment": shapes.experiment(queries.experiment_row(experiment), call.workspace)}
