"""What the filter box offers while somebody writes: keys, operators, values, with how often each occurs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import msgspec
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from tracking.runs.queries import get_experiment, list_keys
from tracking.runs.tables import list_users, list_values
from tracking.runs.types import KeyKind, RunStatus
from tracking.search.grammars import RUNS
from tracking.search.suggest import Next, Place, place_at
from tracking.search.types import Entity
from tracking.web.base import workspace_page
from tracking.web.columns import ColumnKind
from tracking.web.formats import format_count, shorten
from tracking.web.workbench import KEY_KINDS, quoted
from tracking.workspaces.types import Permission

if TYPE_CHECKING:
    from tracking.workspaces.models import Workspace

MOST = 12
MAX_TEXT = 4_000
MAX_LABEL = 60
PLAIN_KEY = re.compile(r"[\w.]+", re.ASCII)
KINDS = {Entity.PARAM: KeyKind.PARAM, Entity.TAG: KeyKind.TAG}
OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "LIKE", "ILIKE", "IN", "NOT IN", "IS NULL", "IS NOT NULL")


class Offer(msgspec.Struct):
    """Something to put in; ``hint``: how often it occurs, or ""."""

    text: str
    label: str
    hint: str = ""


class Offers(msgspec.Struct):
    """What may replace the text from ``start`` to the caret."""

    start: int
    due: str
    offers: list[Offer]


@require_safe
@workspace_page(need=Permission.READ)
def suggest(request: HttpRequest, workspace: Workspace, experiment_id: int) -> HttpResponse:
    """Answer what may come next in the filter ``?text=``, at the place ``?caret=`` (its end, if that is missing)."""
    experiment = get_experiment(workspace=workspace, experiment_id=str(experiment_id))
    text, caret = request.GET.get("text", "")[:MAX_TEXT], request.GET.get("caret", "")
    is_number = caret.isascii() and caret.isdigit() and len(caret) < 6
    place = place_at(text, int(caret) if is_number else len(text))
    answer = Offers(place.start, place.due.value, list(islice(_offers(place, experiment.pk), MOST)))
    return HttpResponse(msgspec.json.encode(answer), content_type="application/json")


def _offers(place: Place, experiment_id: int) -> Iterator[Offer]:
    match place.due:
        case Next.KEY:
            yield from _keys(place.begun, experiment_id)
        case Next.OPERATOR:
            known = RUNS.find_key(place.entity, place.key) if place.entity else None
            fitting = [op for op in OPERATORS if known is None or op in known.ops]
            yield from (Offer(f"{op} ", op) for op in fitting if op.startswith(place.begun.upper()))
        case Next.VALUE:
            yield from _values(place, experiment_id)
        case Next.JOIN:
            yield from (Offer(f"{word} ", word) for word in ("AND", "OR") if word.startswith(place.begun.upper()))


def _keys(begun: str, experiment_id: int) -> Iterator[Offer]:
    """Yield keys that contain what was begun, with or without its prefix."""
    prefix, dot, rest = begun.partition(".")
    if prefix not in ("attributes", *ColumnKind):
        prefix, dot, rest = "", "", begun
    wanted = rest.strip('`"').lower() if dot else begun.lower()
    for kind in (ColumnKind.METRIC, ColumnKind.PARAM, ColumnKind.TAG):
        if dot and prefix != kind:
            continue
        for name in list_keys(experiment_ids=[experiment_id], kind=KEY_KINDS[kind]):
            is_fitting = wanted in name.lower() or (not dot and kind.startswith(wanted))
            if is_fitting and (dot or not name.startswith("mlflow.")):
                key = name if PLAIN_KEY.fullmatch(name) else f"`{name}`"
                yield Offer(f"{kind}.{key} ", f"{kind}.{name}")
    for name in RUNS.list_names(Entity.ATTRIBUTE):
        if (not dot and wanted in f"attributes.{name}") or (prefix == "attributes" and wanted in name):
            yield Offer(f"attributes.{name} ", f"attributes.{name}")


def _values(place: Place, experiment_id: int) -> Iterator[Offer]:
    found: list[tuple[str, int]] = []
    if place.entity in KINDS:
        kind = KINDS[place.entity]
        found = list_values(experiment_ids=[experiment_id], kind=kind, name=place.key, contains=place.begun, limit=MOST)
    elif place.key == "user_id":
        found = list_users(experiment_ids=[experiment_id], contains=place.begun, limit=MOST)
    elif place.key == "status":
        found = [(status.value, 0) for status in RunStatus if place.begun.upper() in status.value]
    for value, count in found:
        yield Offer(f"{quoted(value)} ", shorten(value, length=MAX_LABEL), format_count(count) if count else "")
