"""Any body of any JSON endpoint, on both databases, which refuse different things: never a server error."""

import json
from collections.abc import Hashable, Mapping
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.people import People
from tests.tracking.api.caller import Caller
from tests.tracking.api.routes import JSON_ROUTES, name_of, path_of
from tracking.api.urls import Route
from tracking.core.json import Request
from tracking.runs.models import Experiment, Run

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
def ids(manager: Caller) -> dict[str, str]:
    run = manager.new_run()
    model = manager.post("logged-models", {"experiment_id": "0", "source_run_id": run})["model"]["info"]["model_id"]
    return {"RUN": run, "MODEL": model}


@pytest.mark.parametrize("route", JSON_ROUTES, ids=name_of)
class TestAnything:
    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_is_no_server_error(
        self, people: People, manager: Caller, ids: dict[str, str], route: Route, data: st.DataObject
    ) -> None:
        assert route.endpoint.body is not None
        body = with_ids(data.draw(messages(route.endpoint.body)), ids)  # type: ignore[arg-type]
        part = with_ids(data.draw(PARTS), ids)
        path = path_of(route, quote(part.encode(errors="replace"), safe=""))
        if route.method == "GET":
            fields = {key: value if isinstance(value, list) else [value] for key, value in body.items()}
            query = urlencode(fields, doseq=True, errors="replace")
            status, answer = manager.request("GET", f"{path}?{query}")
        else:
            status, answer = manager.request(route.method, path, json.dumps(body).encode())

        assert status < 500 or answer["error_code"] == "NOT_IMPLEMENTED", answer
        assert Experiment.objects.filter(workspace=people.workspace, is_default=True).exists()
        assert Run.objects.filter(uid=ids["RUN"]).exists()
