"""Deletions: the one record of what is asked, how far it is and what it did."""

from django.db import models
from django.db.models import F, Q

from tracking.cleanup.types import DUE_STATES, OPEN_STATES, Kind, Mode, State


class Deletion(models.Model):
    """An operation that removes something; the row outlives what it removed, so it names that by number and text.

    ``target_name``: what the one experiment or run was called. ``total`` and ``done`` count rows and files by kind.
    ``heartbeat_at``: when it last got on. A worker that holds it is its ``lease_owner`` until ``lease_until``; every
    step is a transaction that only the holder can commit. ``failures``: times in a row that it did not get on.
    ``cursor``: what a removal that breaks off must remember.
    """

    uid = models.CharField(max_length=32, unique=True)
    kind = models.CharField(max_length=10, choices=[(k.value, k.value) for k in Kind])
    target = models.JSONField()
    target_name = models.CharField(max_length=500, blank=True, default="", db_default="")
    mode = models.CharField(max_length=5, choices=[(m.value, m.value) for m in Mode])
    state = models.CharField(max_length=9, choices=[(s.value, s.value) for s in State])
    group_id = models.BigIntegerField(null=True)
    workspace_id = models.BigIntegerField(null=True)
    experiment_id = models.BigIntegerField(null=True)
    confirm = models.CharField(max_length=90, blank=True)
    by = models.ForeignKey("tracking.User", on_delete=models.SET_NULL, null=True, related_name="+")
    by_name = models.CharField(max_length=150)
    asked_at = models.DateTimeField()
    due_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    plan = models.JSONField(default=dict)
    total = models.JSONField(default=dict)
    done = models.JSONField(default=dict)
    bytes_freed = models.BigIntegerField(default=0)
    cursor = models.JSONField(default=dict)
    heartbeat_at = models.DateTimeField()
    lease_owner = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True)
    failures = models.SmallIntegerField(default=0)
    error = models.TextField(blank=True)
    report = models.JSONField(null=True)

    class Meta:
        db_table = "deletion"
        indexes = [
            models.Index(name="deletion_due", fields=["due_at"], condition=Q(state__in=list(map(str, DUE_STATES)))),
            models.Index(F("asked_at").desc(), F("id").desc(), name="deletion_newest"),
        ]
        constraints = [
            models.CheckConstraint(
                name="an_open_deletion_has_not_ended",
                condition=~Q(state__in=list(map(str, OPEN_STATES))) | Q(ended_at__isnull=True),
            ),
        ]
