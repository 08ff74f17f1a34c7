"""What a version may be made of: MLflow's rules on sources (handlers.py of mlflow 3.17), without a path of any disk."""

import posixpath
import re
from dataclasses import dataclass, replace
from typing import NoReturn
from urllib.parse import SplitResult, unquote, urlsplit

from tracking.artifacts.queries import URI_SCHEME, run_artifact_uri
from tracking.core.errors import InvalidParameterError, NotFoundError
from tracking.registry.models import LoggedModel, ModelVersion
from tracking.registry.queries import get_model, get_registered, get_version, get_version_by_alias, registered_row
from tracking.registry.rules import is_latest, read_stage
from tracking.registry.types import PROMPT_SOURCES, Origin
from tracking.runs.queries import get_run
from tracking.workspaces.models import Workspace

ARTIFACT_ROUTE = ("api", "2.0", "mlflow-artifacts", "artifacts")


@dataclass(frozen=True, slots=True)
class Given:
    """What a request says of a version's origin; None: nothing."""

    source: str
    run_uid: str | None
    model_uid: str | None


def model_artifact_uri(model: LoggedModel) -> str:
    """Return where a logged model's files are, by MLflow's address."""
    return f"{URI_SCHEME}{model.experiment_id}/models/{model.uid}/artifacts"


def resolve_prompt(given: Given) -> Origin:
    """Return the origin of a version of a prompt, which has no files.

    :raises InvalidParameterError: if the source is not one of the words that stand for none.
    """
    if given.source not in PROMPT_SOURCES:
        raise InvalidParameterError(
            f"Invalid prompt source: '{given.source[:200]}'. Prompt sources must use an MLflow placeholder."
        )
    return Origin(given.source, given.source, given.run_uid or "", given.model_uid or "")


def resolve_source(*, workspace: Workspace, given: Given) -> Origin:
    """Return what a version is made of. Three queries at most, five for another version.

    :raises InvalidParameterError: if the source is a place on a disk, leads out of its place, or is not of the run or
        logged model that is named.
    :raises NotFoundError: if the workspace has no such logged model, registered model or version.
    """
    address = _split(given.source)
    if address.scheme == "models":
        if address.netloc:
            _refuse(given, "model_id")
        name = address.path.lstrip("/")
        if "/" in name or "@" in name:
            return _of_version(workspace, given, name)
        if name != given.model_uid:
            _refuse(given, "model_id")
        model = get_model(workspace=workspace, uid=name)
        return _with_run_of(model, Origin(given.source, model_artifact_uri(model), given.run_uid or "", name))
    _check_remote(given.source, address)
    origin = Origin(given.source, given.source, given.run_uid or "", given.model_uid or "")
    if given.model_uid:
        model = get_model(workspace=workspace, uid=given.model_uid)
        _check_inside(given, address, root=model_artifact_uri(model), field="model_id")
        return _with_run_of(model, origin)
    if address.scheme == "runs" and (address.netloc or address.path.split("/")[1:2] != [origin.run_uid]):
        _refuse(given, "run_id")
    if _is_artifact(address):
        _check_inside(given, address, root=_run_root(workspace, given), field="run_id")
    return origin


def _of_version(workspace: Workspace, given: Given, name: str) -> Origin:
    """Return the origin of another version: ``name/1``, ``name/latest``, ``name/Staging`` or ``name@alias``."""
    version = _version_at(workspace, given, name)
    same_run = given.run_uid is None or given.run_uid == version.run_uid
    same_model = given.model_uid is None or given.model_uid == version.model_uid
    if not (same_run and same_model):
        raise InvalidParameterError(
            f"Invalid model version source: '{given.source[:200]}'. The run_id and model_id request parameters must "
            "match the referenced model version."
        )
    source = f"models:/{version.model.name}/{version.version}"
    return Origin(source, version.location, version.run_uid, version.model_uid)


def _version_at(workspace: Workspace, given: Given, name: str) -> ModelVersion:
    model_name, _, suffix = name.partition("/")
    alias = ""
    if not suffix:
        model_name, _, alias = name.rpartition("@")
    elif is_latest(suffix):
        alias = suffix
    model = registered_row(get_registered(workspace=workspace, name=model_name))
    if model.is_prompt:
        raise InvalidParameterError(
            f"Invalid model version source: '{given.source[:200]}'. Prompt versions cannot be used as model version "
            "sources."
        )
    if alias:
        return get_version_by_alias(workspace=workspace, name=model_name, alias=alias)
    if suffix.isascii() and suffix.isdigit():
        return get_version(workspace=workspace, name=model_name, version=suffix)
    stage = read_stage(suffix)
    for row in model.latest:
        if row.stage is stage:
            return get_version(workspace=workspace, name=model_name, version=str(row.version))
    raise NotFoundError(f"No versions of model with name '{model_name}' and stage '{stage}' found")


def _with_run_of(model: LoggedModel, origin: Origin) -> Origin:
    run = model.source_run
    return replace(origin, run_uid=run.uid) if run is not None and not origin.run_uid else origin


def _run_root(workspace: Workspace, given: Given) -> str:
    try:
        run = get_run(workspace=workspace, uid=given.run_uid or "")
    except NotFoundError:
        _refuse(given, "run_id")
    return run_artifact_uri(run.experiment_id, run.uid)


def _check_remote(source: str, address: SplitResult) -> None:
    """Refuse a source on the server's disk, and one whose path means another one than it says."""
    if len(address.scheme) < 2 or address.scheme == "file":
        raise InvalidParameterError(
            f"Invalid model version source: '{source[:200]}'. To use a local path as a model version source, the "
            "run_id request parameter has to be specified and the local path has to be contained within the artifact "
            "directory of the run specified by the run_id; artifacts of this server are no local paths."
        )
    plain = _unquoted(source)
    path = re.sub(r"/+", "/", _split(plain).path.rstrip("/"))
    if "\0" in plain or ".." in plain.split("/") or (path and posixpath.normpath(path) != path):
        raise InvalidParameterError(
            f"Invalid model version source: '{source[:200]}'. If supplying a source as an http, https, local file "
            "path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path "
            "references present. Please provide an absolute path."
        )


def _check_inside(given: Given, address: SplitResult, *, root: str, field: str) -> None:
    """Refuse one of this server's artifacts that is not below ``root``."""
    if address.scheme == "runs":
        _refuse(given, field)
    if _is_artifact(address):
        inside = _parts(_split(root))
        if address.scheme != URI_SCHEME.partition(":")[0] or address.netloc or _parts(address)[: len(inside)] != inside:
            _refuse(given, field)


def _is_artifact(address: SplitResult) -> bool:
    """Tell whether a source is a file of an artifact proxy, this server's or another."""
    if address.scheme == "mlflow-artifacts":
        return True
    parts = _parts(address)
    return address.scheme in ("http", "https") and any(
        parts[start : start + len(ARTIFACT_ROUTE)] == ARTIFACT_ROUTE for start in range(len(parts))
    )


def _parts(address: SplitResult) -> tuple[str, ...]:
    return tuple(_unquoted(part) for part in address.path.split("/") if part)


def _unquoted(text: str) -> str:
    """Return the text without percent-encoding, however often it was encoded."""
    while (plain := unquote(text)) != text:
        text = plain
    return text


def _split(source: str) -> SplitResult:
    try:
        return urlsplit(source, allow_fragments=False)
    except ValueError:
        raise InvalidParameterError(f"Invalid model version source: '{source[:200]}'. It is no address.") from None


def _refuse(given: Given, field: str) -> NoReturn:
    raise InvalidParameterError(
        f"Invalid model version source: '{given.source[:200]}'. The {field} request parameter must identify the "
        "resource that contains the source."
    )
