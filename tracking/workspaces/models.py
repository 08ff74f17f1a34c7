"""Resource groups, workspaces, and who is what in them."""

from django.db import models

from tracking.workspaces.types import LockLevel, Role


class ResourceGroup(models.Model):
    """A named container of everything that is created, paid for and deleted together."""

    name = models.CharField(max_length=90, unique=True)
    description = models.CharField(max_length=1000, blank=True)
    tags = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    deletion_uid = models.CharField(max_length=32, blank=True, default="", db_default="")

    class Meta:
        db_table = "resource_group"


class Workspace(models.Model):
    """A tenant inside one resource group; its address is ``/w/<name>``. A quota of None: what the settings say."""

    group = models.ForeignKey(ResourceGroup, on_delete=models.PROTECT, related_name="workspaces")
    name = models.CharField(max_length=63, unique=True)
    description = models.CharField(max_length=1000, blank=True)
    tags = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    quota_bytes = models.BigIntegerField(null=True)
    quota_runs = models.BigIntegerField(null=True)
    deletion_uid = models.CharField(max_length=32, blank=True, default="", db_default="")

    class Meta:
        db_table = "workspace"
        constraints = [
            models.CheckConstraint(
                name="quotas_of_a_workspace_are_positive",
                condition=(models.Q(quota_bytes__isnull=True) | models.Q(quota_bytes__gt=0))
                & (models.Q(quota_runs__isnull=True) | models.Q(quota_runs__gt=0)),
            ),
        ]


class WorkspaceUsage(models.Model):
    """What a workspace's artifacts take: counted at each upload and deletion, measured anew now and then.

    A table of its own, so that uploads do not hold the row that everything else of a workspace points at.
    """

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, primary_key=True, related_name="usage")
    artifact_bytes = models.BigIntegerField(default=0)
    measured_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "workspace_usage"


class FormerName(models.Model):
    """A name that a workspace had: tracking URIs with it still lead there."""

    name = models.CharField(max_length=63, unique=True)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="former_names")

    class Meta:
        db_table = "workspace_former_name"


class Lock(models.Model):
    """A lock on a resource group, which its workspaces inherit, or on a workspace."""

    level = models.CharField(max_length=12, choices=[(one.value, one.value) for one in LockLevel])
    name = models.CharField(max_length=63)
    note = models.CharField(max_length=500, blank=True)
    group = models.ForeignKey(ResourceGroup, on_delete=models.CASCADE, null=True, related_name="+")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, null=True, related_name="+")
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "resource_lock"
        constraints = [
            models.UniqueConstraint(name="lock_name_is_unique_on_a_group", fields=["group", "name"]),
            models.UniqueConstraint(name="lock_name_is_unique_on_a_workspace", fields=["workspace", "name"]),
            models.CheckConstraint(
                name="a_lock_stands_on_one_thing",
                condition=models.Q(group__isnull=True) ^ models.Q(workspace__isnull=True),
            ),
        ]


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
