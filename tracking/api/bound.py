"""What a token that is bound to one run may write to: that run, its files, and models that it makes."""

from collections.abc import Mapping

from tracking.artifacts.paths import ArtifactPath
from tracking.core.errors import PermissionDeniedError


def check_own_run(*, run_uid: str, body: object, path: Mapping[str, str]) -> None:
    """Let a change pass that names this run and no other; whatever names none is refused.

    :raises PermissionDeniedError: unless it does.
    """
    if _named(body, path) != run_uid:
        raise PermissionDeniedError(f"The token is for run {run_uid} alone; this is not a change of that run.")


def _named(body: object, path: Mapping[str, str]) -> str | None:
    """Return the run that a request is about; files are addressed ``<experiment>/<run>/artifacts/…``."""
    uid = getattr(body, "uid", None)  # of messages.RunNamed, whose two ids may name the run
    if isinstance(uid, str):
        return uid
    if "path" in path:
        parts = ArtifactPath.parse(path["path"], allow_empty=True).parts
        return parts[1] if len(parts) > 2 else None
    named = getattr(body, "run_id", None) or getattr(body, "source_run_id", None)
    return named if isinstance(named, str) else None
