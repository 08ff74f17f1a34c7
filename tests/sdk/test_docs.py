"""docs/sdk.md and docs/cli.md do what they say."""

import io
import re
import shlex
from pathlib import Path

import pytest
from mlportal import Experiment, Workspace

from portal.env import BASE_DIR
from tests.sdk.cli import Cli
from tests.support.portal import Portal
from tests.support.sdk import SDK, client_environ, run_python, write_config

FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page: str, language: str) -> list[str]:
    text = (BASE_DIR / "docs" / page).read_text()
    return [code for found, code in FENCED.findall(text) if found == language]


class TestSdk:
    def test_runs_from_top_to_bottom(self, home: Path, live_portal: Portal, token: str) -> None:
        write_config(home / "work", live_portal)
        environ = client_environ(home, MLPORTAL_TOKEN=token, MLPORTAL_ENDPOINT=live_portal.url)
        code = "\n".join(blocks("sdk.md", "python"))

        done = run_python("-c", code, environ=environ, cwd=home / "work")

        assert (done.returncode, done.stderr[-3000:] if done.returncode else "") == (0, "")
        assert f"at: {live_portal.url}/w/default/#/experiments/" in done.stdout


class TestScriptsForAzure:
    @pytest.mark.parametrize("at", [0, 1])
    def test_run_when_their_imports_are_changed(self, at: int, home: Path, live_portal: Portal, token: str) -> None:
        write_config(home / "work", live_portal)
        printed = blocks("sdk.md", "py")[at]
        code = re.sub(r"^from azureml\.core[.\w]* import", "from mlportal import", printed, flags=re.M)
        environ = client_environ(home, MLPORTAL_TOKEN=token, MLPORTAL_ENDPOINT=live_portal.url)

        done = run_python("-c", code, environ=environ, cwd=home / "work")

        assert (done.returncode, done.stderr[-3000:] if done.returncode else "") == (0, "")
        assert "azureml" in printed
        if at == 1:
            assert f"Completed Completed {live_portal.url}/w/default/runs/" in done.stdout
            assert "{'fibonacci': [0.0, 1.0, 1.0, 2.0, 3.0, 5.0, 8.0]}" in done.stdout


class TestCli:
    def test_runs_from_top_to_bottom(self, cli: Cli, token: str, home: Path) -> None:
        lines = [line for block in blocks("cli.md", "console") for line in block.splitlines() if line]
        run_id, printed = "", []
        for line in lines:
            if "$RUN" in line and not run_id:
                run_id = log_run(Workspace.from_config(auth=token))

            done = cli(*shlex.split(line.replace("$RUN", run_id))[2:])

            assert (line, done.code, done.err if done.code else "") == (line, 0, "")
            printed.append(done.out)

        assert len(lines) > 30
        assert any("loss: 3 points" in out for out in printed)


def log_run(workspace: Workspace) -> str:
    """Return the id of a completed run with a curve and a file."""
    with Experiment(workspace, "curves").start_logging() as run:
        run.log_list("loss", [3, 2, 1])
        run.log_table("table", {"a": [1]})
        run.upload_file("logs/train.txt", io.BytesIO(b"epoch 1\n"))
    return run.id


class TestPackage:
    def test_names_every_public_module_and_error(self) -> None:
        import mlportal

        assert sorted(mlportal.__all__) == mlportal.__all__
        assert all(hasattr(mlportal, name) for name in mlportal.__all__)

    @pytest.mark.parametrize("path", sorted(SDK.glob("mlportal/**/*.py")), ids=lambda path: str(path.relative_to(SDK)))
    def test_has_no_file_that_nobody_reads_to_its_end_and_nothing_of_the_server(self, path: Path) -> None:
        text = path.read_text()

        assert text.count("\n") <= 500
        assert re.findall(r"^\s*(?:from|import) (?:django|tracking|portal)\b", text, re.M) == []
