"""Conditions and orders against a plain Python reading of the same rules, over 40 awkward runs."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from operator import itemgetter
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from tracking.core.clock import EPOCH, LAST_MS, from_ms
from tracking.core.errors import InvalidParameterError
from tracking.core.pages import encode_token
from tracking.metrics.models import MetricSeries
from tracking.runs.filters import (
    KeyIds,
    experiment_condition,
    experiment_order,
    run_condition,
    run_order,
)
from tracking.runs.models import Dataset, DatasetInput, Experiment, ExperimentTag, Key, Param, Run, RunTag
from tracking.runs.orders import Order
from tracking.runs.types import KeyKind, RunStatus
from tracking.search.grammars import EXPERIMENTS, RUNS
from tracking.search.parser import MAX_DEPTH, MAX_ORDER_KEYS, parse_filter, parse_order_by
from tracking.search.types import And, Comparison, Entity, Not, Op, Or, OrderKey, Tree
from tracking.workspaces.models import ResourceGroup, Workspace

# Where UTF-16 sorts the emoji before \uffee, code points do not.
# fmt: off
TEXTS = (
    "", "a", "A", "ab", "aB", "b", "é", "É", "学习率", "100%", "100", "a_b", "axb", "a\\b", "a\\%", "o'brien", '"hi"',
    "*", "a*b", "?", "[a]", "Zebra", "zebra", "0.1", "10", "9", "😀", "\uffee", "a\nb", "a b", " a",
)
PATTERNS = (
    *TEXTS, "%", "_", "__", "a%", "%b", "%a%", "A_B", "a\\_", "%\\%", "[%]", "1%0", "%\n%", "É%", "%'%", "*%", "???",
)
# fmt: on
NUMBERS = (0.0, -0.0, 1.0, -1.5, 0.1, 1e-300, 1.7976931348623157e308, math.inf, -math.inf, 3.0)
METRICS = (*NUMBERS, math.nan)
KEYS = ("k", "学", "odd k'ey", "rare")
SEARCHED_KEYS = (*KEYS, "nowhere")
TIMES_MS = (0, 1, 999, 1_700_000_000_000, 1_700_000_000_001, LAST_MS)


@dataclass(frozen=True)
class Facts:
    """What a run is, for the oracle. ``started_us``: microseconds, of which clients see whole milliseconds."""

    uid: str
    experiment_pk: int
    name: str
    status: str
    user: str
    started_us: int
    ended_ms: int | None
    params: dict[str, str]
    tags: dict[str, str]
    metrics: dict[str, float]
    datasets: tuple[tuple[str, str, str], ...]

    @property
    def attributes(self) -> dict[str, str | int | None]:
        return {
            "run_id": self.uid,
            "run_name": self.name,
            "status": self.status,
            "user_id": self.user,
            "artifact_uri": f"mlflow-artifacts:/{self.experiment_pk}/{self.uid}/artifacts",
            "start_time": self.started_us // 1000,
            "end_time": self.ended_ms,
        }


def make_facts(number: int, experiment_pk: int) -> Facts:
    """Return facts that differ in everything: strides that share no factor with the lists' lengths mix them."""
    return Facts(
        uid=f"{(number * 7919 + 13) % 10007:032x}",
        experiment_pk=experiment_pk,
        name=TEXTS[number * 11 % len(TEXTS)],
        status=list(RunStatus)[number % 5].value,
        user=TEXTS[number * 7 % len(TEXTS)],
        started_us=TIMES_MS[number % 6] * 1000 + number % 3 * 400,
        ended_ms=None if number % 4 == 0 else TIMES_MS[number * 5 % 6],
        params={key: TEXTS[(number * 13 + at) % len(TEXTS)] for at, key in enumerate(KEYS) if (number + at) % 3},
        tags={key: TEXTS[(number * 17 + at) % len(TEXTS)] for at, key in enumerate(KEYS) if (number * 2 + at) % 5},
        metrics={key: METRICS[(number * 3 + at) % len(METRICS)] for at, key in enumerate(KEYS) if (number + at) % 4},
        datasets=tuple(
            (TEXTS[number % 7 + at + 1], f"digest{number % 3}", ("", "train", "eval")[number // 3 % 3])
            for at in range(number % 3)
        ),
    )


def save_runs(workspace: Workspace, many: Sequence[Facts]) -> None:
    """Save the facts with a number of queries that does not grow with them, but for the datasets'."""
    wanted = {key for facts in many for key in keys_of(facts)}
    Key.objects.bulk_create(
        (Key(experiment_id=pk, kind=kind, name=name) for pk, kind, name in sorted(wanted)), ignore_conflicts=True
    )
    keys = {(key.experiment_id, key.kind, key.name): key for key in Key.objects.all()}
    runs = Run.objects.bulk_create(
        Run(
            uid=facts.uid,
            workspace=workspace,
            experiment_id=facts.experiment_pk,
            name=facts.name,
            user_name=facts.user,
            status=facts.status,
            started_at=EPOCH + timedelta(microseconds=facts.started_us),
            ended_at=None if facts.ended_ms is None else from_ms(facts.ended_ms),
        )
        for facts in many
    )
    saved = list(zip(runs, many, strict=True))
    Param.objects.bulk_create(
        Param(run=run, key=keys[run.experiment_id, KeyKind.PARAM, name], value=value)
        for run, facts in saved
        for name, value in facts.params.items()
    )
    RunTag.objects.bulk_create(
        RunTag(run=run, key=keys[run.experiment_id, KeyKind.TAG, name], value=value)
        for run, facts in saved
        for name, value in facts.tags.items()
    )
    MetricSeries.objects.bulk_create(
        MetricSeries(
            run=run,
            key=keys[run.experiment_id, KeyKind.METRIC, name],
            latest_step=0,
            latest_timestamp_ms=0,
            latest_value=None if math.isnan(value) else value,
            first_step=0,
            last_step=0,
            received=1,
        )
        for run, facts in saved
        for name, value in facts.metrics.items()
    )
    for run, facts in saved:
        for name, digest, context in facts.datasets:
            dataset, _ = Dataset.objects.get_or_create(experiment_id=facts.experiment_pk, name=name, digest=digest)
            DatasetInput.objects.create(run=run, dataset=dataset, context=context)


def keys_of(facts: Facts) -> list[tuple[int, KeyKind, str]]:
    carried: tuple[tuple[KeyKind, Iterable[str]], ...] = (
        (KeyKind.PARAM, facts.params),
        (KeyKind.TAG, facts.tags),
        (KeyKind.METRIC, facts.metrics),
    )
    return [(facts.experiment_pk, kind, name) for kind, names in carried for name in names]


@pytest.fixture
def workspace(db: None) -> Workspace:
    group = ResourceGroup.objects.create(name="lab", created_at=EPOCH)
    return Workspace.objects.create(group=group, name="lab", created_at=EPOCH)


@pytest.fixture
def experiments(workspace: Workspace) -> list[Experiment]:
    return [
        Experiment.objects.create(workspace=workspace, name=f"e{number}", created_at=EPOCH, updated_at=EPOCH)
        for number in (0, 1)
    ]


@pytest.fixture
def runs(workspace: Workspace, experiments: list[Experiment]) -> list[Facts]:
    """40 runs in two experiments, so that every name has two key ids."""
    many = [make_facts(number, experiments[number % 3 % 2].pk) for number in range(40)]
    save_runs(workspace, many)
    return many


# ---- the same rules in Python ----------------------------------------------------------------------------------------


def is_like(text: str, pattern: str, *, has_case: bool) -> bool:
    parts = {"%": ".*", "_": "."}
    expression = "".join(parts.get(character) or re.escape(character) for character in pattern)
    return re.fullmatch(expression, text, re.DOTALL | re.ASCII | (0 if has_case else re.IGNORECASE)) is not None


TESTS: dict[Op, Callable[..., bool]] = {
    Op.EQ: lambda have, want: have == want,
    Op.NE: lambda have, want: have != want,
    Op.LT: lambda have, want: have < want,
    Op.LE: lambda have, want: have <= want,
    Op.GT: lambda have, want: have > want,
    Op.GE: lambda have, want: have >= want,
    Op.LIKE: lambda have, want: is_like(have, want, has_case=True),
    Op.ILIKE: lambda have, want: is_like(have, want, has_case=False),
    Op.IN: lambda have, want: have in want,
    Op.NOT_IN: lambda have, want: have not in want,
}


def values_of(facts: Facts, entity: Entity, key: str) -> Sequence[str | float | None]:
    """Return what a comparison may look at: nothing where the key is missing, several for datasets."""
    match entity:
        case Entity.ATTRIBUTE:
            found: Sequence[str | float | None] = [facts.attributes[key]]
        case Entity.METRIC:
            found = [facts.metrics.get(key)]
        case Entity.PARAM:
            found = [facts.params.get(key)]
        case Entity.TAG:
            found = [facts.tags.get(key)]
        case Entity.DATASET:
            at = ("name", "digest", "context").index(key)
            found = [dataset[at] or None for dataset in facts.datasets]
    return [value for value in found if value is not None]


def holds(tree: Tree, facts: Facts) -> bool:
    match tree:
        case And(children):
            return all(holds(child, facts) for child in children)
        case Or(children):
            return any(holds(child, facts) for child in children)
        case Not(child):
            return not holds(child, facts)
        case Comparison(entity, key, Op.IS_NULL):
            return not values_of(facts, entity, key)
        case Comparison(entity, key, Op.IS_NOT_NULL):
            return bool(values_of(facts, entity, key))
        case Comparison(entity, key, op, value):
            return any(TESTS[op](have, value) for have in values_of(facts, entity, key))


def in_order(many: Sequence[Facts], keys: Sequence[OrderKey]) -> list[str]:
    """Return the ids, sorted stably from the least significant key to the most."""
    ordered = sorted(many, key=lambda facts: (-facts.started_us, facts.uid))
    for key in reversed(keys):
        real: list[tuple[Any, Facts]] = []
        nan: list[Facts] = []
        missing: list[Facts] = []
        for facts in ordered:
            found = [facts.started_us] if key.key == "start_time" else values_of(facts, key.entity, key.key)
            value = found[0] if found else None
            if value is None:
                missing.append(facts)
            elif isinstance(value, float) and math.isnan(value):
                nan.append(facts)
            else:
                real.append((value, facts))
        real.sort(key=itemgetter(0), reverse=not key.is_ascending)
        ordered = [facts for _, facts in real] + nan + missing
    return [facts.uid for facts in ordered]


# ---- trees -----------------------------------------------------------------------------------------------------------

text_comparisons = st.one_of(
    st.tuples(st.sampled_from([Op.EQ, Op.NE]), st.sampled_from(TEXTS)),
    st.tuples(st.sampled_from([Op.LIKE, Op.ILIKE]), st.sampled_from(PATTERNS) | st.text("aAé%_*?[]\\b", max_size=5)),
    st.tuples(st.sampled_from([Op.IN, Op.NOT_IN]), st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3).map(tuple)),
)
null_tests = st.tuples(st.sampled_from([Op.IS_NULL, Op.IS_NOT_NULL]), st.none())
number_ops = st.sampled_from([Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE])
times = st.sampled_from([*map(float, TIMES_MS), -1.0, -math.inf, math.inf, 998.5, 1.7e12 + 0.5, 1e300, LAST_MS + 1.0])


def comparisons(
    entity: Entity, keys: Sequence[str], tests: st.SearchStrategy[tuple[Op, Any]]
) -> st.SearchStrategy[Tree]:
    return st.builds(lambda key, test: Comparison(entity, key, test[0], test[1], 0), st.sampled_from(keys), tests)


known_ids = st.sampled_from([make_facts(number, 0).uid for number in range(50)])
leaves = st.one_of(
    comparisons(Entity.PARAM, SEARCHED_KEYS, text_comparisons | null_tests),
    comparisons(Entity.TAG, SEARCHED_KEYS, text_comparisons | null_tests),
    comparisons(Entity.METRIC, SEARCHED_KEYS, st.tuples(number_ops, st.sampled_from(NUMBERS))),
    comparisons(Entity.ATTRIBUTE, ["start_time", "end_time"], st.tuples(number_ops, times)),
    comparisons(Entity.ATTRIBUTE, ["run_name", "user_id"], text_comparisons),
    comparisons(Entity.ATTRIBUTE, ["run_id"], st.tuples(st.sampled_from([Op.EQ, Op.NE]), known_ids)),
    comparisons(
        Entity.ATTRIBUTE,
        ["status"],
        st.tuples(
            st.sampled_from([Op.EQ, Op.NE, Op.LIKE, Op.ILIKE]), st.sampled_from(["FINISHED", "finished", "F%", "%ed"])
        ),
    ),
    comparisons(
        Entity.ATTRIBUTE,
        ["artifact_uri"],
        st.tuples(
            st.sampled_from([Op.EQ, Op.NE, Op.LIKE, Op.ILIKE]), st.sampled_from(["mlflow-artifacts:/%", "%/ARTIFACTS"])
        ),
    ),
    comparisons(Entity.DATASET, ["name", "digest"], text_comparisons),
    comparisons(
        Entity.DATASET,
        ["context"],
        st.tuples(st.sampled_from([Op.EQ, Op.NE, Op.LIKE]), st.sampled_from(["train", "eval", "%"])),
    ),
)
trees: st.SearchStrategy[Tree] = st.recursive(
    leaves,
    lambda below: st.one_of(
        st.lists(below, min_size=2, max_size=3).map(lambda children: And(tuple(children))),
        st.lists(below, min_size=2, max_size=3).map(lambda children: Or(tuple(children))),
        below.map(Not),
    ),
    max_leaves=8,
)
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
        order, found = run_order_of([]), Run.objects.filter(experiment__in=[runs[0].experiment_pk], deleted_at=None)
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
