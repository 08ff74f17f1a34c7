"""A store of each test's own, and stores by themselves."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pytest_django import Settings

if TYPE_CHECKING:
    from tracking.artifacts.store import ArtifactStore, LocalStore


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, settings: Settings) -> Iterator[None]:
    """Give the test an empty artifact store."""
    from tracking.artifacts.queries import the_store

    settings.ARTIFACT_ROOT = str(tmp_path / "store")
    the_store.cache_clear()
    yield
    the_store.cache_clear()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return where a store of the test's own is to be; nothing is there yet."""
    return tmp_path / "data" / "artifacts"


@pytest.fixture
def local(root: Path) -> "LocalStore":
    """Return a store in a folder."""
    from tracking.artifacts.store import LocalStore

    return LocalStore(root)


@pytest.fixture(params=["local", "bucket"])
def store(request: pytest.FixtureRequest, local: "LocalStore") -> "ArtifactStore":
    """Return a store in a folder, then one in a bucket."""
    from obstore.store import MemoryStore

    from tracking.artifacts.store import ObjectStore

    return local if request.param == "local" else ObjectStore(MemoryStore())
