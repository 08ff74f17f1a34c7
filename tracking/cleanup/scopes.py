"""From the name of what is to go to the rows: once for who asks, and again, by number, for the worker."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from tracking.artifacts.paths import ArtifactPath
from tracking.cleanup.models import Deletion
from tracking.cleanup.types import MAX_RUNS_NAMED, Kind, Target
from tracking.core.errors import InvalidParameterError, NotFoundError
from tracking.identity.queries import Credential
from tracking.runs import removal as runs
from tracking.runs.queries import get_experiment, get_run, key_ids_by_name
from tracking.runs.rules import missing
from tracking.runs.tables import matching_runs
from tracking.runs.types import KeyKind, Lifecycle
from tracking.workspaces import access
from tracking.workspaces.removal import find_group, find_workspace, find_workspace_by_name, workspaces_of
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from tracking.runs.models import Experiment, Run
    from tracking.workspaces.models import ResourceGroup, Workspace


@dataclass(frozen=True, slots=True)
class Scope:
    """What goes. ``workspaces``: those that go, or the one that holds what goes; ``runs``: which go, or lose a part."""

    kind: Kind
    runs: "QuerySet[Run]"
    group: "ResourceGroup | None" = None
    workspaces: "tuple[Workspace, ...]" = ()
    experiment: "Experiment | None" = None
    run: "Run | None" = None
    key_id: int = 0
    path: str = ""

    @property
    def workspace(self) -> "Workspace":
        """The one workspace of everything but a group."""
        return self.workspaces[0]

    @property
    def doomed_workspaces(self) -> "tuple[Workspace, ...]":
        """The workspaces that go as a whole."""
        return self.workspaces if self.kind in (Kind.GROUP, Kind.WORKSPACE) else ()


def asked(*, credential: Credential, target: Target, need_inside: Permission, need_whole: Permission) -> Scope:
    """Return what a person asks for. ``need_whole``: what they must be allowed to do for a group or a workspace.

    :raises NotFoundError: if it is not there, or not for them to see.
    :raises PermissionDeniedError: if they may see it and no more.
    :raises InvalidParameterError: if the target is not complete.
    """
    if target.kind is Kind.GROUP:
        group = access.require_group(credential=credential, group=target.group, need=need_whole)
        return _group_scope(group)
    need = need_whole if target.kind is Kind.WORKSPACE else need_inside
    workspace = access.require(credential=credential, workspace=target.workspace, need=need)
    if target.kind is Kind.WORKSPACE:
        return _workspace_scope(workspace)
    if target.kind is Kind.EXPERIMENT:
        return _experiment_scope(workspace, get_experiment(workspace=workspace, experiment_id=target.experiment_id))
    if target.kind in (Kind.RUN, Kind.RUNS):
        return Scope(target.kind, _asked_runs(workspace, target), workspaces=(workspace,))
    return _part_scope(workspace, target)


def named(target: Target) -> Scope:
    """Return what the installation itself is about to delete: an experiment, or runs from the trash.

    :raises NotFoundError: if it is not there.
    """
    workspace = find_workspace_by_name(name=target.workspace)
    if workspace is None:
        raise NotFoundError(f"Workspace {target.workspace!r} not found.")
    if target.kind is Kind.EXPERIMENT:
        return _experiment_scope(workspace, get_experiment(workspace=workspace, experiment_id=target.experiment_id))
    return Scope(target.kind, _asked_runs(workspace, target), workspaces=(workspace,))


def stored(deletion: Deletion) -> Scope:
    """Return what is left of what a deletion is about.

    :raises NotFoundError: if nothing at all is.
    """
    kind = Kind(deletion.kind)
    if kind is Kind.GROUP:
        group = find_group(pk=deletion.group_id or 0)
        if group is None:
            raise NotFoundError("The resource group is gone.")
        return _group_scope(group)
    workspace = find_workspace(pk=deletion.workspace_id or 0)
    if workspace is None:
        raise NotFoundError("The workspace is gone.")
    if kind is Kind.WORKSPACE:
        return _workspace_scope(workspace)
    if kind is Kind.EXPERIMENT:
        return _experiment_scope(
            workspace, get_experiment(workspace=workspace, experiment_id=str(deletion.experiment_id))
        )
    if kind in (Kind.RUN, Kind.RUNS):
        return Scope(kind, runs.runs_marked(deletion.uid), workspaces=(workspace,))
    return _part_scope(workspace, Target.from_json(deletion.target))


def _group_scope(group: "ResourceGroup") -> Scope:
    workspaces = tuple(workspaces_of(group_id=group.pk))
    return Scope(Kind.GROUP, runs.runs_in_workspaces(one.pk for one in workspaces), group=group, workspaces=workspaces)


def _workspace_scope(workspace: "Workspace") -> Scope:
    return Scope(Kind.WORKSPACE, runs.runs_in_workspaces([workspace.pk]), workspaces=(workspace,))


def _experiment_scope(workspace: "Workspace", experiment: "Experiment") -> Scope:
    return Scope(
        Kind.EXPERIMENT, runs.runs_in_experiment(experiment.pk), workspaces=(workspace,), experiment=experiment
    )


def _asked_runs(workspace: "Workspace", target: Target) -> "QuerySet[Run]":
    if target.trashed_before:
        return runs.runs_trashed(workspace=workspace, before=datetime.fromisoformat(target.trashed_before))
    if target.kind is Kind.RUNS:
        if not target.experiment_ids:
            raise missing("experiment_ids")
        return matching_runs(
            workspace=workspace,
            experiment_ids=target.experiment_ids,
            filter_text=target.filter,
            lifecycle=Lifecycle.ACTIVE,
        )
    if not target.run_ids:
        raise missing("run_ids")
    if len(target.run_ids) > MAX_RUNS_NAMED:
        raise InvalidParameterError(
            f"At most {MAX_RUNS_NAMED} runs can be named at once, got {len(target.run_ids)}. Use kind 'runs'."
        )
    found = runs.runs_named(workspace=workspace, uids=target.run_ids)
    there = set(found.values_list("uid", flat=True))
    for uid in target.run_ids:
        if uid not in there:
            raise NotFoundError(f"Run with id={uid[:100]} not found")
    return found


def _part_scope(workspace: "Workspace", target: Target) -> Scope:
    """Return the scope of a metric or an artifact path; the run that loses it must have it."""
    run = get_run(workspace=workspace, uid=target.run_id)
    whole = Scope(target.kind, runs.runs_named(workspace=workspace, uids=[run.uid]), workspaces=(workspace,), run=run)
    if target.kind is Kind.ARTIFACT:
        path = ArtifactPath.parse(target.path)
        return replace(whole, path=str(path))
    if not target.key:
        raise missing("key")
    keys = key_ids_by_name(experiment_ids=[run.experiment_id], kind=KeyKind.METRIC, names=[target.key])
    if not keys:
        raise NotFoundError(f"Run {run.uid} has no metric {target.key[:100]!r}.")
    return replace(whole, key_id=keys[target.key][0])
