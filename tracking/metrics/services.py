"""Logging metrics, and the batch that carries params and tags with them."""

import math
from collections.abc import Sequence

import numpy as np
from django.db import transaction

from tracking.core.errors import InvalidParameterError
from tracking.metrics import codec, store
from tracking.metrics.codec import Points
from tracking.metrics.models import MetricSegment, MetricSeries
from tracking.metrics.types import (
    MAX_BATCH_ENTITIES,
    MAX_BATCH_METRICS,
    MAX_BATCH_PARAMS,
    MAX_BATCH_TAGS,
    Metric,
)
from tracking.runs.models import Run
from tracking.runs.rules import check_key
from tracking.runs.services import check_active_run, intern_keys, log_params, set_tags
from tracking.runs.types import KeyKind, Pair

MAX_INT64 = 2**63 - 1


@transaction.atomic
def log_batch(*, run: Run, metrics: Sequence[Metric], params: Sequence[Pair], tags: Sequence[Pair]) -> None:
    """Log metrics, params and tags of an active run, all or nothing. Fourteen statements at most, whatever the sizes.

    :raises InvalidParameterError: if anything breaks a rule; nothing is kept then.
    """
    _check_sizes(metrics, params, tags)
    check_active_run(run)
    log_params(run=run, params=params)
    set_tags(run=run, tags=tags)
    _log_metrics(run, metrics, is_batch=True)


@transaction.atomic
def log_metric(*, run: Run, metric: Metric) -> None:
    """Log one point of an active run.

    :raises InvalidParameterError: if it breaks a rule.
    """
    check_active_run(run)
    _log_metrics(run, [metric], is_batch=False)


@transaction.atomic
def purge_points(*, run: Run, limit: int) -> int:
    """Remove for good at most ``limit`` segments of a run, and its series with the last of them; return how many.

    Less than ``limit``: nothing is left. A transaction a call, so that nobody waits long for the write lock.
    """
    segments = list(MetricSegment.objects.filter(run=run).order_by("pk").values_list("pk", flat=True)[:limit])
    MetricSegment.objects.filter(pk__in=segments).delete()
    if len(segments) < limit:
        MetricSeries.objects.filter(run=run).delete()
    return len(segments)


def _log_metrics(run: Run, metrics: Sequence[Metric], *, is_batch: bool) -> None:
    if not metrics:
        return
    names = dict.fromkeys(metric.key for metric in metrics)
    if not all(0 <= metric.timestamp_ms <= MAX_INT64 and abs(metric.step) <= MAX_INT64 for metric in metrics):
        _refuse_numbers(metrics, is_batch=is_batch)
    for name in names:
        number = next(i for i, metric in enumerate(metrics) if metric.key == name) if is_batch else 0
        check_key(name, field=f"metrics[{number}].name" if is_batch else "name")
    keys = intern_keys(experiment_id=run.experiment_id, kind=KeyKind.METRIC, names=list(names))
    key_ids = [keys[metric.key] for metric in metrics]
    points = Points(
        steps=np.array([metric.step for metric in metrics], dtype=np.int64),
        timestamps_ms=np.array([metric.timestamp_ms for metric in metrics], dtype=np.int64),
        values=np.array([metric.value for metric in metrics], dtype=np.float64),
    )
    store.append(run_id=run.pk, payload=codec.encode_segment(key_ids, points), changes=_changes(key_ids, points))


def _changes(key_ids: Sequence[int], points: Points) -> list[store.SeriesChange]:
    """Summarise a request a series: plain loops, which beat numpy on the few points that a key has in one request."""
    by_key: dict[int, list[int]] = {}
    for number, key_id in enumerate(key_ids):
        by_key.setdefault(key_id, []).append(number)
    steps, timestamps, values = points.steps.tolist(), points.timestamps_ms.tolist(), points.values.tolist()
    changes = []
    for key_id, numbers in by_key.items():
        latest = max(numbers, key=lambda i: (steps[i], timestamps[i], 0.0 if math.isnan(values[i]) else values[i]))
        real = [values[i] for i in numbers if not math.isnan(values[i])]
        mine = [steps[i] for i in numbers]
        changes.append(
            store.SeriesChange(
                key_id=key_id,
                latest_step=steps[latest],
                latest_timestamp_ms=timestamps[latest],
                latest_value=None if math.isnan(values[latest]) else values[latest],
                min_value=min(real, default=None),
                max_value=max(real, default=None),
                first_step=min(mine),
                last_step=max(mine),
                received=len(numbers),
            )
        )
    return changes


def _refuse_numbers(metrics: Sequence[Metric], *, is_batch: bool) -> None:
    for number, metric in enumerate(metrics):
        place = f"metrics[{number}]." if is_batch else ""
        if not 0 <= metric.timestamp_ms <= MAX_INT64:
            raise InvalidParameterError(
                f"Invalid value {metric.timestamp_ms} for parameter '{place}timestamp' supplied: "
                f"metric {metric.key!r} needs milliseconds since 1970, from 0 to 2^63 - 1."
            )
        if abs(metric.step) > MAX_INT64:
            raise InvalidParameterError(
                f"Invalid value {metric.step} for parameter '{place}step' supplied: "
                f"metric {metric.key!r} needs a step of 64 bits."
            )


def _check_sizes(metrics: Sequence[Metric], params: Sequence[Pair], tags: Sequence[Pair]) -> None:
    for what, given, most in (
        ("metrics", metrics, MAX_BATCH_METRICS),
        ("params", params, MAX_BATCH_PARAMS),
        ("tags", tags, MAX_BATCH_TAGS),
    ):
        if len(given) > most:
            raise InvalidParameterError(
                f"A batch logging request can contain at most {most} {what}. Got {len(given)} {what}. "
                f"Please split up {what} across multiple requests and try again."
            )
    total = len(metrics) + len(params) + len(tags)
    if total > MAX_BATCH_ENTITIES:
        raise InvalidParameterError(
            f"A batch logging request can contain at most {MAX_BATCH_ENTITIES} metrics, params and tags in all. "
            f"Got {total}. Please split them up across multiple requests and try again."
        )
