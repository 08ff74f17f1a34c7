"""Words about metrics, and MLflow's limits on them."""

from dataclasses import dataclass

import msgspec

MAX_BATCH_METRICS = 1_000
MAX_BATCH_PARAMS = 100
MAX_BATCH_TAGS = 100
MAX_BATCH_ENTITIES = 1_000


class Metric(msgspec.Struct, frozen=True, gc=False):  # a thousand a request: ten times cheaper to make than a dataclass
    """One point of a metric series. ``timestamp_ms``: milliseconds since 1970; ``value`` may be NaN or infinite."""

    key: str
    value: float
    timestamp_ms: int
    step: int


class Latest(msgspec.Struct, frozen=True, gc=False):  # tens of thousands a page
    """The latest point of a series, by MLflow's rule."""

    key: str
    value: float
    timestamp_ms: int
    step: int


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """What is known of a metric series without reading its points.

    ``latest`` follows MLflow's rule (the maximum of step, timestamp, value). ``min_value`` and ``max_value`` leave NaN
    out and are None when there is nothing else. ``received``: points that arrived, re-sent ones counted again;
    ``mean_value`` counts those that are finite likewise and is None where nobody counted them.
    """

    run_id: int
    key: str
    latest_value: float
    latest_timestamp_ms: int
    latest_step: int
    min_value: float | None
    max_value: float | None
    first_step: int
    last_step: int
    received: int
    mean_value: float | None = None


class BlockHead(msgspec.Struct, frozen=True, gc=False):  # seven a series of 100,000 points
    """What is known of a block without its points; first and last in order of step, timestamp."""

    pk: int
    first_step: int
    first_timestamp_ms: int
    last_step: int
    last_timestamp_ms: int
    min_timestamp_ms: int
    max_timestamp_ms: int
    count: int
