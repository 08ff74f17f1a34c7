"""MLflow's REST API as a client of a benchmark speaks it: requests as bytes, answers as plain JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from bench.load import Answer, Script, drive

API, AJAX = "/api/2.0/mlflow/", "/ajax-api/2.0/mlflow/"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts/"
BORN_MS = 1_700_000_000_000


class ApiError(RuntimeError):
    """A server did not do what a benchmark needs before or after it measures."""


@dataclass(frozen=True, slots=True)
class Api:
    """Where a server is and what each request to it carries."""

    base: str
    token: str = ""

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.base)
        return parts.hostname or "", parts.port or 80

    def request(self, method: str, path: str, body: bytes | None = None, *, kind: str = "application/json") -> bytes:
        """Return a request as it goes over the wire."""
        head = [f"{method} {urlsplit(self.base).path}{path} HTTP/1.1", "Host: {}:{}".format(*self.address)]
        head += [f"Authorization: Bearer {self.token}"] if self.token else []
        head += [f"Content-Type: {kind}", f"Content-Length: {len(body)}"] if body is not None else []
        return "\r\n".join([*head, "", ""]).encode() + (body or b"")

    def post(self, path: str, body: Mapping[str, object]) -> bytes:
        return self.request("POST", API + path, msgspec.json.encode(body))

    def get(self, path: str, *, root: str = API, **query: object) -> bytes:
        return self.request("GET", f"{root}{path}?{urlencode(query, doseq=True)}")

    def ask(self, request: bytes) -> dict[str, Any]:
        """Send one request and return its answer. :raises ApiError: unless it is 200, 201 or 202."""
        answers: list[Answer] = []

        def script() -> Script:
            answers.append((yield request))

        drive(self.address, [script()])
        if answers[0].status not in (200, 201, 202):
            raise ApiError(f"{request[:100]!r}: {answers[0].status} {answers[0].body[:300]!r}")
        found: dict[str, Any] = msgspec.json.decode(answers[0].body)
        return found

    # ---- what workloads need before and after they measure ---------------------------------------------------------

    def create_experiment(self, name: str) -> str:
        return str(self.ask(self.post("experiments/create", {"name": name}))["experiment_id"])

    def find_experiment(self, name: str) -> str | None:
        try:
            found = self.ask(self.get("experiments/get-by-name", experiment_name=name))
        except ApiError:
            return None
        return str(found["experiment"]["experiment_id"])

    def create_run(self, experiment_id: str, name: str = "run") -> str:
        body = {"experiment_id": experiment_id, "run_name": name, "start_time": BORN_MS, "tags": tags(USER="bench")}
        return str(self.ask(self.post("runs/create", body))["run"]["info"]["run_id"])

    def history(self, run_id: str, key: str) -> list[int]:
        """Return the steps of all points of a metric."""
        steps: list[int] = []
        query: dict[str, Any] = {"run_id": run_id, "metric_key": key, "max_results": 25_000}
        while True:
            found = self.ask(self.get("metrics/get-history", **query))
            steps += [int(point.get("step", 0)) for point in found.get("metrics", ())]
            if not found.get("next_page_token"):
                return steps
            query["page_token"] = found["next_page_token"]

    def run_ids(self, experiment_id: str) -> list[str]:
        """Return the ids of all runs of an experiment, the first started first."""
        ids: list[str] = []
        body: dict[str, object] = {
            "experiment_ids": [experiment_id],
            "max_results": 1000,
            "order_by": ["attributes.start_time ASC"],
        }
        while True:
            found = self.ask(self.post("runs/search", body))
            ids += [run["info"]["run_id"] for run in found.get("runs", ())]
            if not found.get("next_page_token"):
                return ids
            body["page_token"] = found["next_page_token"]


def tags(**values: str) -> list[dict[str, str]]:
    """Return the tags that every client sends with a new run: ``USER`` stands for mlflow.user."""
    return [{"key": f"mlflow.{name.lower()}", "value": value} for name, value in values.items()]


def pairs(name: str, values: Sequence[str]) -> list[dict[str, str]]:
    """Return params or tags: name0, name1, ..."""
    return [{"key": f"{name}{number}", "value": value} for number, value in enumerate(values)]


def point(key: str, value: float, step: int) -> dict[str, object]:
    """Return one point of a metric."""
    return {"key": key, "value": value, "timestamp": BORN_MS + step, "step": step}
