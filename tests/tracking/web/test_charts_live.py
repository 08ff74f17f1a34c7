"""What charts are sent while runs go on: nothing where nothing changed, what changed, the ends of curves that grow."""

import math
from typing import Any

import pytest
from django.test import Client

from tests.support.people import People
from tests.tracking.web.charts import URL, answer_of, floats
from tests.tracking.web.filling import add_experiment, add_run, log
from tracking.runs.models import Experiment, Run
from tracking.runs.types import RunStatus


@pytest.fixture
def experiment(people: People) -> Experiment:
    return add_experiment(people.workspace, "digits")


class TestSeriesLive:
    @pytest.fixture
    def pair(self, experiment: Experiment) -> tuple[Run, Run]:
        live = add_run(experiment, "live", metrics={"loss": [1.0] * 9, "acc": [1.0]}, status=RunStatus.RUNNING)
        done = add_run(experiment, "done", metrics={"loss": [1.0] * 100, "acc": [1.0]})
        return live, done

    def query(self, pair: tuple[Run, Run]) -> dict[str, str | list[str]]:
        return {"run": f"{pair[0].uid},{pair[1].uid}", "metric": ["loss", "acc"]}

    def test_answers_304_while_nothing_changes(self, bob: Client, pair: tuple[Run, Run]) -> None:
        etag = bob.get(URL, self.query(pair)).headers["ETag"]

        again = bob.get(URL, self.query(pair), headers={"If-None-Match": etag})

        assert again.status_code == 304
        assert again.content == b""

    def test_answers_only_the_series_that_changed(self, bob: Client, pair: tuple[Run, Run]) -> None:
        first = bob.get(URL, self.query(pair))
        states = first.json()["states"]
        log(pair[0], {"loss": [7.0]}, first_step=9)

        since = [states["loss"], states["acc"]]
        again = bob.get(URL, {**self.query(pair), "since": since}, headers={"If-None-Match": first.headers["ETag"]})

        assert again.status_code == 200
        assert [(trace["run"], trace["metric"]) for trace in again.json()["traces"]] == [(pair[0].uid, "loss")]
        assert floats(again.json()["traces"][0]["y"])[-1] == 7.0
        assert again.json()["states"]["acc"] == states["acc"]
        assert again.json()["states"]["loss"] != states["loss"]

    def test_answers_the_whole_chart_when_its_grid_moves(self, bob: Client, pair: tuple[Run, Run]) -> None:
        states = bob.get(URL, self.query(pair)).json()["states"]
        log(pair[0], {"loss": [7.0]}, first_step=5_000)

        again = answer_of(bob, **self.query(pair), since=[states["loss"], states["acc"]])

        assert {(trace["run"], trace["metric"]) for trace in again["traces"]} == {
            (pair[0].uid, "loss"),
            (pair[1].uid, "loss"),
        }

    def test_tells_that_a_run_ended_although_no_point_came(self, bob: Client, pair: tuple[Run, Run]) -> None:
        first = bob.get(URL, self.query(pair))
        Run.objects.filter(pk=pair[0].pk).update(status=RunStatus.FINISHED)

        again = bob.get(URL, self.query(pair), headers={"If-None-Match": first.headers["ETag"]})

        assert again.status_code == 200
        assert again.json()["running"] == []

    def test_notices_new_points_of_the_metric_that_x_counts(self, bob: Client, experiment: Experiment) -> None:
        run = add_run(experiment, "one", metrics={"loss": [5.0, 4.0], "epoch": [0.0]})
        states = answer_of(bob, run=run.uid, metric="loss", x="metric:epoch")["states"]
        log(run, {"epoch": [1.0]}, first_step=1)

        again = answer_of(bob, run=run.uid, metric="loss", x="metric:epoch", since=states["loss"])

        assert floats(again["traces"][0]["x"]) == [0.0, 1.0]

    def test_answers_only_the_group_that_changed(self, bob: Client, experiment: Experiment) -> None:
        runs = [
            add_run(experiment, f"run {i}", metrics={"loss": [1.0] * 9 + [2.0] * i}, tags={"seed": str(i)})
            for i in range(2)
        ]
        query: dict[str, str | list[str]] = {
            "run": [run.uid for run in runs],
            "metric": "loss",
            "group": "tags.seed",
        }
        states = answer_of(bob, **query)["states"]
        log(runs[0], {"loss": [7.0]}, first_step=9)

        again = answer_of(bob, **query, since=states["loss"])

        assert [one["group"] for one in again["groups"]] == ["0"]


PARTS = {"line": "", "raw": "raw", "band": "band", "nonfinite": "nonfinite"}


def columns_of(trace: dict[str, Any]) -> dict[tuple[str, str], list[float]]:
    """Return the numbers of a trace by part and column."""
    return {
        (part, name): floats(column)
        for part, inside in PARTS.items()
        for name, column in ((trace[inside] if inside else trace) or {}).items()
        if isinstance(column, dict) and "bdata" in column
    }


def joined(before: dict[str, Any], end: dict[str, Any]) -> dict[tuple[str, str], list[float]]:
    """Return what a reader makes of a trace and of the end that came later."""
    known = columns_of(before)
    return {
        (part, name): known.get((part, name), [])[: end["kept"][part]] + came
        for (part, name), came in columns_of(end).items()
    }


class TestSeriesGrowing:
    VALUES = [math.nan if step % 977 == 5 else math.sin(step / 40) + step % 7 for step in range(6_080)]

    @pytest.mark.parametrize(("count", "more"), [(50, 2), (6_000, 12)])
    @pytest.mark.parametrize(
        "asked",
        [
            {},
            {"x": "time"},
            {"x": "relative"},
            {"log_x": "1"},
            {"smooth": "ema:0.9"},
            {"smooth": "mean:5"},
            {"from": "10", "px": "100"},
        ],
    )
    def test_sends_the_end_of_what_goes_on(
        self, bob: Client, experiment: Experiment, asked: dict[str, str], count: int, more: int
    ) -> None:
        run = add_run(experiment, "live", metrics={"loss": self.VALUES[:count]}, status=RunStatus.RUNNING)
        query = {"run": run.uid, "metric": "loss", **asked}
        first = answer_of(bob, **query)
        log(run, {"loss": self.VALUES[count : count + more]}, first_step=count)

        (end,) = answer_of(bob, **query, since=first["states"]["loss"])["traces"]

        (whole,) = answer_of(bob, **query)["traces"]
        assert joined(first["traces"][0], end) == columns_of(whole)
        assert end["kept"]["line"] > 0.7 * len(floats(whole["x"]))
        assert {name: end[name] for name in ("total", "shown", "last")} == {
            name: whole[name] for name in ("total", "shown", "last")
        }

    def test_sends_all_where_what_came_changes_the_smoothed_line(self, bob: Client, experiment: Experiment) -> None:
        run = add_run(experiment, "live", metrics={"loss": self.VALUES[:50]}, status=RunStatus.RUNNING)
        query = {"run": run.uid, "metric": "loss", "smooth": "gaussian:3"}
        since = answer_of(bob, **query)["states"]["loss"]
        log(run, {"loss": [90.0]}, first_step=50)

        (trace,) = answer_of(bob, **query, since=since)["traces"]

        assert trace["kept"] is None
        assert [trace] == answer_of(bob, **query)["traces"]

    def test_sends_all_where_a_point_came_late(self, bob: Client, experiment: Experiment) -> None:
        run = add_run(experiment, "live", metrics={"loss": [1.0] * 50}, status=RunStatus.RUNNING)
        query = {"run": run.uid, "metric": "loss"}
        since = answer_of(bob, **query)["states"]["loss"]
        log(run, {"loss": [9.0]}, first_step=20)

        (trace,) = answer_of(bob, **query, since=since)["traces"]

        assert trace["kept"] is None
        assert floats(trace["y"]).count(9.0) == 1
        assert len(floats(trace["y"])) == 51
