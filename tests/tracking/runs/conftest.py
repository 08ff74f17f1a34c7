"""Awkward runs in the database."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.tracking.runs.facts import Facts
    from tracking.runs.models import Experiment
    from tracking.workspaces.models import Workspace


@pytest.fixture
def workspace(db: None) -> "Workspace":
    """Return a workspace without anything."""
    from tracking.core.clock import EPOCH
    from tracking.workspaces.models import ResourceGroup, Workspace

    group = ResourceGroup.objects.create(name="lab", created_at=EPOCH)
    return Workspace.objects.create(group=group, name="lab", created_at=EPOCH)


@pytest.fixture
def experiments(workspace: "Workspace") -> "list[Experiment]":
    """Return two experiments without runs."""
    from tracking.core.clock import EPOCH
    from tracking.runs.models import Experiment

    return [
        Experiment.objects.create(workspace=workspace, name=f"e{number}", created_at=EPOCH, updated_at=EPOCH)
        for number in (0, 1)
    ]


@pytest.fixture
def runs(workspace: "Workspace", experiments: "list[Experiment]") -> "list[Facts]":
    """40 runs in two experiments, so that every name has two key ids."""
    from tests.tracking.runs.facts import make_facts, save_runs

    many = [make_facts(number, experiments[number % 3 % 2].pk) for number in range(40)]
    save_runs(workspace, many)
    return many
