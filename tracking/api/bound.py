"""What a token that is bound to one run may write to: that run, its files, and models that it makes."""

from collections.abc import Mapping

from tracking.artifacts.paths import ArtifactPath
from tracking.core.errors import PermissionDeniedError

NAMES_OF_A_RUN = ("run_id", "run_uuid", "source_run_id")


def check_own_run(*, run_uid: str, body: object, path: Mapping[str, str]) -> None:
    """Let a change pass that names this run and no other; whatever names none is refused.

    :raises PermissionDeniedError: unless it does.
    """
    if _named(body, path) != {run_uid}:
        raise PermissionDeniedError(f"The token is for run {run_uid} alone; this is not a change of that run.")


def _named(body: object, path: Mapping[str, str]) -> set[object]:
    """Return the runs that a request is about; files are addressed ``<experiment>/<run>/artifacts/…``."""
    if "path" in path:
        parts = ArtifactPath.parse(path["path"], allow_empty=True).parts
        return set(parts[1:2]) if len(parts) > 2 else set()
    return {getattr(body, name, None) for name in NAMES_OF_A_RUN} - {None}
