"""Resource groups, workspaces, and who is what in them."""

from django.db import models

from tracking.workspaces.types import Role


class ResourceGroup(models.Model):
    """A named container of everything that is created, paid for and deleted together."""

    name = models.CharField(max_length=90, unique=True)
    created_at = models.DateTimeField()
    deletion_uid = models.CharField(max_length=32, blank=True, default="", db_default="")

    class Meta:
        db_table = "resource_group"


class Workspace(models.Model):
    """A tenant inside one resource group; its address is ``/w/<name>``."""

    group = models.ForeignKey(ResourceGroup, on_delete=models.PROTECT, related_name="workspaces")
    name = models.CharField(max_length=63, unique=True)
    description = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField()
    deletion_uid = models.CharField(max_length=32, blank=True, default="", db_default="")

    class Meta:
        db_table = "workspace"


class RoleAssignment(models.Model):
    """A person's role on the server (no group, no workspace), in a resource group, or in a workspace."""

    user = models.ForeignKey("tracking.User", on_delete=models.CASCADE, related_name="role_assignments")
    role = models.CharField(max_length=12, choices=[(r.value, r.value) for r in Role])
    group = models.ForeignKey(ResourceGroup, on_delete=models.CASCADE, null=True, related_name="+")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, null=True, related_name="+")

    class Meta:
        db_table = "role_assignment"
        constraints = [
            models.UniqueConstraint(
                name="one_role_per_user_on_the_server",
                fields=["user"],
                condition=models.Q(group__isnull=True, workspace__isnull=True),
            ),
            models.UniqueConstraint(name="one_role_per_user_and_group", fields=["user", "group"]),
            models.UniqueConstraint(name="one_role_per_user_and_workspace", fields=["user", "workspace"]),
            models.CheckConstraint(
                name="a_role_has_at_most_one_scope",
                condition=models.Q(group__isnull=True) | models.Q(workspace__isnull=True),
            ),
        ]
