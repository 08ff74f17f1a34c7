"""Conditions and orders against a plain Python reading of the same rules, over 40 awkward runs."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from pytest_django import DjangoAssertNumQueries

from tests.tracking.runs.facts import (
    PATTERNS,
    Facts,
    holds,
    in_order,
    leaves,
    make_facts,
    save_runs,
    trees,
)
from tracking.core.clock import from_ms
from tracking.core.errors import InvalidParameterError
from tracking.core.pages import encode_token
from tracking.runs.filters import (
    KeyIds,
    experiment_condition,
    experiment_order,
    run_condition,
    run_order,
)
from tracking.runs.models import Experiment, ExperimentTag, Key, Run
from tracking.runs.orders import Order
from tracking.search.grammars import EXPERIMENTS, RUNS
from tracking.search.parser import MAX_DEPTH, MAX_ORDER_KEYS, parse_filter, parse_order_by
from tracking.search.types import Comparison, Entity, Op, Tree
from tracking.workspaces.models import Workspace

as_made = settings(
    max_examples=300,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def uids_found(tree: Tree) -> set[str]:
    names = KeyIds(list(Experiment.objects.values_list("pk", flat=True)), tree, ())
    return set(Run.objects.filter(run_condition(tree, names)).values_list("uid", flat=True))


def uids_expected(tree: Tree, many: Sequence[Facts]) -> set[str]:
    return {facts.uid for facts in many if holds(tree, facts)}


def parsed(text: str) -> Tree:
    tree = parse_filter(text, RUNS)
    assert tree is not None
    return tree


class TestRunCondition:
    @as_made
    @given(tree=leaves)
    def test_of_one_comparison_finds_what_plain_python_finds(self, runs: list[Facts], tree: Tree) -> None:
        assert uids_found(tree) == uids_expected(tree, runs)

    @as_made
    @given(tree=trees)
    def test_of_any_tree_finds_what_plain_python_finds(self, runs: list[Facts], tree: Tree) -> None:
        assert uids_found(tree) == uids_expected(tree, runs)

    @pytest.mark.parametrize("op", [Op.LIKE, Op.ILIKE])
    def test_reads_no_escapes_in_a_pattern(self, runs: list[Facts], op: Op) -> None:
        likes = [Comparison(Entity.ATTRIBUTE, "run_name", op, pattern, 0) for pattern in PATTERNS]

        assert {like.value: uids_found(like) for like in likes} == {
            like.value: uids_expected(like, runs) for like in likes
        }

    def test_with_not_finds_the_runs_without_the_key(self, runs: list[Facts]) -> None:
        without = {facts.uid for facts in runs if "k" not in facts.params}

        assert without
        assert uids_found(parsed("NOT params.k = 'a'")) >= without
        assert not uids_found(parsed("params.k != 'a'")) & without

    def test_matches_nan_by_unequal_only(self, runs: list[Facts]) -> None:
        nan = {facts.uid for facts in runs if math.isnan(facts.metrics.get("k", 0))}

        assert nan
        assert uids_found(parsed("metrics.k != 1")) >= nan
        assert not uids_found(parsed("metrics.k <= 1 OR metrics.k > 1 OR metrics.k = 1")) & nan

    @pytest.mark.parametrize("is_nested_last", [True, False])
    @pytest.mark.parametrize("is_negated", [True, False])
    def test_takes_the_deepest_filter_that_parses(
        self, runs: list[Facts], is_nested_last: bool, is_negated: bool
    ) -> None:
        text = "params.k = 'a'"
        for level in range(MAX_DEPTH // 2 if is_negated else MAX_DEPTH):
            parts = [f"metrics.k < {level}", f"{'NOT ' if is_negated else ''}({text})"]
            text = (" OR ", " AND ")[level % 2].join(parts if is_nested_last else parts[::-1])
        tree = parsed(text)

        assert uids_found(tree) == uids_expected(tree, runs)

    def test_takes_a_hundred_comparisons(self, runs: list[Facts]) -> None:
        tree = parsed(" AND ".join(f"tags.k != 'x{number}'" for number in range(100)))

        assert uids_found(tree) == uids_expected(tree, runs)

    @pytest.mark.parametrize("character", ["*", "%", "_", "[", "😀"])
    def test_takes_patterns_of_8000_characters(self, runs: list[Facts], character: str) -> None:
        tree = Comparison(Entity.TAG, "k", Op.LIKE, character * 8000, 0)

        assert uids_found(tree) == ({facts.uid for facts in runs if "k" in facts.tags} if character == "%" else set())

    @pytest.mark.parametrize("op", [Op.LIKE, Op.ILIKE])
    def test_refuses_longer_patterns(self, op: Op) -> None:
        tree = Comparison(Entity.ATTRIBUTE, "run_name", op, "x" * 8001, 0)

        with pytest.raises(InvalidParameterError, match=r"8001 characters; at most 8000"):
            run_condition(tree, KeyIds((), None, ()))

    @pytest.mark.parametrize("op", [Op.LIKE, Op.ILIKE])
    def test_matches_a_long_pattern_of_many_wildcards_at_once(
        self, workspace: Workspace, experiments: list[Experiment], op: Op
    ) -> None:
        facts = make_facts(1, experiments[0].pk)
        save_runs(workspace, [replace(facts, params={"k": "a" * 6000})])

        assert uids_found(Comparison(Entity.PARAM, "k", op, "%a" * 40 + "b", 0)) == set()

    def test_compares_times_by_the_milliseconds_that_clients_see(
        self, workspace: Workspace, experiments: list[Experiment]
    ) -> None:
        facts = make_facts(1, experiments[0].pk)
        save_runs(workspace, [replace(facts, started_us=1_700_000_000_123_456)])

        assert uids_found(parsed("start_time = 1700000000123")) == {facts.uid}
        assert uids_found(parsed("start_time <= 1700000000123")) == {facts.uid}
        assert uids_found(parsed("start_time > 1700000000123")) == set()


class TestKeyIds:
    def test_are_found_by_one_query(
        self, runs: list[Facts], experiments: list[Experiment], django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        tree = parsed("metrics.k < 1 AND params.k = 'a' AND tags.rare = 'b'")
        order = parse_order_by(["params.学"], RUNS)

        with django_assert_num_queries(1):
            names = KeyIds([experiment.pk for experiment in experiments], tree, order)

        assert len(names.list_ids(Entity.METRIC, "k")) == 2
        assert set(names.list_ids(Entity.METRIC, "k")).isdisjoint(names.list_ids(Entity.PARAM, "k"))
        assert len(names.list_ids(Entity.PARAM, "学")) == 2

    def test_are_those_of_the_experiments_only(self, runs: list[Facts], experiments: list[Experiment]) -> None:
        tree = parsed("metrics.k < 1")

        (pk,) = KeyIds([experiments[1].pk], tree, ()).list_ids(Entity.METRIC, "k")

        assert Key.objects.get(pk=pk).experiment == experiments[1]

    def test_cost_nothing_where_only_attributes_are_named(
        self, db: None, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        with django_assert_num_queries(0):
            KeyIds([1], parsed("status = 'FINISHED'"), ())


ORDERS: tuple[list[str], ...] = (
    [],
    ["start_time ASC"],
    ["end_time"],
    ["end_time DESC", "run_name"],
    ["run_name DESC"],
    ["run_id DESC", "metrics.k"],
    ["status", "user_id DESC"],
    ["artifact_uri DESC"],
    ["metrics.k"],
    ["metrics.k DESC"],
    ["metrics.nowhere", "params.nowhere DESC"],
    ["params.k"],
    ["params.k DESC", "tags.学"],
    ["tags.`odd k'ey` DESC", "status DESC", "metrics.学 DESC", "metrics.rare", "params.rare DESC"],
    ["metrics.k DESC", "metrics.k ASC", "start_time"],
)


def run_order_of(clauses: Sequence[str]) -> Order[Run]:
    keys = parse_order_by(clauses, RUNS)
    return run_order(keys, KeyIds(list(Experiment.objects.values_list("pk", flat=True)), None, keys))


def walk_runs(order: Order[Run], *, limit: int, between: Callable[[int], None] = lambda page: None) -> list[str]:
    """Return the ids of all pages; ``between`` is called after each page with its number."""
    seen: list[str] = []
    token: str | None = ""
    for number in range(100):
        page = order.page(Run.objects.all(), token=token or "", limit=limit)
        seen += [run.uid for run in page.rows]
        token = page.next_token
        if token is None:
            return seen
        assert len(page.rows) == limit
        between(number)
    raise AssertionError("the pages never end")


class TestRunOrder:
    @pytest.mark.parametrize("clauses", ORDERS, ids=", ".join)
    @pytest.mark.parametrize("limit", [1, 7, 40])
    def test_walks_every_run_once_and_in_order(self, runs: list[Facts], clauses: list[str], limit: int) -> None:
        expected = in_order(runs, parse_order_by(clauses, RUNS))

        assert walk_runs(run_order_of(clauses), limit=limit) == expected

    @pytest.mark.parametrize("clauses", ORDERS, ids=", ".join)
    def test_repeats_and_skips_nothing_while_runs_are_added(
        self, workspace: Workspace, runs: list[Facts], clauses: list[str]
    ) -> None:
        order = run_order_of(clauses)

        def add(page: int) -> None:
            save_runs(workspace, [make_facts(1000 + page * 3 + at, runs[0].experiment_pk) for at in range(3)])

        seen = walk_runs(order, limit=9, between=add)

        assert len(seen) == len(set(seen))
        old = {facts.uid for facts in runs}
        assert [uid for uid in seen if uid in old] == in_order(runs, parse_order_by(clauses, RUNS))

    def test_gives_no_token_where_nothing_follows(self, runs: list[Facts]) -> None:
        page = run_order_of([]).page(Run.objects.all(), token="", limit=40)

        assert len(page.rows) == 40
        assert page.next_token is None

    @pytest.mark.parametrize(
        ("clauses", "to_the_end"), [([], 1), (["end_time", "metrics.k"], 1), (["metrics.k"], 3), (["tags.k"], 2)]
    )
    def test_costs_a_query_for_each_walk_that_the_page_touches(
        self,
        runs: list[Facts],
        clauses: list[str],
        to_the_end: int,
        django_assert_num_queries: DjangoAssertNumQueries,
    ) -> None:
        order = run_order_of(clauses)

        with django_assert_num_queries(1):
            few = order.page(Run.objects.all(), token="", limit=2)
        with django_assert_num_queries(to_the_end):
            many = order.page(Run.objects.all(), token=few.next_token or "", limit=38)

        assert (len(few.rows), len(many.rows)) == (2, 38)

    def test_takes_as_many_keys_as_parse(self, workspace: Workspace, experiments: list[Experiment]) -> None:
        constants = {f"m{at}": 0.5 for at in range(MAX_ORDER_KEYS - 2)}
        many = [make_facts(number, experiments[number % 2].pk) for number in range(20)]
        many = [replace(facts, metrics={**facts.metrics, **constants}) for facts in many]
        save_runs(workspace, many)
        clauses = [*(f"metrics.{name}" for name in constants), "metrics.k", "params.k"]

        assert walk_runs(run_order_of(clauses), limit=8) == in_order(many, parse_order_by(clauses[-2:], RUNS))

    @pytest.mark.parametrize("is_first_page", [True, False])
    def test_by_default_reads_an_index_and_sorts_nothing(self, runs: list[Facts], is_first_page: bool) -> None:
        order, found = run_order([], KeyIds([runs[0].experiment_pk], None, [])), Run.objects.filter(deleted_at=None)
        token = "" if is_first_page else order.page(found, token="", limit=5).next_token or ""

        with CaptureQueriesContext(connection) as captured:
            order.page(found, token=token, limit=5)

        plan = explain(captured.captured_queries[0]["sql"])
        assert "run_newest" in plan
        assert "TEMP B-TREE" not in plan
        assert "Sort" not in plan
        assert is_first_page or re.search(r"(run_newest_active \(|Index Cond:).*started_at", plan), (
            "reads what the pages before had"
        )


def explain(sql: str) -> str:
    """Return the plan of a query; PostgreSQL is kept from reading the small table as a whole."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN {'QUERY PLAN ' if connection.vendor == 'sqlite' else ''}{sql}")
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


class TestPageToken:
    @pytest.mark.parametrize(
        "token",
        [
            "garbage",
            "学",
            encode_token(()),
            encode_token((0,)),
            encode_token(("0", "00")),
            encode_token((0, 1)),
            encode_token((0, None)),
            encode_token((None, "00")),
            encode_token((0, "0\0")),
            encode_token((2**62, "00")),
            encode_token((1.5, "00")),
            encode_token((0, "00", 1)),
        ],
    )
    def test_of_another_make_is_refused(self, runs: list[Facts], token: str) -> None:
        with pytest.raises(InvalidParameterError, match="Ask for the first page again"):
            run_order_of([]).page(Run.objects.all(), token=token, limit=5)

    @pytest.mark.parametrize(
        "values",
        [(0, "nan", 0, "00"), (0, "x", 0, "00"), (0, 1, 0, "00"), (2**64, None, 0, "00"), ("0", "1.0", 0, "00")],
    )
    def test_of_another_make_is_refused_by_a_metric_order(
        self, runs: list[Facts], values: tuple[str | int | None, ...]
    ) -> None:
        with pytest.raises(InvalidParameterError, match="Ask for the first page again"):
            run_order_of(["metrics.k"]).page(Run.objects.all(), token=encode_token(values), limit=5)


@pytest.fixture
def many_experiments(workspace: Workspace) -> list[Experiment]:
    """12 experiments, the first the Default; the tag ``stage`` is missing on every third."""
    many = [
        Experiment.objects.create(
            workspace=workspace,
            name=("Default", "vision", "Vision", "nlp", "a_b", "axb", "é", "学", "z", "Z", "100%", "b")[number],
            is_default=number == 0,
            created_at=from_ms(1000 * (number % 4)),
            updated_at=from_ms(1000 * number),
        )
        for number in range(12)
    ]
    for number, experiment in enumerate(many):
        if number % 3:
            value = ("draft", "Draft", "final", "é")[number % 4]
            ExperimentTag.objects.create(experiment=experiment, key="stage", value=value)
        ExperimentTag.objects.create(experiment=experiment, key="other", value="draft")
    return many


def names_found(text: str) -> list[str]:
    tree = parse_filter(text, EXPERIMENTS)
    assert tree is not None
    return list(Experiment.objects.filter(experiment_condition(tree)).order_by("pk").values_list("name", flat=True))


class TestExperimentCondition:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("name = 'vision'", ["vision"]),
            ("name ILIKE 'v%'", ["vision", "Vision"]),
            ("name LIKE 'a_b'", ["a_b", "axb"]),
            ("name LIKE '%\\%'", []),
            ("name IN ('é', '学')", ["é", "学"]),
            ("creation_time = 3000 AND last_update_time > 3000", ["学", "b"]),
            ("last_update_time <= 1000.5", ["Default", "vision"]),
            ("tags.stage = 'draft'", ["a_b", "z"]),
            ("tag.stage ILIKE 'DRAFT'", ["vision", "a_b", "axb", "z"]),
            ("tags.stage != 'draft'", ["vision", "Vision", "axb", "学", "100%", "b"]),
            ("tags.stage IS NULL", ["Default", "nlp", "é", "Z"]),
            ("tags.nowhere IS NOT NULL", []),
            ("NOT (tags.stage IS NOT NULL OR name = 'nlp')", ["Default", "é", "Z"]),
            ("experiment_id = '0'", ["Default"]),
            ("experiment_id IN ('0', 'x', '99999999999999999999')", ["Default"]),
            ("experiment_id LIKE 'x%'", []),
        ],
    )
    def test_finds(self, many_experiments: list[Experiment], text: str, expected: list[str]) -> None:
        assert names_found(text) == expected

    def test_finds_ids(self, many_experiments: list[Experiment]) -> None:
        third, fourth = many_experiments[2:4]

        assert names_found(f"experiment_id IN ('{third.pk}', '{fourth.pk}')") == ["Vision", "nlp"]
        assert names_found(f"experiment_id LIKE '{third.pk}'") == ["Vision"]
        assert "Vision" not in names_found(f"experiment_id != '{third.pk}'")
        assert len(names_found(f"experiment_id NOT IN ('{third.pk}', '0')")) == 10


class TestExperimentOrder:
    @pytest.mark.parametrize(
        ("clauses", "expected"),
        [
            ([], ["nlp", "学", "b", "Vision", "é", "100%", "vision", "axb", "Z", "Default", "a_b", "z"]),
            (
                ["creation_time ASC"],
                ["Default", "a_b", "z", "vision", "axb", "Z", "Vision", "é", "100%", "nlp", "学", "b"],
            ),
            (["name"], ["100%", "Default", "Vision", "Z", "a_b", "axb", "b", "nlp", "vision", "z", "é", "学"]),
            (["name DESC"], ["学", "é", "z", "vision", "nlp", "b", "axb", "a_b", "Z", "Vision", "Default", "100%"]),
            (
                ["experiment_id DESC", "name"],
                ["b", "100%", "Z", "z", "学", "é", "axb", "a_b", "nlp", "Vision", "vision", "Default"],
            ),
            (
                ["tags.stage DESC", "last_update_time DESC"],
                ["b", "学", "100%", "Vision", "z", "a_b", "axb", "vision", "Z", "é", "nlp", "Default"],
            ),
        ],
    )
    @pytest.mark.parametrize("limit", [1, 5, 12])
    def test_walks_every_experiment_once_and_in_order(
        self, many_experiments: list[Experiment], clauses: list[str], expected: list[str], limit: int
    ) -> None:
        order = experiment_order(parse_order_by(clauses, EXPERIMENTS))
        seen: list[str] = []
        token: str | None = ""
        while token is not None:
            page = order.page(Experiment.objects.all(), token=token, limit=limit)
            seen += [experiment.name for experiment in page.rows]
            token = page.next_token

        assert seen == expected
