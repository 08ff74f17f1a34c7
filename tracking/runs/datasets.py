"""The datasets that the runs of an experiment read."""

from collections import Counter, defaultdict
from dataclasses import dataclass

from django.db.models import Count, F

from tracking.core.pages import Page
from tracking.runs.models import Dataset, DatasetInput, Experiment
from tracking.runs.orders import Column, Order


@dataclass(frozen=True, slots=True)
class DatasetUsed:
    """A dataset, how many runs read it, and as what (``contexts``)."""

    dataset: Dataset
    contexts: tuple[str, ...]
    run_count: int


def list_datasets(
    *, experiment: Experiment, name_contains: str = "", page_token: str = "", limit: int
) -> Page[DatasetUsed]:
    """Return the datasets of an experiment whose name contains a text (any case), by name and digest.

    Counts active runs; of a deleted experiment, those that went with it. Two queries, which walk an index and look at
    each use of what the page shows.

    :raises InvalidParameterError: if the page token is none.
    """
    order: Order[Dataset] = Order([Column(F("name"), str, True), Column(F("digest"), str, True)], {})
    found = Dataset.objects.filter(experiment=experiment, name__icontains=name_contains)
    page = order.page(found, token=page_token, limit=limit)
    counts: Counter[int] = Counter()
    contexts: defaultdict[int, set[str]] = defaultdict(set)
    uses = DatasetInput.objects.filter(
        dataset__in=[one.pk for one in page.rows], run__deleted_at__isnull=experiment.deleted_at is None
    )
    for pk, context, count in uses.values_list("dataset_id", "context").annotate(count=Count("pk")):
        counts[pk] += count
        contexts[pk].add(context)
    rows = [DatasetUsed(one, tuple(sorted(contexts[one.pk] - {""})), counts[one.pk]) for one in page.rows]
    return Page(rows, page.next_token)
