"""Ann, ready to call."""

from typing import TYPE_CHECKING

import pytest

from tests.tracking.api.caller import Caller

if TYPE_CHECKING:
    from tests.support.people import People


@pytest.fixture
def ann(people: "People") -> Caller:
    return Caller(people.ann.token)
