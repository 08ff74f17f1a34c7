"""Who did what; for the server's owners. The exports are the REST API's (api/portal/audit.py)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from tracking.audit.queries import list_events, list_verbs
from tracking.audit.types import EventFilter, EventRow
from tracking.core.pages import decode_token, encode_token
from tracking.web.base import server_page
from tracking.web.errors import refusing_bad_values
from tracking.web.formats import spell_marks, time_element
from tracking.workspaces.types import Permission

ROWS = 100
EXPORTS = "/api/v1/audit"
EARLIEST = date(1970, 1, 1)


class FilterForm(forms.Form):
    """Which events. Days are UTC's, both included."""

    who = forms.CharField(required=False, max_length=150, label=gettext_lazy("Who"))
    verb = forms.CharField(required=False, max_length=64, label=gettext_lazy("Action"))
    target = forms.CharField(required=False, max_length=200, label=gettext_lazy("Object contains"))
    since = forms.DateField(required=False, label=gettext_lazy("From"))
    until = forms.DateField(required=False, label=gettext_lazy("To"))


@dataclass(frozen=True, slots=True)
class EventShown:
    """A line of the audit log."""

    at: SafeString
    who: str
    verb: str
    target: str
    result: str
    address: str
    token_id: int | None
    request_id: str


@require_safe
@server_page(need=Permission.MANAGE)
@refusing_bad_values()
def event_list(request: HttpRequest) -> HttpResponse:
    """Show the events of the filter, newest first."""
    form = FilterForm(request.GET)
    given = form.cleaned_data if form.is_valid() else {}
    filter_ = EventFilter(
        who=given.get("who") or "",
        verb=given.get("verb") or "",
        target=given.get("target") or "",
        since=_midnight(given.get("since")),
        until=_midnight(given.get("until"), days_later=1),
    )
    found = list_events(filter_=filter_, before=_before(request.GET.get("page_token", "")), limit=ROWS + 1)
    rows = found[:ROWS]
    asked = {name: str(value) for name, value in given.items() if value}
    older = urlencode({**asked, "page_token": encode_token((rows[-1].event_id,))}) if len(found) > ROWS else ""
    context = {
        "form": form,
        "verbs": list_verbs(),
        "events": [_shown(row) for row in rows],
        "older": older,
        "exports": {kind: f"{EXPORTS}.{kind}?{urlencode(_export(filter_))}" for kind in ("csv", "jsonl")},
        "is_filtered": bool(asked),
    }
    return render(request, "audit/event_list.html", context)


def _midnight(day: date | None, *, days_later: int = 0) -> datetime | None:
    if day is None or not EARLIEST <= day < date.max:
        return None
    return datetime.combine(day + timedelta(days=days_later), time(), tzinfo=UTC)


def _export(filter_: EventFilter) -> dict[str, str]:
    given = {
        "who": filter_.who,
        "verb": filter_.verb,
        "target": filter_.target,
        "since": filter_.since.isoformat() if filter_.since else "",
        "until": filter_.until.isoformat() if filter_.until else "",
    }
    return {name: value for name, value in given.items() if value}


def _before(token: str) -> int | None:
    if not token:
        return None
    (event_id,) = decode_token(token, length=1)
    return event_id if isinstance(event_id, int) and 0 <= event_id < 2**63 else None


def _shown(row: EventRow) -> EventShown:
    return EventShown(
        at=time_element(row.at),
        who=row.who,
        verb=row.verb,
        target=spell_marks(row.target),
        result=row.result,
        address=row.address,
        token_id=row.token_id,
        request_id=row.request_id,
    )
