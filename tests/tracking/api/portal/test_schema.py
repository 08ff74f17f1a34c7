"""The OpenAPI document says what the route table says."""

import re

from django.test import Client

from tests.tracking.api.portal.asker import Asker
from tracking.api.portal.urls import PREFIX, ROUTES


class TestSchema:
    def test_has_every_route_once(self, db: None) -> None:
        document = Client().get("/api/v1/schema").json()

        described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}

        assert described == {
            (route.method, f"/{PREFIX}" + re.sub(r"<\w+:(\w+)>", r"{\1}", route.path)) for route in ROUTES
        }
        names = [one["operationId"] for methods in document["paths"].values() for one in methods.values()]
        assert len(set(names)) == len(names)
        assert all(one["summary"] for methods in document["paths"].values() for one in methods.values())

    def test_refers_to_what_it_has(self, db: None) -> None:
        text = Client().get("/api/v1/schema").content.decode()

        referred = set(re.findall(r'"#/components/schemas/(\w+)"', text))

        assert referred <= set(Client().get("/api/v1/schema").json()["components"]["schemas"])

    def test_describes_what_is_answered(self, ann: Asker) -> None:
        schemas = Client().get("/api/v1/schema").json()["components"]["schemas"]

        answer = ann.done("GET", "workspaces/default")

        assert set(answer) == set(schemas["Workspace"]["properties"])
        assert set(answer["quota"]) == set(schemas["Quota"]["properties"])
