"""runs/…, experiments/… and metrics/… by MLflow's rules (mlflow-api.md, section 3)."""

import json
import math

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.tracking.api.caller import Caller
from tracking.metrics.models import MetricSegment


class TestExperiment:
    def test_is_found_by_id_and_name(self, ann: Caller) -> None:
        made = ann.post("experiments/create", {"name": "深度/学习 🚀", "tags": [{"key": "team", "value": "x"}]})

        found = ann.get(f"experiments/get?experiment_id={made['experiment_id']}")["experiment"]
        assert found["name"] == "深度/学习 🚀"
        assert found["tags"] == [{"key": "team", "value": "x"}]
        assert found["lifecycle_stage"] == "active"
        assert found["artifact_location"] == f"mlflow-artifacts:/{made['experiment_id']}"
        assert ann.get("experiments/get-by-name?experiment_name=深度/学习 🚀")["experiment"] == found

    def test_zero_is_the_default_one(self, ann: Caller) -> None:
        assert ann.get("experiments/get?experiment_id=0")["experiment"]["name"] == "Default"

    def test_keeps_its_name_while_deleted(self, ann: Caller) -> None:
        made = ann.post("experiments/create", {"name": "a"})
        ann.post("experiments/delete", made)

        assert ann.refused("experiments/create", {"name": "a"})[:2] == (400, "RESOURCE_ALREADY_EXISTS")
        assert ann.get("experiments/get-by-name?experiment_name=a")["experiment"]["lifecycle_stage"] == "deleted"
        assert ann.refused("experiments/delete", made)[0] == 404
        ann.post("experiments/restore", made)
        assert ann.refused("experiments/restore", made)[0] == 404

    def test_takes_its_runs_along(self, ann: Caller) -> None:
        made = ann.post("experiments/create", {"name": "a"})
        run = ann.new_run(made["experiment_id"])

        ann.post("experiments/delete", made)
        assert ann.get(f"runs/get?run_id={run}")["run"]["info"]["lifecycle_stage"] == "deleted"
        assert "must be in the 'active' state" in ann.refused("runs/set-tag", {"run_id": run, "key": "a"})[2]
        ann.post("experiments/restore", made)
        assert ann.get(f"runs/get?run_id={run}")["run"]["info"]["lifecycle_stage"] == "active"

    @pytest.mark.parametrize("name", ["", "   ", "x" * 501])
    def test_needs_a_name(self, ann: Caller, name: str) -> None:
        assert ann.refused("experiments/create", {"name": name})[:2] == (400, "INVALID_PARAMETER_VALUE")

    @pytest.mark.parametrize("place", ["file:///etc", "s3://b/x?y=/../..", "../x", "http:///#/../x"])
    def test_does_not_choose_where_artifacts_live(self, ann: Caller, place: str) -> None:
        assert ann.refused("experiments/create", {"name": "a", "artifact_location": place})[0] == 400

    def test_search_pages_and_filters(self, ann: Caller) -> None:
        for number in range(5):
            ann.post("experiments/create", {"name": f"a-{number}"})

        first = ann.post("experiments/search", {"max_results": 3, "filter": "name LIKE 'a-%'"})
        rest = ann.post(
            "experiments/search",
            {"max_results": 3, "filter": "name LIKE 'a-%'", "page_token": first["next_page_token"]},
        )

        names = [one["name"] for one in first["experiments"] + rest["experiments"]]
        assert names == ["a-4", "a-3", "a-2", "a-1", "a-0"]
        assert "next_page_token" not in rest
        assert ann.refused("experiments/search", {})[0] == 400


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
            with CaptureQueriesContext(connection) as caught:
                ann.post("runs/log-batch", body)
            return len(caught)

        assert statements(1000) == statements(1)

    def test_refuses_a_large_body_before_reading(self, ann: Caller) -> None:
        status, answer = ann.request("POST", "2.0/mlflow/runs/log-batch", b"x" * 1_000_001)

        assert (status, answer["error_code"]) == (413, "INVALID_PARAMETER_VALUE")


class TestMetric:
    def test_latest_is_the_greatest_step_time_and_value(self, ann: Caller) -> None:
        run = ann.new_run()
        points = [(5, 10, 1.0), (9, 1, -3.0), (9, 2, "NaN"), (9, 2, -1.0), (2, 99, 100.0)]
        for step, at, value in points:
            ann.post("runs/log-metric", {"run_id": run, "key": "m", "value": value, "timestamp": at, "step": step})

        (latest,) = ann.get(f"runs/get?run_id={run}")["run"]["data"]["metrics"]
        assert latest == {"key": "m", "value": "NaN", "timestamp": 2, "step": 9}  # NaN ranks as 0, above -1

    def test_special_values_come_back_as_mlflow_sends_them(self, ann: Caller) -> None:
        run = ann.new_run()
        for number, value in enumerate(["NaN", "Infinity", "-Infinity", "1e-3", True, -0.0, 5e-324]):
            ann.post("runs/log-metric", {"run_id": run, "key": "m", "value": value, "timestamp": number})

        values = [one["value"] for one in ann.get(f"metrics/get-history?run_id={run}&metric_key=m")["metrics"]]
        assert values == ["NaN", 1.7976931348623157e308, -1.7976931348623157e308, 0.001, 1.0, -0.0, 5e-324]
        assert math.copysign(1, values[5]) == -1

    @pytest.mark.parametrize("value", ["nan", "abc", "", "1_0", None, [], "inf"])
    def test_refuses_what_is_no_number(self, ann: Caller, value: object) -> None:
        body = {"run_id": ann.new_run(), "key": "m", "value": value, "timestamp": 1}

        assert ann.refused("runs/log-metric", body)[:2] == (400, "INVALID_PARAMETER_VALUE")

    def test_sent_again_counts_once(self, ann: Caller) -> None:
        run = ann.new_run()
        body = {"run_id": run, "metrics": [{"key": "m", "value": n, "timestamp": n, "step": n} for n in range(50)]}
        for _ in range(3):
            ann.post("runs/log-batch", body)

        assert len(ann.get(f"metrics/get-history?run_id={run}&metric_key=m")["metrics"]) == 50

    def test_history_pages_hold_every_point_once(self, ann: Caller) -> None:
        run = ann.new_run()
        values = [n % 7 if n % 5 else "NaN" for n in range(100)]
        ann.post(
            "runs/log-batch",
            {
                "run_id": run,
                "metrics": [
                    {"key": "m", "value": v, "timestamp": n // 10, "step": n % 3} for n, v in enumerate(values)
                ],
            },
        )
        whole = ann.get(f"metrics/get-history?run_id={run}&metric_key=m")["metrics"]

        paged, token = [], ""
        while True:
            page = ann.get(f"metrics/get-history?run_id={run}&metric_key=m&max_results=7&page_token={token}")
            paged += page["metrics"]
            if "next_page_token" not in page:
                break
            token = page["next_page_token"]

        assert paged == whole
        assert len({json.dumps(point) for point in whole}) == len(whole)
        assert ann.get(f"metrics/get-history?run_id={run}&metric_key=none") == {}

    def test_interval_keeps_first_last_least_and_greatest(self, ann: Caller) -> None:
        run = ann.new_run()
        points = [{"key": "m", "value": 1000 if n == 555 else n % 10, "timestamp": n, "step": n} for n in range(1000)]
        ann.post("runs/log-batch", {"run_id": run, "metrics": points})

        found = ann.get(f"metrics/get-history-bulk-interval?run_ids={run}&metric_key=m&max_results=40")["metrics"]

        assert len(found) <= 40
        assert {0, 555, 999} <= {point["step"] for point in found}
        assert {point["run_id"] for point in found} == {run}
        some = ann.get(f"metrics/get-history-bulk-interval?run_ids={run}&metric_key=m&start_step=10&end_step=20")[
            "metrics"
        ]
        assert [point["step"] for point in some] == list(range(10, 21))


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
            with CaptureQueriesContext(connection) as caught:
                ann.post("runs/search", {"experiment_ids": ["0"]})
            return len(caught)

        ann.new_run()
        first = statements()
        for number in range(10):
            run = ann.new_run()
            ann.post("runs/log-metric", {"run_id": run, "key": f"m{number}", "value": 1, "timestamp": 1})

        assert statements() == first

    @pytest.mark.parametrize("most", [0, -1, 50_001])
    def test_refuses_a_page_size_out_of_range(self, ann: Caller, most: int) -> None:
        assert ann.refused("runs/search", {"experiment_ids": ["0"], "max_results": most})[0] == 400

    def test_of_nothing_is_empty(self, ann: Caller) -> None:
        assert ann.post("runs/search", {}) == {}
        assert ann.post("runs/search", {"experiment_ids": ["999", "abc"]}) == {}
