"""``series``: the portal's charts, for scripts."""

import base64
import csv
import io
from typing import Any

import numpy as np
import pytest
from django.http import HttpResponseBase
from django.test import Client

from tests.support.people import People
from tests.tracking.api.portal.asker import Asker
from tests.tracking.web.filling import add_experiment, add_run, log
from tracking.runs.models import Run

URL = "workspaces/default/series"


@pytest.fixture
def run(people: People) -> Run:
    return add_run(
        add_experiment(people.workspace, "digits"), "one", metrics={"loss": [4.0, 2.0, 1.0], "epoch": [0.0, 0.5, 1.0]}
    )


def floats(column: dict[str, Any]) -> list[float]:
    packed = np.frombuffer(base64.b64decode(column["bdata"]), column["dtype"]).astype(np.float64)
    found: list[float] = ((packed + column.get("offset", 0)) / column.get("divisor", 1)).tolist()
    return found


class TestSeries:
    def test_answers_what_a_chart_draws(self, bob: Asker, run: Run) -> None:
        answer = bob.done("GET", f"{URL}?run={run.uid}&metric=loss&x=metric:epoch&x_from=0.25&smooth=mean:1")

        (trace,) = answer["traces"]
        assert (floats(trace["x"]), floats(trace["y"])) == ([0.5, 1.0], [2.0, 1.0])

    def test_answers_what_changed_since(self, bob: Asker, run: Run) -> None:
        states = bob.done("POST", URL, {"run": [run.uid], "metric": ["loss", "epoch"]})["states"]
        log(run, {"loss": [9.0]}, first_step=3)
        since = [states["loss"], states["epoch"]]

        answer = bob.done("POST", URL, {"run": [run.uid], "metric": ["loss", "epoch"], "since": since})

        assert [trace["metric"] for trace in answer["traces"]] == ["loss"]

    def test_answers_304_until_something_changes(self, bob: Asker, run: Run) -> None:
        def ask(etag: str) -> HttpResponseBase:
            headers = {"Authorization": f"Bearer {bob.token}", "If-None-Match": etag}
            return Client().get(f"/api/v1/{URL}?run={run.uid}&metric=loss", headers=headers)

        first = ask("")
        again = ask(first["ETag"])
        log(run, {"loss": [9.0]}, first_step=3)

        assert [one.status_code for one in (first, again, ask(first["ETag"]))] == [200, 304, 200]

    def test_groups_runs(self, bob: Asker, run: Run) -> None:
        answer = bob.done("POST", URL, {"run": [run.uid], "metric": ["loss"], "group": "all", "spread": "minmax"})

        assert floats(answer["groups"][0]["n"]) == [1, 1, 1]

    @pytest.mark.parametrize(
        ("query", "named"),
        [("metric=loss", "run"), ("run=a", "metric"), ("run=a&metric=b&px=0", "px"), ("run=a&metric=b&x=up", "x")],
    )
    def test_refuses_bad_questions_by_the_name_of_what_is_wrong(
        self, bob: Asker, people: People, query: str, named: str
    ) -> None:
        status, code, message = bob.refused("GET", f"{URL}?{query}")

        assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
        assert named in message

    def test_is_exported_point_by_point(self, bob: Asker, run: Run) -> None:
        response = Client().get(
            f"/api/v1/{URL}.csv?run={run.uid}&metric=loss", headers={"Authorization": f"Bearer {bob.token}"}
        )

        rows = list(csv.DictReader(io.StringIO(response.getvalue().decode())))
        assert [(row["run_id"], row["step"], row["value"]) for row in rows] == [
            (run.uid, "0", "4.0"),
            (run.uid, "1", "2.0"),
            (run.uid, "2", "1.0"),
        ]
