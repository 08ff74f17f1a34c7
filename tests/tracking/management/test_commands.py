"""``manage.py tracking_uri`` and ``manage.py sign_in_link``: for scripts, which read stdout and the exit status."""

import io
import re
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from portal.env import BASE_DIR
from tests.support.people import People
from tests.support.portal import Portal, new_environ
from tracking.identity.models import AccessToken, SignInLink

TOKEN = r"mlp_[0-9A-Za-z]{46}"


def manage(environ: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=BASE_DIR, env=environ, capture_output=True, text=True
    )


def run(command: str, *arguments: str) -> str:
    """Run a command in this process; return what it wrote to stdout."""
    output = io.StringIO()
    call_command(command, *arguments, stdout=output)
    return output.getvalue()


class TestTrackingUri:
    def test_stands_alone_on_stdout_while_the_portal_runs(self, live_portal: Portal) -> None:
        done = manage(live_portal.environ, "tracking_uri")

        netloc = live_portal.url.removeprefix("http://")
        assert (done.returncode, done.stderr) == (0, "")
        assert re.fullmatch(rf"http://owner:{TOKEN}@{netloc}/w/default\n", done.stdout)

    def test_carries_a_token_that_the_portal_takes(self, live_portal: Portal) -> None:
        (token,) = re.findall(TOKEN, live_portal.tracking_uri())
        request = urllib.request.Request(  # noqa: S310  (our own http)
            f"{live_portal.url}/w/default/api/2.0/mlflow/experiments/get?experiment_id=0",
            headers={"Authorization": f"Bearer {token}"},
        )

        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            assert response.status == 200

    def test_carries_a_token_that_lives_an_hour_at_most(self, people: People) -> None:
        AccessToken.objects.all().delete()

        run("tracking_uri", "--user", "ann")

        token = AccessToken.objects.get()
        assert timedelta(0) < token.expires_at - token.created_at <= timedelta(seconds=3600)

    def test_is_for_one_user_in_one_workspace(self, people: People) -> None:
        People.around("lab")

        uri = run("tracking_uri", "lab", "--user", "bob")

        assert uri.startswith("http://bob:mlp_")
        assert uri.endswith("/w/lab\n")
        token = AccessToken.objects.latest("pk")
        assert (token.user.username, token.workspace.name if token.workspace else None) == ("bob", "lab")

    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            (("--user", "nobody"), "There is no active user named 'nobody'."),
            (("nowhere", "--user", "ann"), "Workspace 'nowhere' not found."),
            (("--user", "cleo"), "Workspace 'default' not found."),
        ],
    )
    def test_is_refused_for_who_may_not_read(self, people: People, arguments: tuple[str, ...], complaint: str) -> None:
        before = AccessToken.objects.count()

        with pytest.raises(CommandError) as caught:
            run("tracking_uri", *arguments)

        assert str(caught.value) == complaint
        assert AccessToken.objects.count() == before


class TestSignInLink:
    def test_stands_alone_on_stdout_while_the_portal_runs(self, live_portal: Portal) -> None:
        done = manage(live_portal.environ, "sign_in_link")

        assert (done.returncode, done.stderr) == (0, "")
        assert re.fullmatch(rf"{live_portal.url}/sign-in/{TOKEN}\n", done.stdout)

    def test_signs_the_user_in(self, people: People, client: Client) -> None:
        link = run("sign_in_link", "bob")

        client.get(f"/sign-in/{link.strip().rpartition('/')[2]}")

        assert client.session["_auth_user_id"] == str(people.bob.user.pk)

    def test_lives_a_quarter_of_an_hour(self, people: People) -> None:
        run("sign_in_link", "ann")

        link = SignInLink.objects.get()
        assert link.expires_at - link.created_at == timedelta(minutes=15)


class TestTrouble:
    """One sentence on stderr, nothing on stdout, exit status 1."""

    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            (("tracking_uri", "nowhere"), "Workspace 'nowhere' not found."),
            (("tracking_uri", "--user", "nobody"), "There is no active user named 'nobody'."),
            (("sign_in_link", "nobody"), "There is no active user named 'nobody'."),
        ],
    )
    def test_with_a_name(self, live_portal: Portal, arguments: tuple[str, ...], complaint: str) -> None:
        done = manage(live_portal.environ, *arguments)

        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"CommandError: {complaint}\n")

    @pytest.mark.parametrize("command", ["tracking_uri", "sign_in_link"])
    def test_before_the_first_start_says_what_to_do(self, tmp_path: Path, command: str) -> None:
        done = manage(new_environ(tmp_path), command)

        assert (done.returncode, done.stdout) == (1, "")
        assert re.fullmatch(
            r"CommandError: The database cannot be used \(.*\)\. `make run` prepares it\.\n", done.stderr
        )
