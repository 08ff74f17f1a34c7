"""The gate between writers and deletions; and how many bytes a workspace's artifacts take.

A writer passes the gate in its transaction before it looks whether what it writes to is being deleted; a deletion
closes it, marks what is to go, and commits. So a writer either sees the mark, or has committed before it was set.
SQLite has one writer at a time anyway (BEGIN IMMEDIATE); on PostgreSQL the gate is an advisory lock: in memory, shared
by all writers, one for the whole server so that no order of taking it can end in a deadlock.
"""

from django.db import connection

from tracking.workspaces.models import ResourceGroup, Workspace

GATE = 7_301_425_119  # a number that nothing else locks
PASS_GATE = f"SELECT pg_advisory_xact_lock_shared({GATE})"
CLOSE_GATE = f"SELECT pg_advisory_xact_lock({GATE})"
ADD_BYTES = """
    UPDATE workspace_usage SET artifact_bytes = CASE WHEN artifact_bytes + %s < 0 THEN 0 ELSE artifact_bytes + %s END
    WHERE workspace_id = %s
"""


def pass_gate() -> None:
    """Let no deletion begin until the caller's transaction ends. No statement on SQLite, one on PostgreSQL."""
    _execute(PASS_GATE)


def close_gate() -> None:
    """Wait for the writers that are under way, and let no other write until the caller's transaction ends."""
    _execute(CLOSE_GATE)


def deletion_of_workspace(pk: int) -> str | None:
    """Return the uid of what deletes a workspace, "" for nothing, None if it is gone; holds until the transaction ends.

    One query, and the gate.
    """
    pass_gate()
    return Workspace.objects.filter(pk=pk).values_list("deletion_uid", flat=True).first()


def deletion_of_group(pk: int) -> str | None:
    """Return the same for a resource group."""
    pass_gate()
    return ResourceGroup.objects.filter(pk=pk).values_list("deletion_uid", flat=True).first()


def add_artifact_bytes(*, workspace_id: int, change: int) -> bool:
    """Count bytes of a workspace's artifacts, never below zero; tell whether there is a count. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(ADD_BYTES, [change, change, workspace_id])
        counted: bool = cursor.rowcount > 0
    return counted


def _execute(statement: str) -> None:
    if connection.vendor != "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(statement)
