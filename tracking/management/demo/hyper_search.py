"""A search for hyper-parameters: a parent run with a child for each trial."""

from datetime import datetime, timedelta

import numpy as np

from tracking.management.demo import curves, files
from tracking.management.demo.origins import dataset, hours_before, source_tags
from tracking.management.demo.plans import ExperimentPlan, RunPlan, Series
from tracking.runs.types import RunStatus

EPOCHS = 30
TRIAL = timedelta(minutes=11)
USER = "tomas"
NOTE = (
    "A search of fifty trials at most over dropout, width and learning rate; open the parent run to see its children."
)
SCHEMA = '{"mlflow_colspec": [{"name": "utterance", "type": "string"}, {"name": "intent", "type": "string"}]}'


def plan(*, runs: int, rng: np.random.Generator, now: datetime) -> ExperimentPlan:
    """Plan one search with ``runs`` trials, every seventh of which is pruned early."""
    started_at = hours_before(now, 24 * 6)
    source = "s3://datasets/intents/v2"
    data = (dataset(rng, "intents", context="training", source=source, rows=31_700, schema=SCHEMA),)
    tags = source_tags(rng, user=USER, script="search.py", repository="intents")
    trials = tuple(_trial(number, started_at + number * TRIAL, rng, tags) for number in range(runs))
    scores = np.array([trial.series[1].values[-1] for trial in trials])
    best = int(scores.argmax())
    parent = RunPlan(
        name="search-width-dropout",
        user_name=USER,
        started_at=started_at,
        duration=runs * TRIAL,
        params={"sampler": "tpe", "trials": str(runs), "objective": "eval/f1"},
        tags=tags | {"best_trial": trials[best].name},
        series=(Series("best/eval/f1", np.arange(runs, dtype=np.int64), np.maximum.accumulate(scores)),),
        datasets=data,
        files={"best_params.json": files.json_file(dict(trials[best].params))},
        children=trials,
    )
    return ExperimentPlan(
        name="language/intent-search",
        note=NOTE,
        tags={"team": "language"},
        created_at=started_at,
        runs=(parent,),
    )


def _trial(number: int, started_at: datetime, rng: np.random.Generator, tags: dict[str, str]) -> RunPlan:
    learning_rate, dropout = float(10 ** rng.uniform(-4.5, -2.0)), float(rng.uniform(0.0, 0.6))
    width = int(rng.choice([128, 256, 512, 1024]))
    is_pruned = number % 7 == 6
    steps = curves.every(1, last=EPOCHS // 4 if is_pruned else EPOCHS)
    misfit = (np.log10(learning_rate) + 3.2) ** 2 * 0.05 + (dropout - 0.2) ** 2 * 0.4 + (0.04 if width == 128 else 0.0)
    score = curves.noisy(rng, curves.decay(steps, start=0.3, end=0.91 - misfit, half_life=4), relative=0.008)
    loss = curves.noisy(rng, curves.decay(steps, start=2.0, end=0.3 + 2 * misfit, half_life=4), relative=0.02)
    return RunPlan(
        name=f"trial-{number:02d}",
        user_name=USER,
        started_at=started_at,
        duration=float(rng.uniform(0.75, 1.0)) * (TRIAL / 4 if is_pruned else TRIAL),
        status=RunStatus.KILLED if is_pruned else RunStatus.FINISHED,
        params={"learning_rate": f"{learning_rate:.2e}", "dropout": f"{dropout:.2f}", "width": str(width)},
        tags=tags | {"pruned": str(is_pruned).lower()},
        series=(Series("eval/loss", steps, loss), Series("eval/f1", steps, score)),
    )
