"""Questions about artifacts name paths as the asker does, never as the store keeps them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.support.people import People
from tracking.artifacts import queries
from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.services import delete_files, put_file
from tracking.core.clock import utc_now
from tracking.core.errors import (
    ConflictError,
    InvalidParameterError,
    NotFoundError,
    TrackingError,
    UnavailableError,
)
from tracking.runs.models import Run
from tracking.runs.queries import get_experiment
from tracking.runs.services import create_run


@pytest.fixture
def run(people: People, tmp_path: Path, settings: Settings) -> Iterator[Run]:
    """Return a run in a store of the test's own, with the files ``a.txt`` and ``dir/it's``."""
    settings.ARTIFACT_ROOT = str(tmp_path / "store")
    queries.the_store.cache_clear()
    default = get_experiment(workspace=people.workspace, experiment_id="0")
    run = create_run(experiment=default, name="", user_name="", started_at=utc_now(), tags=[])
    for name in ("a.txt", "dir/it's"):
        put(run, name)
    yield run
    queries.the_store.cache_clear()


def put(run: Run, name: str) -> None:
    put_file(workspace=run.workspace, path=queries.run_folder(run) / name, chunks=[b"0123456789"], size_bytes=10)


class TestErrors:
    @pytest.mark.parametrize(
        ("ask", "error", "message"),
        [
            (lambda run: queries.head_run_file(run=run, path="b"), NotFoundError, "No such artifact: 'b'"),
            (lambda run: queries.head_run_file(run=run, path="dir"), InvalidParameterError,
             "Invalid path: 'dir' is a directory"),
            (lambda run: queries.read_run_file(run=run, path="dir/it's/x"), NotFoundError,
             "No such artifact: 'dir/it's/x'"),
            (lambda run: queries.read_run_file(run=run, path="a.txt", etag='"old"'), ConflictError,
             "Artifact 'a.txt' was replaced while it was being read"),
            (lambda run: queries.head_run_file(run=run, path=""), InvalidParameterError,
             "Invalid path: '' is a directory"),
            (lambda run: queries.list_run_files(run=run, path="../x"), InvalidParameterError,
             "Invalid path: '../x': the segment '..' is not allowed"),
            (lambda run: queries.head_file(workspace=run.workspace, path=ArtifactPath.parse("1/workspace-1/a")),
             NotFoundError, "No such artifact: '1/workspace-1/a'"),
            (lambda run: queries.head_file(workspace=run.workspace, path=ArtifactPath(("a",) * 64)),
             InvalidParameterError, f"Invalid path: '{'/'.join('a' * 64)}': it has more than 64 segments"),
            (lambda run: delete_files(workspace=run.workspace, path=ArtifactPath(())), InvalidParameterError,
             "Invalid path: it names the whole artifact store of the workspace."),
        ],
    )  # fmt: skip
    def test_name_the_path_that_was_asked_for(
        self, run: Run, ask: Callable[[Run], object], error: type[TrackingError], message: str
    ) -> None:
        with pytest.raises(error) as caught:
            ask(run)

        assert str(caught.value) == message

    def test_of_a_broken_disk_name_it_too(self, run: Run, settings: Settings, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        settings.ARTIFACT_ROOT = str(tmp_path / "file")
        queries.the_store.cache_clear()

        for path, shown in (("dir", f"{queries.run_folder(run)}/dir"), ("", str(queries.run_folder(run)))):
            asked = queries.run_folder(run) / ArtifactPath.parse(path, allow_empty=True)
            with pytest.raises(UnavailableError, match=f"failed at '{shown}'"):
                queries.list_files(workspace=run.workspace, path=asked, limit=1)
        with pytest.raises(UnavailableError, match="failed at ''"):
            queries.list_run_files(run=run)


class TestReadRunFile:
    def test_reads_the_version_that_was_described(self, run: Run) -> None:
        head = queries.head_run_file(run=run, path="a.txt")

        assert b"".join(queries.read_run_file(run=run, path="a.txt", start=2, end=5, etag=head.etag)) == b"234"
        put(run, "a.txt")
        with pytest.raises(ConflictError):
            queries.read_run_file(run=run, path="a.txt", etag=head.etag)
