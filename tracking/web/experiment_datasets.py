"""The datasets that the runs of an experiment read, and the way to those runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.urls import reverse
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from tracking.core.pages import Page
from tracking.runs.datasets import DatasetUsed, list_datasets
from tracking.runs.queries import experiment_row, get_experiment
from tracking.web.base import workspace_page
from tracking.web.errors import refusing_bad_values
from tracking.web.experiment_head import experiment_head
from tracking.web.formats import format_count, shorten, spell_marks
from tracking.web.fragments import render_page
from tracking.web.links import link_with, query_with
from tracking.web.list_files import ROWS_AT_ONCE, Cell, list_file, rows_of_all
from tracking.web.workbench import quoted
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.runs.models import Experiment
    from tracking.workspaces.models import Workspace

DATASETS_PER_PAGE = 50
FILE_HEAD = ("name", "digest", "runs", "contexts", "source_type", "source", "schema", "profile")
MAX_TEXT = 80
MAX_TITLE = 500
MAX_NAMED = 3  # columns of a schema


class _SchemaColumn(msgspec.Struct):
    name: str = ""


class _Schema(msgspec.Struct):
    """What mlflow writes of a table's columns."""

    mlflow_colspec: list[_SchemaColumn]


@dataclass(frozen=True, slots=True)
class DatasetShown:
    """A line of the list. ``runs_link``: the workbench with the runs that read it, "" where no filter can say so."""

    name: str
    digest: str
    contexts: tuple[str, ...]
    source_type: str
    source: str
    source_title: str
    schema: str
    schema_title: str
    profile: str
    profile_title: str
    run_count: str
    runs_link: str


@require_safe
@workspace_page(need=Permission.READ)
@refusing_bad_values()
def experiment_datasets(request: HttpRequest, workspace: Workspace, experiment_id: int) -> HttpResponseBase:
    """List the datasets whose name contains ``?q=``, from ``?page=`` on; also as a file."""
    experiment = get_experiment(workspace=workspace, experiment_id=str(experiment_id))
    query = request.GET
    wanted = query.get("q", "").strip()
    if file := _file(request, experiment, wanted):
        return file
    page = list_datasets(
        experiment=experiment, name_contains=wanted, page_token=query.get("page", ""), limit=DATASETS_PER_PAGE
    )
    table = reverse("web:experiment_detail", args=[workspace.name, experiment.pk])
    context = experiment_head(request, workspace, experiment, experiment_row(experiment))
    context |= {
        "q": wanted,
        "datasets": [_shown(one, table) for one in page.rows],
        "list_query": query_with(query, page=None, format=None),
        "next_link": link_with(query, page=page.next_token) if page.next_token else "",
        "first_link": link_with(query, page=None) if "page" in query else "",
    }
    fragments = {"datasets": "experiment_datasets/_datasets.html"}
    return render_page(request, "experiment_datasets/experiment_datasets.html", context, fragments=fragments)


def datasets_link(workspace: Workspace, experiment_id: int, name: str) -> str:
    """Return the address of the list with the datasets of this name."""
    page = reverse("web:experiment_datasets", args=[workspace.name, experiment_id])
    return f"{page}{link_with(QueryDict(), q=name)}"


def _file(request: HttpRequest, experiment: Experiment, wanted: str) -> HttpResponseBase | None:
    def datasets(token: str) -> Page[DatasetUsed]:
        return list_datasets(experiment=experiment, name_contains=wanted, page_token=token, limit=ROWS_AT_ONCE)

    return list_file(request, name="datasets", head=FILE_HEAD, rows=map(_cells, rows_of_all(datasets)))


def _cells(used: DatasetUsed) -> Sequence[Cell]:
    one = used.dataset
    fixed = (one.name, one.digest, used.run_count, used.contexts)
    return *fixed, one.source_type, one.source, one.schema, one.profile


def _shown(used: DatasetUsed, table: str) -> DatasetShown:
    one = used.dataset
    wanted = _filter_of(one.name, one.digest)
    return DatasetShown(
        name=spell_marks(one.name),
        digest=one.digest,
        contexts=used.contexts,
        source_type=one.source_type,
        source=shorten(_without_marks(one.source), length=MAX_TEXT),
        source_title=one.source[:MAX_TITLE],
        schema=shorten(_schema_shown(one.schema), length=MAX_TEXT),
        schema_title=one.schema[:MAX_TITLE],
        profile=shorten(_without_marks(one.profile), length=MAX_TEXT),
        profile_title=one.profile[:MAX_TITLE],
        run_count=format_count(used.run_count),
        runs_link=f"{table}{link_with(QueryDict(), filter=wanted)}" if wanted and used.run_count else "",
    )


def _filter_of(name: str, digest: str) -> str:
    """Return what the runs that read a dataset have in common; without what no quotes can hold."""
    pairs = (("name", name), ("digest", digest))
    said = [f"datasets.{key} = {quoted(text)}" for key, text in pairs if not {"'", '"'} <= set(text)]
    return " AND ".join(said)


def _schema_shown(text: str) -> str:
    """Return how many columns a schema has, and the first of them; of tensors and others, the text."""
    try:
        columns = msgspec.json.decode(text, type=_Schema).mlflow_colspec
    except (msgspec.DecodeError, RecursionError):
        return _without_marks(text)
    count = ngettext("%(n)s column", "%(n)s columns", len(columns)) % {"n": format_count(len(columns))}
    names = ", ".join(one.name for one in columns[:MAX_NAMED])
    return f"{count}: {names}{', …' if len(columns) > MAX_NAMED else ''}"


def _without_marks(text: str) -> str:
    """Return a text without JSON's braces and quotes: ``num_rows: 1000``."""
    return text[:MAX_TITLE].strip("{} \n").replace('"', "").replace("\\", "")
