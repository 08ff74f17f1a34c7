"""What the REST API says of the server."""

import time

from django.test import Client


class TestShow:
    def test_tells_anybody_what_it_is_and_what_time_it_is(self, db: None) -> None:
        answer = Client().get("/api/v1/server").json()

        assert (answer["name"], answer["api"]) == ("mlportal", "v1")
        assert abs(answer["time_s"] - time.time()) < 60
