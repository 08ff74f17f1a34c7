"""A server that speaks MLflow's REST API, as a source: MLflow's own, or one of ours. Nothing of MLflow is needed."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit

from mlportal._artifacts import CHUNK_BYTES, SCHEME, Artifacts
from mlportal._mlflow import MlflowApi, Point, number_in
from mlportal._transport import Transport, quoted
from mlportal.errors import ConfigError, MlportalError, NotFoundError, NotMlportalError, PermissionDeniedError
from mlportal.migration.records import (
    Dataset,
    ModelMetric,
    Owner,
    Problems,
    SourceExperiment,
    SourceFile,
    SourceModel,
    SourceRegistered,
    SourceRun,
    SourceVersion,
)

TOKEN, USER, PASSWORD = "MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
SIGN_IN = (
    "Give the user and the password in the address (http://USER:PASSWORD@HOST) or in "
    f"{USER} and {PASSWORD}, or a token in {TOKEN}."
)
PAGE = 1000
MODELS_PAGE = 100


class SourceTransport(Transport):
    """Calls of a server that is not ours, with its own credential or none."""

    def __init__(self, endpoint: str, authorization: str | None) -> None:
        super().__init__(endpoint)
        self._authorization = authorization

    def _headers(self) -> dict[str, str]:
        return {} if self._authorization is None else {"Authorization": self._authorization}

    def _token_changed(self) -> bool:
        return False


class ServerSource:
    """What one tracking URI leads to. ``workspace`` None: what lies at the server's root."""

    def __init__(self, transport: Transport, workspace: str | None = None) -> None:
        self.name = transport.endpoint if workspace is None else f"{transport.endpoint}/w/{workspace}"
        self.problems: Problems = {}
        self._transport = transport
        self._workspace = workspace
        self._mlflow = MlflowApi(transport, workspace)

    @classmethod
    def at(cls, tracking_uri: str) -> ServerSource:
        """Return the source at a tracking URI, once it answers.

        The credential is the address's own, else that of MLFLOW_TRACKING_TOKEN or MLFLOW_TRACKING_USERNAME and
        MLFLOW_TRACKING_PASSWORD.

        :raises ConfigError: if it wants another credential, or is no tracking server.
        """
        parts = urlsplit(tracking_uri)
        host = (parts.netloc.rpartition("@")[2], parts.path.rstrip("/"))
        source = cls(SourceTransport(urlunsplit((parts.scheme, *host, "", "")), _authorization(tracking_uri)))
        try:
            next(source.experiments(), None)
        except NotMlportalError as error:
            if error.status in (401, 403):
                raise ConfigError(f"{source.name} wants to know who asks. {SIGN_IN}") from error
            raise ConfigError(f"{source.name} is no MLflow tracking server (it answers {error.status}).") from error
        except MlportalError as error:
            if error.status in (401, 403):
                raise ConfigError(f"{source.name} refuses: {error} {SIGN_IN}") from error
            raise
        return source

    def experiments(self) -> Iterator[SourceExperiment]:
        """Yield every experiment, deleted ones too."""
        for row in self._mlflow.list_experiments(view="ALL"):
            yield SourceExperiment(row.experiment_id, row.name, row.lifecycle_stage == "deleted", row.tags)

    def runs(self, experiment: SourceExperiment) -> Iterator[SourceRun]:
        """Yield every run of an experiment, deleted ones too. A request for each thousand."""
        body = {"experiment_ids": [experiment.experiment_id], "run_view_type": "ALL", "max_results": PAGE}
        for page in self._mlflow.pages("runs/search", body):
            yield from (_run(one) for one in page.get("runs", []))

    def run(self, run_id: str) -> SourceRun:
        """Return one run. :raises NotFoundError: if there is none."""
        return _run(self._mlflow.get("runs/get", {"run_id": run_id})["run"])

    def models(self, experiment: SourceExperiment) -> Iterator[SourceModel]:
        """Yield the logged models of an experiment; none where the server is too old to have any."""
        try:
            for row in self._mlflow.search_models([experiment.experiment_id], page_size=MODELS_PAGE):
                yield _model(row)
        except (NotFoundError, NotMlportalError) as error:
            if error.status != 404:
                raise

    def model(self, model_id: str) -> SourceModel:
        """Return one logged model. :raises NotFoundError: if there is none."""
        return _model(self._mlflow.get(f"logged-models/{quoted(model_id)}", {})["model"])

    def points(self, run: SourceRun, key: str) -> list[Point]:
        """Return every point of a metric, by step, then time."""
        return self._mlflow.read_history(run.run_id, key)

    def files(self, owner: Owner) -> Iterator[SourceFile]:
        """Yield every file of a run or a model. A request for each folder."""
        artifacts = self._artifacts(owner)
        if artifacts is None:
            yield from self._listed(owner, "")
        else:
            for row in artifacts.walk():
                yield SourceFile(row.path, row.size_bytes)

    @contextmanager
    def fetch(self, owner: Owner, file: SourceFile) -> Iterator[Path]:
        """Give a temporary file with the content of ``file``."""
        with tempfile.TemporaryDirectory(prefix="mlportal-") as folder:
            target = Path(folder, "content")
            self.download(owner, file.path, target)
            yield target

    def download(self, owner: Owner, path: str, target: Path) -> None:
        """Store a file at ``target``."""
        artifacts = self._artifacts(owner)
        if artifacts is not None:
            artifacts.download(path, target)
            return
        with self._transport.stream(_file_address(owner, path), headers={}) as answer, open(target, "wb") as out:
            for chunk in answer.iter_bytes(CHUNK_BYTES):
                out.write(chunk)

    def checksum(self, owner: Owner, path: str) -> str:
        """Return the SHA-256 of a file, streamed."""
        artifacts, found = self._artifacts(owner), hashlib.sha256()
        if artifacts is None:
            raise ConfigError(f"Artifacts at {owner.artifact_uri[:200]!r} do not go through {self.name}.")
        for chunk in artifacts.chunks(path):
            found.update(chunk)
        return found.hexdigest()

    def registered(self) -> Iterator[SourceRegistered]:
        """Yield every registered model, prompts too; none where there is no registry."""
        try:
            yield from registered_at(self._mlflow)
        except PermissionDeniedError as error:
            self.problems.setdefault("", []).append(f"Registered models of {self.name} cannot be read: {error}")
        except (NotFoundError, NotMlportalError) as error:
            if error.status != 404:
                raise

    def _artifacts(self, owner: Owner) -> Artifacts | None:
        """Return the files that go through the server's proxy; None for those that only its own pages give out."""
        parts = urlsplit(owner.artifact_uri)
        if parts.scheme != SCHEME.rstrip(":/"):
            return None
        return Artifacts(self._transport, self._workspace, f"{SCHEME}{parts.path.lstrip('/')}")

    def _listed(self, owner: Owner, folder: str) -> Iterator[SourceFile]:
        for row in self._listing(owner, folder):
            if row.get("is_dir"):
                yield from self._listed(owner, row["path"])
            else:
                yield SourceFile(row["path"], int(row.get("file_size") or 0))

    def _listing(self, owner: Owner, folder: str) -> Iterator[Any]:
        if isinstance(owner, SourceRun):
            path, query = "artifacts/list", {"run_id": owner.run_id, "path": folder}
        else:
            path = f"logged-models/{quoted(owner.model_id)}/artifacts/directories"
            query = {"artifact_directory_path": folder}
        query = {key: value for key, value in query.items() if value}
        while True:
            answer = self._mlflow.get(path, query)
            yield from answer.get("files", [])
            if not answer.get("next_page_token"):
                return
            query = {**query, "page_token": answer["next_page_token"]}


def registered_at(mlflow: MlflowApi, *, name: str | None = None) -> Iterator[SourceRegistered]:
    """Yield the registered models of a server, or the one of this name. Some requests for each thousand versions."""
    asked = mlflow.registered_models() if name is None else [mlflow.registered_model(name)]
    models = {row["name"]: row for row in asked}
    versions = {(one.name, one.version): one for one in map(_version, mlflow.model_versions(name))}
    for row in models.values():
        yield SourceRegistered(
            name=row["name"],
            description=row.get("description", ""),
            tags=_texts(row.get("tags")),
            aliases={one["alias"]: int(one["version"]) for one in row.get("aliases", [])},
            versions=tuple(versions[key] for key in sorted(versions) if key[0] == row["name"]),
        )


def _version(answer: Mapping[str, Any]) -> SourceVersion:
    return SourceVersion(
        name=answer["name"],
        version=int(answer["version"]),
        description=answer.get("description", ""),
        stage=answer.get("current_stage", "None"),
        source=answer.get("source", ""),
        run_id=answer.get("run_id", ""),
        run_link=answer.get("run_link", ""),
        model_id=answer.get("model_id", ""),
        tags=_texts(answer.get("tags")),
    )


def _file_address(owner: Owner, path: str) -> str:
    """Return where MLflow's own pages take a file from, wherever the server keeps it."""
    if isinstance(owner, SourceRun):
        return f"get-artifact?{urlencode({'run_id': owner.run_id, 'path': path})}"
    below = f"ajax-api/2.0/mlflow/logged-models/{quoted(owner.model_id)}/artifacts/files"
    return f"{below}?{urlencode({'artifact_file_path': path})}"


def _authorization(tracking_uri: str) -> str | None:
    parts = urlsplit(tracking_uri)
    user, password = os.environ.get(USER), os.environ.get(PASSWORD)
    if parts.username is not None:
        user, password = unquote(parts.username), unquote(parts.password or "")
    elif os.environ.get(TOKEN):
        return f"Bearer {os.environ[TOKEN]}"
    if not user:
        return None
    pair = f"{user}:{password or ''}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _run(answer: Mapping[str, Any]) -> SourceRun:
    info, data = answer["info"], answer.get("data", {})
    inputs, outputs = answer.get("inputs", {}), answer.get("outputs", {})
    return SourceRun(
        run_id=info["run_id"],
        experiment_id=str(info["experiment_id"]),
        name=info.get("run_name", ""),
        user=info.get("user_id", ""),
        status=info["status"],
        is_deleted=info["lifecycle_stage"] == "deleted",
        start_ms=_whole(info.get("start_time")),
        end_ms=_whole(info.get("end_time")),
        artifact_uri=info.get("artifact_uri", ""),
        params=_texts(data.get("params")),
        tags=_texts(data.get("tags")),
        metric_keys=tuple(one["key"] for one in data.get("metrics", [])),
        datasets=tuple(_dataset(one) for one in inputs.get("dataset_inputs", [])),
        model_inputs=tuple(one["model_id"] for one in inputs.get("model_inputs", [])),
        model_outputs=tuple((one["model_id"], int(one.get("step", 0))) for one in outputs.get("model_outputs", [])),
        fingerprint=_fingerprint(answer),
    )


def _fingerprint(answer: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(answer, sort_keys=True).encode()).hexdigest()


def _dataset(answer: Mapping[str, Any]) -> Dataset:
    told = answer["dataset"]
    names = ("name", "digest", "source_type", "source", "schema", "profile")
    return Dataset(**{name: told.get(name, "") for name in names}, tags=_texts(answer.get("tags")))


def _model(answer: Mapping[str, Any]) -> SourceModel:
    info, data = answer["info"], answer.get("data", {})
    status = info.get("status", "LOGGED_MODEL_PENDING")
    return SourceModel(
        model_id=info["model_id"],
        experiment_id=str(info["experiment_id"]),
        name=info.get("name", ""),
        model_type=info.get("model_type", ""),
        status=status,
        source_run_id=info.get("source_run_id", ""),
        artifact_uri=info.get("artifact_uri", ""),
        params=_texts(data.get("params")),
        tags=_texts(info.get("tags")),
        metrics=tuple(_model_metric(one) for one in data.get("metrics", [])),
        fingerprint=_fingerprint(answer),
    )


def _model_metric(answer: Mapping[str, Any]) -> ModelMetric:
    value = number_in(answer["value"])
    point = Point(answer["key"], value, int(answer["timestamp"]), int(answer.get("step", 0)))
    return ModelMetric(
        point, answer.get("run_id", ""), answer.get("dataset_name", ""), answer.get("dataset_digest", "")
    )


def _texts(rows: Any) -> dict[str, str]:
    return {one["key"]: one.get("value", "") for one in rows or []}


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)
