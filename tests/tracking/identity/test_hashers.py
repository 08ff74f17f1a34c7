"""How many passwords are hashed at once."""

import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import pytest
from django.test import Client

from tests.support.people import People
from tracking.core.errors import UnavailableError
from tracking.identity.hashers import AT_ONCE, MAX_WAITING, SLOTS, HashingSlots

LONG_S = 60


class Crowd:
    """Threads that all come to hash, and stay at it until they may go."""

    def __init__(self, slots: HashingSlots, count: int) -> None:
        self.slots, self.may_go = slots, threading.Event()
        self.inside = self.most = 0
        self._lock, self._pool = threading.Lock(), ThreadPoolExecutor(count)
        self.all = {self._pool.submit(self._hash) for _ in range(count)}

    def _hash(self) -> None:
        with self.slots.taken():
            with self._lock:
                self.inside += 1
                self.most = max(self.most, self.inside)
            self.may_go.wait(LONG_S)
            with self._lock:
                self.inside -= 1

    def wait_for_refused(self, count: int) -> None:
        """Wait until so many were told to come back, while nobody may go."""
        while sum(one.done() for one in self.all) < count:
            wait([one for one in self.all if not one.done()], LONG_S, FIRST_COMPLETED)

    def refused(self) -> int:
        """Let all go; return how many were told to come back."""
        self.may_go.set()
        self._pool.shutdown()
        return sum(isinstance(one.exception(), UnavailableError) for one in self.all)


class TestHashingSlots:
    def test_let_some_hash_some_wait_and_refuse_the_others_at_once(self) -> None:
        crowd = Crowd(HashingSlots(at_once=2, waiting=3, wait_s=LONG_S), 50)

        crowd.wait_for_refused(45)

        assert crowd.refused() == 45
        assert crowd.most == 2

    def test_refuse_who_waited_too_long(self) -> None:
        slots = HashingSlots(at_once=1, waiting=1, wait_s=0.01)

        with slots.taken(), pytest.raises(UnavailableError), slots.taken():
            pass

    def test_say_beforehand_whether_there_is_room(self) -> None:
        slots = HashingSlots(at_once=1, waiting=0)

        with slots.taken(), pytest.raises(UnavailableError):
            slots.check_room()
        slots.check_room()

    def test_are_free_again_after_an_error(self) -> None:
        slots = HashingSlots(at_once=1, waiting=0)

        for _ in range(3):
            with pytest.raises(ZeroDivisionError), slots.taken():
                raise ZeroDivisionError


@pytest.mark.django_db
class TestSignIn:
    def test_beside_a_crowd_says_when_to_come_back(self, client: Client, people: People) -> None:
        crowd = Crowd(SLOTS, AT_ONCE + MAX_WAITING + 1)
        crowd.wait_for_refused(1)

        response = client.post("/sign-in", {"username": "ann", "password": "any-password"})

        assert (response.status_code, response["Retry-After"]) == (503, "1")
        assert crowd.refused()
