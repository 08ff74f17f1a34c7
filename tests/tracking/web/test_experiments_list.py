"""The list of experiments."""

import html
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from tests.support.people import People
from tests.tracking.web.filling import add_run
from tracking.artifacts.queries import measure_experiment, run_folder, the_store
from tracking.artifacts.services import put_file
from tracking.core.clock import utc_now
from tracking.core.memory import Memory
from tracking.metrics.models import MetricBlock, MetricSegment
from tracking.metrics.services import compact
from tracking.runs.models import Experiment, Run
from tracking.runs.services import create_experiment, create_run, delete_experiment, set_experiment_tag
from tracking.runs.types import NOTE_TAG, Pair
from tracking.web.experiment_table import MAX_RUNS_MEASURED
from tracking.web.experiments import EXPERIMENTS_PER_PAGE
from tracking.web.formats import format_bytes

URL = "/w/default/experiments"


@pytest.fixture
def no_files(settings: Settings, tmp_path: Path) -> Iterator[None]:
    """Begin with an empty artifact store: other tests' experiments had the same numbers."""
    settings.ARTIFACT_ROOT = str(tmp_path)
    the_store.cache_clear()
    yield
    the_store.cache_clear()


def add(people: People, *names: str, tags: tuple[Pair, ...] = ()) -> list[Experiment]:
    return [
        create_experiment(workspace=people.workspace, name=name, tags=tags, by=people.ann.user, now=utc_now())
        for name in names
    ]


def names_on(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><a [^>]*>([^<]*)</a>', page)


def folders_on(page: str) -> list[tuple[str, str]]:
    """Return the prefix and the count of each folder."""
    found = re.findall(r'class="folder-name"\s+href="\?prefix=([^"]*)".*?<td[^>]*>([^<]*)</td>', page, re.S)
    return [(unquote(prefix), count) for prefix, count in found]


def points_on(page: str) -> dict[str, tuple[str, str]]:
    """Return the points and the size beside each name that has them."""
    rows = (
        r'<th scope="row"><a [^>]*>([^<]*)</a>(?:(?!</tr>).)*?>([\d,]+) <span class="best-of" title="Size[^>]*>([^<]*)<'
    )
    return {name: (points, size) for name, points, size in re.findall(rows, page, re.S)}


def stored_size(experiment: Experiment) -> str:
    """Return the bytes that the points of an experiment's active runs take, as a page shows them."""
    kept = Run.objects.filter(experiment=experiment, deleted_at=None)
    sizes = [len(one.payload) for one in MetricSegment.objects.filter(run__in=kept)]
    sizes += [len(one.payload) for one in MetricBlock.objects.filter(run__in=kept)]
    return format_bytes(sum(sizes))


class TestExperimentList:
    def test_shows_names_counts_notes_and_tags(self, client: Client, people: People) -> None:
        (sweep,) = add(people, "digits/sweep", tags=(Pair(NOTE_TAG, "over sizes"), Pair("team", "vision")))
        create_run(experiment=sweep, name="a", user_name="ann", started_at=utc_now(), tags=[])
        client.force_login(people.bob.user)

        page = client.get(URL).content.decode()

        assert names_on(page) == ["Default", "digits/sweep"]
        assert f'href="/w/default/experiments/{sweep.pk}"' in page
        assert "2 experiments" in page
        assert "over sizes" in page
        assert "team: vision" in page
        assert "status-running" in page

    def test_finds_by_a_part_of_the_name_in_any_case(self, client: Client, people: People) -> None:
        add(people, "Digits/one", "digits/two", "speech")
        client.force_login(people.bob.user)

        page = client.get(URL, {"q": "DIGITS"}).content.decode()

        assert names_on(page) == ["Digits/one", "digits/two"]
        assert "2 of 4 experiments" in page
        assert 'value="DIGITS"' in page

    def test_answers_the_list_alone_to_the_search_box(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)

        response = client.get(URL, {"q": "def"}, headers={"HX-Request": "true", "HX-Target": "experiments"})

        page = response.content.decode()
        assert page.strip().startswith('<div id="experiments">')
        assert names_on(page) == ["Default"]

    def test_pages_through_all_of_them(self, client: Client, people: People) -> None:
        add(people, *(f"nightly/{i:03d}" for i in range(EXPERIMENTS_PER_PAGE + 10)))
        client.force_login(people.bob.user)

        first = client.get(URL, {"q": "nightly"}).content.decode()
        following = re.search(r'rel="next"\s+href="([^"]*)"', first)
        assert following is not None
        second = client.get(URL + following[1].replace("&amp;", "&")).content.decode()

        assert names_on(first) + names_on(second) == [f"nightly/{i:03d}" for i in range(EXPERIMENTS_PER_PAGE + 10)]
        assert 'rel="next"' not in second
        assert 'href="/w/default/experiments?q=nightly"' in second

    def test_says_that_nothing_matches_and_how_to_go_back(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)

        page = client.get(URL, {"q": "<img src=x>"}).content.decode()

        assert "No experiment matches" in page
        assert "&lt;img src=x&gt;" in page
        assert f'href="{URL}"' in page

    def test_shows_the_snippet_when_there_are_none(self, client: Client, people: People) -> None:
        default = Experiment.objects.get(workspace=people.workspace)
        delete_experiment(experiment=default, by=people.ann.user, now=utc_now())
        client.force_login(people.bob.user)

        page = client.get(URL).content.decode()

        assert "No experiments yet" in page
        assert "mlflow.set_experiment(" in page

    def test_refuses_a_page_that_cannot_be(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)

        response = client.get(URL, {"page": "nonsense"})

        assert response.status_code == 400
        assert "nonsense" in response.content.decode()

    def test_survives_names_that_are_ugly(self, client: Client, people: People) -> None:
        add(people, "x" * 500, "<img src=x onerror=alert(1)>", "\u202egnp.exe", "实验 🧪")
        client.force_login(people.bob.user)

        page = client.get(URL).content.decode()

        assert "<img src=x" not in page
        assert "[U+202E]gnp.exe" in page
        assert "实验 🧪" in page

    def test_is_not_there_for_a_stranger(self, client: Client, people: People) -> None:
        client.force_login(people.cleo.user)

        assert client.get(URL).status_code == 404

    def test_costs_no_more_queries_for_ten_more_rows(
        self, client: Client, people: People, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        client.force_login(people.bob.user)
        # session, user, workspace, roles, locks; names, experiments, counts of runs, tags, keys, total; owner;
        # points of series, bytes of segments and of blocks
        queries = 16
        with django_assert_num_queries(queries):
            client.get(URL)
        add(people, *(f"more {i}" for i in range(10)), tags=(Pair("team", "vision"),))
        Memory.forget_all()

        with django_assert_num_queries(queries):
            response = client.get(URL)

        assert len(names_on(response.content.decode())) == 11

    def test_folds_experiments_that_share_a_prefix(self, client: Client, people: People) -> None:
        add(people, "vision/cats/a", "vision/cats/b", "vision/dogs", "alone/here")
        client.force_login(people.bob.user)

        top = client.get(URL).content.decode()
        vision = client.get(URL, {"prefix": "vision/"}).content.decode()

        assert names_on(top) == ["Default", "alone/here"]
        assert folders_on(top) == [("vision/", "3 experiments")]
        assert names_on(vision) == ["vision/dogs"]
        assert folders_on(vision) == [("vision/cats/", "2 experiments")]
        assert "3 of 5 experiments" in vision

    def test_finds_through_all_folders(self, client: Client, people: People) -> None:
        add(people, "vision/cats", "vision/dogs", "speech/cats")
        client.force_login(people.bob.user)

        page = client.get(URL, {"q": "cats"}).content.decode()

        assert names_on(page) == ["speech/cats", "vision/cats"]
        assert folders_on(page) == []

    def test_sorts_by_activity(self, client: Client, people: People) -> None:
        old, new = add(people, "a", "b")
        for experiment, hours in ((old, 5), (new, 1)):
            add_run(experiment, "run", hours_ago=hours)
        client.force_login(people.bob.user)

        assert names_on(client.get(URL, {"sort": "activity"}).content.decode()) == ["b", "a", "Default"]

    def test_shows_the_best_value_of_the_metric_that_says_most(self, client: Client, people: People) -> None:
        (sweep,) = add(people, "sweep")
        for loss, acc in ((0.5, 0.7), (0.3, 0.8), (math.nan, 0.6)):
            add_run(sweep, "run", metrics={"train/loss": [loss], "val/accuracy": [acc], "epoch": [9]})
        client.force_login(people.bob.user)

        page = client.get(URL).content.decode()
        assert '0.8 <span class="best-of">val/accuracy</span>' in page

        better = Pair("mlportal.direction.train/loss", "less")
        set_experiment_tag(experiment=sweep, tag=better, now=utc_now())
        assert '0.3 <span class="best-of">train/loss</span>' in client.get(URL).content.decode()

    def test_shows_how_much_the_runs_hold(self, client: Client, people: People) -> None:
        one, two, _ = add(people, "one", "two", "bare")
        for experiment in (one, one, two):
            run = add_run(experiment, "run", metrics={"loss": [1.0] * 700, "acc": [0.5] * 400})
        Run.objects.filter(pk=add_run(one, "gone", metrics={"loss": [1.0] * 50}).pk).update(deleted_at=utc_now())
        compact(run_id=run.pk)
        client.force_login(people.bob.user)

        found = points_on(client.get(URL).content.decode())

        assert found == {"one": ("2,200", stored_size(one)), "two": ("1,100", stored_size(two))}

    def test_measures_the_smallest_unasked_and_all_when_asked(self, client: Client, people: People) -> None:
        small, large = add(people, "small", "large")
        for experiment in (small, large):
            add_run(experiment, "run", metrics={"loss": [1.0, 2.0]})
        Run.objects.bulk_create(
            Run(
                uid=f"{i:032x}",
                workspace=people.workspace,
                experiment=large,
                name="",
                started_at=utc_now(),
                status="FINISHED",
            )
            for i in range(MAX_RUNS_MEASURED)
        )
        client.force_login(people.bob.user)

        page = client.get(URL, {"sort": "activity"}).content.decode()
        link = re.search(r'href="([^"]*)"[^>]*aria-label="Count the points of large"', page)
        assert link is not None
        whole = client.get(URL + html.unescape(link[1])).content.decode()

        assert set(points_on(page)) == {"small"}
        assert set(points_on(whole)) == {"small", "large"}
        assert "sort=activity" in link[1]

    def test_measures_artifacts_when_asked(self, client: Client, people: People, no_files: None) -> None:
        sweep, _ = add(people, "sweep", "without files")
        run = add_run(sweep, "run")
        for name in ("a.bin", "deep/b.bin"):
            put_file(workspace=people.workspace, path=run_folder(run) / name, chunks=[b"x" * 700], size_bytes=700)
        client.force_login(people.bob.user)

        page = client.get(URL).content.decode()
        measured = client.get(URL, {"sizes": "all"}).content.decode()
        (found,) = json.loads(client.get(f"{URL}.json", {"q": "sweep", "sizes": "all"}).getvalue())["experiments"]

        assert ("Measure artifacts" in page, "1.4 KiB" in page) == (True, False)
        assert re.findall(r'nowrap">([\d.]+ KiB)</td>', measured) == ["1.4 KiB"]
        assert found["artifact_bytes"] == 1400
        held = measure_experiment(workspace=people.workspace, experiment_id=sweep.pk, limit=1)
        assert (held.files, held.size_bytes, held.is_exact) == (1, 700, False)

    def test_names_who_created_them(self, client: Client, people: People) -> None:
        add(people, "sweep")
        client.force_login(people.bob.user)

        assert '<td class="cell-cut" title="ann">ann</td>' in client.get(URL, {"q": "sweep"}).content.decode()

    def test_is_a_file_too(self, client: Client, people: People) -> None:
        add(people, "=cmd()", "vision/cats")
        client.force_login(people.bob.user)

        csv = client.get(f"{URL}.csv").getvalue().decode("utf-8-sig")
        found = json.loads(client.get(f"{URL}.json", {"prefix": "vision/"}).getvalue())

        assert ",'=cmd()," in csv
        assert [one["name"] for one in found["experiments"]] == ["vision/cats"]

    def test_as_a_file_says_what_the_page_says(self, client: Client, people: People) -> None:
        (sweep,) = add(people, "sweep")
        add_run(sweep, "run", metrics={"val/acc": [0.5, 0.75], "epoch": [1.0]})
        client.force_login(people.bob.user)

        (found,) = json.loads(client.get(f"{URL}.json", {"q": "sweep"}).getvalue())["experiments"]

        assert (found["best_metric"], found["best_value"], found["points"]) == ("val/acc", 0.75, 3)
        assert found["metric_bytes"] > 0

    def test_finds_by_a_pattern_for_the_whole_name(self, client: Client, people: People) -> None:
        add(people, "vision/cats", "vision/dogs", "audio/cats [old]", "cats")
        client.force_login(people.bob.user)

        assert names_on(client.get(URL, {"q": "*/cat?"}).content.decode()) == ["vision/cats"]
        assert names_on(client.get(URL, {"q": "*[old]"}).content.decode()) == ["audio/cats [old]"]
