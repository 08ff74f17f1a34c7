"""``mlportal import``: the stock client finds at the target what it finds at the source."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import LoggedModel, Metric
from mlportal import Workspace
from mlportal.migration import Progress, import_into
from mlportal.migration.lease import only_import

from tests.sdk.cli import Cli
from tests.sdk.facts import DONE, SOURCE, all_runs, content, facts, registry, stock
from tests.support.foreign import CLASSIC, LONG, START_MS, VISION, fill, mlflow_server
from tests.support.portal import Portal
from tests.support.programs import wait_until
from tests.support.sdk import client_environ


def logged_models(client: MlflowClient) -> list[LoggedModel]:
    experiment = client.get_experiment_by_name(VISION)
    assert experiment
    return list(client.search_logged_models([experiment.experiment_id]))


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a stock server that people used."""
    folder = tmp_path_factory.mktemp("foreign")
    with mlflow_server(folder) as url:
        client = MlflowClient(url)
        fill(client, tmp_path_factory.mktemp("files"))
        (model,) = logged_models(client)
        client.create_registered_model("logged")
        client.create_model_version("logged", f"models:/{model.model_id}", model_id=model.model_id)
        client.copy_model_version("models:/logged/1", "a copy")
        yield url


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an mlruns folder that people used."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        folder = tmp_path_factory.mktemp("store") / "mlruns"
        ids = fill(MlflowClient(f"file:{folder}"), tmp_path_factory.mktemp("files"))
    artifacts = next(folder.glob(f"*/{ids['parent']}/artifacts"))
    (artifacts / "%41 #.txt").write_bytes(b"which stock servers cannot store")
    return folder


@pytest.fixture
def mlruns(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of it at another place, as people move such folders."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return Path(shutil.copytree(original, tmp_path / "moved" / "mlruns"))


@pytest.fixture
def lab(live_portal: Portal, token: str, name: str) -> Iterator[Workspace]:
    """Return an empty workspace."""
    workspace = Workspace.create(name, token, endpoint=live_portal.url)
    yield workspace
    workspace._transport.close()


class TestImport:
    def test_from_a_server_leaves_what_the_stock_client_found_there(
        self, foreign: str, lab: Workspace, cli: Cli, tmp_path: Path
    ) -> None:
        done = cli("import", foreign, "-w", lab.name, "-o", "json")

        assert (done.code, done.data["is_verified"]) == (0, True)
        assert done.data["counts"] == {
            "models imported": 1, "registered models imported": 4, "runs imported": 6, "versions imported": 5,
            "points": LONG + 15, "files": 4, "bytes": 1_280_014,
        }  # fmt: skip
        here = stock(lab)
        assert facts(here, tmp_path / "here") == facts(MlflowClient(foreign), tmp_path / "there")
        assert registry(here) == registry(MlflowClient(foreign))
        (model,) = logged_models(here)
        assert here.get_model_version_download_uri("a copy", "1") == model.artifact_location

    def test_takes_files_from_wherever_the_server_keeps_them(
        self, foreign: str, lab: Workspace, tmp_path: Path, name: str
    ) -> None:
        client = MlflowClient(foreign)
        experiment_id = client.create_experiment(name, artifact_location=str(tmp_path / "own"))
        run_id = client.create_run(experiment_id).info.run_id
        (tmp_path / "深 a.txt").write_text("beside the server")
        client.log_artifact(run_id, str(tmp_path / "深 a.txt"), "a/b")

        report = import_into(lab, foreign, experiments=[name])

        assert (report.is_verified, [one.files for one in report.outcomes]) == (True, [1])
        found = lab.get_run(report.outcomes[0].target_id).download_file("a/b/深 a.txt", tmp_path / "got.txt")
        assert found.read_text() == "beside the server"

    def test_from_a_folder_leaves_what_the_stock_client_found_there(
        self, mlruns: Path, lab: Workspace, cli: Cli, tmp_path: Path
    ) -> None:
        done = cli("import", str(mlruns), "-w", lab.name, "-o", "json")

        assert (done.code, done.data["problems"]) == (0, [])
        there = facts(MlflowClient(f"file:{mlruns}"), None)
        # MLflow's file store loses the step of a point that has a dataset; the line in its file has it.
        there["子 child"]["points"]["val"] = [(1, START_MS, "0.5"), (2, START_MS, "0.75")]
        assert facts(stock(lab), None) == there
        assert registry(stock(lab)) == registry(MlflowClient(f"file:{mlruns}"))
        parent = next(run for run in all_runs(stock(lab)) if run.info.run_name == "parent")
        lab.get_run(parent.info.run_id).download_files(None, tmp_path / "files")
        assert content(tmp_path / "files") == content(next(mlruns.glob("*/*/artifacts/notes.txt")).parent)

    def test_again_changes_nothing_and_says_so(self, mlruns: Path, lab: Workspace, cli: Cli) -> None:
        cli("import", str(mlruns), "-w", lab.name)
        before = [repr(run.to_dictionary()) for run in all_runs(stock(lab))]

        again = cli("import", str(mlruns), "-w", lab.name)
        verified = cli("import", str(mlruns), "-w", lab.name, "--verify", "-o", "json")

        assert (again.code, "Nothing had to be changed" in again.err, "6 runs were found equal" in again.err) == (
            0, True, True,
        )  # fmt: skip
        assert (verified.code, verified.data["counts"]["runs unchanged"]) == (0, 6)
        assert verified.data["counts"]["points"] == LONG + 15
        assert [repr(run.to_dictionary()) for run in all_runs(stock(lab))] == before

    def test_goes_on_where_it_was_killed(
        self, foreign: str, lab: Workspace, home: Path, token: str, cli: Cli, tmp_path: Path
    ) -> None:
        environ = client_environ(home, MLPORTAL_TOKEN=token, MLPORTAL_ENDPOINT=lab.endpoint)
        command = [sys.executable, "-m", "mlportal", "import", foreign, "-w", lab.name, "--workers", "1"]
        client = stock(lab)
        begun = subprocess.Popen(command, env=environ, cwd=home, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_until(lambda: any(DONE in run.data.tags for run in all_runs(client)), what="the first run")
        begun.send_signal(signal.SIGKILL)
        begun.wait()

        done = cli("import", foreign, "-w", lab.name)

        assert (begun.returncode, done.code) == (-signal.SIGKILL, 0)
        assert sorted(run.data.tags[SOURCE] for run in all_runs(client)) == sorted(
            run.info.run_id for run in all_runs(MlflowClient(foreign))
        )
        assert facts(client, tmp_path / "here") == facts(MlflowClient(foreign), tmp_path / "there")

    def test_completes_what_grew_meanwhile_and_only_that(self, foreign: str, lab: Workspace) -> None:
        told: list[Progress] = []
        import_into(lab, foreign, experiments=[VISION], on_progress=told.append)
        assert (str(told[0]), str(told[-1])) == ("0 of 5, 0 points", f"5 of 5, {LONG + 13:,} points")
        there = MlflowClient(foreign)
        running = next(run for run in all_runs(there) if run.info.status == "RUNNING")
        there.log_batch(running.info.run_id, metrics=[Metric("late", 1.5, START_MS, 0)])

        report = import_into(lab, foreign, experiments=[VISION])

        states = {one.source_id: one.state for one in report.outcomes if one.kind == "run"}
        assert states.pop(running.info.run_id) == "completed"
        assert set(states.values()) == {"unchanged"}
        assert report.is_verified

    def test_finds_and_mends_what_differs(self, mlruns: Path, lab: Workspace, cli: Cli) -> None:
        ids = {one.source_id: one.target_id for one in import_into(lab, str(mlruns)).outcomes}
        run = next(run for run in all_runs(stock(lab)) if run.info.run_name == "parent")
        stock(lab).set_tag(run.info.run_id, "stage", "prod")
        lab.get_run(run.info.run_id).upload_file("notes.txt", mlruns / "0" / "meta.yaml")

        mended = import_into(lab, str(mlruns), verify=True)
        stock(lab).log_batch(run.info.run_id, metrics=[Metric("train/loss", 7.0, START_MS, 0)])
        differs = cli("import", str(mlruns), "-w", lab.name, "--verify")

        assert [one.target_id for one in mended.outcomes if one.state == "completed"] == [run.info.run_id]
        assert (mended.is_verified, run.info.run_id in ids.values()) == (True, True)
        assert (differs.code, f"{LONG} points at the source, {LONG + 1} here" in differs.err) == (9, True)

    def test_of_a_dry_run_writes_nothing(self, mlruns: Path, lab: Workspace, cli: Cli) -> None:
        done = cli("import", str(mlruns), "-w", lab.name, "--dry-run")

        assert (done.code, done.out.count("planned"), "Nothing was written." in done.err) == (0, 12, True)
        assert all_runs(stock(lab)) == []

    def test_lets_no_other_import_begin_meanwhile(self, mlruns: Path, lab: Workspace, cli: Cli) -> None:
        with only_import(lab._mlflow, "theirs"):
            done = cli("import", str(mlruns), "-w", lab.name)

        assert (done.code, "Another import writes into this workspace: theirs, by process" in done.err) == (4, True)
        assert all_runs(stock(lab)) == []
        assert cli("import", str(mlruns), "-w", lab.name, "-e", "gone").code == 0
        assert registry(stock(lab)) == {}

    def test_does_not_mix_its_versions_with_others(self, mlruns: Path, lab: Workspace) -> None:
        client = stock(lab)
        client.create_registered_model(CLASSIC)
        client.create_model_version(CLASSIC, "s3://bucket/mine")

        report = import_into(lab, str(mlruns))

        wrong = {one.source_id: one.problems for one in report.outcomes if one.kind == "version" and one.problems}
        assert list(wrong) == [f"{CLASSIC}/1"]
        assert "was here before" in wrong[f"{CLASSIC}/1"][0]
        assert client.get_model_version(CLASSIC, "1").source == "s3://bucket/mine"

    def test_names_lines_that_are_damaged(self, mlruns: Path, lab: Workspace, cli: Cli) -> None:
        damaged = next(mlruns.glob("*/*/metrics/train/loss"))
        with damaged.open("a") as file:
            file.write("1700000000000 not-a-number 7\n")

        done = cli("import", str(mlruns), "-w", lab.name)

        assert done.code == 9
        assert f"{damaged}:{LONG + 1}: no metric" in done.err
        parent = next(run for run in all_runs(stock(lab)) if run.info.run_name == "parent")
        assert len(stock(lab).get_metric_history(parent.info.run_id, "train/loss")) == LONG

    def test_does_not_write_into_the_trash(self, mlruns: Path, lab: Workspace, cli: Cli) -> None:
        client = stock(lab)
        client.delete_experiment(client.create_experiment(VISION))

        done = cli("import", str(mlruns), "-w", lab.name, "-e", VISION)

        assert (done.code, f"Experiment {VISION!r} is in the trash here" in done.err) == (9, True)

    def test_takes_the_credential_of_the_address_or_of_mlflows_variables(
        self, live_portal: Portal, lab: Workspace, cli: Cli, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        uri = live_portal.tracking_uri()
        host, token = uri.rpartition("@")[2], uri.partition("://")[2].rpartition("@")[0].partition(":")[2]

        basic = cli("import", uri, "-w", lab.name, "--dry-run", "-o", "none")
        wrong = cli("import", f"http://x:wrong@{host}", "-w", lab.name)
        nobody = cli("import", f"http://{host}", "-w", lab.name)
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token)
        bearer = cli("import", f"http://{host}", "-w", lab.name, "--dry-run", "-o", "none")

        assert (basic.code, wrong.code, nobody.code, bearer.code) == (0, 1, 1, 0)
        assert "MLFLOW_TRACKING_USERNAME" in wrong.err
        assert "wrong" not in wrong.err

    @pytest.mark.parametrize(
        ("source", "says"),
        [
            ("sqlite:///mlflow.db", "mlflow server --backend-store-uri"),
            ("nowhere", "neither the address of a tracking server nor a folder"),
            (".", "is no mlruns folder"),
        ],
    )
    def test_says_what_it_cannot_read(self, source: str, says: str, lab: Workspace, cli: Cli) -> None:
        done = cli("import", source, "-w", lab.name)

        assert (done.code, says in done.err) == (1, True)
