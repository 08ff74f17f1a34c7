"""Buckets, and which store an address opens."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import obstore
import pytest
from obstore.store import MemoryStore

from tests.tracking.artifacts.storing import at, files_below, names_in, put
from tracking.artifacts.store import ObjectStore, open_store
from tracking.core.errors import InvalidParameterError, UnavailableError


class RefusingService(BaseHTTPRequestHandler):
    """A service that is reached, and refuses."""

    def do_HEAD(self) -> None:
        self.send_response(403)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""


class TestObjectStore:
    def test_leaves_out_keys_that_no_client_can_ask_for(self) -> None:
        bucket = MemoryStore()
        for key in ("run/a", "run/back\\slash", "run/CON", "run/%2e%2e/x"):
            obstore.put(bucket, key, b"x")

        assert names_in(ObjectStore(bucket), at("run")) == ["a"]

    def test_reports_a_service_that_does_not_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:9")
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
        store = open_store("s3://bucket/prefix")

        with pytest.raises(UnavailableError, match="The artifact store failed at 'a'"):
            store.head(at("a"))


class TestOpenStore:
    @pytest.mark.parametrize("form", ["{}", "file://{}", "FILE://{}"])
    def test_opens_a_folder_and_makes_it_with_the_first_file(self, root: Path, form: str) -> None:
        store = open_store(form.format(root))
        assert not root.exists()

        put(store, "a")

        assert files_below(root) == ["a"]

    def test_decodes_a_file_url_once(self, tmp_path: Path) -> None:
        put(open_store(f"file://{tmp_path}/my%20data%2525"), "a")

        assert files_below(tmp_path / "my data%25") == ["a"]

    @pytest.mark.parametrize(
        "url", ["s3://bucket", "s3://bucket/", "s3://bucket/a/b", "az://container/a", "gs://bucket/a"]
    )
    def test_opens_a_bucket(self, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")

        assert isinstance(open_store(url), ObjectStore)

    def test_obeys_the_environment_of_the_service(self, monkeypatch: pytest.MonkeyPatch) -> None:
        server = HTTPServer(("127.0.0.1", 0), RefusingService)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
        try:
            with pytest.raises(UnavailableError, match="PermissionDeniedError"):
                open_store("s3://bucket/prefix").head(at("a"))
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    @pytest.mark.parametrize("url", ["ftp://host/x", "dbfs:/x", "http://host/x", "memory:///", " file:x", "", "data/x"])
    def test_names_a_scheme_that_it_does_not_know(self, url: str) -> None:
        scheme = url.split(":")[0] if ":" in url else ""

        with pytest.raises(InvalidParameterError, match=f"has the scheme '{scheme}'"):
            open_store(url)

    @pytest.mark.parametrize(
        "url",
        ["file:x", "file://host/x", "file://", "s3:bucket", "s3:///x", "s3://b/k?x=/../..", "s3://b/#/../x", "az://"],
    )
    def test_says_which_form_a_url_must_have(self, url: str) -> None:
        with pytest.raises(InvalidParameterError, match="must have the form"):
            open_store(url)

    @pytest.mark.parametrize("url", ["s3://bucket/a/../b", "gs://bucket//a", "s3://bucket/%2e%2e"])
    def test_refuses_a_prefix_that_leads_out(self, url: str) -> None:
        with pytest.raises(InvalidParameterError, match="Invalid path"):
            open_store(url)

    def test_repeats_no_password(self) -> None:
        with pytest.raises(InvalidParameterError) as caught:
            open_store("s3://key:hunter2@bucket/x")

        assert "hunter2" not in str(caught.value)
