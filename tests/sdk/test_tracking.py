"""Tracking tokens: the printed flow, runs that outlive their tokens, and what is said when one cannot be renewed."""

import email.utils
import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import requests
from mlflow import MlflowClient
from mlportal import Experiment, InvalidError, NotSignedInError, Workspace
from mlportal._credentials import save_credential
from mlportal._tokens import TokenFile, TrackingToken, _token_from, mint, refresh
from mlportal.mlflow_auth import TrackingAuth

from tests.support.portal import Portal
from tests.support.sdk import client_environ, new_access_token, run_python, write_config

PRINTED = """
from mlportal import Workspace
import mlflow
ws = Workspace.from_config()
mlflow.set_tracking_uri(ws.get_mlflow_tracking_uri())
mlflow.set_experiment("printed")
with mlflow.start_run() as run:
    mlflow.log_metric("loss", 0.5)
    mlflow.log_text("hello", "a.txt")
print(run.info.run_id)
"""
LONG = """
import time, mlflow
from mlportal import Workspace
mlflow.set_tracking_uri(Workspace.from_config().get_mlflow_tracking_uri(life_s=4))
mlflow.set_experiment("long")
with mlflow.start_run() as run:
    for step in range(20):
        mlflow.log_metric("loss", step, step=step)
        time.sleep(0.6)
print(run.info.run_id)
"""
PARENT = """
import os, subprocess, sys, mlflow
from mlportal import Workspace
uri = Workspace.from_config().get_mlflow_tracking_uri(life_s=8)
mlflow.set_tracking_uri(uri)
mlflow.set_experiment("orphan")
run = mlflow.start_run()
environ = {name: value for name, value in os.environ.items() if name != "MLPORTAL_TOKEN"}
environ |= {"MLFLOW_TRACKING_URI": uri, "MLFLOW_RUN_ID": run.info.run_id}
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], env=environ, stdout=subprocess.PIPE)
child.stdout.readline()
print(run.info.run_id, flush=True)
os._exit(0)
"""
CHILD = """
import os, time, mlflow
client = mlflow.MlflowClient()
for step in range(16):
    client.log_metric(os.environ["MLFLOW_RUN_ID"], "loss", step, step=step)
    if step == 0:
        os.write(1, b"logging\\n")
    time.sleep(0.75)
"""
INTERRUPTED = """
import time, mlflow
from mlportal import Workspace
mlflow.set_tracking_uri(Workspace.from_config().get_mlflow_tracking_uri(life_s=5))
mlflow.set_experiment("interrupted")
mlflow.start_run()
for word in iter(input, "end"):
    time.sleep(float(word))
    try:
        mlflow.log_metric("loss", 1)
        print("logged", flush=True)
    except mlflow.MlflowException as error:
        print(error.error_code, error, flush=True)
"""


@pytest.fixture
def environ(home: Path, live_portal: Portal, token: str) -> dict[str, str]:
    """Return the environment of somebody who signed in; their current folder has a config.json."""
    write_config(home / "work", live_portal)
    return client_environ(home, MLPORTAL_TOKEN=token)


def tracking_token(**changes: object) -> TrackingToken:
    now_s = time.time()
    fields = {"endpoint": "http://h:1", "workspace": "w", "token": "mlp_x", "life_s": 60}
    return TrackingToken(**{**fields, "renew_at_s": now_s + 30, "expires_at_s": now_s + 60, **changes})  # type: ignore[arg-type]


class TestFlow:
    def test_runs_as_printed(self, environ: dict[str, str], home: Path, workspace: Workspace) -> None:
        done = run_python("-c", PRINTED, environ=environ, cwd=home / "work")

        assert (done.returncode, done.stderr[-2000:] if done.returncode else "") == (0, "")
        run = workspace.get_run(done.stdout.split()[-1])
        assert (run.status, run.get_metrics(), run.get_file_names()) == ("Completed", {"loss": 0.5}, ["a.txt"])
        assert "mlp_" not in done.stdout + done.stderr

    def test_outlives_its_token_in_another_time_zone(
        self, environ: dict[str, str], home: Path, workspace: Workspace
    ) -> None:
        done = run_python("-c", LONG, environ={**environ, "TZ": "Asia/Shanghai"}, cwd=home / "work")

        assert (done.returncode, done.stderr[-2000:] if done.returncode else "") == (0, "")
        assert "could not be renewed" not in done.stderr
        run = workspace.get_run(done.stdout.split()[-1])
        assert run.get_metrics() == {"loss": [float(step) for step in range(20)]}

    def test_goes_on_in_a_child_after_the_parents_end_and_without_its_credential(
        self, environ: dict[str, str], home: Path, workspace: Workspace
    ) -> None:
        done = run_python("-c", PARENT, CHILD, environ=environ, cwd=home / "work")  # the child has its stderr: it waits

        assert (done.returncode, done.stderr[-2000:] if done.returncode else "") == (0, "")
        run = workspace.get_run(done.stdout.split()[-1])
        assert run.get_metrics() == {"loss": [float(step) for step in range(16)]}


class TestRevocation:
    def test_is_said_once_and_mended_by_a_login(
        self, environ: dict[str, str], home: Path, live_portal: Portal, token: str
    ) -> None:
        owner = Workspace(workspace_name="default", auth=token, endpoint=live_portal.url)._transport
        made = owner.call("POST", "api/v1/tokens", body={"name": "revoked soon"})
        script = subprocess.Popen(
            [sys.executable, "-c", INTERRUPTED],
            env={**environ, "MLPORTAL_TOKEN": "", "XDG_CONFIG_HOME": str(home / ".config")},
            cwd=home / "work",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert script.stdin
        assert script.stdout
        save_credential(endpoint=live_portal.url, token=made["token"])

        script.stdin.write("0\n")
        script.stdin.flush()
        assert script.stdout.readline() == "logged\n"
        owner.call("DELETE", f"api/v1/tokens/{made['id']}")
        script.stdin.write("3\n")
        script.stdin.flush()
        refused = script.stdout.readline()
        save_credential(endpoint=live_portal.url, token=token)
        _, warnings = script.communicate("0\nend\n", timeout=60)

        assert refused.startswith("UNAUTHENTICATED")
        said = [line for line in warnings.splitlines() if "renewed no more" in line]
        assert len(said) == 1
        assert f"`mlportal login {live_portal.url}`" in said[0]

    def test_of_nobody_leaves_no_token(self, live_portal: Portal) -> None:
        with pytest.raises(NotSignedInError, match="mlportal login"):
            Workspace(workspace_name="default", endpoint=live_portal.url).get_mlflow_tracking_uri()


class TestOutage:
    def test_loses_nothing(self, home: Path, tmp_path: Path) -> None:
        """The server is away for longer than the token lives, as it is for an hour when that is what it lives."""
        portal = Portal.start(tmp_path)
        try:
            token = new_access_token(portal)
            write_config(home / "work", portal)
            ours = Experiment(
                Workspace(workspace_name="default", auth=token, endpoint=portal.url), "ours"
            ).start_logging()
            ours.log("loss", 0)
            ours.flush()
            script = subprocess.Popen(
                [sys.executable, "-c", INTERRUPTED],
                env=client_environ(home, MLPORTAL_TOKEN=token),
                cwd=home / "work",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            assert script.stdin
            assert script.stdout
            script.stdin.write("0\n")
            script.stdin.flush()
            assert script.stdout.readline() == "logged\n"

            assert portal.stop() == 0
            script.stdin.write("3\n")  # by then its token has expired; the client tries again for minutes
            script.stdin.flush()
            for value in range(1, 3000):
                ours.log("loss", value)
            time.sleep(6)
            portal = Portal.launch(portal.environ, log=portal.log)

            out, warnings = script.communicate("end\n", timeout=120)
            ours.complete()
            assert out.startswith("logged\n")
            said = [line for line in warnings.splitlines() if "could not be renewed" in line]
            assert len(said) == 1
            assert "Trying on" in said[0]
            assert ours.get_metrics() == {"loss": [float(value) for value in range(3000)]}
        finally:
            portal.stop()


class TestTrackingUri:
    def test_with_auth_holds_all_that_another_language_needs(self, workspace: Workspace) -> None:
        uri = workspace.get_mlflow_tracking_uri(with_auth=True)

        assert MlflowClient(uri).get_experiment("0").name == "Default"
        assert "MLFLOW_TRACKING_AUTH" not in os.environ

    @pytest.mark.parametrize("life_s", [0, 3601])
    def test_lives_an_hour_at_most(self, workspace: Workspace, life_s: int) -> None:
        with pytest.raises(InvalidError, match="1 to 3600"):
            workspace.get_mlflow_tracking_uri(life_s=life_s)


class TestTokenFile:
    def test_is_its_owners_and_holds_each_workspaces_token(self, home: Path) -> None:
        file = TokenFile.create()
        one, two = tracking_token(), tracking_token(workspace="w2", token="mlp_y")
        file.put(one)
        file.put(two)

        assert file.path.parent == home / ".cache" / "mlportal"
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
        assert TokenFile(file.path).tokens() == {"http://h:1/w/w": one, "http://h:1/w/w2": two}
        assert "mlp_x" not in repr(one)

    def test_is_read_anew_when_another_process_has_written_it(self) -> None:
        file = TokenFile.create()
        file.put(tracking_token())
        assert file.find("http://h:1/w/w/api") is not None

        TokenFile(file.path).put(tracking_token(token="mlp_fresh"))

        found = file.find("http://h:1/w/w/api")
        assert found is not None
        assert found.token == "mlp_fresh"

    @pytest.mark.parametrize("content", ["", "[]", "{", '{"a": {}}'])
    def test_that_is_broken_holds_nothing(self, content: str) -> None:
        file = TokenFile.create()
        file.path.write_text(content)

        assert file.tokens() == {}

    def test_goes_when_it_is_old(self) -> None:
        old, young = TokenFile.create(), TokenFile.create()
        os.utime(old.path, (0, 0))

        TokenFile.create()

        assert (old.path.exists(), young.path.exists()) == (False, True)

    def test_gives_what_another_process_has_refreshed(self) -> None:
        file = TokenFile.create()
        stale = tracking_token(renew_at_s=0, expires_at_s=0)
        file.put(tracking_token(token="mlp_fresh"))

        assert file.refresh(stale).token == "mlp_fresh"


class TestRefresh:
    def test_renews_with_the_token_itself(self, workspace: Workspace) -> None:
        first = mint(workspace._transport, workspace="default", life_s=60)

        second = refresh(first)

        assert second.token != first.token
        assert second.left_s() > 50

    def test_makes_a_new_one_when_the_old_one_is_over(
        self, workspace: Workspace, token: str, live_portal: Portal
    ) -> None:
        over = tracking_token(endpoint=live_portal.url, workspace="default", expires_at_s=0, renew_at_s=0)

        with pytest.raises(NotSignedInError):
            refresh(over)
        assert refresh(over, credential=token).left_s() > 50

    def test_reckons_on_the_servers_clock(self) -> None:
        there_s = time.time() - 3 * 3600
        answer = httpx.Response(
            200,
            headers={"date": email.utils.formatdate(there_s, usegmt=True)},
            content=json.dumps({"token": "t", "expires_at_s": int(there_s) + 600}),
        )

        token = _token_from(answer, endpoint="http://h", workspace="w", life_s=600)

        assert 595 < token.left_s() < 605
        assert not token.is_due()


class TestPlugin:
    @pytest.mark.parametrize(
        ("url", "is_signed"),
        [
            ("http://h:1/w/w", True),
            ("http://h:1/w/w/api/2.0/mlflow/runs/get?run_id=1", True),
            ("http://h:1/w/w2/api/2.0/mlflow/runs/get", False),
            ("http://h:1/api/2.0/mlflow/runs/get", False),
            ("https://h:1/w/w/api", False),
            ("http://evil:1/w/w/api", False),
        ],
    )
    def test_signs_for_its_workspace_only(self, monkeypatch: pytest.MonkeyPatch, url: str, is_signed: bool) -> None:
        file = TokenFile.create()
        file.put(tracking_token())
        monkeypatch.setenv("MLPORTAL_TOKEN_FILE", str(file.path))

        request = requests.Request("GET", url, auth=TrackingAuth()).prepare()

        assert request.headers.get("Authorization") == ("Bearer mlp_x" if is_signed else None)

    def test_sends_a_file_again_from_its_beginning_when_the_token_was_refused(
        self, workspace: Workspace, live_portal: Portal, token: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        file = TokenFile.create()
        file.put(tracking_token(endpoint=live_portal.url, workspace="default", token="mlp_" + "0" * 46))
        monkeypatch.setenv("MLPORTAL_TOKEN_FILE", str(file.path))
        monkeypatch.setenv("MLPORTAL_TOKEN", token)
        monkeypatch.setenv("MLFLOW_TRACKING_AUTH", "mlportal")
        run = Experiment(workspace, "plugin").start_logging()
        (tmp_path / "big.bin").write_bytes(b"x" * 2_000_000)

        MlflowClient(f"{live_portal.url}/w/default").log_artifact(run.id, str(tmp_path / "big.bin"))

        assert run.download_file("big.bin", tmp_path / "back.bin").read_bytes() == b"x" * 2_000_000
