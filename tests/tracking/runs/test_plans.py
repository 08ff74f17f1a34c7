"""What searches cost: which indexes answer them, and how much the database does for a page when there is more of all.

Work is counted, not timed: on SQLite the instructions of its virtual machine, on PostgreSQL the rows that its plans
touch.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tracking.core.clock import from_ms
from tracking.metrics.models import MetricSeries
from tracking.runs import queries
from tracking.runs.models import Experiment, Key, Param, Run, RunTag
from tracking.runs.types import KeyKind, RunStatus
from tracking.workspaces.models import ResourceGroup, Workspace

START_MS = 1_700_000_000_000
NOW = from_ms(START_MS)
IS_SQLITE = "sqlite"
FEW_RUNS, MANY_RUNS = 1_500, 4_500
PAGE = 50


@dataclass(frozen=True)
class Lab:
    """An experiment that grows. Every second run is of stage ``final``, every tenth failed, one in 700 is a ``gem``."""

    workspace: Workspace
    experiment: Experiment
    keys: dict[str, Key] = field(default_factory=dict)

    def key(self, kind: KeyKind, name: str) -> Key:
        if name not in self.keys:
            self.keys[name] = Key.objects.create(experiment=self.experiment, kind=kind, name=name)
        return self.keys[name]

    def grow_to(self, count: int) -> None:
        already = Run.objects.filter(experiment=self.experiment).count()
        numbers = range(already, count)
        runs = Run.objects.bulk_create(
            Run(
                uid=f"{self.experiment.pk:08x}{number * 7919 % 1_000_003:024x}",
                workspace=self.workspace,
                experiment=self.experiment,
                name=f"run {number}",
                status=RunStatus.FAILED if number % 10 == 3 else RunStatus.FINISHED,
                started_at=from_ms(START_MS + number * 1000),
            )
            for number in numbers
        )
        numbered = list(zip(numbers, runs, strict=True))
        lr, stage = self.key(KeyKind.PARAM, "lr"), self.key(KeyKind.TAG, "stage")
        Param.objects.bulk_create(Param(run=run, key=lr, value=f"0.{number // 2 % 2}") for number, run in numbered)
        stages = {0: "final", 1: "draft"}
        RunTag.objects.bulk_create(
            RunTag(run=run, key=stage, value="gem" if number % 700 == 13 else stages[number % 2])
            for number, run in numbered
        )
        MetricSeries.objects.bulk_create(
            series(run, self.key(KeyKind.METRIC, name), number * stride % 100_003)
            for number, run in numbered
            for name, stride in (("loss", 7_919), ("acc", 104_729))
        )
        know_the_tables()

    def search(self, **asked: Any) -> Any:
        return queries.search_run_heads(
            workspace=self.workspace,
            experiment_ids=[str(self.experiment.pk)],
            now=NOW,
            **{"max_results": PAGE, **asked},
        )


def know_the_tables() -> None:
    """Let PostgreSQL count, as autovacuum does but every row, and plan as it does for large tables."""
    if connection.vendor != IS_SQLITE:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL default_statistics_target = 10000")  # a sample would be another each time
            cursor.execute("ANALYZE experiment, run, param, run_tag, metric_series, key")
            for way in ("seqscan", "bitmapscan"):  # what it prefers while the tables are small
                cursor.execute(f"SET LOCAL enable_{way} = off")


def series(run: Run, key: Key, value: float) -> MetricSeries:
    return MetricSeries(
        run=run,
        key=key,
        latest_step=0,
        latest_timestamp_ms=0,
        latest_value=value,
        min_value=value,
        max_value=value,
        first_step=0,
        last_step=0,
        received=1,
    )


@pytest.fixture
def lab(db: None) -> Lab:
    if connection.vendor != IS_SQLITE:
        with connection.cursor() as cursor:  # what other tests have rolled back makes tables and indexes look large
            cursor.execute("TRUNCATE experiment, run, param, run_tag, metric_series, key CASCADE")
    group = ResourceGroup.objects.create(name="lab", created_at=from_ms(0))
    workspace = Workspace.objects.create(group=group, name="lab", created_at=from_ms(0))
    experiment = Experiment.objects.create(
        workspace=workspace, name="vision", created_at=from_ms(0), updated_at=from_ms(0)
    )
    return Lab(workspace, experiment)


# ---- counting ------------------------------------------------------------------------------------------------------


@contextmanager
def counted() -> Iterator[list[int]]:
    """Put the work that the queries inside did into the list that is given."""
    work: list[int] = []
    if connection.vendor == IS_SQLITE:
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        connection.ensure_connection()
        connection.connection.set_progress_handler(count, 100)
        try:
            yield work
        finally:
            connection.connection.set_progress_handler(None, 0)
        work.append(steps)
        return
    with CaptureQueriesContext(connection) as caught:
        yield work
    work.append(sum(rows_touched(plan_of(query["sql"], "ANALYZE, ")) for query in caught.captured_queries))


def plan_of(sql: str, options: str = "") -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN ({options}FORMAT JSON) {sql}")
        plan = cursor.fetchone()[0]
    found: dict[str, Any] = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
    return found


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes_of(child)


def rows_touched(plan: dict[str, Any]) -> int:
    return sum(
        int((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
        for node in nodes_of(plan)
        if "Scan" in node["Node Type"]
    )


def work_of(ask: Callable[[], object]) -> int:
    ask()  # what a process asks for once
    with counted() as work:
        ask()
    return work[0]


def deep(lab: Lab, pages: int, **asked: Any) -> Callable[[], object]:
    """Return the search for the page behind some others."""
    token: str | None = ""
    for _ in range(pages):
        token = lab.search(page_token=token, **asked).next_token
        assert token
    return lambda: lab.search(page_token=token, **asked)


METRIC_AND_PARAM = {"filter_text": "metrics.acc > 50000 AND params.lr = '0.1'", "order_by": ["metrics.loss DESC"]}
BY_METRIC = {"order_by": ["metrics.loss DESC"]}
SHAPES: dict[str, Callable[[Lab], Callable[[], object]]] = {
    "newest": lambda lab: lab.search,
    "metric and param by metric": lambda lab: lambda: lab.search(**METRIC_AND_PARAM),
    "bounded metric by itself": lambda lab: (
        lambda: lab.search(filter_text="metrics.loss < 50000", order_by=["metrics.loss DESC"])
    ),
    "tag": lambda lab: lambda: lab.search(filter_text="tags.stage = 'final'"),
    "rare tag": lambda lab: lambda: lab.search(filter_text="tags.stage = 'gem'", max_results=2),
    "rare tag by metric": lambda lab: lambda: lab.search(filter_text="tags.stage = 'gem'", max_results=2, **BY_METRIC),
    "frequent status": lambda lab: lambda: lab.search(filter_text="status = 'FINISHED'"),
    "rare status": lambda lab: lambda: lab.search(filter_text="status = 'FAILED'"),
    "no such status by metric": lambda lab: lambda: lab.search(filter_text="status = 'KILLED'", **BY_METRIC),
    "deep in newest": lambda lab: deep(lab, 25),
    "deep in metric": lambda lab: deep(lab, 25, **BY_METRIC),
}
NARROWED = ("rare", "metric and param")


class TestWork:
    def test_does_not_grow_with_the_experiment(self, lab: Lab) -> None:
        lab.grow_to(FEW_RUNS)
        before = {name: work_of(shape(lab)) for name, shape in SHAPES.items()}

        lab.grow_to(MANY_RUNS)
        after = {name: work_of(shape(lab)) for name, shape in SHAPES.items()}

        # A filter that leaves a few runs costs those, and a walk by a metric lists up to 20,000 that a param leaves;
        # there are three times as many.
        most = {name: before[name] * (4.0 if name.startswith(NARROWED) else 1.5) + 20 for name in SHAPES}
        assert {name: (before[name], after[name]) for name in SHAPES if after[name] > most[name]} == {}

    def test_is_the_same_on_every_page_of_a_walk(self, lab: Lab) -> None:
        lab.grow_to(FEW_RUNS)
        for asked in ({}, BY_METRIC, {"order_by": ["params.lr", "metrics.acc"]}):
            token: str | None = ""
            work: list[int] = []
            seen = 0
            while token is not None:
                with counted() as counts:
                    page = lab.search(page_token=token, max_results=150, **asked)
                work += counts
                token = page.next_token
                seen += len(page.rows)

            assert seen == FEW_RUNS
            if "params.lr" not in str(asked):  # of which half have the same value, and is sorted together
                middle = work[1 : len(work) // 2]  # near the end PostgreSQL rather sorts what is left
                assert max(middle) <= 1.5 * min(middle) + 20, (asked, work)

    def test_of_runs_that_are_named_does_not_grow_with_the_workspace(self, lab: Lab) -> None:
        lab.grow_to(FEW_RUNS)
        uids = list(Run.objects.order_by("pk").values_list("uid", flat=True)[:PAGE])
        before = work_of(lambda: queries.find_runs(workspace=lab.workspace, uids=uids))

        lab.grow_to(MANY_RUNS)

        assert work_of(lambda: queries.find_runs(workspace=lab.workspace, uids=uids)) <= 1.2 * before + 20

    def test_does_not_grow_with_deleted_runs(self, lab: Lab) -> None:
        lab.grow_to(FEW_RUNS)
        before = work_of(lab.search)

        Run.objects.filter(started_at__gte=from_ms(START_MS + 100_000)).update(deleted_at=from_ms(START_MS))

        assert work_of(lab.search) <= 1.5 * before

    def test_does_not_grow_with_wide_data_elsewhere(self, lab: Lab) -> None:
        lab.grow_to(FEW_RUNS)
        shapes = {name: shape(lab) for name, shape in SHAPES.items()}
        before = {name: work_of(ask) for name, ask in shapes.items()}

        wide = list(Run.objects.filter(status=RunStatus.FAILED).order_by("pk")[:2])
        names = Key.objects.bulk_create(
            Key(experiment=lab.experiment, kind=KeyKind.METRIC, name=f"wide/{number}") for number in range(3_000)
        )
        MetricSeries.objects.bulk_create(
            series(run, key, 1.0)
            for place, run in enumerate(wide)
            for key in names[place * 1_500 : place * 1_500 + 1_500]
        )
        params = Key.objects.bulk_create(
            Key(experiment=lab.experiment, kind=KeyKind.PARAM, name=f"wide/{number}") for number in range(150)
        )
        Param.objects.bulk_create(Param(run=run, key=key, value="x") for run in wide for key in params)
        know_the_tables()

        after = {name: work_of(ask) for name, ask in shapes.items()}
        # PostgreSQL begins with the param or the metric, as its statistics say; one may read three times as much.
        most = {name: before[name] * (3.0 if name.startswith(NARROWED) else 1.2) + 20 for name in shapes}
        assert {name: (before[name], after[name]) for name in shapes if after[name] > most[name]} == {}


# ---- plans ---------------------------------------------------------------------------------------------------------

NEWEST, BY_STATUS, BY_VALUE = "run_newest_active", "run_newest_by_status", "metric_series_by_value"
LEADING = {
    "newest": [NEWEST],
    "metric and param by metric": [BY_VALUE],
    "bounded metric by itself": [BY_VALUE],
    "tag": [NEWEST],
    "frequent status": [BY_STATUS, NEWEST],
    "deep in newest": [NEWEST],
    "deep in metric": [BY_VALUE],
}


@dataclass(frozen=True)
class Plan:
    """What a database means to do. ``sorts``: it sorts more than rows that share the first value of the order."""

    text: str
    indexes: Sequence[str]
    sorts: bool
    reads_a_whole_table: bool

    @classmethod
    def of(cls, ask: Callable[[], object], *, query: int = -1) -> "Plan":
        """Return the plan of one query, of the last, which is the one for the page, unless told."""
        with CaptureQueriesContext(connection) as caught:
            ask()
        sql = caught.captured_queries[query]["sql"]
        if connection.vendor != IS_SQLITE:
            nodes = list(nodes_of(plan_of(sql)))
            kinds = [node["Node Type"] for node in nodes]
            indexes = [node["Index Name"] for node in nodes if "Index Name" in node]
            return cls(str(nodes)[:2000], indexes, "Sort" in kinds, "Seq Scan" in kinds)
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            lines = [str(row[-1]) for row in cursor.fetchall()]
        indexes = [line.partition(" INDEX ")[2].partition(" ")[0] for line in lines if " INDEX " in line]
        sorts = "USE TEMP B-TREE FOR ORDER BY" in lines
        return cls("\n".join(lines)[:2000], indexes, sorts, any(line.startswith("SCAN") for line in lines))


class TestExperiments:
    def test_are_searched_in_an_index_of_their_names(self, lab: Lab) -> None:
        def add(count: int) -> None:
            Experiment.objects.bulk_create(
                Experiment(
                    workspace=lab.workspace,
                    name=f"bulk-{number}",
                    created_at=from_ms(START_MS + number),
                    updated_at=from_ms(0),
                )
                for number in range(Experiment.objects.count(), count)
            )
            know_the_tables()

        def newest() -> object:
            return queries.search_experiments(workspace=lab.workspace, max_results=PAGE)

        def named() -> object:
            return queries.search_experiments(workspace=lab.workspace, filter_text="name LIKE '%9%'", max_results=PAGE)

        add(500)
        before = work_of(newest)
        plans = [Plan.of(ask, query=0) for ask in (newest, named)]
        add(5_000)

        assert work_of(newest) <= 1.5 * before + 20
        # PostgreSQL may rather sort the few that it expects to match.
        walked = plans if connection.vendor == IS_SQLITE else plans[:1]
        assert [(plan.indexes[:1], plan.sorts) for plan in walked] == [(["experiment_searched"], False)] * len(walked)


class TestSeveralExperiments:
    """Are walked side by side: a page costs a page of each, and comes in the order of all."""

    @pytest.mark.parametrize("asked", [{}, {"order_by": ["metrics.acc DESC"]}, {"order_by": ["params.lr"]}])
    def test_are_walked_side_by_side(self, lab: Lab, asked: dict[str, Any]) -> None:
        second = Experiment.objects.create(
            workspace=lab.workspace, name="speech", created_at=from_ms(0), updated_at=from_ms(0)
        )
        labs = [lab, Lab(lab.workspace, second)]
        ids = [str(one.experiment.pk) for one in labs]

        def search(token: str = "", size: int = PAGE) -> Any:
            return queries.search_run_heads(
                workspace=lab.workspace, experiment_ids=ids, page_token=token, max_results=size, now=NOW, **asked
            )

        for one in labs:
            one.grow_to(400)
        before = work_of(search)
        walked: list[object] = []
        token: str | None = ""
        while token is not None:
            page = search(token)
            walked, token = walked + page.rows, page.next_token
        at_once = search(size=1_000).rows
        for one in labs:
            one.grow_to(1_600)

        assert len(walked) == 800
        assert walked == at_once
        assert "params" in str(asked) or work_of(search) <= 1.5 * before + 20


class TestPlan:
    def test_walks_an_index_and_stops(self, lab: Lab) -> None:
        lab.grow_to(MANY_RUNS)

        for shape, leading in LEADING.items():
            plan = Plan.of(SHAPES[shape](lab))

            assert plan.indexes[0] in leading, plan.text
            assert not plan.sorts, plan.text
            assert not plan.reads_a_whole_table, plan.text
