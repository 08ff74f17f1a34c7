"""metrics/… by MLflow's rules (mlflow-api.md, section 3)."""

import json
import math
from urllib.parse import urlencode

import pytest

from tests.support.people import People
from tests.tracking.api.caller import Caller


def log(ann: Caller, *points: tuple[int, int, object], key: str = "m") -> str:
    """Start a run with these points, each (step, timestamp, value), and return its id."""
    run = ann.new_run()
    sent = [{"key": key, "step": step, "timestamp": at, "value": value} for step, at, value in points]
    ann.post("runs/log-batch", {"run_id": run, "metrics": sent})
    return run


def triples(found: dict[str, list[dict[str, object]]]) -> list[tuple[object, object, object]]:
    return [(point["step"], point["timestamp"], point["value"]) for point in found.get("metrics", [])]


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


class TestHistory:
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

    def test_is_ordered_by_time_step_and_value(self, ann: Caller) -> None:
        run = log(ann, (3, 1, 5.0), (1, 2, 1.0), (2, 1, 9.0), (2, 1, -9.0), (-5, 1, 0.0), (0, 0, 7.0))

        found = ann.get(f"metrics/get-history?run_uuid={run}&metric_key=m")

        assert triples(found) == [
            (0, 0, 7.0), (-5, 1, 0.0), (2, 1, -9.0), (2, 1, 9.0), (3, 1, 5.0), (1, 2, 1.0)
        ]  # fmt: skip

    def test_finds_keys_of_any_letters(self, ann: Caller) -> None:
        key = "val/精度 a:b.c-d_e"
        run = log(ann, (0, 1, 0.5), key=key)

        found = ann.get(f"metrics/get-history?{urlencode({'run_id': run, 'metric_key': key})}")

        assert found == {"metrics": [{"key": key, "value": 0.5, "timestamp": 1, "step": 0}]}

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ("run_id={run}", 400),
            ("metric_key=m", 400),
            ("run_id={run}&metric_key=", 400),
            ("run_id={run}&run_uuid=other&metric_key=m", 400),
            ("run_id=none&metric_key=m", 404),
            ("run_id={run}&metric_key=m&max_results=0", 400),
            ("run_id={run}&metric_key=m&max_results=-1", 400),
            ("run_id={run}&metric_key=m&max_results=50001", 400),
            ("run_id={run}&metric_key=m&max_results=x", 400),
            ("run_id={run}&metric_key=m&page_token=garbage", 400),
            ("run_id={run}&metric_key=m&page_token=WzFd", 400),
        ],
    )
    def test_refuses_a_bad_question(self, ann: Caller, query: str, status: int) -> None:
        path = f"metrics/get-history?{query.format(run=log(ann, (0, 1, 1)))}"

        assert ann.refused(path, method="GET")[0] == status

    def test_of_a_deleted_run_stays_readable(self, ann: Caller) -> None:
        run = log(ann, (0, 1, 1.0))
        ann.post("runs/delete", {"run_id": run})

        assert triples(ann.get(f"metrics/get-history?run_id={run}&metric_key=m")) == [(0, 1, 1.0)]


class TestBulkHistory:
    def test_answers_run_after_run(self, people: People, ann: Caller) -> None:
        first, second = log(ann, (0, 5, 1.0), (1, 6, "NaN")), log(ann, (0, 1, 2.0))
        foreign = log(Caller(People.around("lab").ann.token, "lab"), (0, 1, 3.0))

        query = urlencode({"run_id": [second, foreign, first, "none", second], "metric_key": "m"}, doseq=True)
        found = ann.get(f"metrics/get-history-bulk?{query}")

        assert [(one["run_id"], one["value"]) for one in found["metrics"]] == [
            (second, 2.0),
            (first, 1.0),
            (first, "NaN"),
        ]

    def test_stops_at_the_limit(self, ann: Caller) -> None:
        run = log(ann, *((step, step, step) for step in range(10)))

        found = ann.get(f"metrics/get-history-bulk?run_id={run}&metric_key=m&max_results=3")

        assert [step for step, _, _ in triples(found)] == [0, 1, 2]

    @pytest.mark.parametrize(
        "query",
        ["metric_key=m", "run_id=a", "run_id=a&metric_key=m&max_results=25001", "metric_key=m" + "&run_id=a" * 101],
    )
    def test_refuses_a_bad_question(self, ann: Caller, query: str) -> None:
        assert ann.refused(f"metrics/get-history-bulk?{query}", method="GET")[:2] == (400, "INVALID_PARAMETER_VALUE")

    def test_of_nothing_is_empty(self, ann: Caller) -> None:
        assert ann.get("metrics/get-history-bulk?run_id=none&metric_key=m") == {}


class TestInterval:
    def test_keeps_first_last_least_and_greatest(self, ann: Caller) -> None:
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

    def test_is_ordered_by_step_time_and_value(self, ann: Caller) -> None:
        run = log(ann, (2, 1, 1.0), (1, 9, 1.0), (1, 3, 2.0), (1, 3, -2.0))

        found = ann.get(f"metrics/get-history-bulk-interval?run_ids={run}&metric_key=m")

        assert triples(found) == [(1, 3, -2.0), (1, 3, 2.0), (1, 9, 1.0), (2, 1, 1.0)]

    def test_limits_each_run(self, ann: Caller) -> None:
        points = [(step, step, step) for step in range(100)]
        runs = [log(ann, *points), log(ann, *points)]

        query = urlencode({"run_ids": runs, "metric_key": "m", "max_results": 10}, doseq=True)
        found = ann.get(f"metrics/get-history-bulk-interval?{query}")["metrics"]

        for run in runs:
            steps = [point["step"] for point in found if point["run_id"] == run]
            assert len(steps) <= 10
            assert {0, 99} <= set(steps)

    def test_outside_the_steps_is_empty(self, ann: Caller) -> None:
        run = log(ann, (0, 0, 0.0))

        for steps in ("start_step=1&end_step=9", f"start_step={-(2**63)}&end_step=-1"):
            assert ann.get(f"metrics/get-history-bulk-interval?run_ids={run}&metric_key=m&{steps}") == {}

    @pytest.mark.parametrize(
        "query",
        ["metric_key=m", "run_ids=a", "run_ids=a&metric_key=m&start_step=1", "run_ids=a&metric_key=m&end_step=1",
         "run_ids=a&metric_key=m&start_step=2&end_step=1", "run_ids=a&metric_key=m&max_results=0",
         "run_ids=a&metric_key=m&max_results=2501", "run_ids=a&metric_key=m&start_step=0&end_step=9223372036854775808",
         "metric_key=m" + "&run_ids=a" * 101],
    )  # fmt: skip
    def test_refuses_a_bad_question(self, ann: Caller, query: str) -> None:
        status, code, _ = ann.refused(f"metrics/get-history-bulk-interval?{query}", method="GET")

        assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
