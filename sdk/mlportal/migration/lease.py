"""One import at a time into a workspace: a registered model whose name can be taken once, as long as it runs.

Its description says who, and is written again every few seconds; one that is not was left by an import that was killed.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone

from mlportal._mlflow import MlflowApi
from mlportal.errors import AlreadyExistsError, ConflictError, MlportalError, NotFoundError

NAME = "mlportal.import.under-way"
RENEW_S, PATIENCE_S = 1.5, 6.0


@contextmanager
def only_import(mlflow: MlflowApi, source: str) -> Iterator[Callable[[], None]]:
    """Let no other import begin in the workspace meanwhile; gives a check that nobody thought this one dead.

    :raises ConflictError: if another one is under way; the check: if another one took its place.
    """
    who = f"{source}, by process {os.getpid()} on {socket.gethostname()}"
    _take(mlflow, who)
    stop, lost = threading.Event(), threading.Event()

    def renew() -> None:
        while not stop.wait(RENEW_S):
            try:
                if not _renew(mlflow, who):
                    lost.set()
                    return
            except MlportalError:  # the server is away; the import itself will say so, or get on
                continue

    def check() -> None:
        if lost.is_set():
            raise ConflictError(
                "Another import took this one for dead, and writes into the workspace now. Run it again."
            )

    thread = threading.Thread(target=renew, name="mlportal-import-lease", daemon=True)
    thread.start()
    try:
        yield check
    finally:
        stop.set()
        thread.join()
        with suppress(MlportalError):
            if _renew(mlflow, who):
                mlflow.change("DELETE", "registered-models/delete", {"name": NAME})


def _take(mlflow: MlflowApi, who: str) -> None:
    """Take the name; where another one has it, wait whether that one is alive."""
    seen, give_up_at = "", 0.0
    while True:
        try:
            body = {"name": NAME, "description": _said(who)}
            mlflow.post("registered-models/create", body, may_repeat=False)
            return
        except AlreadyExistsError:
            pass
        with suppress(NotFoundError):
            told = str(mlflow.registered_model(NAME).get("description", ""))
            if seen and told != seen:
                raise ConflictError(
                    f"Another import writes into this workspace: {told}. Wait for its end; then run this again."
                )
            if not seen:
                seen, give_up_at = told, time.monotonic() + PATIENCE_S
            elif time.monotonic() > give_up_at:
                with suppress(NotFoundError):
                    mlflow.change("DELETE", "registered-models/delete", {"name": NAME})
                seen = ""
        time.sleep(0.25)


def _renew(mlflow: MlflowApi, who: str) -> bool:
    """Say again that this import runs; False if another one has the name now, or nobody."""
    try:
        if not str(mlflow.registered_model(NAME).get("description", "")).startswith(who):
            return False
        mlflow.change("PATCH", "registered-models/update", {"name": NAME, "description": _said(who)})
    except NotFoundError:
        return False
    return True


def _said(who: str) -> str:
    return f"{who}, at {datetime.now(timezone.utc).isoformat(timespec='milliseconds')}"
