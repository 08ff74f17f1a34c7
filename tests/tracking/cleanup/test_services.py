"""Deletions: what they take, what they leave, who steers them."""

from datetime import datetime, timedelta

import pytest

from tests.support.people import People
from tests.tracking.cleanup.filling import (
    FILE,
    UNKEPT,
    a_run,
    an_experiment,
    ask,
    done,
    experiment_target,
    files_of,
    points,
    rows,
    runs_target,
    tree_hash,
)
from tracking.artifacts.queries import run_folder
from tracking.artifacts.services import put_file
from tracking.audit.models import AuditEvent
from tracking.cleanup.leases import Lease
from tracking.cleanup.models import Deletion
from tracking.cleanup.services import (
    advance,
    cancel,
    delete,
    empty_trash,
    note_failure,
    pause,
    resume,
    retry,
    start_now,
    sweep,
)
from tracking.cleanup.types import Keeping, Kind, Mode, State, Target
from tracking.core.clock import utc_now
from tracking.core.errors import (
    ConflictError,
    InvalidParameterError,
    InvalidStateError,
    NotFoundError,
    PermissionDeniedError,
)
from tracking.identity.models import AccessToken
from tracking.identity.queries import Credential
from tracking.metrics.queries import series_by_run
from tracking.metrics.services import log_batch
from tracking.runs.models import Experiment, Run
from tracking.runs.queries import get_run
from tracking.runs.services import create_experiment, create_run, delete_experiment, delete_run, restore_run
from tracking.runs.types import RunStatus
from tracking.workspaces.models import ResourceGroup, Workspace
from tracking.workspaces.services import create_group, create_workspace

HOUR = timedelta(hours=1)
GROUP = Target(Kind.GROUP, group="lab")


@pytest.fixture
def lab(people: People) -> Workspace:
    """Return a workspace of Ann's in a group of its own, beside ``default``, with two experiments of two runs."""
    lab = People.around("lab").workspace
    for name in ("one", "two"):
        experiment = an_experiment(lab, name)
        a_run(experiment), a_run(experiment)
    return lab


@pytest.fixture
def owner(people: People, lab: Workspace) -> People:
    """Make Ann the owner of the whole group."""
    from tracking.workspaces.services import assign_role
    from tracking.workspaces.types import Role

    assign_role(user=people.ann.user, role=Role.OWNER, group=lab.group, by=None, now=utc_now())
    return people


@pytest.fixture
def neighbour(people: People) -> Workspace:
    """Return workspace ``default`` with a run of everything in it."""
    a_run(an_experiment(people.workspace, "stays"))
    return people.workspace


class TestDelete:
    def test_of_a_group_leaves_nothing_of_it_and_all_else_as_it_was(self, people: People) -> None:
        a_run(an_experiment(people.workspace, "stays"))
        before, tree = rows(but=["User"]), tree_hash(people.workspace)
        lab = People.around("lab").workspace
        experiment = an_experiment(lab, "one")
        a_run(experiment), a_run(experiment)
        annex = create_workspace(name="annex", group=lab.group, by=None, now=utc_now())
        a_run(an_experiment(annex, "two"))
        _own(people, lab.group)

        deletion = done(ask(people.ann, GROUP))

        assert deletion.state == State.DONE
        assert rows(but=["User"]) == before
        assert (files_of(lab), files_of(annex)) == ([], [])
        assert tree_hash(people.workspace) == tree

    def test_of_a_workspace_leaves_its_group(self, people: People, lab: Workspace) -> None:
        done(ask(people.ann, Target(Kind.WORKSPACE, workspace="lab")))

        assert not Workspace.objects.filter(name="lab").exists()
        assert ResourceGroup.objects.filter(name="lab").exists()
        assert files_of(lab) == []

    def test_of_an_experiment_leaves_the_others(self, people: People, lab: Workspace) -> None:
        one, two = Experiment.objects.filter(workspace=lab, is_default=False).order_by("pk")
        kept = [name for name in files_of(lab) if name.startswith(f"{two.pk}/")]

        done(ask(people.ann, experiment_target(one)))

        assert not Experiment.objects.filter(pk=one.pk).exists()
        assert Run.objects.filter(experiment=two).count() == 2
        assert files_of(lab) == kept

    def test_of_runs_leaves_the_others(self, people: People, neighbour: Workspace) -> None:
        experiment = Experiment.objects.get(name="stays")
        before, tree = rows(), tree_hash(neighbour)
        gone = [a_run(experiment), a_run(experiment)]

        done(ask(people.ann, runs_target(*gone)))

        assert (rows(), tree_hash(neighbour)) == (before, tree)

    def test_of_all_runs_that_match_a_filter(self, people: People) -> None:
        experiment = an_experiment(people.workspace, "sweep")
        kept = a_run(experiment, name="kept")
        a_run(experiment, name="gone"), a_run(experiment, name="gone")
        target = Target(
            Kind.RUNS,
            workspace="default",
            experiment_ids=(str(experiment.pk),),
            filter="attributes.run_name = 'gone'",
        )

        done(ask(people.ann, target))

        assert list(Run.objects.filter(experiment=experiment)) == [kept]

    def test_of_a_metric_leaves_the_run_and_opens_it_again(self, people: People) -> None:
        run = a_run(an_experiment(people.workspace, "one"))

        done(ask(people.ann, Target(Kind.METRIC, workspace="default", run_id=run.uid, key="loss")))

        assert [row.key for row in series_by_run(run_ids=[run.pk])[run.pk]] == ["accuracy"]
        log_batch(run=run, metrics=points(), params=[], tags=[])

    def test_of_an_artifact_path_leaves_the_other_files(self, people: People) -> None:
        run = a_run(an_experiment(people.workspace, "one"))
        put_file(workspace=run.workspace, path=run_folder(run) / "b.txt", chunks=[FILE], size_bytes=len(FILE))

        deletion = done(ask(people.ann, Target(Kind.ARTIFACT, workspace="default", run_id=run.uid, path="notes")))

        assert [name for name in files_of(people.workspace) if run.uid in name] == [f"{run_folder(run)}/b.txt"]
        assert deletion.bytes_freed == len(FILE)
        assert get_run(workspace=people.workspace, uid=run.uid).deletion_uid == ""

    def test_makes_names_free(self, people: People, lab: Workspace) -> None:
        _own(people, lab.group)

        done(ask(people.ann, GROUP))

        group = create_group(name="lab", by=None, now=utc_now())
        create_workspace(name="lab", group=group, by=None, now=utc_now())

    def test_reports_what_went(self, people: People) -> None:
        experiment = an_experiment(people.workspace, "one")
        a_run(experiment), a_run(experiment)

        deletion = done(ask(people.ann, experiment_target(experiment)))

        assert deletion.report is not None
        assert deletion.report["counts"] == {
            "runs": 2,
            "params": 2,
            "tags": 5,
            "datasets": 2,
            "metrics": 4,
            "points": 12,
            "models": 2,
            "artifacts": 4,
            "experiments": 1,
        }
        assert deletion.report["bytes"]["artifacts"] == 4 * len(FILE)
        assert deletion.bytes_freed == sum(deletion.report["bytes"].values())
        assert [one["name"] for one in deletion.report["results"]] == ["default/one"]

    def test_is_written_down_when_it_is_asked_for_and_when_it_is_done(self, people: People) -> None:
        deletion = done(ask(people.ann, experiment_target(an_experiment(people.workspace, "one"))))

        events = AuditEvent.objects.filter(target__startswith=deletion.uid).order_by("pk")
        assert [(event.by_name, event.verb) for event in events] == [("ann", "deletion.ask"), ("ann", "deletion.done")]

    def test_twice_is_one_operation(self, people: People, lab: Workspace) -> None:
        _own(people, lab.group)
        _own(people, lab.group, who="bob")
        one = Experiment.objects.filter(workspace=lab, is_default=False)[0]

        for target in (runs_target(*one.runs.all()), experiment_target(one), GROUP):
            first, second = ask(people.ann, target), ask(people.bob, target)

            assert first.uid == second.uid
            done(first)

    def test_of_something_larger_takes_over(self, people: People, lab: Workspace) -> None:
        _own(people, lab.group)
        small = ask(people.ann, experiment_target(Experiment.objects.filter(workspace=lab, is_default=False)[0]))
        pause(deletion=small, by=people.ann.user, now=utc_now())

        done(ask(people.ann, GROUP))

        small.refresh_from_db()
        assert small.state == State.CANCELLED
        assert not Workspace.objects.filter(name="lab").exists()

    def test_closes_what_goes_to_writers(self, people: People, lab: Workspace) -> None:
        _own(people, lab.group)
        run = Run.objects.filter(workspace=lab)[0]

        deletion = ask(people.ann, GROUP)

        before = rows()
        for write in (
            lambda: log_batch(run=run, metrics=points(), params=[], tags=[]),
            lambda: create_run(experiment=run.experiment, name="", user_name="", started_at=utc_now(), tags=[]),
            lambda: create_experiment(workspace=lab, name="new", by=None, now=utc_now()),
            lambda: create_workspace(name="new", group=lab.group, by=None, now=utc_now()),
        ):
            with pytest.raises(ConflictError, match=deletion.uid):
                write()
        assert rows() == before

    def test_revokes_the_tokens_of_workspaces(self, people: People, lab: Workspace) -> None:
        ask(people.ann, Target(Kind.WORKSPACE, workspace="lab"))

        assert not AccessToken.objects.filter(workspace=lab, revoked_at=None).exists()
        assert AccessToken.objects.filter(workspace=people.workspace, revoked_at=None).count() == 3

    def test_hides_runs_at_once_and_lets_nobody_restore_them(self, people: People) -> None:
        run = a_run(an_experiment(people.workspace, "one"))

        ask(people.ann, runs_target(run))

        run.refresh_from_db()
        assert run.deleted_at is not None
        with pytest.raises(ConflictError, match="being deleted"):
            restore_run(run=run, by=people.ann.user, now=utc_now())

    @pytest.mark.parametrize("confirm", ["", "Lab", "lab "])
    def test_of_a_group_needs_its_exact_name(self, people: People, lab: Workspace, confirm: str) -> None:
        _own(people, lab.group)

        with pytest.raises(InvalidParameterError, match="exact name"):
            ask(people.ann, GROUP, confirm=confirm)

        assert not Deletion.objects.exists()

    def test_spares_runs_that_run_unless_told_otherwise(self, people: People) -> None:
        run = a_run(an_experiment(people.workspace, "one"), status=RunStatus.RUNNING)

        with pytest.raises(ConflictError, match=r"otter.*even_running"):
            delete(
                credential=Credential(user=people.ann.user, workspace_id=None),
                target=runs_target(run),
                mode=Mode.PURGE,
                confirm="",
                even_running=False,
                keeping=UNKEPT,
                now=utc_now(),
            )

    def test_of_the_default_experiment_is_refused(self, people: People) -> None:
        with pytest.raises(ConflictError, match="Default"):
            ask(people.ann, Target(Kind.EXPERIMENT, workspace="default", experiment_id="0"))

    def test_is_for_those_who_may(self, people: People) -> None:
        run = a_run(an_experiment(people.workspace, "one"))

        with pytest.raises(PermissionDeniedError):
            ask(people.bob, runs_target(run))
        with pytest.raises(NotFoundError):
            ask(people.cleo, runs_target(run))
        with pytest.raises(NotFoundError):
            ask(people.bob, Target(Kind.GROUP, group="default"))

    def test_of_what_is_not_there_is_refused(self, people: People) -> None:
        run = a_run(an_experiment(people.workspace, "one"))

        for target in (
            Target(Kind.RUN, workspace="default", run_ids=("0" * 32,)),
            Target(Kind.METRIC, workspace="default", run_id=run.uid, key="nothing"),
            Target(Kind.EXPERIMENT, workspace="default", experiment_id="999999"),
            Target(Kind.WORKSPACE, workspace="nowhere"),
        ):
            with pytest.raises(NotFoundError):
                ask(people.ann, target)


class TestTrash:
    def test_takes_runs_which_can_be_restored(self, people: People) -> None:
        run = a_run(an_experiment(people.workspace, "one"))

        deletion = ask(people.ann, runs_target(run), mode=Mode.TRASH)

        assert deletion.state == State.DONE
        run.refresh_from_db()
        assert run.deleted_at is not None
        restore_run(run=run, by=people.ann.user, now=utc_now())

    def test_keeps_a_workspace_until_its_day(self, people: People, lab: Workspace) -> None:
        now = utc_now()
        deletion = _trash_lab(people, now)

        advance(deletion_id=deletion.pk, owner="test", clock=lambda: now + HOUR)
        assert Workspace.objects.filter(name="lab").exists()
        _work(deletion, now + 49 * HOUR)

        assert not Workspace.objects.filter(name="lab").exists()

    def test_gives_a_workspace_back(self, people: People, lab: Workspace) -> None:
        deletion = _trash_lab(people, utc_now())

        cancel(deletion=deletion, by=people.ann.user, now=utc_now())

        lab.refresh_from_db()
        assert lab.deletion_uid == ""
        create_experiment(workspace=lab, name="new", by=None, now=utc_now())

    def test_lets_a_workspace_go_at_once(self, people: People, lab: Workspace) -> None:
        deletion = _trash_lab(people, utc_now())

        start_now(deletion=deletion, by=people.ann.user, now=utc_now())

        assert done(deletion).state == State.DONE
        assert not Workspace.objects.filter(name="lab").exists()

    def test_is_emptied_of_what_is_too_old(self, people: People) -> None:
        now, keeping = utc_now(), Keeping(runs=timedelta(days=14), workspaces=None, groups=None)
        one, two = an_experiment(people.workspace, "one"), an_experiment(people.workspace, "two")
        old, fresh, alive = a_run(one), a_run(one), a_run(one)
        a_run(two)
        delete_run(run=old, by=people.ann.user, now=now - timedelta(days=15))
        delete_run(run=fresh, by=people.ann.user, now=now - timedelta(days=13))
        delete_experiment(experiment=two, by=people.ann.user, now=now - timedelta(days=15))

        begun = empty_trash(keeping=keeping, now=now)

        for deletion in Deletion.objects.all():
            done(deletion)
        assert begun == 2
        assert set(Run.objects.all()) == {fresh, alive}
        assert not Experiment.objects.filter(name="two").exists()

    def test_is_never_emptied_where_that_is_set(self, people: People) -> None:
        run = a_run(an_experiment(people.workspace, "one"))
        delete_run(run=run, by=people.ann.user, now=utc_now() - timedelta(days=1000))

        assert empty_trash(keeping=UNKEPT, now=utc_now()) == 0


class TestSteering:
    @pytest.fixture
    def deletion(self, people: People) -> Deletion:
        experiment = an_experiment(people.workspace, "one")
        a_run(experiment), a_run(experiment)
        return ask(people.ann, experiment_target(experiment))

    def test_pause_stops_and_resume_goes_on(self, people: People, deletion: Deletion) -> None:
        pause(deletion=deletion, by=people.ann.user, now=utc_now())
        advance(deletion_id=deletion.pk, owner="test", clock=utc_now)
        assert Run.objects.count() == 2

        resume(deletion=deletion, by=people.ann.user, now=utc_now())

        assert done(deletion).state == State.DONE
        assert Run.objects.count() == 0

    def test_cancel_leaves_the_rest_in_the_trash(self, people: People, deletion: Deletion) -> None:
        pause(deletion=deletion, by=people.ann.user, now=utc_now())

        cancel(deletion=deletion, by=people.ann.user, now=utc_now())

        experiment = Experiment.objects.get(name="one")
        assert (experiment.deletion_uid, experiment.deleted_at is None) == ("", False)

    def test_is_refused_where_it_makes_no_sense(self, people: People, deletion: Deletion) -> None:
        for change in (resume, retry):
            with pytest.raises(InvalidStateError, match="is accepted"):
                change(deletion=deletion, by=people.ann.user, now=utc_now())
        done(deletion)
        for change in (pause, resume, retry, cancel):
            with pytest.raises(InvalidStateError, match="is done"):
                change(deletion=deletion, by=people.ann.user, now=utc_now())

    def test_of_failures_ends_after_five_and_begins_again(self, people: People, deletion: Deletion) -> None:
        now = utc_now()
        for hour in range(5):
            taken = Deletion.objects.filter(pk=deletion.pk)
            taken.update(state=State.RUNNING, lease_owner="test", lease_until=now + hour * HOUR)
            note_failure(deletion_id=deletion.pk, owner="test", error=OSError("disk on fire"), now=now)

        deletion.refresh_from_db()
        assert (deletion.state, deletion.error) == (State.FAILED, "OSError: disk on fire")
        retry(deletion=deletion, by=people.ann.user, now=now)
        assert done(deletion).state == State.DONE


class TestSweep:
    def test_finds_what_nobody_works_on(self, people: People) -> None:
        now = utc_now()
        deletion = ask(people.ann, experiment_target(an_experiment(people.workspace, "one")))

        assert sweep(now=now) == 0
        assert sweep(now=now + timedelta(seconds=30)) == 1

        Deletion.objects.update(state=State.RUNNING, lease_owner="dead", lease_until=now + HOUR)
        assert sweep(now=now + HOUR / 2) == 0
        assert sweep(now=now + HOUR * 2) == 1
        _work(deletion, now + HOUR * 2)
        assert sweep(now=now + HOUR * 3) == 0


class TestAdvance:
    def test_by_a_message_that_comes_twice_does_its_work_once(self, people: People) -> None:
        deletion = ask(people.ann, runs_target(a_run(an_experiment(people.workspace, "one"))))
        held = Lease.take(deletion_id=deletion.pk, owner="first", clock=utc_now)
        assert held is not None

        advance(deletion_id=deletion.pk, owner="second", clock=utc_now)
        assert Run.objects.exists()

        held.end()
        report = done(deletion).report
        advance(deletion_id=deletion.pk, owner="second", clock=utc_now)
        deletion.refresh_from_db()
        assert deletion.report == report
        assert AuditEvent.objects.filter(verb="deletion.done").count() == 1


def _own(people: People, group: ResourceGroup, *, who: str = "ann") -> None:
    from tracking.workspaces.services import assign_role
    from tracking.workspaces.types import Role

    person = {"ann": people.ann, "bob": people.bob}[who]
    assign_role(user=person.user, role=Role.OWNER, group=group, by=None, now=utc_now())


def _trash_lab(people: People, now: datetime) -> Deletion:
    return delete(
        credential=Credential(user=people.ann.user, workspace_id=None),
        target=Target(Kind.WORKSPACE, workspace="lab"),
        mode=Mode.TRASH,
        confirm="lab",
        even_running=True,
        keeping=Keeping(runs=None, workspaces=timedelta(hours=48), groups=None),
        now=now,
    )


def _work(deletion: Deletion, now: datetime) -> None:
    """Work as if it was another time, until it is done."""
    while Deletion.objects.get(pk=deletion.pk).ended_at is None:
        advance(deletion_id=deletion.pk, owner="test", clock=lambda: now)
