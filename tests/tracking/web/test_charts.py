import base64
import csv
import io
import json
import math
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from tests.support.people import People
from tests.tracking.metrics.points import curve
from tests.tracking.web.filling import add_experiment, add_run, fill, log
from tracking.core.clock import from_ms, to_ms
from tracking.runs.models import Experiment, Run
from tracking.runs.queries import run_rows
from tracking.runs.types import RunStatus
from tracking.web.charts import ChartsState, chart_grid

URL = "/w/default/charts/series"


@pytest.fixture
def experiment(people: People) -> Experiment:
    return add_experiment(people.workspace, "digits")


@pytest.fixture
def bob(client: Client, people: People) -> Client:
    client.force_login(people.bob.user)
    return client


def answer_of(client: Client, **query: str | list[str]) -> dict[str, Any]:
    response = client.get(URL, query)
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def floats(column: dict[str, Any]) -> list[float]:
    packed = np.frombuffer(base64.b64decode(column["bdata"]), column["dtype"]).astype(np.float64)
    found: list[float] = ((packed + column.get("offset", 0)) / column.get("divisor", 1)).tolist()
    return found


class TestSeries:
    def test_answers_the_points_of_every_run_and_metric(self, bob: Client, experiment: Experiment) -> None:
        first = add_run(experiment, "first", metrics={"loss": [3.0, 2.0], "acc": [0.1]})
        second = add_run(experiment, "second", metrics={"loss": [5.0]})

        answer = answer_of(bob, run=f"{first.uid},{second.uid}", metric=["loss", "acc"])

        found = {(trace["name"], trace["metric"]): floats(trace["y"]) for trace in answer["traces"]}
        assert found == {
            ("first", "loss"): [3.0, 2.0],
            ("first", "acc"): [0.1],
            ("second", "loss"): [5.0],
        }

    def test_takes_the_parameter_run_several_times_too(self, bob: Client, experiment: Experiment) -> None:
        runs = [add_run(experiment, name, metrics={"loss": [1.0]}) for name in "ab"]

        answer = answer_of(bob, run=[run.uid for run in runs], metric="loss")

        assert [trace["run"] for trace in answer["traces"]] == [run.uid for run in runs]

    def test_answers_a_part_of_x(self, bob: Client, experiment: Experiment) -> None:
        run = add_run(experiment, "one", metrics={"loss": [float(step) for step in range(50)]})

        answer = answer_of(bob, run=run.uid, metric="loss", **{"from": "10", "to": "12"})

        assert floats(answer["traces"][0]["x"]) == [10.0, 11.0, 12.0]

    def test_closes_an_open_range_with_the_data(self, bob: Client, experiment: Experiment) -> None:
        run = add_run(experiment, "one", metrics={"loss": [1.0, 2.0, 3.0]})

        answer = answer_of(bob, run=run.uid, metric="loss", **{"from": "1"})

        assert floats(answer["traces"][0]["x"]) == [1.0, 2.0]

    def test_counts_relative_time_in_seconds(self, bob: Client, experiment: Experiment) -> None:
        run = add_run(experiment, "one", metrics={"loss": [1.0, 2.0, 3.0]})

        answer = answer_of(bob, run=run.uid, metric="loss", x="relative")

        assert floats(answer["traces"][0]["x"]) == [0.0, 1.0, 2.0]

    def test_draws_a_metric_over_another(self, bob: Client, experiment: Experiment) -> None:
        run = add_run(experiment, "one", metrics={"loss": [5.0, 4.0, 3.0, 2.0]})
        log(run, {"epoch": [0.5]}, first_step=1)
        log(run, {"epoch": [2.0]}, first_step=3)

        answer = answer_of(bob, run=run.uid, metric="loss", x="metric:epoch")

        (trace,) = answer["traces"]
        assert (floats(trace["x"]), floats(trace["y"])) == ([0.5, 0.5, 2.0], [4.0, 3.0, 2.0])

    def test_notices_new_points_of_the_metric_that_x_counts(self, bob: Client, experiment: Experiment) -> None:
        run = add_run(experiment, "one", metrics={"loss": [5.0, 4.0], "epoch": [0.0]})
        states = answer_of(bob, run=run.uid, metric="loss", x="metric:epoch")["states"]
        log(run, {"epoch": [1.0]}, first_step=1)

        again = answer_of(bob, run=run.uid, metric="loss", x="metric:epoch", since=states["loss"])

        assert floats(again["traces"][0]["x"]) == [0.0, 1.0]

    def test_answers_one_line_a_group(self, bob: Client, experiment: Experiment) -> None:
        runs = [
            add_run(experiment, f"run {i}", metrics={"loss": [float(i), i + 1.0]}, params={"lr": lr})
            for i, lr in enumerate(["0.1", "0.01", "0.1"])
        ]

        answer = answer_of(bob, run=[run.uid for run in runs], metric="loss", group="params.lr", spread="minmax")

        assert answer["traces"] == []
        assert [(one["group"], floats(one["y"]), floats(one["hi"])) for one in answer["groups"]] == [
            ("0.01", [1.0, 2.0], [1.0, 2.0]),
            ("0.1", [1.0, 2.0], [2.0, 3.0]),
        ]

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

    def test_takes_questions_that_are_too_long_for_an_address(self, bob: Client, experiment: Experiment) -> None:
        run = add_run(experiment, "one", metrics={"loss": [1.0]})
        uids = [run.uid, *(f"{i:032x}" for i in range(999))]

        response = bob.post(URL, {"run": ",".join(uids), "metric": "loss"})

        assert response.status_code == 200
        assert [trace["run"] for trace in response.json()["traces"]] == [run.uid]

    def test_starts_a_logarithmic_axis_with_the_data(self, bob: Client, experiment: Experiment) -> None:
        run = add_run(experiment, "one", metrics={"loss": [1.0, 2.0, 3.0]})

        for group in ("", "all"):
            answer = answer_of(bob, run=run.uid, metric="loss", log_x="1", group=group, **{"from": "-5", "to": "9"})

            (line,) = answer["traces"] or answer["groups"]
            assert floats(line["x"]) == [1.0, 2.0]

    def test_names_the_runs_that_go_on(self, bob: Client, experiment: Experiment) -> None:
        live = add_run(experiment, "live", metrics={"loss": [1.0]}, status=RunStatus.RUNNING)
        done = add_run(experiment, "done", metrics={"loss": [1.0]})

        assert answer_of(bob, run=f"{live.uid},{done.uid}", metric="loss")["running"] == [live.uid]

    def test_leaves_out_runs_that_the_workspace_does_not_have(self, bob: Client, people: People) -> None:
        elsewhere = People.around("other")
        foreign = add_run(add_experiment(elsewhere.workspace, "secret"), "foreign", metrics={"loss": [1.0]})

        assert answer_of(bob, run=f"{foreign.uid},nothing", metric="loss")["traces"] == []

    @pytest.mark.parametrize(
        ("query", "named"),
        [
            ({"metric": "loss"}, "run"),
            ({"run": ",".join(str(i) for i in range(1001)), "metric": "loss"}, "run"),
            ({"run": ",".join(str(i) for i in range(1000)), "metric": ["a", "b", "c", "d", "e", "f"]}, "metric"),
            ({"run": "a", "metric": "loss", "x": "metric:"}, "x"),
            ({"run": "a", "metric": "loss", "group": "lr"}, "group"),
            ({"run": "a", "metric": "loss", "group": "all", "average": "mode"}, "average"),
            ({"run": "a", "metric": "loss", "group": "all", "spread": "wide"}, "spread"),
            ({"run": "a"}, "metric"),
            ({"run": "a", "metric": [str(i) for i in range(51)]}, "metric"),
            ({"run": "a", "metric": "loss", "x": "epoch"}, "x"),
            ({"run": "a", "metric": "loss", "px": "4001"}, "px"),
            ({"run": "a", "metric": "loss", "px": "-5"}, "px"),
            ({"run": "a", "metric": "loss", "from": "nan"}, "from"),
            ({"run": "a", "metric": "loss", "to": "soon"}, "to"),
            ({"run": "a", "metric": "loss", "from": "2", "to": "1"}, "from"),
            ({"run": "a", "metric": "loss", "smooth": "ema:2"}, "smooth"),
            ({"run": "a", "metric": "loss", "since": ["", ""]}, "since"),
            ({"run": "a", "metric": "loss", "since": "what?"}, "since"),
        ],
    )
    def test_refuses_a_bad_parameter_by_its_name(
        self, bob: Client, people: People, query: dict[str, str | list[str]], named: str
    ) -> None:
        response = bob.get(URL, query)

        assert response.status_code == 400
        assert response.json()["error"].startswith(f"{named}: ")

    def test_does_not_exist_for_a_stranger(self, client: Client, people: People) -> None:
        client.force_login(people.cleo.user)

        assert client.get(URL, {"run": "a", "metric": "loss"}).status_code == 404

    def test_costs_the_same_for_more_runs_and_metrics(
        self, bob: Client, experiment: Experiment, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        metrics = {f"m{i}": [1.0, 2.0] for i in range(5)}
        runs = [add_run(experiment, f"run {i}", metrics=metrics) for i in range(12)]

        # session, person, workspace, its group and its roles; runs, series, keys, segments, blocks
        with django_assert_max_num_queries(10):
            answer = answer_of(bob, run=",".join(run.uid for run in runs), metric=list(metrics))

        assert len(answer["traces"]) == 60


class TestSeriesOfManyPoints:
    def test_weigh_little_whatever_their_number(
        self, bob: Client, experiment: Experiment, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        sizes = []
        for count in (40_000, 400_000):
            run = add_run(experiment, f"{count} points")
            fill(run, "loss", curve(count))
            with django_assert_max_num_queries(12), CaptureQueriesContext(connection) as read:
                response = bob.get(URL, {"run": run.uid, "metric": "loss"})
            assert '"payload"' not in "".join(query["sql"] for query in read if "metric_block" in query["sql"])
            assert response.json()["traces"][0]["total"] == count
            sizes.append(len(response.content))

        assert max(sizes) < 40_000

    @pytest.mark.parametrize("x", ["time", "relative"])
    def test_over_time_are_read_as_summaries(
        self, bob: Client, experiment: Experiment, django_assert_max_num_queries: DjangoAssertNumQueries, x: str
    ) -> None:
        points = curve(40_000)
        run = add_run(experiment, "long")
        fill(run, "loss", points)

        with django_assert_max_num_queries(12), CaptureQueriesContext(connection) as read:
            (trace,) = answer_of(bob, run=run.uid, metric="loss", x=x)["traces"]

        assert '"payload"' not in "".join(query["sql"] for query in read if "metric_block" in query["sql"])
        zero, unit = (0, 1) if x == "time" else (to_ms(run.started_at) or 0, 1000)
        by_x = dict(zip(((points.timestamps_ms - zero) / unit).tolist(), points.values.tolist(), strict=True))
        drawn = list(zip(floats(trace["x"]), floats(trace["y"]), strict=True))
        assert all(by_x[at] == value for at, value in drawn)
        assert {max(points.values), min(points.values)} <= {value for _, value in drawn}
        assert trace["total"] == 40_000
        assert len(drawn) < 2_000

    @pytest.mark.parametrize("group", ["", "all"])
    @pytest.mark.parametrize("x", ["step", "time", "relative"])
    @pytest.mark.parametrize("log_x", ["", "1"])
    def test_count_all_of_them(self, bob: Client, experiment: Experiment, group: str, x: str, log_x: str) -> None:
        runs = [add_run(experiment, f"run {i}") for i in range(2)]
        for run, count in zip(runs, (20_000, 300), strict=True):
            fill(run, "loss", curve(count))
        Run.objects.update(started_at=from_ms(1_699_999_999_999))  # before the first point
        asked = {"metric": "loss", "x": x, "log_x": log_x, "group": group}

        answer = answer_of(bob, run=[run.uid for run in runs], **asked)

        beyond_0 = 2 if log_x and x == "step" else 0  # their first steps
        total = sum(line["total"] for line in answer["groups" if group else "traces"])
        assert 20_300 - total == beyond_0

    def test_of_100_runs_fit_in_400_kb(self, bob: Client, experiment: Experiment) -> None:
        runs = [add_run(experiment, f"run {i}") for i in range(100)]
        for i, run in enumerate(runs):
            fill(run, "loss", curve(20_000, seed=i))
        query = {"run": ",".join(run.uid for run in runs), "metric": "loss", "px": "1600"}

        for asked in ({}, {"x": "time"}, {"x": "relative"}, {"log_x": "1"}, {"smooth": "ema:0.9"}):
            response = bob.get(URL, query | asked)

            assert len(response.json()["traces"]) == 100, asked
            assert len(response.content) < 400_000, asked


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


class TestSeriesCsv:
    URL = "/w/default/charts/series.csv"

    def rows(self, client: Client, **query: str | list[str]) -> list[list[str]]:
        response = client.get(self.URL, query)
        assert response.status_code == 200
        assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
        return list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode())))  # type: ignore[attr-defined]

    def test_holds_every_point_so_that_it_reads_back_exactly(self, bob: Client, experiment: Experiment) -> None:
        values = [0.1, float("nan"), float("-inf"), 1e-300, 3.0]
        runs = [add_run(experiment, name, metrics={"loss": values}) for name in ("one", "=HYPERLINK(1)")]

        head, *rows = self.rows(bob, run=[run.uid for run in runs], metric="loss")

        assert head == ["run_id", "run_name", "metric", "step", "time", "value"]
        assert [row[0] for row in rows] == [run.uid for run in runs for _ in values]
        assert {row[1] for row in rows} == {"one", "'=HYPERLINK(1)"}
        assert [float(row[5]) for row in rows[:5]] == pytest.approx(values, nan_ok=True, rel=0)
        started = to_ms(runs[0].started_at)
        assert started is not None
        assert rows[2][3:5] == ["2", from_ms(started + 2000).isoformat(timespec="milliseconds")]

    def test_is_not_what_was_drawn_but_everything(self, bob: Client, experiment: Experiment) -> None:
        run = add_run(experiment, "one")
        fill(run, "loss", curve(60_000))

        assert len(self.rows(bob, run=run.uid, metric="loss")) == 60_001

    def test_refuses_a_question_without_a_metric(self, bob: Client, people: People) -> None:
        assert bob.get(self.URL, {"run": "a"}).status_code == 400

    def test_does_not_exist_for_a_stranger(self, client: Client, people: People) -> None:
        client.force_login(people.cleo.user)

        assert client.get(self.URL, {"run": "a", "metric": "loss"}).status_code == 404


class TestRunValues:
    URL = "/w/default/charts/values"

    def test_are_columns_in_the_order_of_the_runs(self, bob: Client, experiment: Experiment) -> None:
        one = add_run(experiment, "one", metrics={"loss": [3.0, 1.0, 2.0]}, params={"lr": "0.1"})
        two = add_run(experiment, "two", metrics={"loss": [math.inf, math.nan]}, tags={"team": "a"})

        columns = ["metrics.loss", "min(metrics.loss)", "max(metrics.loss)", "params.lr", "tags.team", "metrics.none"]
        answer = bob.get(self.URL, {"run": f"{two.uid},{one.uid}", "column": columns}).json()

        assert answer == {
            "runs": [two.uid, one.uid],
            "columns": {
                "metrics.loss": ["NaN", 2.0],
                "min(metrics.loss)": ["Infinity", 1.0],
                "max(metrics.loss)": ["Infinity", 3.0],
                "params.lr": [None, "0.1"],
                "tags.team": ["a", None],
                "metrics.none": [None, None],
            },
        }

    @pytest.mark.parametrize(
        "columns", [[], ["lr"], ["params."], ["sum(metrics.loss)"], [f"params.{i}" for i in range(21)]]
    )
    def test_refuse_what_is_no_column(self, bob: Client, experiment: Experiment, columns: list[str]) -> None:
        response = bob.get(self.URL, {"run": add_run(experiment, "one").uid, "column": columns})

        assert response.status_code == 400
        assert response.json()["error"].startswith("column: ")

    def test_cost_a_query_a_column_whatever_the_number_of_runs(
        self, bob: Client, experiment: Experiment, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        runs = [add_run(experiment, f"run {i}", metrics={"loss": [1.0]}, params={"lr": "1"}) for i in range(30)]
        url = f"{self.URL}?column=params.lr&column=metrics.loss&column=min(metrics.loss)&run="

        with django_assert_max_num_queries(8):
            bob.get(url + ",".join(run.uid for run in runs))


class TestChartGrid:
    def test_gives_every_run_a_look_of_its_own(
        self, people: People, experiment: Experiment, rf: RequestFactory
    ) -> None:
        rows = run_rows([add_run(experiment, f"run {i}") for i in range(25)])

        grid = chart_grid(request=rf.get("/"), workspace=people.workspace, runs=rows, metrics=["loss"])

        assert len({(run.colour, run.dash) for run in grid.runs}) == 25

    def test_reads_its_state_from_the_address(self, people: People, rf: RequestFactory) -> None:
        state = ChartsState.from_query(
            QueryDict(
                "x=metric:epoch&smooth=gaussian:7&logx=1&logy=1&clip=1&link=0&by=params.lr&spread=ci95&find=loss$"
            )
        )

        assert (state.x, state.smoother, state.amount) == ("metric:epoch", "gaussian", "7")
        assert (state.is_log_x, state.is_log_y, state.is_clipped, state.is_linked) == (True, True, True, False)
        assert (state.group, state.average, state.spread, state.find) == ("params.lr", "mean", "ci95", "loss$")

    def test_takes_a_bare_number_as_the_weight_of_an_average(self) -> None:
        state = ChartsState.from_query(QueryDict("smooth=0.6"))

        assert (state.smoother, state.amount) == ("ema", "0.6")

    def test_falls_back_where_the_address_says_nonsense(self) -> None:
        state = ChartsState.from_query(QueryDict("x=up&smooth=best:9&by=lr&spread=wide"))

        assert state == ChartsState.from_query(QueryDict(""))

    def test_offers_epochs_first_as_x_and_what_runs_can_be_grouped_by(
        self, people: People, experiment: Experiment, rf: RequestFactory
    ) -> None:
        rows = run_rows([add_run(experiment, "one", params={"lr": "0.1"}, tags={"team": "a", "mlflow.user": "ann"})])

        grid = chart_grid(request=rf.get("/"), workspace=people.workspace, runs=rows, metrics=["acc", "train/epoch"])

        assert grid.context["xMetrics"] == ["train/epoch", "acc"]
        assert grid.context["columns"] == ["params.lr", "tags.team"]

    def test_lets_the_reader_choose_how_many_runs_where_there_are_more(
        self, people: People, rf: RequestFactory
    ) -> None:
        def amounts(found: int) -> list[tuple[str, bool]]:
            request = rf.get("/?charted=100")
            grid = chart_grid(request=request, workspace=people.workspace, runs=[], metrics=[], found=found)
            return [(choice.value, choice.is_chosen) for choice in grid.amounts]

        assert amounts(10) == []
        assert amounts(11) == [("10", False), ("100", True), ("1000", False)]

    def test_is_live_while_a_run_goes_on(self, people: People, experiment: Experiment, rf: RequestFactory) -> None:
        rows = run_rows([add_run(experiment, "live", status=RunStatus.RUNNING)])

        assert chart_grid(request=rf.get("/"), workspace=people.workspace, runs=rows, metrics=[]).is_live

    def test_can_be_sent_to_the_script(self, people: People, experiment: Experiment, rf: RequestFactory) -> None:
        rows = run_rows([add_run(experiment, "<b>one</b>")])

        grid = chart_grid(request=rf.get("/"), workspace=people.workspace, runs=rows, metrics=["loss"])

        context = json.loads(json.dumps(grid.context))
        assert context["seriesUrl"] == reverse("web:series", args=["default"])
        assert context["runs"][0]["name"] == "<b>one</b>"
