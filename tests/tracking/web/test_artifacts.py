"""A run's artifacts: the tree, a preview, the bytes."""

import io
import json
import re
import zipfile

import pytest
from django.http import StreamingHttpResponse
from django.test import Client

from tests.support.people import People
from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.queries import run_folder
from tracking.artifacts.services import put_file
from tracking.core.clock import utc_now
from tracking.runs.models import Run
from tracking.runs.queries import get_experiment
from tracking.runs.services import create_run
from tracking.web.artifacts import ENTRIES_PER_PAGE

BAD_PATHS = ["../x", "a/../../x", "/etc/hostname", "a\\b", "%2e%2e%2fx", "a//b", "C:x", "x::$DATA"]


@pytest.fixture
def run(people: People) -> Run:
    default = get_experiment(workspace=people.workspace, experiment_id="0")
    return create_run(experiment=default, name="otter", user_name="ann", started_at=utc_now(), tags=[])


def put(run: Run, path: str, content: bytes) -> None:
    where = run_folder(run).join(ArtifactPath.parse(path))
    put_file(workspace=run.workspace, path=where, chunks=[content], size_bytes=len(content))


def url_of(run: Run, page: str) -> str:
    return f"/w/default/runs/{run.uid}/{page}"


def body_of(response: object) -> bytes:
    """Read a download to its end, which also closes the file."""
    assert isinstance(response, StreamingHttpResponse)
    return response.getvalue()


def etag_of(client: Client, run: Run, path: str) -> str:
    return client.head(url_of(run, "download"), {"path": path})["ETag"]


class TestArtifactTree:
    def test_lists_files_and_directories(self, bob: Client, run: Run) -> None:
        put(run, "model/MLmodel", b"x")
        put(run, "notes.txt", b"hello")

        page = bob.get(url_of(run, "artifacts")).content.decode()

        assert re.findall(r'class="tree-name">([^<]*)<', page) == ["model", "notes.txt"]
        assert f'href="{url_of(run, "preview")}?path=notes.txt"' in page
        assert f'href="{url_of(run, "artifacts")}?path=model"' in page

    def test_answers_the_entries_of_a_directory_alone(self, bob: Client, run: Run) -> None:
        put(run, "a b/c&d/x.txt", b"x")

        response = bob.get(url_of(run, "artifacts"), {"path": "a b"}, headers={"HX-Request": "true"})

        page = response.content.decode()
        assert page.strip().startswith("<li")
        assert "?path=a+b%2Fc%26d" in page

    def test_finds_files_at_any_depth(self, bob: Client, run: Run) -> None:
        put(run, "model/deep/Weights.bin", b"x")
        put(run, "notes.txt", b"hello")

        page = bob.get(url_of(run, "artifacts"), {"find": "weights"}).content.decode()

        assert re.findall(r'class="tree-name">([^<]*)<', page) == ["model/deep/Weights.bin"]
        assert "?path=model%2Fdeep%2FWeights.bin" in page

    def test_is_a_file_of_all_that_lies_below(self, bob: Client, run: Run) -> None:
        put(run, "model/deep/weights.bin", b"12345")
        put(run, "notes.txt", b"hello")

        found = json.loads(body_of(bob.get(url_of(run, "artifacts"), {"path": "model", "format": "json"})))

        assert [(one["path"], one["size_bytes"]) for one in found["artifacts"]] == [("deep/weights.bin", 5)]

    def test_leads_up_again(self, bob: Client, run: Run) -> None:
        put(run, "a/b/x.txt", b"x")

        page = bob.get(url_of(run, "artifacts"), {"path": "a/b"}).content.decode()

        assert f'<a href="{url_of(run, "artifacts")}">' in page
        assert f'<a href="{url_of(run, "artifacts")}?path=a">a</a>' in page

    def test_pages_through_a_full_directory(self, bob: Client, run: Run) -> None:
        for i in range(ENTRIES_PER_PAGE + 1):
            put(run, f"many/{i:04d}", b"")

        page = bob.get(url_of(run, "artifacts"), {"path": "many"}).content.decode()
        following = re.search(r'href="([^"]*after=[^"]*)"', page)
        assert following is not None
        rest = bob.get(following[1].replace("&amp;", "&")).content.decode()

        assert page.count('class="tree-name"') == ENTRIES_PER_PAGE
        assert re.findall(r'class="tree-name">([^<]*)<', rest) == [f"{ENTRIES_PER_PAGE:04d}"]


class TestArtifactPreview:
    @pytest.mark.parametrize(
        ("name", "content", "mark"),
        [
            ("plot.png", b"\x89PNG", '<img class="preview-image"'),
            ("train.py", b"import x\n", '<span class="kn">import</span>'),
            ("a.csv", b"id,b\n1,2\n", '<th scope="col">id</th>'),
            ("README.md", b"# Hello", "<h1>Hello</h1>"),
            ("weights.bin", b"\x00\x01", "There is no preview for this kind of file"),
            ("empty.txt", b"", "The file is empty"),
            ("page.html", b"<script>alert(1)</script>", 'sandbox="allow-scripts"'),
            ("a.mp3", b"ID3", "<audio "),
            ("a.mp4", b"\0\0", "<video "),
            ("a.pdf", b"%PDF-1.7", "<iframe "),
            ("a.json", b'{"a": [1]}', 'class="json-tree"'),
            ("a.ipynb", b'{"cells": [{"cell_type": "code", "source": "import x"}]}', 'class="notebook-code"'),
        ],
    )
    def test_shows_each_kind_in_its_way(self, bob: Client, run: Run, name: str, content: bytes, mark: str) -> None:
        put(run, name, content)

        page = bob.get(url_of(run, "preview"), {"path": name}).content.decode()

        assert mark in page
        assert "<script>alert" not in page

    def test_warns_of_a_format_that_runs_code(self, bob: Client, run: Run) -> None:
        put(run, "model.pkl", b"cos\nsystem\n(S'exit 1'\ntR.")

        page = bob.get(url_of(run, "preview"), {"path": "model.pkl"}).content.decode()

        assert "data-unsafe" in page
        assert "cos" not in page.split('id="preview"')[1]

    def test_answers_the_preview_alone(self, bob: Client, run: Run) -> None:
        put(run, "a/x.txt", b"words")

        response = bob.get(
            url_of(run, "preview"), {"path": "a/x.txt"}, headers={"HX-Request": "true", "HX-Target": "preview"}
        )

        page = response.content.decode()
        assert "<html" not in page
        assert "words" in page

    def test_marks_the_open_file_in_its_directory(self, bob: Client, run: Run) -> None:
        put(run, "a/x.txt", b"words")

        page = bob.get(url_of(run, "preview"), {"path": "a/x.txt"}).content.decode()

        assert re.search(r'title="x.txt" aria-current="true"', page)

    def test_spells_out_a_name_that_turns_the_reading_direction(self, bob: Client, run: Run) -> None:
        put(run, "\u202egnp.exe", b"x")

        assert "[U+202E]gnp.exe" in bob.get(url_of(run, "preview"), {"path": "\u202egnp.exe"}).content.decode()

    def test_of_a_file_that_does_not_exist_is_not_found(self, bob: Client, run: Run) -> None:
        assert bob.get(url_of(run, "preview"), {"path": "nothing"}).status_code == 404


class TestArtifactDownload:
    @pytest.mark.parametrize(
        "name", ["a.html", "a.svg", "a.xml", "a.xhtml", "a.pdf", "a.ipynb", "noext", "a.png", "a.pkl", "a.js"]
    )
    def test_is_an_attachment_without_powers(self, bob: Client, run: Run, name: str) -> None:
        put(run, name, b"<script>alert(1)</script>")

        response = bob.get(url_of(run, "download"), {"path": name})

        assert body_of(response) == b"<script>alert(1)</script>"
        assert response["Content-Disposition"] == f'attachment; filename="{name}"'
        assert response["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Cache-Control"] == "private, no-cache"

    @pytest.mark.parametrize(
        ("name", "media_type"),
        [("a.png", "image/png"), ("a.JPG", "image/jpeg"), ("a.gif", "image/gif"), ("a.webp", "image/webp")],
    )
    def test_is_shown_in_the_page_for_pictures(self, bob: Client, run: Run, name: str, media_type: str) -> None:
        put(run, name, b"x")

        response = bob.get(url_of(run, "download"), {"path": name, "inline": "1"})

        assert body_of(response) == b"x"
        assert response["Content-Type"] == media_type
        assert response["Content-Disposition"].startswith("inline")
        assert response["Content-Security-Policy"] == "sandbox; default-src 'none'"

    @pytest.mark.parametrize("name", ["a.svg", "a.html", "a.png.html", "png"])
    def test_is_never_shown_for_anything_else(self, bob: Client, run: Run, name: str) -> None:
        put(run, name, b"x")

        response = bob.get(url_of(run, "download"), {"path": name, "inline": "1"})

        assert body_of(response) == b"x"
        assert response["Content-Disposition"].startswith("attachment")

    def test_names_the_file_in_every_script(self, bob: Client, run: Run) -> None:
        put(run, '图 "1".txt', b"x")

        response = bob.get(url_of(run, "download"), {"path": '图 "1".txt'})

        assert body_of(response) == b"x"
        assert response["Content-Disposition"] == "attachment; filename*=utf-8''%E5%9B%BE%20%221%22.txt"

    @pytest.mark.parametrize(
        ("asked", "content", "shown"),
        [
            ("bytes=0-1", b"01", "bytes 0-1/10"),
            ("bytes=8-", b"89", "bytes 8-9/10"),
            ("bytes=-3", b"789", "bytes 7-9/10"),
            ("bytes=5-100", b"56789", "bytes 5-9/10"),
        ],
    )
    def test_sends_the_range_asked_for(self, bob: Client, run: Run, asked: str, content: bytes, shown: str) -> None:
        put(run, "digits", b"0123456789")

        response = bob.get(url_of(run, "download"), {"path": "digits"}, headers={"Range": asked})

        assert response.status_code == 206
        assert body_of(response) == content
        assert response["Content-Range"] == shown
        assert response["Content-Length"] == str(len(content))

    def test_refuses_a_range_outside_the_file(self, bob: Client, run: Run) -> None:
        put(run, "digits", b"0123456789")

        response = bob.get(url_of(run, "download"), {"path": "digits"}, headers={"Range": "bytes=10-"})

        assert response.status_code == 416
        assert response["Content-Range"] == "bytes */10"

    def test_sends_all_of_a_file_that_changed_since(self, bob: Client, run: Run) -> None:
        put(run, "digits", b"0123456789")
        range_ = {"Range": "bytes=0-1", "If-Range": etag_of(bob, run, "digits")}
        same = bob.get(url_of(run, "download"), {"path": "digits"}, headers=range_)
        put(run, "digits", b"abcdefghijkl")

        changed = bob.get(url_of(run, "download"), {"path": "digits"}, headers=range_)

        assert body_of(same) == b"01"
        assert same.status_code == 206
        assert changed.status_code == 200
        assert body_of(changed) == b"abcdefghijkl"

    def test_is_not_sent_twice_unchanged(self, bob: Client, run: Run) -> None:
        put(run, "digits", b"0123456789")
        etag = etag_of(bob, run, "digits")

        response = bob.get(url_of(run, "download"), {"path": "digits"}, headers={"If-None-Match": etag})

        assert response.status_code == 304
        assert response["Content-Security-Policy"] == "sandbox; default-src 'none'"

    def test_tells_its_size_without_its_bytes(self, bob: Client, run: Run) -> None:
        put(run, "digits", b"0123456789")

        response = bob.head(url_of(run, "download"), {"path": "digits"})

        assert response["Content-Length"] == "10"
        assert response["Accept-Ranges"] == "bytes"


class TestAccess:
    @pytest.mark.parametrize("page", ["artifacts", "preview", "download"])
    @pytest.mark.parametrize("path", BAD_PATHS)
    def test_no_path_leaves_the_run(self, bob: Client, run: Run, page: str, path: str) -> None:
        assert bob.get(url_of(run, page), {"path": path}).status_code == 400

    @pytest.mark.parametrize("page", ["artifacts", "preview", "download"])
    def test_a_stranger_finds_nothing(self, client: Client, people: People, run: Run, page: str) -> None:
        put(run, "x.txt", b"x")
        client.force_login(people.cleo.user)

        assert client.get(url_of(run, page), {"path": "x.txt"}).status_code == 404

    def test_another_runs_files_are_not_there(self, bob: Client, people: People, run: Run) -> None:
        default = get_experiment(workspace=people.workspace, experiment_id="0")
        other = create_run(experiment=default, name="b", user_name="ann", started_at=utc_now(), tags=[])
        put(run, "x.txt", b"x")

        assert bob.get(url_of(other, "download"), {"path": "x.txt"}).status_code == 404


class TestArtifactFrame:
    def test_gives_a_page_no_rights(self, bob: Client, run: Run) -> None:
        put(run, "a.html", b"<script>alert(1)</script>")

        response = bob.get(url_of(run, "frame"), {"path": "a.html"})

        assert response.content == b"<script>alert(1)</script>"
        policy = response["Content-Security-Policy"]
        assert policy.startswith("sandbox allow-scripts; default-src 'none'; ")
        assert not {"allow-same-origin", "connect-src", "form-action"} & set(policy.replace(";", " ").split())
        assert response["X-Frame-Options"] == "SAMEORIGIN"

    def test_gives_it_our_plotly_for_that_of_a_cdn(self, bob: Client, run: Run) -> None:
        script = b'<script charset="utf-8" src="https://cdn.plot.ly/plotly-3.1.0.min.js" integrity="x"></script>'
        put(run, "figure.html", b"<p>before</p>" + script + b"<script>Plotly.newPlot()</script>")

        response = bob.get(url_of(run, "frame"), {"path": "figure.html"})

        assert b"cdn.plot.ly" not in response.content
        ours = re.search(rb'<script src="(http://testserver/static/vendor/plotly[^"]+)"></script>', response.content)
        assert ours is not None
        assert ours[1].decode() in response["Content-Security-Policy"]

    @pytest.mark.parametrize("path", ["a.txt", "a.svg"])
    def test_is_for_pages_alone(self, bob: Client, run: Run, path: str) -> None:
        put(run, path, b"x")

        assert bob.get(url_of(run, "frame"), {"path": path}).status_code == 400

    def test_is_nothing_for_a_stranger(self, client: Client, people: People, run: Run) -> None:
        put(run, "a.html", b"x")
        client.force_login(people.cleo.user)

        assert client.get(url_of(run, "frame"), {"path": "a.html"}).status_code == 404


class TestPdf:
    def test_opens_in_the_browsers_viewer_and_in_our_frame_alone(self, bob: Client, run: Run) -> None:
        put(run, "a.pdf", b"%PDF-1.7")

        response = bob.get(url_of(run, "download"), {"path": "a.pdf", "inline": "1"})

        assert body_of(response) == b"%PDF-1.7"
        assert response["Content-Type"] == "application/pdf"
        assert response["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'self'"


class TestArtifactZip:
    def test_holds_every_file_of_a_folder(self, bob: Client, run: Run) -> None:
        put(run, "model/MLmodel", b"flavors: {}")
        put(run, "model/data/权重.bin", b"\0" * 300_000)
        put(run, "notes.txt", b"hello")

        response = bob.get(url_of(run, "zip"), {"path": "model"})

        assert response["Content-Disposition"] == 'attachment; filename="model.zip"'
        with zipfile.ZipFile(io.BytesIO(body_of(response))) as archive:
            assert archive.testzip() is None
            assert {name: len(archive.read(name)) for name in archive.namelist()} == {
                "MLmodel": 11,
                "data/权重.bin": 300_000,
            }

    @pytest.mark.parametrize(("path", "status"), [("nothing", 404), *((path, 400) for path in BAD_PATHS)])
    def test_refuses_what_holds_nothing(self, bob: Client, run: Run, path: str, status: int) -> None:
        put(run, "notes.txt", b"hello")

        assert bob.get(url_of(run, "zip"), {"path": path}).status_code == status
