"""The first page."""

import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.support.people import People
from tests.tracking.web.filling import log
from tracking.core.clock import utc_now
from tracking.identity.models import User
from tracking.runs.models import Experiment, Run
from tracking.runs.queries import get_experiment
from tracking.runs.services import create_experiment, create_run, delete_run
from tracking.workspaces.models import RoleAssignment
from tracking.workspaces.services import create_workspace


def start_runs(people: People, *names: str) -> list[Run]:
    default = get_experiment(workspace=people.workspace, experiment_id="0")
    return [create_run(experiment=default, name=name, user_name="ann", started_at=utc_now(), tags=[]) for name in names]


def start_run_of(user: User, experiment: Experiment, name: str) -> Run:
    return create_run(experiment=experiment, name=name, user_name="root", started_at=utc_now(), tags=[], by=user)


class TestHome:
    def test_asks_a_stranger_to_sign_in(self, client: Client, people: People) -> None:
        response = client.get("/")

        assert response.status_code == 302
        assert response["Location"] == "/sign-in?next=/"

    def test_lists_the_workspaces_one_may_see(self, client: Client, people: People) -> None:
        People.around("speech")
        create_workspace(name="hidden", group=people.workspace.group, by=None, now=utc_now())
        client.force_login(people.bob.user)

        page = client.get("/").content.decode()

        assert 'href="/w/default/experiments"' in page
        assert 'href="/w/speech/experiments"' in page
        assert "/w/hidden/" not in page

    def test_shows_a_person_without_a_role_nothing(self, client: Client, people: People) -> None:
        client.force_login(people.cleo.user)

        page = client.get("/").content.decode()

        assert "/w/default" not in page
        assert "You have no workspace yet" in page

    def test_links_what_runs_now(self, client: Client, people: People) -> None:
        (run,) = start_runs(people, "<b>quiet</b> otter")
        client.force_login(people.bob.user)

        page = client.get("/").content.decode()

        assert f'href="/w/default/runs/{run.uid}"' in page
        assert f'href="/w/default/experiments/{run.experiment_id}"' in page
        assert "&lt;b&gt;quiet&lt;/b&gt; otter" in page

    def test_shows_how_well_they_run(self, client: Client, people: People) -> None:
        run, other = start_runs(people, "otter", "vole")
        log(run, {"val/acc": [0.5, 0.75], "lr": [0.1]})
        log(other, {"lr": [0.1]})
        client.force_login(people.bob.user)

        part = client.get("/", headers={"HX-Request": "true", "HX-Target": "running"}).content.decode()

        assert "<html" not in part
        assert re.findall(r'class="running-metric" title="([^"]*)"><span>([\d.]*) ', part) == [("val/acc", "0.75")]
        assert part.count("<path") == 1

    def test_lists_the_readers_own_last_runs(self, client: Client, people: People) -> None:
        sweep = create_experiment(workspace=people.workspace, name="<i>sweep</i>", by=None, now=utc_now())
        hidden = create_experiment(workspace=People.around("lab").workspace, name="x", by=None, now=utc_now())
        RoleAssignment.objects.filter(user=people.bob.user, workspace__name="lab").delete()
        old, new = (start_run_of(people.bob.user, sweep, name) for name in ("old", "new"))
        start_run_of(people.ann.user, sweep, "of ann")
        start_run_of(people.bob.user, hidden, "out of sight")
        delete_run(run=start_run_of(people.bob.user, sweep, "deleted"), by=people.ann.user, now=utc_now())
        log(old, {"val/acc": [0.5, 0.75]})
        client.force_login(people.bob.user)

        page = client.get("/").content.decode()

        part = page[page.index("data-my-runs") :].partition("</ul>")[0]
        assert re.findall(r'href="/w/default/runs/(\w+)"', part) == [new.uid, old.uid]
        assert "&lt;i&gt;sweep&lt;/i&gt;" in part
        assert re.findall(r'class="running-metric"\s+title="([^"]*)"><span>([\d.]*) ', part) == [("val/acc", "0.75")]
        assert part.count("status-running") == 4  # a class and an icon each
        again = client.get("/", headers={"HX-Request": "true", "HX-Target": "my-runs"}).content.decode()
        assert "<html" not in again
        assert part in again

    def test_says_what_to_do_where_there_is_nothing(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)

        page = client.get("/").content.decode()

        assert "what a script logs with a token of yours stands here" in page
        assert "the star beside the name of an experiment, a run or a model puts it here" in page

    def test_offers_the_snippet(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)

        assert "mlflow.set_tracking_uri(" in client.get("/").content.decode()

    def test_answers_the_menu_alone_to_the_header(self, client: Client, people: People) -> None:
        client.force_login(people.bob.user)

        response = client.get("/", headers={"HX-Request": "true", "HX-Target": "workspace-menu"})

        page = response.content.decode()
        assert "<html" not in page
        assert 'href="/w/default/experiments"' in page
        assert "HX-Target" in response["Vary"]

    def test_costs_no_more_queries_for_ten_more_runs(
        self, client: Client, people: People, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        client.force_login(people.bob.user)
        start_runs(people, "first")
        start_run_of(people.bob.user, Experiment.objects.get(), "mine")
        # session, user, whether they own the server, roles, workspaces, runs that run, own ones, stars, experiments;
        # tags and metrics of the experiments twice: of runs that run, and of the reader's own
        with django_assert_num_queries(13):
            client.get("/")
        start_runs(people, *(f"run-{i}" for i in range(10)))
        for number in range(5):
            start_run_of(people.bob.user, Experiment.objects.get(), f"mine-{number}")

        with django_assert_num_queries(13):
            response = client.get("/")

        assert response.content.count(b"/w/default/runs/") == 17 + 6

    def test_costs_no_more_queries_for_ten_more_workspaces(
        self, client: Client, people: People, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for number in range(10):
            People.around(f"lab-{number}")
        create_experiment(workspace=people.workspace, name="second", by=None, now=utc_now())
        client.force_login(people.bob.user)

        with django_assert_num_queries(9):
            page = client.get("/").content.decode()

        assert page.count('<td class="number">1</td>') == 10
        assert page.count('<td class="number">2</td>') == 1


@pytest.mark.parametrize("url", ["/", "/account", "/sign-in", "/w/default/", "/w/default/experiments"])
def test_every_page_obeys_the_policy(client: Client, people: People, url: str) -> None:
    """No inline script, handler or style, which the Content-Security-Policy would refuse."""
    if url != "/sign-in":
        client.force_login(people.ann.user)

    response = client.get(url)

    page = response.content.decode()
    assert response.status_code == 200
    assert "unsafe" not in response["Content-Security-Policy"]
    assert not any(mark in page for mark in (" style=", " onclick=", " onload=", "<script>"))
