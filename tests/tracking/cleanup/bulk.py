"""A resource group of many runs, written straight into tables and store: ``python -m`` in a portal's environment.

Prints an access token of the owner, as JSON.
"""

import argparse
import json
import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import django
import numpy as np
from django.db import transaction


def main() -> None:
    """Make the group, unless it is 0 workspaces large."""
    parser = argparse.ArgumentParser()
    for name in ("workspaces", "experiments", "runs", "points", "files"):
        parser.add_argument(f"--{name}", type=int, default=0)
    parser.add_argument("--group", default="doomed")
    parser.add_argument("--copies", type=int, default=0, help="make so many groups: doomed-0, doomed-1, ...")
    wanted = parser.parse_args()
    django.setup()
    from tracking.core.clock import utc_now
    from tracking.identity.models import User
    from tracking.identity.services import issue_access_token

    owner = User.objects.get(username="owner")
    names = [f"{wanted.group}-{number}" for number in range(wanted.copies)] or [wanted.group]
    for name in names if wanted.workspaces else ():
        _make_group(name, wanted)
    print(json.dumps({"token": issue_access_token(user=owner, name="test", now=utc_now()).text}))


def _make_group(name: str, wanted: argparse.Namespace) -> None:
    from tracking.core.clock import utc_now
    from tracking.runs.services import create_experiment
    from tracking.workspaces.services import create_group, create_workspace

    now = utc_now()
    group = create_group(name=name, by=None, now=now)
    workspaces = [
        create_workspace(name=f"{name}-{number}", group=group, by=None, now=now) for number in range(wanted.workspaces)
    ]
    for number in range(wanted.experiments):
        workspace = workspaces[number % len(workspaces)]
        experiment = create_experiment(workspace=workspace, name=f"experiment {number}", by=None, now=now)
        with transaction.atomic():
            _make_runs(experiment, wanted)


def _make_runs(experiment: object, wanted: argparse.Namespace) -> None:
    """Make an experiment's share of the runs, each with its share of the points and the files"""
    from django.conf import settings

    from tracking.artifacts.queries import run_folder, workspace_folder
    from tracking.core.clock import utc_now
    from tracking.runs.models import Param, Run
    from tracking.runs.services import intern_keys
    from tracking.runs.types import KeyKind, RunStatus

    pk = experiment.pk  # type: ignore[attr-defined]
    workspace = experiment.workspace  # type: ignore[attr-defined]
    count = wanted.runs // wanted.experiments
    each = wanted.points // wanted.runs
    keys = [intern_keys(experiment_id=pk, kind=kind, names=["x"])["x"] for kind in (KeyKind.METRIC, KeyKind.PARAM)]
    now = utc_now()
    runs = Run.objects.bulk_create(
        (
            Run(
                uid=uuid.uuid4().hex,
                workspace=workspace,
                experiment_id=pk,
                name="r",
                status=RunStatus.FINISHED,
                started_at=now,
                ended_at=now,
            )
            for _ in range(count)
        ),
        batch_size=1000,
    )
    Param.objects.bulk_create((Param(run=run, key_id=keys[1], value="1") for run in runs), batch_size=1000)
    if each:
        _give_points(runs, keys[0], each)
    per_run = wanted.files // wanted.runs
    for run in runs if per_run else ():
        folder = Path(settings.ARTIFACT_ROOT) / str(workspace_folder(workspace)) / str(run_folder(run))
        folder.mkdir(parents=True, mode=0o700)
        for number in range(per_run):
            (folder / f"{number}.bin").write_bytes(os.urandom(100))


def _give_points(runs: Sequence[Any], key_id: int, count: int) -> None:
    """Give every run a series of so many points, as compaction leaves them: made once, copied to the others."""
    from tracking.metrics import codec
    from tracking.metrics.codec import Points
    from tracking.metrics.models import MetricBlock, MetricSegment, MetricSeries
    from tracking.metrics.services import compact

    steps = np.arange(count, dtype=np.int64)
    payload = codec.encode_segment([key_id] * count, Points(steps, steps, np.random.default_rng(1).random(count)))
    first = runs[0]
    MetricSegment.objects.create(run=first, payload=payload)
    compact(run_id=first.pk)
    tables: list[Any] = [MetricSegment, MetricBlock]
    for table in tables:
        rows = list(table.objects.filter(run=first).values())
        copies = (table(**{**row, "id": None, "run_id": run.pk}) for run in runs[1:] for row in rows)
        table.objects.bulk_create(copies, batch_size=200)
    MetricSeries.objects.bulk_create(
        (
            MetricSeries(
                run=run,
                key_id=key_id,
                latest_step=count - 1,
                latest_timestamp_ms=count - 1,
                latest_value=0.5,
                min_value=0.0,
                max_value=1.0,
                first_step=0,
                last_step=count - 1,
                received=count,
            )
            for run in runs
        ),
        batch_size=500,
    )


if __name__ == "__main__":
    main()
