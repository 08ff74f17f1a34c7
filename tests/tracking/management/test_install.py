"""The first start makes an owner and somewhere to log to; a later one makes nothing."""

import pytest

from tests.support.people import People
from tracking.core.clock import utc_now
from tracking.identity.models import User
from tracking.management.install import install
from tracking.runs.models import Experiment
from tracking.workspaces.models import RoleAssignment, Workspace


@pytest.mark.django_db
class TestInstall:
    def test_makes_an_owner_of_everything_and_a_workspace_with_its_experiment(self) -> None:
        install(now=utc_now())

        role = RoleAssignment.objects.get()
        assert (role.user.username, role.role, role.group_id, role.workspace_id) == ("owner", "owner", None, None)
        assert not role.user.has_usable_password()
        workspace = Workspace.objects.get()
        assert (workspace.name, workspace.group.name) == ("default", "default")
        assert Experiment.objects.get().workspace_id == workspace.pk

    def test_makes_nothing_where_anybody_exists(self, people: People) -> None:
        install(now=utc_now())

        assert sorted(User.objects.values_list("username", flat=True)) == ["ann", "bob", "cleo"]
        assert Workspace.objects.get() == people.workspace
