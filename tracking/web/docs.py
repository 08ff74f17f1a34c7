"""The REST API v1 for people: its OpenAPI document as a page, each operation with its fields, its answer and a call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import resolve
from django.views.decorators.http import require_safe

SCHEMA = "/api/v1/schema"
JSON_TYPE = "application/json"
MAX_DEPTH = 4
SAMPLES: dict[str, object] = {"string": "…", "integer": 1, "number": 0.5, "boolean": True, "object": {}}
KNOWN = {"workspace": "default", "group": "default", "confirm": "default", "run_id": "RUN_ID", "kind": "workspace"}


@dataclass(frozen=True, slots=True)
class FieldShown:
    """A parameter, or a field of a body. ``where``: path, query or body."""

    name: str
    kind: str
    where: str
    is_required: bool


@dataclass(frozen=True, slots=True)
class OperationShown:
    """One operation."""

    anchor: str
    method: str
    path: str
    summary: str
    needs: str
    fields: tuple[FieldShown, ...]
    status: str
    answer: str
    call: str


@dataclass(frozen=True, slots=True)
class SectionShown:
    """The operations of one first path segment."""

    name: str
    operations: tuple[OperationShown, ...]


@require_safe
@login_required
def docs(request: HttpRequest) -> HttpResponse:
    """Show what the REST API v1 can do, as it says itself."""
    document = json.loads(resolve(SCHEMA).func(request).content)
    return render(request, "docs/docs.html", {"sections": sections(document), "schema": SCHEMA})


def sections(document: Mapping[str, Any]) -> list[SectionShown]:
    """Return the operations of an OpenAPI document by their first path segment, as the document has them."""
    found: dict[str, list[OperationShown]] = {}
    for path, operations in document["paths"].items():
        segment = path.removeprefix("/api/v1/").partition("/")[0].partition(".")[0]
        for method, operation in operations.items():
            found.setdefault(segment, []).append(_shown(document, path, method.upper(), operation))
    return [SectionShown(name, tuple(operations)) for name, operations in found.items()]


def _shown(document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]) -> OperationShown:
    (status, answered), *_ = operation["responses"].items()
    body = _content(operation.get("requestBody", {}))
    answer = _content(answered)
    return OperationShown(
        anchor=operation["operationId"],
        method=method,
        path=path,
        summary=operation["summary"],
        needs=operation["description"],
        fields=(*_parameters(document, operation), *_body_fields(document, body)),
        status=status,
        answer=_json(_sample(document, answer)) if answer else "",
        call=_call(document, path, method, operation, body),
    )


def _parameters(document: Mapping[str, Any], operation: Mapping[str, Any]) -> list[FieldShown]:
    return [
        FieldShown(one["name"], _kind(document, one["schema"]), one["in"], one["required"])
        for one in operation["parameters"]
    ]


def _body_fields(document: Mapping[str, Any], body: Mapping[str, Any]) -> list[FieldShown]:
    whole = _resolved(document, body)
    required = whole.get("required", ())
    return [
        FieldShown(name, _kind(document, kind), "body", name in required)
        for name, kind in whole.get("properties", {}).items()
    ]


def _call(
    document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any], body: Mapping[str, Any]
) -> str:
    """Return the operation as a command line of curl."""
    for one in operation["parameters"]:
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", str(KNOWN.get(one["name"], one["name"].upper())))
    lines = [f"curl -X {method} {settings.PORTAL_URL}{path}"]
    if operation["security"]:
        lines.append('-H "Authorization: Bearer $MLPORTAL_TOKEN"')
    if body:
        needed = _resolved(document, body).get("required") or ()
        whole = _sample(document, body)
        given = {name: whole[name] for name in needed} if needed and isinstance(whole, dict) else whole
        lines += ["-H 'Content-Type: application/json'", f"-d '{json.dumps(given, ensure_ascii=False)}'"]
    return " \\\n  ".join(lines)


def _content(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = holder.get("content", {}).get(JSON_TYPE, {}).get("schema", {})
    return found


def _resolved(document: Mapping[str, Any], kind: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow a reference, and of several kinds take the first that is not null."""
    if "$ref" in kind:
        return _resolved(document, document["components"]["schemas"][kind["$ref"].rpartition("/")[2]])
    if "anyOf" in kind:
        return _resolved(document, next(one for one in kind["anyOf"] if one.get("type") != "null"))
    return kind


def _kind(document: Mapping[str, Any], kind: Mapping[str, Any]) -> str:
    """Spell a kind: string, integer or null, list of string, the name of a structure."""
    if "$ref" in kind:
        return str(kind["$ref"].rpartition("/")[2])
    if "anyOf" in kind:
        return " or ".join(_kind(document, one) for one in kind["anyOf"])
    if kind.get("type") == "array":
        return f"list of {_kind(document, kind.get('items', {}))}"
    return str(kind.get("format") or kind.get("type") or "anything")


def _sample(document: Mapping[str, Any], kind: Mapping[str, Any], *, name: str = "", depth: int = 0) -> Any:
    """Make up a value of a kind."""
    whole = _resolved(document, kind)
    if "properties" in whole:
        if depth > MAX_DEPTH:
            return {}
        return {name: _sample(document, one, name=name, depth=depth + 1) for name, one in whole["properties"].items()}
    if whole.get("type") == "array":
        return [_sample(document, whole.get("items", {}), depth=depth + 1)]
    if whole.get("format") == "date-time":
        return "2026-01-31T12:00:00Z"
    if whole.get("type") == "string" and name in KNOWN:
        return KNOWN[name]
    return SAMPLES.get(str(whole.get("type")))


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
