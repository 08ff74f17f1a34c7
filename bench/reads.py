"""R1 to R3: what pages and notebooks ask for. Every answer is compared with the one that the seed says."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from bench import contents, machine, seeds
from bench.api import AJAX, ApiError
from bench.load import Script
from bench.results import Result, measure, percentile_ms, timed
from bench.scales import Scale
from bench.servers import Ours, Server

NEWEST = ["attributes.start_time DESC"]
CHART_POINTS = 320
WALK_S = 20


def search_runs(server: Server, scale: Scale) -> list[Result]:
    """R1: pages of an experiment's runs: newest, filtered and sorted by a metric, large, and all of them."""
    counts = scale.searched_runs if isinstance(server, Ours) else scale.peers_runs
    return [result for count in counts for result in _search_runs(server, scale, count)]


def _search_runs(server: Server, scale: Scale, count: int) -> list[Result]:
    experiment_id = seeds.searched_runs(server, count)
    api, of = server.api(), f"of {count:,} runs"

    def page(size: int, **more: object) -> bytes:
        return api.post("runs/search", {"experiment_ids": [experiment_id], "max_results": size, **more})

    def expect(numbers: Sequence[int]) -> Callable[[Any], str]:
        return lambda found: _wrong_page(found, numbers)

    best = [run for run in range(count) if contents.metric(run, 3) > 0.5 and contents.param(run, 1) == "v3"]
    best.sort(key=lambda run: contents.metric(run, 0), reverse=True)
    down = range(count - 1, -1, -1)
    chosen = {"filter": "metrics.m3 > 0.5 and params.p1 = 'v3'", "order_by": ["metrics.m0 DESC"]}
    return [
        _repeat(server, scale, f"R1a first 100 {of}", page(100, order_by=NEWEST), expect(down[:100])),
        _repeat(server, scale, f"R1b filtered, by a metric, 100 {of}", page(100, **chosen), expect(best[:100])),
        _repeat(server, scale, f"R1c page of 1,000 {of}", page(1000, order_by=NEWEST), expect(down[:1000])),
        _walk(server, f"R1d walk {of[3:]}", page, count),
    ]


def _wrong_page(found: Any, numbers: Sequence[int]) -> str:
    runs = found.get("runs", [])
    if [run["info"]["run_name"] for run in runs] != [f"run{number}" for number in numbers]:
        return "other runs than the seed says"
    whole = {"params": contents.PARAMS, "metrics": contents.METRICS, "tags": contents.TAGS}
    is_whole = all(len(run["data"].get(kind, ())) >= least for run in runs[:3] for kind, least in whole.items())
    return "" if is_whole else "runs without some of their data"


def _walk(server: Server, workload: str, page: Callable[..., bytes], count: int) -> Result:
    seen: set[str] = set()
    durations: list[float] = []

    def script() -> Script:
        more: dict[str, object] = {}
        while sum(durations) < WALK_S:
            answer = yield page(1000, order_by=NEWEST, **more)
            if answer.status != 200:
                return
            durations.append(answer.duration_s)
            found = msgspec.json.decode(answer.body)
            seen.update(run["info"]["run_id"] for run in found.get("runs", ()))
            if not found.get("next_page_token"):
                return
            more = {"page_token": found["next_page_token"]}

    took = measure(server, [script()])
    is_cut = len(seen) < count and sum(durations) >= WALK_S
    return Result(
        workload,
        "ms",
        value=1e3 * sum(durations),
        is_better_high=False,
        cpu_ms=1e3 * took.server_cpu_s,
        wrong="" if len(seen) == count or is_cut else f"{len(seen):,} runs",
        note=f"stopped at {len(seen):,} runs" if is_cut else "",
    )


def histories(server: Server, scale: Scale) -> list[Result]:
    """R2: every point of a long metric, in pages; and a chart of many runs."""
    return [_history(server, scale), *_charts(server, scale)]


def _history(server: Server, scale: Scale) -> Result:
    count = scale.history_points
    api = server.api()
    (run_id,) = api.run_ids(seeds.curves(server, 1, count))
    before = machine.cpu_s(server.pids)
    steps, took_s = timed(lambda: api.history(run_id, "loss"))
    counted = Counter(steps)
    is_right = len(counted) == count and len(steps) == count
    return Result(
        f"R2 get-history of {count:,} points",
        "ms",
        value=1e3 * took_s,
        is_better_high=False,
        cpu_ms=1e3 * (machine.cpu_s(server.pids) - before),
        wrong="" if is_right else f"{len(steps):,} points, {len(counted):,} of them distinct",
    )


def _charts(server: Server, scale: Scale) -> list[Result]:
    api = server.api()
    run_ids = api.run_ids(seeds.curves(server, scale.charted_runs, scale.charted_points))
    asked = {"run_ids": run_ids, "metric_key": "loss", "max_results": CHART_POINTS}
    request = api.get("metrics/get-history-bulk-interval", root=AJAX, **asked)
    try:
        api.ask(request)
    except ApiError:
        return []  # FastTrackML has no such endpoint

    def check(found: Any) -> str:
        counted = Counter(one["run_id"] for one in found["metrics"])
        is_right = counted.keys() == set(run_ids) and max(counted.values()) <= CHART_POINTS + 2
        return "" if is_right else f"{len(counted)} runs, up to {max(counted.values())} points"

    size = f"{scale.charted_runs} x {scale.charted_points:,}"
    return [_repeat(server, scale, f"R2 bulk-interval {size} points, {CHART_POINTS} each", request, check)]


def search_experiments(server: Server, scale: Scale) -> list[Result]:
    """R3: experiments by a part of their name, and the newest."""
    count = scale.experiments
    seeds.experiments(server, count)
    api = server.api()
    like = {"max_results": 100, "filter": "name LIKE 'bulk-%77%'"}
    right = min(100, sum("77" in f"{number:05d}" for number in range(count)))

    def expect(wanted: int) -> Callable[[Any], str]:
        return lambda found: "" if len(found["experiments"]) == wanted else f"{len(found['experiments'])} experiments"

    by_name = api.post("experiments/search", like)
    newest = api.post("experiments/search", {"max_results": 100})
    return [
        _repeat(server, scale, f"R3 LIKE among {count:,} experiments", by_name, expect(right)),
        _repeat(server, scale, f"R3 first 100 of {count:,} experiments", newest, expect(100)),
    ]


def _repeat(server: Server, scale: Scale, workload: str, request: bytes, check: Callable[[Any], str]) -> Result:
    """Send one request again and again; the first answer is checked and, being the first, not timed."""
    first = server.api().ask(request)
    durations: list[float] = []
    failures = 0

    def script() -> Script:
        nonlocal failures
        while len(durations) + failures < scale.repeats and sum(durations) < scale.read_s:
            answer = yield request
            if answer.status == 200:
                durations.append(answer.duration_s)
            else:
                failures += 1

    took = measure(server, [script()])
    return Result(
        workload,
        "ms",
        value=percentile_ms(durations, 0.5) or float("inf"),
        is_better_high=False,
        p50_ms=percentile_ms(durations, 0.5),
        p99_ms=percentile_ms(durations, 0.99),
        cpu_ms=1e3 * took.server_cpu_s / max(1, len(durations)),
        failures=failures,
        wrong=check(first),
    )


WORKLOADS = {"R1": search_runs, "R2": histories, "R3": search_experiments}
