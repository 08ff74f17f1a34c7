"""Messages in a folder: taken in order, whole, and never the end of a worker."""

from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu.connection import Connection

from portal.folder_queue import SCHEME

BIG = "x" * 500_000


def connect(folder: Path) -> Any:
    options = {"data_folder_in": str(folder), "data_folder_out": str(folder), "control_folder": str(folder / "control")}
    return Connection(f"{SCHEME}://localhost", transport_options=options)  # type: ignore[no-untyped-call]


def send(folder: Path, count: int) -> None:
    with connect(folder) as connection, connection.SimpleQueue(folder.name) as queue:
        for number in range(count):
            queue.put({"number": number, "text": BIG})


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Any]:
    with connect(tmp_path) as connection, connection.SimpleQueue(tmp_path.name) as queue:  # kombu remembers names
        yield queue


def take(queue: Any) -> Any:
    message = queue.get(timeout=30)
    message.ack()
    return message.payload["number"]


class TestQueue:
    def test_is_taken_whole_while_another_process_writes(self, queue: Any, tmp_path: Path) -> None:
        sender = get_context("spawn").Process(target=send, args=(tmp_path, 50))
        sender.start()
        try:
            assert [take(queue) for _ in range(50)] == list(range(50))
        finally:
            sender.join()

        assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []

    def test_goes_on_behind_a_message_that_a_power_cut_left_empty(self, queue: Any, tmp_path: Path) -> None:
        (tmp_path / f"0_cut.{tmp_path.name}.msg").touch()
        queue.put({"number": 7})

        assert take(queue) == 7
        with pytest.raises(Empty):
            queue.get(block=False)
