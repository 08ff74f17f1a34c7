"""Documents of ended runs: whatever changes a run, a search sends what a run without a document would send."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.support.people import People
from tests.tracking.api.caller import Caller
from tracking.api.mlflow import documents
from tracking.core.clock import utc_now
from tracking.identity.models import User
from tracking.metrics.removal import purge_points
from tracking.registry.models import LoggedModel
from tracking.registry.removal import purge_models
from tracking.runs.bulk import tag_runs
from tracking.runs.documents import documents_by_run, keep_documents, list_to_make
from tracking.runs.models import Run, RunDocument
from tracking.runs.removal import purge_runs
from tracking.runs.types import Pair, RunDocumentMade


def ended_run(ann: Caller) -> str:
    """Return a run that has ended, with one of everything."""
    uid: str = ann.new_run(tags=[{"key": "stage", "value": "draft"}])
    ann.post(
        "runs/log-batch",
        {
            "run_id": uid,
            "metrics": [{"key": "loss", "value": "NaN", "timestamp": 1, "step": 3}],
            "params": [
                {"key": "lr", "value": "0.1"},
                {"key": 'a "quoted" 学 key/x'.replace('"quoted" ', ""), "value": '"\\\n学'},
            ],
        },
    )
    ann.post("runs/update", {"run_id": uid, "status": "FINISHED", "end_time": 5})
    return uid


def searched(ann: Caller) -> list[Any]:
    found: list[Any] = ann.post("runs/search", {"experiment_ids": ["0"], "run_view_type": "ALL"}).get("runs", [])
    return found


def made_anew(ann: Caller) -> list[Any]:
    """Return what a search sends when there is no document."""
    kept = list(RunDocument.objects.all())
    RunDocument.objects.all().delete()
    found = searched(ann)
    RunDocument.objects.bulk_create(kept)
    return found


def log_dataset(ann: Caller, uid: str) -> None:
    dataset = {"name": "mnist", "digest": "1", "source_type": "x", "source": "y"}
    ann.post("runs/log-inputs", {"run_id": uid, "datasets": [{"dataset": dataset}]})


def log_model(ann: Caller, uid: str) -> None:
    model = ann.post("logged-models", {"experiment_id": "0", "source_run_id": uid})["model"]["info"]["model_id"]
    ann.post("runs/outputs", {"run_id": uid, "models": [{"model_id": model, "step": 2}]})


def purge_its_points(ann: Caller, uid: str) -> None:
    purge_points(run_ids=[Run.objects.get(uid=uid).pk], limit=100)


def tag_in_bulk(ann: Caller, uid: str) -> None:
    run = Run.objects.get(uid=uid)
    tag = Pair("stage", "final")
    tag_runs(
        experiment=run.experiment, runs=Run.objects.all(), tag=tag, by=User.objects.get(username="ann"), now=utc_now()
    )


CHANGES: dict[str, Callable[[Caller, str], object]] = {
    "log-metric": lambda ann, uid: ann.post(
        "runs/log-metric", {"run_id": uid, "key": "loss", "value": 1, "timestamp": 2, "step": 9}
    ),
    "log-batch": lambda ann, uid: ann.post(
        "runs/log-batch", {"run_id": uid, "metrics": [{"key": "acc", "value": 1, "timestamp": 2}]}
    ),
    "log-parameter": lambda ann, uid: ann.post("runs/log-parameter", {"run_id": uid, "key": "bs", "value": "64"}),
    "set-tag": lambda ann, uid: ann.post("runs/set-tag", {"run_id": uid, "key": "stage", "value": "final"}),
    "delete-tag": lambda ann, uid: ann.post("runs/delete-tag", {"run_id": uid, "key": "stage"}),
    "rename": lambda ann, uid: ann.post("runs/update", {"run_id": uid, "run_name": "another"}),
    "rename by tag": lambda ann, uid: ann.post(
        "runs/set-tag", {"run_id": uid, "key": "mlflow.runName", "value": "another"}
    ),
    "resume": lambda ann, uid: ann.post("runs/update", {"run_id": uid, "status": "RUNNING"}),
    "delete": lambda ann, uid: ann.post("runs/delete", {"run_id": uid}),
    "log-inputs": log_dataset,
    "outputs": log_model,
    "log-model": lambda ann, uid: ann.post(
        "runs/log-model",
        {"run_id": uid, "model_json": f'{{"run_id": "{uid}", "artifact_path": "m", "utc_time_created": "1"}}'},
    ),
    "tag in bulk": tag_in_bulk,
    "purge points": purge_its_points,
}


class TestDocumentsOf:
    def test_are_used_once_they_are_made(self, ann: Caller) -> None:
        for _ in range(3):
            ended_run(ann)
        before = searched(ann)

        documents.prepare()
        with CaptureQueriesContext(connection) as caught:
            after = searched(ann)

        assert after == before
        assert not [query["sql"] for query in caught if "metric_series" in query["sql"]]

    def test_cost_the_same_statements_whatever_the_page(self, ann: Caller) -> None:
        counts = []
        for _ in range(2):
            for _ in range(5):
                ended_run(ann)
            documents.prepare()
            searched(ann)
            with CaptureQueriesContext(connection) as caught:
                searched(ann)
            counts.append(len(caught))

        assert counts[0] == counts[1]

    @pytest.mark.parametrize("name", CHANGES)
    def test_are_never_stale(self, ann: Caller, name: str) -> None:
        uid = ended_run(ann)
        documents.prepare()
        old = searched(ann)

        CHANGES[name](ann, uid)
        changed = searched(ann)
        documents.prepare()
        again = searched(ann)

        assert changed != old
        assert changed == again == made_anew(ann)
        assert ann.get(f"runs/get?run_id={uid}")["run"] == again[0]

    def test_follow_a_logged_model_that_goes_for_good(self, ann: Caller, people: People) -> None:
        maker, user = ended_run(ann), ended_run(ann)
        log_model(ann, maker)
        (model,) = ann.get(f"runs/get?run_id={maker}")["run"]["outputs"]["model_outputs"]
        ann.post("runs/log-inputs", {"run_id": user, "models": [{"model_id": model["model_id"]}]})
        documents.prepare()

        purge_models(pks=[LoggedModel.objects.get().pk])

        assert searched(ann) == made_anew(ann)
        assert "model_inputs" not in ann.get(f"runs/get?run_id={user}")["run"]["inputs"]

    def test_go_with_their_runs(self, ann: Caller, people: People) -> None:
        uid = ended_run(ann)
        documents.prepare()

        purge_runs(pks=[Run.objects.get(uid=uid).pk])

        assert not RunDocument.objects.exists()


class TestPrepare:
    def test_leaves_running_runs_alone(self, ann: Caller) -> None:
        uid = ann.new_run()
        ann.post("runs/update", {"run_id": uid, "run_name": "live"})

        documents.prepare()

        assert documents_by_run(run_ids=[Run.objects.get(uid=uid).pk]) == {}

    def test_finds_nothing_to_do_a_second_time(self, ann: Caller) -> None:
        ended_run(ann)
        documents.prepare()

        assert list_to_make(limit=10) == []

    def test_does_not_keep_what_is_too_big_to_be_kept_twice(self, ann: Caller) -> None:
        uid = ended_run(ann)
        dataset = {"name": "mnist", "digest": "1", "source_type": "x", "source": "y", "profile": "p" * 300_000}
        ann.post("runs/log-inputs", {"run_id": uid, "datasets": [{"dataset": dataset}]})
        before = searched(ann)

        documents.prepare()

        assert documents_by_run(run_ids=[Run.objects.get(uid=uid).pk]) == {}
        assert list_to_make(limit=10) == []
        assert searched(ann) == before

    def test_keeps_nothing_that_was_made_before_a_change(self, ann: Caller) -> None:
        uid = ended_run(ann)
        ((run_id, version),) = list_to_make(limit=10)
        body = documents.documents_of([run_id])[run_id]

        ann.post("runs/set-tag", {"run_id": uid, "key": "stage", "value": "final"})
        keep_documents(made=[RunDocumentMade(run_id, version, body)])

        assert documents_by_run(run_ids=[run_id]) == {}

    @pytest.mark.django_db(transaction=True)
    def test_is_never_ahead_of_what_was_acknowledged(self, ann: Caller) -> None:
        uid, is_over = ended_run(ann), threading.Event()

        def prepare_all_the_time() -> int:
            rounds = 0
            try:
                while not is_over.is_set():
                    documents.prepare()
                    rounds += 1
            finally:
                connection.close()
            return rounds

        with ThreadPoolExecutor(1) as worker:
            rounds = worker.submit(prepare_all_the_time)
            try:
                for number in range(60):
                    ann.post("runs/set-tag", {"run_id": uid, "key": "stage", "value": str(number)})
                    time.sleep(number % 3 / 500)  # for the document to be made, or not
                    tags = {tag["key"]: tag["value"] for tag in searched(ann)[0]["data"]["tags"]}
                    assert tags["stage"] == str(number)
            finally:
                is_over.set()

        assert rounds.result() > 1

    @pytest.mark.django_db(transaction=True)
    def test_does_not_mind_a_run_that_goes_for_good_meanwhile(self, ann: Caller, people: People) -> None:
        gone, there = ended_run(ann), ended_run(ann)
        made = [RunDocumentMade(run_id, version, "made") for run_id, version in list_to_make(limit=10)]
        purge_runs(pks=[Run.objects.get(uid=gone).pk])

        keep_documents(made=made)

        pk = Run.objects.get(uid=there).pk
        assert documents_by_run(run_ids=[pk]) == {pk: "made"}
