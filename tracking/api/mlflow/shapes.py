"""MLflow's messages, made from this server's rows: keys exactly as sent, unset fields and empty lists left out."""

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from tracking.artifacts.queries import URI_SCHEME, run_artifact_uri
from tracking.artifacts.types import FileInfo
from tracking.core.clock import to_ms
from tracking.metrics.types import Latest
from tracking.registry.types import LoggedModelRow, ModelLinks, RegisteredRow, VersionRow
from tracking.runs.types import DatasetLogged, ExperimentRow, Pair, RunHead
from tracking.workspaces.types import WorkspaceRow

if TYPE_CHECKING:
    from tracking.runs.models import Run
    from tracking.workspaces.models import Workspace

_encode = msgspec.json.Encoder().encode
Json = Mapping[str, object]


def compact(message: Json) -> Json:
    """Return the message without what protobuf leaves out: None and empty lists."""
    return {key: value for key, value in message.items() if value is not None and value != []}


def number(value: float) -> float | str:
    """Return a metric's value as MLflow sends it: NaN as text, infinities as the greatest double."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else math.copysign(sys.float_info.max, value)


def pairs(found: Iterable[Pair]) -> list[Json]:
    """Return params or tags."""
    return [{"key": pair.key, "value": pair.value} for pair in found]


class _Experiment(msgspec.Struct, omit_defaults=True, gc=False):
    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: str
    creation_time: int | None
    last_update_time: int | None
    workspace: str
    tags: Sequence[Pair] = ()


def experiment(row: ExperimentRow, workspace: "Workspace") -> msgspec.Struct:
    """Return an Experiment."""
    return _Experiment(
        str(row.pk),
        row.name,
        f"{URI_SCHEME}{row.pk}",
        _stage(row.is_deleted),
        to_ms(row.created_at),
        to_ms(row.updated_at),
        workspace.name,
        row.tags,
    )


class _RunInfo(msgspec.Struct, omit_defaults=True, gc=False):
    run_id: str
    run_uuid: str
    run_name: str
    experiment_id: str
    user_id: str
    status: str
    start_time: int | None
    artifact_uri: str
    lifecycle_stage: str
    end_time: int | None = None


class _Metric(msgspec.Struct, gc=False):
    key: str
    value: float | str
    timestamp: int
    step: int


class _RunData(msgspec.Struct, omit_defaults=True):
    metrics: list[_Metric] = []
    params: Sequence[Pair] = []
    tags: Sequence[Pair] = []


def run(head: "RunHead | Run", document: str) -> bytes:
    """Return a Run as JSON; ``run_document`` made what it carries."""
    return b'{"info":%b,%b}' % (_encode(run_info(head)), document.encode())


def page_of_runs(runs: Sequence[bytes], next_token: str | None) -> bytes:
    """Return the answer of a search as JSON. Joined here: msgspec's buffer is copied again and again as it grows."""
    if not runs:
        return b"{}"
    token = b"" if next_token is None else b',"next_page_token":%b' % _encode(next_token)
    return b"".join((b'{"runs":[', b",".join(runs), b"]", token, b"}"))


def run_document(
    *,
    metrics: Sequence[Latest],
    params: Sequence[Pair],
    tags: Sequence[Pair],
    datasets: Sequence[DatasetLogged],
    links: ModelLinks | None,
) -> str:
    """Return the members of a Run that say what it carries, as JSON: data, inputs, outputs. Each sorted by key."""
    data = _RunData([_Metric(one.key, number(one.value), one.timestamp_ms, one.step) for one in metrics], params, tags)
    inputs = compact(
        {
            "dataset_inputs": [_dataset_input(one) for one in datasets],
            "model_inputs": [{"model_id": uid} for uid in links.inputs] if links else None,
        }
    )
    made = [{"model_id": uid, "step": step} for uid, step in links.outputs] if links else None
    outputs = compact({"model_outputs": made})
    return _encode({"data": data, "inputs": inputs, "outputs": outputs})[1:-1].decode()


def run_info(head: "RunHead | Run") -> msgspec.Struct:
    """Return a RunInfo."""
    return _RunInfo(
        run_id=head.uid,
        run_uuid=head.uid,
        run_name=head.name,
        experiment_id=str(head.experiment_id),
        user_id=head.user_name,
        status=head.status,
        start_time=to_ms(head.started_at),
        end_time=to_ms(head.ended_at),
        artifact_uri=run_artifact_uri(head.experiment_id, head.uid),
        lifecycle_stage=_stage(head.deleted_at is not None),
    )


def metric(key: str, value: float, timestamp_ms: int, step: int) -> Json:
    """Return a Metric."""
    return {"key": key, "value": number(value), "timestamp": timestamp_ms, "step": step}


def logged_model(row: LoggedModelRow) -> Json:
    """Return a LoggedModel."""
    return {
        "info": compact(
            {
                "model_id": row.uid,
                "experiment_id": str(row.experiment_id),
                "name": row.name,
                "creation_timestamp_ms": to_ms(row.created_at),
                "last_updated_timestamp_ms": to_ms(row.updated_at),
                "artifact_uri": f"{URI_SCHEME}{row.experiment_id}/models/{row.uid}/artifacts",
                "status": row.status.value,
                "model_type": row.model_type or None,
                "source_run_id": row.source_run_uid or None,
                "tags": pairs(row.tags),
            }
        ),
        "data": compact(
            {
                "params": pairs(row.params),
                "metrics": [
                    compact(
                        {
                            **metric(one.key, one.value, one.timestamp_ms, one.step),
                            "dataset_name": one.dataset_name or None,
                            "dataset_digest": one.dataset_digest or None,
                            "model_id": row.uid,
                            "run_id": one.run_uid,
                        }
                    )
                    for one in row.metrics
                ],
            }
        ),
    }


def registered_model(row: RegisteredRow) -> Json:
    """Return a RegisteredModel."""
    return compact(
        {
            "name": row.name,
            "creation_timestamp": to_ms(row.created_at),
            "last_updated_timestamp": to_ms(row.updated_at),
            "user_id": row.user_name or None,
            "description": row.description or None,
            "latest_versions": [model_version(version) for version in row.latest],
            "tags": pairs(row.tags),
            "aliases": [{"alias": alias.name, "version": str(alias.version)} for alias in row.aliases],
        }
    )


def model_version(row: VersionRow) -> Json:
    """Return a ModelVersion."""
    return compact(
        {
            "name": row.model_name,
            "version": str(row.version),
            "creation_timestamp": to_ms(row.created_at),
            "last_updated_timestamp": to_ms(row.updated_at),
            "user_id": row.user_name or None,
            "current_stage": row.stage.value,
            "description": row.description or None,
            "source": row.source,
            "run_id": row.run_uid or None,
            "status": "READY",
            "tags": pairs(row.tags),
            "run_link": row.run_link or None,
            "aliases": list(row.aliases),
            "model_id": row.model_uid or None,
        }
    )


def file_info(info: FileInfo, *, below: str = "") -> Json:
    """Return a FileInfo; ``below`` is put before its name."""
    path = f"{below}/{info.path}" if below else info.path
    return compact({"path": path, "is_dir": info.is_dir, "file_size": info.size_bytes})


def workspace(found: "Workspace | WorkspaceRow") -> Json:
    """Return a Workspace."""
    return compact({"name": found.name, "description": found.description or None})


def _dataset_input(given: DatasetLogged) -> Json:
    return compact(
        {
            "tags": pairs(given.tags),
            "dataset": compact(
                {
                    "name": given.name,
                    "digest": given.digest,
                    "source_type": given.source_type,
                    "source": given.source,
                    "schema": given.schema or None,
                    "profile": given.profile or None,
                }
            ),
        }
    )


def _stage(is_deleted: bool) -> str:
    return "deleted" if is_deleted else "active"
