"""Awkward runs, and what filters and orders mean for them in plain Python: what the database is held to."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from operator import itemgetter
from typing import Any

from hypothesis import strategies as st

from tracking.core.clock import EPOCH, LAST_MS, from_ms
from tracking.metrics.models import MetricSeries
from tracking.runs.models import Dataset, DatasetInput, Key, Param, Run, RunTag
from tracking.runs.types import KeyKind, RunStatus
from tracking.search.types import And, Comparison, Entity, Not, Op, Or, OrderKey, Stat, Tree
from tracking.workspaces.models import Workspace

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
            min_value=None if math.isnan(value) else value,
            max_value=None if math.isnan(value) else value,
            finite_sum=value if math.isfinite(value) else 0.0,
            finite_count=int(math.isfinite(value)),
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


def figure_of(value: float, stat: Stat) -> float:
    """Return a figure of the series that has this one point; NaN where there is none."""
    if stat is Stat.COUNT:
        return 1.0
    return value if stat is not Stat.MEAN or math.isfinite(value) else math.nan


def values_of(facts: Facts, entity: Entity, key: str, stat: Stat = Stat.LAST) -> Sequence[str | float | None]:
    """Return what a comparison may look at: nothing where the key is missing, several for datasets."""
    match entity:
        case Entity.ATTRIBUTE:
            found: Sequence[str | float | None] = [facts.attributes[key]]
        case Entity.METRIC:
            found = [figure_of(facts.metrics[key], stat)] if key in facts.metrics else []
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
        case Comparison(entity, key, op, value, _, stat):
            return any(TESTS[op](have, value) for have in values_of(facts, entity, key, stat))


def in_order(many: Sequence[Facts], keys: Sequence[OrderKey]) -> list[str]:
    """Return the ids, sorted stably from the least significant key to the most."""
    ordered = sorted(many, key=lambda facts: (-facts.started_us, facts.uid))
    for key in reversed(keys):
        real: list[tuple[Any, Facts]] = []
        nan: list[Facts] = []
        missing: list[Facts] = []
        for facts in ordered:
            is_start = (key.entity, key.key) == (Entity.ATTRIBUTE, "start_time")
            found = [facts.started_us] if is_start else values_of(facts, key.entity, key.key, key.stat)
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
    stats = st.sampled_from(list(Stat)) if entity is Entity.METRIC else st.just(Stat.LAST)
    return st.builds(
        lambda key, test, stat: Comparison(entity, key, test[0], test[1], 0, stat), st.sampled_from(keys), tests, stats
    )


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


# ---- texts -----------------------------------------------------------------------------------------------------------


def written(tree: Tree) -> str:
    """Return a filter that means a tree."""
    match tree:
        case Not(child):
            return f"NOT ({written(child)})"
        case And(children) | Or(children):
            word = " AND " if isinstance(tree, And) else " OR "
            return word.join(f"({written(child)})" for child in children)
        case Comparison(entity, key, op, value, _, stat):
            prefix = "dataset" if entity is Entity.DATASET else "params" if entity is Entity.PARAM else entity.value
            name = f"{prefix}.`{key}`"
            return f"{f'{stat}({name})' if stat is not Stat.LAST else name} {op} {_value(value)}".strip()


def _value(value: str | float | tuple[str, ...] | None) -> str:
    match value:
        case None:
            return ""
        case str():
            return f'"{value}"' if "'" in value else f"'{value}'"
        case float():
            return repr(value).replace("inf", "1e999")
        case _:
            return f"({', '.join(map(_value, value))})"
