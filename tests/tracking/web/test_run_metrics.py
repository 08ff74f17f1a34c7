"""The metrics of a run."""

import json
import math

from django.test import Client

from tests.support.people import People
from tests.tracking.web.filling import add_experiment, add_run


class TestFile:
    def test_has_params_tags_and_the_spread_of_metrics(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)
        metrics = {"loss": [3.0, 1.0, 2.0], "broken": [math.nan]}
        run = add_run(add_experiment(people.workspace, "digits"), "run", metrics=metrics, params={"lr": "0.1"})

        answer = client.get(f"/w/default/runs/{run.uid}?format=json")

        rows = {row["key"]: row for row in json.loads(b"".join(answer))["run"]}
        assert rows["lr"] == {"kind": "param", "key": "lr", "value": "0.1"}
        assert rows["loss"] == {
            "kind": "metric",
            "key": "loss",
            "value": 2.0,
            "first": 3.0,
            "min": 1.0,
            "min_step": 1,
            "max": 3.0,
            "max_step": 0,
            "mean": 2.0,
            "first_step": 0,
            "last_step": 2,
            "points": 3,
        }
        assert rows["broken"]["first"] == "NaN"
        assert "min_step" not in rows["broken"]
