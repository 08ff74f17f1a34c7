"""Models of who cancels a contract, side by side: many short runs with params and final metrics, no curves."""

from datetime import datetime, timedelta

import numpy as np

from tracking.management.demo import files
from tracking.management.demo.origins import PEOPLE, dataset, hours_before, source_tags
from tracking.management.demo.plans import ExperimentPlan, RunPlan, final
from tracking.runs.types import DatasetLogged

FEATURES = ("tenure_months", "monthly_charge", "support_calls", "contract", "payment", "data_used_gb", "age", "region")
# Estimator -> area under the curve it is about, seconds to fit, and what its params are drawn from.
ESTIMATORS: dict[str, tuple[float, float, dict[str, tuple[str, ...]]]] = {
    "logistic-regression": (0.842, 0.8, {"C": ("0.1", "1.0", "10.0"), "penalty": ("l1", "l2")}),
    "random-forest": (0.871, 9.5, {"n_estimators": ("200", "500", "1000"), "max_depth": ("8", "16", "None")}),
    "extra-trees": (0.866, 6.1, {"n_estimators": ("200", "500", "1000"), "max_depth": ("8", "16", "None")}),
    "gradient-boosting": (0.893, 14.0, {"learning_rate": ("0.03", "0.1", "0.3"), "max_leaf_nodes": ("15", "31", "63")}),
    "mlp": (0.858, 31.0, {"hidden_layers": ("64", "128-64", "256-128-64"), "alpha": ("0.0001", "0.001")}),
}
NOTE = """
Every estimator on the same split (`2026-Q3`), so that rows can be compared. Sort by **test/roc_auc**; mind `fit_time_s`
before choosing a winner. Gradient boosting leads with the fewest surprises.
"""
SCHEMA = '{"mlflow_colspec": [{"name": "tenure_months", "type": "long"}, {"name": "monthly_charge", "type": "double"}]}'


def plan(*, runs: int, rng: np.random.Generator, now: datetime) -> ExperimentPlan:
    """Plan the comparison: the runs of one long afternoon each week."""
    source = "s3://datasets/churn/2026-q3.parquet"
    data = (dataset(rng, "churn-2026-q3", context="training", source=source, rows=182_400, schema=SCHEMA),)
    return ExperimentPlan(
        name="tabular/churn-estimators",
        note=NOTE,
        tags={"team": "growth"},
        created_at=hours_before(now, 30 + 0.4 * runs + 168 * (runs // 12)),
        runs=tuple(_run(number, rng, now, data) for number in range(runs)),
    )


def _run(number: int, rng: np.random.Generator, now: datetime, data: tuple[DatasetLogged, ...]) -> RunPlan:
    estimator = list(ESTIMATORS)[number % len(ESTIMATORS)]
    area, fit_s, choices = ESTIMATORS[estimator]
    params = {name: str(rng.choice(values)) for name, values in choices.items()}
    area, fit_s = area + float(rng.normal(0, 0.006)), fit_s * float(rng.uniform(0.7, 1.6))
    shares = np.sort(rng.dirichlet(np.full(len(FEATURES), 0.8)))[::-1]
    importance = [(feature, f"{share:.4f}") for feature, share in zip(FEATURES, shares, strict=True)]
    user = PEOPLE[1 + number % 2]
    return RunPlan(
        name=f"{estimator}-{number // len(ESTIMATORS) + 1:02d}",
        user_name=user,
        started_at=hours_before(now, 26 + 0.4 * number + 168 * (number // 12)),
        duration=timedelta(seconds=fit_s + 4),
        params={"estimator": estimator, "cv_folds": "5", "class_weight": "balanced", **params},
        tags=source_tags(rng, user=user, script="compare.ipynb", repository="churn") | {"split": "2026-q3"},
        series=(
            final("test/roc_auc", area),
            final("test/f1", area - 0.21 + float(rng.normal(0, 0.008))),
            final("test/log_loss", 1.22 - area + float(rng.normal(0, 0.006))),
            final("train/roc_auc", min(0.999, area + float(rng.uniform(0.004, 0.07)))),
            final("fit_time_s", fit_s),
        ),
        datasets=data,
        files={"feature_importance.csv": files.csv_file(("feature", "importance"), importance)},
    )
