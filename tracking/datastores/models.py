"""Datastores that were registered. The built-in one has no row: a workspace without a default here has that."""

from django.db import models

from tracking.datastores.types import Kind

REGISTERED = [kind.value for kind in Kind if kind is not Kind.BUILT_IN]


class Datastore(models.Model):
    """A named place of files. ``sealed``: the credentials, encrypted (sealing.py); empty: none."""

    workspace = models.ForeignKey("tracking.Workspace", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=63)
    kind = models.CharField(max_length=12, choices=[(kind, kind) for kind in REGISTERED])
    config = models.JSONField(default=dict)
    sealed = models.TextField(blank=True, default="")
    is_default = models.BooleanField(default=False)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "datastore"
        constraints = [
            models.UniqueConstraint(name="datastore_name_is_unique_in_a_workspace", fields=["workspace", "name"]),
            models.UniqueConstraint(
                name="a_workspace_has_one_default_datastore",
                fields=["workspace"],
                condition=models.Q(is_default=True),
            ),
            models.CheckConstraint(name="a_datastore_has_a_kind_we_know", condition=models.Q(kind__in=REGISTERED)),
        ]
