"""The worker: what it takes its tasks from, and its timetable, which may die or be told to end."""

import os
import signal
from types import SimpleNamespace
from typing import Any

import pytest

from portal import celery


class TestQueues:
    def test_of_deletions_is_not_the_one_in_which_runs_wait_to_be_compacted(self) -> None:
        tasks = ("cleanup.advance", "cleanup.sweep", "metrics.compact", "metrics.sweep")
        queues = [celery.app.amqp.router.route({}, task)["queue"].name for task in tasks]

        assert queues == ["deletions", "deletions", "celery", "celery"]

    def test_are_both_what_a_worker_takes_from(self) -> None:
        assert celery.app.amqp.queues.consume_from.keys() == {"deletions", "celery"}


class Beat:
    """A thread of Celery's timetable, without the thread."""

    def __init__(self, *_: object, **__: object) -> None:
        self.lives = False

    def start(self) -> None:
        self.lives = True

    def stop(self) -> None:
        self.lives = False

    def is_alive(self) -> bool:
        return self.lives


class TestTimetable:
    @pytest.fixture
    def signals(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        sent: list[int] = []
        monkeypatch.setattr(celery, "EmbeddedService", Beat)
        monkeypatch.setattr(os, "kill", lambda _, number: sent.append(number))
        return sent

    @pytest.fixture
    def worker(self) -> Any:
        return SimpleNamespace(app=celery.app, timer=SimpleNamespace(call_repeatedly=lambda *_: None))

    def test_that_has_died_ends_the_worker(self, worker: Any, signals: list[int]) -> None:
        timetable = celery.Timetable(worker, timetable="memory")
        timetable.start(worker)

        timetable.look()
        assert signals == []
        timetable._beat.stop()
        timetable.look()
        assert signals == [signal.SIGTERM]

    def test_that_was_told_to_end_has_not_died(self, worker: Any, signals: list[int]) -> None:
        timetable = celery.Timetable(worker, timetable="memory")
        timetable.start(worker)

        timetable.stop(worker)
        timetable.look()

        assert signals == []
