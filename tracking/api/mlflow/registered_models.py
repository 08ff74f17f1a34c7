"""``registered-models/…``"""

from typing import TYPE_CHECKING

from tracking.api.base import Call, endpoint
from tracking.api.mlflow import shapes
from tracking.api.mlflow.messages import KeyValue, page_size, pairs
from tracking.core.json import Int64, Request
from tracking.registry import queries, services
from tracking.registry.rules import read_stage
from tracking.runs.types import Pair

if TYPE_CHECKING:
    from tracking.registry.models import RegisteredModel

MAX_MODELS = 1_000


class CreateRegistered(Request):
    """registered-models/create"""

    name: str
    tags: list[KeyValue] | None = None
    description: str | None = None


class RegisteredNamed(Request):
    """registered-models/get, delete"""

    name: str


class RenameRegistered(Request):
    """registered-models/rename"""

    name: str
    new_name: str


class UpdateRegistered(Request):
    """registered-models/update"""

    name: str
    description: str | None = None


class TagOfRegistered(Request):
    """registered-models/set-tag, delete-tag"""

    name: str
    key: str
    value: str | None = None


class AliasNamed(Request):
    """GET, DELETE registered-models/alias"""

    name: str
    alias: str


class SetAlias(Request):
    """POST registered-models/alias"""

    name: str
    alias: str
    version: str


class GetLatestVersions(Request):
    """registered-models/get-latest-versions"""

    name: str
    stages: list[str] | None = None


class SearchRegistered(Request):
    """registered-models/search, model-versions/search"""

    filter: str | None = None
    max_results: Int64 | None = None
    order_by: list[str] | None = None
    page_token: str | None = None


@endpoint(CreateRegistered)
def create(call: Call, body: CreateRegistered) -> object:
    """Register a name for versions to come."""
    model = services.create_registered(
        workspace=call.workspace,
        name=body.name,
        description=body.description or "",
        tags=pairs(body.tags),
        by=call.user,
        now=call.now,
    )
    return _shown(model)


@endpoint(RegisteredNamed)
def get(call: Call, body: RegisteredNamed) -> object:
    """Return a registered model."""
    return _shown(_named(call, body.name))


@endpoint(RenameRegistered)
def rename(call: Call, body: RenameRegistered) -> object:
    """Rename a registered model."""
    model = _named(call, body.name)
    services.rename_registered(model=model, name=body.new_name, by=call.user, now=call.now)
    return _shown(model)


@endpoint(UpdateRegistered)
def update(call: Call, body: UpdateRegistered) -> object:
    """Set the description."""
    model = _named(call, body.name)
    services.describe_registered(model=model, description=body.description or "", now=call.now)
    return _shown(model)


@endpoint(RegisteredNamed)
def delete(call: Call, body: RegisteredNamed) -> object:
    """Delete a registered model with its versions."""
    services.delete_registered(model=_named(call, body.name), by=call.user, now=call.now)
    return {}


@endpoint(TagOfRegistered)
def set_tag(call: Call, body: TagOfRegistered) -> object:
    """Set a tag."""
    services.set_registered_tag(model=_named(call, body.name), tag=Pair(body.key, body.value or ""))
    return {}


@endpoint(TagOfRegistered)
def delete_tag(call: Call, body: TagOfRegistered) -> object:
    """Delete a tag."""
    services.delete_registered_tag(model=_named(call, body.name), key=body.key)
    return {}


@endpoint(SetAlias)
def set_alias(call: Call, body: SetAlias) -> object:
    """Let an alias point to a version."""
    version = queries.get_version(workspace=call.workspace, name=body.name, version=body.version)
    services.set_alias(version=version, name=body.alias, by=call.user, now=call.now)
    return {}


@endpoint(AliasNamed)
def get_by_alias(call: Call, body: AliasNamed) -> object:
    """Return the version that an alias points to."""
    version = queries.get_version_by_alias(workspace=call.workspace, name=body.name, alias=body.alias)
    return {"model_version": shapes.model_version(queries.version_row(version))}


@endpoint(AliasNamed)
def delete_alias(call: Call, body: AliasNamed) -> object:
    """Delete an alias."""
    services.delete_alias(model=_named(call, body.name), name=body.alias, by=call.user, now=call.now)
    return {}


@endpoint(GetLatestVersions)
def get_latest_versions(call: Call, body: GetLatestVersions) -> object:
    """Return the latest version of each stage."""
    stages = {read_stage(stage) for stage in body.stages or ()}
    found = queries.latest_versions(model=_named(call, body.name), stages=stages)
    return shapes.compact({"model_versions": [shapes.model_version(row) for row in found]})


@endpoint(SearchRegistered)
def search(call: Call, body: SearchRegistered) -> object:
    """Return a page of registered models."""
    page = queries.search_registered(
        workspace=call.workspace,
        filter_text=body.filter or "",
        order_by=body.order_by or (),
        page_token=body.page_token or "",
        max_results=page_size(body.max_results, default=100, most=MAX_MODELS),
    )
    return shapes.compact(
        {
            "registered_models": [shapes.registered_model(row) for row in page.rows],
            "next_page_token": page.next_token,
        }
    )


def _named(call: Call, name: str) -> "RegisteredModel":
    return queries.get_registered(workspace=call.workspace, name=name)


def _shown(model: "RegisteredModel") -> object:
    return {"registered_model": shapes.registered_model(queries.registered_row(model))}
