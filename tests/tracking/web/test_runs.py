"""The page of one run."""

import json
import math
import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.support.people import People
from tests.tracking.web.filling import add_experiment, add_run
from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.queries import run_folder
from tracking.artifacts.services import put_file
from tracking.core.clock import utc_now
from tracking.core.memory import Memory
from tracking.metrics.services import log_batch
from tracking.metrics.types import Metric
from tracking.registry.services import create_model, log_inputs
from tracking.runs.models import Run
from tracking.runs.queries import get_experiment
from tracking.runs.services import create_run, delete_run, log_datasets, set_tags, update_run
from tracking.runs.types import CONTEXT_TAG, NOTE_TAG, PARENT_RUN_TAG, DatasetLogged, Pair, RunStatus
from tracking.web.runs import MAX_METRICS


def start(people: People, name: str = "otter", *tags: Pair) -> Run:
    default = get_experiment(workspace=people.workspace, experiment_id="0")
    return create_run(experiment=default, name=name, user_name="ann", started_at=utc_now(), tags=list(tags))


def url_of(run: Run) -> str:
    return f"/w/default/runs/{run.uid}"


@pytest.fixture
def run(people: People) -> Run:
    return start(people)


def page_of(client: Client, run: Run, tab: str = "overview") -> str:
    response = client.get(url_of(run), {"tab": tab})
    assert response.status_code == 200
    return response.content.decode()


def cells(page: str, key: str) -> list[str]:
    row = re.search(rf"<tr><th[^>]*>{re.escape(key)}</th>(.*?)</tr>", page, re.DOTALL)
    assert row is not None, f"no row {key}"
    return re.findall(r'<td(?! class="spark-cell")[^>]*>(.*?)</td>', row[1])


class TestHead:
    def test_tells_who_ran_what(self, bob: Client, people: People) -> None:
        commit = "9f2c4a7be0d1c3f5a6b7c8d9e0f1a2b3c4d5e6f7"
        run = start(
            people,
            "otter",
            Pair("mlflow.source.name", "train.py"),
            Pair("mlflow.source.git.commit", commit),
            Pair("mlflow.source.git.branch", "main"),
        )

        page = page_of(bob, run)

        assert f'<code id="run-uid">{run.uid}</code>' in page
        assert f'href="/w/default/experiments/{run.experiment_id}"' in page
        assert f'data-copy-text="{commit}"' in page
        assert all(text in page for text in ("train.py", "main", "Running for", "status-running"))

    def test_shows_how_it_ended(self, bob: Client, run: Run) -> None:
        update_run(run=run, status=RunStatus.FAILED, ended_at=run.started_at, name="")

        page = page_of(bob, run)

        assert "status-failed" in page
        assert "0.00 s" in page

    def test_says_that_it_is_deleted(self, bob: Client, people: People, run: Run) -> None:
        delete_run(run=run, by=people.ann.user, now=utc_now())

        assert "This run is deleted" in page_of(bob, run)

    def test_survives_an_ugly_name(self, bob: Client, people: People) -> None:
        page = page_of(bob, start(people, "<img src=x>\u202e" + "x" * 480))

        assert "<img src=x" not in page
        assert "[U+202E]" in page


class TestOverview:
    def test_shows_params_and_metrics(self, bob: Client, run: Run) -> None:
        points = [Metric("loss", value, 1000, step) for step, value in ((0, 3.5), (1, 0.25), (10, 0.5))]
        log_batch(run=run, metrics=points, params=[Pair("lr", "1e-3")], tags=[])

        page = page_of(bob, run)

        assert cells(page, "lr") == ["1e-3"]
        assert page.count('<path d="M') == 2  # beside the name, and large on top
        at = '<span class="at-step">@ {}</span>'
        assert cells(page, "loss") == [
            "3.5",
            "0.5",
            f"0.25 {at.format(1)}",
            f"3.5 {at.format(0)}",
            "1.41667",
            "0 \u2013 10",
            "3",
        ]

    def test_groups_params_that_begin_alike(self, bob: Client, people: People) -> None:
        keys = ("model.depth", "model.width", "lr", "alone.x", "data/path", "data/size", ".hidden")
        run = add_run(add_experiment(people.workspace, "nested"), "run", params=dict.fromkeys(keys, "1"))

        table = page_of(bob, run)
        bodies = re.findall(r"<tbody>.*?</tbody>", table[table.index('id="params"') :], re.S)
        shown = [re.sub("<[^>]+>", "", key) for body in bodies for key in re.findall(r'scope="row">(.*?)</th>', body)]
        assert re.findall(r"<bdi>(.*?)</bdi>", table[table.index('id="params"') :]) == ["data", "model"]
        assert shown == [".hidden", "alone.x", "lr", "data/path", "data/size", "model.depth", "model.width"]

    def test_shows_numbers_that_are_none(self, bob: Client, run: Run) -> None:
        log_batch(run=run, metrics=[Metric("a", math.nan, 1, 0), Metric("b", -math.inf, 1, 0)], params=[], tags=[])

        page = page_of(bob, run)

        assert cells(page, "a")[:4] == ["NaN", "NaN", "\u2013", "\u2013"]
        assert cells(page, "b")[:2] == ["\u2212∞", "\u2212∞"]

    def test_is_brought_up_to_date_while_the_run_goes_on(self, bob: Client, people: People, run: Run) -> None:
        log_batch(run=run, metrics=[Metric("loss", 1.5, 0, 0)], params=[], tags=[])
        asking = {"HX-Request": "true", "HX-Target": "run-metrics"}

        live = bob.get(url_of(run), headers=asking).content.decode()
        update_run(run=run, status=RunStatus.FINISHED, ended_at=utc_now(), name="")
        ended = bob.get(url_of(run), headers=asking).content.decode()

        assert ("<html" in live, cells(live, "loss")[0]) == (False, "1.5")
        assert ('hx-trigger="every' in live, 'hx-trigger="every' in ended) == (True, False)
        assert ("Running for" in live, "Running for" in ended, "Finished" in ended) == (True, False, True)

    def test_leaves_system_metrics_to_their_tab(self, bob: Client, run: Run) -> None:
        log_batch(run=run, metrics=[Metric("system/cpu", 1.0, 1, 0), Metric("loss", 1.0, 1, 0)], params=[], tags=[])

        assert "system/cpu" not in page_of(bob, run)
        system = page_of(bob, run, "system")
        assert '"metrics": ["system/cpu"]' in system

    def test_puts_the_metrics_that_say_most_on_top(self, bob: Client, run: Run) -> None:
        points = [Metric("val/loss", value, 1000, step) for step, value in enumerate((3.0, 1.0, 2.0))]
        log_batch(run=run, metrics=[*points, Metric("epoch", 1.0, 1, 0)], params=[], tags=[])

        figures = re.findall(r'<li class="figure-card">.*?</li>', page_of(bob, run), re.S)

        assert len(figures) == 1
        assert '<span class="figure-value">1</span>' in figures[0]
        assert "last 2" in figures[0]
        assert '<path d="M1.5 ' in figures[0]

    def test_finds_a_metric_among_many(self, bob: Client, run: Run) -> None:
        metrics = [Metric(f"m{number:03}", 1.0, 1, 0) for number in range(MAX_METRICS + 2)]
        log_batch(run=run, metrics=metrics, params=[], tags=[])

        page = page_of(bob, run)
        found = bob.get(url_of(run), {"metric": "M201"}).content.decode()

        assert "2 more are not shown" in page
        assert "m201</th>" not in page
        assert cells(found, "m201")[0] == "1"

    def test_lists_logged_tables(self, bob: Client, people: People) -> None:
        tables = json.dumps([{"path": "eval/<b>.json", "type": "table"}, {"path": "x", "type": "other"}])

        page = page_of(bob, start(people, "otter", Pair("mlflow.loggedArtifacts", tables)))

        assert "preview?path=eval%2F%3Cb%3E.json" in page
        assert "eval/&lt;b&gt;.json" in page

    def test_links_the_commit(self, bob: Client, people: People) -> None:
        commit = "9f2c4a7be0d1c3f5a6b7c8d9e0f1a2b3c4d5e6f7"
        repository = Pair("mlflow.source.git.repoURL", "git@github.com:lab/models.git")

        page = page_of(bob, start(people, "otter", Pair("mlflow.source.git.commit", commit), repository))

        assert f'href="https://github.com/lab/models/commit/{commit}"' in page

    def test_renders_the_note(self, bob: Client, people: People) -> None:
        page = page_of(bob, start(people, "otter", Pair(NOTE_TAG, "**found** <script>alert(1)</script>")))

        assert "<strong>found</strong>" in page
        assert "<script>alert" not in page

    def test_shows_datasets(self, bob: Client, run: Run) -> None:
        given = DatasetLogged("digits", "abc123", "local", "{}", '{"x": 1}', "", (Pair(CONTEXT_TAG, "training"),))
        log_datasets(run=run, datasets=[given])

        page = page_of(bob, run)

        assert all(text in page for text in ("digits", "abc123", "training", "{&quot;x&quot;: 1}"))

    def test_shows_models_made_and_used(self, bob: Client, people: People, run: Run) -> None:
        made, used = (
            create_model(
                experiment=run.experiment,
                name=name,
                model_type="classifier",
                source_run=source,
                params=[],
                tags=[],
                now=utc_now(),
            )
            for name, source in (("mlp", run), ("teacher", None))
        )
        log_inputs(run=run, datasets=[], model_uids=[used.uid])

        page = page_of(bob, run)

        assert f"models:/{made.uid}" in page
        assert f"models:/{used.uid}" in page
        assert "classifier" in page

    def test_links_parent_and_children(self, bob: Client, people: People, run: Run) -> None:
        child = start(people, "fold-1", Pair(PARENT_RUN_TAG, run.uid))

        assert f'href="{url_of(child)}"' in page_of(bob, run)
        assert re.search(rf'href="{url_of(run)}"\s+data-parent', page_of(bob, child))

    def test_shows_runs_inside_runs_as_a_tree(self, bob: Client, people: People, run: Run) -> None:
        first, second = (start(people, name, Pair(PARENT_RUN_TAG, run.uid)) for name in ("first", "second"))
        inner = start(people, "inner", Pair(PARENT_RUN_TAG, first.uid))
        set_tags(run=run, tags=[Pair(PARENT_RUN_TAG, inner.uid)])  # a circle

        page = page_of(bob, run)

        lines = re.findall(r'<th class="depth-(\d)".*?title="(\w+)"', page, re.S)
        assert lines == [("1", "first"), ("2", "inner"), ("1", "second")]
        assert second.uid in page

    def test_survives_a_parent_that_does_not_exist(self, bob: Client, people: People) -> None:
        assert "data-parent" not in page_of(bob, start(people, "orphan", Pair(PARENT_RUN_TAG, "f" * 32)))

    def test_costs_no_more_queries_for_ten_more_of_everything(
        self, bob: Client, people: People, run: Run, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        log_batch(run=run, metrics=[Metric("m", 1.0, 1, 0)], params=[Pair("p", "1")], tags=[Pair("t", "1")])
        start(people, "child", Pair(PARENT_RUN_TAG, run.uid))
        Memory.forget_all()  # what a second may change would otherwise be asked again on a busy machine
        with django_assert_max_num_queries(30) as before:
            page_of(bob, run)
        for i in range(10):
            start(people, f"child-{i}", Pair(PARENT_RUN_TAG, run.uid))
            log_batch(
                run=run, metrics=[Metric(f"m{i}", 1.0, 1, 0)], params=[Pair(f"p{i}", "1")], tags=[Pair(f"t{i}", "1")]
            )

        Memory.forget_all()
        with django_assert_max_num_queries(len(before)):
            page = page_of(bob, run)

        assert cells(page, "m9")[0] == "1"


class TestTabs:
    def test_images_stand_by_step(self, bob: Client, people: People) -> None:
        run = start(people, "otter", Pair("mlflow.loggedImages", "true"))
        for step in (10, 9):
            for ending in (".png", "+compressed.webp"):
                name = f"images/cats#a+step+{step}+timestamp+1+f0e{ending}"
                put_file(
                    workspace=run.workspace,
                    path=run_folder(run).join(ArtifactPath.parse(name)),
                    chunks=[b"x"],
                    size_bytes=1,
                )

        page = page_of(bob, run, "images")

        assert re.findall(r'data-step="(\d+)"', page) == ["9", "10"]
        assert ">cats/a</h2>" in page
        assert "compressed" not in page

    def test_tags_fold_what_mlflow_set(self, bob: Client, people: People) -> None:
        page = page_of(bob, start(people, "otter", Pair("team", "vision"), Pair("mlflow.user", "ann")), "tags")

        own, system = page.split('id="system-tags"')
        assert cells(own, "team") == ["vision"]
        assert "mlflow.user" not in own
        assert cells(system, "mlflow.user") == ["ann"]

    def test_charts_ask_for_the_metrics_of_the_run(self, bob: Client, run: Run) -> None:
        log_batch(run=run, metrics=[Metric("loss", 1.0, 1, 0)], params=[], tags=[])

        page = page_of(bob, run, "charts")

        assert "data-chart-grid" in page
        assert '"loss"' in page
        assert run.uid in page

    def test_artifacts_say_when_there_are_none(self, bob: Client, run: Run) -> None:
        assert "No artifacts yet" in page_of(bob, run, "artifacts")

    def test_are_addresses_and_an_unknown_one_is_the_overview(self, bob: Client, run: Run) -> None:
        for asked, opened in (("tags", "tags"), ("nonsense", "overview")):
            assert re.search(rf'<a href="\?tab={opened}"[^>]* aria-current="page">', page_of(bob, run, asked))


class TestAccess:
    def test_a_stranger_sees_what_a_run_that_does_not_exist_shows(
        self, client: Client, people: People, run: Run
    ) -> None:
        client.force_login(people.cleo.user)

        assert client.get(url_of(run)).status_code == 404

    def test_a_run_is_not_found_in_another_workspace(self, bob: Client, people: People, run: Run) -> None:
        People.around("speech")

        assert bob.get(f"/w/speech/runs/{run.uid}").status_code == 404
        assert bob.get("/w/default/runs/nonsense").status_code == 404
