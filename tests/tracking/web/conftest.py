from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tests.support.people import People


@pytest.fixture
def bob(client: "Client", people: "People") -> "Client":
    """Return the browser of Bob, who reads."""
    client.force_login(people.bob.user)
    return client
