"""registered-models/… and model-versions/… by MLflow's rules (mlflow-api.md, 3.4 and 3.5)."""

from typing import Any
from urllib.parse import quote, urlencode

import pytest

from tests.support.people import People
from tests.tracking.api.caller import Caller

PROMPT = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
S3 = "s3://bucket/model"


def register(ann: Caller, name: str = "net", **fields: object) -> Any:
    return ann.post("registered-models/create", {"name": name, **fields})["registered_model"]


def add_version(ann: Caller, name: str = "net", source: str = S3, **fields: object) -> Any:
    """Register a version, and its model if it is the first."""
    if ann.request("GET", f"2.0/mlflow/registered-models/get?name={quote(name)}")[0] == 404:
        register(ann, name)
    return ann.post("model-versions/create", {"name": name, "source": source, **fields})["model_version"]


def show(ann: Caller, name: str = "net") -> Any:
    return ann.get(f"registered-models/get?name={quote(name)}")["registered_model"]


def change(ann: Caller, method: str, path: str, body: object) -> Any:
    """Send a change that must succeed by another method than POST."""
    status, answer = ann.request(method, f"2.0/mlflow/{path}", body)
    assert status == 200, answer
    return answer


def found(ann: Caller, what: str, filter_: str = "", order: tuple[str, ...] = (), **fields: object) -> list[str]:
    """Return the names, and of versions the numbers, that a search finds."""
    query = urlencode({"filter": filter_, "order_by": list(order), **fields}, doseq=True)
    (rows,) = [*ann.get(f"{what}/search?{query}").values(), []][:1]
    return [f"{row['name']}/{row['version']}" if "version" in row else row["name"] for row in rows]


def logged_model(ann: Caller, run: str) -> Any:
    made = ann.post("logged-models", {"experiment_id": "0", "name": "net", "source_run_id": run})
    return made["model"]["info"]


class TestRegisteredModel:
    def test_is_what_was_created(self, ann: Caller) -> None:
        made = register(ann, "模型", description="d", tags=[{"key": "a", "value": "1"}, {"key": "a", "value": "2"}])

        assert (made["name"], made["description"], made["tags"]) == ("模型", "d", [{"key": "a", "value": "2"}])
        assert made["creation_timestamp"] == made["last_updated_timestamp"]
        assert show(ann, "模型") == made

    @pytest.mark.parametrize(
        "fields",
        [{"name": ""}, {"name": "  "}, {"name": "a/b"}, {"name": "a:b"}, {"name": ".."}, {"name": "x" * 257},
         {"tags": [{"key": "a,b"}]}, {"tags": [{"key": "a", "value": "x" * 100_001}]}, {"description": "x" * 100_001}],
    )  # fmt: skip
    def test_breaks_no_rule(self, ann: Caller, fields: dict[str, object]) -> None:
        answer = ann.refused("registered-models/create", {"name": "net", **fields})

        assert answer[:2] == (400, "INVALID_PARAMETER_VALUE")
        assert found(ann, "registered-models") == []

    def test_has_a_name_of_its_own(self, ann: Caller) -> None:
        register(ann)
        register(ann, "other")

        for path, body in (("create", {"name": "net"}), ("rename", {"name": "other", "new_name": "net"})):
            assert ann.refused(f"registered-models/{path}", body) == (
                400,
                "RESOURCE_ALREADY_EXISTS",
                "Registered Model (name=net) already exists.",
            )
        assert (
            "already taken by a registered model"
            in ann.refused("registered-models/create", {"name": "net", "tags": PROMPT})[2]
        )

    def test_is_of_one_workspace(self, people: People, ann: Caller) -> None:
        register(ann)
        lab = Caller(People.around("lab").ann.token, "lab")

        assert lab.refused("registered-models/get?name=net", method="GET") == (
            404,
            "RESOURCE_DOES_NOT_EXIST",
            "Registered Model with name=net not found",
        )
        assert register(lab)["name"] == "net"

    def test_changes_name_and_texts(self, ann: Caller) -> None:
        add_version(ann)

        ann.post("registered-models/rename", {"name": "net", "new_name": "nets"})
        change(ann, "PATCH", "registered-models/update", {"name": "nets", "description": "new"})
        ann.post("registered-models/set-tag", {"name": "nets", "key": "a", "value": "1"})
        ann.post("registered-models/set-tag", {"name": "nets", "key": "a", "value": "2"})
        ann.post("registered-models/set-tag", {"name": "nets", "key": "b"})
        for _ in range(2):  # what is gone is gone
            change(ann, "DELETE", "registered-models/delete-tag", {"name": "nets", "key": "b"})

        shown = show(ann, "nets")
        assert (shown["description"], shown["tags"]) == ("new", [{"key": "a", "value": "2"}])
        assert shown["latest_versions"][0]["name"] == "nets"
        assert ann.refused("registered-models/get?name=net", method="GET")[0] == 404

    def test_is_deleted_with_its_versions(self, ann: Caller) -> None:
        add_version(ann)
        ann.post("registered-models/alias", {"name": "net", "alias": "best", "version": "1"})

        change(ann, "DELETE", "registered-models/delete", {"name": "net"})

        assert found(ann, "registered-models") == found(ann, "model-versions") == []
        assert add_version(ann)["version"] == "1"


class TestVersion:
    def test_is_what_was_created(self, ann: Caller) -> None:
        run = ann.new_run()
        made = add_version(
            ann, run_id=run, run_link="http://elsewhere", description="d", tags=[{"key": "a", "value": "1"}]
        )

        assert (made["name"], made["version"], made["current_stage"], made["status"]) == ("net", "1", "None", "READY")
        assert (made["source"], made["run_id"], made["run_link"]) == (S3, run, "http://elsewhere")
        assert (made["description"], made["tags"]) == ("d", [{"key": "a", "value": "1"}])
        assert ann.get("model-versions/get?name=net&version=1")["model_version"] == made
        assert ann.get("model-versions/get-download-uri?name=net&version=1") == {"artifact_uri": S3}

    def test_has_a_number_that_is_never_given_again(self, ann: Caller) -> None:
        for _ in range(2):
            add_version(ann)
        change(ann, "DELETE", "model-versions/delete", {"name": "net", "version": "2"})

        assert add_version(ann)["version"] == "3"
        assert ann.refused("model-versions/get?name=net&version=2", method="GET") == (
            404,
            "RESOURCE_DOES_NOT_EXIST",
            "Model Version (name=net, version=2) not found",
        )

    @pytest.mark.parametrize(
        ("version", "status"), [("abc", 400), ("9", 404), ("9" * 30, 404), ("-1", 404), ("²", 400)]
    )
    def test_is_found_by_a_number(self, ann: Caller, version: str, status: int) -> None:
        add_version(ann)

        answer = ann.refused(f"model-versions/get?name=net&version={quote(version)}", method="GET")

        assert answer[0] == status
        if version == "abc":
            assert answer[2] == "Parameter 'version' must be an integer, got 'abc'."

    def test_changes_its_texts(self, ann: Caller) -> None:
        add_version(ann)
        this = {"name": "net", "version": "1"}

        change(ann, "PATCH", "model-versions/update", {**this, "description": "new"})
        ann.post("model-versions/set-tag", {**this, "key": "a", "value": "1"})
        ann.post("model-versions/set-tag", {**this, "key": "b", "value": "2"})
        change(ann, "DELETE", "model-versions/delete-tag", {**this, "key": "a"})

        shown = ann.get("model-versions/get?name=net&version=1")["model_version"]
        assert (shown["description"], shown["tags"]) == ("new", [{"key": "b", "value": "2"}])

    def test_outlives_its_run(self, ann: Caller) -> None:
        run = ann.new_run()
        add_version(ann, run_id=run)

        ann.post("runs/delete", {"run_id": run})

        assert ann.get("model-versions/get?name=net&version=1")["model_version"]["run_id"] == run


class TestSource:
    def test_of_a_run_is_kept_with_it(self, ann: Caller) -> None:
        run = ann.new_run()
        inside = ann.get(f"runs/get?run_id={run}")["run"]["info"]["artifact_uri"] + "/model"

        for source in (f"runs:/{run}/model", inside):
            assert add_version(ann, source=source, run_id=run)["source"] == source

    def test_of_a_logged_model_is_resolved(self, ann: Caller) -> None:
        run = ann.new_run()
        model = logged_model(ann, run)
        uri = f"models:/{model['model_id']}"

        made = add_version(ann, source=uri, model_id=model["model_id"])

        assert (made["source"], made["run_id"], made["model_id"]) == (uri, run, model["model_id"])
        place = {"artifact_uri": model["artifact_uri"]}
        assert ann.get("model-versions/get-download-uri?name=net&version=1") == place
        ann.post("registered-models/alias", {"name": "net", "alias": "best", "version": "1"})
        ann.post("model-versions/transition-stage", {"name": "net", "version": "1", "stage": "staging"})
        for number, same in enumerate(("net/1", "net/latest", "net/STAGING", "net@best"), start=1):
            copied = add_version(ann, "copy", f"models:/{same}")
            assert (copied["source"], copied["run_id"]) == ("models:/net/1", run)
            assert ann.get(f"model-versions/get-download-uri?name=copy&version={number}") == place

    @pytest.mark.parametrize(
        "source",
        ["/etc/passwd", "etc", "file:///etc", "C:\\models", "s3://bucket/../other", "s3://bucket/%252e%252e/other",
         "http://host/a/./b", "s3://bucket/a%00b", "http://[", "mlflow-artifacts:/1/2/artifacts", "runs:/abc/model",
         "http://h/api/2.0/mlflow-artifacts/artifacts/1/2", "models:/m-1", "models://host/m-1", "dummy-source"],
    )  # fmt: skip
    def test_from_elsewhere_is_refused(self, ann: Caller, source: str) -> None:
        register(ann)

        answer = ann.refused("model-versions/create", {"name": "net", "source": source})

        assert answer[:2] == (400, "INVALID_PARAMETER_VALUE")
        assert answer[2].startswith("Invalid model version source: '")
        assert found(ann, "model-versions") == []

    def test_is_of_the_run_or_model_that_is_named(self, ann: Caller) -> None:
        mine, other = ann.new_run(), ann.new_run()
        theirs = ann.get(f"runs/get?run_id={other}")["run"]["info"]["artifact_uri"]
        model = logged_model(ann, mine)
        register(ann)
        for fields in (
            {"source": theirs, "run_id": mine},
            {"source": f"{theirs}/../../{mine}", "run_id": other},
            {"source": f"runs:/{other}/m", "run_id": mine},
            {"source": f"runs:/{mine}/m", "run_id": mine, "model_id": model["model_id"]},
            {"source": theirs, "model_id": model["model_id"]},
        ):
            assert ann.refused("model-versions/create", {"name": "net", **fields})[0] == 400
        assert ann.refused("model-versions/create", {"name": "net", "source": S3, "model_id": "m-9"})[0] == 404
        assert found(ann, "model-versions") == []


class TestAlias:
    def test_points_to_one_version(self, ann: Caller) -> None:
        for version in ("1", "2"):
            add_version(ann)
            ann.post("registered-models/alias", {"name": "net", "alias": "best", "version": version})

        at = ann.get("registered-models/alias?name=net&alias=best")["model_version"]
        assert (at["version"], at["aliases"]) == ("2", ["best"])
        assert show(ann)["aliases"] == [{"alias": "best", "version": "2"}]
        assert ann.get("registered-models/alias?name=net&alias=latest")["model_version"]["version"] == "2"

    def test_goes_with_its_version(self, ann: Caller) -> None:
        add_version(ann)
        ann.post("registered-models/alias", {"name": "net", "alias": "best", "version": "1"})

        change(ann, "DELETE", "model-versions/delete", {"name": "net", "version": "1"})

        assert ann.refused("registered-models/alias?name=net&alias=best", method="GET") == (
            400,
            "INVALID_PARAMETER_VALUE",
            "Registered model alias best not found.",
        )

    def test_is_deleted_and_stays_so(self, ann: Caller) -> None:
        add_version(ann)
        ann.post("registered-models/alias", {"name": "net", "alias": "best", "version": "1"})

        for _ in range(2):
            change(ann, "DELETE", "registered-models/alias", {"name": "net", "alias": "best"})

        assert "aliases" not in show(ann)

    @pytest.mark.parametrize(
        ("alias", "says"),
        [("v1", "Version alias name 'v1' is reserved."),
         ("Latest", "'latest' alias name (case insensitive) is reserved."),
         ("a b", "Invalid alias name"), ("a\n", "Invalid alias name"), ("x" * 256, "exceeds the maximum length")],
    )  # fmt: skip
    def test_is_a_word_that_means_nothing_else(self, ann: Caller, alias: str, says: str) -> None:
        add_version(ann)

        answer = ann.refused("registered-models/alias", {"name": "net", "alias": alias, "version": "1"})

        assert answer[0] == 400
        assert says in answer[2]


class TestStage:
    def test_is_moved_to_and_latest_there(self, ann: Caller) -> None:
        for _ in range(3):
            add_version(ann)
        for version, stage in (("1", "production"), ("2", "Production")):
            ann.post(
                "model-versions/transition-stage",
                {"name": "net", "version": version, "stage": stage, "archive_existing_versions": True},
            )

        latest = ann.post("registered-models/get-latest-versions", {"name": "net"})["model_versions"]
        assert [(one["version"], one["current_stage"]) for one in latest] == [
            ("3", "None"),
            ("2", "Production"),
            ("1", "Archived"),
        ]
        asked = ann.get("registered-models/get-latest-versions?name=net&stages=PRODUCTION")["model_versions"]
        assert [one["version"] for one in asked] == ["2"]

    @pytest.mark.parametrize(("stage", "archives"), [("Shadow", False), ("Archived", True), ("none", True)])
    def test_must_be_one_and_archives_from_active_ones(self, ann: Caller, stage: str, archives: bool) -> None:
        add_version(ann)
        body = {"name": "net", "version": "1", "stage": stage, "archive_existing_versions": archives}

        assert ann.refused("model-versions/transition-stage", body)[:2] == (400, "INVALID_PARAMETER_VALUE")


class TestSearch:
    def test_of_models_filters_and_orders(self, ann: Caller) -> None:
        for name in ("b", "A", "a"):
            register(ann, name, tags=[{"key": "team", "value": name}])

        assert found(ann, "registered-models") == ["A", "a", "b"]
        assert found(ann, "registered-models", order=("timestamp DESC",)) == ["a", "A", "b"]
        for filter_, names in (
            ("name = 'a'", ["a"]), ("name ILIKE 'A%'", ["A", "a"]), ("name IN ('b', 'a')", ["a", "b"]),
            ("tags.team != 'b'", ["A", "a"]), ("name LIKE 'a' OR tags.team = 'b'", ["a", "b"]),
        ):  # fmt: skip
            assert found(ann, "registered-models", filter_) == names

    def test_of_versions_filters_and_orders(self, ann: Caller) -> None:
        run = ann.new_run()
        add_version(ann, "a", run_id=run)
        add_version(ann, "b", "s3://bucket/b", tags=[{"key": "k", "value": "v"}])
        add_version(ann, "a")

        assert found(ann, "model-versions") == ["a/2", "b/1", "a/1"]
        assert found(ann, "model-versions", order=("name DESC", "version_number")) == ["b/1", "a/1", "a/2"]
        for filter_, names in (
            (f"run_id = '{run}'", ["a/1"]), (f"run_id IN ('{run}')", ["a/1"]), ("version_number > 1", ["a/2"]),
            ("source_path LIKE '%/b'", ["b/1"]), ("tags.k = 'v'", ["b/1"]), ("name = 'a'", ["a/2", "a/1"]),
        ):  # fmt: skip
            assert found(ann, "model-versions", filter_) == names

    def test_pages(self, ann: Caller) -> None:
        for name in "abc":
            add_version(ann, name)

        for what, rows in (("registered-models", "registered_models"), ("model-versions", "model_versions")):
            first = ann.get(f"{what}/search?max_results=2")
            rest = ann.get(f"{what}/search?max_results=2&page_token={first['next_page_token']}")
            assert sorted(one["name"] for one in [*first[rows], *rest[rows]]) == ["a", "b", "c"]
            assert "next_page_token" not in rest

    def test_leaves_prompts_out_unless_they_are_named(self, ann: Caller) -> None:
        add_version(ann, "net")
        register(ann, "hello", tags=PROMPT)
        add_version(ann, "hello", "dummy-source", tags=PROMPT)
        key = "tags.`mlflow.prompt.is_prompt`"

        for filter_, names in (
            ("", ["net"]), (f"{key} != 'true'", ["net"]), (f"{key} = 'false'", ["net"]), (f"{key} = 'true'", ["hello"])
        ):  # fmt: skip
            assert found(ann, "registered-models", filter_) == names
            assert found(ann, "model-versions", filter_) == [f"{name}/1" for name in names]

    @pytest.mark.parametrize("value", ["1.5", "1e300", "1e999", "'1'"])
    def test_compares_a_version_with_whole_numbers_only(self, ann: Caller, value: str) -> None:
        path = f"model-versions/search?{urlencode({'filter': f'version_number = {value}'})}"

        assert ann.refused(path, method="GET")[:2] == (400, "INVALID_PARAMETER_VALUE")

    @pytest.mark.parametrize(
        "query",
        ["filter=owner='a'", "filter=name", "max_results=0", "max_results=1001", "order_by=tags.a", "order_by=owner",
         "page_token=x"],
    )  # fmt: skip
    def test_refuses_what_it_does_not_know(self, ann: Caller, query: str) -> None:
        assert ann.refused(f"registered-models/search?{query}", method="GET")[:2] == (400, "INVALID_PARAMETER_VALUE")
