"""Watching child processes, with programs of a line or two. Each writes a line to a file, by which a test knows it."""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from tests.support.programs import wait_until
from tests.tracking.management.supervising import Supervised

Supervise = Callable[..., Supervised]

NOTE = """
import os, signal, subprocess, sys, time
def note(name, value):
    with open(name, "a") as file: file.write(f"{value}\\n")
"""
STAY = "\ntime.sleep(600)"
ONE = NOTE + "note('one', os.getpid())" + STAY
TWO = NOTE + "note('two', os.getpid())" + STAY
# The time is noted before the process id: whoever has read the id may take the time from the file.
BRIEF = NOTE + "note('brief', time.monotonic()); sys.exit(3)"
POLITE = NOTE + "signal.signal(signal.SIGTERM, lambda *_: sys.exit(note('goodbye', 1))); note('polite', 1)" + STAY
STUBBORN = NOTE + "signal.signal(signal.SIGTERM, signal.SIG_IGN); note('stubborn', os.getpid())" + STAY
TOLD = NOTE + "note('told', os.environ['PROGRAM'] + os.environ['HOME'])" + STAY
PARENT = NOTE + "note('child', subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid)"
PARENT += "; note('parent', os.getpid())" + STAY


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Supervise]:
    """Return what starts a supervisor; afterwards nothing that it started is left."""
    started: list[Supervised] = []

    def start(programs: Mapping[str, str], *, is_up: bool = False, **patience: float) -> Supervised:
        if is_up:
            (tmp_path / "up").touch()
        started.append(Supervised.start(tmp_path, programs, **patience))
        return started[-1]

    yield start
    for supervised in started:
        supervised.stop()


def is_running(pid: str) -> bool:
    """Tell whether a process lives; one that has ended and that nobody has waited for does not."""
    try:
        return bool(psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def wait_for_the_end_of(*pids: str) -> None:
    wait_until(lambda: not any(map(is_running, pids)), what=f"the end of {pids}")


class TestStart:
    def test_runs_every_program_in_its_folder(self, supervise: Supervise) -> None:
        supervised = supervise({"one": ONE, "two": TWO}, is_up=True)

        (one,), (two,) = supervised.lines("one"), supervised.lines("two")
        assert is_running(one)
        assert is_running(two)
        assert one != two

    def test_adds_what_a_program_is_told_to_the_environment(self, supervise: Supervise) -> None:
        supervised = supervise({"told": TOLD})

        assert supervised.lines("told") == ["told" + os.environ["HOME"]]

    def test_starts_the_others_when_it_is_up(self, supervise: Supervise) -> None:
        supervised = supervise({"one": ONE, "two": TWO}, first=0.1)
        (pid,) = supervised.lines("one")
        os.kill(int(pid), signal.SIGKILL)
        supervised.lines("one", at_least=2)
        assert not (supervised.folder / "two").exists()

        (supervised.folder / "up").touch()

        assert len(supervised.lines("two")) == 1

    def test_greets_once_as_soon_as_it_is_up(self, supervise: Supervise) -> None:
        supervised = supervise({"one": ONE}, first=0.1)
        (pid,) = supervised.lines("one")
        assert not (supervised.folder / "greetings").exists()

        (supervised.folder / "up").touch()
        supervised.lines("greetings")
        os.kill(int(pid), signal.SIGKILL)
        supervised.lines("one", at_least=2)

        assert supervised.stop() == 0
        assert supervised.lines("greetings") == [f"from {supervised.process.pid}"]

    def test_leaves_nothing_behind_when_the_greeting_fails(self, supervise: Supervise, tmp_path: Path) -> None:
        (tmp_path / "greetings").mkdir()
        supervised = supervise({"stubborn": STUBBORN}, grace=0.2)
        (pid,) = supervised.lines("stubborn")

        (tmp_path / "up").touch()

        assert supervised.process.wait(timeout=60) == 1
        assert not is_running(pid)


class TestRestart:
    def test_replaces_a_child_that_was_killed_and_leaves_the_others(self, supervise: Supervise) -> None:
        supervised = supervise({"one": ONE, "two": TWO}, is_up=True, first=0.1)
        (killed,), (other,) = supervised.lines("one"), supervised.lines("two")

        os.kill(int(killed), signal.SIGKILL)

        _, replacement = supervised.lines("one", at_least=2)
        assert is_running(replacement)
        assert supervised.lines("two") == [other]
        (death,) = supervised.log("died")
        assert (death["program"], death["status"], death["level"]) == ("one", -signal.SIGKILL, "error")

    def test_kills_what_a_dead_child_leaves_behind(self, supervise: Supervise) -> None:
        supervised = supervise({"parent": PARENT}, first=60)
        (parent,), (child,) = supervised.lines("parent"), supervised.lines("child")

        os.kill(int(parent), signal.SIGKILL)

        wait_for_the_end_of(parent, child)

    def test_waits_twice_as_long_each_time_up_to_the_longest(self, supervise: Supervise) -> None:
        supervised = supervise({"brief": BRIEF}, first=0.1, longest=0.4, steady=600)

        starts = [float(line) for line in supervised.lines("brief", at_least=5)]

        waits = [death["again_in_s"] for death in supervised.log("died")]
        assert waits[:4] == [0.1, 0.2, 0.4, 0.4]
        assert all(later - sooner >= wait for (sooner, later), wait in zip(pairwise(starts), waits, strict=False))

    def test_begins_again_with_the_shortest_wait_for_a_child_that_ran_steadily(self, supervise: Supervise) -> None:
        supervised = supervise({"brief": BRIEF}, first=0.1, longest=60, steady=0)

        supervised.lines("brief", at_least=4)

        assert {death["again_in_s"] for death in supervised.log("died")} == {0.1}


class TestStop:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_asks_every_child_and_waits_for_it(self, supervise: Supervise, number: signal.Signals) -> None:
        supervised = supervise({"polite": POLITE, "one": ONE}, is_up=True)
        supervised.lines("polite")
        (one,) = supervised.lines("one")

        status = supervised.stop(number)

        assert status == 0
        assert supervised.lines("goodbye") == ["1"]
        assert not is_running(one)
        assert [line["signal"] for line in supervised.log("stopping")] == [number.name]

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_takes_the_children_of_children_along(self, supervise: Supervise, number: signal.Signals) -> None:
        supervised = supervise({"parent": PARENT})
        (parent,), (child,) = supervised.lines("parent"), supervised.lines("child")

        assert supervised.stop(number) == 0

        wait_for_the_end_of(parent, child)

    def test_kills_after_the_grace_what_does_not_listen(self, supervise: Supervise) -> None:
        supervised = supervise({"stubborn": STUBBORN}, grace=0.2)
        (pid,) = supervised.lines("stubborn")

        assert supervised.stop() == 0

        assert not is_running(pid)
        assert [line["program"] for line in supervised.log("did not stop in time, killed")] == ["stubborn"]

    def test_does_not_wait_for_a_restart_that_is_due_later(self, supervise: Supervise) -> None:
        supervised = supervise({"brief": BRIEF}, first=600, longest=600)
        wait_until(lambda: bool(supervised.log("died")), what="the death of the child")

        assert supervised.stop() == 0

        assert len(supervised.lines("brief")) == 1

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
    def test_reaches_the_children_even_if_the_supervisor_is_killed(self, supervise: Supervise) -> None:
        supervised = supervise({"polite": POLITE, "one": ONE}, is_up=True)
        supervised.lines("polite")
        (one,) = supervised.lines("one")

        supervised.stop(signal.SIGKILL)

        assert supervised.lines("goodbye") == ["1"]
        wait_for_the_end_of(one)
