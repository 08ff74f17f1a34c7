"""What a filter or an order clause becomes, and how one that is wrong is refused."""

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tracking.core.errors import FilterError
from tracking.search.grammars import EXPERIMENTS, LOGGED_MODELS, RUNS, Grammar
from tracking.search.parser import (
    MAX_COMPARISONS,
    MAX_DEPTH,
    MAX_ORDER_KEYS,
    MAX_TEXT_BYTES,
    parse_filter,
    parse_order_by,
)
from tracking.search.types import And, Comparison, Entity, Not, Op, Or, OrderKey, Stat, Tree

# A busy machine is no failure, and a failure is worth an example of its own rather than a folder of them.
FUZZ = settings(deadline=None, database=None, max_examples=300)

GRAMMARS = st.sampled_from([RUNS, EXPERIMENTS, LOGGED_MODELS])

# Pieces of the language, so that random texts get past the first word.
PIECES = st.sampled_from(
    [
        *("metrics.a", "tags.`b c`", 'params."d"', "status", "`Run name`", "start_time", "datasets.name", "foo.bar"),
        *("=", "!=", "<", ">=", "==", "<>", "LIKE", "ilike", "IN", "NOT IN", "IS NULL", "IS NOT NULL", "BETWEEN"),
        *("'x'", '"y"', "'it''s'", "'", '"', "`", "1", "-2.5e3", ".", "1e999", "nan", "('a', 'b')", "(", ")", ",", ";"),
        *(" ", " AND ", " OR ", " NOT ", " ASC", " DESC", "\n", "\\", "--", "\x00", "\ud800", "é", "٣", "_connector"),
    ]
)


def outline(tree: Tree | None) -> str:
    """Write a tree with all its parentheses and only the keys of its comparisons."""
    match tree:
        case None:
            return ""
        case Comparison(key=key):
            return key
        case Not(child=child):
            return f"!{outline(child)}"
        case And(children=children):
            return f"({' & '.join(map(outline, children))})"
        case Or(children=children):
            return f"({' | '.join(map(outline, children))})"


def count_comparisons(tree: Tree) -> int:
    match tree:
        case Comparison():
            return 1
        case Not(child=child):
            return count_comparisons(child)
        case And(children=children) | Or(children=children):
            return sum(map(count_comparisons, children))


def refusal(text: str, grammar: Grammar = RUNS) -> FilterError:
    with pytest.raises(FilterError) as caught:
        parse_filter(text, grammar)
    assert caught.value.text == text
    return caught.value


def order_refusal(clause: str, grammar: Grammar = RUNS) -> FilterError:
    with pytest.raises(FilterError) as caught:
        parse_order_by([clause], grammar)
    assert caught.value.text == clause
    return caught.value


class TestComparison:
    def test_has_entity_key_op_value_and_column(self) -> None:
        assert parse_filter("  metrics.loss <= -1.5e-3", RUNS) == Comparison(
            Entity.METRIC, "loss", Op.LE, -0.0015, column=2
        )

    def test_has_the_canonical_key(self) -> None:
        assert parse_filter("`Run name` = 'x'", RUNS) == Comparison(Entity.ATTRIBUTE, "run_name", Op.EQ, "x", 0)
        assert parse_filter("attr.created > 5", RUNS) == Comparison(Entity.ATTRIBUTE, "start_time", Op.GT, 5.0, 0)
        assert parse_filter("creation_time > 5", LOGGED_MODELS) == Comparison(
            Entity.ATTRIBUTE, "creation_timestamp", Op.GT, 5.0, 0
        )

    def test_has_a_tuple_for_a_list(self) -> None:
        assert parse_filter("params.opt not in ('sgd', \"adam\",)", RUNS) == Comparison(
            Entity.PARAM, "opt", Op.NOT_IN, ("sgd", "adam"), 0
        )

    def test_has_no_value_for_null(self) -> None:
        assert parse_filter("tags.k IS  not NULL", EXPERIMENTS) == Comparison(Entity.TAG, "k", Op.IS_NOT_NULL, None, 0)

    @pytest.mark.parametrize(
        ("written", "value"),
        [("1", 1.0), ("+1", 1.0), ("-.5", -0.5), ("5.", 5.0), ("1e+3", 1000.0), ("1E-3", 0.001), ("-1e999", -math.inf)],
    )
    def test_reads_numbers(self, written: str, value: float) -> None:
        assert parse_filter(f"metrics.a > {written}", RUNS) == Comparison(Entity.METRIC, "a", Op.GT, value, 0)

    @pytest.mark.parametrize(
        ("written", "value"),
        [("'o''brien'", "o''brien"), ('"o\'brien"', "o'brien"), (r"'\n'", r"\n"), ("'C:\\'", "C:\\"), ("''", "")],
    )
    def test_escapes_nothing(self, written: str, value: str) -> None:
        assert parse_filter(f"tags.a = {written}", RUNS) == Comparison(Entity.TAG, "a", Op.EQ, value, 0)

    @pytest.mark.parametrize(
        ("written", "key"),
        [("mlflow.runName", "mlflow.runName"), ("`a b`", "a b"), ('"a/b"', "a/b"), ("in", "in"), ("0.1", "0.1")],
    )
    def test_keeps_what_stands_after_the_first_dot(self, written: str, key: str) -> None:
        assert parse_filter(f"tags.{written} = 'x'", RUNS) == Comparison(Entity.TAG, key, Op.EQ, "x", 0)


class TestFilter:
    def test_is_none_when_empty(self) -> None:
        assert parse_filter("", RUNS) is None

    @pytest.mark.parametrize(
        ("text", "tree"),
        [
            ("tags.a = '1' AND tags.b = '1' AND tags.c = '1'", "(a & b & c)"),
            ("tags.a = '1' tags.b = '1' AND tags.c = '1'", "(a & b & c)"),
            ("tags.a = '1' OR tags.b = '1' or tags.c = '1'", "(a | b | c)"),
            ("tags.a = '1' OR tags.b = '1' AND tags.c = '1'", "(a | (b & c))"),
            ("tags.a = '1' AND tags.b = '1' OR tags.c = '1'", "((a & b) | c)"),
            ("tags.a = '1' OR tags.b = '1' tags.c = '1'", "(a | (b & c))"),
            ("(tags.a = '1' OR tags.b = '1') AND tags.c = '1'", "((a | b) & c)"),
            ("NOT tags.a = '1' AND tags.b = '1'", "(!a & b)"),
            ("NOT (tags.a = '1' AND tags.b = '1')", "!(a & b)"),
            ("not not tags.a = '1'", "!!a"),
            ("tags.a = '1' AND NOT tags.b IN ('1')", "(a & !b)"),
            ("((tags.a IN ('1')))", "a"),
            ("(tags.a = '1' OR tags.b = '1') tags.c = '1'", "((a | b) & c)"),
            ("NOT tags.a = '1' tags.b = '1'", "(!a & b)"),
            ("(tags.a = '1')OR(tags.b = '1')", "(a | b)"),
        ],
    )
    def test_binds_not_before_and_before_or(self, text: str, tree: str) -> None:
        assert outline(parse_filter(text, RUNS)) == tree


class TestRefusal:
    @pytest.mark.parametrize(
        ("text", "column", "message"),
        [
            ("   ", 0, "Invalid filter '   '. Could not be parsed. (column 1)"),
            ("tags.a = 'x' AND foo = 'y'", 17, "Invalid attribute key 'foo' specified. Valid keys are '{'artifact_uri"),
            ("attributes.foo = 'y'", 11, "Invalid attribute key 'foo' specified."),
            ("datasets.foo = 'y'", 9, "'foo' specified. Valid keys are '{'context', 'digest', 'name'}'"),
            (
                "foo.bar = 'x'",
                0,
                "Invalid entity type 'foo'. Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']",
            ),
            ("tags. = 'x'", 5, "Invalid tag key '' specified"),
            ("metrics.a == 1", 10, "Invalid comparator '==' not one of '{'=', '!=', '<', '<=', '>', '>='}'; use ="),
            ("metrics.a <> 1", 10, "use != instead of <>"),
            ("params.a > 'x'", 9, "Invalid comparator '>' not one of '{'=', '!=', 'LIKE', 'ILIKE', 'IN',"),
            ("params.a not like 'x'", 9, "NOT key LIKE 'pattern'"),
            ("params.a NOT = 'x'", 13, "expected NOT IN"),
            ("start_time IN ('1')", 11, "Invalid comparator 'IN'"),
            ("status IS NULL", 7, "only supported for tags and params, not for 'attribute' 'status'"),
            ("tags.a IS 'x'", 10, "expected IS NULL or IS NOT NULL"),
            ("metrics.a > '1'", 12, "Expected numeric value type for metric. Found '1'"),
            ("created > '1'", 10, "Expected numeric value type for numeric attribute: start_time. Found '1'"),
            ("params.a = 1", 11, "Expected a quoted string value for parameter (e.g. 'my-value'). Got value 1"),
            ("status = RUNNING", 9, "Use either single or double quotes"),
            ("tags.a = `x`", 9, "Use either single or double quotes"),
            ("run_id IN ()", 10, "got empty list"),
            ("run_id IN ('a', 2)", 16, "got 2"),
            ("run_id IN ('a'", 14, "Invalid clause(s) in filter string: it ends too early"),
            ("run_id IN ('a' 'b')", 15, "expected a comma or the end of the list"),
            ("run_id IN (", 11, "got the end"),
            ("metrics.a", 9, "metrics.a needs an operator and a value"),
            ("metrics.a > ", 12, "a > needs a value"),
            ("metrics.a > 1 AND", 17, "expected a comparison"),
            ("metrics.a > 1 OR AND metrics.b > 1", 17, "Invalid clause(s) in filter string: 'AND'"),
            ("metrics.a > 1 ORDER BY a", 14, "Invalid attribute key 'ORDER' specified"),
            ("metrics.a rlike 1", 10, "Invalid comparator 'RLIKE'"),
            ("metrics.a BETWEEN 1 AND 2", 10, "use >= and <= instead of BETWEEN"),
            ("metrics.a > 1; metrics.b > 2", 13, "Invalid clause(s) in filter string: ';'"),
            ("metrics.val-loss < 1", 11, "a key with such characters is quoted"),
            ("metrics.a > 1_000", 12, "Invalid clause(s) in filter string: '1_000'; not a number"),
            ("tags.a = 'x", 9, "the quote ' is not closed"),
            ("tags.a = 'x' 'y'", 13, "Invalid clause(s) in filter string: ''y''; expected AND or OR"),
            ("tags.a = 'x')", 12, "expected AND or OR"),
            ("(tags.a = 'x'", 13, "closing parenthesis"),
            ("()", 1, "expected a comparison"),
            ("tags.a = 'x' (tags.b = 'y')", 13, "expected AND or OR"),
            ("tags.a = 'x\x00'", 11, "the character U+0000"),
            ("tags.a = '\ud800'", 10, "the character U+D800"),
        ],
    )
    def test_says_what_and_where(self, text: str, column: int, message: str) -> None:
        error = refusal(text)

        assert message in str(error)
        assert str(error).endswith(f"(column {column + 1})")
        assert error.column == column

    def test_names_the_prefixes_of_the_grammar(self) -> None:
        assert "Valid values are ['attribute', 'tag']" in str(refusal("attributes.name = 'x'", EXPERIMENTS))

    def test_names_the_prefix_to_write_where_bare_attributes_are_not_known(self) -> None:
        grammar = Grammar(RUNS.prefixes, RUNS.attributes, has_bare_attributes=False)

        assert "write attribute.status" in str(refusal("status = 'x'", grammar))
        assert parse_filter("run.status = 'x'", grammar) is not None

    @pytest.mark.parametrize(
        "text",
        [
            f"tags.{'a' * 5000} > 'x'",
            f"{'a' * 5000} > 'x'",
            f"{'a' * 5000}",
            f"metrics.{'a' * 5000} >",
            f"metrics.a > '{'a' * 5000}'",
            f"metrics.a {'a' * 5000} 1",
            f"{'a' * 5000}.b = 'x'",
            f"run_id IN ({'a' * 5000})",
            f"metrics.a > 1{'a' * 5000}",
            " " * 5000,
        ],
    )
    def test_stays_short(self, text: str) -> None:
        assert len(str(refusal(text))) < 500


class TestLimits:
    @pytest.mark.parametrize("nest", ["({})", "NOT {}", "NOT ({})"])
    def test_depth(self, nest: str) -> None:
        levels = nest.count("(") + nest.count("NOT")

        def nested(depth: int) -> str:
            opening, closing = nest.split("{}")
            return opening * (depth // levels) + "tags.a = 'x'" + closing * (depth // levels)

        assert parse_filter(nested(MAX_DEPTH), RUNS) is not None
        assert "nests deeper than 32 levels" in str(refusal(nested(MAX_DEPTH + levels)))

    def test_depth_counts_what_is_open_only(self) -> None:
        tree = parse_filter(" AND ".join(["(NOT tags.a = 'x')"] * MAX_COMPARISONS), RUNS)

        assert tree is not None
        assert count_comparisons(tree) == MAX_COMPARISONS

    @pytest.mark.parametrize("link", [" AND ", " OR ", " "])
    def test_number_of_comparisons(self, link: str) -> None:
        tree = parse_filter(link.join(["metrics.a > 1"] * MAX_COMPARISONS), RUNS)

        assert tree is not None
        assert count_comparisons(tree) == MAX_COMPARISONS
        error = refusal(link.join(["metrics.a > 1"] * (MAX_COMPARISONS + 1)))
        assert "more than 100 comparisons" in str(error)
        assert error.column == MAX_COMPARISONS * len(f"metrics.a > 1{link}")

    @pytest.mark.parametrize("character", ["a", "é", "训"])
    def test_size_is_counted_in_bytes(self, character: str) -> None:
        frame = "tags.a = ''"
        fitting = (MAX_TEXT_BYTES - len(frame)) // len(character.encode())

        assert parse_filter(f"tags.a = '{character * fitting}'", RUNS) is not None
        assert "longer than 65536 bytes" in str(refusal(f"tags.a = '{character * (fitting + 1)}'"))

    @pytest.mark.parametrize(
        "text",
        [
            "(" * 100_000 + "tags.a = 'x'" + ")" * 100_000,
            "tags.a = '" + "x" * 1_000_000 + "'",
            "metrics.a > " + "9" * 1_000_000,
            " " * 1_000_000,
            "NOT " * 250_000,
            "\ud800" * 1_000_000,
        ],
        ids=["parentheses", "value", "number", "space", "NOT", "surrogates"],
    )
    def test_size_is_looked_at_first(self, text: str) -> None:
        assert "longer than 65536 bytes" in str(refusal(text))
        assert "longer than 65536 bytes" in str(order_refusal(text))

    @pytest.mark.parametrize(
        "text",
        ["(" * MAX_TEXT_BYTES, "NOT " * (MAX_TEXT_BYTES // 4), "'" * MAX_TEXT_BYTES, "a" * MAX_TEXT_BYTES],
        ids=["parentheses", "NOT", "quotes", "word"],
    )
    def test_the_largest_texts_are_refused_in_order(self, text: str) -> None:
        refusal(text)
        order_refusal(text)

    def test_number_of_order_keys(self) -> None:
        assert len(parse_order_by(["metrics.a"] * MAX_ORDER_KEYS, RUNS)) == MAX_ORDER_KEYS
        with pytest.raises(FilterError, match="33 clauses; at most 32"):
            parse_order_by(["metrics.a"] * (MAX_ORDER_KEYS + 1), RUNS)


class TestFigure:
    @pytest.mark.parametrize(
        ("text", "key", "stat"),
        [
            ("min(metrics.loss) < 1", "loss", Stat.MIN),
            ("MAX( metrics.`a b` ) < 1", "a b", Stat.MAX),
            ("mean(metric.loss) < 1", "loss", Stat.MEAN),
            ("last(metrics.loss) < 1", "loss", Stat.LAST),
            ("count(metrics.loss) < 1", "loss", Stat.COUNT),
        ],
    )
    def test_of_a_metric_is_compared_and_sorted_by(self, text: str, key: str, stat: Stat) -> None:
        assert parse_filter(text, RUNS) == Comparison(Entity.METRIC, key, Op.LT, 1.0, 0, stat)
        assert parse_order_by([text.replace("< 1", "DESC")], RUNS) == (
            OrderKey(Entity.METRIC, key, is_ascending=False, stat=stat),
        )

    @pytest.mark.parametrize(
        ("text", "column", "message"),
        [
            ("sum(metrics.a) < 1", 0, "Invalid function 'sum'. Valid functions are last, min, max, mean, count"),
            ("min(params.a) < 1", 4, "min(…) takes a metric, not 'params.a'"),
            ("min(metrics.a < 1", 14, "expected a closing parenthesis"),
            ("min() < 1", 4, "expected a metric such as min(metrics.loss)"),
            ("min(metrics.a) LIKE 'x'", 15, "Invalid comparator 'LIKE'"),
            ("min(metrics.a)", 14, "needs an operator and a value"),
        ],
    )
    def test_says_what_is_wrong_and_where(self, text: str, column: int, message: str) -> None:
        error = refusal(text)

        assert message in str(error)
        assert error.column == column

    @pytest.mark.parametrize("clause", ["min(metrics.a", "min metrics.a)", "sum(metrics.a)", "min(params.a)", "min()"])
    def test_is_refused_in_an_order(self, clause: str) -> None:
        order_refusal(clause)

    @pytest.mark.parametrize("grammar", [EXPERIMENTS, LOGGED_MODELS])
    def test_is_for_runs_only(self, grammar: Grammar) -> None:
        assert "There are no functions here" in str(refusal("min(metrics.a) < 1", grammar))


class TestOrder:
    def test_keeps_the_sequence_and_ascends_by_default(self) -> None:
        assert parse_order_by(["metrics.`a b` desc", " Created ", "tags.k ASC", "`Run name`"], RUNS) == (
            OrderKey(Entity.METRIC, "a b", is_ascending=False),
            OrderKey(Entity.ATTRIBUTE, "start_time", is_ascending=True),
            OrderKey(Entity.TAG, "k", is_ascending=True),
            OrderKey(Entity.ATTRIBUTE, "run_name", is_ascending=True),
        )

    def test_is_empty_for_no_clause(self) -> None:
        assert parse_order_by([], RUNS) == ()

    @pytest.mark.parametrize(
        ("clause", "column", "message"),
        [
            ("", 0, "Invalid order_by clause ''. Could not be parsed"),
            ("metrics.a ACS", 10, "Invalid ordering key in order_by clause 'metrics.a ACS'. Expected ASC or DESC"),
            ("metrics.a ASC DESC", 14, "Invalid order_by clause 'metrics.a ASC DESC'. Could not be parsed"),
            ("metrics.a, metrics.b", 11, "expected one key and ASC or DESC"),
            ("metrics.a-b DESC", 9, "Could not be parsed: '-b'; unexpected here; a key with such characters is quoted"),
            ("'a' DESC", 0, "expected a key such as metrics.loss"),
            ("foo DESC", 0, "Invalid attribute key 'foo' specified"),
            ("foo.bar", 0, "Invalid entity type 'foo'"),
            ("datasets.name", 0, "Runs cannot be sorted by a dataset"),
            ("metrics.a\x00", 9, "the character U+0000"),
        ],
    )
    def test_says_what_is_wrong_and_where(self, clause: str, column: int, message: str) -> None:
        error = order_refusal(clause)

        assert message in str(error)
        assert str(error).endswith(f"(column {column + 1})")
        assert error.column == column


class TestAnyText:
    @FUZZ
    @given(text=st.one_of(st.text(), st.lists(PIECES).map("".join), st.lists(PIECES).map(" ".join)), grammar=GRAMMARS)
    @example(text="tags.a = '" + "''" * 1000, grammar=RUNS)
    @example(text="metrics.a > ٣", grammar=RUNS)
    @example(text="\x1f \x85", grammar=RUNS)
    def test_is_a_tree_or_a_filter_error(self, text: str, grammar: Grammar) -> None:
        try:
            tree = parse_filter(text, grammar)
        except FilterError as error:
            assert error.text == text
            assert 0 <= error.column <= len(text)
        else:
            assert (tree is None) == (text == "")

    @FUZZ
    @given(clause=st.one_of(st.text(), st.lists(PIECES).map(" ".join)), grammar=GRAMMARS)
    def test_is_an_order_key_or_a_filter_error(self, clause: str, grammar: Grammar) -> None:
        try:
            keys = parse_order_by([clause], grammar)
        except FilterError as error:
            assert error.text == clause
            assert 0 <= error.column <= len(clause)
        else:
            assert len(keys) == 1

    @FUZZ
    @given(value=st.text(st.characters(exclude_characters="'\x00", exclude_categories=["Cs"])))
    def test_comes_back_from_single_quotes(self, value: str) -> None:
        assert parse_filter(f"tags.a = '{value}'", RUNS) == Comparison(Entity.TAG, "a", Op.EQ, value, 0)

    @FUZZ
    @given(key=st.text(st.characters(exclude_characters="`\x00", exclude_categories=["Cs"]), min_size=1))
    def test_comes_back_from_backticks(self, key: str) -> None:
        assert parse_filter(f"metrics.`{key}` < 1", RUNS) == Comparison(Entity.METRIC, key, Op.LT, 1.0, 0)

    @FUZZ
    @given(value=st.floats(allow_nan=False, allow_infinity=False))
    def test_comes_back_from_a_number(self, value: float) -> None:
        assert parse_filter(f"metrics.a = {value!r}", RUNS) == Comparison(Entity.METRIC, "a", Op.EQ, value, 0)
