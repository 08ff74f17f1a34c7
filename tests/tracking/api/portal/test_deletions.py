"""``deletions``: planned, asked for, watched, steered over HTTP."""

import pytest

from tests.support.people import People
from tests.tracking.api.portal.asker import Asker
from tests.tracking.cleanup.filling import a_run, an_experiment, done
from tracking.cleanup.models import Deletion
from tracking.core.clock import utc_now
from tracking.runs.models import Run
from tracking.runs.types import RunStatus
from tracking.workspaces.models import Lock
from tracking.workspaces.types import LockLevel


@pytest.fixture
def run(people: People) -> Run:
    return a_run(an_experiment(people.workspace, "one"))


class TestPlan:
    def test_says_what_would_go_and_changes_nothing(self, ann: Asker, run: Run) -> None:
        plan = ann.done("POST", "deletions/plan", {"kind": "run", "workspace": "default", "run_ids": [run.uid]})

        assert plan["counts"] | {"metrics": 2} == {
            "runs": 1,
            "params": 1,
            "tags": 2,
            "datasets": 1,
            "datastores": 0,
            "registered_models": 0,
            "model_versions": 0,
            "metrics": 2,
            "points": 6,
            "models": 1,
            "experiments": 0,
            "workspaces": 0,
            "artifacts": 2,
        }
        assert plan["bytes"]["artifacts"] == 20
        assert (plan["blocked_by"], plan["needs_confirmation"]) == ([], None)
        assert not Deletion.objects.exists()

    def test_names_locks_runs_that_run_and_who_loses_access(self, people: People, ann: Asker) -> None:
        a_run(an_experiment(people.workspace, "two"), name="marathon", status=RunStatus.RUNNING)
        _lock(people)

        plan = ann.done("POST", "deletions/plan", {"kind": "workspace", "workspace": "default"})

        assert [(one["kind"], one["name"]) for one in plan["blocked_by"]] == [
            ("lock", "audit"),
            ("running_run", "marathon"),
        ]
        assert [(one["username"], one["role"]) for one in plan["people"]] == [("ann", "owner"), ("bob", "reader")]
        assert plan["needs_confirmation"] == "default"

    def test_of_what_is_foreign_is_404(self, cleo: Asker, run: Run) -> None:
        asked = {"kind": "run", "workspace": "default", "run_ids": [run.uid]}

        assert cleo.refused("POST", "deletions/plan", asked)[0] == 404


class TestAsk:
    def test_answers_202_with_the_operation(self, ann: Asker, run: Run) -> None:
        status, answer = ann.ask(
            "POST", "deletions", {"kind": "run", "workspace": "default", "run_ids": [run.uid], "mode": "purge"}
        )

        assert (status, answer["state"], answer["asked_by"]) == (202, "accepted", "ann")
        done(Deletion.objects.get(uid=answer["uid"]))
        after = ann.done("GET", f"deletions/{answer['uid']}")
        assert (after["state"], after["done"]["runs"]) == ("done", 1)
        assert after["bytes_freed"] == sum(after["report"]["bytes"].values())

    def test_moves_to_the_trash_unless_told_otherwise(self, ann: Asker, run: Run) -> None:
        ann.done("POST", "deletions", {"kind": "run", "workspace": "default", "run_ids": [run.uid]})

        run.refresh_from_db()
        assert run.deleted_at is not None

    def test_under_a_lock_is_409_and_names_it(self, people: People, ann: Asker, run: Run) -> None:
        _lock(people)
        asked = {"kind": "run", "workspace": "default", "run_ids": [run.uid], "mode": "purge"}

        status, code, message = ann.refused("POST", "deletions", asked)

        assert (status, code) == (409, "RESOURCE_CONFLICT")
        assert "'audit'" in message

    def test_without_the_name_is_400(self, ann: Asker) -> None:
        asked = {"kind": "workspace", "workspace": "default", "confirm": "defaul"}

        assert ann.refused("POST", "deletions", asked)[0] == 400

    def test_by_a_reader_is_403(self, bob: Asker, run: Run) -> None:
        asked = {"kind": "run", "workspace": "default", "run_ids": [run.uid]}

        assert bob.refused("POST", "deletions", asked)[0] == 403

    def test_with_a_tracking_token_is_403(self, people: People, run: Run) -> None:
        asked = {"kind": "run", "workspace": "default", "run_ids": [run.uid]}

        assert Asker(people.ann.token).refused("POST", "deletions", asked)[0] == 403

    @pytest.mark.parametrize(
        "asked",
        [
            {},
            {"kind": "orphans"},
            {"kind": "run", "workspace": "default"},
            {"kind": "runs", "workspace": "default", "filter": "metrics.loss < 1"},
            {"kind": "runs", "workspace": "default", "experiment_ids": ["0"], "filter": "metrics.loss <"},
            {"kind": "experiment", "workspace": "default", "experiment_id": "../x"},
            {"kind": "run", "workspace": "default", "run_ids": ["x"] * 1001},
        ],
    )
    def test_of_nonsense_is_400(self, ann: Asker, asked: object) -> None:
        assert ann.refused("POST", "deletions", asked)[0] == 400

    @pytest.mark.parametrize("path", ["../../x", "..", "/etc/passwd", "a/%2e%2e/%2e%2e/x", "a\\..\\x", ".", ""])
    def test_of_a_path_outside_the_run_is_400(self, ann: Asker, run: Run, path: str) -> None:
        asked = {"kind": "artifact", "workspace": "default", "run_id": run.uid, "path": path}

        assert ann.refused("POST", "deletions", asked)[0] == 400

    @pytest.mark.parametrize("uid", ["../x", "*", "x" * 300, "%", "' OR 1=1"])
    def test_of_an_id_that_is_none_is_404(self, ann: Asker, uid: str) -> None:
        asked = {"kind": "run", "workspace": "default", "run_ids": [uid]}

        assert ann.refused("POST", "deletions", asked)[0] == 404


class TestSteering:
    @pytest.fixture
    def uid(self, ann: Asker, run: Run) -> str:
        asked = {"kind": "run", "workspace": "default", "run_ids": [run.uid], "mode": "purge"}
        return str(ann.done("POST", "deletions", asked)["uid"])

    def test_pauses_goes_on_and_gives_up(self, ann: Asker, uid: str, run: Run) -> None:
        states = [ann.done("POST", f"deletions/{uid}/{verb}")["state"] for verb in ("pause", "resume", "cancel")]

        assert states == ["paused", "accepted", "cancelled"]
        run.refresh_from_db()
        assert run.deletion_uid == ""

    def test_goes_on_only_without_a_lock(self, people: People, ann: Asker, uid: str) -> None:
        ann.done("POST", f"deletions/{uid}/pause")
        _lock(people)

        assert ann.refused("POST", f"deletions/{uid}/resume")[0] == 409
        assert ann.done("GET", f"deletions/{uid}")["state"] == "paused"

    def test_is_for_owners_and_who_asked(self, bob: Asker, cleo: Asker, uid: str) -> None:
        assert bob.refused("POST", f"deletions/{uid}/pause")[0] == 403
        assert cleo.refused("POST", f"deletions/{uid}/pause")[0] == 404
        assert bob.done("GET", f"deletions/{uid}")["state"] == "accepted"

    def test_is_listed_for_those_who_may_see_it(self, ann: Asker, bob: Asker, cleo: Asker, uid: str) -> None:
        seen = [[one["uid"] for one in who.done("GET", "deletions")["deletions"]] for who in (ann, bob, cleo)]

        assert seen == [[uid], [uid], []]

    def test_is_listed_a_page_at_a_time(self, people: People, ann: Asker, uid: str) -> None:
        asked = {"kind": "experiment", "workspace": "default", "mode": "purge"}
        newer = ann.done("POST", "deletions", asked | {"experiment_id": an_experiment(people.workspace, "new").pk})[
            "uid"
        ]

        first = ann.done("GET", "deletions?max_results=1")
        second = ann.done("GET", f"deletions?max_results=1&page_token={first['next_page_token']}")

        assert [page["deletions"][0]["uid"] for page in (first, second)] == [newer, uid]
        assert second["next_page_token"] is None


def _lock(people: People) -> None:
    Lock.objects.create(
        name="audit", level=LockLevel.CAN_NOT_DELETE, workspace=people.workspace, created_at=utc_now(), created_by="x"
    )
