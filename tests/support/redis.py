"""A throw-away Redis server."""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import redis

from tests.support.programs import REDIS, free_port, need, wait_until


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A running server that keeps nothing on disk."""

    folder: Path
    url: str
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, *, port: int | None = None) -> Self:
        """Start a server on a loopback port, a free one by default; skips the test where Redis is not installed."""
        program, port = need(REDIS), port or free_port()
        folder = Path(tempfile.mkdtemp(prefix="mlportal-redis-"))
        process = subprocess.Popen(
            [str(program), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        server = cls(folder, f"redis://127.0.0.1:{port}/0", process)
        wait_until(server._answers, what="Redis")
        return server

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        self.process.terminate()
        self.process.wait(timeout=30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        client = redis.Redis.from_url(self.url)
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False
        finally:
            client.close()
