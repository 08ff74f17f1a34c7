"""Where datastores are registered in these tests: a folder, a bucket, a container; and an own store of artifacts."""

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pytest_django import Settings

if TYPE_CHECKING:
    from tests.support.buckets import AzureServer, S3Server
    from tests.support.people import People
    from tests.tracking.api.portal.asker import Asker

SECRETS = {"s3": "SECRET-of-the-bucket", "azure_blob": "Eby8vdM02xNOcqFlqUwJPLlm", "local": ""}


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, settings: Settings) -> Iterator[None]:
    """Give the test an empty artifact store, a root for local datastores, and let endpoints be on this machine."""
    from tracking.artifacts.queries import the_store

    settings.ARTIFACT_ROOT = str(tmp_path / "store")
    settings.DATASTORE_ROOTS = (tmp_path / "shared",)
    settings.DATASTORE_PRIVATE_ENDPOINTS = (ipaddress.ip_network("127.0.0.0/8"),)
    (tmp_path / "shared" / "data").mkdir(parents=True)
    the_store.cache_clear()
    yield
    the_store.cache_clear()


@pytest.fixture
def ann(people: "People") -> "Asker":
    from tests.tracking.api.portal.asker import Asker

    return Asker.of(people.ann.user)


@pytest.fixture
def bob(people: "People") -> "Asker":
    from tests.tracking.api.portal.asker import Asker

    return Asker.of(people.bob.user)


def local_body(tmp_path: Path) -> dict[str, Any]:
    """Return what registers a folder."""
    return {"name": "data", "kind": "local", "config": {"path": str(tmp_path / "shared" / "data")}}


def s3_body(server: "S3Server", bucket: str = "lab-data") -> dict[str, Any]:
    """Return what registers a new, empty bucket."""
    return {
        "name": "data",
        "kind": "s3",
        "config": {"bucket": server.new_bucket(bucket), "prefix": "sets/v1", "endpoint": server.endpoint},
        "credentials": {"access_key_id": "KEY", "secret_access_key": SECRETS["s3"]},
    }


@pytest.fixture(params=["built_in", "local", "s3", "azure_blob"])
def datastore(request: pytest.FixtureRequest, ann: "Asker", tmp_path: Path) -> str:
    """Return where a datastore of each kind is, below ``/api/v1/``; it is empty."""
    if request.param == "built_in":
        return "workspaces/default/datastores/workspaceartifactstore"
    if request.param == "local":
        body = local_body(tmp_path)
    elif request.param == "s3":
        body = s3_body(request.getfixturevalue("s3_server"))
    else:
        body = azure_body(request.getfixturevalue("azure_server"), container=f"c-{abs(hash(request.node.nodeid))}")
    ann.done("POST", "workspaces/default/datastores", body)
    return "workspaces/default/datastores/data"


def azure_body(server: "AzureServer", container: str) -> dict[str, Any]:
    """Return what registers a new container."""
    from tests.support.buckets import ACCOUNT, ACCOUNT_KEY

    return {
        "name": "data",
        "kind": "azure_blob",
        "config": {
            "account": ACCOUNT,
            "container": server.new_container(container),
            "prefix": "sets/v1",
            "endpoint": server.endpoint,
        },
        "credentials": {"account_key": ACCOUNT_KEY},
    }
