"""Where tests run: a data folder of their own, SQLite or a PostgreSQL cluster of their own, servers of their own.

Django's settings are read once in each process, when ``pytest_configure`` below has prepared what they read. Until then
nothing here may import them, hence the imports inside the fixtures.
"""

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import django
import hypothesis
import pytest
from pytest_django import DjangoDbBlocker
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from portal.env import SETTINGS
from tests.support import prepared
from tests.support.postgres import Cluster
from tests.support.programs import CHROMIUM, IS_CI, MissingProgramError, need
from tests.support.redis import RedisServer

if TYPE_CHECKING:
    from tests.support.buckets import AzureServer, S3Server
    from tests.support.people import People, Snapshot
    from tests.support.portal import Portal

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile(
    "any-machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any-machine")

# What asks no database, what is refused before one is asked, who may do what, and what sees it only from far away,
# through pages or the SDK, is tested once, on SQLite; the rooms below and mlflow's client are tested on both.
ONCE = (
    "tests/browser/",
    "tests/portal/",
    "tests/sdk/",
    "tests/test_",
    *(f"tests/tracking/api/{what}.py" for what in ("portal/test_access", "test_access", "test_base")),
    *(
        f"tests/tracking/artifacts/test_{what}.py"
        for what in ("headers", "local_store", "object_store", "paths", "store")
    ),
    "tests/tracking/charts/",
    "tests/tracking/core/test_groups.py",
    *(f"tests/tracking/management/test_{what}.py" for what in ("demo", "serve", "static_files", "supervisor")),
    *(f"tests/tracking/metrics/test_{what}.py" for what in ("blocks", "codec", "downsample", "placed", "pyramid")),
    "tests/tracking/metrics/test_smoothing.py",
    "tests/tracking/search/",
    "tests/tracking/test_permissions.py",
    *(
        f"tests/tracking/web/test_{what}.py"
        for what in ("figures", "git_links", "markup", "oidc", "previews", "snippets")
    ),
)
# Files are handed to the processes in this order (with xdist's --no-loadscope-reorder): what waits for servers stands
# beside what computes, and nobody is left with a long one at the end.
LONG = (
    "tests/tracking/management/test_serve.py",
    "tests/browser/",
    "tests/tracking/cleanup/test_workers.py",
    "tests/tracking/metrics/test_kills.py",
    "tests/compat/",
    "tests/sdk/",
)
ON_BOTH_ALL_THE_SAME = ("tests/browser/test_end_to_end.py",)
FOLDER = pytest.StashKey[Path]()
CLUSTER = pytest.StashKey[Cluster]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the caller choose the database, and ask for the long proofs."""
    parser.addoption("--database", choices=("sqlite", "postgres"), default="sqlite", help="what the tests run on")
    parser.addoption(
        "--proof", action="store_true", help="run the long proofs as well: hundreds of kills, millions of points"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Prepare the environment that portal.settings reads: once in the main process, and a folder in each worker."""
    is_main = not hasattr(config, "workerinput")
    if is_main:
        for setting in SETTINGS:  # what the developer's shell says about a server of theirs is not for the tests
            os.environ.pop(setting.name, None)
    if is_main and config.getoption("--database") == "postgres":
        os.environ["DATABASE_URL"] = _cluster(config).url()  # the workers inherit it
    config.stash[FOLDER] = Path(tempfile.mkdtemp(prefix="mlportal-tests-"))
    if is_main:
        os.environ[prepared.FOLDER] = str(config.stash[FOLDER] / "prepared")
    os.environ["PORTAL_DATA_DIR"] = str(config.stash[FOLDER] / "data")
    os.environ["PORTAL_LOG_LEVEL"] = "WARNING"
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()


class ByFile(LoadFileScheduling):  # type: ignore[misc]
    """Gives the tests of a file to one process, and the browser's all to the same: its portal takes long to fill."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "tests/browser/" if file.startswith("tests/browser/") else file


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """Say how the processes of xdist share the tests."""
    return ByFile(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Do not let the workers inherit the settings' name: they would be read before a worker has its own folder."""
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind."""
    if CLUSTER in config.stash:
        config.stash[CLUSTER].stop()
    shutil.rmtree(config.stash[FOLDER], ignore_errors=True)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out on PostgreSQL what is tested on SQLite already; a folder that is asked for by name is tested."""
    if config.getoption("--database") != "postgres" or not collection_path.is_file():
        return None
    if any(f"{asked}/".startswith(ONCE) for asked in config.args):
        return None
    path = collection_path.relative_to(config.rootpath).as_posix()
    return True if path.startswith(ONCE) and path not in ON_BOTH_ALL_THE_SAME else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes long, and leave out the long proofs unless they are asked for.

    A small version of each proof is among the other tests.
    """
    items.sort(key=lambda item: next((at for at, name in enumerate(LONG) if item.nodeid.startswith(name)), len(LONG)))
    if config.getoption("--proof"):
        return
    skip = pytest.mark.skip(reason="a long proof: --proof (or `make proof`) runs it")
    for item in items:
        if item.get_closest_marker("proof"):
            item.add_marker(skip)


def pytest_collection_finish() -> None:
    """Let no collector of garbage look again and again at what is imported: 0.2 s each time."""
    gc.collect()
    gc.freeze()


def pytest_report_header(config: pytest.Config) -> str:
    """Say which database this run is about."""
    return f"database: {config.getoption('--database')}"


def _cluster(config: pytest.Config) -> Cluster:
    try:
        config.stash[CLUSTER] = Cluster.start()
    except MissingProgramError as error:
        pytest.exit(f"{error} The tests did not run on PostgreSQL.", returncode=1 if IS_CI else 0)
    return config.stash[CLUSTER]


@pytest.fixture(autouse=True)
def forgetful() -> None:
    """Start each test without what the one before remembered of its database."""
    from tracking.core.memory import Memory

    Memory.forget_all()


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_modify_db_settings: None) -> bool:
    """Begin with a copy of the database that is migrated already; keep it where it is a file."""
    from django.db import connection

    test = connection.settings_dict["TEST"]
    if connection.vendor == "sqlite":
        prepared.copy_sqlite(Path(test["NAME"]))
    else:
        test["TEMPLATE"] = prepared.template()
    return connection.vendor == "sqlite"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Let tests that commit be cleaned up after: the audit log refuses SQLite's way of emptying a table."""
    from django.db import connection

    if connection.vendor == "sqlite":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            for table in ("audit_event", "audit_seal"):
                cursor.execute(f"DROP TRIGGER {table}_is_not_deleted")


@pytest.fixture(scope="session")
def people_snapshot(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> "Snapshot":
    """Make the people of most tests once."""
    from tests.support.people import Snapshot

    with django_db_blocker.unblock():
        return Snapshot.take()


@pytest.fixture
def people(people_snapshot: "Snapshot", db: None) -> "People":
    """Return workspace ``default`` with Ann, its owner, Bob, its reader, and Cleo, a stranger."""
    from django.db import connection

    from tests.support.people import People

    return people_snapshot.restore() if connection.in_atomic_block else People.around()


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Return where Chromium lies: ``playwright.chromium.launch(executable_path=chromium)``."""
    return need(CHROMIUM)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """Run a Redis server; its address is ``.url``."""
    server = RedisServer.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def s3_server() -> Iterator["S3Server"]:
    """Run an S3 server."""
    from tests.support.buckets import S3Server

    server = S3Server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def azure_server() -> Iterator["AzureServer"]:
    """Run Azurite."""
    from tests.support.buckets import AzureServer

    server = AzureServer.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def live_portal(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator["Portal"]:
    """Run the whole portal, as ``make run`` starts it, on the database of this test run."""
    from tests.support.portal import Portal

    portal = Portal.start(tmp_path_factory.mktemp("portal"))
    yield portal
    portal.stop()
