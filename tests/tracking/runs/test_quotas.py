"""How often runs are counted for a quota."""

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.support.people import People
from tracking.core.errors import QuotaExceededError
from tracking.runs import quotas
from tracking.runs.models import Experiment, Run
from tracking.workspaces.models import Workspace


def give_quota(people: People, quota: int | None) -> int:
    Workspace.objects.filter(pk=people.workspace.pk).update(quota_runs=quota)
    return people.workspace.pk


class TestCheckRunQuota:
    def test_asks_once_a_second_without_a_quota(
        self, people: People, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        workspace_id = give_quota(people, None)

        with django_assert_num_queries(1):
            for _ in range(5):
                quotas.check_run_quota(workspace_id=workspace_id)

    def test_counts_each_time_where_room_is_scarce_and_seldom_where_there_is_plenty(
        self, people: People, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        workspace_id = give_quota(people, quotas.PLENTY)
        with django_assert_num_queries(10):
            for _ in range(5):
                quotas.check_run_quota(workspace_id=workspace_id)
        give_quota(people, quotas.PLENTY + 1)
        with django_assert_num_queries(2):
            for _ in range(5):
                quotas.check_run_quota(workspace_id=workspace_id)

    def test_counts_deleted_runs_until_they_are_gone(self, people: People) -> None:
        experiment = Experiment.objects.get(workspace=people.workspace)
        workspace_id = give_quota(people, 1)
        now = experiment.created_at
        run = Run.objects.create(
            uid="a" * 32, workspace=people.workspace, experiment=experiment, started_at=now, deleted_at=now
        )

        with pytest.raises(QuotaExceededError, match="may hold 1 runs"):
            quotas.check_run_quota(workspace_id=workspace_id)

        run.delete()
        quotas.check_run_quota(workspace_id=workspace_id)
