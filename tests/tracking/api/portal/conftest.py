"""Ann, who owns, Bob, who reads, and Cleo, who may nothing, ready to ask."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.people import People
    from tests.tracking.api.portal.asker import Asker


@pytest.fixture
def ann(people: "People") -> "Asker":
    from tests.tracking.api.portal.asker import Asker

    return Asker.of(people.ann.user)


@pytest.fixture
def bob(people: "People") -> "Asker":
    from tests.tracking.api.portal.asker import Asker

    return Asker.of(people.bob.user)


@pytest.fixture
def cleo(people: "People") -> "Asker":
    from tests.tracking.api.portal.asker import Asker

    return Asker.of(people.cleo.user)
