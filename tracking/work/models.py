"""When each task ran last, and what became of it."""

from django.db import models


class TaskNote(models.Model):
    """A task of workers as it ran last. ``ended_at`` NULL: it runs, or it was killed.

    ``error`` is that of the last failure, ``failed_at`` its time; a success takes both away.
    """

    name = models.CharField(max_length=100, primary_key=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        db_table = "task_note"
