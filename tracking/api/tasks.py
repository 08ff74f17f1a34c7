"""Celery entrances of the APIs."""

from celery import shared_task

from tracking.api.mlflow import documents


@shared_task(name="api.prepare_documents")  # type: ignore[untyped-decorator]
def prepare_documents(**_: object) -> None:
    """Make ready what searches of ended runs will send."""
    documents.prepare()
