"""Questions about deletions: what one would do, how far one is, and which there are."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from django.db.models import Q

from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.queries import run_folder, run_home, walk_files
from tracking.cleanup.models import Deletion
from tracking.cleanup.scopes import Scope, asked
from tracking.cleanup.types import (
    LOCK,
    RUNNING_RUN,
    Block,
    DeletionRow,
    Kind,
    Loser,
    Mode,
    Plan,
    State,
    Target,
)
from tracking.core.errors import NotFoundError, PermissionDeniedError
from tracking.core.pages import Page, decode_token, encode_token
from tracking.datastores.queries import count_registered as count_datastores
from tracking.identity.queries import Credential
from tracking.metrics.removal import measure_metric, measure_points
from tracking.registry.removal import count_models_in, count_models_of_runs, count_registered, models_of_runs
from tracking.runs.queries import experiments_of
from tracking.runs.removal import count_rows, list_running
from tracking.workspaces import access
from tracking.workspaces.queries import list_locks, role_places
from tracking.workspaces.removal import roles_within
from tracking.workspaces.types import Permission, Role

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace

MAX_BLOCKS_SHOWN = 10
LOOK_S = 0.4  # how long a plan looks at files, so that it is shown at once
RUNS_AT_ONCE = 500


def plan_deletion(*, credential: Credential, target: Target) -> Plan:
    """Return what a deletion would take away, who would lose access and what is in its way; changes nothing.

    Some twenty queries over all rows of the target, and a look at its files that ends after half a second.

    :raises NotFoundError: if the target is not there, or not for the asker to see.
    """
    scope = asked(credential=credential, target=target, need_inside=Permission.READ, need_whole=Permission.READ)
    return plan_scope(scope, target)


def plan_scope(scope: Scope, target: Target) -> Plan:
    """Return the plan of a target that the asker was found to be allowed to see."""
    counts, metric_bytes = count_scope(scope)
    give_up_at = time.monotonic() + LOOK_S
    files = artifact_bytes = 0
    is_exact = True
    for size in file_sizes(scope):
        files += 1
        artifact_bytes += size
        if time.monotonic() > give_up_at:
            is_exact = False
            break
    counts["artifacts"] = files
    group_id = scope.group.pk if scope.group else None
    people = roles_within(group_id=group_id, workspace_ids=[one.pk for one in scope.doomed_workspaces])
    return Plan(
        target=target,
        counts=counts,
        artifact_bytes=artifact_bytes,
        metric_bytes=metric_bytes,
        is_exact=is_exact,
        blocks=(*locks_on(scope), *_running(scope)),
        people=tuple(Loser(*row) for row in people),
        is_in_trash=_is_in_trash(scope),
    )


def count_scope(scope: Scope) -> tuple[Counter[str], int]:
    """Count the rows that go, by kind, and the bytes of metrics. Some ten queries over all of them."""
    if scope.kind is Kind.ARTIFACT:
        return Counter(), 0
    if scope.kind is Kind.METRIC and scope.run is not None:
        held = measure_metric(run_id=scope.run.pk, key_id=scope.key_id)
        return Counter(metrics=held.series, points=held.points), held.size_bytes
    counts = count_rows(runs=scope.runs)
    held = measure_points(runs=scope.runs)
    counts += Counter(metrics=held.series, points=held.points)
    experiments = _doomed_experiments(scope)
    if scope.kind in (Kind.RUN, Kind.RUNS):
        counts["models"] = count_models_of_runs(runs=scope.runs)
    else:
        counts["models"] = count_models_in(experiment_ids=experiments)
    counts["experiments"] = len(experiments)
    counts["workspaces"] = len(scope.doomed_workspaces)
    doomed = [one.pk for one in scope.doomed_workspaces]
    counts["datastores"] = count_datastores(workspaces=doomed)
    counts.update(count_registered(workspaces=doomed))
    return counts, held.size_bytes


def file_sizes(scope: Scope) -> Iterator[int]:
    """Yield the size of every file that goes, as they are found."""
    for workspace, path in _places(scope):
        for file in walk_files(workspace=workspace, path=path):
            yield file.size_bytes


def locks_on(scope: Scope) -> tuple[Block, ...]:
    """Return the locks that forbid this deletion: on what goes, on what holds it, and on what is in it.

    One query, for a group one more for each workspace in it.
    """
    locks = list_locks(group=scope.group) if scope.group is not None else []
    for workspace in scope.workspaces:
        locks += [lock for lock in list_locks(workspace=workspace) if lock not in locks]
    return tuple(Block(LOCK, lock.name, lock.where) for lock in locks)


def _is_in_trash(scope: Scope) -> bool:
    if scope.experiment is not None:
        return scope.experiment.deleted_at is not None
    return scope.kind in (Kind.RUN, Kind.RUNS) and not scope.runs.filter(deleted_at=None).exists()


def _running(scope: Scope) -> tuple[Block, ...]:
    found = list_running(runs=scope.runs, limit=MAX_BLOCKS_SHOWN)
    return tuple(Block(RUNNING_RUN, name or uid, uid) for uid, name in found)


def _doomed_experiments(scope: Scope) -> list[int]:
    if scope.kind is Kind.EXPERIMENT and scope.experiment is not None:
        return [scope.experiment.pk]
    return [pk for workspace in scope.doomed_workspaces for pk in experiments_of(workspace=workspace)]


def _places(scope: Scope) -> "Iterator[tuple[Workspace, ArtifactPath]]":
    """Yield the folders that go."""
    if scope.doomed_workspaces:
        yield from ((workspace, ArtifactPath(())) for workspace in scope.doomed_workspaces)
    elif scope.experiment is not None:
        yield scope.workspace, ArtifactPath((str(scope.experiment.pk),))
    elif scope.kind is Kind.ARTIFACT and scope.run is not None:
        yield scope.workspace, run_folder(scope.run).join(scope.path)
    elif scope.kind in (Kind.RUN, Kind.RUNS):
        rows = scope.runs.order_by("pk").values_list("pk", "experiment_id", "uid")
        for start in range(0, len(rows), RUNS_AT_ONCE):
            some = rows[start : start + RUNS_AT_ONCE]
            yield from ((scope.workspace, run_home(experiment_id=row[1], uid=row[2])) for row in some)
            models = models_of_runs(run_ids=[row[0] for row in some], limit=RUNS_AT_ONCE * 10)
            yield from (
                (scope.workspace, ArtifactPath((str(model.experiment_id), "models", model.uid))) for model in models
            )


# ---- those that were asked for -------------------------------------------------------------------------------------


def get_deletion(*, credential: Credential, uid: str, need: Permission = Permission.READ) -> Deletion:
    """Return a deletion that the asker may see: their own, or of something they have, or had, a role in. Two queries.

    ``need`` MANAGE: one that they may steer, as who asked for it or as an owner.

    :raises NotFoundError: if there is none of this id for them.
    :raises PermissionDeniedError: if they may see it and no more.
    """
    seen = Deletion.objects.filter(_seen_by(credential), uid=uid).first() if len(uid) <= 32 else None
    if seen is None:
        raise NotFoundError(f"There is no deletion {uid[:100]!r}.")
    access.require_person(credential=credential, need=need)
    if need is Permission.MANAGE and not may_steer(credential=credential, deletion=seen):
        raise PermissionDeniedError(f"Deletion {uid} can be steered by who asked for it, and by owners.")
    return seen


def may_steer(*, credential: Credential, deletion: Deletion) -> bool:
    """Tell whether the asker may pause, resume, retry or cancel a deletion. One query at most."""
    return deletion.by_id == credential.user.pk or any(
        role is Role.OWNER and group in (None, deletion.group_id) and workspace in (None, deletion.workspace_id)
        for role, group, workspace in role_places(user=credential.user)
    )


def is_server_owner(*, credential: Credential) -> bool:
    """Tell whether the asker may see and steer all work of the server. One query."""
    return credential.workspace_id is None and (Role.OWNER, None, None) in role_places(user=credential.user)


def list_deletions(
    *,
    credential: Credential,
    states: Sequence[State] = tuple(State),
    workspace: "Workspace | None" = None,
    page_token: str = "",
    limit: int,
) -> Page[DeletionRow]:
    """Return the deletions that the asker may see, newest first, perhaps of one workspace. Two queries.

    :raises InvalidParameterError: if the page token is none.
    """
    found = Deletion.objects.filter(_seen_by(credential), state__in=list(map(str, states)))
    if workspace is not None:
        found = found.filter(workspace_id=workspace.pk)
    if page_token:
        (last,) = decode_token(page_token, length=1)
        found = found.filter(pk__lt=last)
    rows = list(found.order_by("-pk")[: limit + 1])
    more = encode_token((rows[limit - 1].pk,)) if len(rows) > limit else None
    return Page([deletion_row(row) for row in rows[:limit]], more)


def find_marking(*, uid: str) -> DeletionRow | None:
    """Return the deletion that has marked something, for whoever may see the marked. One query at most."""
    found = Deletion.objects.filter(uid=uid).first() if uid else None
    return None if found is None else deletion_row(found)


def deletion_row(deletion: Deletion) -> DeletionRow:
    """Return a deletion as it is shown. No query."""
    return DeletionRow(
        uid=deletion.uid,
        target=deletion.target,
        target_name=deletion.target_name,
        kind=Kind(deletion.kind),
        mode=Mode(deletion.mode),
        state=State(deletion.state),
        asked_by=deletion.by_name,
        asked_at=deletion.asked_at,
        due_at=deletion.due_at,
        started_at=deletion.started_at,
        ended_at=deletion.ended_at,
        done=Counter(deletion.done),
        total=Counter(deletion.total),
        bytes_freed=deletion.bytes_freed,
        error=deletion.error,
        report=deletion.report,
    )


def last_hunt(*, mode: Mode | None = None) -> DeletionRow | None:
    """Return the newest hunt for orphans, perhaps of one mode; for server owners, whom the caller asks for."""
    found = Deletion.objects.filter(kind=Kind.ORPHANS).order_by("-pk")
    newest = (found if mode is None else found.filter(mode=mode)).first()
    return None if newest is None else deletion_row(newest)


def counts_of(counted: "Counter[str]") -> dict[str, int]:
    """Return the numbers of things, without those of bytes."""
    return {name: count for name, count in counted.items() if not name.endswith("_bytes")}


def _seen_by(credential: Credential) -> Q:
    """Say which deletions somebody may see; a token for one workspace sees that one's."""
    if credential.workspace_id is not None:
        return Q(workspace_id=credential.workspace_id)
    places = role_places(user=credential.user)
    if any(group is None and workspace is None for _, group, workspace in places):
        return Q()
    groups = [group for _, group, _ in places if group is not None]
    workspaces = [workspace for _, _, workspace in places if workspace is not None]
    return Q(by=credential.user) | Q(group_id__in=groups) | Q(workspace_id__in=workspaces)
