"""What people change about a run and an experiment on their pages."""

import pytest
from django.test import Client

from tests.support.people import People
from tests.tracking.web.filling import add_experiment, add_run
from tracking.core.clock import utc_now
from tracking.runs.models import Experiment, ExperimentTag, Run, RunTag
from tracking.runs.services import delete_experiment, delete_run
from tracking.runs.types import NOTE_TAG


@pytest.fixture
def experiment(people: People) -> Experiment:
    return add_experiment(people.workspace, "digits")


@pytest.fixture
def run(experiment: Experiment) -> Run:
    return add_run(experiment, "otter", tags={"team": "vision"})


@pytest.fixture
def ann(client: Client, people: People) -> Client:
    client.force_login(people.ann.user)
    return client


def page_of(client: Client, thing: Run | Experiment, **fields: str) -> str:
    """Return the page of a thing, after a change that ``fields`` ask for, if any."""
    at = f"runs/{thing.uid}" if isinstance(thing, Run) else f"experiments/{thing.pk}"
    if fields:
        response = client.post(f"/w/default/{at}/changes", fields, follow=True)
    else:
        response = client.get(f"/w/default/{at}")
    assert response.status_code == 200
    return response.content.decode()


class TestChangeRun:
    def test_writes_a_note(self, ann: Client, run: Run) -> None:
        page = page_of(ann, run, action="describe", note="**new**\r\nline")

        assert "<strong>new</strong>" in page
        assert RunTag.objects.get(run=run, key__name=NOTE_TAG).value == "**new**\nline"

    def test_cuts_no_note_behind_ones_back(self, ann: Client, run: Run) -> None:
        assert "toast-error" in page_of(ann, run, action="describe", note="x" * 9000)
        assert not RunTag.objects.filter(run=run, key__name=NOTE_TAG).exists()

    def test_renames(self, ann: Client, run: Run) -> None:
        assert '<h1 class="long-name" title="beaver">' in page_of(ann, run, action="rename", name=" beaver ")
        assert RunTag.objects.get(run=run, key__name="mlflow.runName").value == "beaver"

        assert "A name cannot be empty." in page_of(ann, run, action="rename", name=" ")
        assert Run.objects.get().name == "beaver"

    def test_sets_and_removes_tags(self, ann: Client, run: Run) -> None:
        assert "quality: good" in page_of(ann, run, action="set_tag", key=" quality ", value="good")
        page_of(ann, run, action="delete_tag", key="team")
        assert "toast-error" in page_of(ann, run, action="delete_tag", key="team")
        assert "A tag needs a name." in page_of(ann, run, action="set_tag", key=" ", value="x")

        own = RunTag.objects.filter(run=run).exclude(key__name__startswith="mlflow.")
        assert list(own.values_list("key__name", "value")) == [("quality", "good")]

    def test_restores(self, ann: Client, people: People, run: Run) -> None:
        delete_run(run=run, by=people.ann.user, now=utc_now())
        deleted = page_of(ann, run)

        page_of(ann, run, action="restore")

        assert ('value="restore"' in deleted, 'value="rename"' in deleted) == (True, False)
        assert Run.objects.get().deleted_at is None

    def test_leads_back(self, ann: Client, run: Run) -> None:
        there = f"/w/default/runs/{run.uid}?tab=tags"
        fields = {"action": "set_tag", "key": "a", "value": "b", "next": there}

        assert ann.post(f"/w/default/runs/{run.uid}/changes", fields)["Location"] == there
        elsewhere = ann.post(f"/w/default/runs/{run.uid}/changes", {**fields, "next": "//evil.example"})
        assert elsewhere["Location"] == f"/w/default/runs/{run.uid}"

    def test_is_not_for_readers(self, client: Client, people: People, run: Run) -> None:
        client.force_login(people.bob.user)
        page = page_of(client, run)

        assert [word in page for word in ("Write a note", 'value="rename"', "Delete…")] == [False] * 3
        assert client.post(f"/w/default/runs/{run.uid}/changes", {"action": "restore"}).status_code == 403


class TestChangeExperiment:
    def test_writes_a_note_and_tags(self, ann: Client, experiment: Experiment) -> None:
        page_of(ann, experiment, action="set_tag", key="team", value="vision")
        page = page_of(ann, experiment, action="describe", note="*why*")
        overview = ann.get(f"/w/default/experiments/{experiment.pk}/overview").content.decode()

        assert ("<em>why</em>" in overview, "team: vision" in page) == (True, True)
        page_of(ann, experiment, action="delete_tag", key="team")
        assert list(ExperimentTag.objects.values_list("key", "value")) == [(NOTE_TAG, "*why*")]

    def test_renames(self, ann: Client, people: People, experiment: Experiment) -> None:
        add_experiment(people.workspace, "taken")

        assert '<h1 class="long-name" title="team/digits">' in page_of(
            ann, experiment, action="rename", name="team/digits"
        )
        assert "already exists" in page_of(ann, experiment, action="rename", name="taken")
        assert Experiment.objects.get(pk=experiment.pk).name == "team/digits"

    def test_restores(self, ann: Client, people: People, experiment: Experiment) -> None:
        delete_experiment(experiment=experiment, by=people.ann.user, now=utc_now())
        assert "toast-error" in page_of(ann, experiment, action="rename", name="other")

        page_of(ann, experiment, action="restore")

        assert Experiment.objects.get(pk=experiment.pk).deleted_at is None

    def test_is_not_for_readers(self, client: Client, people: People, experiment: Experiment) -> None:
        client.force_login(people.bob.user)

        assert 'value="rename"' not in page_of(client, experiment)
        answer = client.post(f"/w/default/experiments/{experiment.pk}/changes", {"action": "rename", "name": "x"})
        assert answer.status_code == 403

    def test_takes_no_other_word(self, ann: Client, experiment: Experiment) -> None:
        assert ann.post(f"/w/default/experiments/{experiment.pk}/changes", {"action": "explode"}).status_code == 400
