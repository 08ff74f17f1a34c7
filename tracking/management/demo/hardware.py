"""System metrics under the names that the mlflow client gives them."""

import numpy as np

from tracking.management.demo.plans import Floats, Series

SAMPLES = 180


def system_metrics(rng: np.random.Generator, *, gpu_memory_mb: float, busy: float = 0.93) -> tuple[Series, ...]:
    """Return what a machine with one GPU shows: ``busy`` is the usual utilisation, 0 to 1."""
    steps = np.arange(SAMPLES, dtype=np.int64)
    warm: Floats = 1.0 - np.exp(-steps / 4.0)
    pauses = np.where(steps % 45 > 41, 0.25, 1.0)  # evaluation leaves the GPU waiting for data

    def wobble(scale: float) -> Floats:
        return rng.normal(0.0, scale, SAMPLES)

    gpu = np.clip(100 * busy * warm * pauses + wobble(1.5), 0, 100)
    return (
        Series("system/gpu_0_utilization_percentage", steps, gpu),
        Series("system/gpu_0_memory_usage_megabytes", steps, 1_100 + (gpu_memory_mb - 1_100) * warm + wobble(6.0)),
        Series("system/gpu_0_power_usage_watts", steps, 60 + 2.3 * gpu + wobble(4.0)),
        Series("system/cpu_utilization_percentage", steps, np.clip(3 + 38 * warm + wobble(4.0), 0, 100)),
        Series("system/system_memory_usage_megabytes", steps, 9_200 + 3_100 * warm + wobble(20.0)),
    )
