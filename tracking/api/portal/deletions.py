"""``deletions``: what goes for good, or to the trash: planned, asked for, watched, steered."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tracking.api.base import endpoint
from tracking.api.portal import deletion_shapes as shapes
from tracking.api.portal.base import Call, Listing, Nothing, page_size
from tracking.cleanup import queries, services
from tracking.cleanup.settings import keeping
from tracking.cleanup.types import TRASHABLE, Kind, Mode, State, Target
from tracking.core.errors import InvalidParameterError
from tracking.core.json import Request
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.cleanup.models import Deletion

KINDS = tuple(kind for kind in Kind if kind is not Kind.ORPHANS)
MAX_BODY_BYTES = 200_000


class DeletionTarget(Request):
    """What is to go. ``kind`` is group, workspace, experiment, run, runs, metric or artifact, and says what is read."""

    kind: str
    group: str | None = None
    workspace: str | None = None
    experiment_id: str | int | None = None
    run_ids: list[str] | None = None
    experiment_ids: list[str] | None = None
    filter: str | None = None
    run_id: str | None = None
    key: str | None = None
    path: str | None = None


class AskDeletion(DeletionTarget, kw_only=True):
    """A target, and how it is to go. ``confirm``: the exact name of a group or a workspace. ``mode``: trash (the
    default where there is a trash) or purge. ``even_running``: runs that still run go too."""

    confirm: str | None = None
    mode: str | None = None
    even_running: bool | None = None


class ListDeletions(Listing):
    """A page of deletions, of one state if it is named."""

    state: str | None = None


@endpoint(DeletionTarget, max_body_bytes=MAX_BODY_BYTES)
def plan(call: Call, body: DeletionTarget) -> shapes.DeletionPlan:
    """Return what a deletion would take away and what is in its way; changes nothing."""
    return shapes.plan(queries.plan_deletion(credential=call.credential, target=_target(body)))


@endpoint(AskDeletion, max_body_bytes=MAX_BODY_BYTES)
def ask(call: Call, body: AskDeletion) -> shapes.Deletion:
    """Ask for a deletion. Who asks again for what is being deleted gets the deletion that there is."""
    target = _target(body)
    deletion = services.delete(
        credential=call.credential,
        target=target,
        mode=_mode(body, target),
        confirm=body.confirm or "",
        even_running=bool(body.even_running),
        keeping=keeping(),
        now=call.now,
    )
    return shapes.deletion(queries.deletion_row(deletion))


@endpoint(ListDeletions)
def list(call: Call, body: ListDeletions) -> shapes.Deletions:
    """Return the deletions that the asker may see, newest first."""
    if body.state is not None and body.state not in tuple(State):
        raise InvalidParameterError(
            f"Invalid value {body.state[:40]!r} for parameter 'state' supplied: it is one of {', '.join(State)}."
        )
    page = queries.list_deletions(
        credential=call.credential,
        states=tuple(State) if body.state is None else (State(body.state),),
        page_token=body.page_token or "",
        limit=page_size(body),
    )
    return shapes.Deletions([shapes.deletion(row) for row in page.rows], page.next_token)


@endpoint(Nothing)
def show(call: Call, body: Nothing, uid: str) -> shapes.Deletion:
    """Return a deletion."""
    return shapes.deletion(queries.deletion_row(queries.get_deletion(credential=call.credential, uid=uid)))


@endpoint(Nothing)
def pause(call: Call, body: Nothing, uid: str) -> shapes.Deletion:
    """Stop a deletion at the border of its present step."""
    return _steered(call, uid, services.pause)


@endpoint(Nothing)
def resume(call: Call, body: Nothing, uid: str) -> shapes.Deletion:
    """Go on with a deletion that was paused, by hand or by a lock."""
    return _steered(call, uid, services.resume)


@endpoint(Nothing)
def retry(call: Call, body: Nothing, uid: str) -> shapes.Deletion:
    """Try a deletion that failed once more."""
    return _steered(call, uid, services.retry)


@endpoint(Nothing)
def cancel(call: Call, body: Nothing, uid: str) -> shapes.Deletion:
    """Give up a deletion that does not run: what is left can be used, or restored, again."""
    return _steered(call, uid, services.cancel)


def _steered(call: Call, uid: str, steer: "Callable[..., None]") -> shapes.Deletion:
    deletion: Deletion = queries.get_deletion(credential=call.credential, uid=uid, need=Permission.MANAGE)
    steer(deletion=deletion, by=call.user, now=call.now)
    return shapes.deletion(queries.deletion_row(deletion))


def _target(body: DeletionTarget) -> Target:
    if body.kind not in KINDS:
        raise InvalidParameterError(
            f"Invalid value {body.kind[:40]!r} for parameter 'kind' supplied: it is one of {', '.join(KINDS)}."
        )
    return Target(
        kind=Kind(body.kind),
        group=body.group or "",
        workspace=body.workspace or "",
        experiment_id="" if body.experiment_id is None else str(body.experiment_id),
        run_ids=tuple(body.run_ids or ()),
        experiment_ids=tuple(body.experiment_ids or ()),
        filter=body.filter or "",
        run_id=body.run_id or "",
        key=body.key or "",
        path=body.path or "",
    )


def _mode(body: AskDeletion, target: Target) -> Mode:
    if body.mode is None:
        return Mode.TRASH if target.kind in TRASHABLE else Mode.PURGE
    if body.mode not in (Mode.TRASH, Mode.PURGE):
        raise InvalidParameterError(
            f"Invalid value {body.mode[:40]!r} for parameter 'mode' supplied: it is trash or purge."
        )
    return Mode(body.mode)
