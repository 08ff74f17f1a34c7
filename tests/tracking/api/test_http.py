"""The web server and its slow, broken and hostile clients: raw bytes to a whole portal."""

import base64
import json
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import mlflow
import pytest
from mlflow import MlflowClient

from tests.support.portal import Portal

ANSWER_S = 20
STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
LARGE = 300_000  # more than the server keeps in memory: a thread reads it while it arrives


@dataclass(frozen=True)
class Wire:
    """Connections to a portal, with a token for its default workspace, and a run to write to."""

    portal: Portal
    authorization: str
    uri: str
    folder: str
    run_id: str

    def connect(self, *parts: bytes) -> socket.socket:
        address = urlsplit(self.portal.url)
        connection = socket.create_connection((address.hostname, address.port or 80), timeout=ANSWER_S)
        connection.sendall(b"".join(parts))
        return connection

    def head(self, method: str, path: str, *headers: str) -> bytes:
        """Return the head of a request below the workspace's API."""
        lines = (
            f"{method} /w/default/api/2.0/{path} HTTP/1.1",
            f"Host: {urlsplit(self.portal.url).netloc}",
            f"Authorization: {self.authorization}",
            *headers,
        )
        return "\r\n".join((*lines, "", "")).encode()

    def put_head(self, name: str, *headers: str) -> bytes:
        return self.head("PUT", f"mlflow-artifacts/artifacts/{self.folder}/{name}", *headers)

    def post_head(self, path: str, *headers: str) -> bytes:
        return self.head("POST", f"mlflow/{path}", "Content-Type: application/json", *headers)

    def ask(self, *parts: bytes) -> bytes:
        """Send a request that says Connection: close, or must be refused, and return all that comes back."""
        with self.connect(*parts) as connection:
            return read_to_end(connection)

    def get(self, path: str) -> Any:
        """Return the JSON of a GET that must succeed."""
        answer = self.ask(self.head("GET", path, "Connection: close"))
        assert status_of(answer) == 200, answer
        return json.loads(answer.partition(b"\r\n\r\n")[2])

    def files(self) -> set[str]:
        listed = self.get(f"mlflow-artifacts/artifacts?path={self.folder}").get("files", [])
        return {file["path"] for file in listed}

    def metric_steps(self, key: str) -> list[int]:
        found = self.get(f"mlflow/metrics/get-history?run_id={self.run_id}&metric_key={key}").get("metrics", [])
        return [metric["step"] for metric in found]


def status_of(answer: bytes) -> int:
    found = STATUS.match(answer)
    assert found, answer
    return int(found[1])


def read_to_end(connection: socket.socket) -> bytes:
    pieces = []
    try:
        while piece := connection.recv(65536):
            pieces.append(piece)
    except ConnectionResetError:  # it had no patience for what we would still have sent
        pass
    return b"".join(pieces)


@pytest.fixture(scope="module")
def wire(live_portal: Portal) -> Wire:
    uri = live_portal.tracking_uri()
    parts = urlsplit(uri)
    credentials = base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()
    info = MlflowClient(uri).create_run("0").info
    folder = str(info.artifact_uri).removeprefix("mlflow-artifacts:/")
    return Wire(live_portal, f"Basic {credentials}", uri, folder, info.run_id)


@pytest.fixture(autouse=True)
def no_server_error(live_portal: Portal) -> Iterator[None]:
    """Fail a test after which the server's log holds an error that was not there before."""
    before = len(live_portal.log.read_bytes())
    yield
    new = live_portal.log.read_bytes()[before:].decode()
    assert "Traceback" not in new
    assert "error" not in new.lower()


def batch(wire: Wire, key: str, *, padded_to: int) -> bytes:
    body = json.dumps({"run_id": wire.run_id, "metrics": [{"key": key, "value": 1, "timestamp": 1, "step": 7}]})
    return body.encode().ljust(padded_to)


class TestHalfOpenConnections:
    @pytest.mark.parametrize("sent", ["nothing", "half a head", "half a batch", "half a file"])
    def test_do_not_keep_others_waiting(self, wire: Wire, sent: str) -> None:
        begun = {
            "nothing": b"",
            "half a head": wire.post_head("runs/log-batch")[:-20],
            "half a batch": wire.post_head("runs/log-batch", "Content-Length: 1000") + b" " * 500,
            "half a file": wire.put_head("half.bin", "Content-Length: 1000") + b" " * 500,
        }[sent]
        held = [wire.connect(begun) for _ in range(100)]

        answer = wire.get(f"mlflow/runs/get?run_id={wire.run_id}")

        assert answer["run"]["info"]["run_id"] == wire.run_id
        for connection in held:
            connection.close()
        assert wire.files().isdisjoint({"half.bin"})

    def test_of_large_uploads_keep_only_large_uploads_waiting(self, wire: Wire) -> None:
        begun = wire.put_head("slow.bin", f"Content-Length: {2 * LARGE}") + b"x" * LARGE
        held = [wire.connect(begun) for _ in range(40)]

        answer = wire.ask(wire.put_head("small.bin", "Content-Length: 5", "Connection: close"), b"hello")

        assert status_of(answer) == 200
        for connection in held:
            connection.close()
        assert "slow.bin" not in wire.files()

    def test_that_do_not_read_their_answers_keep_nobody_waiting(self, wire: Wire) -> None:
        size = 16 * 1024 * 1024
        head = wire.put_head("big.bin", f"Content-Length: {size}", "Connection: close")
        assert status_of(wire.ask(head, b"x" * size)) == 200
        asking = wire.head("GET", f"mlflow-artifacts/artifacts/{wire.folder}/big.bin")
        held = [wire.connect(asking) for _ in range(40)]

        answer = wire.get(f"mlflow/runs/get?run_id={wire.run_id}")

        assert answer["run"]["info"]["run_id"] == wire.run_id
        for connection in held:
            connection.close()


class TestCutBody:
    @pytest.mark.parametrize("promised", [1000, 2 * LARGE])
    def test_of_a_batch_stores_nothing(self, wire: Wire, promised: int) -> None:
        head = wire.post_head("runs/log-batch", f"Content-Length: {promised}")
        body = batch(wire, f"cut{promised}", padded_to=promised)

        with wire.connect(head, body[: promised * 3 // 5]) as connection:
            connection.shutdown(socket.SHUT_WR)
            read_to_end(connection)

        assert wire.metric_steps(f"cut{promised}") == []

    @pytest.mark.parametrize("promised", [1000, 2 * LARGE])
    def test_of_a_file_stores_nothing(self, wire: Wire, promised: int) -> None:
        head = wire.put_head(f"cut{promised}", f"Content-Length: {promised}")

        with wire.connect(head, b"x" * (promised * 3 // 5)) as connection:
            connection.shutdown(socket.SHUT_WR)
            read_to_end(connection)

        self._finds_no_partials(wire)
        assert f"cut{promised}" not in wire.files()

    @pytest.mark.parametrize("size", [5, LARGE])
    @pytest.mark.parametrize("ending", [b"", b"6\r\nwo", b"0\r\n"])
    def test_of_a_chunked_file_stores_nothing(self, wire: Wire, size: int, ending: bytes) -> None:
        chunk = b"%x\r\n%b\r\n" % (size, b"x" * size)

        with wire.connect(wire.put_head("cut-chunks", "Transfer-Encoding: chunked"), chunk, ending) as connection:
            connection.shutdown(socket.SHUT_WR)
            read_to_end(connection)

        self._finds_no_partials(wire)
        assert "cut-chunks" not in wire.files()

    def _finds_no_partials(self, wire: Wire) -> None:
        folder = wire.portal.data_dir / "artifacts" / ".partial"
        deadline = time.monotonic() + ANSWER_S
        while folder.exists() and list(folder.iterdir()):
            assert time.monotonic() < deadline, list(folder.iterdir())
            time.sleep(0.05)


class TestChunkedFile:
    @pytest.mark.parametrize("size", [0, 5, LARGE])
    def test_is_stored(self, wire: Wire, size: int) -> None:
        content = b"x" * size
        chunks = (b"%x\r\n%b\r\n" % (size, content) if size else b"") + b"0\r\n\r\n"
        head = wire.put_head(f"chunks{size}", "Transfer-Encoding: chunked", "Connection: close")

        answer = wire.ask(head, chunks)

        assert status_of(answer) == 200
        path = f"mlflow-artifacts/artifacts/{wire.folder}/chunks{size}"
        stored = wire.ask(wire.head("GET", path, "Connection: close"))
        assert stored.partition(b"\r\n\r\n")[2] == content

    def test_is_how_the_client_sends_an_empty_one(self, wire: Wire, tmp_path: Path) -> None:
        (tmp_path / "empty.txt").touch()
        mlflow.set_tracking_uri(wire.uri)

        MlflowClient(wire.uri).log_artifact(wire.run_id, str(tmp_path / "empty.txt"))

        assert "empty.txt" in wire.files()


class TestRequestLine:
    def test_of_8000_bytes_is_served(self, wire: Wire) -> None:
        path = "mlflow/experiments/get-by-name?experiment_name="

        answer = wire.ask(wire.head("GET", path + "n" * 8000, "Connection: close"))

        assert b"RESOURCE_DOES_NOT_EXIST" in answer or b"INVALID_PARAMETER_VALUE" in answer

    def test_without_end_is_refused(self, wire: Wire) -> None:
        with wire.connect(b"GET /" + b"a" * 1_000_000) as connection:
            answer = read_to_end(connection)

        assert not answer or status_of(answer) == 431

    def test_may_hold_bytes_that_are_no_text(self, wire: Wire) -> None:
        answer = wire.ask(wire.head("GET", "mlflow-artifacts/artifacts/%ff%fe", "Connection: close"))

        assert 400 <= status_of(answer) < 500


class TestHeaders:
    @pytest.mark.parametrize(
        "headers",
        [
            ("Content-Length: 2", "Transfer-Encoding: chunked"),
            ("Transfer-Encoding: chunked", "Content-Length: 2"),
            ("Content-Length: 2", "Content-Length: 4"),
            ("Transfer-Encoding: xchunked",),
            ("Transfer-Encoding : chunked",),
            ("Content-Length: +2",),
            ("Content-Length: -2",),
            ("X-A: 1\nContent-Length: 2",),
        ],
    )
    def test_that_let_a_second_request_hide_are_refused(self, wire: Wire, headers: tuple[str, ...]) -> None:
        hidden = wire.head("GET", "mlflow/experiments/search?max_results=1", "Connection: close")

        answer = wire.ask(wire.post_head("runs/search", *headers), b"0\r\n\r\n", hidden)

        assert status_of(answer) == 400
        assert len(STATUS.findall(answer)) == 1

    def test_with_an_underscore_do_not_pass_for_others(self, wire: Wire) -> None:
        asking = wire.head(
            "GET", "mlflow/experiments/search?max_results=1", "X_MLFLOW_WORKSPACE: other", "Connection: close"
        )

        answer = wire.ask(asking)

        assert status_of(answer) == 200

    def test_ask_for_one_answer_each_in_a_row(self, wire: Wire) -> None:
        one = wire.head("GET", "mlflow/experiments/search?max_results=1")
        last = wire.head("GET", "mlflow/experiments/search?max_results=1", "Connection: close")

        answer = wire.ask(one, one, last)

        assert STATUS.findall(answer) == [b"200"] * 3


class TestTooLargeBody:
    def test_is_refused_before_it_is_read(self, wire: Wire) -> None:
        head = wire.post_head("runs/log-batch", "Content-Length: 50000000")

        with wire.connect(head) as connection:
            answer = connection.recv(65536)

        assert status_of(answer) == 413


class TestManyConnections:
    def test_are_all_answered(self, wire: Wire) -> None:
        head = wire.head("GET", f"mlflow/runs/get?run_id={wire.run_id}", "Connection: close")
        asking = [wire.connect(head) for _ in range(64)]

        answers = [read_to_end(connection) for connection in asking]

        for connection in asking:
            connection.close()
        assert {status_of(answer) for answer in answers} == {200}


class TestAnswers:
    def test_to_head_has_no_body(self, wire: Wire) -> None:
        answer = wire.ask(wire.head("HEAD", "mlflow/experiments/get?experiment_id=0", "Connection: close"))

        assert status_of(answer) == 200
        assert answer.endswith(b"\r\n\r\n")

    def test_that_are_large_come_whole(self, wire: Wire) -> None:
        content = b"0123456789" * 100_000
        put = wire.put_head("whole.bin", f"Content-Length: {len(content)}", "Connection: close")
        assert status_of(wire.ask(put, content)) == 200

        answer = wire.ask(wire.head("GET", f"mlflow-artifacts/artifacts/{wire.folder}/whole.bin", "Connection: close"))

        assert answer.partition(b"\r\n\r\n")[2] == content

    def test_to_requests_sent_without_waiting_come_in_their_order(self, wire: Wire) -> None:
        paths = ("mlflow/experiments/get?experiment_id=0", "mlflow/experiments/get?experiment_id=none")
        last = wire.head("GET", paths[0], "Connection: close")

        answer = wire.ask(*(wire.head("GET", path) for path in paths), last)

        assert STATUS.findall(answer) == [b"200", b"400", b"200"]
