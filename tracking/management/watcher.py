"""What ``serve`` turns into when all is prepared: the supervisor alone, without the memory that Django takes.

``become_watcher`` replaces the process; the plan goes through a pipe, for it holds a sign-in link and a token, which
other users of the machine could read on a command line.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import msgspec

from portal.env import BASE_DIR
from portal.logs import log_config
from tracking.management.processes import Address, is_healthy
from tracking.management.supervisor import Program, supervise


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run, where it answers, what to print as soon as it does, and how to log."""

    programs: Sequence[Program]
    address: Address
    greeting: str
    log_style: str
    log_level: str


def become_watcher(plan: Plan) -> None:
    """Replace this process by one that watches the plan's programs. Does not return."""
    for_watcher, ours = os.pipe()
    os.write(ours, msgspec.json.encode(asdict(plan), enc_hook=str))  # a pipe holds 64 kB, a plan two
    os.close(ours)
    os.set_inheritable(for_watcher, True)
    os.chdir(BASE_DIR)
    os.execv(sys.executable, [sys.executable, "-m", __name__, str(for_watcher)])  # noqa: S606  (ourselves)


def main() -> None:
    """Watch what the plan says until SIGINT or SIGTERM."""
    with os.fdopen(int(sys.argv[1]), "rb") as pipe:
        plan = msgspec.json.decode(pipe.read(), type=Plan, dec_hook=lambda kind, value: kind(value))
    log_config(style=plan.log_style, level=plan.log_level)
    supervise(
        plan.programs,
        is_up=lambda: is_healthy(plan.address),
        when_up=lambda: print(plan.greeting, flush=True),
    )


if __name__ == "__main__":
    main()
