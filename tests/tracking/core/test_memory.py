import time

from tests.support.programs import wait_until
from tracking.core.memory import Memory


class TestMemory:
    def test_recalls_without_asking_again(self) -> None:
        memory: Memory[str, int] = Memory(size=3)
        answers = iter([7, 8])

        assert memory.recall("a", lambda: next(answers)) == 7
        assert memory.recall("a", lambda: next(answers)) == 7

    def test_asks_again_where_nothing_was_found(self) -> None:
        memory: Memory[str, int] = Memory(size=3)

        assert memory.recall("a", lambda: None) is None
        assert memory.recall("a", lambda: 7) == 7

    def test_forgets_what_was_not_asked_for_longest(self) -> None:
        memory: Memory[str, int] = Memory(size=2)
        memory.put("a", 1)
        memory.put("b", 2)
        memory.get("a")

        memory.put("c", 3)

        assert (memory.get("a"), memory.get("b"), memory.get("c")) == (1, None, 3)

    def test_forgets_after_its_life_however_often_it_is_asked(self) -> None:
        memory: Memory[str, int] = Memory(size=2, life_s=0.2)
        memory.put("a", 1)
        started = time.monotonic()

        wait_until(lambda: memory.recall("a", lambda: 2) == 2, what="the memory to forget", timeout_s=30)

        assert time.monotonic() - started >= 0.2

    def test_forgets_all_at_once(self) -> None:
        memories: list[Memory[str, int]] = [Memory(size=2), Memory(size=2, life_s=60)]
        for memory in memories:
            memory.put("a", 1)

        Memory.forget_all()

        assert [memory.get("a") for memory in memories] == [None, None]
