"""What only a folder has to prove: rights, links, what a killed process left."""

import os
import resource
import stat
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.tracking.artifacts.storing import MIB, GoneError, at, broken_upload, content_of, files_below, names_in, put
from tracking.artifacts.store import ArtifactStore, LocalStore
from tracking.core.errors import InvalidParameterError, NotFoundError, UnavailableError


class TestLocalStore:
    def test_keeps_files_and_directories_to_their_owner(self, local: LocalStore, root: Path) -> None:
        old = os.umask(0)
        try:
            put(local, "exp/run/a")
        finally:
            os.umask(old)

        modes = {str(p.relative_to(root)): stat.S_IMODE(p.stat().st_mode) for p in [root, *root.rglob("*")]}
        assert modes == {".": 0o700, ".partial": 0o700, "exp": 0o700, "exp/run": 0o700, "exp/run/a": 0o600}

    @pytest.mark.parametrize("sent", [0, 1, 10])
    def test_leaves_no_temporary_file(self, local: LocalStore, root: Path, sent: int) -> None:
        with pytest.raises(InvalidParameterError):
            local.put(at("a"), [b"x" * MIB] * sent, size_bytes=11 * MIB)
        with pytest.raises(GoneError):
            local.put(at("a"), broken_upload(GoneError(), before=sent), size_bytes=None)
        put(local, "b")

        assert files_below(root) == ["b"]

    def test_reports_a_disk_that_takes_no_more(self, local: LocalStore, root: Path) -> None:
        put(local, "a", b"first")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MIB, hard))
        try:
            with pytest.raises(UnavailableError, match="The artifact store failed at 'a': File too large"):
                local.put(at("a"), [b"x" * MIB] * 4, size_bytes=4 * MIB)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

        assert (files_below(root), content_of(local, "a")) == (["a"], b"first")

    def test_reports_a_root_that_is_no_folder(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        store = LocalStore(tmp_path / "file")

        with pytest.raises(UnavailableError):
            put(store, "a")

    def test_sends_all_of_the_version_it_opened(self, local: LocalStore) -> None:
        put(local, "a", b"1" * 3 * MIB)
        reading = local.read(at("a"))

        put(local, "a", b"2")

        assert b"".join(reading) == b"1" * 3 * MIB

    def test_closes_a_download_that_was_never_started(self, local: LocalStore) -> None:
        put(local, "a")
        before = len(os.listdir("/proc/self/fd"))

        reading = local.read(at("a"))
        reading.close()  # type: ignore[attr-defined]  # the contract is an iterator; Django closes what can be closed

        assert len(os.listdir("/proc/self/fd")) == before

    def test_leaks_no_descriptor(self, local: LocalStore) -> None:
        put(local, "run/a")
        before = len(os.listdir("/proc/self/fd"))

        for path in ("run/a", "run/b", "run", "run/a/b", "x/y"):
            with suppress(NotFoundError, InvalidParameterError):
                local.head(at(path))
            with suppress(NotFoundError, InvalidParameterError):
                list(local.read(at(path)))
            with suppress(InvalidParameterError):
                local.put(at(path), [b""], size_bytes=1)
            local.list_dir(at(path))
            local.usage(at(path))
            local.delete(at(path))

        assert len(os.listdir("/proc/self/fd")) == before

    def test_leaves_out_names_that_no_client_can_ask_for(self, local: LocalStore, root: Path) -> None:
        put(local, "a")
        for name in (b"bad\xff", b"new\nline", b"back\\slash"):
            (Path(os.fsdecode(bytes(root) + b"/" + name))).write_bytes(b"x")
        os.mkfifo(root / "pipe")

        assert names_in(local) == ["a"]

    def test_does_not_wait_for_a_pipe(self, local: LocalStore, root: Path) -> None:
        root.mkdir(parents=True)
        os.mkfifo(root / "pipe")

        with pytest.raises(NotFoundError):
            local.read(at("pipe"))


class TestLinks:
    """Nothing leads out of the store through a symbolic link, whoever put it there."""

    @pytest.fixture
    def outside(self, tmp_path: Path) -> Path:
        folder = tmp_path / "outside"
        folder.mkdir()
        (folder / "secret").write_bytes(b"canary")
        return folder

    @pytest.fixture
    def linked(self, local: LocalStore, root: Path, outside: Path) -> LocalStore:
        put(local, "run/a", b"1")
        (root / "run" / "dir").symlink_to(outside)
        (root / "run" / "file").symlink_to(outside / "secret")
        (root / "run" / "dangling").symlink_to(outside / "new")
        return local

    @pytest.mark.parametrize("path", ["run/file", "run/dir", "run/dir/secret", "run/dangling"])
    def test_are_not_read(self, linked: LocalStore, path: str) -> None:
        with pytest.raises(NotFoundError):
            linked.head(at(path))
        with pytest.raises(NotFoundError):
            linked.read(at(path))

    def test_are_not_listed_or_counted(self, linked: LocalStore) -> None:
        assert names_in(linked, at("run")) == ["a"]
        assert linked.list_dir(at("run/dir")) == []
        assert linked.usage(at("run")) == (1, 1)
        assert linked.usage(at("run/dir")) == (0, 0)

    @pytest.mark.parametrize("path", ["run/dir/new", "run/dir/secret", "run/dir/sub/new", "run/dangling/x"])
    def test_are_no_directories_to_write_to(self, linked: LocalStore, outside: Path, path: str) -> None:
        with pytest.raises(InvalidParameterError, match="is not a directory"):
            put(linked, path)

        assert files_below(outside) == ["secret"]

    @pytest.mark.parametrize("path", ["run/file", "run/dir", "run/dangling"])
    def test_are_replaced_themselves_by_an_upload(self, linked: LocalStore, outside: Path, path: str) -> None:
        put(linked, path, b"mine")

        assert content_of(linked, path) == b"mine"
        assert (files_below(outside), (outside / "secret").read_bytes()) == (["secret"], b"canary")

    def test_are_removed_without_what_they_point_at(self, linked: LocalStore, root: Path, outside: Path) -> None:
        assert linked.delete(at("run/dir/secret")) == 0
        assert linked.delete(at("run/dir")) == 0
        assert linked.delete(at("run")) == 1

        assert not (root / "run").exists()
        assert (outside / "secret").read_bytes() == b"canary"

    def test_lead_nowhere_when_swapped_in_during_a_request(
        self, local: LocalStore, root: Path, outside: Path, tmp_path: Path
    ) -> None:
        put(local, "run/secret", b"inside")
        (outside / "only outside").write_bytes(b"canary")
        stop = threading.Event()

        def swap() -> None:
            link, aside = tmp_path / "link", tmp_path / "aside"
            while not stop.is_set():
                link.symlink_to(outside)
                os.rename(root / "run", aside)
                os.rename(link, root / "run")
                stop.wait(0.0002)
                os.unlink(root / "run")
                os.rename(aside, root / "run")
                stop.wait(0.0002)

        swapper = threading.Thread(target=swap)
        swapper.start()
        seen: set[bytes | str] = set()
        try:
            for _ in range(1000):
                seen.update(names_in(local, at("run")))
                try:
                    seen.add(content_of(local, "run/secret"))
                except NotFoundError:
                    seen.add("missing")
        finally:
            stop.set()
            swapper.join()

        assert seen <= {"secret", b"inside", "missing"}


class TestSweepPartials:
    NOW = datetime(2030, 1, 1, tzinfo=UTC)

    def test_removes_what_a_killed_process_left(self, local: LocalStore, root: Path) -> None:
        put(local, "a")
        for name, age in (("old", timedelta(hours=2)), ("new", timedelta(minutes=5))):
            (root / ".partial" / name).write_bytes(b"x")
            touched = (self.NOW - age).timestamp()
            os.utime(root / ".partial" / name, (touched, touched))

        removed = local.sweep_partials(timedelta(hours=1), self.NOW)

        assert (removed, files_below(root)) == (1, [".partial/new", "a"])

    def test_is_quiet_when_there_is_nothing(self, store: ArtifactStore) -> None:
        assert store.sweep_partials(timedelta(0), self.NOW) == 0

    def test_leaves_finished_files(self, store: ArtifactStore) -> None:
        put(store, "a")

        store.sweep_partials(timedelta(0), self.NOW)

        assert names_in(store) == ["a"]
