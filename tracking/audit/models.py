"""Who did what, when, from where."""

from django.db import models


class AuditEvent(models.Model):
    """One privileged change, written in the transaction that made it.

    The database refuses to change or delete one (migration 0020), and nothing refers to what may go: ``by`` is no
    constraint, names are kept as they were. ``verb``: kind of the thing, dot, what was done to it.
    """

    at = models.DateTimeField(db_index=True)
    by = models.ForeignKey(
        "tracking.User", on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+"
    )
    by_name = models.CharField(max_length=150)
    token_id = models.BigIntegerField(null=True)
    address = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    kind = models.CharField(max_length=64)
    verb = models.CharField(max_length=64)
    target = models.CharField(max_length=1000)
    result = models.CharField(max_length=200)

    class Meta:
        db_table = "audit_event"


class AuditSeal(models.Model):
    """A link of the chain that holds the events together: ``hash`` is of the event and of the link before.

    Append-only like the events. Written a little later than they are (audit.services.seal), so that no change waits for
    another; ``event`` is no constraint, so that a missing one can be told.
    """

    number = models.BigIntegerField(primary_key=True)
    event_id = models.BigIntegerField(unique=True)
    hash = models.CharField(max_length=64)
    sealed_at = models.DateTimeField()

    class Meta:
        db_table = "audit_seal"
