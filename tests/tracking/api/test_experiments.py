"""experiments/… by MLflow's rules (mlflow-api.md, section 3)."""

import itertools
from urllib.parse import quote, urlencode

import pytest

from tests.support.people import People
from tests.tracking.api.caller import Caller


def search(ann: Caller, filter_: str = "", **fields: object) -> list[str]:
    """Return the names that a search finds, in its order, without the Default experiment."""
    found = ann.post("experiments/search", {"max_results": 100, "filter": filter_, **fields}).get("experiments", [])
    return [one["name"] for one in found if one["name"] != "Default"]


def create(ann: Caller, name: str, **tags: str) -> dict[str, str]:
    """Create an experiment and return what names it in later requests."""
    sent = [{"key": key, "value": value} for key, value in tags.items()]
    made: dict[str, str] = ann.post("experiments/create", {"name": name, "tags": sent})
    return made


class TestExperiment:
    def test_is_found_by_id_and_name(self, ann: Caller) -> None:
        made = ann.post("experiments/create", {"name": "深度/学习 🚀", "tags": [{"key": "team", "value": "x"}]})

        found = ann.get(f"experiments/get?experiment_id={made['experiment_id']}")["experiment"]
        assert found["name"] == "深度/学习 🚀"
        assert found["tags"] == [{"key": "team", "value": "x"}]
        assert found["lifecycle_stage"] == "active"
        assert found["artifact_location"] == f"mlflow-artifacts:/{made['experiment_id']}"
        assert ann.get("experiments/get-by-name?experiment_name=深度/学习 🚀")["experiment"] == found

    def test_zero_is_the_default_one(self, ann: Caller) -> None:
        assert ann.get("experiments/get?experiment_id=0")["experiment"]["name"] == "Default"

    def test_keeps_its_name_while_deleted(self, ann: Caller) -> None:
        made = ann.post("experiments/create", {"name": "a"})
        ann.post("experiments/delete", made)

        assert ann.refused("experiments/create", {"name": "a"})[:2] == (400, "RESOURCE_ALREADY_EXISTS")
        assert ann.get("experiments/get-by-name?experiment_name=a")["experiment"]["lifecycle_stage"] == "deleted"
        assert ann.refused("experiments/delete", made)[0] == 404
        ann.post("experiments/restore", made)
        assert ann.refused("experiments/restore", made)[0] == 404

    def test_takes_its_runs_along(self, ann: Caller) -> None:
        made = ann.post("experiments/create", {"name": "a"})
        run = ann.new_run(made["experiment_id"])

        ann.post("experiments/delete", made)
        assert ann.get(f"runs/get?run_id={run}")["run"]["info"]["lifecycle_stage"] == "deleted"
        assert "must be in the 'active' state" in ann.refused("runs/set-tag", {"run_id": run, "key": "a"})[2]
        ann.post("experiments/restore", made)
        assert ann.get(f"runs/get?run_id={run}")["run"]["info"]["lifecycle_stage"] == "active"

    @pytest.mark.parametrize("name", ["", "   ", "x" * 501])
    def test_needs_a_name(self, ann: Caller, name: str) -> None:
        assert ann.refused("experiments/create", {"name": name})[:2] == (400, "INVALID_PARAMETER_VALUE")

    # P5 to P7, and P9: whatever the scheme and the trick, and whichever reserved tag stands beside it.
    @pytest.mark.parametrize("tag", [None, "mlflow.prompt.is_prompt", "mlflow.artifactLocation", "mlflow.user"])
    @pytest.mark.parametrize(
        "place",
        ["file:///etc", "FILE:/etc", " file:x", "dbfs:/x", "local:", "../x", "/etc", "x;/../../y", "http:///#/../../x",
         "s3://b/k?x=/../..", "s3://bucket/ours", "mlflow-artifacts:/1", "C:\\x", "%2e%2e/x"],
    )  # fmt: skip
    def test_does_not_choose_where_artifacts_live(self, ann: Caller, place: str, tag: str | None) -> None:
        tags = [{"key": tag, "value": "true"}] if tag else []

        status, code, message = ann.refused(
            "experiments/create", {"name": "a", "artifact_location": place, "tags": tags}
        )

        assert (status, code) == (400, "INVALID_PARAMETER_VALUE")
        assert "this server chooses where artifacts live" in message
        assert search(ann) == []

    @pytest.mark.parametrize(
        ("asked", "answer"),
        [
            ("999", (404, "RESOURCE_DOES_NOT_EXIST", "No Experiment with id=999 exists")),
            ("9" * 19, (404, "RESOURCE_DOES_NOT_EXIST", f"No Experiment with id={'9' * 19} exists")),
            *(
                (bad, (400, "INVALID_PARAMETER_VALUE",
                       f"Invalid experiment ID {bad!r}. Experiment ID must be a valid integer."))
                for bad in ("abc", "1.5", "-1", "٣", "../1", "9" * 20)
            ),
        ],
    )  # fmt: skip
    def test_that_does_not_exist_is_named(self, ann: Caller, asked: str, answer: tuple[int, str, str]) -> None:
        for path in ("delete", "restore", "update", "set-experiment-tag", "delete-experiment-tag"):
            body = {"experiment_id": asked, "new_name": "b", "key": "k", "value": "v"}
            assert ann.refused(f"experiments/{path}", body) == answer
        assert ann.refused("runs/create", {"experiment_id": asked}) == answer
        assert ann.refused(f"experiments/get?experiment_id={quote(asked)}", method="GET") == answer

    def test_that_has_no_such_name_is_named(self, ann: Caller) -> None:
        assert ann.refused("experiments/get-by-name?experiment_name=x", method="GET") == (
            404,
            "RESOURCE_DOES_NOT_EXIST",
            "Could not find experiment with name 'x'",
        )

    def test_shares_names_with_other_workspaces_only(self, people: People, ann: Caller) -> None:
        lab = Caller(People.around("lab").ann.token, "lab")
        made = create(ann, "a")

        assert create(lab, "a") != made
        assert ann.refused("experiments/create", {"name": "a"}) == (
            400,
            "RESOURCE_ALREADY_EXISTS",
            "Experiment(name=a) already exists.",
        )
        assert lab.refused(f"experiments/get?experiment_id={made['experiment_id']}", method="GET")[0] == 404

    def test_takes_names_that_differ_in_case_space_or_form(self, ann: Caller) -> None:
        names = ["a", "A", "a ", " a", "\u00e9", "e\u0301", "x" * 500, "a/b#c?d%20+"]

        for name in names:
            create(ann, name)

        assert sorted(search(ann)) == sorted(names)


class TestRename:
    def test_changes_the_name_alone(self, ann: Caller) -> None:
        made = create(ann, "a", team="x")
        before = ann.get(f"experiments/get?experiment_id={made['experiment_id']}")["experiment"]

        ann.post("experiments/update", {**made, "new_name": "b"})
        ann.post("experiments/update", {**made, "new_name": "b"})
        ann.post("experiments/update", made)

        after = ann.get(f"experiments/get?experiment_id={made['experiment_id']}")["experiment"]
        assert {**before, "name": "b", "last_update_time": after["last_update_time"]} == after
        assert after["last_update_time"] >= before["last_update_time"]
        assert ann.refused("experiments/get-by-name?experiment_name=a", method="GET")[0] == 404

    def test_to_a_taken_name_is_refused(self, ann: Caller) -> None:
        made, taken = create(ann, "a"), create(ann, "taken")
        for is_deleted in (False, True):
            if is_deleted:
                ann.post("experiments/delete", taken)

            answer = ann.refused("experiments/update", {**made, "new_name": "taken"})

            assert answer == (400, "RESOURCE_ALREADY_EXISTS", "Experiment(name=taken) already exists.")
        assert search(ann) == ["a"]

    @pytest.mark.parametrize("name", ["", "  ", "x" * 501])
    def test_to_what_is_no_name_is_refused(self, ann: Caller, name: str) -> None:
        assert ann.refused("experiments/update", {**create(ann, "a"), "new_name": name})[0] == 400

    def test_of_a_deleted_one_is_refused(self, ann: Caller) -> None:
        made = create(ann, "a")
        ann.post("experiments/delete", made)

        answer = ann.refused("experiments/update", {**made, "new_name": "b"})

        assert answer == (400, "INVALID_STATE", "Cannot rename a non-active experiment.")


class TestDelete:
    def test_and_restore_take_all_runs_along(self, ann: Caller) -> None:
        made = create(ann, "a")
        kept, gone = ann.new_run(made["experiment_id"]), ann.new_run(made["experiment_id"])
        ann.post("runs/delete", {"run_id": gone})

        ann.post("experiments/delete", made)
        during = [ann.get(f"runs/get?run_id={run}")["run"]["info"]["lifecycle_stage"] for run in (kept, gone)]
        ann.post("experiments/restore", made)
        after = [ann.get(f"runs/get?run_id={run}")["run"]["info"]["lifecycle_stage"] for run in (kept, gone)]

        assert during == ["deleted", "deleted"]
        assert after == ["active", "active"]  # also the one that was deleted before: as MLflow does

    def test_closes_it_to_changes(self, ann: Caller) -> None:
        made = create(ann, "a", k="v")
        ann.post("experiments/delete", made)
        uid = made["experiment_id"]
        message = f"The experiment {uid} must be in the 'active' state. Current state is deleted."

        for path, body in (
            ("experiments/set-experiment-tag", {**made, "key": "k", "value": "w"}),
            ("experiments/delete-experiment-tag", {**made, "key": "k"}),
            ("runs/create", made),
            ("logged-models", made),
        ):
            assert ann.refused(path, body) == (400, "INVALID_PARAMETER_VALUE", message)

    def test_of_the_default_one_can_be_undone(self, ann: Caller) -> None:
        ann.post("experiments/delete", {"experiment_id": "0"})

        assert ann.get("experiments/get?experiment_id=0")["experiment"]["lifecycle_stage"] == "deleted"
        ann.post("experiments/restore", {"experiment_id": "0"})
        assert ann.new_run("0")


class TestTag:
    def test_is_set_replaced_and_deleted(self, ann: Caller) -> None:
        made = create(ann, "a")

        def tags() -> object:
            return ann.get(f"experiments/get?experiment_id={made['experiment_id']}")["experiment"].get("tags")

        ann.post("experiments/set-experiment-tag", {**made, "key": "团队/a b", "value": "x"})
        ann.post("experiments/set-experiment-tag", {**made, "key": "团队/a b", "value": "y" * 20_000})
        assert tags() == [{"key": "团队/a b", "value": "y" * 20_000}]
        ann.post("experiments/set-experiment-tag", {**made, "key": "团队/a b"})
        assert tags() == [{"key": "团队/a b", "value": ""}]
        ann.post("experiments/delete-experiment-tag", {**made, "key": "团队/a b"})
        assert tags() is None
        assert ann.refused("experiments/delete-experiment-tag", {**made, "key": "团队/a b"})[0] == 404

    @pytest.mark.parametrize(
        ("key", "value"), [("", "v"), ("a,b", "v"), ("../a", "v"), ("x" * 251, "v"), ("k", "v" * 20_001)]
    )
    def test_keeps_mlflows_rules(self, ann: Caller, key: str, value: str) -> None:
        made, tag = create(ann, "a"), {"key": key, "value": value}

        assert ann.refused("experiments/set-experiment-tag", {**made, **tag})[0] == 400
        assert ann.refused("experiments/create", {"name": "b", "tags": [tag]})[0] == 400
        assert search(ann) == ["a"]

    def test_is_given_once(self, ann: Caller) -> None:
        tag = {"key": "k", "value": "v"}

        answer = ann.refused("experiments/create", {"name": "a", "tags": [tag, tag]})

        assert answer[2] == "Duplicate tag keys have been submitted: 'k'."


class TestSearch:
    @pytest.mark.parametrize(
        ("filter_", "names"),
        [
            ("name = 'Alpha'", ["Alpha"]),
            ("name != 'Alpha'", ["gamma", "beta%"]),
            ("name LIKE '%a'", ["gamma", "Alpha"]),
            ("name LIKE 'a%'", []),
            ("name ILIKE 'A%'", ["Alpha"]),
            ("attribute.name = 'gamma'", ["gamma"]),
            ("tags.team = 'x'", ["beta%", "Alpha"]),
            ("tag.team != 'x'", ["gamma"]),
            ("tags.note IS NULL", ["gamma", "Alpha"]),
            ("tags.note IS NOT NULL", ["beta%"]),
            ("tags.`team` = 'x' AND name LIKE '%!%' AND creation_time > 0", []),
            ("creation_time > 0 and last_update_time >= 0", ["gamma", "beta%", "Alpha"]),
            ("creation_time < 0", []),
            ("", ["gamma", "beta%", "Alpha"]),
        ],
    )
    def test_filters(self, ann: Caller, filter_: str, names: list[str]) -> None:
        create(ann, "Alpha", team="x")
        create(ann, "beta%", team="x", note="n")
        create(ann, "gamma", team="y")

        assert search(ann, filter_) == names

    def test_finds_by_id(self, ann: Caller) -> None:
        ids = [create(ann, name)["experiment_id"] for name in ("a", "b", "c")]

        assert search(ann, f"experiment_id IN ('{ids[0]}', '{ids[2]}')") == ["c", "a"]

    @pytest.mark.parametrize(
        "filter_", ["attributes.name = 'a'", "metrics.m > 1", "name = a", "name", "   ", "lifecycle_stage = 'x'"]
    )
    def test_refuses_what_it_does_not_know(self, ann: Caller, filter_: str) -> None:
        status, code, _ = ann.refused("experiments/search", {"max_results": 1, "filter": filter_})

        assert (status, code) == (400, "INVALID_PARAMETER_VALUE")

    @pytest.mark.parametrize(
        ("order_by", "names"),
        [
            (["name"], ["a", "b", "c"]),
            (["name DESC"], ["c", "b", "a"]),
            (["experiment_id asc"], ["b", "c", "a"]),
            (["creation_time ASC", "name"], ["b", "c", "a"]),
            (["last_update_time DESC"], ["b", "a", "c"]),
            (["tags.k", "name"], ["b", "a", "c"]),
            ([], ["a", "c", "b"]),
        ],
    )
    def test_orders(self, ann: Caller, order_by: list[str], names: list[str]) -> None:
        first = create(ann, "b")
        create(ann, "c")
        create(ann, "a")
        ann.post("experiments/set-experiment-tag", {**first, "key": "k"})

        assert search(ann, order_by=order_by) == names

    @pytest.mark.parametrize(
        ("view", "names"),
        [("ACTIVE_ONLY", ["b"]), ("DELETED_ONLY", ["a"]), ("ALL", ["b", "a"]), (1, ["b"]), (2, ["a"]),
         ("3", ["b", "a"]), (None, ["b"]), ("what", ["b"]), ("²", ["b"]), ("9" * 5000, ["b"])],
    )  # fmt: skip
    def test_shows_one_view(self, ann: Caller, view: object, names: list[str]) -> None:
        ann.post("experiments/delete", create(ann, "a"))
        create(ann, "b")

        assert search(ann, view_type=view) == names

    def test_pages_hold_everything_once_while_others_are_added(self, ann: Caller) -> None:
        names = [f"e{number}" for number in range(7)]
        for name in names:
            create(ann, name)

        found, token = [], ""
        for number in itertools.count():
            page = ann.post(
                "experiments/search",
                {"max_results": 2, "order_by": ["name"], "filter": "name LIKE 'e_'", "page_token": token},
            )
            found += [one["name"] for one in page["experiments"]]
            token = page.get("next_page_token", "")
            if not token:
                break
            create(ann, f"d{number}")

        assert found == names

    def test_by_get_is_the_same(self, ann: Caller) -> None:
        create(ann, "a b")
        query = {"max_results": "5", "filter": "name = 'a b'", "view_type": "ALL"}

        assert ann.get(f"experiments/search?{urlencode(query)}") == ann.post("experiments/search", query)

    @pytest.mark.parametrize(
        "fields",
        [{}, {"max_results": 0}, {"max_results": -1}, {"max_results": 50_001}, {"max_results": 1, "page_token": "x"},
         {"max_results": 1, "page_token": "WzFd"}, {"max_results": 1, "order_by": ["name SIDEWAYS"]},
         {"max_results": 1, "order_by": ["nothing"]}, {"max_results": 1, "order_by": ["metrics.m"]}],
    )  # fmt: skip
    def test_refuses_a_bad_page(self, ann: Caller, fields: dict[str, object]) -> None:
        assert ann.refused("experiments/search", fields)[:2] == (400, "INVALID_PARAMETER_VALUE")
