"""``manage.py demo [workspace]``: something to look at before anything was trained."""

import argparse
import os
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import CommandParser

from tracking.cleanup.demo import list_demo_experiments, remove_demo
from tracking.cleanup.services import finish
from tracking.cleanup.types import State
from tracking.core.clock import utc_now
from tracking.core.errors import InvalidStateError
from tracking.identity.queries import Credential, get_user
from tracking.management.base import PortalCommand
from tracking.management.demo.contents import planned_experiments
from tracking.management.demo.workspace import ensure_demo_workspace, get_demo_workspace
from tracking.management.demo.writer import write_experiment
from tracking.management.install import FIRST_OWNER

if TYPE_CHECKING:
    from tracking.identity.models import User

MOST_RUNS = 1_000


class Command(PortalCommand):
    """Fill a workspace of its own with made-up experiments, or take them away again."""

    help = "Fill a workspace of its own with made-up experiments to look at; --remove takes them away again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workspace", nargs="?", default="demo", help="made if missing; default: %(default)s")
        parser.add_argument("--remove", action="store_true", help="remove what demo made there, for good")
        parser.add_argument("--runs", type=_runs, default=12, help="size of the largest sweep; default: %(default)s")
        parser.add_argument("--seed", type=int, default=7, help="another one makes other numbers; default: %(default)s")

    def handle(self, *args: Any, workspace: str, remove: bool, runs: int, seed: int, **options: Any) -> None:
        by = get_user(username=FIRST_OWNER)
        if remove:
            self._remove(workspace, by)
        else:
            self._fill(workspace, by, runs, seed)

    def _fill(self, name: str, by: "User", runs: int, seed: int) -> None:
        now = utc_now()
        workspace = ensure_demo_workspace(name=name, by=by, now=now)
        address = f"{settings.PORTAL_URL}/w/{name}"
        if present := list_demo_experiments(workspace=workspace):
            self.stdout.write(
                f"The demo is already there ({len(present)} experiments): {address}\n"
                f"`manage.py demo {name} --remove` removes it."
            )
            return
        written = 0
        plans = planned_experiments(runs=runs, seed=seed, now=now)
        for plan in plans:
            self._progress(f"{plan.name} …")
            written += write_experiment(workspace=workspace, plan=plan, by=by)
        self.stdout.write(
            f"{len(plans)} experiments with {written} runs: {address}\n"
            "`manage.py sign_in_link` prints a link that signs you in."
        )

    def _remove(self, name: str, by: "User") -> None:
        workspace = get_demo_workspace(name=name, by=by)
        credential = Credential(user=by, workspace_id=None)
        for part, deletion in remove_demo(credential=credential, workspace=workspace, now=utc_now()):
            finish(deletion=deletion, owner=f"demo:{os.getpid()}", clock=utc_now)
            if deletion.state != State.DONE:
                raise InvalidStateError(f"The removal of {part.name!r} is {deletion.state}: {deletion.error}")
            done, kept = deletion.done, "; the experiment stays, it has more than demo made" if part.is_kept else ""
            self._progress(f"{part.name}: {done['runs']} runs, {done['artifact_bytes']:,} bytes of files{kept}")
        self.stdout.write(f"The demo is gone from workspace {name!r}; the workspace itself stays.")

    def _progress(self, line: str) -> None:
        self.stderr.write(line, style_func=str)


def _runs(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MOST_RUNS:
        raise argparse.ArgumentTypeError(f"{text} is not from 1 to {MOST_RUNS}")
    return number
