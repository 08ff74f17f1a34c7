"""The documents of ended runs: what they carry as a search sends it, kept ready (docs/adr/0006).

A document is kept with the version of the run that it was made of, or of a later one, and only while the run is at that
version. Whoever changes what an ended run carries moves its version on in the same transaction, which
``services.hold_active_run`` does for all that ask it; while a run has not ended, nobody makes documents of it.
"""

import contextlib
from collections.abc import Collection, Sequence

from django.db import IntegrityError, transaction

from tracking.core.store import rows_among
from tracking.runs import store
from tracking.runs.models import RunDocument
from tracking.runs.types import FINAL_STATUSES, RunDocumentMade


def documents_by_run(*, run_ids: Sequence[int]) -> dict[int, str]:
    """Return the documents of those of the runs that have one. One query."""
    return dict(rows_among(store.DOCUMENTS_OF_RUNS, run_ids))


def list_to_make(*, limit: int) -> list[tuple[int, int]]:
    """Return ended runs that lack their document, each with the version it is at. One query, along an index."""
    to_make = RunDocument.objects.filter(body=None, run__status__in=FINAL_STATUSES)
    return list(to_make.values_list("run_id", "version")[:limit])


def count_to_make() -> int:
    """Count the ended runs that lack their document. One query, along an index."""
    return RunDocument.objects.filter(body=None, run__status__in=FINAL_STATUSES).count()


def keep_documents(*, made: Sequence[RunDocumentMade]) -> None:
    """Keep the documents of runs that are still at the version that was read before. One statement for a thousand."""
    try:
        with transaction.atomic():
            store.keep_documents(made)
    except IntegrityError:  # one of the runs was removed for good meanwhile
        for one in made:
            with contextlib.suppress(IntegrityError), transaction.atomic():
                store.keep_documents([one])


def forget_documents(*, run_ids: Collection[int]) -> None:
    """Say, in the transaction that does it, that what runs carry changes where ``hold_active_run`` was not asked.

    One statement for a thousand runs.
    """
    store.forget_documents(run_ids)
