"""Asking for deletions, steering them, and getting on with them."""

import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q

from tracking.audit.services import record
from tracking.cleanup.leases import Clock, Lease, LostLeaseError
from tracking.cleanup.models import Deletion
from tracking.cleanup.orphans import OrphanHunt
from tracking.cleanup.queries import count_scope, counts_of, locks_on
from tracking.cleanup.removal import Removal, check_empty
from tracking.cleanup.scopes import Scope, asked, named, stored
from tracking.cleanup.space import give_back
from tracking.cleanup.types import (
    DUE_STATES,
    NAMED_KINDS,
    OPEN_STATES,
    PARTIAL_KINDS,
    RUNNING_RUN,
    TRASHABLE,
    Block,
    Keeping,
    Kind,
    Mode,
    State,
    Target,
)
from tracking.core.errors import ConflictError, InvalidParameterError, InvalidStateError, NotFoundError
from tracking.core.queue import enqueue
from tracking.identity.models import User
from tracking.identity.queries import Credential
from tracking.identity.services import revoke_workspace_tokens
from tracking.runs import removal as runs
from tracking.workspaces import removal as workspaces
from tracking.workspaces.store import close_gate
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from django.db.models import QuerySet

SLICE_S = 3
QUIET = timedelta(seconds=5)  # how long a deletion that nobody holds may wait before the sweeper wakes a worker again
MAX_WOKEN = 100
WAIT_S = 0.05
LOOK_EVERY_S = 0.5  # at locks


# ---- asking --------------------------------------------------------------------------------------------------------


def delete(
    *,
    credential: Credential,
    target: Target,
    mode: Mode,
    confirm: str,
    even_running: bool,
    keeping: Keeping,
    now: datetime,
) -> Deletion:
    """Accept a deletion: from the commit on nothing is written to its target, and workers remove it.

    Who asks for what is being deleted already gets that deletion. ``even_running``: runs that still run go too.
    Some thirty statements, and one that marks all runs if runs are named or filtered.

    :raises InvalidParameterError: if the name that confirms a group or a workspace is not given exactly.
    :raises ConflictError: if a lock, or a run that runs, is in the way; names them.
    :raises NotFoundError: if the target is not there, or not for the asker to see.
    :raises PermissionDeniedError: if the asker may not delete it.
    """
    seen = asked(credential=credential, target=target, need_inside=Permission.READ, need_whole=Permission.MANAGE)
    present = _present(seen, target)
    if present is not None:
        return present
    _check_asked(target, mode, confirm)

    def scope_of() -> Scope:
        return asked(credential=credential, target=target, need_inside=Permission.WRITE, need_whole=Permission.MANAGE)

    deletion = _new_deletion(scope_of(), target, mode, by=credential.user, now=now)
    deletion.confirm = confirm
    if mode is Mode.TRASH and seen.doomed_workspaces:
        deletion.due_at = now + (_life(seen, keeping) or timedelta())
    return _accept(deletion, target, scope_of, is_even_running=even_running, now=now)


def _accept(
    deletion: Deletion, target: Target, scope_of: Callable[[], Scope], *, is_even_running: bool, now: datetime
) -> Deletion:
    """Mark what goes, and wake a worker up; what only goes to MLflow's trash is there at once."""
    if not _is_plain_trash(deletion):
        deletion.plan = deletion.total = count_scope(scope_of())[0]  # before the gate is closed: it may take long
    with transaction.atomic():
        close_gate()
        scope = scope_of()
        present = _present(scope, target)
        if present is not None:
            return present
        _check_blocks(scope, target, Mode(deletion.mode), is_even_running=is_even_running)
        if _is_plain_trash(deletion):
            _trash(deletion, scope, now)
        else:
            _mark(deletion, scope, now)
        deletion.save()
        record(by=deletion.by, verb="deletion.ask", target=_spoken(deletion), at=now)
        if deletion.state == State.ACCEPTED and deletion.due_at <= now:
            enqueue("cleanup.advance", deletion_id=deletion.pk)
    return deletion


def _is_plain_trash(deletion: Deletion) -> bool:
    """Tell whether the target goes to MLflow's trash, where its own rows say so."""
    return deletion.mode == Mode.TRASH and deletion.kind not in NAMED_KINDS


def _present(scope: Scope, target: Target) -> Deletion | None:
    """Return the deletion that has marked just this, if any."""
    if scope.group is not None:
        uids = [scope.group.deletion_uid]
    elif scope.experiment is not None:
        uids = [scope.experiment.deletion_uid]
    elif scope.kind is Kind.WORKSPACE:
        uids = [scope.workspace.deletion_uid]
    else:
        uids = runs.marks_of(runs=scope.runs)
    if len(uids) != 1 or not uids[0]:
        return None
    found = Deletion.objects.filter(uid=uids[0], kind=scope.kind).first()
    is_same = found is not None and (scope.kind not in PARTIAL_KINDS or found.target == target.as_json())
    return found if is_same else None


def _check_asked(target: Target, mode: Mode, confirm: str) -> None:
    if target.kind in NAMED_KINDS and confirm != target.name:
        raise InvalidParameterError(
            f"To delete {target.kind} {target.name!r}, give its exact name as 'confirm'. Got {confirm[:100]!r}."
        )
    if mode is Mode.TRASH and target.kind not in TRASHABLE:
        raise InvalidParameterError(f"There is no trash for {target.kind}s: give mode 'purge'.")


def _check_blocks(scope: Scope, target: Target, mode: Mode, *, is_even_running: bool) -> None:
    """Refuse what cannot go. :raises ConflictError: naming up to ten reasons."""
    if scope.experiment is not None and scope.experiment.is_default and mode is Mode.PURGE:
        raise ConflictError("The Default experiment stays: scripts that name none log to it. Delete its runs instead.")
    blocks = locks_on(scope)
    if not is_even_running and mode is Mode.PURGE:
        running = runs.list_running(runs=scope.runs, limit=10)
        blocks += tuple(Block(RUNNING_RUN, name or uid, uid) for uid, name in running)
    if blocks:
        named = ", ".join(f"{block.kind} {block.name!r} on {block.where}" for block in blocks)
        hint = " Give 'even_running': true to delete runs that still run." if blocks[-1].kind == RUNNING_RUN else ""
        raise ConflictError(f"{target.kind} cannot be deleted now, because of: {named}.{hint}")


def _new_deletion(scope: Scope, target: Target, mode: Mode, *, by: User | None, now: datetime) -> Deletion:
    return Deletion(
        uid=uuid.uuid4().hex,
        kind=target.kind,
        target=target.as_json(),
        target_name=_name_of(scope, target),
        mode=mode,
        state=State.ACCEPTED,
        group_id=scope.group.pk if scope.group else scope.workspace.group_id,
        workspace_id=None if scope.kind is Kind.GROUP else scope.workspace.pk,
        experiment_id=scope.experiment.pk if scope.experiment else scope.run.experiment_id if scope.run else None,
        by=by,
        by_name=by.get_username() if by else "",
        asked_at=now,
        due_at=now,
        heartbeat_at=now,
    )


def _name_of(scope: Scope, target: Target) -> str:
    """Return what the one experiment or run is called that this is about; "" for all else. One query for a run."""
    if scope.experiment is not None:
        return scope.experiment.name
    if scope.run is not None:
        return scope.run.name
    return runs.name_of_one(runs=scope.runs) if len(target.run_ids) == 1 else ""


def _trash(deletion: Deletion, scope: Scope, now: datetime) -> None:
    """Move an experiment or runs to the trash."""
    count = runs.trash_runs(runs=scope.runs, now=now)
    if scope.experiment is not None:
        runs.trash_experiment(pk=scope.experiment.pk, now=now)
    deletion.state, deletion.started_at, deletion.ended_at = State.DONE, now, now
    deletion.done = deletion.total = {"runs": count}
    deletion.report = {"trashed": {"runs": count}}


def _mark(deletion: Deletion, scope: Scope, now: datetime) -> None:
    if scope.doomed_workspaces or scope.group is not None:
        pks = [workspace.pk for workspace in scope.doomed_workspaces]
        _supersede(Deletion.objects.filter(workspace_id__in=pks), by=deletion, now=now)
        workspaces.mark_workspaces(pks=pks, deletion_uid=deletion.uid)
        revoke_workspace_tokens(workspace_ids=pks, now=now)
    if scope.group is not None:
        workspaces.mark_group(pk=scope.group.pk, deletion_uid=deletion.uid)
    elif scope.kind is Kind.EXPERIMENT and scope.experiment is not None:
        _supersede(Deletion.objects.filter(experiment_id=scope.experiment.pk), by=deletion, now=now)
        runs.mark_experiment(pk=scope.experiment.pk, deletion_uid=deletion.uid, now=now)
    elif not scope.doomed_workspaces:
        hidden_at = None if scope.kind in PARTIAL_KINDS else now
        if not runs.mark_runs(runs=scope.runs, deletion_uid=deletion.uid, hidden_at=hidden_at):
            raise ConflictError("None of these runs is left to delete: they are gone, or another deletion has them.")


def _supersede(inside: "QuerySet[Deletion]", *, by: Deletion, now: datetime) -> None:
    """Give up the deletions of what is in a larger one's target: that one takes over."""
    inside.filter(state__in=OPEN_STATES).update(
        state=State.CANCELLED, ended_at=now, lease_owner="", lease_until=None, error=f"Deletion {by.uid} took over."
    )


def _life(scope: Scope, keeping: Keeping) -> timedelta | None:
    return keeping.groups if scope.kind is Kind.GROUP else keeping.workspaces


@transaction.atomic
def hunt_orphans(*, mode: Mode, by: User | None, now: datetime) -> Deletion:
    """Begin to look for orphans (LOOK), or to remove them too (PURGE); one hunt at a time. ``by`` None: the timetable.

    Who asks while one is under way gets that one.
    """
    close_gate()  # two who ask at once
    present = Deletion.objects.filter(kind=Kind.ORPHANS, state__in=OPEN_STATES).first()
    if present is not None:
        return present
    deletion = Deletion.objects.create(
        uid=uuid.uuid4().hex,
        kind=Kind.ORPHANS,
        target=Target(Kind.ORPHANS).as_json(),
        mode=mode,
        state=State.ACCEPTED,
        by=by,
        by_name=by.get_username() if by else "",
        asked_at=now,
        due_at=now,
        heartbeat_at=now,
    )
    record(by=by, verb=f"orphans.{mode}", target=deletion.uid, at=now)
    enqueue("cleanup.advance", deletion_id=deletion.pk)
    return deletion


# ---- steering ------------------------------------------------------------------------------------------------------


@transaction.atomic
def pause(*, deletion: Deletion, by: User, now: datetime) -> None:
    """Stop a deletion at the border of its present step. What it is about stays closed to writers.

    :raises InvalidStateError: if it has ended.
    """
    _change(deletion, State.PAUSED, since=DUE_STATES, by=by, now=now, lease_owner="", lease_until=None)


@transaction.atomic
def resume(*, deletion: Deletion, by: User, now: datetime) -> None:
    """Go on with a deletion that was paused, by hand or by a lock that is gone now.

    :raises InvalidStateError: if it is not paused.
    :raises ConflictError: if a lock is there still.
    """
    _go_on(deletion, State.PAUSED, by, now)


@transaction.atomic
def retry(*, deletion: Deletion, by: User, now: datetime) -> None:
    """Try a deletion that failed once more.

    :raises InvalidStateError: if it has not failed.
    :raises ConflictError: if a lock is there now.
    """
    _go_on(deletion, State.FAILED, by, now)


@transaction.atomic
def start_now(*, deletion: Deletion, by: User, now: datetime) -> None:
    """Begin with a deletion that waits in the trash for its day.

    :raises InvalidStateError: if it does not wait.
    """
    _change(deletion, State.ACCEPTED, since=(State.ACCEPTED,), by=by, now=now, due_at=now, heartbeat_at=now)
    enqueue("cleanup.advance", deletion_id=deletion.pk)


@transaction.atomic
def cancel(*, deletion: Deletion, by: User, now: datetime) -> None:
    """Give a deletion up that does not run: what is left is alive again, runs and experiments are in the trash.

    :raises InvalidStateError: if it runs (pause it first) or has ended.
    """
    since = (State.ACCEPTED, State.PAUSED, State.FAILED)
    _change(deletion, State.CANCELLED, since=since, by=by, now=now, ended_at=now, lease_owner="", lease_until=None)
    workspaces.unmark(deletion_uid=deletion.uid)
    runs.unmark(deletion_uid=deletion.uid)


def _go_on(deletion: Deletion, state: State, by: User, now: datetime) -> None:
    _change(
        deletion,
        State.ACCEPTED,
        since=(state,),
        by=by,
        now=now,
        failures=0,
        error="",
        lease_until=None,
        heartbeat_at=now,
    )
    try:
        blocks = locks_on(stored(deletion))
    except NotFoundError:
        blocks = ()
    if blocks:
        raise ConflictError(f"A lock is still there: {blocks[0].name!r} on {blocks[0].where}. Remove it first.")
    enqueue("cleanup.advance", deletion_id=deletion.pk)


def _change(
    deletion: Deletion, state: State, *, since: tuple[State, ...], by: User, now: datetime, **columns: object
) -> None:
    if not Deletion.objects.filter(pk=deletion.pk, state__in=since).update(state=state, **columns):
        raise InvalidStateError(
            f"Deletion {deletion.uid} is {Deletion.objects.get(pk=deletion.pk).state}, not {' or '.join(since)}."
        )
    deletion.refresh_from_db()
    record(by=by, verb=f"deletion.{state}", target=_spoken(deletion), at=now)


# ---- getting on ----------------------------------------------------------------------------------------------------


def advance(*, deletion_id: int, owner: str, clock: Clock, slice_s: float = SLICE_S) -> None:
    """Work on a deletion for a few seconds, if it is due and nobody else does, and wake a worker up for the rest.

    May be called at any time, twice and at once; whoever calls may die at any line. What it raises is for
    ``note_failure``.
    """
    lease = Lease.take(deletion_id=deletion_id, owner=owner, clock=clock)
    if lease is None:
        return
    with suppress(LostLeaseError):
        _work(lease, slice_s)


def _work(lease: Lease, slice_s: float) -> None:
    give_up_at = time.monotonic() + slice_s
    if lease.deletion.kind == Kind.ORPHANS:
        _hunt(lease, give_up_at)
        return
    try:
        scope = stored(lease.deletion)
    except NotFoundError:
        scope = None  # its last row is gone
    removal = None
    if scope is not None:
        removal = Removal(lease, scope)
        removal.measure()
    look_at = 0.0
    while (present := time.monotonic()) < give_up_at:
        if scope is not None and present >= look_at:
            look_at = present + LOOK_EVERY_S
            if blocks := locks_on(scope):
                lease.end(state=State.PAUSED, error=f"Lock {blocks[0].name!r} on {blocks[0].where} stopped it.")
                return
        if (removal is None or not removal.step()) and not give_back(lease):
            _finish(lease, scope)
            return
    lease.end()
    enqueue("cleanup.advance", deletion_id=lease.deletion.pk)


def finish(*, deletion: Deletion, owner: str, clock: Clock) -> None:
    """Work on a deletion, or wait for the worker that does, until it has ended or stands still.

    For commands, whose user waits; a worker takes over where a command is killed.
    """
    while Deletion.objects.filter(pk=deletion.pk, state__in=DUE_STATES).exists():
        advance(deletion_id=deletion.pk, owner=owner, clock=clock)
        time.sleep(WAIT_S)
    deletion.refresh_from_db()


def _hunt(lease: Lease, give_up_at: float) -> None:
    hunt = OrphanHunt(lease)
    while time.monotonic() < give_up_at:
        if not hunt.step():
            now = lease.clock()
            columns = {"state": State.DONE, "ended_at": now, "total": lease.done, "report": hunt.report(), "error": ""}
            lease.end(**columns)
            return
    lease.end()
    enqueue("cleanup.advance", deletion_id=lease.deletion.pk)


def note_failure(*, deletion_id: int, owner: str, error: Exception, now: datetime) -> None:
    """Note that the work of ``advance`` did not get on, and why; after five times in a row it has failed."""
    Lease.fail(deletion_id=deletion_id, owner=owner, error=f"{type(error).__name__}: {error}", now=now)


def sweep(*, now: datetime) -> int:
    """Wake workers up for deletions that are due and that nobody works on; return how many. One query."""
    is_free = Q(lease_until=None, heartbeat_at__lt=now - QUIET) | Q(lease_until__lt=now)
    due = Deletion.objects.filter(is_free, state__in=DUE_STATES, due_at__lte=now).order_by("due_at", "pk")
    pks = list(due.values_list("pk", flat=True)[:MAX_WOKEN])
    for pk in pks:
        enqueue("cleanup.advance", deletion_id=pk)
    return len(pks)


def _finish(lease: Lease, scope: Scope | None) -> None:
    """Make sure that nothing is left, write the report, and close the deletion.

    :raises InvalidStateError: if something is left.
    """
    deletion = lease.deletion
    if scope is not None:
        check_empty(deletion, scope)
    now = lease.clock()
    done: Counter[str] = Counter(deletion.total)
    done |= lease.done  # what broke off between a file and its count is counted here
    started_at = deletion.started_at or now
    report = {
        "counts": counts_of(done),
        "bytes": {"artifacts": done["artifact_bytes"], "metrics": done["metric_bytes"], "file": done["file_bytes"]},
        "duration_s": round((now - started_at).total_seconds(), 3),
        "verified_empty": True,
        "results": Deletion.objects.values_list("cursor", flat=True).get(pk=deletion.pk).get("results", []),
    }
    with lease.step() as step:
        runs.unmark(deletion_uid=deletion.uid)
        step.columns = {
            "state": State.DONE,
            "ended_at": now,
            "done": done,
            "total": done,
            "bytes_freed": done["artifact_bytes"] + done["metric_bytes"],
            "report": report,
            "error": "",
            "lease_owner": "",
            "lease_until": None,
        }
        record(by=deletion.by, verb="deletion.done", target=_spoken(deletion), at=now)


def _spoken(deletion: Deletion) -> str:
    """Return a deletion as the audit names it: its id, then what it is about, as it was called."""
    named = ", ".join(f"{name} {value}" for name, value in deletion.target.items() if value)
    return f"{deletion.uid} {named}"


# ---- the trash -----------------------------------------------------------------------------------------------------


def empty_trash(*, keeping: Keeping, now: datetime) -> int:
    """Begin to remove what lies in MLflow's trash for longer than it is kept; return how many deletions that makes.

    What a lock protects stays. Two queries, and the deletions.
    """
    if keeping.runs is None:
        return 0
    before = now - keeping.runs
    targets = [
        Target(Kind.EXPERIMENT, workspace=workspace, experiment_id=str(pk))
        for workspace, pk in runs.trashed_experiments(before=before)
    ] + [
        Target(Kind.RUNS, workspace=workspace, trashed_before=before.isoformat())
        for workspace in runs.workspaces_with_trashed_runs(before=before)
    ]
    return sum(_retire(target, now) for target in targets)


def _retire(target: Target, now: datetime) -> bool:
    deletion = _new_deletion(named(target), target, Mode.PURGE, by=None, now=now)
    try:
        _accept(deletion, target, lambda: named(target), is_even_running=True, now=now)
    except ConflictError:
        return False
    return True
