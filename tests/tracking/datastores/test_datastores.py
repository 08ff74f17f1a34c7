"""Datastores by the REST API: registered, changed, made the default, forgotten; and what nobody may register."""

import ipaddress
import json
import logging
import os
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.support.buckets import S3Server
from tests.support.people import People
from tests.tracking.api.portal.asker import Asker
from tests.tracking.datastores.conftest import SECRETS, local_body, s3_body
from tracking.audit.models import AuditEvent
from tracking.datastores.models import Datastore

HERE = "workspaces/default/datastores"
BUILT_IN = "workspaceartifactstore"


class TestDefault:
    def test_comes_with_every_workspace(self, people: People, ann: Asker) -> None:
        (only,) = ann.done("GET", HERE)["datastores"]

        assert (only["name"], only["kind"], only["is_default"]) == (BUILT_IN, "built_in", True)
        assert only["location"] == f"workspace-{people.workspace.pk}/datastore"
        assert ann.done("GET", "workspaces/default")["default_datastore"] == BUILT_IN

    def test_is_the_one_that_an_owner_chose_last(self, ann: Asker, tmp_path: Path) -> None:
        ann.done("POST", HERE, {**local_body(tmp_path), "is_default": True})
        chosen = ann.done("GET", "workspaces")["workspaces"][0]["default_datastore"]

        back = ann.done("PATCH", f"{HERE}/{BUILT_IN}", {"is_default": True})

        assert (chosen, back["is_default"]) == ("data", True)
        assert [one["is_default"] for one in ann.done("GET", HERE)["datastores"]] == [False, True]

    def test_is_the_built_in_one_again_when_another_goes(self, ann: Asker, tmp_path: Path) -> None:
        body = local_body(tmp_path)
        Path(body["config"]["path"], "kept.txt").write_text("x")
        ann.done("POST", HERE, {**body, "is_default": True})

        answer = ann.done("DELETE", f"{HERE}/data")

        assert ann.done("GET", f"{HERE}/{BUILT_IN}")["is_default"]
        assert body["config"]["path"] in answer["note"]
        assert Path(body["config"]["path"], "kept.txt").exists()

    def test_is_neither_changed_nor_forgotten(self, ann: Asker) -> None:
        assert ann.refused("DELETE", f"{HERE}/{BUILT_IN}")[:2] == (400, "INVALID_STATE")
        assert ann.refused("PATCH", f"{HERE}/{BUILT_IN}", {"config": {"path": "/x"}})[:2] == (400, "INVALID_STATE")


class TestRegister:
    def test_is_for_owners_and_noted(self, ann: Asker, bob: Asker, tmp_path: Path) -> None:
        refused = bob.refused("POST", HERE, local_body(tmp_path))
        made = ann.done("POST", HERE, local_body(tmp_path))

        assert refused[0] == 403
        assert made == bob.done("GET", f"{HERE}/data")
        assert (made["created_by"], made["has_credentials"]) == ("ann", False)
        assert ann.refused("POST", HERE, local_body(tmp_path))[:2] == (400, "RESOURCE_ALREADY_EXISTS")
        assert AuditEvent.objects.get(verb="datastore.register").target.startswith("default/data: local")

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"name": "Big Data"}, "'Big Data'"),
            ({"name": BUILT_IN}, BUILT_IN),
            ({"kind": "ftp"}, "'ftp'"),
            ({"kind": "built_in"}, "'built_in'"),
            ({"config": {}}, "config.path"),
            ({"config": {"path": "x", "bucket": "b"}}, "config.bucket"),
            ({"credentials": {"account_key": "hunter2"}}, "credentials.account_key"),
            ({"kind": "s3", "config": {"bucket": "../b"}}, "config.bucket"),
            ({"kind": "s3", "config": {"bucket": "b-1"}, "credentials": {"access_key_id": "k"}}, "secret_access_key"),
            ({"kind": "s3", "config": {"bucket": "b-1", "prefix": "a/../b"}}, "a/../b"),
            ({"kind": "azure_blob", "config": {"account": "abc"}}, "config.container"),
        ],
    )
    def test_refuses_what_breaks_a_rule(
        self, ann: Asker, tmp_path: Path, change: dict[str, object], named: str
    ) -> None:
        status, _, message = ann.refused("POST", HERE, {**local_body(tmp_path), **change})

        assert (status, named in message, "hunter2" in message) == (400, True, False)
        assert not Datastore.objects.exists()

    def test_says_so_when_a_host_is_not_known(self, ann: Asker, s3_server: S3Server) -> None:
        body = s3_body(s3_server)
        body["config"] |= {"endpoint": "https://no-such-host.invalid"}

        status, _, message = ann.refused("POST", HERE, body)

        assert (status, "No address is known for the host 'no-such-host.invalid'" in message) == (400, True)

    def test_says_what_is_wrong_with_a_place_that_it_cannot_reach(self, ann: Asker, s3_server: S3Server) -> None:
        body = s3_body(s3_server)
        body["config"] |= {"bucket": "no-such-bucket"}

        status, _, message = ann.refused("POST", HERE, body)
        made = ann.done("POST", HERE, {**body, "skip_validation": True})

        assert (status, "no such bucket" in message, "no-such-bucket" in message) == (400, True, True)
        assert made["location"] == f"{s3_server.endpoint}/no-such-bucket/sets/v1"
        assert ann.refused("GET", f"{HERE}/data/files")[:2] == (400, "INVALID_STATE")


class TestSecrets:
    def test_are_nowhere_to_be_read(self, ann: Asker, s3_server: S3Server, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        answers = [ann.done("POST", HERE, s3_body(s3_server))]
        answers += [ann.done("GET", HERE), ann.done("GET", f"{HERE}/data"), ann.done("GET", f"{HERE}/data/sign/a")]
        answers += [ann.refused("PATCH", f"{HERE}/data", {"credentials": {"secret_access_key": SECRETS["s3"]}})]
        answers += [ann.done("DELETE", f"{HERE}/data"), ann.done("GET", f"{HERE}")]

        assert SECRETS["s3"] not in json.dumps(answers) + caplog.text
        assert SECRETS["s3"] not in json.dumps([*AuditEvent.objects.values_list("verb", "target", "result")])

    def test_are_encrypted_in_the_database(self, ann: Asker, s3_server: S3Server) -> None:
        ann.done("POST", HERE, s3_body(s3_server))

        row = Datastore.objects.get()
        assert row.sealed
        assert SECRETS["s3"] not in f"{row.sealed}{row.config}"
        assert ann.done("GET", f"{HERE}/data")["has_credentials"]

    def test_are_asked_for_again_when_the_servers_key_is_another(
        self, ann: Asker, s3_server: S3Server, settings: Settings
    ) -> None:
        body = s3_body(s3_server)
        ann.done("POST", HERE, body)
        settings.SECRET_KEY = "another key that is long enough to be one, as it seems"

        status, code, message = ann.refused("GET", f"{HERE}/data/files")
        ann.done("PATCH", f"{HERE}/data", {"credentials": body["credentials"]})

        assert (status, code, "'data'" in message, "PORTAL_SECRET_KEY" in message) == (400, "INVALID_STATE", True, True)
        assert ann.done("GET", f"{HERE}/data/files")["files"] == []

    def test_do_not_go_to_another_address_than_they_were_given_for(self, ann: Asker, s3_server: S3Server) -> None:
        ann.done("POST", HERE, s3_body(s3_server))

        refused = ann.refused("PATCH", f"{HERE}/data", {"config": {"endpoint": "http://127.0.0.1:9"}})

        assert (refused[0], "again" in refused[2]) == (400, True)
        assert ann.done("PATCH", f"{HERE}/data", {"config": {"prefix": "v2"}})["location"].endswith("/v2")

    def test_of_the_server_itself_are_not_lent_out(
        self, ann: Asker, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "SERVERKEY")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SERVERSECRET")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "SERVERTOKEN")
        body = s3_body(s3_server, bucket="anonymous")
        anonymous = {**body, "name": "anonymous", "credentials": {}}

        ann.done("POST", HERE, body)
        ann.done("POST", HERE, anonymous)

        links = [ann.done("GET", f"{HERE}/{name}/sign/a") for name in ("data", "anonymous")]
        assert [link["goes_through_server"] for link in links] == [False, True]
        assert "SERVER" not in json.dumps(links)


class TestFolders:
    @pytest.mark.parametrize("kind", ["outside", "link", "store", "file", "relative", "missing", "root", "above"])
    def test_that_are_not_for_sharing_are_refused(
        self, ann: Asker, tmp_path: Path, settings: Settings, kind: str
    ) -> None:
        shared = tmp_path / "shared"
        settings.OWN_PLACES = [shared / "own" / "data"]
        (tmp_path / "outside").mkdir()
        (shared / "own" / "data" / "deep").mkdir(parents=True)
        (shared / "file").write_text("x")
        os.symlink(tmp_path / "outside", shared / "link")
        path = {
            "outside": f"{shared}/../outside",
            "link": f"{shared}/link",
            "store": f"{shared}/own/data/deep",
            "file": f"{shared}/file",
            "relative": "shared/data",
            "missing": f"{shared}/missing",
            "root": "/",
            "above": f"{shared}/own",
        }[kind]

        status, _, message = ann.refused("POST", HERE, {**local_body(tmp_path), "config": {"path": path}})

        assert (status, "config.path" in message) == (400, True)
        assert not Datastore.objects.exists()

    def test_need_a_setting(self, ann: Asker, tmp_path: Path, settings: Settings) -> None:
        settings.DATASTORE_ROOTS = ()

        assert "PORTAL_DATASTORE_ROOTS" in ann.refused("POST", HERE, local_body(tmp_path))[2]

    def test_that_become_links_afterwards_are_not_followed(self, ann: Asker, tmp_path: Path) -> None:
        body = local_body(tmp_path)
        ann.done("POST", HERE, body)
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside" / "secret").write_text("x")
        Path(body["config"]["path"]).rmdir()
        os.symlink(tmp_path / "outside", body["config"]["path"])

        assert ann.refused("GET", f"{HERE}/data/files")[0] == 400
        assert ann.refused("GET", f"{HERE}/data/files/secret")[0] == 400


class TestEndpoints:
    @pytest.mark.parametrize(
        "endpoint",
        [
            "http://127.0.0.1:9000",
            "https://localhost",
            "https://[::1]",
            "https://[::ffff:169.254.169.254]",
            "https://[64:ff9b::a9fe:a9fe]",
            "http://169.254.169.254/latest",
            "https://10.0.0.8",
            "https://192.168.1.1",
            "https://0.0.0.0",
            "https://2130706433",
            "https://100.64.0.1",
            "http://8.8.8.8",
            "file:///etc/passwd",
            "https://user:hunter2@8.8.8.8",
            "https://8.8.8.8?x=hunter2",
            "https://8.8.8.8:x",
            "https://",
        ],
    )
    def test_that_only_the_server_reaches_are_refused(self, ann: Asker, settings: Settings, endpoint: str) -> None:
        settings.DATASTORE_PRIVATE_ENDPOINTS = ()
        config = {"bucket": "b-1", "endpoint": endpoint}

        status, _, message = ann.refused(
            "POST", HERE, {"name": "data", "kind": "s3", "config": config, "skip_validation": True}
        )

        assert (status, "config.endpoint" in message, "hunter2" in message) == (400, True, False)
        assert not Datastore.objects.exists()

    def test_that_are_refused_later_are_not_asked_any_more(
        self, ann: Asker, s3_server: S3Server, settings: Settings
    ) -> None:
        ann.done("POST", HERE, s3_body(s3_server))
        settings.DATASTORE_PRIVATE_ENDPOINTS = (ipaddress.ip_network("10.0.0.0/8"),)

        assert ann.refused("GET", f"{HERE}/data/files")[0] == 400

    def test_that_are_public_need_no_setting(self, ann: Asker, settings: Settings) -> None:
        settings.DATASTORE_PRIVATE_ENDPOINTS = ()
        config = {"bucket": "b-1", "endpoint": "https://8.8.8.8"}

        made = ann.done("POST", HERE, {"name": "data", "kind": "s3", "config": config, "skip_validation": True})

        assert made["location"] == "https://8.8.8.8/b-1"
