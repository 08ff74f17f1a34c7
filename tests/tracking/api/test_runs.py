"""runs/… by MLflow's rules (mlflow-api.md, section 3)."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.tracking.api.caller import Caller
from tracking.core.memory import Memory
from tracking.metrics.models import MetricSegment
from tracking.runs.models import Run


class TestRun:
    def test_name_and_tag_mirror_each_other(self, ann: Caller) -> None:
        run = ann.post("runs/create", {"experiment_id": "0"})["run"]

        assert {"key": "mlflow.runName", "value": run["info"]["run_name"]} in run["data"]["tags"]
        uid = run["info"]["run_id"]
        ann.post("runs/set-tag", {"run_id": uid, "key": "mlflow.runName", "value": "b"})
        assert ann.get(f"runs/get?run_id={uid}")["run"]["info"]["run_name"] == "b"
        ann.post("runs/update", {"run_id": uid, "run_name": "c"})
        assert {"key": "mlflow.runName", "value": "c"} in ann.get(f"runs/get?run_id={uid}")["run"]["data"]["tags"]
        both = {"experiment_id": "0", "run_name": "x", "tags": [{"key": "mlflow.runName", "value": "y"}]}
        assert ann.refused("runs/create", both)[0] == 400

    def test_is_answered_when_created_as_it_is_found(self, ann: Caller) -> None:
        tags = [{"key": "z", "value": "x" * 9000}, {"key": "a", "value": "1"}]

        created = ann.post("runs/create", {"experiment_id": "0", "start_time": 5, "user_id": "ann", "tags": tags})

        assert created == ann.get(f"runs/get?run_id={created['run']['info']['run_id']}")

    def test_remembers_whose_token_started_it(self, ann: Caller) -> None:
        ann.post("runs/create", {"experiment_id": "0", "user_id": "root"})

        assert Run.objects.values_list("user_name", "created_by").get() == ("root", "ann")

    def test_is_created_and_ended_in_few_statements(self, ann: Caller) -> None:
        ann.new_run()
        body = {"experiment_id": "0", "run_name": "a", "tags": [{"key": "mlflow.user", "value": "ann"}]}
        ann.post("runs/create", body)

        with CaptureQueriesContext(connection) as created:
            run = ann.post("runs/create", body)["run"]["info"]["run_id"]
        with CaptureQueriesContext(connection) as ended:
            ann.post("runs/update", {"run_id": run, "status": "FINISHED", "end_time": 7})

        assert len(created) <= 6  # savepoint, hold, run, keys (not after a commit), tags, release
        assert len(ended) <= 7  # savepoint, run, hold, update, its document, bytes of its points, release

    def test_status_by_name_number_or_unknown(self, ann: Caller) -> None:
        run = ann.new_run()

        assert ann.post("runs/update", {"run_id": run, "status": 3})["run_info"]["status"] == "FINISHED"
        assert ann.post("runs/update", {"run_id": run, "status": "WHAT"})["run_info"]["status"] == "FINISHED"
        ended = ann.post("runs/update", {"run_id": run, "status": "RUNNING", "end_time": "1700000000123"})
        assert (ended["run_info"]["status"], ended["run_info"]["end_time"]) == ("RUNNING", 1700000000123)

    @pytest.mark.parametrize("ms", [-1, 10**18, 2**63 - 1])
    def test_refuses_times_no_calendar_has(self, ann: Caller, ms: int) -> None:
        assert ann.refused("runs/create", {"experiment_id": "0", "start_time": ms})[0] == 400

    def test_params_never_change(self, ann: Caller) -> None:
        run = ann.new_run()
        ann.post("runs/log-parameter", {"run_id": run, "key": "lr", "value": "1"})
        ann.post("runs/log-parameter", {"run_uuid": run, "key": "lr", "value": "1"})

        status, code, message = ann.refused("runs/log-parameter", {"run_id": run, "key": "lr", "value": "2"})

        assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
        assert (
            f"key='lr' was already logged with value='1' for run ID='{run}'. Attempted logging new value '2'" in message
        )

    def test_long_values_are_cut(self, ann: Caller) -> None:
        run = ann.new_run()
        ann.post("runs/log-parameter", {"run_id": run, "key": "p", "value": "x" * 7000})
        ann.post("runs/set-tag", {"run_id": run, "key": "t", "value": "x" * 9000})

        data = ann.get(f"runs/get?run_id={run}")["run"]["data"]
        assert len(data["params"][0]["value"]) == 6000
        assert max(len(tag["value"]) for tag in data["tags"]) == 8000

    @pytest.mark.parametrize("key", ["a,b", "a//b", "../a", "/a", ".", "x" * 251, "a\n", "a\tb", "a*"])
    def test_refuses_keys_that_mlflow_refuses(self, ann: Caller, key: str) -> None:
        run = ann.new_run()
        fields = {"run_id": run, "key": key, "value": "1", "timestamp": 1}

        for path in ("runs/log-metric", "runs/log-parameter", "runs/set-tag"):
            assert ann.refused(path, fields)[:2] == (400, "INVALID_PARAMETER_VALUE")

    def test_needs_one_id(self, ann: Caller) -> None:
        assert ann.refused("runs/set-tag", {"key": "a"})[2].startswith("Missing value for required parameter 'run_id'")
        assert ann.refused("runs/set-tag", {"run_id": "a", "run_uuid": "b", "key": "a"})[0] == 400


class TestLogBatch:
    def test_keeps_all_or_nothing(self, ann: Caller) -> None:
        run = ann.new_run()
        ann.post("runs/log-parameter", {"run_id": run, "key": "p", "value": "1"})
        before = ann.get(f"runs/get?run_id={run}")
        metric = {"key": "m", "value": 1, "timestamp": 1, "step": 0}

        for bad in (
            {"params": [{"key": "p", "value": "2"}]},
            {"params": [{"key": "q", "value": "1"}, {"key": "q", "value": "1"}]},
            {"metrics": [metric, {**metric, "key": "a//b"}]},
            {"metrics": [metric, {**metric, "value": "abc"}]},
            {"metrics": [metric, {**metric, "timestamp": -1}]},
            {"tags": [{"key": "", "value": "x"}]},
        ):
            body = {"run_id": run, "metrics": [metric], "tags": [{"key": "t", "value": "x"}], **bad}
            assert ann.refused("runs/log-batch", body)[0] == 400

        assert ann.get(f"runs/get?run_id={run}") == before
        assert MetricSegment.objects.count() == 0

    @pytest.mark.parametrize(("what", "most"), [("params", 100), ("tags", 100), ("metrics", 1000)])
    def test_has_mlflows_limits(self, ann: Caller, what: str, most: int) -> None:
        many = [{"key": f"k{n}", "value": "1", "timestamp": 1} for n in range(most + 1)]

        message = ann.refused("runs/log-batch", {"run_id": ann.new_run(), what: many})[2]

        assert message.startswith(f"A batch logging request can contain at most {most} {what}. Got {most + 1} {what}.")

    def test_costs_the_same_statements_whatever_its_size(self, ann: Caller) -> None:
        run = ann.new_run()

        def statements(size: int) -> int:
            body = {"run_id": run, "metrics": [{"key": f"k{n}", "value": n, "timestamp": n} for n in range(size)]}
            ann.post("runs/log-batch", body)
            Memory.forget_all()
            with CaptureQueriesContext(connection) as caught:
                ann.post("runs/log-batch", body)
            return len(caught)

        assert statements(1000) == statements(1)

    def test_refuses_a_large_body_before_reading(self, ann: Caller) -> None:
        status, answer = ann.request("POST", "2.0/mlflow/runs/log-batch", b"x" * 1_000_001)

        assert (status, answer["error_code"]) == (413, "INVALID_PARAMETER_VALUE")


class TestSearchRuns:
    def test_orders_real_values_then_nan_then_missing(self, ann: Caller) -> None:
        uids = [ann.new_run(run_name=name) for name in ("low", "high", "nan", "none")]
        for uid, value in zip(uids, (1, 2, "NaN"), strict=False):
            ann.post("runs/log-metric", {"run_id": uid, "key": "m", "value": value, "timestamp": 1})

        def names(order: str) -> list[str]:
            found = ann.post("runs/search", {"experiment_ids": ["0"], "order_by": [order]})["runs"]
            return [run["info"]["run_name"] for run in found]

        assert names("metrics.m ASC") == ["low", "high", "nan", "none"]
        assert names("metrics.m DESC") == ["high", "low", "nan", "none"]

    def test_a_bad_filter_says_where(self, ann: Caller) -> None:
        body = {"experiment_ids": ["0"], "filter": "metrics.m > 'x'"}

        status, code, message = ann.refused("runs/search", body)

        assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
        assert "(column 13)" in message

    def test_costs_the_same_statements_whatever_the_page(self, ann: Caller) -> None:
        def statements() -> int:
            Memory.forget_all()
            with CaptureQueriesContext(connection) as caught:
                ann.post("runs/search", {"experiment_ids": ["0"]})
            return len(caught)

        def add(number: int) -> None:
            body = {"run_id": ann.new_run(), "key": f"m{number}", "value": 1, "timestamp": 1}
            ann.post("runs/log-metric", body)

        add(0)
        first = statements()
        for number in range(1, 11):
            add(number)

        assert statements() == first

    def test_filters_and_sorts_by_figures_of_a_metric(self, ann: Caller) -> None:
        for name, values in (("a", [1, 9, 2]), ("b", [3, 4, "NaN"]), ("c", ["Infinity", 5]), ("d", ["NaN"])):
            uid = ann.new_run(run_name=name)
            for step, value in enumerate(values):  # one by one, and so added up by the database
                body = {"run_id": uid, "key": "m", "value": value, "timestamp": 1, "step": step}
                ann.post("runs/log-metric", body)
        ann.new_run(run_name="none")

        def names(filter_: str = "", *order: str) -> str:
            body = {"experiment_ids": ["0"], "filter": filter_, "order_by": [*order, "run_name"]}
            return "".join(run["info"]["run_name"][0] for run in ann.post("runs/search", body).get("runs", []))

        assert names("min(metrics.m) <= 3") == "ab"
        assert names("max(metrics.m) > 4") == "ac"
        assert names("mean(metrics.m) = 4") == "a"
        assert names("mean(metrics.m) = 3.5") == "b"
        assert names("count(metrics.m) = 3") == "ab"
        assert names("last(metrics.m) = 2") == "a"
        assert names("", "min(metrics.m) DESC") == "cbadn"
        assert names("", "max(metrics.m)") == "bacdn"
        assert names("", "mean(metrics.m) DESC") == "cabdn"
        assert names("", "count(metrics.m) DESC") == "abcdn"

    def test_adds_up_values_at_the_end_of_what_a_double_holds(self, ann: Caller) -> None:
        uid = ann.new_run()
        for step in range(3):
            point = {"key": "m", "value": 1.7e308, "timestamp": 1}
            body = {"run_id": uid, "metrics": [{**point, "step": step}, {**point, "step": step + 10}]}
            ann.post("runs/log-batch", body)

        body = {"experiment_ids": ["0"], "filter": "mean(metrics.m) > 1e299"}
        assert len(ann.post("runs/search", body)["runs"]) == 1

    def test_takes_dates_and_ages(self, ann: Caller) -> None:
        ann.new_run(start_time=1_700_000_000_000)

        def count(filter_: str) -> int:
            return len(ann.post("runs/search", {"experiment_ids": ["0"], "filter": filter_}).get("runs", []))

        assert count("start_time >= 2023-11-14 AND start_time < '2023-11-15'") == 1
        assert count("start_time < 7d") == 1
        assert count("start_time > 7d") == 0

    @pytest.mark.parametrize("most", [0, -1, 50_001])
    def test_refuses_a_page_size_out_of_range(self, ann: Caller, most: int) -> None:
        assert ann.refused("runs/search", {"experiment_ids": ["0"], "max_results": most})[0] == 400

    def test_of_nothing_is_empty(self, ann: Caller) -> None:
        assert ann.post("runs/search", {}) == {}
        assert ann.post("runs/search", {"experiment_ids": ["999", "abc"]}) == {}
