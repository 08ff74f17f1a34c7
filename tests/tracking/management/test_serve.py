"""``manage.py serve``, which is `make run`: what it prints, what it makes, what it survives, how it ends."""

import http.client
import http.cookiejar
import os
import re
import signal
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.error import HTTPError

import psutil
import pytest

from portal.env import BASE_DIR
from tests.support.ledger import Address
from tests.support.portal import SERVE, Portal, new_environ, prepared_environ
from tests.support.programs import wait_until

TROUBLE = re.compile("warning|error|exception|traceback", re.IGNORECASE)


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """Run a portal of two web processes that tests may damage as long as it recovers."""
    folder = tmp_path_factory.mktemp("portal")
    portal = Portal.launch(new_environ(folder, PORTAL_WEB_PROCESSES="2"), log=folder / "log")
    yield portal
    portal.stop()


@pytest.fixture(scope="module")
def after_the_snippet(portal: Portal) -> Portal:
    """Return the portal after what it says to paste was pasted, with a line more that logs a file."""
    code = snippet_of(portal) + '\n    mlflow.log_text("hello", "notes.txt")'
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    return portal


def printed(portal: Portal) -> str:
    return portal.log.read_text()


def processes_of(portal: Portal) -> list[psutil.Process]:
    processes: list[psutil.Process] = psutil.Process(portal.process.pid).children(recursive=True)
    return processes


def newest(portal: Portal, program: str) -> psutil.Process:
    """Return the process that a program runs in now, by what the supervisor printed."""
    return psutil.Process(int(re.findall(rf"started .*pid=(\d+) program={program}\n", printed(portal))[-1]))


def starts(portal: Portal, program: str) -> int:
    return len(re.findall(rf"started .* program={program}\n", printed(portal)))


def data_of(portal: Portal) -> str:
    """Return all rows but those of credentials, of the audit and of the work done, which each start adds to."""
    excluded = ("accesstoken", "signinlink", "auditevent", "auditseal", "tasknote")
    return portal.manage("dumpdata", "tracking", *(f"--exclude=tracking.{kind}" for kind in excluded))


def snippet_of(portal: Portal) -> str:
    """Return the Python that the greeting says to paste."""
    (snippet,) = re.findall(r"^(import mlflow\n.*?)\n\n", printed(portal), re.DOTALL | re.MULTILINE)
    return str(snippet)


def open_in_new_browser(address: str) -> str:
    """Return the page at an address, for a browser without cookies that follows redirects."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    with browser.open(address, timeout=30) as response:
        return str(response.read().decode())


def refused(environ: Mapping[str, str]) -> str:
    """Run ``serve`` where it must refuse; return its complaint."""
    done = subprocess.run(SERVE, cwd=BASE_DIR, env=environ, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


class TestGreeting:
    def test_names_the_address(self, portal: Portal) -> None:
        assert f"mlportal runs at {portal.url}\n" in printed(portal)

    def test_has_a_link_that_signs_the_owner_in_once(self, portal: Portal) -> None:
        (link,) = re.findall(rf"{portal.url}/sign-in/\w+", printed(portal))

        assert "owner" in open_in_new_browser(link)
        with pytest.raises(HTTPError, match="403"):
            open_in_new_browser(link)

    def test_has_a_snippet_that_logs_a_run(self, after_the_snippet: Portal) -> None:
        stored = data_of(after_the_snippet)

        assert '"first-steps"' in stored
        assert '"loss"' in stored


class TestDataFolder:
    def test_holds_a_secret_key_that_only_its_owner_reads(self, portal: Portal) -> None:
        key = portal.data_dir / "secret_key"

        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert len(key.read_text()) >= 50

    def test_holds_the_database_unless_that_is_elsewhere(self, portal: Portal) -> None:
        assert (portal.data_dir / "mlportal.sqlite3").exists() != ("DATABASE_URL" in os.environ)

    def test_holds_the_artifacts(self, after_the_snippet: Portal) -> None:
        (stored,) = (after_the_snippet.data_dir / "artifacts").rglob("notes.txt")

        assert stored.read_text() == "hello"

    def test_is_closed_to_other_users_down_to_each_file(self, after_the_snippet: Portal) -> None:
        folder = after_the_snippet.data_dir
        public = folder / "static"  # what every browser is given

        private = [path for path in (folder, *folder.rglob("*")) if not path.is_relative_to(public)]

        assert [path for path in private if path.stat().st_mode & 0o077] == []


class TestRecovery:
    """What dies comes back, and the portal answers."""

    def test_of_one_of_the_web_processes(self, portal: Portal) -> None:
        web = newest(portal, "web")
        before = web.children()
        killed = next(child for child in before if "resource_tracker" not in " ".join(child.cmdline()))

        killed.kill()

        wait_until(lambda: killed not in web.children(), what="the dead process to be buried")
        wait_until(lambda: len(web.children()) == len(before), what="another web process")
        wait_until(portal.answers, what="an answer")
        assert starts(portal, "web") == 1

    def test_of_the_whole_web_server(self, portal: Portal) -> None:
        before, killed = starts(portal, "web"), newest(portal, "web")

        killed.kill()

        wait_until(lambda: starts(portal, "web") == before + 1, what="another web server")
        wait_until(portal.answers, what="an answer")

    def test_of_the_worker_which_does_what_was_asked_meanwhile(self, portal: Portal) -> None:
        before, killed = starts(portal, "worker"), newest(portal, "worker")
        messages = portal.data_dir / "queue" / "messages"

        killed.kill()
        subprocess.run(
            [sys.executable, "-m", "celery", "--app", "portal.celery", "call", "identity.forget_expired"],
            cwd=BASE_DIR,
            env=portal.environ,
            capture_output=True,
            check=True,
        )

        wait_until(lambda: starts(portal, "worker") == before + 1, what="another worker")
        wait_until(lambda: not any(messages.iterdir()), what="the worker to take the message")
        wait_until(portal.answers, what="an answer")


class TestStop:
    def test_is_clean_and_a_second_start_changes_nothing(self, tmp_path: Path) -> None:
        portal = Portal.launch(prepared_environ(tmp_path), log=tmp_path / "log")
        processes = processes_of(portal)
        data, key = data_of(portal), (portal.data_dir / "secret_key").read_text()
        mark = portal.data_dir / "static" / "mark"  # collecting begins by emptying the folder
        mark.touch()

        status = portal.stop()

        assert status == 0
        assert psutil.wait_procs(processes, timeout=30)[1] == []
        assert not TROUBLE.search(printed(portal)), printed(portal)

        again = Portal.launch(portal.environ, log=portal.log)
        try:
            assert data_of(again) == data
            assert (again.data_dir / "secret_key").read_text() == key
            assert mark.exists()
        finally:
            assert again.stop() == 0
        assert not TROUBLE.search(printed(again)), printed(again)

    def test_is_clean_even_while_it_prepares(self, tmp_path: Path) -> None:
        environ = new_environ(tmp_path)
        ignoring = ["env", "--ignore-signal=INT", *SERVE]  # as a shell starts what ends in &
        with subprocess.Popen(ignoring, cwd=BASE_DIR, env=environ, stderr=subprocess.PIPE, text=True) as serve:
            try:
                wait_until((tmp_path / "data" / "static").is_dir, what="the folder of the static files")

                serve.send_signal(signal.SIGINT)
                _, complaint = serve.communicate(timeout=60)
            finally:
                serve.kill()

        assert complaint == "CommandError: Interrupted.\n"
        assert serve.returncode == 128 + signal.SIGINT


class TestRefusal:
    """One sentence that says what to set, and exit status 1."""

    def test_of_a_port_in_use(self, portal: Portal, tmp_path: Path) -> None:
        port = portal.environ["PORTAL_PORT"]

        complaint = refused(new_environ(tmp_path, PORTAL_PORT=port))

        assert re.fullmatch(
            rf"CommandError: Cannot listen on 127\.0\.0\.1 port {port}: .* set PORTAL_PORT .*\n", complaint
        )
        wait_until(portal.answers, what="an answer")

    @pytest.mark.parametrize(
        ("environ", "wanted"),
        [
            ({"PORTAL_HOST": "0.0.0.0"}, "set PORTAL_URL=https://"),
            ({"PORTAL_HOST": "0.0.0.0", "PORTAL_URL": "https://ml.example.org"}, "set PORTAL_TRUSTED_PROXIES"),
            ({"PORTAL_SECRET_KEY": "short"}, "PORTAL_SECRET_KEY"),
            ({"PORTAL_PORT": "http"}, "PORTAL_PORT"),
        ],
    )
    def test_of_what_is_not_safe_or_not_a_value(self, tmp_path: Path, environ: dict[str, str], wanted: str) -> None:
        complaint = refused(new_environ(tmp_path, **environ))

        assert wanted in complaint
        assert complaint.count("\n") == 1
        assert not (tmp_path / "data" / "mlportal.sqlite3").exists()


class TestAccess:
    """What a process remembers of credentials and roles, it forgets in a second, whoever changes them."""

    MAKE = """
from tracking.identity.services import create_user
from tracking.workspaces.models import Workspace
from tracking.workspaces.services import assign_role
from tracking.workspaces.types import Role
workspace = Workspace.objects.get(name="default")
user = create_user(username="{name}", by=None, now=utc_now())
assign_role(user=user, role=Role.READER, workspace=workspace, by=None, now=utc_now())
"""
    REVOKE = """
from tracking.identity.models import AccessToken
AccessToken.objects.filter(user__username="{name}").update(revoked_at=utc_now())
"""
    LEAVE = """
from tracking.workspaces.models import RoleAssignment
RoleAssignment.objects.filter(user__username="{name}").delete()
"""

    @pytest.mark.parametrize(("name", "change", "status"), [("revoked", REVOKE, 401), ("left", LEAVE, 404)])
    def test_is_withdrawn_from_every_process(self, portal: Portal, name: str, change: str, status: int) -> None:
        run_code(portal, self.MAKE.format(name=name))
        address = Address.of(portal.manage("tracking_uri", "--user", name))
        connections = [address.connect() for _ in range(16)]  # some to each of the two processes

        def answers() -> set[int]:
            return {status_of(address, connection) for connection in connections}

        assert answers() == {200}
        run_code(portal, change.format(name=name))
        wait_until(lambda: answers() == {status}, what=f"{status} from every process")
        for connection in connections:
            connection.close()


def run_code(portal: Portal, code: str) -> None:
    portal.manage("shell", "--command", f"from tracking.core.clock import utc_now\n{code}")


def status_of(address: Address, connection: http.client.HTTPConnection) -> int:
    """Ask for the Default experiment; return the status."""
    headers = {"Authorization": address.authorization}
    connection.request("GET", "/w/default/api/2.0/mlflow/experiments/get?experiment_id=0", headers=headers)
    response = connection.getresponse()
    response.read()
    return response.status
