"""What the browser tests look at, logged over HTTP with the stock mlflow client as training scripts do."""

import io
import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelOutput, Metric, Param, RunTag
from PIL import Image

from tests.support.portal import Portal

START_MS = 1_760_000_000_000
STEPS = 200
MANY = 60
SPIKE_STEP, SPIKE = 77, 25.0

LONG_NAME = "很长的名字-" + "x" * 480 + "-末尾"
# Each is stored as every name, value, tag, note and file name there is; slashes are left out of file names.
PAYLOADS = (
    '"><img src=x onerror="window.__pwned=1">',
    "</script><script>window.__pwned=2</script>",
    "<svg onload=window.__pwned=3><b>bold</b>",
    "javascript:window.__pwned=4//",
    "'-(window.__pwned=5)-'`${window.__pwned=6}`",
    "{{7*7}}{% now 'Y' %}",
    "&lt;b&gt;&amp;amp; <!-- ]]>",
    "\u202egpj.exe \u2066x",
)
# Keys may hold few characters; these are words that a careless script finds on every object.
AWKWARD_KEYS = ("__proto__", "constructor", "hasOwnProperty/toString", "javascript:void", "损失/训练", "a b:c.d-e")

TABLE = {"columns": ["prompt", "score"], "data": [["hello <b>x</b>", 0.5], ["世界", None], ["nested", {"a": [1]}]]}
LINK = "<a href='javascript:window.__pwned=12'>x</a>"
FIGURE = {
    "data": [
        {"type": "bar", "x": ["a", LINK], "y": [1, 3], "name": LINK},
        {"y": [2, 1], "marker": {"color": [1, 2]}},
        {"type": "heatmap", "z": [[1, 2], [3, 4]]},
    ],
    "layout": {"title": {"text": LINK}, "images": [{"source": "https://elsewhere.example/x.png"}]},
}
FILES: dict[str, str | bytes] = {
    "notes.md": "# Notes\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<script>window.__pwned=9</script>\n",
    "train.py": 'def train(lr: float = 0.1) -> None:\n    """Train."""\n    print("loss", lr)  # done\n',
    "config.yaml": "lr: 0.1\nlayers: [1, 2]\n",
    "result.json": json.dumps({"a": [1, 2, {"b": None}]}),
    "figure.json": json.dumps(FIGURE),
    "rows.csv": 'name,value\nfirst,1\n"with, comma",2\n=1+1,3\n',
    "table.json": json.dumps(TABLE),
    "log.txt": "epoch 1\nepoch 2\n" + "a very long line " * 60,
    "page.html": "<script>window.__pwned=10</script><h1>hi</h1>",
    "drawing.svg": '<svg xmlns="http://www.w3.org/2000/svg" onload="window.__pwned=11"/>',
    "model.pkl": b"\x80\x04N.",
    "data.bin": b"\0\1\2",
    "empty.txt": b"",
    "deep/er/inside.txt": "found me\n",
    "目录 1/文件 ü.txt": "你好\n",
}


@dataclass(frozen=True)
class Content:
    """What was logged, by id. ``normal``, ``ugly``, ``hostile``, ``empty``, ``live``, ``many``: experiments."""

    portal: Portal
    client: MlflowClient
    empty: str
    normal: str
    runs: tuple[str, ...]
    ugly: str
    ugly_run: str
    hostile: str
    hostile_runs: Mapping[str, str]
    live: str
    live_run: str
    many: str

    @classmethod
    def log(cls, portal: Portal) -> Self:
        """Fill workspace ``default``."""
        client = MlflowClient(portal.tracking_uri())
        normal = client.create_experiment("cifar10/resnet baselines")
        ugly = client.create_experiment(LONG_NAME)
        hostile = client.create_experiment(PAYLOADS[0])
        for payload in PAYLOADS[1:]:
            client.create_experiment(payload)
        live = client.create_experiment("still going")
        return cls(
            portal=portal,
            client=client,
            empty=client.create_experiment("nothing yet"),
            normal=normal,
            runs=_log_normal(client, normal),
            ugly=ugly,
            ugly_run=_log_ugly(client, ugly),
            hostile=hostile,
            hostile_runs={payload: _log_hostile(client, hostile, payload) for payload in PAYLOADS},
            live=live,
            live_run=_log_running(client, live),
            many=_log_many(client),
        )

    def path(self, page: str) -> str:
        """Return the address of a page by its name in ``PAGES``."""
        return PAGES[page].format(
            empty=self.empty,
            normal=self.normal,
            ugly=self.ugly,
            hostile=self.hostile,
            live=self.live,
            run=self.runs[0],
            three=",".join(self.runs[:3]),
            ugly_run=self.ugly_run,
            hostile_run=self.hostile_runs[PAYLOADS[0]],
            all_hostile=",".join(self.hostile_runs.values()),
            live_run=self.live_run,
            many=self.many,
        )


WORKSPACE = "/w/default"
IS_DEMO = "mlportal.demo"  # so that there is something of the demo to remove
# One file of each kind of preview; test_artifacts.py opens all.
PREVIEWED = ("notes.md", "figure.json", "train.py", "log.txt", "rows.csv", "plot.png", "model.pkl", "目录 1/文件 ü.txt")
PREVIEWS = {f"preview of {name}": f"/w/default/runs/{{run}}/preview?path={quote(name)}" for name in PREVIEWED}
PAGES = {
    "home": "/",
    "workspace": "/w/default/",
    "account": "/account",
    "groups": "/groups",
    "group": "/groups/default",
    "workspace settings": "/w/default/settings",
    "workspace access": "/w/default/access",
    "tokens": "/account/tokens",
    "people": "/people",
    "person": "/people/owner",
    "audit log": "/audit",
    "audit log, nothing found": "/audit?who=nobody",
    "device": "/login/device",
    "search": "/search?q=resnet",
    "work": "/work",
    "orphans": "/orphans",
    "REST API": "/docs",
    "datastores": "/w/default/datastores",
    "datastore": "/w/default/datastores/workspaceartifactstore",
    "models": "/w/default/models",
    "logged models": "/w/default/models?show=logged",
    "model": "/w/default/models/flower%20classifier",
    "model version": "/w/default/models/flower%20classifier/versions/1",
    "trash": "/w/default/trash",
    "demo data": "/w/default/demo",
    "delete plan": "/w/default/delete?experiment={normal}",
    "delete plan, hostile": "/w/default/delete?experiment={hostile}",
    "delete plan of a workspace": "/w/default/delete",
    "delete plan of a group": "/groups/default/delete",
    "not found": "/w/default/experiments/999999999",
    "experiments": "/w/default/experiments",
    "experiments, nothing found": "/w/default/experiments?q=no+such+thing",
    "experiment": "/w/default/experiments/{normal}",
    "experiment, filter refused": "/w/default/experiments/{normal}?filter=metrics.%60train/loss%60+%3C+AND+params.lr",
    "experiment, nothing found": "/w/default/experiments/{normal}?filter=metrics.none+%3E+1",
    "experiment, deleted": "/w/default/experiments/{normal}?show=deleted",
    "experiment, empty": "/w/default/experiments/{empty}",
    "experiment, ugly": "/w/default/experiments/{ugly}",
    "experiment, hostile": "/w/default/experiments/{hostile}?columns=params.payload&columns=tags.payload",
    "experiment, many runs": "/w/default/experiments/{many}",
    "experiment, live": "/w/default/experiments/{live}",
    "overview": "/w/default/experiments/{normal}/overview",
    "overview, ugly": "/w/default/experiments/{ugly}/overview?metric=mixed&metric=one+point",
    "overview, hostile": "/w/default/experiments/{hostile}/overview",
    "datasets, hostile": "/w/default/experiments/{hostile}/datasets",
    "models, hostile": "/w/default/experiments/{hostile}/models",
    "run": "/w/default/runs/{run}",
    "run, charts": "/w/default/runs/{run}?tab=charts",
    "run, tags": "/w/default/runs/{run}?tab=tags",
    "run, artifacts": "/w/default/runs/{run}?tab=artifacts",
    "run, ugly": "/w/default/runs/{ugly_run}",
    "run, ugly charts": "/w/default/runs/{ugly_run}?tab=charts",
    "run, hostile": "/w/default/runs/{hostile_run}",
    "run, hostile tags": "/w/default/runs/{hostile_run}?tab=tags",
    "run, hostile artifacts": "/w/default/runs/{hostile_run}?tab=artifacts",
    "run, live": "/w/default/runs/{live_run}?tab=charts",
    "artifacts, deep": "/w/default/runs/{run}/artifacts?path=deep/er",
    "compare": "/w/default/compare?runs={three}",
    "compare, one": "/w/default/compare?runs={run}",
    "compare, none": "/w/default/compare",
    "compare, hostile": "/w/default/compare?runs={all_hostile},{ugly_run}",
    **PREVIEWS,
}


def _log_normal(client: MlflowClient, experiment: str) -> tuple[str, ...]:
    """Log five runs whose curves fall; the first has a spike, files, a child, a dataset and a model."""
    runs = []
    for seed in range(5):
        run = client.create_run(experiment, start_time=START_MS + seed * 60_000, run_name=f"resnet18 seed {seed}")
        uid = run.info.run_id
        runs.append(uid)
        loss = [2.0 * math.exp(-step / (40 + 8 * seed)) + 0.05 * math.sin(step * (seed + 1)) for step in range(STEPS)]
        if seed == 0:
            loss[SPIKE_STEP] = SPIKE
        curves = {
            "train/loss": loss,
            "val/acc": [1 - math.exp(-step / (20 + 5 * seed)) for step in range(0, STEPS)],
            "lr": [0.1 / (seed + 1)] * 5,
            "system/cpu_utilization_percentage": [30.0 + step % 7 for step in range(20)],
        }
        params = {"lr": str(0.1 / (seed + 1)), "batch_size": "128", "optimizer": "sgd" if seed % 2 else "adamw"}
        tags = {"team": "vision", "seed": str(seed), "mlflow.user": "ann", "mlflow.source.name": "train.py"}
        _log(client, uid, curves, params=params, tags=tags)
        client.set_terminated(uid, "FAILED" if seed == 4 else "FINISHED", START_MS + (seed + 10) * 60_000)
    _log_files(client, runs[0], {**FILES, "plot.png": _picture()})
    _log(client, runs[0], {}, tags={"mlflow.note.content": "# What this is\n\nThe **first** seed, see `train.py`."})
    _log_links(client, experiment, runs[0], "cifar10")
    _register(client, runs[0])
    child = client.create_run(experiment, start_time=START_MS, tags={"mlflow.parentRunId": runs[0]}, run_name="fold 1")
    client.set_terminated(child.info.run_id, end_time=START_MS + 5_000)
    return tuple(runs)


def _register(client: MlflowClient, run: str) -> None:
    """Register a model with two versions and an alias, as nobody would name it, and as one does."""
    source = f"{client.get_run(run).info.artifact_uri}/deep"
    for name in ("flower classifier", "x" * 256, PAYLOADS[0].replace("/", "").replace(":", "")):
        client.create_registered_model(name, tags={"team": "vision"}, description=PAYLOADS[0])
        for number in range(2):
            client.create_model_version(name, source, run, tags={"data": f"2026-{number}"}, await_creation_for=0)
        client.set_registered_model_alias(name, "champion", "1")


def _log_ugly(client: MlflowClient, experiment: str) -> str:
    """Log values that have no place on an axis, one point alone, and names that are too long for any page."""
    uid: str = client.create_run(experiment, start_time=START_MS, run_name=LONG_NAME).info.run_id
    curves = {
        "mixed": [1.0, math.nan, 3.0, math.inf, -math.inf, 2.0],
        "all nan": [math.nan] * 3,
        "one point": [0.5],
        "constant": [7.0] * 20,
        "huge and tiny": [1e300, -1e300, 1e-300],
        "k" * 250: [1.0, 2.0],
        "长/" + "指标" * 120: [1.0, 2.0],
        "emoji 🚀".replace("🚀", "x"): [1.0],
        **{key: [1.0, 4.0, 2.0] for key in AWKWARD_KEYS},
    }
    params = {"p" * 250: "v" * 6000, "中文": "值 🚀 👩‍👩‍👧", "empty": "", "lines": "a\n\tb\n" * 30, "__proto__": "x"}
    _log(client, uid, curves, params=params, tags={"t" * 250: "w" * 5000, "标签": "🎉" * 200})
    client.set_terminated(uid, "KILLED", START_MS + 90 * 86_400_000)
    return uid


def _log_hostile(client: MlflowClient, experiment: str, payload: str) -> str:
    """Log one run in which everything that takes free text is the payload."""
    uid: str = client.create_run(experiment, start_time=START_MS, run_name=payload).info.run_id
    tags = {
        "payload": payload,
        "mlflow.note.content": f"{payload}\n\n[link]({payload})\n\n![picture]({payload})",
        "mlflow.user": payload,
        "mlflow.source.name": payload,
        "mlflow.source.git.commit": payload,
        "mlflow.source.git.branch": payload,
        IS_DEMO: "true",
    }
    _log(client, uid, {"loss": [1.0, math.nan, 2.0]}, params={"payload": payload}, tags=tags)
    client.set_experiment_tag(experiment, "payload", payload)
    client.set_experiment_tag(experiment, IS_DEMO, "true")
    client.set_experiment_tag(experiment, "mlflow.note.content", payload)
    name = payload.replace("/", "_")
    _log_files(
        client, uid, {f"{name}.txt": payload, f"{name}/{name}.md": payload, f"{name}.csv": f"{payload}\n{payload}"}
    )
    _log_links(client, experiment, uid, payload)
    client.set_terminated(uid, end_time=START_MS + 1000)
    return uid


def _log_running(client: MlflowClient, experiment: str) -> str:
    uid: str = client.create_run(experiment, run_name="marathon").info.run_id
    _log(client, uid, {"loss": [1.0, 0.9, 0.8]}, params={"lr": "0.1"})
    return uid


def _log_many(client: MlflowClient) -> str:
    """Log more runs than a page of the table holds; the last one has the lowest loss at last."""
    experiment: str = client.create_experiment("sweep")
    for number in range(MANY):
        run = client.create_run(experiment, start_time=START_MS + number * 1000, run_name=f"trial {number:02}")
        curves = {"loss": [2.0, 1 / (number + 1)], "score": [number / MANY]}
        _log(client, run.info.run_id, curves, params={"trial": str(number)})
        client.update_run(run.info.run_id, status="FINISHED")
    return experiment


def _log(
    client: MlflowClient,
    uid: str,
    curves: Mapping[str, Sequence[float]],
    *,
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Log curves with one point a second, at the steps 0, 1, 2, …"""
    points = [
        Metric(key, value, START_MS + step * 1000, step)
        for key, values in curves.items()
        for step, value in enumerate(values)
    ]
    client.log_batch(
        uid,
        metrics=points,
        params=[Param(key, value) for key, value in (params or {}).items()],
        tags=[RunTag(key, value) for key, value in (tags or {}).items()],
    )


def _log_files(client: MlflowClient, uid: str, files: Mapping[str, str | bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode() if isinstance(text, str) else text)
        client.log_artifacts(uid, folder)


def _log_links(client: MlflowClient, experiment: str, uid: str, name: str) -> None:
    """Log a dataset that the run used and a model that it made."""
    dataset = Dataset(
        name=name, digest="abc123", source_type="local", source=name, schema=json.dumps({"columns": name})
    )
    client.log_inputs(uid, [DatasetInput(dataset, [InputTag("mlflow.data.context", name)])])
    model = client.create_logged_model(experiment, name="classifier", source_run_id=uid, model_type=name)
    client.log_outputs(uid, [LoggedModelOutput(model.model_id, step=0)])
    client.finalize_logged_model(model.model_id, "READY")


def _picture() -> bytes:
    file = io.BytesIO()
    Image.effect_mandelbrot((320, 200), (-2.0, -1.2, 1.0, 1.2), 40).save(file, "PNG")
    return file.getvalue()
