"""Taking apart what a deletion is about, from the bottom up, a bounded step at a time.

A step looks for the lowest thing that is still there, so that it does not matter who took the steps before, or whether
the last one broke off: files go before the rows that name them, and rows in the transaction that counts them.
"""

import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.queries import run_folder, run_home
from tracking.artifacts.services import clear_files, count_cleared
from tracking.artifacts.types import Cleared
from tracking.cleanup.leases import Lease, Step
from tracking.cleanup.models import Deletion
from tracking.cleanup.pace import Pace
from tracking.cleanup.queries import count_scope, file_sizes
from tracking.cleanup.scopes import Scope, stored
from tracking.cleanup.types import PARTIAL_KINDS, Kind
from tracking.core.errors import InvalidStateError, NotFoundError
from tracking.metrics.removal import purge_metric, purge_points
from tracking.registry.removal import ModelPlace, models_in, models_of_runs, purge_models, purge_registered
from tracking.runs import removal as runs
from tracking.runs.queries import experiments_of, get_experiment
from tracking.workspaces.removal import purge_group, purge_workspace

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from tracking.runs.models import Run
    from tracking.workspaces.models import Workspace

FILES_AT_ONCE = 200
MODELS_AT_ONCE = 50
RENEW_EVERY_S = 1
MAX_RESULTS = 1_000
RUNS_PACE = Pace(least=8, most=200)
ROWS_PACE = Pace(least=64, most=2_000)
ROOT = ArtifactPath(())


class Removal:
    """What is left of a deletion's target, and the lease under which it goes."""

    def __init__(self, lease: Lease, scope: Scope) -> None:
        self._lease = lease
        self._scope = scope
        self._cursor: dict[str, object] = lease.deletion.cursor

    def measure(self) -> None:
        """Count all that is to go, once: nothing is added any more, so that this is also what will have gone.

        What was counted so far is shown meanwhile.
        """
        if self._cursor.get("is_measured"):
            return
        total, total["metric_bytes"] = count_scope(self._scope)
        self._lease.renew(total=total)
        renewed_at = time.monotonic()
        for size in file_sizes(self._scope):
            total["artifacts"] += 1
            total["artifact_bytes"] += size
            if time.monotonic() - renewed_at > RENEW_EVERY_S:
                self._lease.renew(total=total)
                renewed_at = time.monotonic()
        with self._lease.step() as step:
            self._keep(step, is_measured=True)
            step.columns["total"] = total
        self._lease.deletion.total = total

    def step(self) -> bool:
        """Remove a little; False if there was nothing left to remove."""
        scope = self._scope
        if scope.kind is Kind.GROUP:
            return self._remove_of_group(scope)
        if scope.kind is Kind.WORKSPACE:
            return self._remove_of_workspace(scope.workspace)
        if scope.kind is Kind.EXPERIMENT:
            return self._remove_of_experiment(scope.workspace, scope.experiment.pk if scope.experiment else 0)
        if scope.kind in PARTIAL_KINDS:
            return self._remove_part(scope)
        return self._remove_runs(scope.workspace, scope.runs)

    def _remove_of_group(self, scope: Scope) -> bool:
        left = [workspace for workspace in scope.workspaces if not self._is_gone(workspace)]
        if left:
            return self._remove_of_workspace(left[0])
        with self._lease.step() as step:
            step.counts += purge_group(pk=scope.group.pk if scope.group else 0)
        return step.counts.total() > 0

    def _remove_of_workspace(self, workspace: "Workspace") -> bool:
        if self._is_gone(workspace):
            return False
        for pk in experiments_of(workspace=workspace)[:1]:
            return self._remove_of_experiment(workspace, pk)
        if self._remove_registered(workspace) or self._remove_files(workspace, [ROOT]):
            return True
        with self._lease.step() as step:
            step.counts += purge_workspace(pk=workspace.pk)
            gone = [*self._listed("gone"), workspace.pk]
            self._keep(step, gone=gone)
            self._note_result(step, "workspace", workspace.name, since="of_workspace")
        return True

    def _remove_of_experiment(self, workspace: "Workspace", pk: int) -> bool:
        if self._remove_runs(workspace, runs.runs_in_experiment(pk)) or self._remove_models(workspace, pk):
            return True
        with ROWS_PACE.batch() as size, self._lease.step():
            if runs.purge_keys(experiment_id=pk, limit=size):
                return True
        if self._remove_files(workspace, [ArtifactPath((str(pk),))]):
            return True
        if pk not in experiments_of(workspace=workspace):
            return False
        name = get_experiment(workspace=workspace, experiment_id=str(pk)).name
        with self._lease.step() as step:
            step.counts += runs.purge_experiment(pk=pk)
            self._note_result(step, "experiment", f"{workspace.name}/{name}", since="of_experiment")
        return True

    def _remove_runs(self, workspace: "Workspace", found: "QuerySet[Run]") -> bool:
        rows = list(found.order_by("pk").values_list("pk", "experiment_id", "uid")[: RUNS_PACE.size])
        if not rows:
            return False
        pks = [pk for pk, _, _ in rows]
        models = models_of_runs(run_ids=pks, limit=MODELS_AT_ONCE)
        homes = [run_home(experiment_id=experiment_id, uid=uid) for _, experiment_id, uid in rows]
        cleared = clear_files(workspace=workspace, paths=[*map(_model_home, models), *homes], limit=FILES_AT_ONCE)
        with self._lease.step() as step:
            _count_files(step, workspace, cleared)
            if cleared.is_empty and models:
                step.counts["models"] += purge_models(pks=[model.pk for model in models])
            elif cleared.is_empty and self._purge_points(step, pks):
                with RUNS_PACE.batch():
                    step.counts += runs.purge_runs(pks=pks)
        return True

    def _purge_points(self, step: Step, pks: Sequence[int]) -> bool:
        """Remove points of runs; tell whether none are left."""
        with ROWS_PACE.batch() as size:
            removed = purge_points(run_ids=pks, limit=size)
        step.counts += Counter(metrics=removed.series, points=removed.points, metric_bytes=removed.size_bytes)
        step.size_bytes += removed.size_bytes
        return removed.is_rest

    def _remove_models(self, workspace: "Workspace", experiment_id: int) -> bool:
        models = models_in(experiment_id=experiment_id, limit=MODELS_AT_ONCE)
        if not models:
            return False
        cleared = clear_files(workspace=workspace, paths=list(map(_model_home, models)), limit=FILES_AT_ONCE)
        with self._lease.step() as step:
            _count_files(step, workspace, cleared)
            if cleared.is_empty:
                step.counts["models"] += purge_models(pks=[model.pk for model in models])
        return True

    def _remove_registered(self, workspace: "Workspace") -> bool:
        """Remove versions and then registered models; tell whether there were any."""
        with ROWS_PACE.batch() as size, self._lease.step() as step:
            removed = purge_registered(workspace_id=workspace.pk, limit=size)
            step.counts += removed
        return removed.total() > 0

    def _remove_files(self, workspace: "Workspace", paths: Sequence[ArtifactPath]) -> bool:
        """Remove files that no row names; tell whether there were any."""
        cleared = clear_files(workspace=workspace, paths=paths, limit=FILES_AT_ONCE)
        if not cleared.files:
            return False
        with self._lease.step() as step:
            _count_files(step, workspace, cleared)
        return True

    def _remove_part(self, scope: Scope) -> bool:
        """Remove a metric or an artifact path of a run that stays."""
        run = scope.run
        if run is None or self._cursor.get("is_removed"):
            return False
        if scope.kind is Kind.ARTIFACT:
            cleared = clear_files(
                workspace=scope.workspace, paths=[run_folder(run).join(scope.path)], limit=FILES_AT_ONCE
            )
            with self._lease.step() as step:
                _count_files(step, scope.workspace, cleared)
                self._keep(step, is_removed=cleared.is_empty)
            return True
        with ROWS_PACE.batch() as size, self._lease.step() as step:
            after = self._cursor.get("after")
            removed = purge_metric(
                run_id=run.pk, key_id=scope.key_id, after=after if isinstance(after, int) else 0, limit=size
            )
            step.counts += Counter(metrics=removed.series, points=removed.points, metric_bytes=removed.size_bytes)
            step.size_bytes += removed.size_bytes
            self._keep(step, after=removed.after, is_removed=removed.after is None)
        return True

    # ---- what a removal that breaks off must remember --------------------------------------------------------------

    def _keep(self, step: Step, **values: object) -> None:
        self._cursor |= values
        step.columns["cursor"] = self._cursor

    def _listed(self, name: str) -> list[object]:
        kept = self._cursor.get(name)
        return list(kept) if isinstance(kept, list) else []

    def _is_gone(self, workspace: "Workspace") -> bool:
        return workspace.pk in self._listed("gone")

    def _note_result(self, step: Step, kind: str, name: str, *, since: str) -> None:
        """Add a line to the report: what became of a thing; ``since``: where the counts before it are kept."""
        before = self._cursor.get(since)
        now = self._lease.done + step.counts
        went = now - Counter(before if isinstance(before, dict) else {})
        results = self._listed("results")
        if len(results) < MAX_RESULTS:
            results.append({"kind": kind, "name": name, "result": "removed", "counts": dict(went)})
        self._keep(step, results=results, **{since: dict(now)})


def check_empty(deletion: Deletion, scope: Scope) -> None:
    """Make sure that neither a row nor a file of a target is left.

    :raises InvalidStateError: if there is; says what.
    """
    try:
        left, _ = count_scope(stored(deletion))
    except NotFoundError:
        left = Counter()
    if left.total():
        raise InvalidStateError(f"After the last step these were left: {dict(+left)}.")
    if next(file_sizes(scope), None) is not None:
        raise InvalidStateError("After the last step there were files left.")


def _count_files(step: Step, workspace: "Workspace", cleared: Cleared) -> None:
    count_cleared(workspace=workspace, cleared=cleared)
    step.counts += Counter(artifacts=cleared.files, artifact_bytes=cleared.size_bytes)
    step.size_bytes += cleared.size_bytes


def _model_home(model: ModelPlace) -> ArtifactPath:
    return ArtifactPath((str(model.experiment_id), "models", model.uid))
