"""Datastore and `mlportal datastore`, on a folder, on S3 and on Azure."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from mlportal import AlreadyExistsError, Datastore, InvalidError, NotFoundError, Workspace

from tests.sdk.cli import Cli
from tests.support.buckets import ACCOUNT, ACCOUNT_KEY
from tests.support.portal import Portal

if TYPE_CHECKING:
    from tests.support.buckets import AzureServer, S3Server

BUILT_IN = "workspaceartifactstore"


@pytest.fixture(params=["local", "s3", "azure_blob"])
def datastore(request: pytest.FixtureRequest, workspace: Workspace, live_portal: Portal) -> Iterator[Datastore]:
    """Return a datastore of each kind; it is empty."""
    if request.param == "local":
        folder = live_portal.data_dir.parent / "shared" / request.node.name
        folder.mkdir(parents=True)
        made = Datastore.register_local(workspace, "data", folder)
    elif request.param == "s3":
        s3: S3Server = request.getfixturevalue("s3_server")
        bucket = s3.new_bucket("sdk-data")
        made = Datastore.register_s3(
            workspace, "data", bucket, endpoint=s3.endpoint, access_key_id="KEY", secret_access_key="SECRET"
        )
    else:
        azure: AzureServer = request.getfixturevalue("azure_server")
        container = azure.new_container(f"sdk-{abs(hash(request.node.name))}")
        made = Datastore.register_azure_blob_container(
            workspace, "data", container, ACCOUNT, account_key=ACCOUNT_KEY, endpoint=azure.endpoint
        )
    yield made
    made.unregister()


@pytest.fixture
def folder(home: Path) -> Path:
    """Return a folder with files."""
    folder = home / "work" / "set"
    (folder / "train 1").mkdir(parents=True)
    (folder / "labels.csv").write_text("a,b\n")
    (folder / "train 1" / "ü.bin").write_bytes(b"\0" * 2_500_000)
    (folder / "empty").touch()
    return folder


class TestFiles:
    def test_go_up_and_come_down_unchanged(self, datastore: Datastore, folder: Path, home: Path) -> None:
        sent: list[int] = []

        stored = datastore.upload(folder, "v1", progress=sent.append)
        again = datastore.upload(folder, "v1")
        got = datastore.download(home / "got", "v1")

        assert sorted(stored) == ["v1/empty", "v1/labels.csv", "v1/train 1/ü.bin"]
        assert (again, sum(sent)) == ([], 2_500_004)
        assert sorted(path.relative_to(home / "got").as_posix() for path in got) == sorted(stored)
        for path in stored:
            assert (home / "got" / path).read_bytes() == (folder / path[3:]).read_bytes()
        assert datastore.download(home / "got", "v1") == []
        assert {row.path: row.size_bytes for row in datastore.list_files("v1")}["v1/labels.csv"] == 4
        assert [row.path for row in datastore.list_files(recursive=False)] == ["v1"]

    def test_are_replaced_only_where_that_is_asked_for(self, datastore: Datastore, folder: Path, home: Path) -> None:
        datastore.upload_files([folder / "labels.csv"])
        (folder / "labels.csv").write_text("other")

        kept = datastore.upload_files([folder / "labels.csv"])
        replaced = datastore.upload_files([folder / "labels.csv"], overwrite=True)

        datastore.download(home, "labels.csv")
        assert (kept, replaced, (home / "labels.csv").read_text()) == ([], ["labels.csv"], "other")
        assert (datastore.delete_files("labels.csv"), datastore.list_files()) == (5, [])

    def test_need_paths_of_their_own(self, workspace: Workspace, folder: Path) -> None:
        (folder / "train 1" / "empty").touch()

        with pytest.raises(InvalidError, match="relative_root"):
            workspace.get_default_datastore().upload_files([folder / "empty", folder / "train 1" / "empty"])

    @pytest.mark.parametrize("is_reached", [True, False])
    def test_go_past_the_server_where_the_store_signs_and_is_reached(
        self, workspace: Workspace, s3_server: "S3Server", folder: Path, home: Path, is_reached: bool
    ) -> None:
        bucket, service = s3_server.new_bucket("sdk-direct"), httpx.URL(s3_server.endpoint)
        made = Datastore.register_s3(
            workspace, "direct", bucket, endpoint=s3_server.endpoint, access_key_id="K", secret_access_key="S"
        )
        moved: list[tuple[str, bool]] = []
        sent: list[int] = []

        def note(request: httpx.Request) -> None:
            """Stand for the network: note what moves bytes, and cut this client off from the service."""
            is_direct = request.url.port == service.port
            if is_direct or "/files/" in request.url.path:
                moved.append((request.method, is_direct))
            if is_direct and not is_reached:
                raise httpx.ConnectError("no route to host", request=request)

        workspace._transport._http().event_hooks = {"request": [note]}
        made.upload_files([folder / "labels.csv"], overwrite=True, progress=sent.append)
        made.download(home / "got", "labels.csv")

        made.unregister()
        direct, through = [("PUT", True), ("GET", True)], [("PUT", True), ("PUT", False), ("GET", True), ("GET", False)]
        assert moved == (direct if is_reached else through)
        assert ((home / "got" / "labels.csv").read_text(), sum(sent)) == ("a,b\n", 4)


class TestDatastore:
    def test_comes_with_the_workspace(self, workspace: Workspace) -> None:
        default = workspace.get_default_datastore()

        assert (default.name, default.kind) == (BUILT_IN, "built_in")
        assert [*workspace.datastores] == [BUILT_IN]

    def test_is_found_chosen_and_forgotten(self, workspace: Workspace, live_portal: Portal) -> None:
        folder = live_portal.data_dir.parent / "shared"
        (folder / "one").mkdir(parents=True, exist_ok=True)
        (folder / "two").mkdir(exist_ok=True)
        Datastore.register_local(workspace, "chosen", folder / "one")

        with pytest.raises(AlreadyExistsError):
            Datastore.register_local(workspace, "chosen", folder / "two")
        changed = Datastore.register_local(workspace, "chosen", folder / "two", overwrite=True)
        workspace.set_default_datastore("chosen")

        assert changed.config == {"path": str(folder / "two")}
        assert workspace.get_default_datastore().name == workspace.get_details()["default_datastore"] == "chosen"
        changed.unregister()
        assert workspace.get_default_datastore().name == BUILT_IN
        with pytest.raises(NotFoundError, match="chosen"):
            Datastore.get(workspace, "chosen")


class TestCli:
    def test_registers_fills_and_forgets(
        self, cli: Cli, s3_server: "S3Server", folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bucket = s3_server.new_bucket("cli-data")
        monkeypatch.setenv("MLPORTAL_DATASTORE_SECRET", "HIDDEN")
        w = ["-w", "default"]
        place = ["--bucket-name", bucket, "--service-endpoint", s3_server.endpoint, "--access-key-id", "KEY"]

        runs = [
            cli("datastore", "create", "-n", "cli", "--type", "s3", *place, *w),
            cli("datastore", "list", "--query", "[].name", "-o", "json", *w),
            cli("datastore", "upload", "-n", "cli", "-p", str(folder), "-u", "v1", *w),
            cli("datastore", "files", "-n", "cli", "-o", "json", *w),
            cli("datastore", "download", "-n", "cli", "-p", "v1/labels.csv", "-d", str(home / "got"), *w),
            cli("datastore", "update", "-n", "cli", "--prefix", "v1", *w),
            cli("datastore", "delete-files", "-n", "cli", "--path", "train 1", "--yes", "-o", "json", *w),
            cli("datastore", "delete", "-n", "cli", "--yes", *w),
        ]

        assert [(done.code, done.err if done.code else "") for done in runs] == [(0, "")] * len(runs)
        assert json.loads(runs[1].out) == ["cli", BUILT_IN]
        assert {row["path"] for row in json.loads(runs[3].out)} == {"v1/empty", "v1/labels.csv", "v1/train 1/ü.bin"}
        assert (home / "got" / "v1" / "labels.csv").read_text() == "a,b\n"
        assert json.loads(runs[6].out) == {"bytes_freed": 2_500_000}
        assert "HIDDEN" not in "".join(done.out + done.err for done in runs)

    def test_says_what_is_missing(self, cli: Cli) -> None:
        done = cli("datastore", "create", "-n", "x", "--type", "s3", "-w", "default")

        assert (done.code, "--bucket-name" in done.err) == (2, True)
