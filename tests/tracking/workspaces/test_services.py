"""Groups, workspaces and roles: what is created, refused, and written down."""

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction

from tests.support.people import People
from tracking.audit.models import AuditEvent
from tracking.core.errors import AlreadyExistsError, ConflictError, InvalidParameterError
from tracking.workspaces.models import FormerName, ResourceGroup, RoleAssignment, Workspace
from tracking.workspaces.queries import count_artifact_bytes, list_locks, list_roles
from tracking.workspaces.services import (
    add_artifact_bytes,
    assign_role,
    create_group,
    create_lock,
    create_workspace,
    delete_lock,
    remove_role,
    update_group,
    update_workspace,
)
from tracking.workspaces.types import GroupChange, LockLevel, Role, RoleRow, WorkspaceChange

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BAD_NAMES = [
    *("", "a", "A1", "-a", "a-", "a_b", "a b", "é1", "x" * 64, "a\n", "a/b", ".."),
    *("api", "ajax-api", "workspaces", "static-files"),
]


def events() -> list[tuple[str, str, str]]:
    """Return who did what to what in the test itself, oldest first."""
    return list(AuditEvent.objects.filter(at=NOW).order_by("pk").values_list("by_name", "verb", "target"))


class TestCreateGroup:
    def test_is_written_down_once(self, people: People) -> None:
        create_group(name="lab", by=people.ann.user, now=NOW)

        assert ResourceGroup.objects.get(name="lab").created_at == NOW
        assert events() == [("ann", "group.create", "lab")]

    @pytest.mark.parametrize("name", BAD_NAMES)
    def test_refuses_a_bad_name(self, db: None, name: str) -> None:
        with pytest.raises(InvalidParameterError, match="Resource group name"):
            create_group(name=name, by=None, now=NOW)

        assert not ResourceGroup.objects.exists()
        assert events() == []

    def test_refuses_a_taken_name(self, people: People) -> None:
        with pytest.raises(AlreadyExistsError, match="Resource group 'default' already exists"):
            create_group(name="default", by=None, now=NOW)

        assert events() == []


class TestCreateWorkspace:
    @pytest.mark.parametrize("name", ["ab", "a1", "1a", "a-b", "x" * 63])
    def test_is_written_down_once(self, people: People, name: str) -> None:
        made = create_workspace(name=name, group=people.workspace.group, by=None, now=NOW)

        assert Workspace.objects.get(name=name) == made
        assert events() == [("(installation)", "workspace.create", name)]

    @pytest.mark.parametrize("name", BAD_NAMES)
    def test_refuses_a_bad_name(self, people: People, name: str) -> None:
        with pytest.raises(InvalidParameterError, match="Workspace name"):
            create_workspace(name=name, group=people.workspace.group, by=None, now=NOW)

        assert Workspace.objects.count() == 1
        assert events() == []

    def test_refuses_a_name_taken_in_another_group(self, people: People) -> None:
        group = create_group(name="lab", by=None, now=NOW)

        with pytest.raises(AlreadyExistsError, match="Workspace 'default' already exists"):
            create_workspace(name="default", group=group, by=None, now=NOW)

        assert Workspace.objects.get(name="default").group == people.workspace.group
        assert [verb for _, verb, _ in events()] == ["group.create"]


class TestAssignRole:
    def test_replaces_the_role_at_the_same_place(self, people: People) -> None:
        for role in (Role.CONTRIBUTOR, Role.OWNER, Role.OWNER):
            assign_role(user=people.bob.user, role=role, workspace=people.workspace, by=people.ann.user, now=NOW)

        assert list_roles(user=people.bob.user) == [RoleRow(Role.OWNER, None, "default")]
        assert events() == [
            ("ann", "role.assign", f"bob {role} on workspace default") for role in ("contributor", "owner", "owner")
        ]

    def test_is_kept_on_the_server_too_only_once(self, people: People) -> None:
        for role in (Role.READER, Role.OWNER):
            assign_role(user=people.cleo.user, role=role, by=None, now=NOW)

        assert list_roles(user=people.cleo.user) == [RoleRow(Role.OWNER, None, None)]
        with pytest.raises(IntegrityError), transaction.atomic():
            RoleAssignment.objects.create(user=people.cleo.user, role=Role.READER)

    def test_has_one_place(self, people: People) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            assign_role(
                user=people.cleo.user,
                role=Role.READER,
                group=people.workspace.group,
                workspace=people.workspace,
                by=None,
                now=NOW,
            )

        assert list_roles(user=people.cleo.user) == []
        assert events() == []


class TestListRoles:
    def test_goes_from_the_server_to_groups_and_workspaces(self, people: People) -> None:
        people_of_b, people_of_a = People.around("b-lab"), People.around("a-lab")
        for given in (people_of_b, people_of_a):
            assign_role(user=people.bob.user, role=Role.CONTRIBUTOR, group=given.workspace.group, by=None, now=NOW)
        assign_role(user=people.bob.user, role=Role.OWNER, by=None, now=NOW)

        assert list_roles(user=people.bob.user) == [
            RoleRow(Role.OWNER, None, None),
            RoleRow(Role.CONTRIBUTOR, "a-lab", None),
            RoleRow(Role.CONTRIBUTOR, "b-lab", None),
            RoleRow(Role.READER, None, "a-lab"),
            RoleRow(Role.READER, None, "b-lab"),
            RoleRow(Role.READER, None, "default"),
        ]


class TestEveryChange:
    def test_is_written_down_once_with_what_changed(self, people: People) -> None:
        by, now, workspace = people.ann.user, NOW, people.workspace
        lab = create_group(name="lab", by=by, now=now)
        update_group(group=lab, change=GroupChange(name="bal", tags={"a": "b"}), by=by, now=now)
        update_workspace(workspace=workspace, change=WorkspaceChange(quota_runs=9), group=lab, by=by, now=now)
        create_lock(name="keep", level=LockLevel.CAN_NOT_DELETE, group=lab, by=by, now=now)
        delete_lock(name="keep", group=lab, by=by, now=now)
        remove_role(username="bob", workspace=workspace, by=by, now=now)

        assert events() == [
            ("ann", "group.create", "lab"),
            ("ann", "group.update", "lab: name = bal, tags = {'a': 'b'}"),
            ("ann", "workspace.update", "default: quota_runs = 9, group = lab"),
            ("ann", "lock.create", "CanNotDelete keep on group lab"),
            ("ann", "lock.delete", "keep on group lab"),
            ("ann", "role.remove", "bob reader on workspace default"),
        ]

    def test_of_a_workspace_is_all_or_nothing(self, people: People) -> None:
        taken = create_workspace(name="taken", group=people.workspace.group, by=None, now=NOW)
        change = WorkspaceChange(name="taken", description="new")

        with pytest.raises(AlreadyExistsError):
            update_workspace(workspace=people.workspace, change=change, by=people.ann.user, now=NOW)

        assert Workspace.objects.get(pk=people.workspace.pk).description == ""
        assert not FormerName.objects.exists()
        assert events() == [("(installation)", "workspace.create", taken.name)]


class TestDying:
    """What a deletion has marked takes no changes; locks it does: they stop the deletion."""

    def test_is_not_changed_renamed_or_moved_to(self, people: People) -> None:
        lab = create_group(name="lab", by=None, now=NOW)
        ResourceGroup.objects.filter(name="lab").update(deletion_uid="d1")
        change = WorkspaceChange(description="x")
        with pytest.raises(ConflictError, match="Resource group 'lab' is being deleted"):
            update_workspace(workspace=people.workspace, change=change, group=lab, by=people.ann.user, now=NOW)
        Workspace.objects.update(deletion_uid="d1")

        with pytest.raises(ConflictError, match="d1"):
            update_workspace(workspace=people.workspace, change=change, by=people.ann.user, now=NOW)
        create_lock(
            name="stop", level=LockLevel.CAN_NOT_DELETE, workspace=people.workspace, by=people.ann.user, now=NOW
        )

        assert [lock.name for lock in list_locks(workspace=people.workspace)] == ["stop"]


class TestArtifactBytes:
    def test_are_counted_up_and_down_and_never_below_zero(self, people: People) -> None:
        counted = []
        for change in (5, 7, -2, -100):
            add_artifact_bytes(workspace_id=people.workspace.pk, change=change)
            counted.append(count_artifact_bytes(workspace=people.workspace))

        assert counted == [5, 12, 10, 0]
