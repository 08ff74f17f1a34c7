"""W1 to W4: what training code sends. What was acknowledged is read back, and nothing else may be there."""

import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from bench.api import API, BORN_MS, Api, pairs, point, tags
from bench.load import Answer, Pause, Script
from bench.results import Measured, Result, measure, percentile_ms
from bench.scales import Scale
from bench.servers import Server

W2_KEYS, W2_STEPS = 100, 10
W3_CLIENTS, W3_EACH = 8, 20
W4_RUNS, W4_KEYS, W4_PAUSE_S = 100, 10, 0.1
CHECKED_RUNS = 6


@dataclass
class Tally:
    """What one kind of request came to."""

    durations_s: list[float] = field(default_factory=list)
    failures: Counter[int] = field(default_factory=Counter)

    def note(self, answer: Answer) -> bool:
        """Count an answer; tell whether it is an acknowledgement."""
        if answer.status == 200:
            self.durations_s.append(answer.duration_s)
        else:
            self.failures[answer.status] += 1
        return answer.status == 200

    def result(self, workload: str, unit: str, took: Measured, *, each: int = 1, wrong: str, note: str = "") -> Result:
        """Return the result; ``each``: how many units one request counts for."""
        done = len(self.durations_s)
        return Result(
            workload,
            unit,
            value=each * done / took.wall_s,
            p50_ms=percentile_ms(self.durations_s, 0.5),
            p99_ms=percentile_ms(self.durations_s, 0.99),
            cpu_ms=1e3 * took.server_cpu_s / done if done else None,
            failures=self.failures.total(),
            wrong=wrong,
            note=note or ", ".join(f"{count} x {status}" for status, count in self.failures.items()),
        )


@dataclass
class Writer:
    """One client that logs to one run: which steps were acknowledged, and which got another answer or none."""

    run_id: str
    acknowledged: list[int] = field(default_factory=list)
    unknown: list[int] = field(default_factory=list)

    def note(self, step: int, *, is_acknowledged: bool) -> None:
        (self.acknowledged if is_acknowledged else self.unknown).append(step)

    def check(self, api: Api, key: str, *, width: int = 1) -> str:
        """Return what is wrong with the stored points of a metric, of which each step stands for ``width``."""
        stored = Counter(step // width for step in api.history(self.run_id, key))
        lost = [step for step in self.acknowledged if stored[step] < width]
        doubled = [step for step, count in stored.items() if count > width]
        strange = stored.keys() - {*self.acknowledged, *self.unknown}
        if lost or doubled or strange:
            return f"run {self.run_id}: {len(lost)} lost, {len(doubled)} doubled, {len(strange)} never sent"
        return ""


def log_metric(server: Server, scale: Scale) -> list[Result]:
    """W1: single points, one client and sixteen."""
    return [_log_metric(server, scale, clients) for clients in (1, 16)]


def _log_metric(server: Server, scale: Scale, clients: int) -> Result:
    api, tally = server.api(), Tally()
    writers = _writers(api, clients)
    until = time.perf_counter() + scale.write_s

    def script(writer: Writer) -> Script:
        step = 0
        while time.perf_counter() < until:
            value = step * 7919 % 1000 / 1000
            body = b'{"run_id":"%s","run_uuid":"%s","key":"loss","value":%f,"timestamp":%d,"step":%d}' % (
                *(2 * (writer.run_id.encode(),)), value, BORN_MS + step, step
            )  # fmt: skip
            answer = yield api.request("POST", f"{API}runs/log-metric", body)
            writer.note(step, is_acknowledged=tally.note(answer))
            step += 1

    took = measure(server, map(script, writers))
    wrong = _first(writer.check(api, "loss") for writer in writers)
    return tally.result(f"W1 log-metric, {_clients(clients)}", "requests/s", took, wrong=wrong)


def log_batch(server: Server, scale: Scale) -> list[Result]:
    """W2: batches of 1,000 points, 100 metrics by 10 steps, one client and eight."""
    return [_log_batch(server, scale, clients) for clients in (1, 8)]


def _log_batch(server: Server, scale: Scale, clients: int) -> Result:
    api, tally = server.api(), Tally()
    writers = _writers(api, clients)
    until = time.perf_counter() + scale.write_s

    def script(writer: Writer) -> Script:
        batch = 0
        while time.perf_counter() < until:
            answer = yield api.request("POST", f"{API}runs/log-batch", _batch(writer.run_id, batch))
            writer.note(batch, is_acknowledged=tally.note(answer))
            batch += 1

    took = measure(server, map(script, writers))
    wrong = _first(writer.check(api, key, width=W2_STEPS) for writer in writers for key in ("k0", "k57", "k99"))
    each = W2_KEYS * W2_STEPS
    return tally.result(f"W2 log-batch of 1,000, {_clients(clients)}", "metrics/s", took, each=each, wrong=wrong)


def _batch(run_id: str, batch: int) -> bytes:
    steps = range(W2_STEPS * batch, W2_STEPS * (batch + 1))
    points = b",".join(
        b'{"key":"k%d","value":%f,"timestamp":%d,"step":%d}' % (key, (7 * step + key) % 997 / 997, BORN_MS + step, step)
        for key in range(W2_KEYS)
        for step in steps
    )
    return b'{"run_id":"%s","metrics":[%s]}' % (run_id.encode(), points)


def whole_runs(server: Server, scale: Scale) -> list[Result]:
    """W3: whole short runs of five requests: created, 20 params, 20 tags, 20 metrics, finished; eight clients."""
    api, tally = server.api(), Tally()
    experiment_id = _new_experiment(api)
    until = time.perf_counter() + scale.write_s
    done: dict[str, int] = {}
    numbers = iter(range(10**9))

    def script() -> Script:
        while time.perf_counter() < until:
            number, started = next(numbers), time.perf_counter()
            first = yield api.post("runs/create", _new_run(experiment_id, number))
            if first.status != 200:
                tally.note(first)
                continue
            run_id = msgspec.json.decode(first.body)["run"]["info"]["run_id"]
            answers = []
            for path, body in _life(run_id, number):
                answers.append((yield api.post(path, body)))
            bad = next((answer for answer in answers if answer.status != 200), None)
            if tally.note(bad or Answer(200, b"", time.perf_counter() - started)):
                done[run_id] = number

    took = measure(server, [script() for _ in range(W3_CLIENTS)])
    wrong = "" if tally.failures or set(api.run_ids(experiment_id)) == set(done) else "runs/search lists other runs"
    for run_id in random.Random(1).sample(sorted(done), min(CHECKED_RUNS, len(done))):
        wrong = wrong or _check_run(api, run_id, done[run_id])
    return [tally.result("W3 whole runs, 8 clients", "runs/s", took, wrong=wrong)]


def _new_run(experiment_id: str, number: int) -> dict[str, object]:
    first = [*tags(USER="bench"), {"key": "mlflow.source.name", "value": "train.py"}]
    first += [{"key": "mlflow.source.type", "value": "LOCAL"}]
    return {
        "experiment_id": experiment_id, "run_name": f"run{number}", "start_time": BORN_MS + number, "tags": first
    }  # fmt: skip


def _life(run_id: str, number: int) -> list[tuple[str, dict[str, object]]]:
    params = pairs("p", [f"value-{number}-{place}" for place in range(W3_EACH)])
    labels = pairs("t", [f"tag-{number}-{place}" for place in range(W3_EACH)])
    metrics = [point(f"m{place}", number + place / 32, 0) for place in range(W3_EACH)]
    return [
        ("runs/log-batch", {"run_id": run_id, "params": params}),
        ("runs/log-batch", {"run_id": run_id, "tags": labels}),
        ("runs/log-batch", {"run_id": run_id, "metrics": metrics}),
        ("runs/update", {"run_id": run_id, "status": "FINISHED", "end_time": BORN_MS + number + 5}),
    ]


def _check_run(api: Api, run_id: str, number: int) -> str:
    run = api.ask(api.get("runs/get", run_id=run_id))["run"]
    stored = {kind: {one["key"]: one["value"] for one in run["data"].get(kind, ())} for kind in run["data"]}
    is_right = (
        run["info"]["status"] == "FINISHED"
        and stored["params"] == {f"p{place}": f"value-{number}-{place}" for place in range(W3_EACH)}
        and stored["metrics"] == {f"m{place}": number + place / 32 for place in range(W3_EACH)}
        and {f"t{place}": f"tag-{number}-{place}" for place in range(W3_EACH)}.items() <= stored["tags"].items()
    )
    return "" if is_right else f"run {run_id} is not what was sent"


def live_runs(server: Server, scale: Scale) -> list[Result]:
    """W4: a hundred runs at once, batches of 10 points each, while a page of them is searched ten times a second."""
    api, tally, searches = server.api(), Tally(), Tally()
    experiment_id = _new_experiment(api)
    writers = [Writer(api.create_run(experiment_id, f"live{number}")) for number in range(W4_RUNS)]
    until = time.perf_counter() + scale.write_s
    newest = {"experiment_ids": [experiment_id], "max_results": W4_RUNS, "order_by": ["attributes.start_time DESC"]}
    wrong_pages = []

    def write(writer: Writer) -> Script:
        step = 0
        while time.perf_counter() < until:
            metrics = [point(f"m{key}", (step + key) / 1000, step) for key in range(W4_KEYS)]
            answer = yield api.post("runs/log-batch", {"run_id": writer.run_id, "metrics": metrics})
            writer.note(step, is_acknowledged=tally.note(answer))
            step += 1

    def search() -> Script:
        while time.perf_counter() < until:
            answer = yield api.post("runs/search", newest)
            if searches.note(answer) and len(msgspec.json.decode(answer.body).get("runs", ())) != W4_RUNS:
                wrong_pages.append(answer)
            yield Pause(W4_PAUSE_S)

    took = measure(server, [*map(write, writers), search()])
    wrong = "runs/search lost runs" if wrong_pages else ""
    wrong = wrong or _first(writer.check(api, "m3") for writer in writers[:: W4_RUNS // CHECKED_RUNS])
    reader = Result(
        "W4 the reader's page of 100",
        "ms, 99th percentile",
        value=percentile_ms(searches.durations_s, 0.99) or float("inf"),
        is_better_high=False,
        p50_ms=percentile_ms(searches.durations_s, 0.5),
        p99_ms=percentile_ms(searches.durations_s, 0.99),
        failures=searches.failures.total(),
    )
    return [tally.result("W4 100 live runs", "batches/s", took, wrong=wrong), reader]


def _new_experiment(api: Api) -> str:
    return api.create_experiment(f"writes-{uuid.uuid4().hex[:12]}")


def _writers(api: Api, count: int) -> list[Writer]:
    experiment_id = _new_experiment(api)
    return [Writer(api.create_run(experiment_id)) for _ in range(count)]


def _clients(count: int) -> str:
    return f"{count} client{'s' if count > 1 else ''}"


def _first(texts: Iterable[str]) -> str:
    return next((text for text in texts if text), "")


WORKLOADS: dict[str, Callable[[Server, Scale], list[Result]]] = {
    "W1": log_metric,
    "W2": log_batch,
    "W3": whole_runs,
    "W4": live_runs,
}
