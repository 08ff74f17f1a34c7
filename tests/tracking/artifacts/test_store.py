"""The contract of the artifact stores, kept by a folder and by a bucket."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from datetime import timedelta

import pytest

from tests.tracking.artifacts.storing import (
    MIB,
    ROOT,
    GoneError,
    at,
    broken_upload,
    content_of,
    names_in,
    put,
)
from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.store import ArtifactStore, ObjectStore
from tracking.artifacts.types import FileInfo
from tracking.core.errors import ConflictError, InvalidParameterError, NotFoundError


class TestPut:
    def test_stores_the_chunks_in_order(self, store: ArtifactStore) -> None:
        head = store.put(at("run/a.txt"), [b"one ", b"", b"two ", b"three"], size_bytes=13)

        assert content_of(store, "run/a.txt") == b"one two three"
        assert (head.size_bytes, head) == (13, store.head(at("run/a.txt")))

    def test_stores_an_empty_file(self, store: ArtifactStore) -> None:
        store.put(at("empty"), [], size_bytes=0)

        assert store.head(at("empty")).size_bytes == 0
        assert content_of(store, "empty") == b""

    def test_takes_any_length_when_none_was_promised(self, store: ArtifactStore) -> None:
        assert store.put(at("a"), [b"12", b"345"], size_bytes=None).size_bytes == 5

    def test_streams_a_file_of_many_parts_unchanged(self, store: ArtifactStore) -> None:
        blocks = [bytes([n]) * MIB for n in range(20)]

        store.put(at("big.bin"), iter(blocks), size_bytes=20 * MIB)

        assert hashlib.sha256(content_of(store, "big.bin")).digest() == hashlib.sha256(b"".join(blocks)).digest()

    def test_replaces_a_file(self, store: ArtifactStore) -> None:
        put(store, "a", b"a long first version")
        before = store.head(at("a"))

        put(store, "a", b"second")

        assert content_of(store, "a") == b"second"
        assert store.head(at("a")).etag != before.etag

    @pytest.mark.parametrize("name", ["a b.txt", "a+b", "100%", "50%25", "a%20b", "x#y?z", "模型 🚀", "Ünï"])
    def test_round_trips_an_unusual_name(self, store: ArtifactStore, name: str) -> None:
        put(store, f"dir {name}/{name}", name.encode())

        assert content_of(store, f"dir {name}/{name}") == name.encode()
        assert names_in(store) == [f"dir {name}"]
        assert names_in(store, at(f"dir {name}")) == [name]

    @pytest.mark.parametrize(("sent", "promised"), [(0, 1), (999, 1000), (3 * MIB, 30 * MIB), (2, 1), (20 * MIB, 5)])
    def test_refuses_another_length_than_promised(self, store: ArtifactStore, sent: int, promised: int) -> None:
        chunks = [b"x" * min(MIB, sent - start) for start in range(0, sent, MIB)]

        with pytest.raises(InvalidParameterError, match=f"'run/a': {promised} bytes were promised"):
            store.put(at("run/a"), chunks, size_bytes=promised)

        assert (store.usage(ROOT), names_in(store)) == ((0, 0), [])

    def test_stops_asking_for_bytes_beyond_the_promise(self, store: ArtifactStore) -> None:
        asked: list[int] = []

        def endless() -> Iterator[bytes]:
            while True:
                asked.append(1)
                yield b"x" * 1000

        with pytest.raises(InvalidParameterError):
            store.put(at("a"), endless(), size_bytes=2500)

        assert len(asked) == 3

    @pytest.mark.parametrize("before", [0, 1, 20])
    @pytest.mark.parametrize(
        "error", [GoneError("reset"), KeyboardInterrupt(), GeneratorExit(), OSError("reset")], ids=repr
    )
    def test_leaves_nothing_of_a_broken_upload(self, store: ArtifactStore, error: BaseException, before: int) -> None:
        with pytest.raises(type(error)) as caught:
            store.put(at("run/a"), broken_upload(error, before=before), size_bytes=30 * MIB)

        assert caught.value is error
        assert (store.usage(ROOT), names_in(store)) == ((0, 0), [])

    def test_keeps_the_older_file_when_the_new_one_breaks(self, store: ArtifactStore) -> None:
        put(store, "a", b"first")

        with pytest.raises(GoneError):
            store.put(at("a"), broken_upload(GoneError(), before=20), size_bytes=None)

        assert content_of(store, "a") == b"first"

    def test_takes_its_chunks_from_another_file(self, store: ArtifactStore) -> None:
        put(store, "a", b"x" * 9 * MIB)

        store.put(at("copy"), store.read(at("a")), size_bytes=9 * MIB)

        assert content_of(store, "copy") == b"x" * 9 * MIB

    def test_shows_nothing_before_the_last_byte(self, store: ArtifactStore) -> None:
        seen: list[list[str]] = []

        def watched() -> Iterator[bytes]:
            for _ in range(3):
                seen.append(names_in(store))
                yield b"x" * MIB

        store.put(at("a"), watched(), size_bytes=3 * MIB)

        assert (seen, names_in(store)) == ([[], [], []], ["a"])

    @pytest.mark.parametrize("below", ["file/x", "file/x/y/z"])
    def test_refuses_a_path_below_a_file(self, store: ArtifactStore, below: str) -> None:
        put(store, "file", b"kept")

        with pytest.raises(InvalidParameterError, match=r"'file' is not a directory"):
            put(store, below)

        assert content_of(store, "file") == b"kept"

    def test_refuses_a_directory_before_it_reads_a_byte(self, store: ArtifactStore) -> None:
        put(store, "run/model/weights.bin")

        with pytest.raises(InvalidParameterError, match="'run/model' is a directory"):
            store.put(at("run/model"), broken_upload(GoneError(), before=0), size_bytes=None)

        assert names_in(store, at("run/model")) == ["weights.bin"]

    def test_refuses_the_root(self, store: ArtifactStore) -> None:
        with pytest.raises(InvalidParameterError, match="Invalid path"):
            store.put(ROOT, [b"x"], size_bytes=1)

    def test_never_mixes_concurrent_uploads(self, store: ArtifactStore) -> None:
        versions = [bytes([n]) * 3 * MIB for n in range(8)]
        barrier = threading.Barrier(4)

        def upload(version: bytes) -> None:
            barrier.wait()
            store.put(at("run/a"), [version[i : i + MIB] for i in range(0, len(version), MIB)], size_bytes=len(version))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(upload, versions))

        assert content_of(store, "run/a") in versions
        assert store.usage(ROOT) == (1, 3 * MIB)

    def test_stores_many_files_of_one_directory_at_once(self, store: ArtifactStore) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: put(store, f"run/deep/dir/{n:02}", bytes([n])), range(40)))

        assert names_in(store, at("run/deep/dir")) == [f"{n:02}" for n in range(40)]

    def test_succeeds_beside_a_delete_of_its_directory(self, store: ArtifactStore) -> None:
        def churn(n: int) -> None:
            for round_ in range(20):
                # A bucket cannot describe what the other thread has deleted already.
                with suppress(ConflictError) if isinstance(store, ObjectStore) else nullcontext():
                    put(store, f"run/{n}/{round_}")
                store.delete(at(f"run/{n}"))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(churn, [0, 0, 1, 1]))

        store.delete(at("run"))
        assert names_in(store) == []


class TestHead:
    def test_describes_a_file(self, store: ArtifactStore) -> None:
        put(store, "run/a", b"12345")

        head = store.head(at("run/a"))

        assert head.size_bytes == 5
        assert head.etag and head.etag[0] == head.etag[-1] == '"'
        assert head.modified_at.utcoffset() == timedelta(0)

    @pytest.mark.parametrize("path", ["x", "run/x", "run/a/x"])
    def test_does_not_find_what_is_not_there(self, store: ArtifactStore, path: str) -> None:
        put(store, "run/a")

        with pytest.raises(NotFoundError, match=f"^No such artifact: '{path}'$"):
            store.head(at(path))

    def test_refuses_a_directory(self, store: ArtifactStore) -> None:
        put(store, "run/a")

        with pytest.raises(InvalidParameterError, match="'run' is a directory"):
            store.head(at("run"))


class TestRead:
    @pytest.mark.parametrize(
        ("start", "end", "expected"),
        [(0, None, b"0123456789"), (3, None, b"3456789"), (2, 5, b"234"), (9, 99, b"9"), (0, 0, b""), (10, None, b"")],
    )
    def test_returns_the_span(self, store: ArtifactStore, start: int, end: int | None, expected: bytes) -> None:
        put(store, "a", b"0123456789")

        assert b"".join(store.read(at("a"), start=start, end=end)) == expected

    def test_returns_chunks_of_the_size_asked_for(self, store: ArtifactStore) -> None:
        put(store, "a", b"0123456789")

        assert list(store.read(at("a"), start=1, chunk_size=4)) == [b"1234", b"5678", b"9"]

    def test_crosses_the_requests_of_a_big_file(self, store: ArtifactStore) -> None:
        content = os.urandom(9 * MIB + 17)
        put(store, "a", content)

        assert b"".join(store.read(at("a"), start=MIB - 3, end=9 * MIB + 5)) == content[MIB - 3 : 9 * MIB + 5]

    def test_fails_at_once_when_the_file_is_missing(self, store: ArtifactStore) -> None:
        with pytest.raises(NotFoundError, match="No such artifact: 'a/b'"):
            store.read(at("a/b"))

    def test_refuses_a_directory(self, store: ArtifactStore) -> None:
        put(store, "run/a")

        with pytest.raises(InvalidParameterError, match="'run' is a directory"):
            store.read(at("run"))

    def test_takes_the_version_that_was_described(self, store: ArtifactStore) -> None:
        put(store, "a", b"first")

        assert b"".join(store.read(at("a"), etag=store.head(at("a")).etag)) == b"first"

    def test_refuses_a_version_that_was_replaced(self, store: ArtifactStore) -> None:
        put(store, "a", b"first")
        described = store.head(at("a"))
        put(store, "a", b"second")

        with pytest.raises(ConflictError, match="'a' was replaced"):
            store.read(at("a"), etag=described.etag)

    def test_never_mixes_two_versions(self, store: ArtifactStore) -> None:
        put(store, "a", b"1" * 9 * MIB)
        reading = store.read(at("a"))
        got = [next(reading)]

        put(store, "a", b"2" * 9 * MIB)
        try:
            got.extend(reading)
        except ConflictError:
            assert isinstance(store, ObjectStore)

        assert set(b"".join(got)) == set(b"1")


class TestListDir:
    def test_returns_one_level_by_name(self, store: ArtifactStore) -> None:
        for name in ("b", "a.txt", "sub/x", "sub/deep/y", "Z"):
            put(store, name, name.encode())

        infos = store.list_dir(ROOT)

        assert [(i.path, i.is_dir, i.size_bytes) for i in infos] == [
            ("Z", False, 1),
            ("a.txt", False, 5),
            ("b", False, 1),
            ("sub", True, None),
        ]
        assert infos[0].modified_at == store.head(at("Z")).modified_at

    def test_names_entries_relative_to_the_directory(self, store: ArtifactStore) -> None:
        put(store, "run/sub/x.txt")
        put(store, "run/sub/deep/y")

        assert names_in(store, at("run/sub")) == ["deep", "x.txt"]

    @pytest.mark.parametrize("path", ["missing", "run/missing", "run/a", "run/a/b", "ru"])
    def test_is_empty_for_a_file_and_for_what_is_missing(self, store: ArtifactStore, path: str) -> None:
        put(store, "run/a")

        assert store.list_dir(at(path)) == []

    def test_is_empty_for_a_new_store(self, store: ArtifactStore) -> None:
        assert store.list_dir(ROOT) == []

    def test_pages_through_a_directory(self, store: ArtifactStore) -> None:
        for n in range(7):
            put(store, f"run/{n}" if n % 2 else f"run/{n}/x")

        pages: list[list[FileInfo]] = [store.list_dir(at("run"), limit=3)]
        while len(pages[-1]) == 3:
            pages.append(store.list_dir(at("run"), after=pages[-1][-1].path, limit=3))

        assert [[info.path for info in page] for page in pages] == [["0", "1", "2"], ["3", "4", "5"], ["6"]]

    def test_orders_names_as_object_stores_do(self, store: ArtifactStore) -> None:
        names = ["~", "é", "Z", "a", "\ufffd", "\U0001f680"]
        for name in names:
            put(store, name)

        assert names_in(store) == sorted(names, key=str.encode)


class TestDelete:
    def test_removes_a_file(self, store: ArtifactStore) -> None:
        put(store, "run/a", b"12345")
        put(store, "run/b")

        assert store.delete(at("run/a")) == 5
        assert names_in(store, at("run")) == ["b"]

    def test_removes_a_tree_and_nothing_beside_it(self, store: ArtifactStore) -> None:
        for name in ("run/a", "run/sub/b", "run/sub/deep/c", "run2/a", "ru"):
            put(store, name, b"123")

        assert store.delete(at("run")) == 9
        assert (store.usage(ROOT), names_in(store)) == ((2, 6), ["ru", "run2"])

    def test_leaves_no_empty_directory(self, store: ArtifactStore) -> None:
        put(store, "exp/run/artifacts/a")

        store.delete(at("exp/run/artifacts/a"))

        assert names_in(store) == []

    @pytest.mark.parametrize("path", ["missing", "run/missing/x", "run/a/below"])
    def test_frees_nothing_when_nothing_is_there(self, store: ArtifactStore, path: str) -> None:
        put(store, "run/a")

        assert store.delete(at(path)) == 0
        assert store.usage(ROOT)[0] == 1

    def test_may_be_repeated(self, store: ArtifactStore) -> None:
        put(store, "run/a", b"1")

        assert [store.delete(at("run")), store.delete(at("run"))] == [1, 0]

    def test_never_removes_the_root(self, store: ArtifactStore) -> None:
        put(store, "a")

        with pytest.raises(InvalidParameterError, match="root"):
            store.delete(ROOT)

        assert names_in(store) == ["a"]


class TestUsage:
    @pytest.mark.parametrize(
        ("path", "expected"),
        [("run", (3, 6)), ("run/sub", (2, 5)), ("run/a", (1, 1)), ("missing", (0, 0)), ("run/a/x", (0, 0))],
    )
    def test_counts_files_and_bytes(self, store: ArtifactStore, path: str, expected: tuple[int, int]) -> None:
        put(store, "run/a", b"1")
        put(store, "run/sub/b", b"12")
        put(store, "run/sub/deep/c", b"123")
        put(store, "run2/d", b"1234")

        assert store.usage(at(path)) == expected

    def test_counts_the_whole_store(self, store: ArtifactStore) -> None:
        put(store, "a/b", b"1")
        put(store, "c", b"12")

        assert store.usage(ROOT) == (2, 3)


class TestWalk:
    def test_yields_every_file_below(self, store: ArtifactStore) -> None:
        for name in ("run/a", "run/sub/deep/b", "run2/a"):
            put(store, name, b"123")

        assert sorted((file.path, file.size_bytes) for file in store.walk(at("run"))) == [("a", 3), ("sub/deep/b", 3)]
        assert len(list(store.walk(ROOT))) == 3
        assert list(store.walk(at("missing"))) == []


class TestClear:
    def test_removes_a_number_of_files_at_a_time(self, store: ArtifactStore) -> None:
        for number in range(5):
            put(store, f"run/sub/{number}", b"123")
        put(store, "other/a")

        taken = [store.clear([at("run")], limit=2) for _ in range(3)]

        assert [(one.files, one.size_bytes) for one in taken] == [(2, 6), (2, 6), (1, 3)]
        assert [one.is_empty for one in taken] == [False, False, True]
        assert names_in(store) == ["other"]

    def test_takes_one_path_after_the_other(self, store: ArtifactStore) -> None:
        for name in ("run/a", "run/b", "file", "other"):
            put(store, name, b"123")

        cleared = store.clear([at("run"), at("missing"), at("file")], limit=9)

        assert (cleared.files, cleared.size_bytes, cleared.is_empty) == (3, 9, True)
        assert names_in(store) == ["other"]

    def test_never_removes_the_root(self, store: ArtifactStore) -> None:
        put(store, "a")

        with pytest.raises(InvalidParameterError, match="root"):
            store.clear([ROOT], limit=9)

        assert names_in(store) == ["a"]


class TestReservedFolder:
    @pytest.mark.parametrize("path", [".partial", ".partial/x", ".PARTIAL/x"])
    @pytest.mark.parametrize(
        "ask",
        [
            lambda store, path: store.put(path, [b"x"], size_bytes=1),
            lambda store, path: store.head(path),
            lambda store, path: store.read(path),
            lambda store, path: store.list_dir(path),
            lambda store, path: store.delete(path),
            lambda store, path: store.usage(path),
        ],
        ids=["put", "head", "read", "list_dir", "delete", "usage"],
    )
    def test_is_refused(
        self, store: ArtifactStore, ask: Callable[[ArtifactStore, ArtifactPath], object], path: str
    ) -> None:
        with pytest.raises(InvalidParameterError, match="reserved"):
            ask(store, at(path))

    def test_is_an_ordinary_name_further_down(self, store: ArtifactStore) -> None:
        put(store, "run/.partial/x")

        assert names_in(store, at("run")) == [".partial"]
