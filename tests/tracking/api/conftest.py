"""Ann, ready to call, with either kind of token."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pytest_django import Settings

from tests.tracking.api.caller import Caller

if TYPE_CHECKING:
    from tests.support.people import People


@pytest.fixture
def ann(people: "People") -> Caller:
    return Caller(people.ann.token)


@pytest.fixture
def manager(people: "People") -> Caller:
    """Return Ann with a token that may manage, too."""
    return Caller(people.ann.personal_token())


@pytest.fixture
def store_root(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    """Give the test an artifact store of its own, empty, in this folder."""
    from tracking.artifacts.queries import the_store

    settings.ARTIFACT_ROOT = str(tmp_path)
    the_store.cache_clear()
    yield tmp_path
    the_store.cache_clear()
