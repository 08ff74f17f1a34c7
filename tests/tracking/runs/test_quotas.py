"""How often runs are counted for a quota."""

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.support.people import People
from tracking.core.errors import QuotaExceededError
from tracking.core.memory import Memory
from tracking.runs import quotas
from tracking.runs.models import Experiment, Run
from tracking.workspaces.models import Workspace
from tracking.workspaces.queries import get_quota


def check(people: People, quota: int | None = None, *, times: int = 1) -> None:
    """Ask for room a few times in a workspace with this quota, which the process knows already."""
    Workspace.objects.update(quota_runs=quota)
    Memory.forget_all()
    get_quota(workspace_id=people.workspace.pk)
    for _ in range(times):
        quotas.check_run_quota(workspace_id=people.workspace.pk)


class TestCheckRunQuota:
    @pytest.mark.parametrize(
        ("quota", "counted"), [(None, 0), (quotas.PLENTY + 1, 1), (quotas.PLENTY, 5)], ids=["none", "plenty", "scarce"]
    )
    def test_counts_often_only_where_room_is_scarce(
        self, people: People, django_assert_num_queries: DjangoAssertNumQueries, quota: int | None, counted: int
    ) -> None:
        setting_and_reading_the_quota = 2

        with django_assert_num_queries(setting_and_reading_the_quota + counted):
            check(people, quota, times=5)

    def test_counts_deleted_runs_until_they_are_gone(self, people: People) -> None:
        experiment = Experiment.objects.get(workspace=people.workspace)
        now = experiment.created_at
        run = Run.objects.create(
            uid="a" * 32, workspace=people.workspace, experiment=experiment, started_at=now, deleted_at=now
        )

        with pytest.raises(QuotaExceededError, match="may hold 1 runs"):
            check(people, 1)

        run.delete()
        check(people, 1)
