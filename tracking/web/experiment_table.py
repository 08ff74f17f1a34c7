"""The list of experiments: folders on the way down, lines with what one wants to know before one opens it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING

from django.http import QueryDict
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from tracking.artifacts.queries import measure_experiment
from tracking.artifacts.types import FilesHeld
from tracking.charts.direction import Direction
from tracking.core.errors import InvalidParameterError
from tracking.core.pages import Page, decode_token, encode_token
from tracking.metrics.removal import PointsHeld
from tracking.metrics.summaries import extremes_by_key, held_by_experiment
from tracking.runs.experiment_tree import Branch, ExperimentOrder, metric_keys_by_experiment
from tracking.runs.types import NOTE_TAG, ExperimentRow, ExperimentSummary, Pair
from tracking.stars.types import Kind
from tracking.web.directions import Directions
from tracking.web.formats import NOTHING, format_bytes, format_count, format_number, shorten, spell_marks, time_element
from tracking.web.links import link_with
from tracking.web.markup import plain_text
from tracking.web.stars import StarButton

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace

MAX_TAGS_SHOWN = 3
MAX_RUNS_MEASURED = 1_000  # of all experiments of a page: with 50 metrics each they cost 40 ms
MAX_FILES_MEASURED = 10_000  # of an experiment: 0.2 s in a local folder, ten requests in S3
MAX_NOTE = 120
MAX_TAG = 48
# Which of an experiment's metrics says how good it is: one that was held against data it had not seen.
UNSEEN = ("test", "val", "valid", "validation", "eval", "dev", "holdout")


@dataclass(frozen=True, slots=True)
class ExperimentShown:
    """A line of the list of experiments. ``best``: the best last value of ``metric``, "" where none says.

    ``points`` and ``size``: of the metrics of its runs, "" where there are none; ``is_measured`` False: nobody counted.
    ``files``: bytes of its artifacts, "" where nobody counted.
    """

    pk: int
    name: str
    star: StarButton
    user_name: str
    run_count: str
    running_count: int
    last_activity: SafeString
    note: str
    tags: tuple[str, ...]
    metric: str
    best: str
    points: str
    size: str
    is_measured: bool
    files: str


def list_order(query: QueryDict) -> ExperimentOrder:
    """Return what the address sorts by."""
    return ExperimentOrder.ACTIVITY if query.get("sort") == ExperimentOrder.ACTIVITY else ExperimentOrder.NAME


def starred_first(branch: Branch, starred: Collection[int]) -> Branch:
    """Return a branch whose starred experiments come before the others, each in their order."""
    return replace(branch, experiment_ids=tuple(sorted(branch.experiment_ids, key=lambda pk: pk not in starred)))


def listed_page(branch: Branch, token: str, *, limit: int) -> Page[int]:
    """Return the numbers of some experiments, from behind the one that the token names.

    :raises InvalidParameterError: if it names none, or one that is no longer in this list.
    """
    ids = branch.experiment_ids
    start = 0
    if token:
        (last,) = decode_token(token, length=1)
        if last not in ids:
            raise InvalidParameterError(f"The page {token[:100]!r} begins nowhere. Ask for the first page again.")
        start = ids.index(int(last)) + 1
    rows = list(ids[start : start + limit])
    return Page(rows, encode_token((rows[-1],)) if start + limit < len(ids) else None)


def parents_of(prefix: str, query: QueryDict) -> list[tuple[str, str]]:
    """Return each folder on the way down to this one as (name, link)."""
    parts = [part for part in prefix.split("/") if part]
    return [
        (spell_marks(part), link_with(query, prefix="/".join(parts[: place + 1]) + "/", page=None))
        for place, part in enumerate(parts)
    ]


@dataclass(frozen=True, slots=True)
class Best:
    """The best last value of the metric that says how good a run is."""

    metric: str
    value: float


def shown_experiments(
    workspace: Workspace,
    summaries: Sequence[ExperimentSummary],
    *,
    starred: Collection[int],
    is_all_measured: bool,
) -> list[ExperimentShown]:
    """Return the lines of the list. Two queries, and three that measure those with the fewest runs, or all.

    All measured, the artifact store is asked too, which may take seconds.
    """
    best = best_by_experiment(summaries)
    held = measured_by_experiment(summaries, is_all=is_all_measured)
    files = files_by_experiment(workspace, summaries) if is_all_measured else {}
    return [
        _shown(
            summary,
            StarButton(
                workspace=workspace.name,
                kind=Kind.EXPERIMENT,
                ident=str(summary.row.pk),
                name=spell_marks(summary.row.name),
                is_on=summary.row.pk in starred,
            ),
            best.get(summary.row.pk),
            held.get(summary.row.pk),
            files.get(summary.row.pk),
        )
        for summary in summaries
    ]


def files_by_experiment(workspace: Workspace, summaries: Sequence[ExperimentSummary]) -> dict[int, FilesHeld]:
    """Return what experiments hold of artifacts; of each at most ``MAX_FILES_MEASURED`` files are looked at."""
    return {
        pk: measure_experiment(workspace=workspace, experiment_id=pk, limit=MAX_FILES_MEASURED)
        for pk in (summary.row.pk for summary in summaries)
    }


def best_by_experiment(summaries: Sequence[ExperimentSummary]) -> dict[int, Best]:
    """Return the best of each experiment that has a metric with a direction. Two queries."""
    keys = metric_keys_by_experiment(experiment_ids=[summary.row.pk for summary in summaries])
    directions = {summary.row.pk: Directions.from_tags(summary.row.tags) for summary in summaries}
    metrics = {pk: main_metric(names, directions[pk]) for pk, names in keys.items()}
    wanted = {keys[pk][metric]: (pk, metric) for pk, metric in metrics.items() if metric}
    best = {}
    for key_id, (low, high) in extremes_by_key(key_ids=list(wanted)).items():
        pk, metric = wanted[key_id]
        best[pk] = Best(metric, low if directions[pk].of(metric) is Direction.LESS else high)
    return best


def measured_by_experiment(summaries: Sequence[ExperimentSummary], *, is_all: bool) -> dict[int, PointsHeld]:
    """Return what they hold of metrics: all, or the smallest first, up to so many runs together. Three queries."""
    by_size = sorted(summaries, key=lambda summary: summary.run_count)
    upto = accumulate(summary.run_count for summary in by_size)
    wanted = [one.row.pk for one, runs in zip(by_size, upto, strict=True) if is_all or runs <= MAX_RUNS_MEASURED]
    return held_by_experiment(experiment_ids=wanted)


def main_metric(names: Iterable[str], directions: Directions) -> str | None:
    """Return the metric that says how good a run is, None where none has a direction."""
    return next(iter(main_metrics(names, directions)), None)


def main_metrics(names: Iterable[str], directions: Directions) -> list[str]:
    """Return the metrics that have a direction, those that say most first: what somebody gave one before all."""
    known = [name for name in names if directions.of(name)]
    return sorted(known, key=lambda name: (name not in directions.stored, not _is_unseen(name), len(name), name))


def _is_unseen(name: str) -> bool:
    return any(part in UNSEEN for part in name.lower().replace("_", "/").replace("-", "/").split("/"))


def _files_shown(files: FilesHeld) -> str:
    if not files.files:
        return NOTHING
    size = format_bytes(files.size_bytes)
    return size if files.is_exact else gettext("over %(size)s") % {"size": size}


def _shown(
    summary: ExperimentSummary,
    star: StarButton,
    best: Best | None,
    held: PointsHeld | None,
    files: FilesHeld | None,
) -> ExperimentShown:
    row = summary.row
    return ExperimentShown(
        pk=row.pk,
        name=star.name,
        star=star,
        user_name=summary.user_name,
        run_count=format_count(summary.run_count),
        running_count=summary.running_count,
        last_activity=time_element(max(row.updated_at, summary.last_run_at or row.updated_at), is_relative=True),
        note=_note_shown(row),
        tags=tuple(tag_shown(tag) for tag in own_tags(row)[:MAX_TAGS_SHOWN]),
        metric=best.metric if best else "",
        best=format_number(best.value) if best else "",
        points=format_count(held.points) if held and held.points else "",
        size=format_bytes(held.size_bytes) if held and held.points else "",
        is_measured=held is not None,
        files=_files_shown(files) if files else "",
    )


def _note_shown(row: ExperimentRow) -> str:
    """Return the beginning of an experiment's note, without Markdown's marks."""
    note = next((tag.value for tag in row.tags if tag.key == NOTE_TAG), "")
    return spell_marks(shorten(plain_text(note[: 4 * MAX_NOTE]), length=MAX_NOTE))


def own_tags(row: ExperimentRow) -> list[Pair]:
    """Return the tags that people set."""
    return [tag for tag in row.tags if not tag.key.startswith(("mlflow.", "mlportal."))]


def tag_shown(tag: Pair) -> str:
    """Return a tag as one short line."""
    return spell_marks(shorten(f"{tag.key}: {tag.value}", length=MAX_TAG))
