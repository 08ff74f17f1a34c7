"""``mlportal export``: what comes back is what was there, to the last bit."""

import builtins
import io
import json
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest
from mlportal import Workspace
from mlportal.migration import export_workspace, import_into

from tests.sdk.cli import Cli
from tests.sdk.facts import content, facts, registry, stock
from tests.support.foreign import LONG, fill
from tests.support.portal import Portal
from tests.support.programs import wait_until
from tests.support.sdk import client_environ

BITS = struct.Struct(">d")


@pytest.fixture(scope="module")
def full(live_portal: Portal, token: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Return a workspace that people used."""
    workspace = Workspace.create("exported", token, endpoint=live_portal.url)
    fill(stock(workspace), tmp_path_factory.mktemp("files"))
    yield workspace
    workspace._transport.close()


@pytest.fixture(scope="module")
def exported(full: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of its export."""
    folder = tmp_path_factory.mktemp("export") / "lab"
    assert export_workspace(full, folder).is_verified
    return folder


class TestExport:
    def test_comes_back_as_it_was(
        self, full: Workspace, exported: Path, live_portal: Portal, token: str, name: str, cli: Cli, tmp_path: Path
    ) -> None:
        back = Workspace.create(name, token, endpoint=live_portal.url)

        done = cli("import", str(exported), "-w", name, "-o", "json")
        again = import_into(back, str(exported))

        assert (done.code, done.data["is_verified"], again.changed) == (0, True, 0)
        assert done.data["counts"]["points"] == LONG + 15
        assert facts(stock(back), tmp_path / "back") == facts(stock(full), tmp_path / "full")
        assert registry(stock(back)) == registry(stock(full))
        back._transport.close()

    def test_holds_tables_that_say_all_and_a_manifest(self, full: Workspace, exported: Path) -> None:
        manifest = json.loads((exported / "manifest.json").read_text())
        points = parquet.read_table(exported / "metrics").to_pylist()
        params = {(row["key"], row["value"]) for row in parquet.read_table(exported / "params.parquet").to_pylist()}
        runs = {run["name"]: run["run_id"] for run in parquet.read_table(exported / "runs.parquet").to_pylist()}

        assert manifest["counts"] == {
            "experiments": 3, "runs": 6, "params": 7, "tags": manifest["tables"]["tags"]["rows"], "models": 1,
            "registered_models": 2, "model_versions": 3, "files": 4, "points": LONG + 15, "bytes": 1_280_014,
        }  # fmt: skip
        assert len(points) == LONG + 15
        assert [BITS.pack(row["value"]).hex() for row in points if row["key"] == "odd" and row["step"] > -3][::-1] == [
            BITS.pack(value).hex() for value in (float("nan"), float("inf"), float("-inf"))
        ]
        assert ("路径", "数据/训练") in params
        assert "notes.txt" in content(exported / "artifacts" / runs["parent"])

    def test_again_writes_only_what_changed(self, full: Workspace, exported: Path, cli: Cli) -> None:
        run_id = stock(full).create_run("0", run_name="new").info.run_id
        runs = parquet.read_table(exported / "runs.parquet").to_pylist()
        old = next(run["run_id"] for run in runs if run["name"] == "parent")
        full.get_run(old).upload_file("late.txt", io.BytesIO(b"late"))

        done = cli("export", str(exported), "-w", full.name, "-o", "json")
        stock(full).delete_run(run_id)

        states = {one["source_id"]: one["state"] for one in done.data["outcomes"]}
        assert (done.code, states.pop(run_id), states.pop(old)) == (0, "exported", "exported")
        assert set(states.values()) == {"unchanged"}

    def test_goes_on_where_it_was_killed(
        self, full: Workspace, home: Path, token: str, cli: Cli, tmp_path: Path
    ) -> None:
        folder, whole = tmp_path / "broken", tmp_path / "whole"
        environ = client_environ(home, MLPORTAL_TOKEN=token, MLPORTAL_ENDPOINT=full.endpoint)
        command = [sys.executable, "-m", "mlportal", "export", str(folder), "-w", full.name, "--workers", "1"]
        begun = subprocess.Popen(command, env=environ, cwd=home, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_until(lambda: any(folder.glob(".journal/*.json")), what="the first run")
        begun.send_signal(signal.SIGKILL)
        begun.wait()

        early = cli("import", str(folder), "-w", full.name)
        done = cli("export", str(folder), "-w", full.name, "-o", "json")
        export_workspace(full, whole)

        assert (early.code, "is an export that broke off" in early.err) == (1, True)
        assert (done.code, done.data["counts"]["runs unchanged"] >= 1) == (0, True)
        manifests = [json.loads((one / "manifest.json").read_text()) for one in (folder, whole)]
        assert manifests[0] == manifests[1]

    def test_that_was_damaged_is_not_imported(
        self, exported: Path, cli: Cli, tmp_path: Path, live_portal: Portal, token: str, name: str
    ) -> None:
        lab = Workspace.create(name, token, endpoint=live_portal.url)
        notes = next(exported.glob("artifacts/*/notes.txt"))
        notes.write_bytes(b"HELLO\n")

        file = cli("import", str(exported), "-w", lab.name)
        with (exported / "tags.parquet").open("ab") as table:
            table.write(b"x")
        broken = cli("import", str(exported), "-w", lab.name)

        assert (file.code, "'notes.txt': the source's copy is not what its checksum says" in file.err) == (9, True)
        assert (broken.code, "tags.parquet is not what manifest.json says" in broken.err) == (1, True)
        lab._transport.close()

    def test_goes_into_no_folder_of_another_kind(self, full: Workspace, cli: Cli, tmp_path: Path) -> None:
        (tmp_path / "thesis").mkdir()
        (tmp_path / "thesis" / "chapter-1").write_text("Once")

        done = cli("export", str(tmp_path / "thesis"), "-w", full.name)

        assert (done.code, "what is in it is no export" in done.err) == (1, True)

    def test_says_what_to_install(
        self, full: Workspace, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = builtins.__import__

        def without_pyarrow(name: str, *rest: Any) -> Any:
            if name.startswith("pyarrow"):
                raise ImportError(name)
            return real(name, *rest)

        monkeypatch.setattr(builtins, "__import__", without_pyarrow)

        done = cli("export", str(tmp_path / "new"), "-w", full.name)

        assert (done.code, "pip install 'mlportal[export]'" in done.err) == (1, True)
