"""``model-versions/…``"""

from typing import TYPE_CHECKING

from tracking.api.base import Call, endpoint, refuse_run_token
from tracking.api.mlflow import shapes
from tracking.api.mlflow.messages import KeyValue, page_size, pairs
from tracking.api.mlflow.registered_models import SearchRegistered
from tracking.core.json import Request
from tracking.registry import queries, services
from tracking.registry.rules import read_stage
from tracking.registry.sources import Given
from tracking.runs.types import Pair

if TYPE_CHECKING:
    from tracking.registry.models import ModelVersion

DEFAULT_VERSIONS, MAX_VERSIONS = 10_000, 200_000


class CreateVersion(Request):
    """model-versions/create"""

    name: str
    source: str
    run_id: str | None = None
    tags: list[KeyValue] | None = None
    run_link: str | None = None
    description: str | None = None
    model_id: str | None = None


class VersionNamed(Request):
    """model-versions/get, delete, get-download-uri"""

    name: str
    version: str


class UpdateVersion(Request):
    """model-versions/update"""

    name: str
    version: str
    description: str | None = None


class TagOfVersion(Request):
    """model-versions/set-tag, delete-tag"""

    name: str
    version: str
    key: str
    value: str | None = None


class TransitionStage(Request):
    """model-versions/transition-stage"""

    name: str
    version: str
    stage: str
    archive_existing_versions: bool | None = None


@endpoint(CreateVersion)
def create(call: Call, body: CreateVersion) -> object:
    """Register the next version of a model."""
    refuse_run_token(call.credential)
    version = services.create_version(
        model=queries.get_registered(workspace=call.workspace, name=body.name),
        given=Given(source=body.source, run_uid=body.run_id or None, model_uid=body.model_id or None),
        run_link=body.run_link or "",
        description=body.description or "",
        tags=pairs(body.tags),
        by=call.user,
        now=call.now,
    )
    return _shown(version)


@endpoint(VersionNamed)
def get(call: Call, body: VersionNamed) -> object:
    """Return a version."""
    return _shown(_named(call, body.name, body.version))


@endpoint(VersionNamed)
def get_download_uri(call: Call, body: VersionNamed) -> object:
    """Return where the files of a version are."""
    return {"artifact_uri": _named(call, body.name, body.version).location}


@endpoint(UpdateVersion)
def update(call: Call, body: UpdateVersion) -> object:
    """Set the description."""
    version = _named(call, body.name, body.version)
    services.describe_version(version=version, description=body.description or "", now=call.now)
    return _shown(version)


@endpoint(VersionNamed)
def delete(call: Call, body: VersionNamed) -> object:
    """Delete a version."""
    services.delete_version(version=_named(call, body.name, body.version), by=call.user, now=call.now)
    return {}


@endpoint(TagOfVersion)
def set_tag(call: Call, body: TagOfVersion) -> object:
    """Set a tag."""
    services.set_version_tag(version=_named(call, body.name, body.version), tag=Pair(body.key, body.value or ""))
    return {}


@endpoint(TagOfVersion)
def delete_tag(call: Call, body: TagOfVersion) -> object:
    """Delete a tag."""
    services.delete_version_tag(version=_named(call, body.name, body.version), key=body.key)
    return {}


@endpoint(TransitionStage)
def transition_stage(call: Call, body: TransitionStage) -> object:
    """Move a version to a stage."""
    version = _named(call, body.name, body.version)
    services.move_version(
        version=version,
        stage=read_stage(body.stage),
        archive_others=bool(body.archive_existing_versions),
        by=call.user,
        now=call.now,
    )
    return _shown(version)


@endpoint(SearchRegistered)
def search(call: Call, body: SearchRegistered) -> object:
    """Return a page of versions."""
    page = queries.search_versions(
        workspace=call.workspace,
        filter_text=body.filter or "",
        order_by=body.order_by or (),
        page_token=body.page_token or "",
        max_results=page_size(body.max_results, default=DEFAULT_VERSIONS, most=MAX_VERSIONS),
    )
    return shapes.compact(
        {"model_versions": [shapes.model_version(row) for row in page.rows], "next_page_token": page.next_token}
    )


def _named(call: Call, name: str, version: str) -> "ModelVersion":
    return queries.get_version(workspace=call.workspace, name=name, version=version)


def _shown(version: "ModelVersion") -> object:
    return {"model_version": shapes.model_version(queries.version_row(version))}
