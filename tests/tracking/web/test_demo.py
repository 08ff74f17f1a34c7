"""The page that takes the demo away again."""

import re

import pytest
from django.test import Client

from tests.support.people import People
from tests.tracking.web.filling import add_experiment, add_run
from tracking.cleanup.demo import IS_DEMO
from tracking.cleanup.models import Deletion
from tracking.cleanup.services import finish
from tracking.core.clock import utc_now
from tracking.registry.models import RegisteredModel
from tracking.registry.services import create_registered
from tracking.runs.models import Experiment, Run
from tracking.runs.services import create_experiment
from tracking.workspaces.services import create_lock
from tracking.workspaces.types import LockLevel

URL = "/w/default/demo"
BUTTON = 'href="/w/default/demo"'


@pytest.fixture
def made(people: People) -> list[Experiment]:
    """Make what the demo makes, in small: two experiments and a model, and to one of them somebody logged too."""
    now = utc_now()
    experiments = [
        create_experiment(workspace=people.workspace, name=name, tags=[IS_DEMO], by=None, now=now)
        for name in ("vision", "<i>tabular</i>")
    ]
    for experiment in experiments:
        add_run(experiment, "made up", tags={IS_DEMO.key: IS_DEMO.value})
    add_run(experiments[1], "of ann")
    add_run(add_experiment(people.workspace, "own"), "of bob")
    create_registered(
        workspace=people.workspace, name="net", description="", tags=[IS_DEMO], by=people.ann.user, now=now
    )
    return experiments


class TestDemo:
    def test_is_led_to_where_there_is_something_to_remove_for_those_who_may(
        self, client: Client, people: People, made: list[Experiment]
    ) -> None:
        for user, is_led in ((people.ann.user, True), (people.bob.user, False)):
            client.force_login(user)
            for path in ("/w/default/", "/w/default/experiments"):
                assert (BUTTON in client.get(path).content.decode()) is is_led
        client.force_login(people.ann.user)
        for one in made:
            one.tags.all().delete()

        assert BUTTON not in client.get("/w/default/").content.decode()

    def test_says_what_will_go_and_what_stays(self, client: Client, people: People, made: list[Experiment]) -> None:
        client.force_login(people.ann.user)

        page = client.get(URL).content.decode()

        row = r'title="([^"]*)">\1</a></th>\s*<td class="number">(\d+)</td>\s*<td>\s*([^<]*?)\s*</td>'
        assert set(re.findall(row, page)) == {
            ("vision", "1", ""),
            ("&lt;i&gt;tabular&lt;/i&gt;", "1", "The experiment, with what others logged to it"),
        }

    def test_removes_what_the_demo_made_and_shows_how_far_it_is(
        self, client: Client, people: People, made: list[Experiment]
    ) -> None:
        client.force_login(people.ann.user)

        page = client.post(URL, follow=True).content.decode()

        assert "No demo data here" in page
        assert page.count('href="/deletions/') == 2
        for deletion in Deletion.objects.all():
            finish(deletion=deletion, owner="test", clock=utc_now)
        assert set(Run.objects.values_list("name", flat=True)) == {"of ann", "of bob"}
        assert set(Experiment.objects.values_list("name", flat=True)) == {"Default", "own", "<i>tabular</i>"}
        assert not RegisteredModel.objects.exists()
        part = client.get(URL, headers={"HX-Request": "true", "HX-Target": "under-way"}).content.decode()
        assert "<html" not in part
        assert "Nothing is being deleted" in part

    def test_removes_nothing_past_a_lock(self, client: Client, people: People, made: list[Experiment]) -> None:
        create_lock(
            name="keep",
            level=LockLevel.CAN_NOT_DELETE,
            note="",
            workspace=people.workspace,
            by=people.ann.user,
            now=utc_now(),
        )
        client.force_login(people.ann.user)

        page = client.post(URL, follow=True).content.decode()

        assert "lock &#x27;keep&#x27;" in page
        assert not Deletion.objects.exists()
        assert RegisteredModel.objects.exists()

    def test_leaves_a_workspace_without_a_demo_alone(self, client: Client, people: People) -> None:
        client.force_login(people.ann.user)

        page = client.post(URL, follow=True).content.decode()

        assert "No demo data here" in page
        assert not Deletion.objects.exists()
