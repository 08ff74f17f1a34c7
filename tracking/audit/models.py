"""Who did what, when."""

from django.db import models


class AuditEvent(models.Model):
    """One privileged change, written in the transaction that made it; never changed afterwards."""

    at = models.DateTimeField(db_index=True)
    by = models.ForeignKey("tracking.User", on_delete=models.SET_NULL, null=True, related_name="+")
    by_name = models.CharField(max_length=150)
    verb = models.CharField(max_length=64)
    target = models.CharField(max_length=1000)

    class Meta:
        db_table = "audit_event"
