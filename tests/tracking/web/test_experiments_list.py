"""The list of experiments."""

import re

from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.support.people import People
from tracking.core.clock import utc_now
from tracking.core.memory import Memory
from tracking.runs.models import Experiment
from tracking.runs.services import create_experiment, create_run, delete_experiment
from tracking.runs.types import NOTE_TAG, Pair
from tracking.web.experiments import EXPERIMENTS_PER_PAGE

URL = "/w/default/experiments"


def add(people: People, *names: str, tags: tuple[Pair, ...] = ()) -> list[Experiment]:
    return [
        create_experiment(workspace=people.workspace, name=name, tags=tags, by=people.ann.user, now=utc_now())
        for name in names
    ]


def names_on(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><a [^>]*>([^<]*)</a>', page)


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
        queries = 8  # session, user, workspace, roles, experiments, counts of runs, tags, total
        with django_assert_num_queries(queries):
            client.get(URL)
        add(people, *(f"more/{i}" for i in range(10)), tags=(Pair("team", "vision"),))
        Memory.forget_all()

        with django_assert_num_queries(queries):
            response = client.get(URL)

        assert len(names_on(response.content.decode())) == 11
