"""``schema``: the OpenAPI document of the REST API v1, made from the route table and the structures themselves.

docs/adr/0004-openapi-from-structs.md says why no library makes it.
"""

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

import msgspec
from django.http import HttpResponse

from tracking.api.base import endpoint
from tracking.api.portal.base import Access, Call, Nothing, Place, Route

JSON_TYPE = "application/json"
PARAMETER = re.compile(r"<[a-z]+:([a-z_]+)>")
REF = "#/components/schemas/{name}"


_published: list[bytes] = []


class Error(msgspec.Struct):
    """What went wrong: a code for programs, a sentence for people."""

    error_code: str
    message: str


@endpoint(Nothing)
def show(call: Call, body: Nothing) -> HttpResponse:
    """Return this document: OpenAPI 3.1."""
    return HttpResponse(_published[0], content_type=JSON_TYPE)


def publish(routes: Sequence[Route], *, prefix: str) -> None:
    """Answer with the document of these routes; the table calls it, because it imports this endpoint."""
    _published[:] = [msgspec.json.encode(document(routes, prefix=prefix))]


def document(routes: Sequence[Route], *, prefix: str) -> Mapping[str, Any]:
    """Return the OpenAPI document of these routes, which stand below ``prefix``."""
    kinds: dict[type, None] = {Error: None}
    for route in routes:
        kinds.update(dict.fromkeys(kind for kind in (route.endpoint.body, _answer_of(route)) if kind))
    schemas, components = msgspec.json.schema_components(kinds, ref_template=REF)
    by_kind = dict(zip(kinds, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path = PARAMETER.sub(r"{\1}", route.path)
        paths.setdefault(f"/{prefix}{path}", {})[route.method.lower()] = _operation(route, by_kind, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mlportal REST API",
            "version": "v1",
            "description": "What MLflow's tracking API does not know: resource groups, workspaces, people, clean-up.",
        },
        "paths": paths,
        "components": {
            "schemas": {name: _open(schema) for name, schema in components.items()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route, by_kind: Mapping[type, Any], components: Mapping[str, Any]) -> Mapping[str, Any]:
    function, body, answer = route.endpoint.function, route.endpoint.body, _answer_of(route)
    operation: dict[str, Any] = {
        "operationId": "_".join((*re.findall(r"\w+", PARAMETER.sub("", route.path)), function.__name__)),
        "summary": (inspect.getdoc(function) or "").partition("\n")[0],
        "description": _needs(route.access),
        "security": [] if route.access.place is Place.OPEN else [{"token": []}],
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in PARAMETER.findall(route.path)
        ],
        "responses": {
            str(route.status): {
                "description": "Done",
                **({"content": {JSON_TYPE: {"schema": by_kind[answer]}}} if answer else {}),
            },
            "default": {"description": "Refused or failed", "content": {JSON_TYPE: {"schema": by_kind[Error]}}},
        },
    }
    if body is not None and route.method == "GET":
        operation["parameters"] += _query(components[body.__name__])
    elif body is not None and components[body.__name__]["properties"]:
        operation["requestBody"] = {"required": True, "content": {JSON_TYPE: {"schema": by_kind[body]}}}
    return operation


def _query(schema: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    for name, kind in schema["properties"].items():
        yield {
            "name": name,
            "in": "query",
            "required": name in schema["required"],
            "schema": {key: value for key, value in kind.items() if key != "default"},
        }


def _needs(access: Access) -> str:
    """Say who may ask."""
    if access.place is Place.OPEN:
        return "Open to everybody."
    if access.place is Place.PERSON:
        return "For everybody with a valid credential; answers what they may see."
    return f"Needs permission to {access.need.name.lower()} the {access.place}."


def _answer_of(route: Route) -> type | None:
    """Return the structure that the endpoint's annotation promises; None for a bare response and for nothing."""
    annotation = inspect.signature(route.endpoint.function).return_annotation
    kinds = [kind for kind in get_args(annotation) or (annotation,) if isinstance(kind, type)]
    return next((kind for kind in kinds if issubclass(kind, msgspec.Struct)), None)


def _open(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Unknown fields are ignored, whatever the structures say."""
    return {key: value for key, value in schema.items() if key != "additionalProperties" or value is not False}
