"""Calls of the API as its clients make them."""

import json
from dataclasses import dataclass
from typing import Any

from django.test import Client


@dataclass(frozen=True)
class Caller:
    """Someone with a token for one workspace."""

    token: str
    workspace: str = "default"

    def request(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Send JSON below ``/w/<workspace>/api/``; return the status and what came back."""
        response = Client(raise_request_exception=False).generic(
            method,
            f"/w/{self.workspace}/api/{path}",
            b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode(),
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.token}", **headers},
        )
        raw = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]
        is_json = response.headers.get("Content-Type") == "application/json"
        return response.status_code, json.loads(raw) if is_json else raw

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

    def refused(self, path: str, body: object) -> tuple[int, str, str]:
        """Send a POST that must fail; return the status, the code and the message."""
        status, answer = self.request("POST", f"2.0/mlflow/{path}", body)
        assert status >= 400, answer
        return status, answer["error_code"], answer["message"]

    def new_run(self, experiment: str = "0", **fields: object) -> str:
        """Start a run and return its id."""
        run_id: str = self.post("runs/create", {"experiment_id": experiment, **fields})["run"]["info"]["run_id"]
        return run_id
