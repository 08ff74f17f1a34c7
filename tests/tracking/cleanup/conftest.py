"""An artifact store without what other tests left: their workspaces had the same numbers."""

import shutil

import pytest
from django.conf import settings


@pytest.fixture(autouse=True)
def empty_store() -> None:
    """Remove all files."""
    shutil.rmtree(settings.ARTIFACT_ROOT, ignore_errors=True)
