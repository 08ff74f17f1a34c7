"""An image classifier trained with many learning rates: the sweep in which something goes wrong now and then."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from tracking.management.demo import curves, files
from tracking.management.demo.hardware import system_metrics
from tracking.management.demo.origins import PEOPLE, dataset, hours_before, source_tags
from tracking.management.demo.plans import ExperimentPlan, Floats, ModelPlan, RunPlan, Series, last_values
from tracking.runs.types import NOTE_TAG, DatasetLogged, RunStatus

EPOCHS, STEPS_AN_EPOCH = 60, 100
LAST_STEP = EPOCHS * STEPS_AN_EPOCH
CLASSES = ("daisy", "dandelion", "iris", "lily", "orchid", "poppy", "rose", "sunflower", "tulip", "violet")
NAMES = (
    "cosine-long", "lr-too-high", "mixup", "larger-crops", "no-weight-decay", "baseline", "randaugment",
    "label-smoothing", "sgd-nesterov", "small-batch", "ema-weights", "frozen-stem",
)  # fmt: skip
NOTE = """
Which learning rate and augmentation suit ResNet-50 on the flowers set?

Settled so far: **`3e-3`** with a warm-up of five epochs. Above `1e-1` training diverges; without weight decay the
evaluation loss turns up after epoch 30. Compare *eval/accuracy* of the best five before changing the baseline.
"""
SCHEMA = '{"mlflow_tensorspec": {"features": "[{\\"type\\": \\"tensor\\", \\"shape\\": [-1, 224, 224, 3]}]"}}'
OUT_OF_MEMORY = """
Traceback (most recent call last):
  File "train.py", line 214, in <module>
    main()
  File "train.py", line 187, in main
    loss.backward()
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.53 GiB; 23.69 GiB total, 0.91 GiB free.
"""


@dataclass(frozen=True, slots=True)
class Fate:
    """How a run went: its end, after which part of the steps, and what its curves do."""

    status: RunStatus = RunStatus.FINISHED
    part: float = 1.0
    is_diverging: bool = False
    has_spike: bool = False
    note: str = ""


# The runs whose models are registered, and what points to them.
ALIASES = {"baseline": "champion", "mixup": "challenger"}
FATES = {
    "cosine-long": Fate(status=RunStatus.RUNNING, part=0.7),
    "lr-too-high": Fate(is_diverging=True, note="Diverged in epoch 9: **do not** go above `1e-1`."),
    "mixup": Fate(has_spike=True, note="One bad shard made the spike at step 3,400; it recovered by itself."),
    "larger-crops": Fate(status=RunStatus.FAILED, part=0.42, note="Out of memory with 320 px crops."),
    "no-weight-decay": Fate(status=RunStatus.KILLED, part=0.8, note="Overfits, stopped by hand."),
}


def plan(*, runs: int, rng: np.random.Generator, now: datetime) -> ExperimentPlan:
    """Plan the sweep; its newest run still runs."""
    source = "s3://datasets/flowers"
    data = (
        dataset(rng, "flowers-train", context="training", source=f"{source}/train", rows=48_210, schema=SCHEMA),
        dataset(rng, "flowers-val", context="evaluation", source=f"{source}/val", rows=6_030, schema=SCHEMA),
    )
    return ExperimentPlan(
        name="vision/flowers-resnet50",
        note=NOTE,
        tags={"team": "vision"},
        created_at=hours_before(now, 20 + 19 * runs),
        runs=tuple(_run(number, rng, now, data) for number in range(runs)),
    )


def _run(number: int, rng: np.random.Generator, now: datetime, data: tuple[DatasetLogged, ...]) -> RunPlan:
    base, again = NAMES[number % len(NAMES)], number // len(NAMES)
    fate = FATES.get(base, Fate()) if not again else Fate()
    learning_rate = 0.2 if fate.is_diverging else float(10 ** rng.uniform(-3.6, -1.2))
    user = PEOPLE[number % 3]
    duration = timedelta(minutes=float(rng.uniform(150, 190)) * fate.part)
    series = _series(rng, learning_rate, fate, weight_decay=base != "no-weight-decay")
    plan = RunPlan(
        name=f"{base}-{again + 1}" if again else base,
        user_name=user,
        started_at=now - duration if fate.status is RunStatus.RUNNING else hours_before(now, 5 + 19 * number),
        duration=duration,
        status=fate.status,
        params={
            "model": "resnet50",
            "learning_rate": f"{learning_rate:.2g}",
            "batch_size": "64" if base == "small-batch" else "256",
            "optimizer": "sgd" if base == "sgd-nesterov" else "adamw",
            "weight_decay": "0.0" if base == "no-weight-decay" else "0.05",
            "augmentation": base if base in ("mixup", "randaugment") else "flip-crop",
            "label_smoothing": "0.1" if base == "label-smoothing" else "0.0",
            "epochs": str(EPOCHS),
            "seed": str(int(rng.integers(1000))),
        },
        tags=source_tags(rng, user=user, script="train.py", repository="flowers")
        | ({NOTE_TAG: fate.note} if fate.note else {}),
        series=series + system_metrics(rng, gpu_memory_mb=21_300),
        datasets=data,
        files=_files(rng, fate, series, learning_rate),
    )
    return replace(plan, model=_model(base, series, learning_rate, data[1])) if base in ALIASES else plan


def _series(rng: np.random.Generator, learning_rate: float, fate: Fate, *, weight_decay: bool) -> tuple[Series, ...]:
    last = int(LAST_STEP * fate.part)
    often, seldom = curves.every(10, last=last), curves.every(STEPS_AN_EPOCH, last=last)[1:]
    misfit = float(np.log10(learning_rate / 3e-3)) ** 2  # 0 at the best learning rate
    floor, half_life = 0.14 + 0.07 * misfit, 420 + 260 * misfit
    train = curves.noisy(rng, curves.decay(often, start=2.3, end=floor, half_life=half_life), relative=0.07)
    bend = 0.0 if weight_decay else 2.4e-4
    val = curves.decay(seldom, start=2.25, end=floor + 0.16, half_life=1.2 * half_life)
    val = curves.noisy(rng, val + curves.overfit(seldom, since=LAST_STEP // 2, slope=bend), relative=0.025)
    if fate.has_spike:
        train = curves.spike(train, at=340, height=1.9, width=9)
        val = curves.spike(val, at=33, height=0.7, width=1.5)
    if fate.is_diverging:
        train = curves.diverge(train, at=88, over=6)
        val = curves.diverge(val, at=8, over=2)
    return (
        Series("train/loss", often, train),
        Series("train/accuracy", often, _accuracy(rng, train, noise=0.012)),
        Series("train/lr", often, curves.warm_up(often, peak=learning_rate, warm=500, last=LAST_STEP)),
        Series("eval/loss", seldom, val),
        Series("eval/accuracy", seldom, _accuracy(rng, val, noise=0.004)),
        Series("eval/top3_accuracy", seldom, _accuracy(rng, val, noise=0.003, top=3)),
    )


def _accuracy(rng: np.random.Generator, loss: Floats, *, noise: float, top: int = 1) -> Floats:
    """Return the top-k accuracy that goes with a cross-entropy over ten classes; chance where the loss is NaN."""
    right = np.where(np.isnan(loss), top / len(CLASSES), np.exp(-0.55 * loss / top))
    return np.clip(right + rng.normal(0.0, noise, len(loss)), 0.0, 1.0)


def _files(rng: np.random.Generator, fate: Fate, series: tuple[Series, ...], learning_rate: float) -> dict[str, bytes]:
    found = {
        "config.json": files.json_file(
            {"model": "resnet50", "learning_rate": learning_rate, "warm_up_steps": 500, "classes": list(CLASSES)}
        )
    }
    if fate.status is RunStatus.FAILED:
        return found | {"logs/stderr.txt": files.text(OUT_OF_MEMORY)}
    if fate.status is not RunStatus.FINISHED:
        return found
    hits = last_values(series, prefix="eval/")["eval/accuracy"]
    confusion = rng.dirichlet(np.full(len(CLASSES), 0.6), len(CLASSES)) * (1 - hits) + np.eye(len(CLASSES)) * hits
    shown = rng.integers(len(CLASSES), size=25)
    guessed = [rng.choice(len(CLASSES), p=confusion[label]) for label in shown]
    recall = [round(float(confusion[place, place]), 4) for place in range(len(CLASSES))]
    return found | {
        "plots/confusion_matrix.png": files.heat_map(confusion),
        "eval/per_class.csv": files.csv_file(("class", "recall"), zip(CLASSES, recall, strict=True)),
        "eval/predictions.json": files.logged_table(
            {
                "image": [f"val/{number:05d}.jpg" for number in range(len(shown))],
                "label": [CLASSES[label] for label in shown],
                "predicted": [CLASSES[label] for label in guessed],
            }
        ),
        "eval/report.md": files.text(f"# Evaluation\n\n| split | accuracy |\n|---|---|\n| val | {hits:.4f} |"),
    }


def _model(base: str, series: tuple[Series, ...], learning_rate: float, evaluated_on: DatasetLogged) -> ModelPlan:
    return ModelPlan(
        name="flowers-resnet50",
        alias=ALIASES[base],
        description=f"From the run *{base}*, learning rate `{learning_rate:.2g}`.",
        model_type="classifier",
        step=LAST_STEP,
        params={"learning_rate": f"{learning_rate:.2g}", "classes": str(len(CLASSES))},
        metrics=last_values(series, prefix="eval/"),
        dataset=evaluated_on,
        files={
            "MLmodel": files.text("artifact_path: flowers-resnet50\nflavors:\n  onnx:\n    data: model.onnx"),
            "requirements.txt": files.text("onnxruntime\nnumpy"),
            "classes.json": files.json_file({"classes": list(CLASSES)}),
        },
    )
