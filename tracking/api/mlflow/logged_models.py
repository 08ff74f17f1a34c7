"""``logged-models/…``"""

from typing import TYPE_CHECKING

from tracking.api.base import Call, endpoint
from tracking.api.mlflow import shapes
from tracking.api.mlflow.messages import KeyValue, page_size, pairs, word
from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.queries import URI_SCHEME, list_files
from tracking.core.errors import InvalidParameterError
from tracking.core.json import Int64, Request
from tracking.registry import queries, services
from tracking.registry.types import DatasetNamed, LoggedModelStatus, ModelOrder
from tracking.runs.queries import get_experiment, get_run

if TYPE_CHECKING:
    from tracking.registry.models import LoggedModel

STATUSES = tuple(LoggedModelStatus)
PAGE = 1_000


class CreateModel(Request):
    """logged-models"""

    experiment_id: str
    name: str | None = None
    model_type: str | None = None
    source_run_id: str | None = None
    params: list[KeyValue] | None = None
    tags: list[KeyValue] | None = None


class Nothing(Request):
    """A request whose path says all."""


class FinalizeModel(Request):
    """PATCH logged-models/<id>"""

    status: str | int
    model_id: str | None = None


class ParamsOfModel(Request):
    """logged-models/<id>/params"""

    model_id: str | None = None
    params: list[KeyValue] | None = None


class TagsOfModel(Request):
    """logged-models/<id>/tags"""

    model_id: str | None = None
    tags: list[KeyValue] | None = None


class ListDirectory(Request):
    """logged-models/<id>/artifacts/directories"""

    artifact_directory_path: str | None = None
    page_token: str | None = None


class DatasetSent(Request):
    """A dataset that narrows a search."""

    dataset_name: str
    dataset_digest: str | None = None


class OrderBySent(Request):
    """One sort key."""

    field_name: str
    ascending: bool | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None


class SearchModels(Request):
    """logged-models/search"""

    experiment_ids: list[str] | None = None
    filter: str | None = None
    datasets: list[DatasetSent] | None = None
    max_results: Int64 | None = None
    order_by: list[OrderBySent] | None = None
    page_token: str | None = None


@endpoint(CreateModel)
def create(call: Call, body: CreateModel) -> object:
    """Create a logged model whose files are about to come."""
    model = services.create_model(
        experiment=get_experiment(workspace=call.workspace, experiment_id=body.experiment_id),
        name=body.name or "",
        model_type=body.model_type or "",
        source_run=get_run(workspace=call.workspace, uid=body.source_run_id) if body.source_run_id else None,
        params=pairs(body.params),
        tags=pairs(body.tags),
        now=call.now,
    )
    return _shown(model)


@endpoint(Nothing)
def get(call: Call, body: Nothing, model_id: str) -> object:
    """Return a logged model."""
    return _shown(_named(call, model_id))


@endpoint(FinalizeModel)
def finalize(call: Call, body: FinalizeModel, model_id: str) -> object:
    """Say whether a logged model's files have come."""
    status = word(body.status, STATUSES)
    if status is None:
        raise InvalidParameterError(
            f"Invalid value {body.status!r} for parameter 'status' supplied: it is one of {', '.join(STATUSES)}."
        )
    model = _named(call, model_id)
    services.finish_model(model=model, status=status, now=call.now)
    return _shown(model)


@endpoint(Nothing)
def delete(call: Call, body: Nothing, model_id: str) -> object:
    """Delete a logged model."""
    services.delete_model(model=_named(call, model_id), by=call.user, now=call.now)
    return {}


@endpoint(ParamsOfModel)
def log_params(call: Call, body: ParamsOfModel, model_id: str) -> object:
    """Log params of a logged model."""
    services.log_model_params(model=_named(call, model_id), params=pairs(body.params))
    return {}


@endpoint(TagsOfModel)
def set_tags(call: Call, body: TagsOfModel, model_id: str) -> object:
    """Set tags of a logged model."""
    model = _named(call, model_id)
    services.set_model_tags(model=model, tags=pairs(body.tags), now=call.now)
    return _shown(model)


@endpoint(Nothing)
def delete_tag(call: Call, body: Nothing, model_id: str, tag_key: str) -> object:
    """Delete a tag of a logged model."""
    services.delete_model_tag(model=_named(call, model_id), key=tag_key, now=call.now)
    return {}


@endpoint(ListDirectory)
def list_directory(call: Call, body: ListDirectory, model_id: str) -> object:
    """Return the entries of a directory of a logged model's artifacts, relative to its root."""
    model = _named(call, model_id)
    root = ArtifactPath((str(model.experiment_id), "models", model.uid, "artifacts"))
    folder = ArtifactPath.parse(body.artifact_directory_path or "", allow_empty=True)
    found = list_files(workspace=call.workspace, path=root / folder, after=body.page_token or None, limit=PAGE)
    return shapes.compact(
        {
            "root_uri": f"{URI_SCHEME}{root}",
            "files": [shapes.file_info(info, below=str(folder)) for info in found],
            "next_page_token": found[-1].path if len(found) == PAGE else None,
        }
    )


@endpoint(SearchModels)
def search(call: Call, body: SearchModels) -> object:
    """Return a page of logged models."""
    page = queries.search_models(
        workspace=call.workspace,
        experiment_ids=body.experiment_ids or (),
        filter_text=body.filter or "",
        datasets=[DatasetNamed(one.dataset_name, one.dataset_digest or "") for one in body.datasets or ()],
        order_by=[
            ModelOrder(
                field_name=one.field_name,
                is_ascending=one.ascending is not False,
                dataset=DatasetNamed(one.dataset_name or "", one.dataset_digest or ""),
            )
            for one in body.order_by or ()
        ],
        page_token=body.page_token or "",
        max_results=page_size(body.max_results, default=100),
    )
    return shapes.compact(
        {"models": [shapes.logged_model(row) for row in page.rows], "next_page_token": page.next_token}
    )


def _named(call: Call, model_id: str) -> "LoggedModel":
    return queries.get_model(workspace=call.workspace, uid=model_id)


def _shown(model: "LoggedModel") -> object:
    return {"model": shapes.logged_model(queries.model_row(model))}
