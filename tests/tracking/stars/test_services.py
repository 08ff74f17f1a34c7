"""Stars, and that they go with what they are on."""

from collections.abc import Callable

import pytest

from tests.support.people import People
from tests.tracking.web.filling import add_experiment, add_run
from tracking.cleanup.services import delete, finish
from tracking.cleanup.types import Keeping, Kind, Mode, Target
from tracking.core.clock import utc_now
from tracking.core.errors import NotFoundError
from tracking.identity.queries import Credential
from tracking.registry.services import create_registered, delete_registered
from tracking.runs.services import delete_experiment, delete_run, restore_run
from tracking.stars import types
from tracking.stars.models import Star
from tracking.stars.queries import has_star, list_starred, starred_experiments
from tracking.stars.services import star, unstar
from tracking.stars.types import StarRow

EXPERIMENT, RUN, MODEL = types.Kind


def give(people: People, kind: types.Kind, pk: int) -> None:
    star(kind=kind, pk=pk, workspace=people.workspace, by=people.bob.user, now=utc_now())


def starred(people: People) -> list[StarRow]:
    return list_starred(owner=people.bob.user, workspaces=[people.workspace], limit=10)


def purge(people: People, target: Target) -> None:
    """Remove something for good, as a worker does."""
    deletion = delete(
        credential=Credential(user=people.ann.user, workspace_id=None),
        target=target,
        mode=Mode.PURGE,
        confirm=target.name,
        even_running=True,
        keeping=Keeping(None, None, None),
        now=utc_now(),
    )
    finish(deletion=deletion, owner="test", clock=utc_now)
    assert deletion.state == "done"


@pytest.fixture
def everything(people: People) -> None:
    """Have Bob star one of each kind."""
    sweep = add_experiment(people.workspace, "sweep")
    run = add_run(sweep, "otter")
    model = create_registered(
        workspace=people.workspace, name="net", description="", tags=[], by=people.ann.user, now=utc_now()
    )
    for kind, pk in ((EXPERIMENT, sweep.pk), (RUN, run.pk), (MODEL, model.pk)):
        give(people, kind, pk)


class TestStar:
    @pytest.mark.usefixtures("everything")
    def test_is_found_again_the_newest_first(self, people: People) -> None:
        found = [(row.kind, row.name, row.workspace) for row in starred(people)]

        assert found == [(MODEL, "net", "default"), (RUN, "otter", "default"), (EXPERIMENT, "sweep", "default")]
        assert list_starred(owner=people.ann.user, workspaces=[people.workspace], limit=10) == []
        assert list_starred(owner=people.bob.user, workspaces=[], limit=10) == []

    def test_is_one_however_often_it_is_given(self, people: People) -> None:
        sweep = add_experiment(people.workspace, "sweep")

        give(people, EXPERIMENT, sweep.pk)
        give(people, EXPERIMENT, sweep.pk)

        assert starred_experiments(owner=people.bob.user, workspace=people.workspace) == {sweep.pk}
        assert Star.objects.count() == 1

    def test_can_be_taken_back_and_only_ones_own(self, people: People) -> None:
        sweep = add_experiment(people.workspace, "sweep")
        give(people, EXPERIMENT, sweep.pk)

        unstar(kind=EXPERIMENT, pk=sweep.pk, by=people.ann.user)
        assert has_star(owner=people.bob.user, kind=EXPERIMENT, pk=sweep.pk)
        unstar(kind=EXPERIMENT, pk=sweep.pk, by=people.bob.user)

        assert not has_star(owner=people.bob.user, kind=EXPERIMENT, pk=sweep.pk)

    def test_rests_while_its_thing_is_in_the_trash(self, people: People) -> None:
        run = add_run(add_experiment(people.workspace, "sweep"), "otter")
        give(people, RUN, run.pk)

        delete_run(run=run, by=people.ann.user, now=utc_now())
        assert starred(people) == []
        restore_run(run=run, by=people.ann.user, now=utc_now())
        assert [row.name for row in starred(people)] == ["otter"]
        delete_experiment(experiment=run.experiment, by=people.ann.user, now=utc_now())

        assert starred(people) == []

    @pytest.mark.django_db(transaction=True)
    def test_cannot_be_given_to_what_is_gone(self, people: People) -> None:
        with pytest.raises(NotFoundError):
            give(people, RUN, 10**6)


def purge_experiment(people: People) -> None:
    (row,) = (row for row in starred(people) if row.kind == EXPERIMENT)
    purge(people, Target(Kind.EXPERIMENT, workspace="default", experiment_id=str(row.experiment_id)))


def purge_run(people: People) -> None:
    (row,) = (row for row in starred(people) if row.kind == RUN)
    purge(people, Target(Kind.RUN, workspace="default", run_ids=(row.uid,)))


def purge_model(people: People) -> None:
    (one,) = Star.objects.filter(model__isnull=False)
    assert one.model is not None
    delete_registered(model=one.model, by=people.ann.user, now=utc_now())


def purge_workspace(people: People) -> None:
    purge(people, Target(Kind.WORKSPACE, workspace="default"))


def purge_person(people: People) -> None:
    people.bob.user.delete()


@pytest.mark.usefixtures("everything")
@pytest.mark.parametrize(
    ("remove", "left"),
    [
        (purge_experiment, {MODEL}),
        (purge_run, {MODEL, EXPERIMENT}),
        (purge_model, {RUN, EXPERIMENT}),
        (purge_workspace, set()),
        (purge_person, set()),
    ],
)
def test_a_star_goes_with_its_thing(people: People, remove: Callable[[People], None], left: set[types.Kind]) -> None:
    remove(people)

    kinds = Star.objects.values_list("experiment_id", "run_id", "model_id")
    assert {kind for row in kinds for kind, pk in zip(types.Kind, row, strict=True) if pk} == left
