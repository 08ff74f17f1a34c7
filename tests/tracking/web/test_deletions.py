"""The pages of deletions: the plan, the progress, the trash, the work, the orphans."""

import html
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.support.people import People
from tests.tracking.cleanup.filling import a_run, an_experiment, ask, done, experiment_target, runs_target
from tracking.cleanup.models import Deletion
from tracking.cleanup.types import Kind, Mode, State, Target
from tracking.core.clock import utc_now
from tracking.core.memory import Memory
from tracking.runs.models import Experiment, Run
from tracking.runs.types import RunStatus
from tracking.workspaces import access
from tracking.workspaces.models import Lock, Workspace
from tracking.workspaces.services import assign_role
from tracking.workspaces.types import LockLevel, Role


@pytest.fixture
def experiment(people: People) -> Experiment:
    experiment = an_experiment(people.workspace, "one")
    a_run(experiment, name="otter"), a_run(experiment, name="badger")
    return experiment


@pytest.fixture
def ann(client: Client, people: People) -> Client:
    client.force_login(people.ann.user)
    return client


@pytest.fixture
def owner(client: Client, people: People) -> Client:
    """Make Ann the owner of the server."""
    assign_role(user=people.ann.user, role=Role.OWNER, by=None, now=utc_now())
    client.force_login(people.ann.user)
    return client


def hidden(page: str) -> dict[str, str]:
    """Return the hidden fields of the form that deletes."""
    form = page[page.index("data-delete-form") :]
    fields = re.findall(r'<input type="hidden"\s+name="(\w+)"\s+value="([^"]*)"', form)
    return {name: html.unescape(value) for name, value in fields}


class TestDeletePlan:
    def test_counts_and_changes_nothing(self, ann: Client, experiment: Experiment) -> None:
        page = ann.get(f"/w/default/delete?experiment={experiment.pk}").content.decode()

        assert re.search(r"Runs</th>\s*<td class=\"number\">2<", page)
        assert re.search(r"Points</th>\s*<td class=\"number\">12<", page)
        assert not Deletion.objects.exists()

    def test_leads_to_the_deletion(self, ann: Client, experiment: Experiment) -> None:
        page = ann.get(f"/w/default/delete?experiment={experiment.pk}").content.decode()

        response = ann.post("/w/default/delete", hidden(page) | {"mode": "purge"})

        deletion = Deletion.objects.get()
        assert response["Location"] == f"/deletions/{deletion.uid}"
        assert done(deletion).state == State.DONE
        assert not Experiment.objects.filter(pk=experiment.pk).exists()

    def test_is_named_after_what_went(self, owner: Client, people: People, experiment: Experiment) -> None:
        run = a_run(an_experiment(people.workspace, "two"), name="vole")
        ask(people.ann, experiment_target(experiment))
        ask(people.ann, Target(Kind.RUN, workspace="default", run_ids=(run.uid,)))

        page = html.unescape(owner.get("/work").content.decode())

        assert ("Experiment “one” in default" in page, "Run “vole” in default" in page) == (True, True)

    def test_takes_the_runs_that_the_workbench_has_chosen(self, ann: Client, experiment: Experiment) -> None:
        otter, badger = Run.objects.order_by("pk")

        page = ann.post(
            f"/w/default/delete?experiment={experiment.pk}", {"do": "plan", "runs": [otter.uid], "query": ""}
        ).content.decode()
        ann.post("/w/default/delete", hidden(page) | {"mode": "purge"})

        done(Deletion.objects.get())
        assert list(Run.objects.all()) == [badger]

    def test_takes_all_runs_that_match(self, ann: Client, experiment: Experiment) -> None:
        page = ann.post(
            f"/w/default/delete?experiment={experiment.pk}",
            {"do": "plan", "all": "1", "query": "filter=attributes.run_name+%3D+'otter'"},
        ).content.decode()
        ann.post("/w/default/delete", hidden(page) | {"mode": "purge"})

        done(Deletion.objects.get())
        assert [run.name for run in Run.objects.all()] == ["badger"]

    def test_of_chosen_runs_offers_the_trash_first(self, ann: Client, experiment: Experiment) -> None:
        otter, badger = Run.objects.order_by("pk")
        url, form = f"/w/default/delete?experiment={experiment.pk}", {"do": "plan", "runs": [otter.uid], "query": ""}
        table = f"/w/default/experiments/{experiment.pk}?filter=x"

        page = ann.post(url, form | {"next": table}).content.decode()
        assert re.search(r"Points</th>\s*<td class=\"number\">6<", page)
        assert re.findall(r'value="(\w+)"\s+id="mode-\w+"( checked)?', page) == [("trash", " checked"), ("purge", "")]
        assert Run.objects.filter(deleted_at=None).count() == 2

        assert ann.post("/w/default/delete", hidden(page) | {"mode": "trash"})["Location"] == table
        assert [run.name for run in Run.objects.filter(deleted_at=None)] == [badger.name]

        again = ann.post(url, form | {"next": table}).content.decode()
        assert "data-delete-form" in again
        assert "mode-trash" not in again
        assert "/deletions/" in ann.post("/w/default/delete", hidden(again) | {"mode": "purge"})["Location"]

    def test_of_chosen_runs_is_not_for_readers(self, people: People, client: Client, experiment: Experiment) -> None:
        client.force_login(people.bob.user)
        uid = Run.objects.order_by("pk")[0].uid

        response = client.post("/w/default/delete", {"kind": "run", "runs": uid, "mode": "trash", "go": "1"})

        assert response.status_code == 403
        assert not Run.objects.exclude(deleted_at=None).exists()

    def test_without_any_run_says_so(self, ann: Client, experiment: Experiment) -> None:
        response = ann.post(f"/w/default/delete?experiment={experiment.pk}", {"do": "plan", "query": ""})

        assert response.status_code == 400
        assert Run.objects.count() == 2

    def test_names_what_goes(self, ann: Client, experiment: Experiment) -> None:
        run = Run.objects.order_by("pk")[0]

        of_experiment = ann.get(f"/w/default/delete?experiment={experiment.pk}").content.decode()
        of_run = ann.get(f"/w/default/delete?run={run.uid}").content.decode()

        assert f"Experiment “{experiment.name}”" in of_experiment
        assert f"Run “{run.name}”" in of_run

    def test_of_a_workspace_wants_its_name(self, ann: Client, experiment: Experiment) -> None:
        page = ann.get("/w/default/delete").content.decode()
        assert "Type default to confirm" in page

        response = ann.post("/w/default/delete", hidden(page) | {"confirm": "wrong"})

        assert response.status_code == 400
        assert "exact name" in response.content.decode()
        assert not Deletion.objects.exists()

    def test_names_runs_that_run_and_asks_about_them(self, ann: Client, experiment: Experiment) -> None:
        run = a_run(experiment, name="marathon", status=RunStatus.RUNNING)
        page = ann.get(f"/w/default/delete?run={run.uid}").content.decode()
        assert "marathon" in page

        refused = ann.post("/w/default/delete", hidden(page) | {"mode": "purge"})
        accepted = ann.post("/w/default/delete", hidden(page) | {"mode": "purge", "even_running": "1"})

        assert (refused.status_code, accepted.status_code) == (409, 302)

    def test_under_a_lock_has_no_form(self, people: People, ann: Client, experiment: Experiment) -> None:
        level = LockLevel.CAN_NOT_DELETE
        Lock.objects.create(name="audit", level=level, workspace=people.workspace, created_at=utc_now(), created_by="x")

        page = ann.get(f"/w/default/delete?experiment={experiment.pk}").content.decode()

        assert "audit" in page
        assert "data-delete-form" not in page

    def test_of_a_group_is_for_its_owners(self, client: Client, people: People) -> None:
        client.force_login(people.ann.user)
        assert client.get("/groups/default/delete").status_code == 404
        assign_role(user=people.ann.user, role=Role.OWNER, group=people.workspace.group, by=None, now=utc_now())

        page = client.get("/groups/default/delete").content.decode()
        client.post("/groups/default/delete", hidden(page) | {"confirm": "default"})

        done(Deletion.objects.get())
        assert not Workspace.objects.exists()


class TestDeletionDetail:
    def test_shows_how_far_it_is_and_looks_again(self, people: People, ann: Client, experiment: Experiment) -> None:
        deletion = ask(people.ann, experiment_target(experiment))

        before = ann.get(f"/deletions/{deletion.uid}").content.decode()
        done(deletion)
        after = ann.get(f"/deletions/{deletion.uid}").content.decode()

        assert 'hx-trigger="every' in before
        assert 'hx-trigger="every' not in after
        assert "default/one" in after

    def test_is_swapped_alone(self, people: People, ann: Client, experiment: Experiment) -> None:
        deletion = ask(people.ann, experiment_target(experiment))

        part = ann.get(f"/deletions/{deletion.uid}", headers={"HX-Request": "true", "HX-Target": "progress"})

        assert part.content.decode().lstrip().startswith('<div id="progress"')

    def test_steers(self, people: People, ann: Client, experiment: Experiment) -> None:
        deletion = ask(people.ann, experiment_target(experiment))

        for step, state in (("pause", State.PAUSED), ("resume", State.ACCEPTED), ("cancel", State.CANCELLED)):
            ann.post(f"/deletions/{deletion.uid}", {"do": step})
            deletion.refresh_from_db()
            assert deletion.state == state

    def test_is_nobodys_to_steer_but_owners(self, people: People, client: Client, experiment: Experiment) -> None:
        deletion = ask(people.ann, experiment_target(experiment))
        client.force_login(people.bob.user)
        assert client.post(f"/deletions/{deletion.uid}", {"do": "pause"}).status_code == 403
        client.force_login(people.cleo.user)
        assert client.get(f"/deletions/{deletion.uid}").status_code == 404

    def test_leads_from_the_pages_of_the_workspace(self, people: People, ann: Client) -> None:
        deletion = ask(people.ann, Target(Kind.WORKSPACE, workspace="default"))
        access.forget()  # as the commit does, which no test sees

        for page in ("/w/default/experiments", "/w/default/trash"):
            assert f"/deletions/{deletion.uid}" in ann.get(page).content.decode()

    def test_leads_to_the_trash_where_there_is_one(self, people: People, ann: Client, experiment: Experiment) -> None:
        ann.post(
            "/w/default/delete", {"kind": "run", "runs": Run.objects.order_by("pk")[0].uid, "mode": "trash", "go": 1}
        )
        page = ann.get(f"/deletions/{Deletion.objects.get().uid}").content.decode()
        assert page.count('href="/w/default/trash"') == 2

        whole = ask(people.ann, Target(Kind.WORKSPACE, workspace="default"))
        assert 'href="/w/default/trash"' not in ann.get(f"/deletions/{whole.uid}").content.decode()

    def test_says_what_the_file_gave_back(self, people: People, ann: Client, experiment: Experiment) -> None:
        deletion = ask(people.ann, experiment_target(experiment))
        assert "shrank" not in ann.get(f"/deletions/{deletion.uid}").content.decode()

        Deletion.objects.update(done={"file_bytes": 2 * 1024 * 1024})

        assert re.search(r"shrank by</dt><dd>2(\.0)? MiB", ann.get(f"/deletions/{deletion.uid}").content.decode())


class TestTrash:
    def test_shows_what_is_deleted_and_restores_it(self, people: People, ann: Client, experiment: Experiment) -> None:
        otter = Run.objects.get(name="otter")
        ask(people.ann, runs_target(otter), mode=Mode.TRASH)
        assert "otter" in ann.get("/w/default/trash").content.decode()

        ann.post("/w/default/trash", {"run": otter.uid})

        otter.refresh_from_db()
        assert otter.deleted_at is None

    def test_lets_readers_look_only(self, people: People, client: Client, experiment: Experiment) -> None:
        ask(people.ann, experiment_target(experiment), mode=Mode.TRASH)
        client.force_login(people.bob.user)

        assert 'name="experiment"' not in client.get("/w/default/trash").content.decode()
        assert client.post("/w/default/trash", {"experiment": experiment.pk}).status_code == 403


class TestWork:
    def test_shows_what_is_under_way_and_what_has_ended(
        self, people: People, owner: Client, experiment: Experiment
    ) -> None:
        first, second = (runs_target(run) for run in Run.objects.order_by("pk"))
        ended, failed = done(ask(people.ann, first)), ask(people.ann, second)
        Deletion.objects.filter(pk=failed.pk).update(state=State.FAILED, error="disk on fire")

        page = owner.get("/work").content.decode()

        under_way, _, rest = page.partition("ended-title")
        assert failed.uid in under_way
        assert "disk on fire" in under_way
        assert ended.uid in rest

    @pytest.mark.parametrize("path", ["/work", "/orphans"])
    def test_is_for_owners_of_the_server(self, ann: Client, path: str) -> None:
        assert ann.get(path).status_code == 403

    def test_costs_the_same_however_much_there_is(self, people: People, owner: Client, experiment: Experiment) -> None:
        def cost() -> int:
            Memory.forget_all()
            with CaptureQueriesContext(connection) as queries:
                owner.get("/work")
            return len(queries)

        ask(people.ann, runs_target(a_run(experiment)))
        owner.get("/work")
        few = cost()
        for _ in range(10):
            ask(people.ann, runs_target(a_run(experiment)))

        assert cost() == few


class TestOrphans:
    def test_are_looked_for_and_shown(self, owner: Client, experiment: Experiment) -> None:
        response = owner.post("/orphans", {"do": "look"})

        deletion = Deletion.objects.get(kind=Kind.ORPHANS)
        assert response["Location"] == f"/deletions/{deletion.uid}"
        done(deletion)
        assert "Look now" in owner.get("/orphans").content.decode()
        assert owner.get(f"/deletions/{deletion.uid}").status_code == 200
