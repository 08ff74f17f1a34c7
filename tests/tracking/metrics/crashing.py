"""A program: compacts a run again and again, killed after one statement more each time, and says what is left.

Prints a line of JSON for each attempt. Runs on a migrated database of its own, which the environment names.
"""

import itertools
import json
import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:
    from tracking.metrics.codec import Points


def main() -> None:
    """Log points, then let a child compact them and die, until one has lived to the end."""
    django.setup()
    from django.db import connections

    from tracking.metrics import services

    run_id, expected = _logged()
    for statements in itertools.count():
        connections.close_all()
        child = os.fork()
        if child == 0:
            with connections["default"].execute_wrapper(_KillAfter(statements)):
                services.compact(run_id=run_id)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        is_dead = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        found = _stored(run_id)
        print(
            json.dumps({"is_dead": is_dead, "status": status, "is_whole": found == expected, "blocks": _blocks(run_id)})
        )
        if not is_dead:
            return


class _KillAfter:
    def __init__(self, statements: int) -> None:
        self.left = statements
        self._die_if_due()

    def __call__(self, execute: Callable[..., object], *rest: object) -> object:
        answer = execute(*rest)
        self.left -= 1
        self._die_if_due()
        return answer

    def _die_if_due(self) -> None:
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _logged() -> tuple[int, dict[str, list[tuple[int, int, float]]]]:
    """Log three series: one with blocks and late points in their midst, a new one, a short one."""
    from tests.support.people import People
    from tests.tracking.metrics.points import curve
    from tracking.core.clock import utc_now
    from tracking.metrics import services
    from tracking.metrics.types import Metric
    from tracking.runs.queries import get_experiment
    from tracking.runs.services import create_run

    people = People.around()
    experiment = get_experiment(workspace=people.workspace, experiment_id="0")
    run = create_run(experiment=experiment, name="", user_name="ann", started_at=utc_now(), tags=[])
    points = curve(3_000)
    rows = list(zip(points.steps.tolist(), points.timestamps_ms.tolist(), points.values.tolist(), strict=True))
    expected: dict[str, list[tuple[int, int, float]]] = {
        "old": [row for row in rows if row[0] % 100 != 7],
        "new": rows[:500],
        "short": rows[:5],
    }

    def log(key: str, some: list[tuple[int, int, float]]) -> None:
        for start in range(0, len(some), 1000):
            metrics = [Metric(key, value, time, step) for step, time, value in some[start : start + 1000]]
            services.log_batch(run=run, metrics=metrics, params=[], tags=[])

    log("old", expected["old"])
    services.compact(run_id=run.pk)
    late = [row for row in rows if row[0] % 100 == 7]
    log("old", late + rows[:10])
    expected["old"] = rows
    log("new", expected["new"])
    log("short", expected["short"])
    return run.pk, expected


def _stored(run_id: int) -> dict[str, list[tuple[int, int, float]]]:
    """Return what get-history says, of each series."""
    from tracking.metrics.queries import get_history
    from tracking.runs.models import Run

    run = Run.objects.get(pk=run_id)
    return {
        key: _rows(get_history(run=run, key=key, page_token="", max_results=10_000).points)
        for key in ("old", "new", "short")
    }


def _rows(points: "Points") -> list[tuple[int, int, float]]:
    return list(zip(points.steps.tolist(), points.timestamps_ms.tolist(), points.values.tolist(), strict=True))


def _blocks(run_id: int) -> int:
    from tracking.metrics.models import MetricBlock

    return MetricBlock.objects.filter(run=run_id).count()


if __name__ == "__main__":
    main()
