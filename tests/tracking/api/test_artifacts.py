"""artifacts/…: a run's artifacts, by run."""

from pathlib import Path

import pytest
from django.conf import settings

from tests.support.people import People
from tests.tracking.api.caller import Caller


class TestList:
    def test_names_entries_relative_to_the_runs_root(self, ann: Caller) -> None:
        folder = ann.new_folder()
        run = folder.split("/")[1]
        for name in ("模型/MLmodel", "模型/data/x", "a.txt"):
            ann.put_file(f"{folder}/{name}", b"12")

        top = ann.get(f"artifacts/list?run_id={run}")
        below = ann.get(f"artifacts/list?run_uuid={run}&path=模型")

        assert top == {
            "root_uri": f"mlflow-artifacts:/{folder}",
            "files": [{"path": "a.txt", "is_dir": False, "file_size": 2}, {"path": "模型", "is_dir": True}],
        }
        assert [one["path"] for one in below["files"]] == ["模型/MLmodel", "模型/data"]

    def test_is_empty_where_nothing_is(self, ann: Caller) -> None:
        folder = ann.new_folder()

        found = ann.get(f"artifacts/list?run_id={folder.split('/')[1]}&path=none")

        assert found == {"root_uri": f"mlflow-artifacts:/{folder}"}

    def test_pages(self, people: People, ann: Caller) -> None:
        folder = ann.new_folder()
        run = folder.split("/")[1]
        laid = Path(settings.ARTIFACT_ROOT) / f"workspace-{people.workspace.pk}" / folder / "many"
        laid.mkdir(parents=True)
        for number in range(1001):  # laid down by hand: an upload is synced to the disk
            (laid / f"{number:04}").touch()

        first = ann.get(f"artifacts/list?run_id={run}&path=many")
        rest = ann.get(f"artifacts/list?run_id={run}&path=many&page_token={first['next_page_token']}")

        assert [one["path"] for one in first["files"] + rest["files"]] == [f"many/{n:04}" for n in range(1001)]
        assert "next_page_token" not in rest

    @pytest.mark.parametrize("run", ["0" * 32, "..", "*", "x" * 300, "%2e%2e%2fx"])
    def test_needs_a_run_of_the_workspace(self, ann: Caller, run: str) -> None:
        status, answer = ann.request("GET", f"2.0/mlflow/artifacts/list?run_id={run}")

        assert (status, answer["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


class TestPresignedUrl:
    @pytest.mark.parametrize("which", ["download", "upload"])
    def test_is_not_made(self, ann: Caller, which: str) -> None:
        status, code, _ = ann.refused(f"artifacts/presigned-{which}-url", {"run_id": ann.new_run(), "path": "a"})

        assert (status, code) == (501, "NOT_IMPLEMENTED")

    @pytest.mark.parametrize("which", ["download", "upload"])
    def test_tells_nothing_of_a_run_elsewhere(self, people: People, ann: Caller, which: str) -> None:
        run = Caller(People.around("lab").ann.token, "lab").new_run()

        assert ann.refused(f"artifacts/presigned-{which}-url", {"run_id": run, "path": "a"})[0] == 404
