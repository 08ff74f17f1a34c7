"""What a grammar knows by which name."""

import pytest

from tracking.search.grammars import EXPERIMENTS, LOGGED_MODELS, NUMBER_OPS, RUNS, TEXT_OPS, Grammar, Kind
from tracking.search.types import Entity, Op


class TestEntity:
    @pytest.mark.parametrize(
        ("prefix", "entity"),
        [
            ("metric", Entity.METRIC),
            ("params", Entity.PARAM),
            ("tags", Entity.TAG),
            ("attr", Entity.ATTRIBUTE),
            ("run", Entity.ATTRIBUTE),
            ("datasets", Entity.DATASET),
        ],
    )
    def test_is_found_by_each_prefix(self, prefix: str, entity: Entity) -> None:
        assert RUNS.find_entity(prefix) is entity

    @pytest.mark.parametrize(
        ("grammar", "prefix"),
        [(RUNS, "Metrics"), (RUNS, ""), (EXPERIMENTS, "attributes"), (EXPERIMENTS, "metrics"), (LOGGED_MODELS, "tag")],
    )
    def test_is_none_for_another_prefix(self, grammar: Grammar, prefix: str) -> None:
        assert grammar.find_entity(prefix) is None


class TestKey:
    def test_is_found_by_its_alias(self) -> None:
        key = RUNS.find_key(Entity.ATTRIBUTE, "Created")

        assert key is not None
        assert (key.name, key.kind, key.ops) == ("start_time", Kind.TIME, NUMBER_OPS)

    def test_is_none_for_an_unknown_attribute(self) -> None:
        assert RUNS.find_key(Entity.ATTRIBUTE, "digest") is None
        assert RUNS.find_key(Entity.DATASET, "status") is None

    @pytest.mark.parametrize("entity", [Entity.PARAM, Entity.TAG])
    def test_can_be_any_text_for_params_and_tags(self, entity: Entity) -> None:
        key = RUNS.find_key(entity, "any thing")

        assert key is not None
        assert (key.name, key.kind, key.ops) == ("any thing", Kind.TEXT, TEXT_OPS | {Op.IS_NULL, Op.IS_NOT_NULL})

    def test_can_be_any_text_for_metrics(self) -> None:
        key = RUNS.find_key(Entity.METRIC, "any thing")

        assert key is not None
        assert (key.name, key.kind, key.ops) == ("any thing", Kind.NUMBER, NUMBER_OPS)


class TestNames:
    def test_are_sorted_and_canonical(self) -> None:
        assert RUNS.list_names(Entity.DATASET) == ["context", "digest", "name"]
        assert EXPERIMENTS.list_names(Entity.ATTRIBUTE) == [
            "creation_time",
            "experiment_id",
            "last_update_time",
            "name",
        ]
