"""The demo's experiments."""

from datetime import datetime

import numpy as np

from tracking.management.demo import hyper_search, image_sweep, language_model, tabular_models
from tracking.management.demo.plans import ExperimentPlan


def planned_experiments(*, runs: int, seed: int, now: datetime) -> tuple[ExperimentPlan, ...]:
    """Plan them all around a sweep of ``runs`` runs; the same seed and time give the same plans."""
    sizes = (
        (tabular_models.plan, 2 * runs),
        (hyper_search.plan, runs),
        (language_model.plan, runs),
        (image_sweep.plan, runs),
    )
    return tuple(
        plan(runs=size, rng=np.random.default_rng([seed, number]), now=now) for number, (plan, size) in enumerate(sizes)
    )
