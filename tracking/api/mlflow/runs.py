"""``runs/…``"""

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from django.http import HttpResponse

from tracking.api.base import Call, endpoint
from tracking.api.mlflow import shapes
from tracking.api.mlflow.documents import documents_of
from tracking.api.mlflow.messages import LIFECYCLES, KeyValue, RunNamed, moment, page_size, pairs, word
from tracking.core.clock import EPOCH
from tracking.core.errors import InvalidParameterError
from tracking.core.json import Int64, Request, decode
from tracking.metrics.services import log_batch as log_batch_on_run
from tracking.metrics.services import log_metric as log_metric_on_run
from tracking.metrics.services import settle
from tracking.metrics.types import Metric
from tracking.registry.services import log_batch_on_models, log_outputs
from tracking.registry.services import log_inputs as log_inputs_of_run
from tracking.registry.types import ModelMetric
from tracking.runs import queries, services
from tracking.runs.types import DatasetLogged, Lifecycle, Pair, RunHead, RunIdentity, RunRef, RunStatus

if TYPE_CHECKING:
    from tracking.runs.models import Run

STATUSES = tuple(RunStatus)
ENDED = (RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED)
LOG_MODEL_HISTORY_TAG = "mlflow.log-model.history"
MAX_INPUTS = 1_000
MAX_INPUTS_BYTES = 32 * 1024 * 1024  # one dataset's profile alone may have 16 MiB
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
SPECIAL_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class CreateRun(Request):
    """runs/create"""

    experiment_id: str
    user_id: str | None = None
    run_name: str | None = None
    start_time: Int64 | None = None
    tags: list[KeyValue] | None = None


class UpdateRun(RunNamed):
    """runs/update"""

    status: str | int | None = None
    end_time: Int64 | None = None
    run_name: str | None = None


class SearchRuns(Request):
    """runs/search"""

    experiment_ids: list[str] | None = None
    filter: str | None = None
    run_view_type: str | int | None = None
    max_results: Int64 | None = None
    order_by: list[str] | None = None
    page_token: str | None = None


class MetricSent(Request, gc=False):  # a thousand a request
    """One metric of a batch."""

    key: str
    value: float | str
    timestamp: Int64
    step: Int64 | None = None
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None
    run_id: str | None = None


class LogMetric(RunNamed, kw_only=True):
    """runs/log-metric"""

    key: str
    value: float | str
    timestamp: Int64
    step: Int64 | None = None
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None


class LogBatch(Request):
    """runs/log-batch"""

    run_id: str
    metrics: list[MetricSent] | None = None
    params: list[KeyValue] | None = None
    tags: list[KeyValue] | None = None


class KeyValueOnRun(RunNamed, kw_only=True):
    """runs/log-parameter, set-tag"""

    key: str
    value: str | None = None


class DeleteTag(RunNamed, kw_only=True):
    """runs/delete-tag"""

    key: str


class DatasetSent(Request):
    """A dataset of log-inputs."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None


class DatasetInputSent(Request):
    """A dataset of log-inputs with its tags."""

    dataset: DatasetSent
    tags: list[KeyValue] | None = None


class ModelInputSent(Request):
    """A logged model that a run uses."""

    model_id: str


class ModelOutputSent(Request):
    """A logged model that a run made."""

    model_id: str
    step: Int64 | None = None


class LogInputs(Request):
    """runs/log-inputs"""

    run_id: str
    datasets: list[DatasetInputSent] | None = None
    models: list[ModelInputSent] | None = None


class LogOutputs(Request):
    """runs/outputs"""

    run_id: str
    models: list[ModelOutputSent] | None = None


class LogModel(RunNamed, kw_only=True):
    """runs/log-model"""

    model_json: str


class ModelJson(Request):
    """What runs/log-model needs of an MLmodel file; the whole is kept."""

    artifact_path: str
    utc_time_created: str
    run_id: str


@endpoint(CreateRun, shares_commit=True)
def create(call: Call, body: CreateRun) -> object:
    """Start a run."""
    tags = pairs(body.tags)
    run = services.create_run(
        experiment=queries.get_experiment_ref(workspace=call.workspace, experiment_id=body.experiment_id),
        name=body.run_name or "",
        user_name=body.user_id or "",
        started_at=moment(body.start_time, field="start_time") or EPOCH,
        tags=tags,
        by=call.user,
    )
    document = shapes.run_document(
        metrics=(), params=(), tags=queries.new_run_tags(run, tags=tags), datasets=(), links=None
    )
    return {"run": msgspec.Raw(shapes.run(run, document))}


@endpoint(RunNamed)
def get(call: Call, body: RunNamed) -> object:
    """Return a run, deleted or not."""
    return {"run": msgspec.Raw(_shown([_named(call, body.uid)])[0])}


@endpoint(SearchRuns)
def search(call: Call, body: SearchRuns) -> object:
    """Return a page of runs."""
    page = queries.search_run_heads(
        workspace=call.workspace,
        experiment_ids=body.experiment_ids or (),
        filter_text=body.filter or "",
        order_by=body.order_by or (),
        lifecycle=word(body.run_view_type, LIFECYCLES) or Lifecycle.ACTIVE,
        page_token=body.page_token or "",
        max_results=page_size(body.max_results, default=1000),
        now=call.now,
    )
    return HttpResponse(shapes.page_of_runs(_shown(page.rows), page.next_token), content_type="application/json")


@endpoint(UpdateRun, shares_commit=True)
def update(call: Call, body: UpdateRun) -> object:
    """Change a run's status, end or name."""
    named = _ref(call, body.uid)
    changed = services.update_run(
        run=named,
        status=word(body.status, STATUSES),
        ended_at=moment(body.end_time, field="end_time"),
        name=body.run_name or "",
    )
    run = changed or _named(call, body.uid)
    if run.status in ENDED:
        settle(run=run)
    return {"run_info": shapes.run_info(run)}


@endpoint(RunNamed)
def delete(call: Call, body: RunNamed) -> object:
    """Delete a run; it can be restored."""
    services.delete_run(run=_named(call, body.uid), by=call.user, now=call.now)
    return {}


@endpoint(RunNamed)
def restore(call: Call, body: RunNamed) -> object:
    """Restore a deleted run."""
    services.restore_run(run=_named(call, body.uid), by=call.user, now=call.now)
    return {}


@endpoint(LogMetric, shares_commit=True)
def log_metric(call: Call, body: LogMetric) -> object:
    """Log one point of a metric."""
    metric = Metric(body.key, _value(body.value, "value"), body.timestamp, body.step or 0)
    if body.model_id:
        run = _named(call, body.uid)
        on_model = (body.model_id, _on_model(body, metric, run))
        log_batch_on_models(run=run, metrics=[metric], params=(), tags=(), model_metrics=[on_model])
    else:
        log_metric_on_run(run=_ref(call, body.uid), metric=metric)
    return {}


@endpoint(LogBatch, shares_commit=True)
def log_batch(call: Call, body: LogBatch) -> object:
    """Log metrics, params and tags, all or nothing."""
    run = _ref(call, body.run_id)
    sent = body.metrics or ()
    metrics = [
        Metric(one.key, one.value if type(one.value) is float else _value(one.value, f"metrics[{number}].value"),
               one.timestamp, one.step or 0)
        for number, one in enumerate(sent)
    ]  # fmt: skip
    on_models = [
        (one.model_id, _on_model(one, metric, run)) for one, metric in zip(sent, metrics, strict=True) if one.model_id
    ]
    params, tags = pairs(body.params), pairs(body.tags)
    if on_models:
        whole = _named(call, body.run_id)
        log_batch_on_models(run=whole, metrics=metrics, params=params, tags=tags, model_metrics=on_models)
    else:
        log_batch_on_run(run=run, metrics=metrics, params=params, tags=tags)
    return {}


@endpoint(KeyValueOnRun, shares_commit=True)
def log_parameter(call: Call, body: KeyValueOnRun) -> object:
    """Log a param."""
    services.log_params(run=_ref(call, body.uid), params=[Pair(body.key, body.value or "")])
    return {}


@endpoint(KeyValueOnRun, shares_commit=True)
def set_tag(call: Call, body: KeyValueOnRun) -> object:
    """Set a tag."""
    services.set_tags(run=_ref(call, body.uid), tags=[Pair(body.key, body.value or "")])
    return {}


@endpoint(DeleteTag)
def delete_tag(call: Call, body: DeleteTag) -> object:
    """Delete a tag."""
    services.delete_tag(run=_named(call, body.uid), key=body.key)
    return {}


@endpoint(LogInputs, max_body_bytes=MAX_INPUTS_BYTES)
def log_inputs(call: Call, body: LogInputs) -> object:
    """Note which datasets and logged models a run uses."""
    run = _named(call, body.run_id)
    if len(body.datasets or ()) > MAX_INPUTS:
        raise InvalidParameterError(
            f"A request can log at most {MAX_INPUTS} datasets. Got {len(body.datasets or ())}. Please split them up."
        )
    log_inputs_of_run(
        run=run,
        datasets=[
            DatasetLogged(
                name=one.dataset.name,
                digest=one.dataset.digest,
                source_type=one.dataset.source_type,
                source=one.dataset.source,
                schema=one.dataset.schema or "",
                profile=one.dataset.profile or "",
                tags=tuple(pairs(one.tags)),
            )
            for one in body.datasets or ()
        ],
        model_uids=[one.model_id for one in body.models or ()],
    )
    return {}


@endpoint(LogOutputs)
def outputs(call: Call, body: LogOutputs) -> object:
    """Note which logged models a run made."""
    run = _named(call, body.run_id)
    log_outputs(run=run, models=[(one.model_id, one.step or 0) for one in body.models or ()])
    return {}


@endpoint(LogModel)
def log_model(call: Call, body: LogModel) -> object:
    """Note a model file, as clients before MLflow 3 do: appended to the tag mlflow.log-model.history."""
    run = _named(call, body.uid)
    model = decode(body.model_json.encode(), ModelJson)
    if model.run_id != run.uid:
        raise InvalidParameterError(f"model_json names run {model.run_id[:80]!r}, the request names {run.uid!r}.")
    try:
        item = msgspec.json.decode(body.model_json)
    except msgspec.DecodeError as error:
        raise InvalidParameterError(f"model_json is not JSON: {error}.") from None
    services.append_to_tag(run=run, key=LOG_MODEL_HISTORY_TAG, item=item)
    return {}


def _named(call: Call, uid: str) -> "Run":
    return queries.get_run(workspace=call.workspace, uid=uid)


def _ref(call: Call, uid: str) -> RunRef:
    return queries.get_run_ref(workspace=call.workspace, uid=uid)


def _shown(runs: "Sequence[Run | RunHead]") -> list[bytes]:
    found = documents_of([run.pk for run in runs])
    return [shapes.run(run, found[run.pk]) for run in runs]


def _value(given: float | str, field: str) -> float:
    if isinstance(given, str):
        if given in SPECIAL_NUMBERS:
            return SPECIAL_NUMBERS[given]
        if not NUMBER.fullmatch(given) or not math.isfinite(float(given)):
            raise InvalidParameterError(
                f"Invalid value {given[:100]!r} for parameter '{field}' supplied: "
                'a metric\'s value is a number, "NaN", "Infinity" or "-Infinity".'
            )
    return float(given)


def _on_model(sent: LogMetric | MetricSent, metric: Metric, run: RunIdentity) -> ModelMetric:
    return ModelMetric(
        key=metric.key,
        value=metric.value,
        timestamp_ms=metric.timestamp_ms,
        step=metric.step,
        run_uid=run.uid,
        dataset_name=sent.dataset_name or "",
        dataset_digest=sent.dataset_digest or "",
    )
