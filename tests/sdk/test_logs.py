"""What a run printed, and the models it made."""

import io
import threading
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus, Metric
from mlportal import AlreadyExistsError, Experiment, Model, NotFoundError, Run, Workspace

from tests.sdk.cli import Cli
from tests.sdk.facts import stock


@pytest.fixture
def run(experiment: Experiment) -> Run:
    """Return a running run."""
    return experiment.start_logging()


class TestLogs:
    def test_are_printed_file_by_file(self, run: Run, cli: Cli, tmp_path: Path) -> None:
        run.upload_file("logs/a.txt", io.BytesIO(b"one\n"))
        run.upload_file("user_logs/std_log.log", io.BytesIO("二\n".encode()))
        run.upload_file("logs/picture.png", io.BytesIO(b"\x89PNG"))
        run.upload_file("outputs/own.txt", io.BytesIO(b"mine"))

        done = cli("run", "logs", "-r", run.id, "-w", "default")
        named = cli("run", "logs", "-r", run.id, "-w", "default", "--name", "outputs/own.txt")
        stored = run.get_all_logs(tmp_path)

        assert done.out == "==> logs/a.txt <==\none\n\n==> user_logs/std_log.log <==\n二\n"
        assert named.out == "mine"
        texts = {"logs/a.txt": "one\n", "user_logs/std_log.log": "二\n"}
        assert run.get_details_with_logs() == {**run.get_details(), "logFiles": texts}
        assert [path.relative_to(tmp_path).as_posix() for path in stored] == ["logs/a.txt", "user_logs/std_log.log"]

    def test_are_followed_until_the_run_has_ended(self, run: Run) -> None:
        text = "eins\nzwei 二\n".encode()
        run.upload_file("logs/a.txt", io.BytesIO(text[:11]))  # ends within a character
        pieces: list[str] = []
        has_begun = threading.Event()

        def follow() -> None:
            for piece in run.workspace.get_run(run.id).stream_logs("logs/a.txt", follow=True, pause_s=0.05):
                pieces.append(piece)
                has_begun.set()

        reader = threading.Thread(target=follow)
        reader.start()
        assert has_begun.wait(30)
        run.upload_file("logs/a.txt", io.BytesIO(text))
        run.complete()
        reader.join(30)

        assert (reader.is_alive(), "".join(pieces).encode()) == (False, text)

    def test_that_do_not_exist_say_what_there_is(self, run: Run, cli: Cli) -> None:
        run.upload_file("notes.md", io.BytesIO(b"hello"))

        done = cli("run", "logs", "-r", run.id, "-w", "default")

        assert (done.code, "It has notes.md." in done.err) == (3, True)


class TestModel:
    def test_is_listed_shown_and_downloaded(self, run: Run, workspace: Workspace, cli: Cli, tmp_path: Path) -> None:
        client = stock(workspace)
        first, second = (log_model(client, run, f"net-{run.id[:8]}", tmp_path, text) for text in ("one", "two"))

        listed = Model.list(workspace, first.name)
        tagged = Model.list(workspace, tags={"text": "one"}, run_id=run.id)
        shown = cli("model", "show", "-i", second.id, "-w", "default", "-o", "json").data
        done = cli("model", "download", "-i", second.id, "-t", str(tmp_path / "got"), "-w", "default")

        assert [one.id for one in listed] == [second.id, first.id]
        assert ([one.id for one in tagged], workspace.models[first.name].id) == ([first.id], second.id)
        assert (shown["status"], shown["run_id"], shown["properties"]) == ("Ready", run.id, {"text": "two"})
        assert shown["metrics"] == {"accuracy": 0.5}
        assert (done.code, (tmp_path / "got" / first.name / "weights.txt").read_text()) == (0, "two")
        with pytest.raises(AlreadyExistsError, match="exist_ok"):
            listed[0].download(tmp_path / "got")

    def test_is_tagged_and_deleted(self, run: Run, workspace: Workspace, tmp_path: Path) -> None:
        model = log_model(stock(workspace), run, "passing", tmp_path, "text")

        model.add_tags({"stage": "prod"})
        assert Model.get(workspace, model.id).tags["stage"] == "prod"
        model.delete()

        with pytest.raises(NotFoundError):
            Model.get(workspace, model.id)


def log_model(client: MlflowClient, run: Run, name: str, folder: Path, text: str) -> Model:
    """Log a model with one file as the stock client does."""
    (folder / "weights.txt").write_text(text)
    model = client.create_logged_model(
        run.experiment.id, name=name, source_run_id=run.id, params={"text": text}, tags={"text": text}
    )
    client.log_model_artifact(model.model_id, str(folder / "weights.txt"))
    client.log_batch(run.id, metrics=[Metric("accuracy", 0.5, 1, 0, model_id=model.model_id, run_id=run.id)])
    client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    return Model.get(run.workspace, model.model_id)
