"""Where a run says it comes from: who started which script at which commit."""

from datetime import datetime, timedelta

import numpy as np

from tracking.runs.types import CONTEXT_TAG, DatasetLogged, Pair

PEOPLE = ("amara", "jonas", "mei", "tomas")


def source_tags(rng: np.random.Generator, *, user: str, script: str, repository: str) -> dict[str, str]:
    """Return the tags that the mlflow client sets when a script in a git repository starts a run."""
    return {
        "mlflow.user": user,
        "mlflow.source.name": script,
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": rng.bytes(20).hex(),
        "mlflow.source.git.branch": "main",
        "mlflow.source.git.repoURL": f"git@git.example.org:research/{repository}.git",
    }


def dataset(rng: np.random.Generator, name: str, *, context: str, source: str, rows: int, schema: str) -> DatasetLogged:
    """Return a dataset as ``mlflow.log_input`` describes it. ``schema``: JSON."""
    return DatasetLogged(
        name=name,
        digest=rng.bytes(4).hex(),
        source_type="s3",
        source=f'{{"uri": "{source}"}}',
        schema=schema,
        profile=f'{{"num_rows": {rows}}}',
        tags=(Pair(CONTEXT_TAG, context),),
    )


def hours_before(now: datetime, hours: float) -> datetime:
    """Return the moment so many hours before."""
    return now - timedelta(hours=hours)
