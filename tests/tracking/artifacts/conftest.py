"""A store of each test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, settings: Settings) -> Iterator[None]:
    """Give the test an empty artifact store."""
    from tracking.artifacts.queries import the_store

    settings.ARTIFACT_ROOT = str(tmp_path / "store")
    the_store.cache_clear()
    yield
    the_store.cache_clear()
