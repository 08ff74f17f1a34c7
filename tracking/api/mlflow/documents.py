"""The documents of runs: read where they are kept, made where not, and made beforehand by a worker (docs/adr/0005)."""

from collections.abc import Sequence

from tracking.api.mlflow import shapes
from tracking.metrics.queries import latest_by_run
from tracking.registry.queries import model_links_by_run
from tracking.runs.documents import documents_by_run, keep_documents, list_to_make
from tracking.runs.queries import datasets_by_run, params_by_run, tags_by_run
from tracking.runs.types import RunDocumentMade

MADE_AT_ONCE = 200
MADE_A_CALL = 20_000
# A document repeats what its run carries, so what is big is not kept: a dataset's profile alone may have 16 MiB.
MAX_KEPT = 256 * 1024


def documents_of(run_ids: Sequence[int]) -> dict[int, str]:
    """Return the documents of runs, without storing any. One query; six to nine more if one is not kept."""
    kept = documents_by_run(run_ids=run_ids)
    rest = [run_id for run_id in run_ids if run_id not in kept]
    return kept | _make(rest) if rest else kept


def prepare() -> bool:
    """Make the documents that ended runs lack; tell whether some may be left.

    Transactions of 200 runs each, so that nobody waits long for the write lock. What a run carries is read after the
    version it is kept with: a change meanwhile moves that on, and nothing is kept.
    """
    for _ in range(MADE_A_CALL // MADE_AT_ONCE):
        wanted = list_to_make(limit=MADE_AT_ONCE)
        bodies = _make([run_id for run_id, _ in wanted])
        made = [
            RunDocumentMade(run_id, version, bodies[run_id] if len(bodies[run_id]) <= MAX_KEPT else "")
            for run_id, version in wanted
        ]
        keep_documents(made=made)
        if len(wanted) < MADE_AT_ONCE:
            return False
    return True


def _make(run_ids: Sequence[int]) -> dict[int, str]:
    metrics, params, tags = latest_by_run(run_ids=run_ids), params_by_run(run_ids=run_ids), tags_by_run(run_ids=run_ids)
    datasets, links = datasets_by_run(run_ids=run_ids), model_links_by_run(run_ids=run_ids)
    return {
        run_id: shapes.run_document(
            metrics=metrics.get(run_id, ()),
            params=params.get(run_id, ()),
            tags=tags.get(run_id, ()),
            datasets=datasets.get(run_id, ()),
            links=links.get(run_id),
        )
        for run_id in run_ids
    }
