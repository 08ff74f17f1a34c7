"""The same orders, put to this parser and to the one inside the installed mlflow."""

import pytest
from mlflow.exceptions import MlflowException

from tests.tracking.search.test_against_mlflow import CANONICAL, MLFLOW_EXPERIMENTS, MLFLOW_RUNS
from tracking.core.errors import FilterError
from tracking.search.grammars import EXPERIMENTS, RUNS
from tracking.search.parser import parse_order_by

ORDERS_FOR_BOTH = [
    "metrics.acc DESC",
    "metrics.acc",
    "metric.acc  asc",
    "metrics.a\nDesc",
    "metrics.DESC",
    "metrics.DESC DESC",
    "metrics.`a DESC`",
    "metrics.'a' DESC",
    'params."a b" DESC',
    "params.`a/b` ASC",
    "param.x",
    "parameter.x",
    "parameters.x desc",
    "tags.mlflow.runName",
    "tag.a DESC",
    "start_time",
    "`start_time` DESC",
    "created",
    "`Created` DESC",
    "attributes.end_time ASC",
    "attribute.status",
    "attr.user_id",
    "run.artifact_uri",
    "run_id",
    "run_name DESC",
]

ORDERS_FOR_NEITHER = [
    "",
    "  ",
    "DESC",
    "foo",
    "foo.bar",
    "attributes.foo",
    "STATUS",
    "PARAMS.a",
    "metrics",
    "lifecycle_stage",
    "metrics.a ACS",
    "metrics.a descending",
    "metrics.a DESC DESC",
    "metrics.a NULLS LAST",
    "metrics.a, metrics.b",
    "metrics.a = 1",
    "metrics.a;",
    "metrics.a/b DESC",
    "metrics.a-b",
    "-start_time",
    "start time",
    "'metrics.a'",
    "(metrics.a)",
    "params.a b DESC",
]


class TestRunOrders:
    @pytest.mark.parametrize("text", ORDERS_FOR_BOTH)
    def test_mean_the_same(self, text: str) -> None:
        entity, key, is_ascending = MLFLOW_RUNS.parse_order_by_for_search_runs(text)

        (found,) = parse_order_by([text], RUNS)

        assert (found.entity, found.key, found.is_ascending) == (entity, CANONICAL.get(key, key), is_ascending)

    @pytest.mark.parametrize("text", ORDERS_FOR_NEITHER)
    def test_are_refused_by_both(self, text: str) -> None:
        with pytest.raises(MlflowException):
            MLFLOW_RUNS.parse_order_by_for_search_runs(text)
        with pytest.raises(FilterError):
            parse_order_by([text], RUNS)


class TestExperimentOrders:
    @pytest.mark.parametrize("text", ["name", "name ASC", "`name` desc", "attribute.creation_time DESC", "tags.k"])
    def test_mean_the_same(self, text: str) -> None:
        entity, key, is_ascending = MLFLOW_EXPERIMENTS.parse_order_by_for_search_experiments(text)

        (found,) = parse_order_by([text], EXPERIMENTS)

        assert (found.entity, found.key, found.is_ascending) == (entity, key, is_ascending)

    @pytest.mark.parametrize("text", ["", "attributes.name", "lifecycle_stage", "Name", "name foo", "name ASC ASC"])
    def test_are_refused_by_both(self, text: str) -> None:
        with pytest.raises(MlflowException):
            MLFLOW_EXPERIMENTS.parse_order_by_for_search_experiments(text)
        with pytest.raises(FilterError):
            parse_order_by([text], EXPERIMENTS)
