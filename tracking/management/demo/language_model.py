"""The fine-tuning of a language model: a few runs with curves of 20,000 steps."""

from datetime import datetime, timedelta

import numpy as np

from tracking.management.demo import curves, files
from tracking.management.demo.hardware import system_metrics
from tracking.management.demo.origins import dataset, hours_before, source_tags
from tracking.management.demo.plans import ExperimentPlan, RunPlan, Series
from tracking.runs.types import NOTE_TAG, DatasetLogged

STEPS = 20_000
# Name -> rank ("full": all weights), peak learning rate, the loss it settles at and how fast, hours, GPU memory in MB.
VARIANTS: dict[str, tuple[str, float, float, float, float, float]] = {
    "lora-r32": ("32", 2e-4, 1.42, 1_500, 9.2, 41_500),
    "lora-r8": ("8", 2e-4, 1.56, 2_400, 8.6, 38_900),
    "full": ("full", 2e-5, 1.38, 1_000, 21.5, 76_200),
}
NOTE = """
Instruction tuning of the 1.3 B model on support tickets. `lora-r32` is within **3 %** of full fine-tuning at half the
memory. Zoom into *train/loss*: single bad steps stay visible, however far out the chart is.
"""
SAMPLES = """
# Samples at step 20,000

> **How do I reset the router?**
>
> Hold the button on the back for ten seconds. The light turns amber, then green: that takes two minutes.

> **My invoice is wrong.**
>
> I am sorry about that. Which line looks wrong to you? If you tell me the invoice number, I can check it at once.
"""
SCHEMA = '{"mlflow_colspec": [{"name": "prompt", "type": "string"}, {"name": "answer", "type": "string"}]}'


def plan(*, runs: int, rng: np.random.Generator, now: datetime) -> ExperimentPlan:
    """Plan at most one run a variant."""
    source = "s3://datasets/tickets/v4"
    data = (dataset(rng, "support-tickets", context="training", source=source, rows=412_000, schema=SCHEMA),)
    return ExperimentPlan(
        name="language/support-assistant",
        note=NOTE,
        tags={"team": "language"},
        created_at=hours_before(now, 24 * 12),
        runs=tuple(
            _run(name, hours_before(now, 30 + 70 * number), rng, data)
            for number, name in enumerate(list(VARIANTS)[:runs])
        ),
    )


def _run(name: str, started_at: datetime, rng: np.random.Generator, data: tuple[DatasetLogged, ...]) -> RunPlan:
    rank, peak, floor, half_life, hours, memory_mb = VARIANTS[name]
    every, tenth, evals = (curves.every(stride, last=STEPS) for stride in (1, 10, 500))
    train = curves.noisy(rng, curves.decay(every, start=3.4, end=floor, half_life=half_life), relative=0.045)
    for at in rng.integers(2_000, STEPS, 4):
        train = curves.spike(train, at=int(at), height=float(rng.uniform(0.8, 2.2)), width=1.2)
    loss = curves.noisy(
        rng, curves.decay(evals, start=3.3, end=floor + 0.09, half_life=1.1 * half_life), relative=0.004
    )
    norm = curves.noisy(rng, curves.decay(tenth, start=4.0, end=0.7, half_life=900), relative=0.22)
    return RunPlan(
        name=name,
        user_name="mei",
        started_at=started_at,
        duration=timedelta(hours=hours),
        params={
            "base_model": "portal-lm-1.3b",
            "lora_rank": rank,
            "learning_rate": f"{peak:g}",
            "warm_up_steps": "600",
            "max_steps": str(STEPS),
            "sequence_length": "2048",
            "batch_tokens": "131072",
            "precision": "bf16",
        },
        tags=source_tags(rng, user="mei", script="finetune.py", repository="support-assistant")
        | ({NOTE_TAG: "Candidate for the pilot."} if name == "lora-r32" else {}),
        series=(
            Series("train/loss", every, train),
            Series("train/grad_norm", tenth, norm),
            Series("train/lr", tenth, curves.warm_up(tenth, peak=peak, warm=600, last=STEPS)),
            Series("eval/loss", evals, loss),
            Series("eval/perplexity", evals, np.exp(loss)),
            *system_metrics(rng, gpu_memory_mb=memory_mb, busy=0.97),
        ),
        datasets=data,
        files={
            "samples.md": files.text(SAMPLES),
            "adapter/adapter_config.json": files.json_file({"rank": rank, "dropout": 0.05, "target": ["q", "k", "v"]}),
        },
    )
