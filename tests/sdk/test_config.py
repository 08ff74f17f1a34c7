"""config.json, credentials, and which server is meant."""

import json
import stat
from pathlib import Path

import pytest
from mlportal import AlreadyExistsError, ConfigError, InvalidError, NotSignedInError, Workspace
from mlportal._config import Config, read_config, resolve_endpoint, write_defaults
from mlportal._credentials import credentials_path, find_credential, forget_credential, get_credential, save_credential
from mlportal._endpoints import normal_endpoint
from mlportal.errors import error_from_answer

URL = "http://ml.example:5000"
SHORT = {"subscription_id": "s", "resource_group": "rg", "workspace_name": "ws"}
SCOPE = {
    "Id": None,
    "Scope": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws",
}


def put(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


class TestReadConfig:
    @pytest.mark.parametrize("content", [SHORT, SCOPE])
    def test_takes_both_forms_of_azure(self, home: Path, content: object) -> None:
        put(home / "work" / "config.json", content)

        assert read_config() == Config("ws", "rg", "s")

    @pytest.mark.parametrize("content", [SHORT, SCOPE])
    def test_takes_an_endpoint_besides(self, home: Path, content: dict[str, object]) -> None:
        put(home / "work" / "config.json", {**content, "endpoint": URL})

        assert read_config().endpoint == URL

    def test_needs_no_more_than_a_workspace(self, home: Path) -> None:
        put(home / "work" / ".mlportal" / "config.json", {"workspace_name": "ws"})

        assert read_config() == Config("ws")

    @pytest.mark.parametrize("folder", [".mlportal", ".azureml", "aml_config", "."])
    @pytest.mark.parametrize("name", ["config.json", "project.json"])
    def test_looks_upwards_in_each_folder(self, home: Path, folder: str, name: str) -> None:
        put(home / folder / name, SHORT)

        assert read_config().workspace_name == "ws"

    def test_prefers_the_nearest_and_there_our_own(self, home: Path) -> None:
        put(home / ".mlportal" / "config.json", {"workspace_name": "above"})
        put(home / "work" / ".azureml" / "config.json", {"workspace_name": "azure"})
        assert read_config().workspace_name == "azure"

        put(home / "work" / ".mlportal" / "config.json", {"workspace_name": "ours"})
        assert read_config().workspace_name == "ours"

    def test_passes_by_another_programs_config(self, home: Path) -> None:
        put(home / "work" / "config.json", {"model_type": "bert"})
        put(home / ".azureml" / "config.json", SHORT)

        assert read_config().workspace_name == "ws"

    def test_takes_a_file_or_a_folder(self, home: Path) -> None:
        path = put(home / "elsewhere" / "lab.json", SHORT)
        put(home / "other" / ".azureml" / "config.json", {"workspace_name": "other"})

        assert read_config(path).workspace_name == "ws"
        assert read_config(home / "other").workspace_name == "other"

    def test_says_where_it_looked_and_how_to_get_one(self, home: Path) -> None:
        with pytest.raises(
            ConfigError, match=rf"from {home}/work upwards .*\.azureml/config.json.*mlportal config init"
        ):
            read_config()

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ({"subscription_id": "s"}, 'names no workspace: it needs "workspace_name"'),
            ({"Scope": "/subscriptions/s"}, '"Scope" must be'),
            ({"workspace_name": 3}, "\"workspace_name\" must be a text, it is '3'"),
            ([], "must hold a JSON object"),
        ],
    )
    def test_says_what_is_wrong_in_it(self, home: Path, content: object, message: str) -> None:
        path = put(home / "work" / ".azureml" / "config.json", content)

        with pytest.raises(ConfigError, match=message) as caught:
            read_config()
        assert str(path) in str(caught.value)

    def test_says_that_it_is_no_json(self, home: Path) -> None:
        put(home / "work" / ".azureml" / "config.json", {}).write_text("{")

        with pytest.raises(ConfigError, match="cannot be read"):
            read_config()


class TestWorkspace:
    def test_is_read_from_what_it_wrote(self, home: Path) -> None:
        first = Workspace("s", "rg", "ws", endpoint=URL, auth="mlp_secret")

        path = first.write_config()

        again = Workspace.from_config()
        assert path == Path(".mlportal/config.json")
        assert (again.name, again.resource_group, again.subscription_id, again.endpoint) == ("ws", "rg", "s", URL)
        assert "mlp_secret" not in path.read_text()

    def test_needs_a_name(self) -> None:
        with pytest.raises(InvalidError, match="workspace_name="):
            Workspace(endpoint=URL)

    def test_shows_no_secret(self) -> None:
        assert "mlp_secret" not in repr(Workspace(workspace_name="ws", endpoint=URL, auth="mlp_secret"))


class TestEndpoint:
    @pytest.mark.parametrize(
        ("text", "normal"),
        [
            ("https://ML.example.org/", "https://ml.example.org"),
            ("https://ml.example.org:443", "https://ml.example.org"),
            ("http://user:secret@ml.example.org:8080/w/lab/experiments?x=1", "http://ml.example.org:8080"),
            ("https://ml.example.org/portal/w/lab", "https://ml.example.org/portal"),
            ("http://[::1]:5000", "http://[::1]:5000"),
        ],
    )
    def test_is_written_one_way(self, text: str, normal: str) -> None:
        assert normal_endpoint(text) == normal

    @pytest.mark.parametrize("text", ["", "ml.example.org", "ftp://ml.example.org", "http://", "http://h:port"])
    def test_is_refused_if_it_is_none(self, text: str) -> None:
        with pytest.raises(ConfigError, match="not the address of a server"):
            normal_endpoint(text)

    def test_is_the_given_one_else_the_environments_else_the_default_else_the_only_login(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(ConfigError, match="Which server"):
            resolve_endpoint()
        save_credential(endpoint="http://login", token="t")
        assert resolve_endpoint() == "http://login"
        write_defaults({"endpoint": "http://default"})
        assert resolve_endpoint() == "http://default"
        monkeypatch.setenv("MLPORTAL_ENDPOINT", "http://environment")
        assert resolve_endpoint() == "http://environment"
        assert resolve_endpoint("http://given/") == "http://given"

    def test_is_asked_for_among_several_logins(self) -> None:
        save_credential(endpoint="http://one", token="t")
        save_credential(endpoint="http://two", token="t")

        with pytest.raises(ConfigError, match="signed in at http://one, http://two"):
            resolve_endpoint()


class TestCredential:
    def test_is_kept_by_server_for_its_owner_only(self) -> None:
        save_credential(endpoint="http://one", token="mlp_1", username="ann")
        path = save_credential(endpoint="http://two", token="mlp_2")

        assert [found.token for url in ("http://one", "http://two") if (found := find_credential(url))] == [
            "mlp_1",
            "mlp_2",
        ]
        assert find_credential("http://three") is None
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    def test_of_the_environment_comes_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        save_credential(endpoint=URL, token="mlp_saved")
        monkeypatch.setenv("MLPORTAL_TOKEN", "mlp_environment")

        assert get_credential(URL).token == "mlp_environment"

    def test_of_the_environment_is_not_sent_to_a_server_it_is_not_meant_for(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLPORTAL_TOKEN", "mlp_environment")
        monkeypatch.setenv("MLPORTAL_ENDPOINT", URL)

        assert get_credential(URL).token == "mlp_environment"
        with pytest.raises(NotSignedInError, match="names another server"):
            get_credential("http://evil.example")

    def test_that_is_missing_says_where_it_was_looked_for(self) -> None:
        with pytest.raises(NotSignedInError) as caught:
            get_credential(URL)

        assert f"mlportal login {URL}" in str(caught.value)
        assert str(credentials_path()) in str(caught.value)

    def test_is_forgotten_alone(self) -> None:
        save_credential(endpoint="http://one", token="mlp_1")
        save_credential(endpoint="http://two", token="mlp_2")

        assert forget_credential("http://one")
        assert not forget_credential("http://one")
        assert find_credential("http://two")

    def test_file_that_is_broken_is_named(self) -> None:
        save_credential(endpoint="http://one", token="mlp_1").write_text("[]")

        with pytest.raises(ConfigError, match="credentials cannot be read"):
            find_credential("http://one")

    def test_shows_no_secret(self) -> None:
        save_credential(endpoint="http://one", token="mlp_1")

        assert "mlp_1" not in repr(find_credential("http://one"))


class TestErrors:
    def test_carry_code_and_status(self) -> None:
        error = error_from_answer(status=400, code="RESOURCE_ALREADY_EXISTS", message="taken")

        assert (type(error), error.code, error.status, str(error)) == (
            AlreadyExistsError,
            "RESOURCE_ALREADY_EXISTS",
            400,
            "taken",
        )
