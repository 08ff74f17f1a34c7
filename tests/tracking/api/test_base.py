"""What holds for the body and the query of every JSON endpoint, asked of each in the route table."""

import json
import re
from typing import get_args, get_origin, get_type_hints
from urllib.parse import urlencode

import msgspec
import pytest

from tests.tracking.api.caller import Caller, content_of
from tests.tracking.api.routes import JSON_ROUTES, name_of, path_of
from tracking.api.urls import Route

WITH_BODY = [route for route in JSON_ROUTES if route.method != "GET"]
WITH_QUERY = [route for route in JSON_ROUTES if route.method == "GET"]


def fields_of(route: Route) -> dict[str, tuple[object, ...]]:
    """Return the fields of a route's body by name, each with the types it takes."""
    hints = get_type_hints(route.endpoint.body)
    return {name: (hint,) if get_origin(hint) is list else get_args(hint) or (hint,) for name, hint in hints.items()}


def required_of(route: Route) -> list[str]:
    assert route.endpoint.body is not None
    return [field.name for field in msgspec.structs.fields(route.endpoint.body) if field.required]


def complete(route: Route, **fields: object) -> dict[str, object]:
    """Return a body with all that is required, in the right types, and these fields."""
    kinds = fields_of(route)
    return {name: 1 if int in kinds[name] else "1" for name in required_of(route)} | fields


BROKEN = [
    (b'{"run_id": "a"', "not JSON"),
    (b"run_id=a", "not JSON"),
    (b'{"run_id": "\xff"}', "not UTF-8"),
    (b"[]", "must be a JSON object"),
    (b'"x"', "must be a JSON object"),
    (b"null", "must be a JSON object"),
    (b'{"x": NaN}', "a bare NaN is no number"),
    (b'{"x": 1, "x": 1}', "gives the key 'x' twice"),
    (b'{"x": {"y": 1, "y": 1}}', "gives the key 'y' twice"),
    (b'{"x": ' + b"[" * 65 + b"]" * 65 + b"}", "nested deeper than 64"),
    (b"[" * 100_000, "nested deeper than 64"),
]


@pytest.mark.parametrize("route", WITH_BODY, ids=name_of)
class TestBody:
    def test_must_be_a_json_object(self, manager: Caller, route: Route) -> None:
        for body, message in BROKEN:
            status, answer = manager.request(route.method, path_of(route), body)

            assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
            assert message in answer["message"]

    def test_is_refused_by_its_length_before_it_is_read(self, manager: Caller, route: Route) -> None:
        most = route.endpoint.max_body_bytes

        status, answer = manager.request(route.method, path_of(route), b"{", **{"Content-Length": str(most + 1)})

        assert (status, answer["error_code"]) == (413, "INVALID_PARAMETER_VALUE")
        assert f"The body has {most + 1} bytes; this endpoint takes {most}" in answer["message"]

    def test_must_come_whole(self, manager: Caller, route: Route) -> None:
        status, answer = manager.send_cut(route.method, path_of(route), b'{"a": 1}', promised=9)

        assert (status, answer["message"]) == (400, "The body has 8 of the 9 bytes that Content-Length said.")

    def test_must_say_that_it_is_json(self, manager: Caller, route: Route) -> None:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
            response = manager.send(route.method, path_of(route), b"{}", content_type=kind)

            assert response.status_code == 400
            assert b"Content-Type must be one of ['application/json']" in content_of(response)

    def test_must_not_be_compressed(self, manager: Caller, route: Route) -> None:
        status, answer = manager.request(route.method, path_of(route), b"{}", **{"Content-Encoding": "gzip"})

        assert (status, answer["message"]) == (400, "Send the body without Content-Encoding.")

    def test_must_have_what_is_required(self, manager: Caller, route: Route) -> None:
        for field in required_of(route):
            for empty in (None, "") if str in fields_of(route)[field] else (None,):
                body = complete(route, **{field: empty})

                status, answer = manager.request(route.method, path_of(route), body)

                assert status == 400
                assert f"Missing value for required parameter '{field}'" in answer["message"]

    def test_must_have_the_right_types(self, manager: Caller, route: Route) -> None:
        for field in fields_of(route):
            status, answer = manager.request(route.method, path_of(route), complete(route, **{field: {"a": []}}))

            assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
            assert f"parameter '{field}'" in answer["message"]

    def test_must_hold_real_text(self, manager: Caller, route: Route) -> None:
        for field, kinds in fields_of(route).items():
            for escaped, message in (("a\\u0000b", "contains NUL"), ("a\\ud800", "half a surrogate pair")):
                if str in kinds:
                    body = json.dumps(complete(route, **{field: "HERE"})).replace("HERE", escaped).encode()

                    status, answer = manager.request(route.method, path_of(route), body)

                    assert status == 400
                    assert message in answer["message"]

    def test_names_a_run_once(self, manager: Caller, route: Route) -> None:
        if {"run_id", "run_uuid"} <= set(fields_of(route)):
            body = complete(route, run_id="a", run_uuid="b")

            status, answer = manager.request(route.method, path_of(route), body)

            assert (status, answer["message"]) == (400, "run_id='a' and run_uuid='b' differ.")

    def test_spells_a_field_once(self, manager: Caller, route: Route) -> None:
        for field in fields_of(route):
            if "_" in field:
                camel = re.sub("_(.)", lambda match: match[1].upper(), field)
                kind = fields_of(route)[field][0]
                value: object = [] if get_origin(kind) is list else "true" if kind is bool else "1"

                status, answer = manager.request(
                    route.method, path_of(route), complete(route, **{field: value, camel: value})
                )

                assert (status, answer["message"]) == (400, f"Both spellings of '{field}' are given; send one.")


class TestForms:
    def test_takes_unknown_fields_camel_case_null_and_numbers_as_text(self, manager: Caller) -> None:
        made = manager.post(
            "runs/create", {"experimentId": "0", "start_time": "1700000000123", "run_name": None, "no": {"such": [1]}}
        )

        assert made["run"]["info"]["start_time"] == 1700000000123

    def test_answers_times_and_steps_as_numbers_and_ids_as_text(self, manager: Caller) -> None:
        run = manager.new_run(start_time=1)
        manager.post("runs/log-metric", {"run_id": run, "key": "m", "value": "2.5", "timestamp": "3", "step": "-4"})

        found = manager.get(f"runs/get?run_id={run}")["run"]

        assert found["info"]["start_time"] == 1
        assert found["data"]["metrics"] == [{"key": "m", "value": 2.5, "timestamp": 3, "step": -4}]
        assert isinstance(found["info"]["experiment_id"], str)

    def test_takes_a_charset_beside_the_content_type(self, manager: Caller) -> None:
        response = manager.send("POST", "2.0/mlflow/runs/search", b"{}", content_type="application/json; charset=utf-8")

        assert response.status_code == 200

    def test_reads_a_list_from_a_repeated_query_field(self, manager: Caller) -> None:
        for name in ("a", "b"):
            manager.post("experiments/create", {"name": name})

        query = urlencode([("max_results", "9"), ("order_by", "name DESC"), ("order_by", "experiment_id")])
        found = manager.get(f"experiments/search?{query}")["experiments"]

        assert [one["name"] for one in found] == ["b", "a", "Default"]


@pytest.mark.parametrize("route", WITH_QUERY, ids=name_of)
class TestQuery:
    def test_must_have_the_right_types(self, manager: Caller, route: Route) -> None:
        for field, kinds in fields_of(route).items():
            if any(int in get_args(kind) or kind is int for kind in kinds) and str not in kinds:
                query = urlencode(complete(route, **{field: "many"}))

                status, answer = manager.request("GET", f"{path_of(route)}?{query}")

                assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
                assert f"'{field}'" in answer["message"]

    def test_must_hold_real_text(self, manager: Caller, route: Route) -> None:
        for field, kinds in fields_of(route).items():
            if str in kinds:
                query = urlencode(complete(route, **{field: "a\0b"}))

                status, answer = manager.request("GET", f"{path_of(route)}?{query}")

                assert status == 400
                assert "contains NUL" in answer["message"]


# ---- anything at all -----------------------------------------------------------------------------------------------
