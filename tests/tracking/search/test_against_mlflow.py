"""The same filters, put to this parser and to the one inside the installed mlflow."""

from typing import Any, NamedTuple

import pytest
from mlflow.exceptions import MlflowException
from mlflow.utils.search_logged_model_utils import parse_filter_string
from mlflow.utils.search_utils import SearchExperimentsUtils, SearchUtils

from tracking.core.errors import FilterError
from tracking.search.grammars import EXPERIMENTS, LOGGED_MODELS, RUNS, Grammar
from tracking.search.parser import parse_filter
from tracking.search.types import And, Comparison, Entity

# Neither class is annotated.
MLFLOW_RUNS: Any = SearchUtils
MLFLOW_EXPERIMENTS: Any = SearchExperimentsUtils

# mlflow leaves aliases as they were written; here a key has one name.
CANONICAL = {
    "created": "start_time",
    "Created": "start_time",
    "Run name": "run_name",
    "Run Name": "run_name",
    "run name": "run_name",
    "creation_timestamp_ms": "creation_timestamp",
    "last_updated_timestamp_ms": "last_updated_timestamp",
}

RUN_FILTERS_FOR_BOTH = [
    "",
    "metrics.a > 1",
    "metric.a >= 1",
    "metrics.a>1",
    "metrics.a < -1.5e-3",
    "metrics.a <= .5",
    "metrics.a != 5.",
    "metrics.a = 1E5",
    "metrics.a >-1",
    "metrics.a = 1e999",
    "metrics.a < 99999999999999999999",
    "metrics.`a b` < 1",
    'metrics."train/loss" < 1',
    "metrics.'x' < 1",
    "metrics._a1 > 0",
    "metrics.a\u3000>\t1",
    "params.a = '1'",
    'param.a = "x"',
    "parameter.a='x'",
    "parameters.a != 'x'",
    "params.a LIKE '%x'",
    "params.a ILIKE '_X%'",
    "params.a IS NULL",
    "params.a is not null",
    "params.a.b.c = 'x'",
    "params.`a.b-c/d` = 'x'",
    "params.é = 'ü'",
    "params.1a = 'x'",
    "`params`.a = 'x'",
    "`tags`.`a` = 'x'",
    "tags.mlflow.runName = 'x'",
    "tag.k != 'a'",
    "tags.k IS NOT NULL",
    "tags.`mlflow.runName` ILIKE 'x'",
    "tags.and = 'x'",
    "tags..a = 'x'",
    "tags.a. = 'x'",
    "tags.a = ''",
    "tags.a = ''''",
    "tags.a = 'o''brien'",
    'tags.a = "o\'brien"',
    'tags.a = "say ""hi"""',
    "tags.`a``b` = 'x'",
    "tags.a = 'C:\\'",
    "tags.a = 'a AND b'",
    "tags.a = '(x); -- /* y */'",
    "tags.a = '\n'",
    "tags.中文 = '训练'",
    "status = 'RUNNING'",
    'status = "RUNNING"',
    "attributes.status = 'x'",
    "attribute.status != 'x'",
    "attr.status LIKE 'x'",
    "run.status ILIKE 'x'",
    "attributes.`status` = 'x'",
    "run_id IN ('a','b')",
    "run_id NOT IN ('a')",
    "run_id not  in(\"a\", 'b',)",
    "run_name = 'x'",
    "`Run name` = 'x'",
    "`run name` = 'x'",
    "\"Run Name\" = 'x'",
    "attributes.`Run name` = 'x'",
    "user_id = 'x'",
    "artifact_uri = 'x'",
    "start_time > 1",
    "start_time = 1.5",
    "created >= 1e3",
    "`Created` != -1",
    "end_time <= 1",
    "datasets.name = 'x'",
    "dataset.digest LIKE 'x'",
    "datasets.context IN ('a', 'b')",
    "datasets.`name` NOT IN ('a')",
    "tags.a = 'x' AND tags.b = 'y'",
    "tags.a = 'x' and metrics.b > 1 And start_time < 5",
    "tags.a='x'AND tags.b='y'",
    "tags.a='x'tags.b='y'",
    "metrics.a > 1 metrics.b < 2",
    "metrics.a > 1 metrics.b < 2 AND `run name`='x' \"run name\"='y'",
    "  tags.a\n=\n'x'\nAND\nstatus='y'  ",
]

RUN_FILTERS_FOR_NEITHER = [
    "   ",
    "\n",
    "metrics.a",
    "metrics.a >",
    "> 1",
    "1 = 1",
    "a b c",
    "'x' = tags.a",
    "metrics.a > '1'",
    "metrics.a > nan",
    "metrics.a > inf",
    "metrics.a > 0x10",
    "metrics.a > 1_000",
    "metrics.a > - 1",
    "metrics.a > --1",
    "metrics.a = 1.2.3",
    "metrics.a = 1e",
    "metrics.a = 1 2",
    "metrics.a<1AND metrics.b<2",
    "metrics.a == 1",
    "metrics.a <> 1",
    "metrics.a =< 1",
    "metrics.a => 1",
    "metrics.a LIKE 1",
    "metrics.a IN (1)",
    "metrics.a IS NULL",
    "metrics.a BETWEEN 1 AND 2",
    "metrics.a > 1;",
    "metrics.a > 1, metrics.b < 2",
    "metrics.train/loss < 1",
    "metrics.val-loss < 1",
    "metrics.f1@5 < 1",
    "params.a = 1",
    "params.a = x",
    "params.a = `x`",
    "params.a = 'x",
    "params.a = 'x''",
    "params.a > '1'",
    "params.a == '1'",
    "params.a NOT LIKE 'x'",
    "params.a IS 'x'",
    "params.a b = 'x'",
    "params.a:b = 'x'",
    "PARAMS.a = 'x'",
    "\"params\".a = 'x'",
    "`params.a` = 'x'",
    "tags = 'x'",
    ".a = 'x'",
    "tags . a = 'x'",
    "tags.a 'x'",
    "tags.a = tags.b",
    "tags.a = NULL",
    "tags.a = ('x')",
    "tags.a = 'x' 'y'",
    "tags.a ~ 'x'",
    "tags.a RLIKE 'x'",
    "tags.$a = 'x'",
    "tags.a = 'x' -- comment",
    "tags.a = 'x' /* comment */",
    "tags.a = 'x' && tags.b = 'y'",
    "tags.a = 'C:\\' AND tags.b = 'x'  '",
    "tags.a = 'x' where",
    "tags.a = 'x' ORDER BY a",
    "tags.a = 'x' LIMIT 1",
    "select * from x",
    "foo = 'x'",
    "foo.bar = 'x'",
    "attributes.foo = 'x'",
    "STATUS = 'x'",
    "experiment_id = '1'",
    "lifecycle_stage = 'active'",
    "'Run name' = 'x'",
    "status > 'x'",
    "status = RUNNING",
    "status IS NULL",
    "start_time IS NOT NULL",
    "start_time > '1'",
    "start_time IN (1)",
    "start_time LIKE 1",
    "run_id IN ()",
    "run_id IN 'a'",
    "run_id IN (1, 2)",
    "run_id IN ('a', 2)",
    "run_id IN (,'a')",
    "run_id IN ('a',,'b')",
    "run_id IN ('a'",
    "run_id = 'a',",
    "datasets.foo = 'x'",
    "datasets.name > 'x'",
    "datasets.name = 1",
    "datasets.name IS NULL",
]

# Accepted here only. What mlflow's SQL tokenizer takes for a keyword or for arithmetic is a plain key here.
RUN_FILTERS_FOR_US = [
    "metrics.a > 1 OR metrics.b > 2",
    "NOT metrics.a > 1",
    "(metrics.a > 1)",
    "tags.a = 'x' AND (tags.b = 'y')",
    "params.a IN ('x', 'y')",
    "tags.a NOT IN ('x')",
    "status IN ('FAILED', 'KILLED')",
    "`run name` NOT IN ('x')",
    "metrics.a > +1",
    "metrics.a > 1e+5",
    "params.a is  not  null",
    "tags.in = 'x'",
    "tags.from = 'x'",
    "params.1 = 'x'",
    "params.lr0.1 = 'x'",
]

# Accepted by mlflow only, each by accident of its tokenizer, and each more likely a slip than a wish.
RUN_FILTERS_FOR_MLFLOW = [
    "metrics.a > 1 AND",
    "AND metrics.a > 1",
    "metrics.a > 1 AND AND metrics.b < 2",
    "AND",
    "tags. = 'x'",
    "tags.a[0] = 'x'",
    "params.`a`.b = 'x'",
    "run_id IN ('a' 'b')",
]

EXPERIMENT_FILTERS_FOR_BOTH = [
    "name = 'x'",
    "attribute.name != 'x'",
    "name LIKE 'x%' AND tags.k = 'y'",
    "`name` ILIKE 'x'",
    '"name" = "x"',
    "experiment_id IN ('1', '2')",
    "attribute.experiment_id NOT IN ('1')",
    "experiment_id = '1'",
    "creation_time > 1",
    "last_update_time <= 5",
    "tag.k != 'x'",
    "tags.`a b` IS NULL",
    "tags.k IS NOT NULL",
]

EXPERIMENT_FILTERS_FOR_NEITHER = [
    "   ",
    "attributes.name = 'x'",
    "attr.name = 'x'",
    "metrics.a > 1",
    "params.a = 'x'",
    "lifecycle_stage = 'active'",
    "created > 1",
    "Name = 'x'",
    "name = x",
    "name IS NULL",
    "experiment_id = 1",
    "experiment_id IN (1, 2)",
    "creation_time > '1'",
]

MODEL_FILTERS_FOR_BOTH = [
    "name = 'x'",
    "attributes.name LIKE 'x'",
    "model_id IN ('a', 'b')",
    "status NOT IN ('READY')",
    "source_run_id != 'x'",
    "`model_type` ILIKE 'x'",
    "creation_timestamp > 1",
    "creation_time >= 1",
    "creation_timestamp_ms >= 1.5",
    "last_updated_timestamp_ms < -1",
    "metrics.a > -1.5e-3",
    "metrics.`a b` <= 1",
    "params.a IN ('x')",
    "tags.mlflow.x = 'y' AND name = 'z'",
    "tags.a NOT IN ('x')",
]

MODEL_FILTERS_FOR_NEITHER = [
    "   ",
    "attribute.name = 'x'",
    "metric.a > 1",
    "param.a = 'x'",
    "tag.a = 'x'",
    "datasets.name = 'x'",
    "created > 1",
    "name > 'x'",
    "name == 'x'",
    "name IS NULL",
    "creation_timestamp LIKE 1",
    "metrics.a > '1'",
    "metrics.a IN (1)",
]


class Clause(NamedTuple):
    """What both parsers say of one comparison."""

    entity: str
    key: str
    op: str
    value: str | float | tuple[str, ...] | None


def ours(text: str, grammar: Grammar) -> list[Clause]:
    tree = parse_filter(text, grammar)
    comparisons = tree.children if isinstance(tree, And) else (tree,) if tree else ()
    clauses = []
    for comparison in comparisons:
        assert isinstance(comparison, Comparison)
        clauses.append(Clause(comparison.entity, comparison.key, comparison.op, comparison.value))
    return clauses


def theirs_for_runs(text: str) -> list[Clause]:
    clauses = []
    for found in MLFLOW_RUNS.parse_search_filter(text):
        check_comparator(found["type"], found["key"], found["comparator"].upper())
        clauses.append(clause(found))
    return clauses


def check_comparator(entity: str, key: str, comparator: str) -> None:
    """Refuse what mlflow's store refuses when it builds the query, after the parser has let it through."""
    MLFLOW_RUNS.is_metric(entity, comparator)
    MLFLOW_RUNS.is_param(entity, comparator)
    MLFLOW_RUNS.is_tag(entity, comparator)
    MLFLOW_RUNS.is_dataset(entity, comparator)
    if key in MLFLOW_RUNS.NUMERIC_ATTRIBUTES:
        MLFLOW_RUNS.is_numeric_attribute(entity, key, comparator)
    else:
        MLFLOW_RUNS.is_string_attribute(entity, key, comparator)


def theirs_for_experiments(text: str) -> list[Clause]:
    return [clause(found) for found in MLFLOW_EXPERIMENTS.parse_search_filter(text)]


def clause(found: dict[str, Any]) -> Clause:
    value = found["value"]
    is_number = found["type"] == Entity.METRIC or isinstance(value, int | float)
    key = CANONICAL.get(found["key"], found["key"])
    return Clause(found["type"], key, found["comparator"].upper(), float(value) if is_number else value)


def theirs_for_models(text: str) -> list[Clause]:
    entities = {"attributes": "attribute", "metrics": "metric", "params": "parameter", "tags": "tag"}
    return [
        Clause(
            entities[found.entity.type.value],
            CANONICAL.get(found.entity.key, found.entity.key),
            found.op,
            found.value,
        )
        for found in parse_filter_string(text)
    ]


class TestRunFilters:
    @pytest.mark.parametrize("text", RUN_FILTERS_FOR_BOTH)
    def test_mean_the_same(self, text: str) -> None:
        assert ours(text, RUNS) == theirs_for_runs(text)

    @pytest.mark.parametrize("text", RUN_FILTERS_FOR_NEITHER)
    def test_are_refused_by_both(self, text: str) -> None:
        with pytest.raises(MlflowException):
            theirs_for_runs(text)
        with pytest.raises(FilterError):
            parse_filter(text, RUNS)

    @pytest.mark.parametrize("text", RUN_FILTERS_FOR_US)
    def test_go_beyond_mlflow(self, text: str) -> None:
        with pytest.raises(MlflowException):
            theirs_for_runs(text)

        assert parse_filter(text, RUNS) is not None

    @pytest.mark.parametrize("text", RUN_FILTERS_FOR_MLFLOW)
    def test_are_stricter_where_mlflow_guesses(self, text: str) -> None:
        theirs_for_runs(text)

        with pytest.raises(FilterError):
            parse_filter(text, RUNS)


class TestExperimentFilters:
    @pytest.mark.parametrize("text", EXPERIMENT_FILTERS_FOR_BOTH)
    def test_mean_the_same(self, text: str) -> None:
        assert ours(text, EXPERIMENTS) == theirs_for_experiments(text)

    @pytest.mark.parametrize("text", EXPERIMENT_FILTERS_FOR_NEITHER)
    def test_are_refused_by_both(self, text: str) -> None:
        with pytest.raises(MlflowException):
            theirs_for_experiments(text)
        with pytest.raises(FilterError):
            parse_filter(text, EXPERIMENTS)


class TestLoggedModelFilters:
    @pytest.mark.parametrize("text", MODEL_FILTERS_FOR_BOTH)
    def test_mean_the_same(self, text: str) -> None:
        assert ours(text, LOGGED_MODELS) == theirs_for_models(text)

    @pytest.mark.parametrize("text", MODEL_FILTERS_FOR_NEITHER)
    def test_are_refused_by_both(self, text: str) -> None:
        with pytest.raises((MlflowException, ValueError)):
            theirs_for_models(text)
        with pytest.raises(FilterError):
            parse_filter(text, LOGGED_MODELS)
