"""``manage.py demo``: a workspace to look around in, which goes away as it came."""

import io
import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from PIL import Image

from tests.support.people import People
from tracking.artifacts.paths import ArtifactPath
from tracking.artifacts.queries import list_run_files, read_run_file, run_folder, the_store, workspace_folder
from tracking.core.clock import to_ms, utc_now
from tracking.identity.services import create_user
from tracking.management.demo.contents import planned_experiments
from tracking.management.demo.plans import ExperimentPlan, Floats, RunPlan
from tracking.management.install import FIRST_OWNER, install
from tracking.metrics.queries import read_series
from tracking.registry.models import LoggedModel
from tracking.registry.queries import get_version, model_links_by_run, search_models, search_registered
from tracking.registry.services import create_model, create_registered
from tracking.runs.models import Experiment, Run
from tracking.runs.queries import run_row
from tracking.runs.run_tree import list_descendants
from tracking.runs.services import create_experiment, create_run, delete_experiment, delete_run
from tracking.runs.types import NOTE_TAG
from tracking.workspaces.models import ResourceGroup, Workspace
from tracking.workspaces.services import assign_role
from tracking.workspaces.types import Role

RUNS = 6
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
VISION, SEARCH, LANGUAGE = "vision/flowers-resnet50", "language/intent-search", "language/support-assistant"


def demo(*arguments: str) -> str:
    """Run the command; return what it wrote to stdout."""
    output = io.StringIO()
    call_command("demo", *arguments, stdout=output, stderr=io.StringIO())
    return output.getvalue()


@pytest.fixture
def installed(db: None) -> None:
    """Make what the first start makes."""
    install(now=utc_now())


@pytest.fixture
def workspace(installed: None) -> Workspace:
    """Return a filled workspace."""
    demo("--runs", str(RUNS))
    return Workspace.objects.get(name="demo")


def run_named(name: str) -> Run:
    return Run.objects.get(name=name)


def rows() -> dict[str, int]:
    """Count the rows of every table but those that keep what happened, and what a workspace takes."""
    tables = apps.get_app_config("tracking").get_models()
    records = ("AuditEvent", "Deletion", "WorkspaceUsage")
    return {model.__name__: model._default_manager.count() for model in tables if model.__name__ not in records}


def folders() -> list[ArtifactPath]:
    """Return where the files of all runs and logged models lie."""
    runs = [workspace_folder(run.workspace) / run_folder(run) for run in Run.objects.all()]
    models = [
        workspace_folder(model.workspace) / f"{model.experiment_id}/models/{model.uid}"
        for model in LoggedModel.objects.all()
    ]
    return runs + models


class TestDemo:
    def test_makes_experiments_with_runs_in_a_workspace_of_its_own(self, workspace: Workspace) -> None:
        found = Experiment.objects.filter(workspace=workspace, is_default=False)

        assert {experiment.name: experiment.runs.count() for experiment in found} == {
            VISION: RUNS,
            "tabular/churn-estimators": 2 * RUNS,
            SEARCH: RUNS + 1,
            LANGUAGE: 3,
        }
        assert workspace.group.name == "default"
        assert not Run.objects.exclude(workspace=workspace).exists()

    def test_says_where_to_look(self, installed: None) -> None:
        summary = demo("lab-tour", "--runs", "1")

        assert "4 experiments with 6 runs" in summary
        assert "/w/lab-tour\n" in summary

    def test_makes_group_default_where_there_is_none(self, db: None) -> None:
        now = utc_now()
        owner = create_user(username=FIRST_OWNER, by=None, now=now)
        assign_role(user=owner, role=Role.OWNER, by=None, now=now)

        demo("--runs", "1")

        assert ResourceGroup.objects.get().name == "default"

    def test_has_a_search_with_a_child_for_each_trial(self, workspace: Workspace) -> None:
        children = list_descendants(run=run_named("search-width-dropout"), limit=100)

        assert [child.row.name for child in children] == [f"trial-{number:02d}" for number in range(RUNS)]

    def test_logs_what_is_planned(self, workspace: Workspace) -> None:
        run = run_named("mixup")

        loss = read_series(runs=[run], keys=["train/loss"])[run.uid, "train/loss"]

        assert loss.steps.tolist() == list(range(0, 6_001, 10))
        assert loss.timestamps_ms[-1] == pytest.approx(to_ms(run.ended_at), abs=2)
        assert run.tags.filter(key__name=NOTE_TAG).exists()
        assert run.experiment.tags.filter(key=NOTE_TAG, value__contains="ResNet-50").exists()

    def test_says_where_runs_come_from_and_what_they_used(self, workspace: Workspace) -> None:
        row = run_row(run_named("baseline"))

        tags = {tag.key: tag.value for tag in row.tags}
        assert len(tags["mlflow.source.git.commit"]) == 40
        assert tags["mlflow.source.name"] == "train.py"
        assert [(one.name, one.context) for one in row.datasets] == [
            ("flowers-train", "training"),
            ("flowers-val", "evaluation"),
        ]

    def test_has_files_of_several_kinds(self, workspace: Workspace) -> None:
        run = run_named("baseline")

        config = json.loads(b"".join(read_run_file(run=run, path="config.json")))
        picture = Image.open(io.BytesIO(b"".join(read_run_file(run=run, path="plots/confusion_matrix.png"))))

        assert config["model"] == "resnet50"
        assert (picture.size, picture.mode) == ((280, 280), "RGB")
        assert len(picture.getcolors() or []) > 10
        assert [file.path for file in list_run_files(run=run, path="eval")] == [
            "per_class.csv",
            "predictions.json",
            "report.md",
        ]

    def test_has_a_logged_model_with_its_metrics(self, workspace: Workspace) -> None:
        run = run_named("baseline")

        page = search_models(
            workspace=workspace,
            experiment_ids=[str(run.experiment_id)],
            filter_text=f"source_run_id = '{run.uid}'",
            max_results=10,
        )

        (model,) = page.rows
        assert (model.name, model.status.value, model.source_run_uid) == (
            "flowers-resnet50",
            "LOGGED_MODEL_READY",
            run.uid,
        )
        assert {metric.key for metric in model.metrics} == {"eval/accuracy", "eval/loss", "eval/top3_accuracy"}
        assert [uid for uid, _ in model_links_by_run(run_ids=[run.pk])[run.pk].outputs] == [model.uid]

    def test_does_nothing_the_second_time(self, workspace: Workspace) -> None:
        before = rows()

        said = demo("--runs", str(RUNS))

        assert "already there" in said
        assert rows() == before

    @pytest.mark.parametrize("arguments", [[], ["--remove"]])
    def test_leaves_a_workspace_alone_that_it_did_not_make(self, installed: None, arguments: list[str]) -> None:
        before = rows()

        with pytest.raises(CommandError, match="'default' was not made by demo"):
            demo("default", *arguments)

        assert rows() == before

    @pytest.mark.parametrize("runs", ["0", "-3", "1001"])
    def test_refuses_a_number_of_runs_that_makes_no_sense(self, installed: None, runs: str) -> None:
        with pytest.raises(CommandError, match="not from 1 to 1000"):
            demo("--runs", runs)

    def test_tells_what_is_missing_before_the_first_start(self, db: None) -> None:
        with pytest.raises(CommandError, match="no active user named 'owner'"):
            demo()

    def test_registers_the_models_of_its_best_runs(self, workspace: Workspace) -> None:
        (model,) = search_registered(workspace=workspace, max_results=10).rows

        runs = {
            alias.name: get_version(workspace=workspace, name=model.name, version=str(alias.version)).run_uid
            for alias in model.aliases
        }
        assert runs == {"champion": run_named("baseline").uid, "challenger": run_named("mixup").uid}


class TestRemove:
    def test_leaves_nothing_but_the_empty_workspace(self, installed: None) -> None:
        before = rows()
        demo("--runs", str(RUNS))
        filled = folders()
        size_bytes = sum(the_store().usage(folder)[1] for folder in filled)

        demo("--remove")

        assert rows() == before | {name: before[name] + 1 for name in ("Workspace", "Experiment")}
        assert size_bytes > 5_000
        assert [the_store().usage(folder) for folder in filled] == [(0, 0)] * len(filled)

    def test_takes_what_somebody_deleted_meanwhile(self, installed: None) -> None:
        demo("--runs", "1")
        ann = create_user(username="ann", by=None, now=utc_now())
        delete_run(run=run_named("cosine-long"), by=ann, now=utc_now())
        delete_experiment(experiment=Experiment.objects.get(name=SEARCH), by=ann, now=utc_now())

        demo("--remove")

        assert not Run.objects.exists()
        assert not Experiment.objects.filter(is_default=False).exists()

    def test_leaves_what_others_logged_there(self, installed: None) -> None:
        demo("--runs", "1")
        workspace, now = Workspace.objects.get(name="demo"), utc_now()
        vision = Experiment.objects.get(name=VISION)
        own = create_experiment(workspace=workspace, name="mine", by=None, now=now)
        mine = [
            create_run(experiment=experiment, name="mine", user_name="ann", started_at=now, tags=[])
            for experiment in (vision, own)
        ]

        model = create_model(
            experiment=Experiment.objects.get(name=SEARCH),
            name="mine",
            model_type="",
            source_run=None,
            params=[],
            tags=[],
            now=now,
        )

        demo("--remove")

        assert set(Run.objects.all()) == set(mine)
        assert list(LoggedModel.objects.all()) == [model]
        assert set(Experiment.objects.filter(is_default=False)) == {vision, own, model.experiment}

    def test_leaves_what_others_registered(self, installed: None) -> None:
        ann, now = create_user(username="ann", by=None, now=utc_now()), utc_now()
        demo("--runs", "6")
        demo("--remove")
        workspace = Workspace.objects.get(name="demo")
        create_registered(workspace=workspace, name="flowers-resnet50", description="mine", tags=[], by=ann, now=now)
        demo("--runs", "6")

        demo("--remove")

        (left,) = search_registered(workspace=workspace, max_results=10).rows
        assert (left.description, left.version_count) == ("mine", 0)

    def test_makes_room_for_another_demo(self, installed: None) -> None:
        demo("--runs", "1")

        demo("--remove")
        summary = demo("--runs", "1")

        assert "4 experiments" in summary

    def test_is_refused_where_there_is_no_such_workspace(self, installed: None) -> None:
        with pytest.raises(CommandError, match="'nowhere' not found"):
            demo("nowhere", "--remove")

    def test_hides_no_workspace_of_others(self, people: People) -> None:
        create_user(username=FIRST_OWNER, by=None, now=utc_now())

        with pytest.raises(CommandError, match="'default' not found"):
            demo("default", "--remove")


@pytest.fixture(scope="module")
def planned() -> dict[str, ExperimentPlan]:
    """Return the experiments of one seed by name."""
    return {plan.name: plan for plan in planned_experiments(runs=RUNS, seed=7, now=NOW)}


def values(plan: ExperimentPlan, run: str, key: str) -> Floats:
    (found,) = (one.values for each in plan.runs if each.name == run for one in each.series if one.key == key)
    return found


def said_by(run: RunPlan) -> list[object]:
    """Return all that a plan says of a run, in values that can be compared."""
    series = [(one.key, one.steps.tolist(), np.nan_to_num(one.values).tolist()) for one in run.series]
    said = (
        run.name,
        run.started_at,
        run.duration,
        run.status,
        run.params,
        run.tags,
        run.files,
        run.datasets,
        run.model,
    )
    return [said, series, [said_by(child) for child in run.children]]


def said_of(seed: int) -> list[object]:
    return [
        (plan.name, plan.note, plan.created_at, [said_by(run) for run in plan.runs])
        for plan in planned_experiments(runs=RUNS, seed=seed, now=NOW)
    ]


class TestPlannedExperiments:
    def test_follow_from_the_seed_and_the_time(self) -> None:
        assert said_of(seed=3) == said_of(seed=3)

    def test_differ_with_the_seed(self) -> None:
        assert said_of(seed=3) != said_of(seed=4)

    @pytest.mark.parametrize("runs", [1, 13, 30])
    def test_have_as_many_runs_as_asked_for_with_names_of_their_own(self, runs: int) -> None:
        plans = planned_experiments(runs=runs, seed=3, now=NOW)

        (vision,) = (plan for plan in plans if plan.name == VISION)
        assert len({run.name for run in vision.runs}) == len(vision.runs) == runs

    def test_lie_in_the_last_weeks(self, planned: dict[str, ExperimentPlan]) -> None:
        for plan in planned.values():
            assert all(NOW - timedelta(weeks=6) < plan.created_at <= run.started_at for run in plan.runs)
            assert all(run.started_at + run.duration <= NOW for run in plan.runs)

    def test_show_every_end_a_run_can_come_to(self, planned: dict[str, ExperimentPlan]) -> None:
        statuses = Counter(run.status.value for run in planned[VISION].runs)

        assert statuses == {"FINISHED": 3, "RUNNING": 1, "FAILED": 1, "KILLED": 1}

    def test_show_a_loss_that_becomes_nan(self, planned: dict[str, ExperimentPlan]) -> None:
        loss = values(planned[VISION], "lr-too-high", "train/loss")

        assert np.isnan(loss[-1])
        assert loss[0] < np.nanmax(loss) < 20

    def test_show_a_spike(self, planned: dict[str, ExperimentPlan]) -> None:
        loss = values(planned[VISION], "mixup", "train/loss")

        assert loss[340] > 3 * loss[330]
        assert loss[400] < 1.5 * loss[330]

    def test_show_a_learning_rate_that_warms_up(self, planned: dict[str, ExperimentPlan]) -> None:
        rate = values(planned[VISION], "baseline", "train/lr")

        assert rate[0] < rate[25] < rate[50] == rate.max()
        assert rate[-1] == pytest.approx(0)

    def test_show_curves_of_twenty_thousand_steps(self, planned: dict[str, ExperimentPlan]) -> None:
        assert len(values(planned[LANGUAGE], "full", "train/loss")) == 20_001

    def test_have_numbers_that_can_be(self, planned: dict[str, ExperimentPlan]) -> None:
        for plan in planned.values():
            for run in (*plan.runs, *(child for parent in plan.runs for child in parent.children)):
                for series in run.series:
                    assert np.nanmin(series.values) >= 0, (plan.name, run.name, series.key)
                    if series.key.endswith(("accuracy", "f1", "auc")):
                        assert np.nanmax(series.values) <= 1, (plan.name, run.name, series.key)
