"""Calls of the API as its clients make them."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

from django.http import HttpResponseBase
from django.test import Client


@dataclass(frozen=True)
class Got:
    """What a download answered."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@cache
def _client() -> Client:
    """Return one for all: each loads the middleware anew, and tokens need no cookies."""
    return Client(raise_request_exception=False)


@dataclass(frozen=True)
class Caller:
    """Someone with a token for one workspace."""

    token: str
    workspace: str = "default"

    def send(
        self, method: str, path: str, body: bytes = b"", *, content_type: str = "application/json", **headers: str
    ) -> HttpResponseBase:
        """Send bytes below ``/w/<workspace>/api/`` and return the response."""
        return _client().generic(
            method,
            f"/w/{self.workspace}/api/{path}",
            body,
            content_type=content_type,
            headers={"Authorization": f"Bearer {self.token}", **headers},
        )

    def send_cut(self, method: str, path: str, body: bytes, *, promised: int) -> tuple[int, Any]:
        """Send fewer bytes than promised, as a connection does that breaks; return the status and what came back."""
        environ: dict[str, Any] = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(promised)}
        response = _client().generic(
            method,
            f"/w/{self.workspace}/api/{path}",
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.token}"},
            **environ,
        )
        return response.status_code, response.json()

    def request(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Send JSON below ``/w/<workspace>/api/``; return the status and what came back."""
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        response = self.send(method, path, raw, **headers)
        content = content_of(response)
        is_json = response.headers.get("Content-Type") == "application/json"
        return response.status_code, json.loads(content) if is_json else content

    def post(self, path: str, body: object) -> Any:
        """Send a POST that must succeed."""
        status, answer = self.request("POST", f"2.0/mlflow/{path}", body)
        assert status == 200, answer
        return answer

    def get(self, path: str) -> Any:
        """Send a GET that must succeed."""
        status, answer = self.request("GET", f"2.0/mlflow/{path}")
        assert status == 200, answer
        return answer

    def refused(self, path: str, body: object = None, *, method: str = "POST") -> tuple[int, str, str]:
        """Send what must fail; return the status, the code and the message."""
        status, answer = self.request(method, f"2.0/mlflow/{path}", body)
        assert status >= 400, answer
        return status, answer["error_code"], answer["message"]

    def new_run(self, experiment: str = "0", **fields: object) -> str:
        """Start a run and return its id."""
        run_id: str = self.post("runs/create", {"experiment_id": experiment, **fields})["run"]["info"]["run_id"]
        return run_id

    def new_folder(self, **fields: object) -> str:
        """Start a run and return the address of its artifacts, ``<experiment>/<run>/artifacts``."""
        info = self.post("runs/create", {"experiment_id": "0", **fields})["run"]["info"]
        return str(info["artifact_uri"]).removeprefix("mlflow-artifacts:/")

    def put_file(self, path: str, content: bytes, **headers: str) -> tuple[int, Any]:
        """Upload a file, as the client does; ``path`` is not yet encoded. Return the status and what came back."""
        headers = {"Content-Length": str(len(content)), **headers}
        return self.request("PUT", file_url(path), content, **headers)

    def get_file(self, path: str, *, method: str = "GET", **headers: str) -> "Got":
        """Download a file; ``path`` is not yet encoded."""
        response = self.send(method, file_url(path), b"", **headers)
        return Got(response.status_code, response.headers, content_of(response))

    def list_files(self, path: str) -> list[Any]:
        """Return what the proxy route says of a directory; ``path`` is not yet encoded."""
        status, answer = self.request("GET", f"2.0/mlflow-artifacts/artifacts?path={quote(path, safe='')}")
        assert status == 200, answer
        files: list[Any] = answer.get("files", [])
        return files


def file_url(path: str) -> str:
    """Return where the proxy route has a file."""
    return f"2.0/mlflow-artifacts/artifacts/{quote(path)}"


def content_of(response: HttpResponseBase) -> bytes:
    """Return the bytes of a response, streamed or not."""
    content: bytes = b"".join(response) if response.streaming else response.content  # type: ignore[attr-defined]
    return content
