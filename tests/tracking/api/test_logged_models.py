"""logged-models/… and what runs say of them, by MLflow's rules (mlflow-api.md, sections 1 to 3)."""

import re
from typing import Any

import pytest

from tests.support.people import People
from tests.tracking.api.caller import Caller, file_url

NO_SUCH = f"m-{'0' * 32}"


def create(ann: Caller, name: str = "", **fields: object) -> str:
    """Create a logged model and return its id."""
    made = ann.post("logged-models", {"experiment_id": "0", "name": name, **fields})
    uid: str = made["model"]["info"]["model_id"]
    return uid


def show(ann: Caller, uid: str) -> Any:
    return ann.get(f"logged-models/{uid}")["model"]


def search(ann: Caller, filter_: str = "", **fields: object) -> list[str]:
    """Return the names that a search in the Default experiment finds, in its order."""
    found = ann.post("logged-models/search", {"experiment_ids": ["0"], "filter": filter_, **fields}).get("models", [])
    return [one["info"]["name"] for one in found]


def log(ann: Caller, uid: str, value: object, key: str = "acc", *, step: int = 0, **fields: object) -> str:
    """Log a metric of a model in a run of its own; return the run's id."""
    run = ann.new_run()
    point = {"key": key, "value": value, "timestamp": 1, "step": step, "model_id": uid, **fields}
    ann.post("runs/log-batch", {"run_id": run, "metrics": [point]})
    return run


class TestCreate:
    def test_answers_a_pending_model(self, ann: Caller) -> None:
        run = ann.new_run()
        pairs = [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]

        made = ann.post(
            "logged-models",
            {
                "experiment_id": "0",
                "name": "模型",
                "model_type": "pyfunc",
                "source_run_id": run,
                "params": pairs,
                "tags": pairs,
            },
        )["model"]  # fmt: skip

        info = made["info"]
        experiment = ann.get(f"runs/get?run_id={run}")["run"]["info"]["experiment_id"]
        assert re.fullmatch(r"m-[0-9a-f]{32}", info["model_id"])
        assert info["artifact_uri"] == f"mlflow-artifacts:/{experiment}/models/{info['model_id']}/artifacts"
        assert (info["name"], info["model_type"], info["source_run_id"]) == ("模型", "pyfunc", run)
        assert (info["status"], info["experiment_id"]) == ("LOGGED_MODEL_PENDING", experiment)
        assert info["creation_timestamp_ms"] == info["last_updated_timestamp_ms"]
        assert (info["tags"], made["data"]["params"]) == (pairs, pairs)
        assert show(ann, info["model_id"]) == made

    def test_invents_a_name(self, ann: Caller) -> None:
        assert re.fullmatch(r"\w+-\w+-\d+", show(ann, create(ann))["info"]["name"])

    @pytest.mark.parametrize(
        "fields",
        [*({"name": f"a{sign}b"} for sign in "/:.%\"'"), {"name": "x" * 501}, {"model_type": "x" * 501},
         {"params": [{"key": "a", "value": "x" * 6001}]}, {"params": [{"key": "a"}, {"key": "a"}]},
         {"params": [{"key": "a,b", "value": ""}]}, {"tags": [{"key": "../a", "value": ""}]},
         {"tags": [{"key": "a", "value": "x" * 8001}]}, {"experiment_id": "abc"}],
    )  # fmt: skip
    def test_refuses_what_breaks_a_rule_and_keeps_nothing(self, ann: Caller, fields: dict[str, object]) -> None:
        status, code, _ = ann.refused("logged-models", {"experiment_id": "0", "name": "a", **fields})

        assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
        assert search(ann) == []

    def test_needs_an_experiment_and_a_run_of_the_workspace(self, people: People, ann: Caller) -> None:
        foreign = Caller(People.around("lab").ann.token, "lab").new_run()

        for fields in ({"experiment_id": "999"}, {"source_run_id": foreign}, {"source_run_id": "none"}):
            assert ann.refused("logged-models", {"experiment_id": "0", **fields})[0] == 404


class TestFinalize:
    @pytest.mark.parametrize(
        ("sent", "status"),
        [("LOGGED_MODEL_READY", "LOGGED_MODEL_READY"), ("LOGGED_MODEL_UPLOAD_FAILED", "LOGGED_MODEL_UPLOAD_FAILED"),
         (2, "LOGGED_MODEL_READY")],
    )  # fmt: skip
    def test_sets_the_status(self, ann: Caller, sent: object, status: str) -> None:
        uid = create(ann)

        _, answer = ann.request("PATCH", f"2.0/mlflow/logged-models/{uid}", {"model_id": uid, "status": sent})

        assert answer["model"]["info"]["status"] == status
        assert show(ann, uid) == answer["model"]

    @pytest.mark.parametrize("status", ["DONE", "", None, 9, "²"])
    def test_refuses_another_word(self, ann: Caller, status: object) -> None:
        uid = create(ann)

        answer = ann.refused(f"logged-models/{uid}", {"model_id": uid, "status": status}, method="PATCH")

        assert answer[:2] == (400, "INVALID_PARAMETER_VALUE")
        assert show(ann, uid)["info"]["status"] == "LOGGED_MODEL_PENDING"


class TestParams:
    def test_are_added_and_never_changed(self, ann: Caller) -> None:
        uid = create(ann, params=[{"key": "a", "value": "1"}])
        path = f"logged-models/{uid}/params"

        ann.post(path, {"model_id": uid, "params": [{"key": "a", "value": "1"}, {"key": "b", "value": "x" * 6000}]})
        answer = ann.refused(path, {"params": [{"key": "c", "value": "1"}, {"key": "a", "value": "2"}]})

        assert answer[0] == 400
        assert f"key='a' was already logged with value='1' for model ID='{uid}'" in answer[2]
        params = show(ann, uid)["data"]["params"]
        assert params == [{"key": "a", "value": "1"}, {"key": "b", "value": "x" * 6000}]


class TestTags:
    def test_are_set_replaced_and_deleted(self, ann: Caller) -> None:
        uid = create(ann, tags=[{"key": "a/b c", "value": "1"}])
        path = f"2.0/mlflow/logged-models/{uid}/tags"

        status, answer = ann.request("PATCH", path, {"tags": [{"key": "a/b c", "value": "2"}, {"key": "k"}]})
        assert (status, answer["model"]["info"]["tags"]) == (
            200,
            [{"key": "a/b c", "value": "2"}, {"key": "k", "value": ""}],
        )
        assert ann.request("DELETE", f"{path}/a/b%20c", {}) == (200, {})
        assert show(ann, uid)["info"]["tags"] == [{"key": "k", "value": ""}]
        assert ann.request("DELETE", f"{path}/a/b%20c", {})[0] == 404


class TestDelete:
    def test_hides_the_model(self, ann: Caller) -> None:
        uid = create(ann, "a")
        path = f"2.0/mlflow/logged-models/{uid}"

        assert ann.request("DELETE", path) == (200, {})

        for method, below, body in (
            ("GET", "", None),
            ("DELETE", "", None),
            ("PATCH", "", {"status": "LOGGED_MODEL_READY"}),
            ("PATCH", "/tags", {"tags": []}),
            ("POST", "/params", {"params": []}),
            ("DELETE", "/tags/k", None),
            ("GET", "/artifacts/directories", None),
        ):
            status, answer = ann.request(method, f"{path}{below}", body)
            assert (status, answer["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
        assert search(ann) == []

    def test_closes_its_artifacts(self, ann: Caller) -> None:
        uid = create(ann)
        folder = show(ann, uid)["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/")
        ann.request("DELETE", f"2.0/mlflow/logged-models/{uid}")

        assert ann.put_file(f"{folder}/a", b"1")[0] == 404
        assert ann.request("DELETE", file_url(f"{folder}/a"))[0] == 404


class TestUnknown:
    @pytest.mark.parametrize("uid", [NO_SUCH, "m-", "..", "x" * 300, "%2e%2e%2fx", "%2a", "' OR 1=1"])
    def test_model_is_not_found(self, ann: Caller, uid: str) -> None:
        for method, below in (("GET", ""), ("DELETE", ""), ("GET", "/artifacts/directories"), ("DELETE", "/tags/k")):
            status, answer = ann.request(method, f"2.0/mlflow/logged-models/{uid}{below}")
            assert status == 404, (method, answer)

    def test_model_of_another_workspace_is_not_found(self, people: People, ann: Caller) -> None:
        lab = Caller(People.around("lab").ann.token, "lab")
        uid, run = create(lab, "a"), ann.new_run()

        foreign = ann.refused(f"logged-models/{uid}", method="GET")

        assert foreign == (404, "RESOURCE_DOES_NOT_EXIST", f"Logged model with ID '{uid}' not found.")
        for path, body in (
            (f"logged-models/{uid}/params", {}),
            ("runs/outputs", {"run_id": run, "models": [{"model_id": uid, "step": 0}]}),
            ("runs/log-inputs", {"run_id": run, "models": [{"model_id": uid}]}),
            ("runs/log-metric", {"run_id": run, "key": "m", "value": 1, "timestamp": 1, "model_id": uid}),
        ):
            assert ann.refused(path, body)[0] == 404
        stored = ann.get(f"runs/get?run_id={run}")["run"]
        assert (stored["inputs"], stored["outputs"], stored["data"].get("metrics")) == ({}, {}, None)
        experiment = show(lab, uid)["info"]["experiment_id"]
        assert ann.post("logged-models/search", {"experiment_ids": [experiment]}) == {}

    def test_address_with_nul_is_refused(self, ann: Caller) -> None:
        assert ann.refused("logged-models/m%00", method="GET")[0] == 400
        assert ann.refused(f"logged-models/{create(ann)}/tags/a%00b", method="DELETE")[0] == 400


class TestArtifacts:
    def test_are_listed_relative_to_the_models_root(self, ann: Caller) -> None:
        uid = create(ann)
        root = show(ann, uid)["info"]["artifact_uri"]
        for name in ("MLmodel", "data/model.pkl"):
            assert ann.put_file(f"{root.removeprefix('mlflow-artifacts:/')}/{name}", b"123")[0] == 200

        top = ann.get(f"logged-models/{uid}/artifacts/directories")
        below = ann.get(f"logged-models/{uid}/artifacts/directories?artifact_directory_path=data")

        assert top == {
            "root_uri": root,
            "files": [{"path": "MLmodel", "is_dir": False, "file_size": 3}, {"path": "data", "is_dir": True}],
        }
        assert [one["path"] for one in below["files"]] == ["data/model.pkl"]

    @pytest.mark.parametrize("path", ["..", "../x", "%252e%252e", "/etc", "a%5cb", "C:x"])
    def test_are_not_listed_outside(self, ann: Caller, path: str) -> None:
        where = f"logged-models/{create(ann)}/artifacts/directories?artifact_directory_path={path}"

        assert ann.refused(where, method="GET")[:2] == (400, "INVALID_PARAMETER_VALUE")


class TestOnRuns:
    def test_inputs_and_outputs_are_shown_once(self, ann: Caller) -> None:
        run, used, made = ann.new_run(), create(ann), create(ann)

        for step in (1, 7):
            ann.post("runs/outputs", {"run_id": run, "models": [{"model_id": made, "step": step}]})
            ann.post("runs/log-inputs", {"run_id": run, "models": [{"model_id": used}]})

        stored = ann.get(f"runs/get?run_id={run}")["run"]
        assert stored["outputs"] == {"model_outputs": [{"model_id": made, "step": 7}]}
        assert stored["inputs"] == {"model_inputs": [{"model_id": used}]}

    def test_metrics_are_the_runs_and_the_models(self, ann: Caller) -> None:
        uid = create(ann)

        run = log(ann, uid, 0.5, step=3, dataset_name="train", dataset_digest="d1")

        point = {"key": "acc", "value": 0.5, "timestamp": 1, "step": 3}
        assert ann.get(f"runs/get?run_id={run}")["run"]["data"]["metrics"] == [point]
        on_model = {**point, "dataset_name": "train", "dataset_digest": "d1", "model_id": uid, "run_id": run}
        assert show(ann, uid)["data"]["metrics"] == [on_model]

    def test_metrics_keep_the_latest_by_step_time_and_value(self, ann: Caller) -> None:
        uid, run = create(ann), ann.new_run()
        for step, at, value in ((1, 5, 1.0), (2, 1, "NaN"), (2, 1, -1.0), (1, 9, 9.0)):
            point = {"key": "m", "value": value, "timestamp": at, "step": step, "model_id": uid}
            ann.post("runs/log-metric", {"run_id": run, **point})

        (latest,) = show(ann, uid)["data"]["metrics"]
        assert (latest["step"], latest["timestamp"], latest["value"]) == (2, 1, "NaN")

    @pytest.mark.parametrize("fields", [{"dataset_name": "x" * 501}, {"dataset_name": "a", "dataset_digest": "x" * 37}])
    def test_metrics_name_datasets_of_mlflows_lengths(self, ann: Caller, fields: dict[str, str]) -> None:
        uid, run = create(ann), ann.new_run()
        point = {"key": "m", "value": 1, "timestamp": 1, "model_id": uid, **fields}

        for path, body in (("runs/log-metric", point), ("runs/log-batch", {"metrics": [point]})):
            assert ann.refused(path, {"run_id": run, **body})[:2] == (400, "INVALID_PARAMETER_VALUE")

        assert "metrics" not in ann.get(f"runs/get?run_id={run}")["run"]["data"]


class TestSearch:
    @pytest.mark.parametrize(
        ("filter_", "names"),
        [
            ("", ["c", "b", "a"]),
            ("name = 'a'", ["a"]),
            ("attributes.name IN ('a', 'c')", ["c", "a"]),
            ("name LIKE '%B%'", []),
            ("name ILIKE '%B%'", ["b"]),
            ("status = 'LOGGED_MODEL_READY'", ["b"]),
            ("model_type = 'pyfunc'", ["a"]),
            ("params.lr = '0.1'", ["b", "a"]),
            ("params.lr = '0.1' AND tags.team = 'x'", ["a"]),
            ("metrics.acc > 0.5", ["c", "b"]),
            ("metrics.acc <= 0.5", ["a"]),
            ("creation_timestamp > 0", ["c", "b", "a"]),
            ("last_updated_timestamp_ms < 1", []),
        ],
    )
    def test_filters(self, ann: Caller, filter_: str, names: list[str]) -> None:
        lr = {"params": [{"key": "lr", "value": "0.1"}]}
        a = create(ann, "a", model_type="pyfunc", tags=[{"key": "team", "value": "x"}], **lr)
        b, c = create(ann, "b", **lr), create(ann, "c")
        ann.request("PATCH", f"2.0/mlflow/logged-models/{b}", {"status": "LOGGED_MODEL_READY"})
        for uid, value in ((a, 0.25), (b, 0.75), (c, "Infinity")):
            log(ann, uid, value)

        assert search(ann, filter_) == names

    def test_finds_by_id_and_run(self, ann: Caller) -> None:
        run = ann.new_run()
        uid = create(ann, "a", source_run_id=run)
        create(ann, "b")

        assert search(ann, f"model_id = '{uid}'") == search(ann, f"source_run_id = '{run}'") == ["a"]

    def test_narrows_metrics_to_datasets(self, ann: Caller) -> None:
        a, b = create(ann, "a"), create(ann, "b")
        log(ann, a, 0.9, dataset_name="train", dataset_digest="1")
        log(ann, a, 0.1, dataset_name="test", dataset_digest="1")
        log(ann, b, 0.9, dataset_name="test", dataset_digest="2")

        def found(*datasets: dict[str, str]) -> list[str]:
            return search(ann, "metrics.acc > 0.5", datasets=list(datasets))

        assert found() == ["b", "a"]
        assert found({"dataset_name": "train"}) == ["a"]
        assert found({"dataset_name": "test"}) == ["b"]
        assert found({"dataset_name": "test", "dataset_digest": "1"}) == []
        assert found({"dataset_name": "test"}, {"dataset_name": "train", "dataset_digest": "1"}) == ["b", "a"]

    @pytest.mark.parametrize(
        ("order", "names"),
        [
            ({"field_name": "metrics.acc"}, ["low", "high", "nan", "none"]),
            ({"field_name": "metrics.acc", "ascending": False}, ["high", "low", "nan", "none"]),
            ({"field_name": "metrics.acc", "dataset_name": "other"}, ["none", "nan", "high", "low"]),
            ({"field_name": "name", "ascending": True}, ["high", "low", "nan", "none"]),
            ({"field_name": "attributes.name", "ascending": False}, ["none", "nan", "low", "high"]),
            ({"field_name": "creation_timestamp", "ascending": True}, ["low", "high", "nan", "none"]),
        ],
    )
    def test_orders_real_values_then_nan_then_missing(
        self, ann: Caller, order: dict[str, object], names: list[str]
    ) -> None:
        for name, value in (("low", 1), ("high", 2), ("nan", "NaN")):
            log(ann, create(ann, name), value, dataset_name="train", dataset_digest="1")
        create(ann, "none")

        assert search(ann, order_by=[order]) == names

    def test_pages_hold_everything_once(self, ann: Caller) -> None:
        for number in range(5):
            uid = create(ann, f"m{number}")
            if number % 2:
                log(ann, uid, number)
        order = [{"field_name": "metrics.acc", "ascending": False}]
        body = {"experiment_ids": ["0"], "max_results": 2, "order_by": order}

        found, token = [], ""
        while True:
            page = ann.post("logged-models/search", {**body, "page_token": token})
            found += [one["info"]["name"] for one in page["models"]]
            if "next_page_token" not in page:
                break
            token = page["next_page_token"]

        assert found == ["m3", "m1", "m4", "m2", "m0"]

    @pytest.mark.parametrize(
        "fields",
        [{"filter": "metric.acc > 1"}, {"filter": "x = 'a'"}, {"filter": "name = 'a' ("}, {"max_results": 0},
         {"max_results": 50_001}, {"page_token": "x"}, {"order_by": [{"field_name": "nothing"}]},
         {"order_by": [{"field_name": "params.lr"}]}, {"order_by": ["name"]}, {"datasets": [{}]}],
    )  # fmt: skip
    def test_refuses_a_bad_question(self, ann: Caller, fields: dict[str, object]) -> None:
        status, code, _ = ann.refused("logged-models/search", {"experiment_ids": ["0"], **fields})

        assert (status, code) == (400, "INVALID_PARAMETER_VALUE")

    def test_of_nothing_is_empty(self, ann: Caller) -> None:
        create(ann, "a")

        for experiments in ([], ["999"], ["abc"]):
            assert ann.post("logged-models/search", {"experiment_ids": experiments}) == {}
