"""The way from data to aliases, as a small graph: what a run read, the models that it made, what became of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.translation import gettext

from tracking.registry.queries import (
    find_models,
    list_models_made,
    list_models_used,
    list_versions_of_run,
    uses_by_model,
)
from tracking.registry.types import LoggedModelStatus, Uses, VersionRow
from tracking.runs.types import RunRow
from tracking.web.experiment_datasets import datasets_link
from tracking.web.formats import spell_marks, unnamed
from tracking.web.logged_models import MODEL_STATUS_WORDS, models_link, version_link

if TYPE_CHECKING:
    from tracking.registry.models import LoggedModel
    from tracking.runs.models import Run
    from tracking.workspaces.models import Workspace

MAX_SHOWN = 5  # nodes that come of one, or go into it
MAX_USES = 20  # of a model
MAX_NODES = 100  # with those that are folded away behind them


@dataclass(frozen=True, slots=True)
class Branches:
    """Nodes that come of a node, or go into it: some are shown, some folded away, ``left`` are not there."""

    shown: tuple[Node, ...] = ()
    folded: tuple[Node, ...] = ()
    left: int = 0

    @classmethod
    def of(cls, nodes: Sequence[Node], *, total: int = 0) -> Branches:
        """Return the nodes, of ``total`` that there are."""
        left = max(total, len(nodes)) - len(nodes[:MAX_NODES])
        return cls(tuple(nodes[:MAX_SHOWN]), tuple(nodes[MAX_SHOWN:MAX_NODES]), left)

    @property
    def more(self) -> int:
        return len(self.folded) + self.left


@dataclass(frozen=True, slots=True)
class Node:
    """A stop on the way. ``address``: what a script calls it, to be copied; ``is_here``: the page is about it."""

    kind: str
    icon: str
    name: str
    url: str
    address: str = ""
    is_here: bool = False
    next: Branches = Branches()


@dataclass(frozen=True, slots=True)
class Lineage:
    """A node with all that came of it, and what went into it."""

    sources: Branches
    root: Node


def run_lineage(*, workspace: Workspace, run: Run, row: RunRow) -> Lineage | None:
    """Return what went into a run and what came of it; None where no model did either. Seven queries."""
    used, made = list_models_used(run=run), list_models_made(run=run)
    versions: defaultdict[str, list[VersionRow]] = defaultdict(list)
    for version in list_versions_of_run(workspace=workspace, run_uid=run.uid):
        versions[version.model_uid].append(version)
    if not (used or made or versions):
        return None
    first = sorted(made, key=lambda model: model.uid not in versions)
    uses = uses_by_model(workspace=workspace, uids=[model.uid for model in first[:MAX_NODES]], limit=MAX_USES)
    models = [_model_node(workspace, one, versions.pop(one.uid, []), uses.get(one.uid)) for one in first]
    of_no_model = [_version_node(workspace, version) for some in versions.values() for version in some]
    return _of_run(workspace, row, used, [*of_no_model, *models], is_here=True)


def version_lineage(*, workspace: Workspace, row: VersionRow, run: Run | None, run_row: RunRow | None) -> Lineage:
    """Return the way to a version from what its run read, and on to what points to it or used it. Three queries."""
    root = _version_node(workspace, row, is_here=True)
    models = find_models(workspace=workspace, uids=[row.model_uid]) if row.model_uid else {}
    uses = uses_by_model(workspace=workspace, uids=list(models), limit=MAX_USES)
    for model in models.values():
        root = _model_node(workspace, model, [row], uses.get(model.uid), here=row)
    if run is None or run_row is None:
        return Lineage(Branches(), root)
    return _of_run(workspace, run_row, list_models_used(run=run), [root])


def _of_run(
    workspace: Workspace, row: RunRow, used: Sequence[LoggedModel], made: Sequence[Node], *, is_here: bool = False
) -> Lineage:
    url = reverse("web:run_detail", args=[workspace.name, row.uid])
    sources = [*(_model_node(workspace, model, [], None) for model in used), *_dataset_nodes(workspace, row)]
    root = Node(gettext("Run"), "chart", unnamed(row.name), url, is_here=is_here, next=Branches.of(made))
    return Lineage(Branches.of(sources), root)


def _dataset_nodes(workspace: Workspace, row: RunRow) -> Iterator[Node]:
    for dataset in row.datasets:
        url = datasets_link(workspace, row.experiment_id, dataset.name)
        yield Node(_said(gettext("Dataset"), dataset.context), "table", spell_marks(dataset.name), url)


def _model_node(
    workspace: Workspace,
    model: LoggedModel,
    versions: Sequence[VersionRow],
    uses: Uses | None,
    *,
    here: VersionRow | None = None,
) -> Node:
    status = LoggedModelStatus(model.status)
    state = "" if status is LoggedModelStatus.READY else str(MODEL_STATUS_WORDS[status])
    nodes = [_version_node(workspace, version, is_here=version is here) for version in versions]
    used = [
        Node(gettext("Used by run"), "chart", unnamed(name), reverse("web:run_detail", args=[workspace.name, uid]))
        for uid, name in (uses.runs if uses else ())
    ]
    total = len(nodes) + (uses.run_count if uses else 0)
    return Node(
        kind=_said(gettext("Logged model"), model.model_type, state),
        icon="model",
        name=spell_marks(model.name),
        url=models_link(workspace, model.experiment_id, model.name),
        address=f"models:/{model.uid}",
        next=Branches.of([*nodes, *used], total=total),
    )


def _version_node(workspace: Workspace, row: VersionRow, *, is_here: bool = False) -> Node:
    model = reverse("web:model_detail", args=[workspace.name, row.model_name])
    return Node(
        kind=gettext("Version %(number)s of") % {"number": row.version},
        icon="branch",
        name=spell_marks(row.model_name),
        url=version_link(workspace, row.model_name, row.version),
        is_here=is_here,
        next=Branches.of([Node(gettext("Alias"), "tag", alias, model) for alias in row.aliases]),
    )


def _said(kind: str, *more: str) -> str:
    """Return a kind with what is to be said of it behind it."""
    return " · ".join(part for part in (kind, *more) if part)
