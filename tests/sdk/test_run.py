"""Runs and experiments through the SDK, looked at by the stock client."""

import io
import math
import os
import signal
import threading
import time
from pathlib import Path

import matplotlib.figure
import mlflow
import pytest
from mlflow import MlflowClient
from mlportal import (
    ConflictError,
    Experiment,
    InvalidError,
    NotFoundError,
    Run,
    RunFailedError,
    TimedOutError,
    Workspace,
)
from mlportal.experiment import ARCHIVED_AT

from tests.support.portal import Portal


@pytest.fixture
def stock(live_portal: Portal, token: str) -> MlflowClient:
    """Return the stock client in the same workspace."""
    return MlflowClient(f"{live_portal.url.replace('://', f'://x:{token}@')}/w/default")


@pytest.fixture
def run(experiment: Experiment) -> Run:
    """Return a running run."""
    return experiment.start_logging()


class TestLogging:
    def test_leaves_what_the_stock_client_reads(self, experiment: Experiment, stock: MlflowClient) -> None:
        with experiment.start_logging(display_name="first", tags={"team": "a"}) as run:
            for value in (0.5, 0.25):
                run.log("loss", value)
            run.log("accuracy", 0.9, step=7)
            run.add_properties({"lr": 0.1})
            run.tag("note", "good")

        found = stock.get_run(run.id)
        assert (found.info.run_name, found.info.status, found.data.params) == ("first", "FINISHED", {"lr": "0.1"})
        assert found.data.metrics == {"loss": 0.25, "accuracy": 0.9}
        assert [(m.step, m.value) for m in stock.get_metric_history(run.id, "loss")] == [(0, 0.5), (1, 0.25)]
        assert {"team": "a", "note": "good"}.items() <= found.data.tags.items()

    def test_keeps_equal_values_of_one_moment(self, run: Run) -> None:
        for _ in range(2500):
            run.log("loss", 1.0)

        assert run.get_metrics()["loss"] == [1.0] * 2500

    def test_counts_on_where_another_process_stopped(self, run: Run) -> None:
        run.log_list("loss", [3, 2])
        run.flush()

        again = run.workspace.get_run(run.id)
        again.log("loss", 1)

        assert again.get_metrics("loss") == {"loss": [3.0, 2.0, 1.0]}

    def test_keeps_what_is_no_number(self, run: Run) -> None:
        run.log_list("odd", [math.nan, math.inf, -math.inf])

        odd = run.get_metrics()["odd"]

        assert math.isnan(odd[0])
        assert odd[1:] == [math.inf, -math.inf]

    @pytest.mark.parametrize("value", ["high", None, [1]])
    def test_refuses_what_is_none(self, run: Run, value: object) -> None:
        with pytest.raises(InvalidError, match="Metric 'loss' takes a number"):
            run.log("loss", value)  # type: ignore[arg-type]

    def test_raises_later_what_the_server_refused(self, run: Run) -> None:
        run.log("a,b", 1)

        with pytest.raises(InvalidError, match="a,b") as caught:
            run.flush()
        assert caught.value.status == 400
        run.log("good", 1)
        assert run.get_metrics() == {"good": 1.0}

    def test_refuses_another_value_of_a_property(self, run: Run) -> None:
        run.add_properties({"lr": 1})

        with pytest.raises(InvalidError, match="not allowed"):
            run.add_properties({"lr": 2})
        assert run.properties == {"lr": "1"}

    def test_sends_by_itself(self, run: Run) -> None:
        run.log("loss", 1)

        deadline = time.monotonic() + 60
        while not run.workspace.get_run(run.id).get_last_metrics() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert run.workspace.get_run(run.id).get_last_metrics() == {"loss": 1.0}

    def test_leaves_no_thread_behind(self, run: Run) -> None:
        run.log("loss", 1)

        deadline = time.monotonic() + 60
        while "mlportal-metrics" in [one.name for one in threading.enumerate()] and time.monotonic() < deadline:
            time.sleep(0.1)
        assert "mlportal-metrics" not in [one.name for one in threading.enumerate()]
        run.log("loss", 2)
        assert run.get_metrics() == {"loss": [1.0, 2.0]}

    def test_goes_on_in_a_forked_child_and_sends_nothing_twice(self, run: Run) -> None:
        run.log("parent", 1)
        child = os.fork()
        if child == 0:
            try:
                run.log("child", 2)
                run.flush()
            finally:
                os.kill(os.getpid(), signal.SIGKILL)  # no exit handlers of pytest's
        os.waitpid(child, 0)

        assert run.get_metrics() == {"parent": 1.0, "child": 2.0}


class TestGetMetrics:
    def test_returns_a_number_for_one_value_and_a_list_for_more(self, run: Run) -> None:
        run.log("once", 1)
        run.log("twice", 1)
        run.log("twice", 2)
        run.log_list("list", [5])

        assert run.get_metrics() == {"once": 1.0, "twice": [1.0, 2.0], "list": [5.0]}
        assert run.get_metrics("twice") == {"twice": [1.0, 2.0]}
        assert run.get_metrics("none") == {}

    def test_returns_rows_as_columns(self, run: Run) -> None:
        run.log_row("epoch", loss=3, acc=0)
        run.log_row("epoch", loss=2, acc=1)

        assert run.get_metrics() == {"epoch": {"loss": [3.0, 2.0], "acc": [0.0, 1.0]}}
        assert run.get_metrics("epoch") == run.get_metrics()

    def test_returns_a_tables_path_or_its_columns(self, run: Run, live_portal: Portal, token: str) -> None:
        run.log_table("people", {"name": ["ann", None], "age": [1, 2]})

        assert run.get_metrics() == {"people": "people.json"}
        assert run.get_metrics(populate=True) == {"people": {"name": ["ann", None], "age": [1, 2]}}
        mlflow.set_tracking_uri(f"{live_portal.url.replace('://', f'://x:{token}@')}/w/default")
        mlflow.set_experiment(run.experiment.name)
        table = mlflow.load_table("people.json", [run.id])
        assert table["age"].tolist() == [1, 2]

    def test_returns_an_images_path(self, run: Run) -> None:
        run.log_image("plot", plot=matplotlib.figure.Figure())

        assert run.get_metrics() == {"plot": "images/plot.png"}
        assert run.download_file("images/plot.png").read_bytes().startswith(b"\x89PNG")

    def test_returns_those_of_children_by_run(self, run: Run) -> None:
        run.log("m", 1)
        child = run.child_run("kid")
        child.log("m", 2)
        child.complete()

        assert run.get_metrics(recursive=True) == {run.id: {"m": 1.0}, child.id: {"m": 2.0}}

    @pytest.mark.parametrize("table", [{}, {"a": [1], "b": [1, 2]}])
    def test_has_no_crooked_table(self, run: Run, table: dict[str, object]) -> None:
        with pytest.raises(InvalidError, match="one length"):
            run.log_table("t", table)


class TestFiles:
    def test_come_back_as_they_went(self, run: Run, tmp_path: Path) -> None:
        content = os.urandom(3_000_000)
        (tmp_path / "code" / "deep").mkdir(parents=True)
        (tmp_path / "code" / "a.py").write_text("a")
        (tmp_path / "code" / "deep" / "b.py").write_text("b")

        run.upload_file("outputs/ü b%25+.bin", io.BytesIO(content))
        run.upload_files(["x.txt", "empty"], [tmp_path / "code" / "a.py", os.devnull])
        run.upload_folder("code", tmp_path / "code")

        names = ["code/a.py", "code/deep/b.py", "empty", "outputs/ü b%25+.bin", "x.txt"]
        assert run.get_file_names() == names
        assert run.download_file("outputs/ü b%25+.bin", tmp_path / "back.bin").read_bytes() == content
        targets = run.download_files(output_directory=tmp_path / "all")
        assert targets == [tmp_path / "all" / name for name in names]
        assert (tmp_path / "all" / "empty").read_bytes() == b""
        assert run.download_files("code", tmp_path / "some") == [tmp_path / "some" / name for name in names[:2]]

    def test_that_are_missing_leave_nothing_behind(self, run: Run, tmp_path: Path) -> None:
        with pytest.raises(NotFoundError, match=r"none\.txt"):
            run.download_file("none.txt", tmp_path / "out" / "none.txt")

        assert [*(tmp_path / "out").iterdir()] == []

    @pytest.mark.parametrize("name", ["", "../x", "a/../x", "/etc/passwd", "a//b", "C:/x", "a\\b", "."])
    def test_have_names_that_stay_inside(self, run: Run, name: str) -> None:
        with pytest.raises(InvalidError, match="not the name of a file"):
            run.upload_file(name, io.BytesIO(b"x"))


class TestLife:
    def test_ends_with_the_block(self, experiment: Experiment) -> None:
        with pytest.raises(ZeroDivisionError), experiment.start_logging() as failed:
            _ = 1 / 0
        with experiment.start_logging() as done:
            pass

        assert (failed.get_status(), done.get_status()) == ("Failed", "Completed")
        assert failed.get_details()["error"] == "ZeroDivisionError: division by zero"

    def test_can_be_cancelled_and_started_again(self, run: Run) -> None:
        run.cancel()
        assert run.get_status() == "Canceled"

        run.start()
        assert run.get_status() == "Running"

    def test_uploads_its_outputs(self, experiment: Experiment, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        with experiment.start_logging(outputs=str(tmp_path / "out")) as run:
            (tmp_path / "out" / "model.bin").write_bytes(b"x")

        assert run.get_file_names() == ["outputs/model.bin"]

    def test_is_waited_for(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(TimedOutError, match="still Running"):
            run.wait_for_completion(timeout_s=0)
        run.fail("no luck", "E1")

        with pytest.raises(RunFailedError, match="Failed: E1: no luck"):
            run.wait_for_completion()
        assert run.wait_for_completion(raise_on_error=False)["status"] == "Failed"
        assert capsys.readouterr().out == ""

    def test_has_children(self, run: Run) -> None:
        one = run.child_run("one")
        inner = one.child_run("inner")
        two, three = run.create_children(tag_key="fold", tag_values=["a", "b"])

        assert {child.id for child in run.get_children()} == {one.id, two.id, three.id}
        assert {child.id for child in run.get_children(recursive=True)} == {one.id, two.id, three.id, inner.id}
        assert [child.id for child in run.get_children(tags={"fold": "b"})] == [three.id]
        assert inner.parent is not None
        assert inner.parent.id == one.id
        assert run.parent is None

    def test_goes_to_the_trash_and_comes_back(self, run: Run) -> None:
        run.delete()
        assert [*run.experiment.get_runs()] == []

        run.restore()
        assert [found.id for found in run.experiment.get_runs()] == [run.id]


class TestExperiment:
    def test_is_created_by_its_first_run(self, experiment: Experiment) -> None:
        assert not experiment.exists()
        assert [*experiment.get_runs()] == []
        with pytest.raises(NotFoundError, match="does not exist yet"):
            _ = experiment.id

        experiment.start_logging()

        assert experiment.id
        assert experiment.name in experiment.workspace.experiments

    def test_is_listed_whatever_name_mlflow_gave_it(self, experiment: Experiment, stock: MlflowClient) -> None:
        name = f"{experiment.name} "
        stock.create_experiment(name)

        assert experiment.workspace.experiments[name].name == name

    def test_lists_its_runs_newest_first(self, experiment: Experiment) -> None:
        old = experiment.start_logging(tags={"team": "it's"})
        old.add_properties({"lr": 1})
        time.sleep(0.002)  # start times have milliseconds
        new = experiment.start_logging()
        child = new.child_run()

        assert [run.id for run in experiment.get_runs()] == [new.id, old.id]
        assert {run.id for run in experiment.get_runs(include_children=True)} == {new.id, old.id, child.id}
        assert [run.id for run in experiment.get_runs(tags={"team": "it's"})] == [old.id]
        assert [run.id for run in experiment.get_runs(tags="team", properties={"lr": "1"})] == [old.id]
        assert [run.id for run in experiment.get_runs(filter="params.lr = '2'")] == []
        assert [run.id for run in experiment.get_runs(limit=1)] == [new.id]

    def test_leaves_its_name_to_another_when_archived(self, experiment: Experiment, stock: MlflowClient) -> None:
        name = experiment.name
        run = experiment.start_logging()

        experiment.archive()
        second = stock.create_experiment(name)

        assert second != experiment.id
        assert [one.name for one in Experiment.list(experiment.workspace) if name in one.name] == [name]
        assert [ARCHIVED_AT in experiment.tags, experiment.archived_time is None] == [True, False]
        experiment.reactivate(f"{name} again")
        assert ARCHIVED_AT not in experiment.tags
        assert [found.id for found in Experiment(experiment.workspace, f"{name} again").get_runs()] == [run.id]

    def test_in_the_trash_says_so(self, experiment: Experiment) -> None:
        experiment.start_logging()
        experiment.delete()

        with pytest.raises(ConflictError, match="in the trash"):
            Experiment(experiment.workspace, experiment.name).start_logging()
        experiment.restore()
        assert len([*experiment.get_runs()]) == 1

    def test_is_found_by_the_name_of_its_workspace(
        self, experiment: Experiment, token: str, live_portal: Portal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLPORTAL_TOKEN", token)
        monkeypatch.setenv("MLPORTAL_ENDPOINT", live_portal.url)
        run = experiment.start_logging()

        assert [found.id for found in Experiment(workspace="default", name=experiment.name).get_runs()] == [run.id]

    @pytest.mark.parametrize("name", ["", " a", "a ", "x" * 501])
    def test_has_a_name(self, workspace: Workspace, name: str) -> None:
        with pytest.raises(InvalidError, match="name has 1 to 500"):
            Experiment(workspace, name)
