"""Cases of tests/test_cases.py that lie nowhere closer to their code: ids, contents and places that lead elsewhere."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from portal.env import BASE_DIR
from tests.support.people import People
from tests.tracking.api.caller import Caller
from tests.tracking.api.portal.asker import Asker
from tests.tracking.test_permissions import fingerprint
from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.queries import the_store

# What talks to other servers, unpacks, or runs what it loads. The provider of sign-ins is asked by allauth; `serve`
# asks its own processes whether they answer.
FETCHES = {"aiohttp", "http.client", "httpx", "requests", "urllib.request", "urllib3"}
UNPACKS = {"shutil.unpack_archive", "tarfile", "zipfile"}
RUNS = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve", "torch", "yaml"}
PACKS = {"tracking/web/artifact_zip.py"}  # folders, to be downloaded
ITS_OWN = {"tracking/management/processes.py"}


@pytest.fixture
def ann(people: People) -> Caller:
    return Caller(people.ann.token)


@pytest.fixture
def owner(people: People) -> Asker:
    return Asker(people.ann.personal_token())


@pytest.mark.usefixtures("ann")
class TestId:
    @pytest.mark.parametrize("bad", ["../x", "..", "*", "%", "x" * 300, "a\0b", "/etc", "default/../default", "'--"])
    def test_p11_that_is_none_deletes_nothing(self, ann: Caller, owner: Asker, bad: str) -> None:
        folder = ann.new_folder()
        ann.put_file(f"{folder}/a.txt", b"x")
        before, files = fingerprint(), the_store().usage(ArtifactPath(()))
        asked = [
            {"kind": "group", "group": bad, "confirm": bad, "mode": "purge"},
            {"kind": "workspace", "workspace": bad, "confirm": bad, "mode": "purge"},
            {"kind": "experiment", "workspace": "default", "experiment_id": bad, "mode": "purge"},
            {"kind": "run", "workspace": "default", "run_ids": [bad], "mode": "purge"},
            {"kind": "metric", "workspace": "default", "run_id": bad, "key": "m", "mode": "purge"},
            {"kind": "artifact", "workspace": "default", "run_id": bad, "path": "a.txt", "mode": "purge"},
        ]

        answers = [owner.refused("POST", "deletions", body)[0] for body in asked]
        answers += [ann.refused(f"runs/{verb}", {"run_id": bad})[0] for verb in ("delete", "restore")]
        answers += [ann.refused("experiments/delete", {"experiment_id": bad})[0]]

        assert set(answers) <= {400, 404}
        assert (fingerprint(), the_store().usage(ArtifactPath(()))) == (before, files)


class TestModel:
    @pytest.mark.parametrize("place", ["file:///etc", "s3://b/k?x=/../..", "mlflow-artifacts:/../../1", "../x"])
    def test_p8_names_no_place_to_read_from(self, ann: Caller, place: str) -> None:
        fields = {"experiment_id": "0", "name": "m", "artifact_uri": place, "artifact_location": place, "source": place}

        model = ann.post("logged-models", fields)["model"]["info"]

        assert (
            model["artifact_uri"] == f"mlflow-artifacts:/{model['experiment_id']}/models/{model['model_id']}/artifacts"
        )


class TestContent:
    @pytest.mark.parametrize("name", ["checkpoint", "MLmodel", "projector_config.pbtxt", "link.json"])
    def test_p15_never_chooses_what_is_read(
        self, client: Client, people: People, ann: Caller, tmp_path: Path, name: str
    ) -> None:
        outside = tmp_path / "outside.txt"
        outside.write_text("canary")
        folder = ann.new_folder()
        text = f'model_checkpoint_path: "{outside}"\nartifact_path: ../../{outside}\npath: file://{outside}\n'
        ann.put_file(f"{folder}/{name}", text.encode())
        client.force_login(people.bob.user)

        page = client.get(f"/w/default/runs/{folder.split('/')[1]}/preview", {"path": name})

        assert "outside.txt" in page.content.decode()
        assert "canary" not in page.content.decode()


class TestServer:
    def test_p12_unpacks_nothing(self) -> None:
        assert _importers(UNPACKS) == PACKS

    def test_p14_fetches_nothing(self) -> None:
        assert _importers(FETCHES) == ITS_OWN

    def test_i7_loads_no_format_that_runs_code(self) -> None:
        assert _importers(RUNS) == set()


class TestHost:
    @pytest.mark.parametrize(
        "host", ["evil.example", "127.0.0.1.evil.example", "testserver.evil.example", "a b", "testserver@evil.example"]
    )
    @pytest.mark.parametrize("path", ["/", "/api/3.0/mlflow/server-info", "/api/v1/server"])
    def test_b10_that_is_not_ours_is_refused(self, people: People, host: str, path: str) -> None:
        assert Client().get(path, headers={"host": host, **people.ann.headers}).status_code == 400


def _importers(names: set[str]) -> set[str]:
    """Return the server's files that import one of these modules."""
    return {str(path.relative_to(BASE_DIR)) for path in _sources() if names & _imports(path)}


def _sources() -> Iterator[Path]:
    for folder in ("portal", "tracking"):
        yield from (BASE_DIR / folder).rglob("*.py")


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found
