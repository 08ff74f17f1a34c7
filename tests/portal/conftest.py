"""What the server logs."""

import contextlib
import io
from collections.abc import Iterator

import pytest
from django.conf import settings

from portal.logs import log_config


@pytest.fixture(params=["console", "json"])
def log(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """Return what is logged, in each style; ``parametrize("log", ["json"], indirect=True)``: in one."""
    with contextlib.redirect_stderr(io.StringIO()) as log:
        log_config(style=request.param, level="INFO")
    yield log
    log_config(style=settings.ENV.log_format, level=settings.ENV.log_level)
