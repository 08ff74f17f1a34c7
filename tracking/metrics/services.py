"""Logging metrics, the batch that carries params and tags with them, and compaction."""

from collections.abc import Mapping, Sequence

from django.db import transaction

from tracking.core.commits import one_change
from tracking.core.errors import InvalidParameterError
from tracking.core.queue import enqueue
from tracking.metrics import codec, store
from tracking.metrics.codec import Points
from tracking.metrics.compaction import WORTH_A_BLOCK, plan
from tracking.metrics.types import (
    MAX_BATCH_ENTITIES,
    MAX_BATCH_METRICS,
    MAX_BATCH_PARAMS,
    MAX_BATCH_TAGS,
    Metric,
)
from tracking.runs.rules import check_key
from tracking.runs.services import hold_active_run, intern_keys, store_params, store_tags
from tracking.runs.types import KeyKind, Pair, RunIdentity

MAX_INT64 = 2**63 - 1
MAX_SEGMENTS_A_PASS = 1_024
SEGMENTS_WORTH_A_PASS = 256
SEGMENTS_WORTH_A_SWEEP = 8
BYTES_WORTH_A_PASS = 4_096  # some 160 points; a message costs a millisecond, and short runs are many
MAX_COUNTED_RUNS = 10_000
MAX_SWEPT_RUNS = 1_000
_appended_by_run: dict[int, int] = {}


@one_change
def log_batch(*, run: RunIdentity, metrics: Sequence[Metric], params: Sequence[Pair], tags: Sequence[Pair]) -> None:
    """Log metrics, params and tags of an active run, all or nothing. Sixteen statements at most, whatever the sizes.

    :raises InvalidParameterError: if anything breaks a rule; nothing is kept then.
    """
    _check_sizes(metrics, params, tags)
    hold_active_run(run)
    store_params(run=run, params=params)
    store_tags(run=run, tags=tags)
    _log_metrics(run, metrics, is_batch=True)


@one_change
def log_metric(*, run: RunIdentity, metric: Metric) -> None:
    """Log one point of an active run. Three statements, for a metric that it has already.

    :raises InvalidParameterError: if it breaks a rule.
    """
    hold_active_run(run)
    _log_metrics(run, [metric], is_batch=False)


def settle(*, run: RunIdentity) -> None:
    """Have the points of a run that has ended compacted, if they are worth it, once the transaction is committed.

    One query. A worker that is not woken up leaves them as they are: readers find them all the same.
    """
    if store.segment_bytes(run_id=run.pk) >= BYTES_WORTH_A_PASS:
        enqueue("metrics.compact", run_id=run.pk)


def compact(*, run_id: int, limit: int = MAX_SEGMENTS_A_PASS) -> bool:
    """Turn a run's oldest segments into blocks; tell whether it is worth calling again.

    May be called by anybody at any time: readers see all points at every moment, writers do not wait, and of two that
    compact the same segments one changes nothing. Reads outside the transaction, so that SQLite's lock is held for the
    writing alone. Statements: four for the reading, three and one for every hundred blocks for the writing.
    """
    segments = store.oldest_segments(run_id=run_id, limit=limit)
    if not segments or (len(segments) == 1 and codec.is_compressed(segments[0][1])):
        return False
    waiting: dict[int, list[Points]] = {}
    for _, payload in segments:
        for key_id, points in codec.decode_segment(payload).items():
            waiting.setdefault(key_id, []).append(points)
    series = {key_id: Points.concat(parts) for key_id, parts in waiting.items()}
    ready = {key_id: series.pop(key_id) for key_id in list(series) if len(series[key_id]) >= WORTH_A_BLOCK}
    heads = store.block_heads(run_ids=[run_id], key_ids=list(ready))
    mergers = [
        (key_id, merger) for key_id, points in ready.items() for merger in plan(points, heads.get((run_id, key_id), []))
    ]
    old_pks = [head.pk for _, merger in mergers for head in merger.heads]
    old_blocks = store.read_blocks(old_pks)
    if len(old_blocks) < len(old_pks):
        return False
    is_done = store.replace(
        run_id=run_id,
        segments=[pk for pk, _ in segments],
        blocks=old_pks,
        by_blocks=[(key_id, points) for key_id, merger in mergers for points in merger.pieces(old_blocks)],
        by_segment=_segment_of(series),
    )
    return is_done and len(segments) == limit


def sweep() -> None:
    """Compact the runs that have more than a few segments. Costs a look at all segments' index, and the compaction."""
    for run_id in store.runs_with_segments(least=SEGMENTS_WORTH_A_SWEEP, limit=MAX_SWEPT_RUNS):
        while compact(run_id=run_id):
            pass


def count_waiting(*, most: int) -> int:
    """Count the runs that a sweep would compact, up to ``most``. One query, all segments' keys."""
    return len(store.runs_with_segments(least=SEGMENTS_WORTH_A_SWEEP, limit=most))


def _segment_of(series: Mapping[int, Points]) -> bytes | None:
    if not series:
        return None
    key_ids = [key_id for key_id, points in series.items() for _ in range(len(points))]
    return codec.compress_segment(codec.encode_segment(key_ids, Points.concat(list(series.values()))))


def _log_metrics(run: RunIdentity, metrics: Sequence[Metric], *, is_batch: bool) -> None:
    if not metrics:
        return
    steps = [metric.step for metric in metrics]
    timestamps_ms = [metric.timestamp_ms for metric in metrics]
    values = [metric.value for metric in metrics]
    if min(timestamps_ms) < 0 or min(steps) < -MAX_INT64:
        _refuse_numbers(metrics, is_batch=is_batch)
    names = [metric.key for metric in metrics]
    first_place_by_name = dict(zip(reversed(names), reversed(range(len(names))), strict=True))
    for name, place in first_place_by_name.items():
        check_key(name, field=f"metrics[{place}].name" if is_batch else "name")
    keys = intern_keys(experiment_id=run.experiment_id, kind=KeyKind.METRIC, names=list(first_place_by_name))
    key_ids = [keys[name] for name in names]
    store.append(
        run_id=run.pk,
        payload=codec.encode_rows(key_ids, steps, timestamps_ms, values),
        changes=_changes(key_ids, steps, timestamps_ms, values),
    )
    _count_segment(run.pk)


def _count_segment(run_id: int) -> None:
    """See to it that a run's segments do not pile up: every so often, wake a worker up or do its work.

    Counted in this process; what is forgotten with it, ``sweep`` finds.
    """
    appended = _appended_by_run.pop(run_id, 0) + 1
    if appended < SEGMENTS_WORTH_A_PASS:
        _appended_by_run[run_id] = appended
        if len(_appended_by_run) > MAX_COUNTED_RUNS:
            _appended_by_run.pop(next(iter(_appended_by_run)))
    else:
        transaction.on_commit(lambda: _relieve(run_id), robust=True)  # the points are there whatever happens


def _relieve(run_id: int) -> None:
    if store.count_segments(run_id=run_id) >= MAX_SEGMENTS_A_PASS:
        compact(run_id=run_id)  # no worker does: readers and disk must not pay without limit
    else:
        enqueue("metrics.compact", run_id=run_id)


def _changes(
    key_ids: Sequence[int], steps: Sequence[int], timestamps_ms: Sequence[int], values: Sequence[float]
) -> list[store.SeriesChange]:
    """Summarise a request by series. A plain loop beats numpy on the few points that a key has in one request."""
    found: dict[int, store.SeriesChange] = {}
    for key_id, step, timestamp_ms, value in zip(key_ids, steps, timestamps_ms, values, strict=True):
        real = None if value != value else value  # NaN
        is_finite = value - value == 0.0
        change = found.get(key_id)
        if change is None:
            found[key_id] = store.SeriesChange(
                key_id, step, timestamp_ms, real, real, real, step, step, 1, value if is_finite else 0.0, int(is_finite)
            )
            continue
        if step > change.latest_step or (
            step == change.latest_step
            and (timestamp_ms, real or 0.0) > (change.latest_timestamp_ms, change.latest_value or 0.0)
        ):
            change.latest_step, change.latest_timestamp_ms, change.latest_value = step, timestamp_ms, real
        if real is not None:
            if change.min_value is None or change.max_value is None:
                change.min_value = change.max_value = real
            elif real < change.min_value:
                change.min_value = real
            elif real > change.max_value:
                change.max_value = real
        if step > change.last_step:
            change.last_step = step
        elif step < change.first_step:
            change.first_step = step
        change.received += 1
        if is_finite:
            change.finite_sum += value
            change.finite_count += 1
    return list(found.values())


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
