"""What holds for the body and the query of every JSON endpoint, asked of each in the route table."""

import json
import re
from collections.abc import Hashable, Mapping
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints
from urllib.parse import quote, urlencode

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.people import People
from tests.tracking.api.caller import Caller, content_of
from tracking.api.urls import ROUTES, Route
from tracking.core.json import Request
from tracking.runs.models import Experiment, Run

JSON_ROUTES = [route for route in ROUTES if route.endpoint.body is not None]
WITH_BODY = [route for route in JSON_ROUTES if route.method != "GET"]
WITH_QUERY = [route for route in JSON_ROUTES if route.method == "GET"]


def name_of(value: object) -> str | None:
    return f"{value.method} {value.path}" if isinstance(value, Route) else None


def path_of(route: Route, part: str = "x") -> str:
    return re.sub(r"<\w+:\w+>", part, route.path)


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


@pytest.fixture
def ann(people: People) -> Caller:
    """Return Ann with a token that may manage, too."""
    return Caller(people.ann.personal_token())


@pytest.mark.parametrize("route", WITH_BODY, ids=name_of)
class TestBody:
    def test_must_be_a_json_object(self, ann: Caller, route: Route) -> None:
        for body, message in BROKEN:
            status, answer = ann.request(route.method, path_of(route), body)

            assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
            assert message in answer["message"]

    def test_is_refused_by_its_length_before_it_is_read(self, ann: Caller, route: Route) -> None:
        most = route.endpoint.max_body_bytes

        status, answer = ann.request(route.method, path_of(route), b"{", **{"Content-Length": str(most + 1)})

        assert (status, answer["error_code"]) == (413, "INVALID_PARAMETER_VALUE")
        assert f"The body has {most + 1} bytes; this endpoint takes {most}" in answer["message"]

    def test_must_come_whole(self, ann: Caller, route: Route) -> None:
        status, answer = ann.send_cut(route.method, path_of(route), b'{"a": 1}', promised=9)

        assert (status, answer["message"]) == (400, "The body has 8 of the 9 bytes that Content-Length said.")

    def test_must_say_that_it_is_json(self, ann: Caller, route: Route) -> None:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
            response = ann.send(route.method, path_of(route), b"{}", content_type=kind)

            assert response.status_code == 400
            assert b"Content-Type must be one of ['application/json']" in content_of(response)

    def test_must_not_be_compressed(self, ann: Caller, route: Route) -> None:
        status, answer = ann.request(route.method, path_of(route), b"{}", **{"Content-Encoding": "gzip"})

        assert (status, answer["message"]) == (400, "Send the body without Content-Encoding.")

    def test_must_have_what_is_required(self, ann: Caller, route: Route) -> None:
        for field in required_of(route):
            for empty in (None, "") if str in fields_of(route)[field] else (None,):
                body = complete(route, **{field: empty})

                status, answer = ann.request(route.method, path_of(route), body)

                assert status == 400
                assert f"Missing value for required parameter '{field}'" in answer["message"]

    def test_must_have_the_right_types(self, ann: Caller, route: Route) -> None:
        for field in fields_of(route):
            status, answer = ann.request(route.method, path_of(route), complete(route, **{field: {"a": []}}))

            assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
            assert f"parameter '{field}'" in answer["message"]

    def test_must_hold_real_text(self, ann: Caller, route: Route) -> None:
        for field, kinds in fields_of(route).items():
            for escaped, message in (("a\\u0000b", "contains NUL"), ("a\\ud800", "half a surrogate pair")):
                if str in kinds:
                    body = json.dumps(complete(route, **{field: "HERE"})).replace("HERE", escaped).encode()

                    status, answer = ann.request(route.method, path_of(route), body)

                    assert status == 400
                    assert message in answer["message"]

    def test_names_a_run_once(self, ann: Caller, route: Route) -> None:
        if {"run_id", "run_uuid"} <= set(fields_of(route)):
            body = complete(route, run_id="a", run_uuid="b")

            status, answer = ann.request(route.method, path_of(route), body)

            assert (status, answer["message"]) == (400, "run_id='a' and run_uuid='b' differ.")

    def test_spells_a_field_once(self, ann: Caller, route: Route) -> None:
        for field in fields_of(route):
            if "_" in field:
                camel = re.sub("_(.)", lambda match: match[1].upper(), field)
                kind = fields_of(route)[field][0]
                value: object = [] if get_origin(kind) is list else "true" if kind is bool else "1"

                status, answer = ann.request(
                    route.method, path_of(route), complete(route, **{field: value, camel: value})
                )

                assert (status, answer["message"]) == (400, f"Both spellings of '{field}' are given; send one.")


class TestForms:
    def test_takes_unknown_fields_camel_case_null_and_numbers_as_text(self, ann: Caller) -> None:
        made = ann.post(
            "runs/create", {"experimentId": "0", "start_time": "1700000000123", "run_name": None, "no": {"such": [1]}}
        )

        assert made["run"]["info"]["start_time"] == 1700000000123

    def test_answers_times_and_steps_as_numbers_and_ids_as_text(self, ann: Caller) -> None:
        run = ann.new_run(start_time=1)
        ann.post("runs/log-metric", {"run_id": run, "key": "m", "value": "2.5", "timestamp": "3", "step": "-4"})

        found = ann.get(f"runs/get?run_id={run}")["run"]

        assert found["info"]["start_time"] == 1
        assert found["data"]["metrics"] == [{"key": "m", "value": 2.5, "timestamp": 3, "step": -4}]
        assert isinstance(found["info"]["experiment_id"], str)

    def test_takes_a_charset_beside_the_content_type(self, ann: Caller) -> None:
        response = ann.send("POST", "2.0/mlflow/runs/search", b"{}", content_type="application/json; charset=utf-8")

        assert response.status_code == 200

    def test_reads_a_list_from_a_repeated_query_field(self, ann: Caller) -> None:
        for name in ("a", "b"):
            ann.post("experiments/create", {"name": name})

        query = urlencode([("max_results", "9"), ("order_by", "name DESC"), ("order_by", "experiment_id")])
        found = ann.get(f"experiments/search?{query}")["experiments"]

        assert [one["name"] for one in found] == ["b", "a", "Default"]


@pytest.mark.parametrize("route", WITH_QUERY, ids=name_of)
class TestQuery:
    def test_must_have_the_right_types(self, ann: Caller, route: Route) -> None:
        for field, kinds in fields_of(route).items():
            if any(int in get_args(kind) or kind is int for kind in kinds) and str not in kinds:
                query = urlencode(complete(route, **{field: "many"}))

                status, answer = ann.request("GET", f"{path_of(route)}?{query}")

                assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
                assert f"'{field}'" in answer["message"]

    def test_must_hold_real_text(self, ann: Caller, route: Route) -> None:
        for field, kinds in fields_of(route).items():
            if str in kinds:
                query = urlencode(complete(route, **{field: "a\0b"}))

                status, answer = ann.request("GET", f"{path_of(route)}?{query}")

                assert status == 400
                assert "contains NUL" in answer["message"]


# ---- anything at all -----------------------------------------------------------------------------------------------

TEXTS = st.text(max_size=20) | st.sampled_from(
    ["0", "1", "RUN", "MODEL", "-1", "²", "٣", "NaN", "9" * 5_000, "a/b", "..", "x" * 8_001, "metrics.m > 1",
     "tags.k = 'v' AND params.p LIKE '%'", "name ASC", "metrics.m DESC", "WyJhIl0=", "{}", '{"a": 1e999}', "READY",
     "mlflow.runName", "LOGGED_MODEL_READY", "DELETED_ONLY"]
)  # fmt: skip
PARTS = TEXTS.filter(lambda text: "/" not in text and text.strip("."))
NUMBERS = st.integers() | st.floats(allow_nan=False) | st.integers(0, 5)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@cache
def values(hint: Hashable) -> st.SearchStrategy[Any]:
    """Return values of this type."""
    if get_origin(hint) is list:
        return st.lists(values(get_args(hint)[0]), max_size=3)
    if isinstance(hint, type) and issubclass(hint, Request):
        return messages(hint)
    options = get_args(hint)
    if options:
        return st.one_of([values(option) for option in options if isinstance(option, type) or get_origin(option)])
    return TEXTS if hint is str else NUMBERS if hint in (int, float) else ANYTHING


@cache
def messages(kind: type[Request]) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects with some of the fields of a kind, and others."""
    hints = get_type_hints(kind)
    known = st.fixed_dictionaries({}, optional={name: values(hint) for name, hint in hints.items()})
    named = st.fixed_dictionaries({name: values(hint) for name, hint in hints.items()})
    return named | known | st.dictionaries(TEXTS, ANYTHING, max_size=3)


def with_ids(value: object, ids: Mapping[str, str]) -> Any:
    """Return the value with RUN and MODEL replaced by ids of objects that exist."""
    if isinstance(value, dict):
        return {key: with_ids(inner, ids) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_ids(inner, ids) for inner in value]
    return ids.get(value, value) if isinstance(value, str) else value


@pytest.fixture
def ids(ann: Caller) -> dict[str, str]:
    run = ann.new_run()
    model = ann.post("logged-models", {"experiment_id": "0", "source_run_id": run})["model"]["info"]["model_id"]
    return {"RUN": run, "MODEL": model}


@pytest.mark.parametrize("route", JSON_ROUTES, ids=name_of)
class TestAnything:
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_is_no_server_error(
        self, people: People, ann: Caller, ids: dict[str, str], route: Route, data: st.DataObject
    ) -> None:
        assert route.endpoint.body is not None
        body = with_ids(data.draw(messages(route.endpoint.body)), ids)  # type: ignore[arg-type]
        part = with_ids(data.draw(PARTS), ids)
        path = path_of(route, quote(part.encode(errors="replace"), safe=""))
        if route.method == "GET":
            fields = {key: value if isinstance(value, list) else [value] for key, value in body.items()}
            query = urlencode(fields, doseq=True, errors="replace")
            status, answer = ann.request("GET", f"{path}?{query}")
        else:
            status, answer = ann.request(route.method, path, json.dumps(body).encode())

        assert status < 500 or answer["error_code"] == "NOT_IMPLEMENTED", answer
        assert Experiment.objects.filter(workspace=people.workspace, is_default=True).exists()
        assert Run.objects.filter(uid=ids["RUN"]).exists()
