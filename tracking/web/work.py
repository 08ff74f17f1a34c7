"""What works in the background: deletions that run, wait or failed, and the hunt for orphans."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tracking.cleanup import queries, services
from tracking.cleanup.orphans import GRACE
from tracking.cleanup.types import OPEN_STATES, DeletionRow, Mode, State
from tracking.core.clock import utc_now
from tracking.web.base import credential_of, server_page
from tracking.web.deletions import DeletionShown, deletion_shown
from tracking.web.errors import refusing_bad_values
from tracking.web.formats import format_bytes, format_count, spell_marks
from tracking.web.fragments import render_page
from tracking.workspaces.types import Permission

ENDED = tuple(state for state in State if state not in OPEN_STATES)
MAX_OPEN, ENDED_PER_PAGE = 200, 50


@dataclass(frozen=True, slots=True)
class FindingShown:
    """Files without a row, or a row without its files."""

    where: str
    is_row: bool
    files: str
    size: str


@dataclass(frozen=True, slots=True)
class HuntShown:
    """What a hunt for orphans found."""

    deletion: DeletionShown
    files: str
    size: str
    rows: str
    findings: tuple[FindingShown, ...]
    has_removed: bool
    has_found: bool


@never_cache
@require_http_methods(["GET", "HEAD"])
@server_page(need=Permission.MANAGE)
@refusing_bad_values()
def work(request: HttpRequest) -> HttpResponse:
    """Show what runs, waits, stands still or failed, live, and what has ended, a page at a time."""
    credential = credential_of(request)
    under_way = queries.list_deletions(credential=credential, states=OPEN_STATES, limit=MAX_OPEN)
    ended = queries.list_deletions(
        credential=credential, states=ENDED, page_token=request.GET.get("page", ""), limit=ENDED_PER_PAGE
    )
    context = {
        "under_way": [deletion_shown(row, may_steer=True) for row in under_way.rows],
        "ended": [deletion_shown(row, may_steer=False) for row in ended.rows],
        "next_token": ended.next_token,
    }
    return render_page(request, "work/work.html", context, fragments={"under-way": "work/_under_way.html"})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@server_page(need=Permission.MANAGE)
def orphans(request: HttpRequest) -> HttpResponse:
    """Show what the last hunt for orphans found. POST ``do`` looks again, or removes what is found."""
    if request.method == "POST":
        mode = request.POST.get("do", "")
        if mode not in (Mode.LOOK, Mode.PURGE):
            raise BadRequest("do: it is look or purge")
        hunt = services.hunt_orphans(mode=Mode(mode), by=credential_of(request).user, now=utc_now())
        return redirect("web:deletion_detail", hunt.uid)
    last = queries.last_hunt()
    context = {
        "hunt": None if last is None else _hunt_shown(last),
        "grace_hours": int(GRACE.total_seconds() // 3600),
    }
    return render(request, "work/orphans.html", context)


def _hunt_shown(row: DeletionRow) -> HuntShown:
    found = (row.report or {}).get("findings")
    findings = tuple(
        FindingShown(
            where=spell_marks(str(one["where"])),
            is_row=one["kind"] == "row",
            files=format_count(one["files"]),
            size=format_bytes(one["size_bytes"]),
        )
        for one in (found if isinstance(found, list) else ())
    )
    return HuntShown(
        deletion=deletion_shown(row, may_steer=False),
        files=format_count(row.done["artifacts"]),
        size=format_bytes(row.done["artifact_bytes"]),
        rows=format_count(row.done["models"]),
        findings=findings,
        has_removed=row.mode is Mode.PURGE,
        has_found=bool(findings) and row.state is State.DONE,
    )
