"""A small real training, run as a script by test_end_to_end.py: nothing in it knows this server."""

import os

import mlflow
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

EXPERIMENT = "digits with sgd"
SEEDS, EPOCHS = 4, 12
SPIKE_EPOCH, SPIKE = 7, 1234.5
NAN_EPOCH = 9


def train(seed: int) -> None:
    """Log one run: a curve with a spike and a NaN, params, a tag and a file."""
    features, labels = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(features / 16, labels, random_state=seed)
    rate = 0.001 * (seed + 1)
    model = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=rate, random_state=seed)
    with mlflow.start_run(run_name=f"seed {seed}"):
        mlflow.log_params({"eta0": rate, "seed": seed, "loss": "log_loss"})
        mlflow.set_tag("team", "vision")
        for epoch in range(EPOCHS):
            model.partial_fit(train_x, train_y, classes=np.unique(labels))
            loss = log_loss(test_y, model.predict_proba(test_x))
            loss = {SPIKE_EPOCH: SPIKE, NAN_EPOCH: float("nan")}.get(epoch, loss)
            mlflow.log_metrics({"val/loss": loss, "val/accuracy": model.score(test_x, test_y)}, step=epoch)
        mlflow.log_text(f"classes: {model.classes_.tolist()}\n", "report/summary.txt")


if __name__ == "__main__":
    mlflow.set_tracking_uri(os.environ["TRACKING_URI"])
    mlflow.set_experiment(EXPERIMENT)
    for number in range(SEEDS):
        train(number)
