"""What clients sent and what they were told, in a file; and whether a server still has it after whatever happened.

A line an event: ``invoke`` before an operation is sent, then ``ok`` where it was acknowledged; an operation without
``ok`` is unknown: it may be there, or not, but never a half of it. Clients send again what got no answer, as mlflow's
does, and keep on until they are told to stop.
"""

import http.client
import json
import random
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

API = "/w/default/api/2.0/mlflow/"
TIMEOUT_S = 30
PAUSE_S = 0.05
KEYS = ("loss", "acc", "f1", "lr")
START_MS = 1_700_000_000_000
STEPS_A_BATCH = 5
BATCHES_A_RUN = 400
Point = tuple[str, int, int, str]
"""Key, step, timestamp, and the value as JSON has it: NaN is equal to itself there."""


class Ledger:
    """The file, written by several clients at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._next = sum(event["event"] == "invoke" for event in self.events()) if path.exists() else 0

    def invoke(self, path: str, body: dict[str, Any]) -> int:
        """Note that an operation is about to be sent; return its number."""
        with self._lock:
            number, self._next = self._next, self._next + 1
        self._write({"event": "invoke", "op": number, "path": path, "body": body})
        return number

    def ok(self, number: int) -> None:
        """Note that an operation was acknowledged."""
        self._write({"event": "ok", "op": number})

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield all events in the order they were noted."""
        with self.path.open() as lines:
            yield from map(json.loads, lines)

    def _write(self, event: dict[str, Any]) -> None:
        with self._lock, self.path.open("a") as file:
            file.write(json.dumps(event) + "\n")


@dataclass(frozen=True, slots=True)
class Address:
    """A portal's tracking API and a token for it."""

    host: str
    port: int
    authorization: str

    @classmethod
    def of(cls, tracking_uri: str) -> Self:
        parts = urlsplit(tracking_uri)
        return cls(parts.hostname or "", parts.port or 80, f"Bearer {parts.password}")

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)

    def ask(self, connection: http.client.HTTPConnection, method: str, path: str, body: object = None) -> Any:
        """Send one request on a connection; return its JSON. :raises AssertionError: unless it was acknowledged."""
        headers = {"Authorization": self.authorization, "Content-Type": "application/json"}
        connection.request(method, API + path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        content = response.read()
        if response.status in (429, 503):
            raise ConnectionError(f"try again: {response.status}")
        assert response.status == 200, (path, response.status, content)
        return json.loads(content)


class Client(threading.Thread):
    """Logs to one run after the other: batches, single points, late ones, points sent before, tags, params, ends."""

    def __init__(self, address: Address, ledger: Ledger, number: int, stop: threading.Event) -> None:
        super().__init__(name=f"client-{number}", daemon=True)
        self._address, self._ledger, self._stop_asked = address, ledger, stop
        self._random = random.Random(number)
        self._connection = address.connect()
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            while not self._stop_asked.is_set():
                self._log_a_run()
        except BaseException as error:
            self._error = error
        finally:
            self._connection.close()

    def finish(self) -> None:
        """Wait for the end and raise what went wrong: an answer that a client would not send again after."""
        self.join()
        if self._error is not None:
            raise self._error

    def _log_a_run(self) -> None:
        made = self._send("runs/create", {"experiment_id": "0", "start_time": START_MS})
        if made is None:
            return
        run_id = made["run"]["info"]["run_id"]
        sent: list[list[dict[str, Any]]] = []
        for number in range(BATCHES_A_RUN):
            if self._stop_asked.is_set():
                return
            sent.append(self._points(number, sent))
            if len(sent[-1]) == 1:
                self._send("runs/log-metric", {"run_id": run_id, **sent[-1][0]})
            else:
                tags = [{"key": "at", "value": str(number)}]
                params = [{"key": f"p{number}", "value": "x"}] if number % 10 == 0 else []
                self._send("runs/log-batch", {"run_id": run_id, "metrics": sent[-1], "tags": tags, "params": params})
        self._send("runs/update", {"run_id": run_id, "status": "FINISHED", "end_time": START_MS + 1})

    def _points(self, number: int, sent: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
        chance = self._random.random()
        if sent and chance < 0.05:
            return self._random.choice(sent)
        late = self._random.randrange(number) if number and chance < 0.1 else number
        steps = range(late * STEPS_A_BATCH, (late + 1) * STEPS_A_BATCH)
        keys = KEYS if chance < 0.8 else KEYS[:1]
        return [
            {"key": key, "step": step, "timestamp": START_MS + number, "value": self._value()}
            for key in keys
            for step in (steps if chance < 0.9 else steps[:1])
        ]

    def _value(self) -> float | str:
        return "NaN" if self._random.random() < 0.02 else self._random.random()

    def _send(self, path: str, body: dict[str, Any]) -> Any:
        """Send an operation until it is acknowledged; None if the client is told to stop before."""
        number = self._ledger.invoke(path, body)
        while True:
            try:
                answer = self._address.ask(self._connection, "POST", path, body)
            except (OSError, http.client.HTTPException):
                self._connection.close()
                if self._stop_asked.wait(PAUSE_S):
                    return None
            else:
                self._ledger.ok(number)
                return answer


@dataclass
class Sent:
    """What a run was sent, by the ledger. ``batches``: the points of each operation that was not acknowledged."""

    acknowledged: set[Point] = field(default_factory=set)
    batches: list[set[Point]] = field(default_factory=list)
    params: set[str] = field(default_factory=set)
    tag: int = -1
    is_ended: bool = False

    @property
    def unknown(self) -> set[Point]:
        return set().union(*self.batches)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many operations and points were acknowledged, and what is wrong: nothing, one hopes."""

    operations: int
    points: int
    wrong: list[str]


def check(ledger: Ledger, address: Address) -> Verdict:
    """Compare what a server has with what a ledger says, run by run, through the server's own API."""
    sent, operations = _read(ledger)
    connection = address.connect()
    wrong = [
        f"{run_id}: {what}" for run_id, run in sent.items() for what in _check_run(address, connection, run_id, run)
    ]
    connection.close()
    return Verdict(operations, sum(len(run.acknowledged) for run in sent.values()), wrong)


def _read(ledger: Ledger) -> tuple[dict[str, Sent], int]:
    waiting: dict[int, dict[str, Any]] = {}
    sent: defaultdict[str, Sent] = defaultdict(Sent)
    operations = 0
    for event in ledger.events():
        if event["event"] == "invoke":
            waiting[event["op"]] = event
            continue
        done = waiting.pop(event["op"])
        operations += 1
        body, points = done["body"], _points_of(done)
        if "run_id" in body:
            run = sent[body["run_id"]]
            run.acknowledged |= points
            run.params |= {param["key"] for param in body.get("params", ())}
            run.tag = max([run.tag, *(int(tag["value"]) for tag in body.get("tags", ()))])
            run.is_ended |= done["path"] == "runs/update"
    for event in waiting.values():
        if "run_id" in event["body"]:
            sent[event["body"]["run_id"]].batches.append(_points_of(event))
    return sent, operations


def _points_of(event: dict[str, Any]) -> set[Point]:
    body = event["body"]
    return {_point(one) for one in body.get("metrics", [body] if event["path"] == "runs/log-metric" else [])}


def _point(one: dict[str, Any]) -> Point:
    return one["key"], int(one.get("step", 0)), int(one["timestamp"]), json.dumps(one["value"])


def _check_run(address: Address, connection: http.client.HTTPConnection, run_id: str, sent: Sent) -> Iterator[str]:
    run = address.ask(connection, "GET", f"runs/get?run_id={run_id}")["run"]
    stored = [point for key in KEYS for point in _history(address, connection, run_id, key)]
    distinct = set(stored)
    if lost := sent.acknowledged - distinct:
        yield f"{len(lost)} points lost, such as {min(lost)}"
    if strange := distinct - sent.acknowledged - sent.unknown:
        yield f"{len(strange)} points that were never sent, such as {min(strange)}"
    if doubled := [point for point, count in Counter(stored).items() if count > 1]:
        yield f"{len(doubled)} points doubled, such as {min(doubled)}"
    for batch in sent.batches:
        own = batch - sent.acknowledged
        if own & distinct and not own <= distinct:
            yield f"half of a batch, such as {min(own & distinct)}"
    latest = {_point(one)[0]: _point(one)[1:] for one in run["data"].get("metrics", ())}
    for key in KEYS:
        rivals = [point[1:] for point in distinct if point[0] == key]
        if rivals and latest.get(key) != (greatest := max(rivals, key=_rank)):
            yield f"latest {key} is {latest.get(key)}, not {greatest}"
    params = {param["key"] for param in run["data"].get("params", ())}
    if not sent.params <= params:
        yield f"params lost: {sent.params - params}"
    tag = next((int(tag["value"]) for tag in run["data"].get("tags", ()) if tag["key"] == "at"), -1)
    if tag < sent.tag:
        yield f"tag is {tag}, not {sent.tag}"
    if sent.is_ended and run["info"]["status"] != "FINISHED":
        yield f"status is {run['info']['status']}"


def _rank(point: tuple[int, int, str]) -> tuple[int, int, float]:
    """MLflow's rule: the greatest step, then timestamp, then value; NaN counts as 0."""
    step, timestamp, value = point
    return step, timestamp, 0.0 if value == '"NaN"' else float(value)


def _history(address: Address, connection: http.client.HTTPConnection, run_id: str, key: str) -> Iterator[Point]:
    query = {"run_id": run_id, "metric_key": key, "max_results": "25000"}
    while True:
        found = address.ask(connection, "GET", f"metrics/get-history?{urlencode(query)}")
        yield from map(_point, found.get("metrics", ()))
        if not found.get("next_page_token"):
            return
        query["page_token"] = found["next_page_token"]


def start_clients(address: Address, ledger: Ledger, count: int) -> tuple[list[Client], threading.Event]:
    """Start clients; the event stops them."""
    stop = threading.Event()
    clients = [Client(address, ledger, number, stop) for number in range(count)]
    for client in clients:
        client.start()
    return clients, stop
