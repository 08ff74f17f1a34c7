import csv
import io
import json
import math

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from tests.support.people import People
from tests.tracking.metrics.points import curve
from tests.tracking.web.charts import URL, answer_of, floats
from tests.tracking.web.filling import add_experiment, add_run, fill, log
from tracking.core.clock import from_ms, to_ms
from tracking.runs.models import Experiment, Run
from tracking.runs.queries import run_rows
from tracking.runs.types import RunStatus
from tracking.web.charts import ChartsState, chart_grid


@pytest.fixture
def experiment(people: People) -> Experiment:
    return add_experiment(people.workspace, "digits")


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
                "x=metric:epoch&smooth=gaussian:7&logx=1&logy=1&clip=1&link=0&by=params.lr&spread=ci95&find=loss$&tips=name"
            )
        )

        assert (state.x, state.smoother, state.amount) == ("metric:epoch", "gaussian", "7")
        assert (state.is_log_x, state.is_log_y, state.is_clipped, state.is_linked) == (True, True, True, False)
        assert (state.group, state.average, state.spread, state.find) == ("params.lr", "mean", "ci95", "loss$")
        assert state.tips == "name"

    def test_takes_a_bare_number_as_the_weight_of_an_average(self) -> None:
        state = ChartsState.from_query(QueryDict("smooth=0.6"))

        assert (state.smoother, state.amount) == ("ema", "0.6")

    def test_falls_back_where_the_address_says_nonsense(self) -> None:
        state = ChartsState.from_query(QueryDict("x=up&smooth=best:9&by=lr&spread=wide&tips=odd"))

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
