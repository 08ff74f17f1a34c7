"""mlflow-artifacts/…: files through the server (reliability.md, section 1a, and mlflow-api.md, section 3.6)."""

import io
import zipfile
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.people import People
from tests.tracking.api.caller import Caller, file_url
from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.queries import the_store

NAMES = [
    "a.txt",
    "100%.txt",
    "a+b c.bin",
    "what?#frag.txt",
    "a%2Cb",
    "%41",
    "a;b=c&d",
    'it\'s "quoted".txt',
    "目录/第一 🚀.png",
    "e\u0301.txt",
    "עברית.txt",
    "img+step+1+timestamp+10:20:30.png",
    "workspace-1/x",
    "x" * 255,
]
# Each is what stands in the URL. P1 to P4 and P10: plain, encoded once and more, overlong, Windows, absolute.
BAD_PATHS = [
    *("..", ".", "../x", "../../x", "a/../../x", "a/..", "a/./b", "a//b", "/etc/hostname", "//host/x", "///x"),
    *("%2e%2e", "%2e%2e%2fx", "%2E%2e/x", "%252e%252e%252fx", "%25252e%25252e%25252fx", "%252E%252e/x", "a%252fb"),
    *("%c0%ae%c0%ae/x", "%25c0%25ae%25c0%25ae/x", "%25c0%25af", "%252500", "a%00b", "a%2500b", "a%0db"),
    *("..%5cx", "..%5c..%5cx", "a%5cb", "C:%5cx", "C:x", "C:/x", "%5c%5chost%5cshare", "x::$DATA", "CON", "nul.txt"),
    *("a/com1.txt", "a.", "a ", "a%20/b", ".../x", "file:/etc/hostname", "file:///etc/hostname", "a:", "x/", "x//"),
    *("y" * 256, "/".join("z" * 65), "a/" * 30 + "b" * 4000),
]
KINDS_THAT_RUN = ["a.html", "a.svg", "a.xml", "a.xhtml", "a.pdf", "a.js", "a.ipynb", "a", "a.htm", "a.mht", "MLmodel"]


pytestmark = pytest.mark.usefixtures("store_root")


def stored() -> tuple[int, int]:
    """Return how many files and bytes the store has."""
    return the_store().usage(ArtifactPath(()))


class TestUpload:
    @pytest.mark.parametrize("name", NAMES)
    def test_keeps_bytes_and_name(self, ann: Caller, name: str) -> None:
        folder = ann.new_folder()

        assert ann.put_file(f"{folder}/{name}", b"\0\xff" * 1000) == (200, b"")

        assert ann.get_file(f"{folder}/{name}").content == b"\0\xff" * 1000
        top = name.partition("/")[0]
        assert [one["path"] for one in ann.list_files(folder)] == [top]

    def test_keeps_an_empty_file(self, ann: Caller) -> None:
        folder = ann.new_folder()

        assert ann.put_file(f"{folder}/empty", b"")[0] == 200

        assert ann.list_files(folder) == [{"path": "empty", "is_dir": False, "file_size": 0}]
        assert ann.get_file(f"{folder}/empty").content == b""

    def test_replaces_a_file(self, ann: Caller) -> None:
        folder = ann.new_folder()
        ann.put_file(f"{folder}/a", b"the old and longer one")
        before = ann.get_file(f"{folder}/a").headers["ETag"]

        ann.put_file(f"{folder}/a", b"new")

        after = ann.get_file(f"{folder}/a")
        assert after.content == b"new"
        assert after.headers["ETag"] != before
        assert len(ann.list_files(folder)) == 1

    def test_that_is_cut_leaves_nothing(self, ann: Caller, store_root: Path) -> None:
        folder = ann.new_folder()
        ann.put_file(f"{folder}/kept", b"old")

        for name in ("new", "kept"):
            status, answer = ann.send_cut("PUT", file_url(f"{folder}/{name}"), b"x" * 100_000, promised=1_000_000)

            assert status == 400
            promised = f"Artifact '{folder}/{name}': 1000000 bytes were promised and 100000 came"
            assert answer["message"] == promised

        assert ann.list_files(folder) == [{"path": "kept", "is_dir": False, "file_size": 3}]
        assert ann.get_file(f"{folder}/kept").content == b"old"
        assert stored() == (1, 3)
        assert list((store_root / ".partial").iterdir()) == []

    def test_never_unpacks_an_archive(self, ann: Caller) -> None:
        folder, archive = ann.new_folder(), io.BytesIO()
        with zipfile.ZipFile(archive, "w") as packed:
            packed.writestr("../../outside.txt", "x")

        assert ann.put_file(f"{folder}/a.zip", archive.getvalue())[0] == 200

        assert stored() == (1, len(archive.getvalue()))

    @pytest.mark.parametrize(
        ("path", "message"),
        [
            ("a/b", "Invalid path: '{folder}/a/b': '{folder}/a' is not a directory"),
            ("a/b/c", "Invalid path: '{folder}/a/b/c': '{folder}/a' is not a directory"),
            ("dir", "Invalid path: '{folder}/dir' is a directory"),
            ("a/", "Artifact path must include a filename, not end with a slash."),
        ],
    )
    def test_refuses_what_no_file_can_be(self, ann: Caller, path: str, message: str) -> None:
        folder = ann.new_folder()
        ann.put_file(f"{folder}/a", b"1")
        ann.put_file(f"{folder}/dir/b", b"1")
        before = stored()

        status, answer = ann.put_file(f"{folder}/{path}", b"22")

        assert (status, answer["message"]) == (400, message.format(folder=folder))
        assert stored() == before

    def test_goes_below_the_artifacts_of_a_run_or_model_alone(self, ann: Caller) -> None:
        folder = ann.new_folder()
        experiment, run, _ = folder.split("/")
        other = ann.post("experiments/create", {"name": "other"})["experiment_id"]
        model = ann.post("logged-models", {"experiment_id": "0"})["model"]["info"]["model_id"]
        before = stored()

        for path in (
            "a",
            f"{experiment}/a",
            f"{experiment}/{run}/a",
            f"{experiment}/{run}/other/a",
            f"{other}/{run}/artifacts/a",
            f"0/{run}/artifacts/a",
            f"{experiment}/{'0' * 32}/artifacts/a",
            f"{experiment}/models/{model}/a",
            f"{experiment}/models/m-{'0' * 32}/artifacts/a",
            f"{other}/models/{model}/artifacts/a",
            f"{experiment}/{run}%/artifacts/a",
            f"{experiment}/*/artifacts/a",
        ):
            status, answer = ann.put_file(path, b"1")
            assert (status, answer["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST"), path

        assert stored() == before
        assert ann.put_file(f"{experiment}/models/{model}/artifacts/MLmodel", b"1")[0] == 200

    def test_refuses_a_deleted_run(self, ann: Caller) -> None:
        folder = ann.new_folder()
        ann.put_file(f"{folder}/a", b"1")
        ann.post("runs/delete", {"run_id": folder.split("/")[1]})

        assert "must be in the 'active' state" in ann.put_file(f"{folder}/a", b"2")[1]["message"]
        assert ann.request("DELETE", file_url(f"{folder}/a"))[0] == 400
        assert ann.get_file(f"{folder}/a").content == b"1"


class TestDownload:
    def test_says_what_it_is_and_runs_nowhere(self, ann: Caller) -> None:
        folder = ann.new_folder()
        for name in KINDS_THAT_RUN:
            ann.put_file(f"{folder}/{name}", b"<script>alert(1)</script>")

            for method in ("GET", "HEAD"):
                headers = ann.get_file(f"{folder}/{name}", method=method).headers

                assert headers["X-Content-Type-Options"] == "nosniff"
                assert headers["Content-Disposition"] == f"attachment; filename*=UTF-8''{name}"
                assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"

    def test_describes_the_file(self, ann: Caller) -> None:
        folder = ann.new_folder()
        ann.put_file(f"{folder}/目录/第 1.png", b"12345")

        got = ann.get_file(f"{folder}/目录/第 1.png")
        head = ann.get_file(f"{folder}/目录/第 1.png", method="HEAD")

        assert (got.status, got.content) == (200, b"12345")
        assert (head.status, head.content) == (200, b"")
        for name in ("Content-Type", "Content-Length", "Content-Disposition", "Accept-Ranges", "Last-Modified", "ETag"):
            assert got.headers[name] == head.headers[name]
        assert got.headers["Content-Type"] == "image/png"
        assert got.headers["Content-Length"] == "5"
        assert got.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%E7%AC%AC%201.png"
        assert got.headers["Accept-Ranges"] == "bytes"

    @pytest.mark.parametrize(
        ("asked", "content", "answered"),
        [
            ("bytes=0-3", b"0123", "bytes 0-3/10"),
            ("bytes=5-", b"56789", "bytes 5-9/10"),
            ("bytes=-3", b"789", "bytes 7-9/10"),
            ("bytes=-99", b"0123456789", "bytes 0-9/10"),
            ("bytes=8-99", b"89", "bytes 8-9/10"),
            ("bytes=9-9", b"9", "bytes 9-9/10"),
        ],
    )
    def test_sends_a_range(self, ann: Caller, asked: str, content: bytes, answered: str) -> None:
        folder = ann.new_folder()
        ann.put_file(f"{folder}/a", b"0123456789")

        response = ann.get_file(f"{folder}/a", Range=asked)

        assert (response.status, response.content) == (206, content)
        assert response.headers["Content-Range"] == answered
        assert response.headers["Content-Length"] == str(len(content))

    @pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=0-1", "bytes=5-2", "bytes=a-b", "bytes=-", "bytes"])
    def test_sends_all_for_a_range_it_may_ignore(self, ann: Caller, asked: str) -> None:
        folder = ann.new_folder()
        ann.put_file(f"{folder}/a", b"0123456789")

        response = ann.get_file(f"{folder}/a", Range=asked)

        assert (response.status, response.content) == (200, b"0123456789")

    @pytest.mark.parametrize(
        ("content", "asked"), [(b"0123456789", "bytes=10-"), (b"", "bytes=0-0"), (b"0", "bytes=-0")]
    )
    def test_refuses_a_range_outside_the_file(self, ann: Caller, content: bytes, asked: str) -> None:
        folder = ann.new_folder()
        ann.put_file(f"{folder}/a", content)

        response = ann.get_file(f"{folder}/a", Range=asked)

        assert response.status == 416
        assert response.headers["Content-Range"] == f"bytes */{len(content)}"

    def test_of_what_is_no_file_says_so_by_the_clients_path(self, ann: Caller) -> None:
        folder = ann.new_folder()
        ann.put_file(f"{folder}/dir/it's", b"1")

        for method in ("GET", "HEAD"):
            assert ann.get_file(f"{folder}/none", method=method).status == 404
        status, answer = ann.request("GET", file_url(f"{folder}/none"))
        assert (status, answer["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
        assert answer["message"] == f"No such artifact: '{folder}/none'"
        status, answer = ann.request("GET", file_url(f"{folder}/dir"))
        assert (status, answer["message"]) == (400, f"Invalid path: '{folder}/dir' is a directory")
        status, answer = ann.request("GET", file_url(f"{folder}/dir/it's/x"))
        assert (status, answer["message"]) == (404, f"No such artifact: '{folder}/dir/it's/x'")


class TestList:
    def test_names_entries_relative_to_the_directory(self, ann: Caller) -> None:
        folder = ann.new_folder()
        for name in ("b.txt", "a/x.txt", "a/sub/y.txt"):
            ann.put_file(f"{folder}/{name}", b"123")

        assert ann.list_files(folder) == [
            {"path": "a", "is_dir": True},
            {"path": "b.txt", "is_dir": False, "file_size": 3},
        ]
        assert [one["path"] for one in ann.list_files(f"{folder}/a")] == ["sub", "x.txt"]
        assert ann.list_files(f"{folder}/a/") == ann.list_files(f"{folder}/a")

    def test_is_empty_for_a_file_and_for_what_is_missing(self, ann: Caller) -> None:
        folder = ann.new_folder()
        ann.put_file(f"{folder}/a", b"1")

        for path in ("a", "none", "a/b", "none/b"):
            assert ann.request("GET", f"2.0/mlflow-artifacts/artifacts?path={folder}/{path}") == (200, {})

    def test_needs_an_experiment_of_the_workspace(self, ann: Caller) -> None:
        assert ann.request("GET", "2.0/mlflow-artifacts/artifacts?path=999/x")[0] == 404


class TestDelete:
    def test_removes_a_file_or_a_tree_and_nothing_beside_it(self, ann: Caller) -> None:
        folder = ann.new_folder()
        for name in ("a/x", "a/b/y", "ab", "c"):
            ann.put_file(f"{folder}/{name}", b"1")

        assert ann.request("DELETE", file_url(f"{folder}/a")) == (200, {})
        assert ann.request("DELETE", file_url(f"{folder}/c")) == (200, {})

        assert [one["path"] for one in ann.list_files(folder)] == ["ab"]

    def test_of_what_is_missing_succeeds(self, ann: Caller) -> None:
        folder = ann.new_folder()

        for _ in range(2):
            assert ann.request("DELETE", file_url(f"{folder}/none")) == (200, {})

    def test_never_reaches_beyond_a_run(self, ann: Caller) -> None:
        folder = ann.new_folder()
        ann.put_file(f"{folder}/a", b"1")
        experiment, run, _ = folder.split("/")
        before = stored()

        for path in (experiment, f"{experiment}/", f"{experiment}/{run}", f"{experiment}/models", "*"):
            assert ann.request("DELETE", file_url(path))[0] == 404

        assert stored() == before
        assert ann.request("DELETE", f"2.0/mlflow-artifacts/artifacts/{folder}/%2a") == (200, {})
        assert stored() == before


class TestBadPath:
    @pytest.mark.parametrize("bad", BAD_PATHS, ids=lambda bad: bad[:40])
    def test_is_refused_and_nothing_is_stored(self, ann: Caller, bad: str) -> None:
        folder = ann.new_folder()
        ann.put_file(f"{folder}/kept", b"1")
        before = stored()
        proxy = "2.0/mlflow-artifacts"

        for path in (f"{folder}/{bad}", bad):
            for method, where in (
                ("PUT", f"{proxy}/artifacts/{path}"),
                ("GET", f"{proxy}/artifacts/{path}"),
                ("DELETE", f"{proxy}/artifacts/{path}"),
                ("POST", f"{proxy}/mpu/create/{path}"),
                ("POST", f"{proxy}/mpu/complete/{path}"),
                ("POST", f"{proxy}/mpu/abort/{path}"),
                ("GET", f"{proxy}/presigned/{path}"),
            ):
                if method == "DELETE" and bad == "x/":
                    continue  # a directory may be named with its slash
                status, answer = ann.request(method, where, b"content" if method == "PUT" else None)
                assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), (method, where)
                assert "workspace-" not in answer["message"]

        assert stored() == before
        assert ann.list_files(folder) == [{"path": "kept", "is_dir": False, "file_size": 1}]

    @pytest.mark.parametrize("bad", [*(bad for bad in BAD_PATHS if bad not in ("x/", "%c0%ae%c0%ae/x")), "a%0ab"])
    def test_is_refused_in_a_query(self, ann: Caller, bad: str) -> None:
        run = ann.new_run()

        for where in (
            f"2.0/mlflow-artifacts/artifacts?path={bad}",
            f"2.0/mlflow/artifacts/list?run_id={run}&path={bad}",
        ):
            status, answer = ann.request("GET", where)
            assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), where

    @pytest.mark.parametrize("path", ["", "a%0ab", "a%0d%0aX-Evil:%20b"])
    def test_with_a_line_break_or_of_nothing_is_no_route(self, ann: Caller, path: str) -> None:
        for method in ("PUT", "GET", "DELETE"):
            response = ann.send(method, f"2.0/mlflow-artifacts/artifacts/{path}")

            assert response.status_code == 404
            assert "X-Evil" not in response.headers
            assert stored() == (0, 0)


class TestOtherWorkspace:
    def test_files_are_not_there(self, people: People, ann: Caller) -> None:
        lab = Caller(People.around("lab").ann.token, "lab")
        folder = lab.new_folder()
        lab.put_file(f"{folder}/a", b"secret")
        before = stored()

        assert ann.get_file(f"{folder}/a").status == 404
        assert ann.put_file(f"{folder}/a", b"mine")[0] == 404
        assert ann.request("DELETE", file_url(f"{folder}/a"))[0] == 404
        assert ann.request("GET", f"2.0/mlflow-artifacts/artifacts?path={folder}")[0] == 404
        assert ann.request("GET", f"2.0/mlflow/artifacts/list?run_id={folder.split('/')[1]}")[0] == 404
        assert stored() == before
        assert lab.get_file(f"{folder}/a").content == b"secret"

    def test_is_told_nothing_by_its_answers(self, people: People, ann: Caller) -> None:
        lab = Caller(People.around("lab").ann.token, "lab")
        experiment, run, _ = lab.new_folder().split("/")

        foreign = ann.put_file(f"{experiment}/{run}/artifacts/a", b"1")
        unknown = ann.put_file(f"{experiment}/{'0' * 32}/artifacts/a", b"1")

        assert str(foreign).replace(run, "0" * 32) == str(unknown)

    def test_prefix_of_the_store_opens_nothing(self, people: People, ann: Caller) -> None:
        folder = ann.new_folder()
        ann.put_file(f"{folder}/a", b"1")

        for path in (f"workspace-{people.workspace.pk}/{folder}/a", f"../workspace-{people.workspace.pk}/{folder}/a"):
            assert ann.request("GET", f"2.0/mlflow-artifacts/artifacts/{quote(path)}")[0] in (400, 404)


class TestOtherWays:
    @pytest.mark.parametrize("step", ["create", "complete", "abort"])
    def test_multipart_is_refused_in_the_words_the_client_waits_for(self, ann: Caller, step: str) -> None:
        status, answer = ann.request("POST", f"2.0/mlflow-artifacts/mpu/{step}/{ann.new_folder()}/a", {})

        assert (status, answer["error_code"]) == (501, "NOT_IMPLEMENTED")
        assert answer["message"] == "Multipart upload is not supported for the current artifact repository"

    def test_presigned_downloads_are_refused(self, ann: Caller) -> None:
        status, answer = ann.request("GET", f"2.0/mlflow-artifacts/presigned/{ann.new_folder()}/a")

        assert (status, answer["error_code"]) == (501, "NOT_IMPLEMENTED")
