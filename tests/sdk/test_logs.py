"""What a run printed, and the models it made."""

import io
import threading
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus, Metric
from mlportal import AlreadyExistsError, Experiment, Model, ModelVersion, NotFoundError, Run, Workspace

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
        assert [one.id for one in tagged] == [first.id]
        assert [one.id for one in Model.list(workspace, first.name, latest=True)] == [second.id]
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


class TestModelVersion:
    def test_is_registered_listed_shown_and_downloaded(
        self, run: Run, workspace: Workspace, cli: Cli, tmp_path: Path
    ) -> None:
        name = f"registered-{run.id[:8]}"
        run.upload_file("outputs/net/weights.txt", io.BytesIO(b"one"))
        logged = log_model(stock(workspace), run, f"net-{run.id[:8]}", tmp_path, "two")

        first = run.register_model(name, "outputs/net", tags={"stage": "dev"})
        done = cli("model", "register", "-n", name, "-i", logged.id, "-w", "default", "-o", "json")
        cli("model", "alias", "-n", name, "-v", "1", "-a", "champion", "-w", "default")

        assert (first.id, first.run_id, first.tags) == (f"{name}:1", run.id, {"stage": "dev"})
        assert (done.code, done.data["version"], done.data["run_id"]) == (0, 2, run.id)
        assert [one.version for one in ModelVersion.list(workspace, name)] == [2, 1]
        assert workspace.models[name].version == ModelVersion.get(workspace, name).version == 2
        assert ModelVersion.get(workspace, name, alias="champion").version == 1
        listed = cli("model", "list", "-n", name, "-w", "default", "-o", "tsv").out
        assert [line.split("\t")[:3] for line in listed.splitlines()] == [
            [name, "2", "[]"],
            [name, "1", '["champion"]'],
        ]
        assert (
            cli("model", "download", "-n", name, "-a", "champion", "-t", str(tmp_path / "1"), "-w", "default").code == 0
        )
        assert (tmp_path / "1" / name / "weights.txt").read_text() == "one"
        assert workspace.models[name].download(tmp_path / "2").joinpath("weights.txt").read_text() == "two"

    def test_is_deleted_alone_and_with_its_model(self, run: Run, workspace: Workspace, cli: Cli) -> None:
        name = f"deleted-{run.id[:8]}"
        for _ in range(2):
            run.register_model(name, "outputs").add_tags({"a": "1"})

        alone = cli("model", "delete", "-n", name, "-v", "2", "-w", "default")
        left = ModelVersion.list(workspace, name)
        asked = cli("model", "delete", "-n", name, "-w", "default")
        sure = cli("model", "delete", "-n", name, "--yes", "-w", "default")

        assert (alone.code, [(one.version, one.tags) for one in left]) == (0, [(1, {"a": "1"})])
        assert (asked.code, sure.code, ModelVersion.list(workspace, name)) == (2, 0, [])
        with pytest.raises(NotFoundError, match="not found"):
            ModelVersion.get(workspace, name)
