"""``mlportal …`` at a live portal: verbs, formats, exit codes, questions."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml
from mlportal import Experiment, Run, Workspace
from mlportal._credentials import find_credential
from mlportal.cli._plot import plot

from tests.sdk.cli import Cli
from tests.support.portal import Portal
from tests.support.sdk import client_environ, run_mlportal


@pytest.fixture
def run(experiment: Experiment) -> Run:
    """Return a completed run with a curve, a file and a param."""
    with experiment.start_logging(display_name="first") as run:
        run.log_list("loss", [3, 2, 1])
        run.log_table("table", {"a": [1]})
        run.add_properties({"lr": 0.1})
    return run


class TestGroup:
    def test_lives_from_create_to_delete(self, cli: Cli, name: str) -> None:
        assert cli("group", "create", "-n", name, "--tags", "team=a", "--tags", "x=1=2", "-o", "json").data["tags"] == {
            "team": "a",
            "x": "1=2",
        }
        assert name in cli("group", "list").out
        assert cli("group", "list", "--tag", "team=b", "-o", "json").data == []
        assert cli("group", "exists", "-n", name).out == "true\n"
        assert cli("group", "update", "-n", name, "--description", "Ours", "-o", "json").data["description"] == "Ours"
        assert cli("group", "wait", "-n", name, "--created").code == 0

        deleted = cli("group", "delete", "-n", name, "--yes", "-o", "json")

        assert (deleted.code, deleted.data["state"]) == (0, "done")
        assert cli("group", "exists", "-n", name).out == "false\n"
        assert cli("group", "wait", "-n", name, "--deleted").code == 0
        assert cli("group", "show", "-n", name).code == 3
        assert cli("group", "delete", "-n", name, "--yes").code == 3

    def test_under_a_lock_is_kept(self, cli: Cli, name: str) -> None:
        cli("group", "create", "-n", name)
        cli("group", "lock", "create", "-n", "keep", "-t", "CanNotDelete", "-g", name, "--notes", "why")

        refused = cli("group", "delete", "-n", name, "--yes")

        assert (refused.code, "lock 'keep'" in refused.err) == (4, True)
        assert cli("group", "lock", "list", "-g", name, "--query", "[0].note", "-o", "tsv").out == "why\n"
        assert cli("group", "lock", "delete", "-n", "keep", "-g", name).code == 0
        assert cli("group", "delete", "-n", name, "--yes").code == 0

    def test_is_not_deleted_without_a_word(
        self, cli: Cli, name: str, home: Path, live_portal: Portal, token: str
    ) -> None:
        cli("group", "create", "-n", name)
        environ = client_environ(home, MLPORTAL_TOKEN=token, MLPORTAL_ENDPOINT=live_portal.url)

        refused = run_mlportal("group", "delete", "-n", name, environ=environ, cwd=home, text=f"{name}\n")

        assert (refused.returncode, "say --yes" in refused.stderr) == (2, True)
        assert typed(f"{name}x\n", "group", "delete", "-n", name, environ=environ)[0] == 1
        assert cli("group", "exists", "-n", name).out == "true\n"
        code, shown = typed(f"{name}\n", "group", "delete", "-n", name, "-o", "none", environ=environ)
        assert (code, "Type its name" in shown) == (0, True)
        assert cli("group", "exists", "-n", name).out == "false\n"

    def test_goes_on_being_deleted_when_nobody_waits(self, cli: Cli, name: str) -> None:
        cli("workspace", "create", "-n", name, "-g", name)

        uid = cli("group", "delete", "-n", name, "--yes", "--no-wait", "--query", "uid", "-o", "tsv").out.strip()

        assert cli("deletion", "wait", "-n", uid, "-o", "json").data["state"] == "done"
        assert cli("deletion", "show", "-n", uid, "--query", "done.workspaces", "-o", "json").data == 1
        assert uid in cli("deletion", "list").out


def typed(text: str, *arguments: str, environ: dict[str, str]) -> tuple[int, str]:
    """Run ``mlportal …`` on a terminal, type, and return its exit code and what the terminal shows."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "mlportal", *arguments], env=environ, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    os.write(ours, text.encode())
    shown = b""
    try:
        while chunk := os.read(ours, 4096):
            shown += chunk
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    return process.wait(timeout=60), shown.decode()


class TestWorkspace:
    def test_lives_from_create_to_delete(self, cli: Cli, name: str) -> None:
        created = cli("workspace", "create", "-w", name, "-g", name, "--description", "Ours", "-o", "json")
        assert (created.data["group"], created.data["my_role"]) == (name, "owner")
        assert cli("workspace", "create", "-w", name, "-g", name).code == 1
        assert cli("workspace", "create", "-w", name, "-g", name, "--exist-ok").code == 0
        assert cli("workspace", "list", "-g", name, "--query", "[].name", "-o", "tsv").out == f"{name}\n"
        assert cli("workspace", "members", "-w", name, "--query", "[0].role", "-o", "tsv").out == "owner\n"
        assert cli("workspace", "update", "-w", name, "--tags", "a=b", "-o", "json").data["tags"] == {"a": "b"}

        assert cli("config", "init", "-w", name).code == 0
        assert Workspace.from_config().resource_group == name
        assert cli("workspace", "show", "-o", "json").data["name"] == name

        assert cli("workspace", "delete", "-n", name, "--yes").code == 0
        assert cli("workspace", "show").code == 3
        assert cli("group", "delete", "-n", name, "--yes").code == 0

    def test_gives_a_uri_for_other_programs(self, cli: Cli) -> None:
        assert re.fullmatch(
            r"http://token:mlp_\w+@[\d.:]+/w/default\n", cli("workspace", "tracking-uri", "-n", "default").out
        )


class TestRun:
    def test_is_listed_shown_and_drawn(self, cli: Cli, run: Run, experiment: Experiment) -> None:
        cli("config", "set", "workspace=default")
        assert run.id in cli("run", "list", "-e", experiment.name, "--status", "Completed").out
        assert run.id not in cli("run", "list", "--status", "Failed").out
        assert (
            cli("run", "list", "--filter", f"attributes.run_id = '{run.id}'", "-o", "json").data[0]["name"] == "first"
        )
        assert cli("run", "show", "-r", run.id, "-o", "json").data["params"] == {"lr": "0.1"}
        assert cli("run", "metrics", "-r", run.id, "-o", "json").data == {"loss": 1.0}
        assert "loss: 3 points, last 1 at step 2" in cli("run", "metrics", "-r", run.id, "-m", "loss").out
        assert cli("run", "metrics", "-r", run.id, "-m", "loss", "-o", "tsv").out.splitlines()[0].split("\t")[:2] == [
            "0",
            "3.0",
        ]
        assert cli("run", "metrics", "-r", run.id, "-m", "none").code == 3

    def test_has_files_and_tags(self, cli: Cli, run: Run, tmp_path: Path) -> None:
        assert (
            cli("run", "files", "-r", run.id, "-w", "default", "--query", "[].path", "-o", "tsv").out == "table.json\n"
        )
        assert cli("run", "download", "-r", run.id, "-w", "default", "-d", str(tmp_path / "out")).code == 0
        assert json.loads((tmp_path / "out" / "table.json").read_text())["data"] == [[1]]
        cli("run", "update", "-r", run.id, "-w", "default", "--add-tag", "a=b")
        assert run.tags["a"] == "b"

    def test_goes_to_the_trash_or_for_good(self, cli: Cli, run: Run) -> None:
        assert cli("run", "delete", "-r", run.id, "-w", "default").code == 0
        assert cli("run", "restore", "-r", run.id, "-w", "default").code == 0

        deleted = cli("run", "delete", "-r", run.id, "-w", "default", "--purge", "--yes", "-o", "json")

        assert (deleted.code, deleted.data[0]["done"]["points"]) == (0, 3)
        assert cli("run", "show", "-r", run.id, "-w", "default").code == 3

    def test_of_an_experiment_goes_with_it(self, cli: Cli, run: Run, experiment: Experiment) -> None:
        there = ("-n", experiment.name, "-w", "default")
        assert experiment.name in cli("experiment", "list", "-w", "default").out
        archived = cli("experiment", "archive", *there, "-o", "json").data["name"]
        assert cli("experiment", "show", *there).code == 3
        assert cli("experiment", "restore", "-n", archived, "-w", "default").code == 0
        assert cli("experiment", "delete", *there).code == 0
        assert cli("experiment", "restore", *there).code == 0
        assert cli("experiment", "delete", *there, "--purge", "--yes").code == 0
        assert cli("run", "show", "-r", run.id, "-w", "default").code == 3


class TestToken:
    def test_is_shown_once_and_revoked(self, cli: Cli, live_portal: Portal, name: str) -> None:
        made = cli("token", "create", "-n", name, "--scope", "write", "--life-days", "3", "-o", "json").data

        assert made["token"] not in cli("token", "list", "-o", "json").out
        assert Workspace(workspace_name="default", auth=made["token"], endpoint=live_portal.url).experiments
        assert cli("token", "revoke", "-i", str(made["id"])).code == 0
        assert name not in cli("token", "list", "--query", "[].name", "-o", "tsv").out.split()


class TestLogin:
    def test_takes_a_token_that_is_piped_in(self, live_portal: Portal, token: str, home: Path) -> None:
        environ = client_environ(home)

        refused = run_mlportal("login", live_portal.url, "--with-token", environ=environ, cwd=home, text="mlp_wrong\n")
        done = run_mlportal(
            "login", live_portal.url, "--with-token", "-o", "json", environ=environ, cwd=home, text=token
        )

        assert refused.returncode == 6
        assert json.loads(done.stdout)["username"] == "owner"
        assert json.loads(run_mlportal("whoami", "-o", "json", environ=environ, cwd=home).stdout)["username"] == "owner"
        assert run_mlportal("logout", environ=environ, cwd=home).returncode == 0
        assert run_mlportal("whoami", environ=environ, cwd=home).returncode == 1

    def test_by_the_browser_waits_for_a_person(self, live_portal: Portal, home: Path) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlportal", "login", live_portal.url, "-o", "json"],
            env=client_environ(home),
            cwd=home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr
        link = process.stderr.readline().removeprefix("Open ").strip()
        with httpx.Client(follow_redirects=True) as browser:
            browser.get(live_portal.sign_in_link()).raise_for_status()
            asked = browser.get(link)
            code = link.partition("code=")[2]
            shown = browser.post(link, data={**hidden_fields(asked.text), "code": code}, headers={"Referer": link})
            approved = {**hidden_fields(shown.text), "decision": "approve"}
            browser.post(link, data=approved, headers={"Referer": link}).raise_for_status()

        out, err = process.communicate(timeout=60)

        assert (process.returncode, err.splitlines()[1:]) == (0, [])
        assert json.loads(out)["username"] == "owner"
        saved = find_credential(live_portal.url)
        assert saved is not None
        assert saved.username == "owner"


def hidden_fields(html: str) -> dict[str, str]:
    """Return the hidden fields of a page's main form."""
    main = html.partition("<main")[2]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', main))


class TestOutput:
    def test_has_four_formats(self, cli: Cli) -> None:
        there = ("experiment", "show", "-n", "Default", "-w", "default")
        assert cli(*there, "-o", "json").data["name"] == "Default"
        assert yaml.safe_load(cli(*there, "-o", "yaml").out)["name"] == "Default"
        assert re.search(r"^Name +Default$", cli(*there).out, re.M)
        assert cli(*there, "-o", "tsv", "--query", "[name, 'a\tb']").out == "Default\na\\tb\n"
        assert cli(*there, "-o", "none").out == ""

    def test_has_no_colours_where_there_is_no_terminal(self, cli: Cli) -> None:
        assert "\x1b" not in cli("group", "list").out

    def test_of_a_query_that_is_none_comes_before_anything_is_done(self, cli: Cli, name: str) -> None:
        assert cli("group", "create", "-n", name, "--query", "[").code == 2
        assert cli("group", "exists", "-n", name).out == "false\n"


class TestExitCode:
    def test_says_what_went_wrong(self, cli: Cli, monkeypatch: pytest.MonkeyPatch, live_portal: Portal) -> None:
        assert cli("no", "such").code == 2
        assert cli("group", "create", "-n", "UPPER").code == 1
        assert cli("run", "show", "-r", "none", "-w", "default").code == 3
        monkeypatch.setenv("MLPORTAL_TOKEN", "mlp_" + "0" * 46)
        assert cli("group", "list").code == 6
        monkeypatch.delenv("MLPORTAL_ENDPOINT")
        assert cli("group", "list").code == 1


class TestPlot:
    def test_shows_every_spike(self) -> None:
        flat = plot([*range(10_000)], [0.0] * 5000 + [9.0] + [0.0] * 4999, width=40, height=4)

        assert "9 ┤" in flat.splitlines()[0]
        assert flat.splitlines()[0].count("⡇") + flat.splitlines()[0].count("⢸") == 1

    @pytest.mark.parametrize(
        ("ys", "said"),
        [([float("nan")], "nothing to draw\n1 values"), ([1.0], "1 ┤"), ([-1e308, 1e308, float("inf")], "1e+308 ┤")],
    )
    def test_bears_odd_values(self, ys: list[float], said: str) -> None:
        assert said in plot([*range(len(ys))], ys)


class TestCompletion:
    def test_is_offered_for_the_shell(self, home: Path) -> None:
        environ = client_environ(home, _MLPORTAL_COMPLETE="complete_bash", COMP_WORDS="mlportal gr", COMP_CWORD="1")
        code = "import sys; sys.argv = ['mlportal']; from mlportal.cli import main; main()"

        done = subprocess.run(
            [sys.executable, "-c", code], env=environ, cwd=home, capture_output=True, text=True, check=False
        )

        assert "group" in done.stdout
