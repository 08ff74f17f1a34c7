"""Files without a row, and rows whose files are missing: found, and removed where somebody asks for it.

A row is always there before its files are, so that files without a row were left by something that broke off: by an
upload whose process was killed, or by a database that was set back. What is younger than the grace time stays.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.queries import the_store
from tracking.cleanup.leases import Lease, Step
from tracking.cleanup.types import Mode
from tracking.registry.removal import ModelPlace, model_uids_known, models_from, purge_models
from tracking.runs.removal import experiments_known, run_uids_known
from tracking.workspaces.removal import workspaces_known

GRACE = timedelta(hours=24)
FILES_AT_ONCE = 200
MODELS_AT_ONCE = 100
ENTRIES_AT_ONCE = 500
MAX_FINDINGS = 200
WORKSPACE_PREFIX = "workspace-"
FILES, ROW = "files", "row"


@dataclass(frozen=True, slots=True)
class Finding:
    """Files that nothing names, or a row without its files; ``where``: the folder in the store."""

    kind: str
    where: str
    files: int
    size_bytes: int


class OrphanHunt:
    """One walk through the store and the rows, a folder of an experiment at a time."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._cursor: dict[str, object] = dict(lease.deletion.cursor)
        self._removes = lease.deletion.mode == Mode.PURGE
        self._oldest = lease.clock() - GRACE

    def step(self) -> bool:
        """Look at the next folder, or at the next rows; False if there is none."""
        after = self._cursor.get("after", "")
        unit = next((unit for unit in _units() if unit > str(after)), None)
        if unit is not None:
            self._look_at(unit)
            return True
        return self._look_at_rows()

    def report(self) -> dict[str, object]:
        """Return what was found: numbers, and the first of the findings."""
        return {"counts": dict(self._lease.done), "findings": self._findings(), "removed": self._removes}

    def _look_at(self, unit: str) -> None:
        folder = ArtifactPath(tuple(unit.split("/")))
        for place in _orphans_in(folder):
            files, size_bytes, newest = self._measured(place)
            if not files or newest > self._oldest:
                continue
            if self._removes:
                while not self._cleared(place):
                    pass
            with self._lease.step() as step:
                step.counts += Counter(artifacts=files, artifact_bytes=size_bytes)
                step.size_bytes = size_bytes if self._removes else 0
                self._note(step, Finding(FILES, str(place), files, size_bytes))
        with self._lease.step() as step:
            self._keep(step, after=unit)

    def _look_at_rows(self) -> bool:
        after = self._cursor.get("model_after", 0)
        found = models_from(after=after if isinstance(after, int) else 0, before=self._oldest, limit=MODELS_AT_ONCE)
        if not found:
            return False
        missing = [place for place in found if not _has_files(place.workspace_id, place.model)]
        with self._lease.step() as step:
            if self._removes:
                purge_models(pks=[place.model.pk for place in missing])
            step.counts += Counter(models=len(missing))
            for place in missing:
                self._note(step, Finding(ROW, str(_home(place.workspace_id, place.model)), 0, 0))
            self._keep(step, model_after=found[-1].model.pk)
        return True

    def _measured(self, place: ArtifactPath) -> tuple[int, int, datetime]:
        """Return the number of files, their bytes, and when the newest was written."""
        files, size_bytes, newest = 0, 0, self._oldest
        for file in the_store().walk(place):
            files += 1
            size_bytes += file.size_bytes
            newest = max(newest, file.modified_at)
            if files % FILES_AT_ONCE == 0:
                self._lease.renew()
        return files, size_bytes, newest

    def _cleared(self, place: ArtifactPath) -> bool:
        self._lease.renew()
        return the_store().clear([place], limit=FILES_AT_ONCE).is_empty

    def _note(self, step: Step, finding: Finding) -> None:
        found = self._findings()
        if len(found) < MAX_FINDINGS:
            self._keep(step, findings=[*found, asdict(finding)])

    def _findings(self) -> list[object]:
        kept = self._cursor.get("findings")
        return list(kept) if isinstance(kept, list) else []

    def _keep(self, step: Step, **values: object) -> None:
        self._cursor |= values
        step.columns["cursor"] = self._cursor


def _units() -> Iterator[str]:
    """Yield the folders to look at, in order: those of workspaces without a row, and those of experiments."""
    numbers = {int(name.removeprefix(WORKSPACE_PREFIX)) for name in _entries(ArtifactPath(())) if _is_workspace(name)}
    known = workspaces_known(pks=numbers)
    for name in sorted(f"{WORKSPACE_PREFIX}{number}" for number in numbers):
        if int(name.removeprefix(WORKSPACE_PREFIX)) not in known:
            yield name
        else:
            yield from (f"{name}/{below}" for below in _entries(ArtifactPath((name,))) if below.isdigit())


def _orphans_in(folder: ArtifactPath) -> Iterator[ArtifactPath]:
    """Yield the folders within this one, or itself, that nothing names."""
    if len(folder.parts) == 1:
        yield folder
        return
    if int(folder.name) not in experiments_known(pks=[int(folder.name)]):
        yield folder
        return
    uids = [name for name in _entries(folder) if name != "models"]
    yield from _unnamed(folder, uids, run_uids_known(uids=uids))
    models = folder / "models"
    uids = list(_entries(models))
    yield from _unnamed(models, uids, model_uids_known(uids=uids))


def _unnamed(folder: ArtifactPath, uids: Sequence[str], known: set[str]) -> Iterator[ArtifactPath]:
    yield from (folder / uid for uid in uids if uid not in known)


def _entries(folder: ArtifactPath) -> Iterator[str]:
    """Yield the names of the directories in a folder, in order."""
    after: str | None = None
    while True:
        page = the_store().list_dir(folder, after=after, limit=ENTRIES_AT_ONCE)
        yield from (entry.path for entry in page if entry.is_dir)
        if len(page) < ENTRIES_AT_ONCE:
            return
        after = page[-1].path


def _is_workspace(name: str) -> bool:
    return name.startswith(WORKSPACE_PREFIX) and name.removeprefix(WORKSPACE_PREFIX).isdigit()


def _has_files(workspace_id: int, model: ModelPlace) -> bool:
    return next(the_store().walk(_home(workspace_id, model)), None) is not None


def _home(workspace_id: int, model: ModelPlace) -> ArtifactPath:
    return ArtifactPath((f"{WORKSPACE_PREFIX}{workspace_id}", str(model.experiment_id), "models", model.uid))
