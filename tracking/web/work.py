"""What works in the background: deletions that run, wait or failed, the tasks of workers, the hunt for orphans."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy, pgettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tracking.cleanup import queries, services
from tracking.cleanup.orphans import GRACE
from tracking.cleanup.types import OPEN_STATES, DeletionRow, Mode, State
from tracking.core.clock import utc_now
from tracking.core.errors import NotFoundError
from tracking.identity.queries import Credential
from tracking.metrics.services import count_waiting
from tracking.runs.documents import count_to_make
from tracking.web.base import credential_of, server_page
from tracking.web.deletions import DeletionShown, deletion_shown
from tracking.web.errors import refusing_bad_values
from tracking.web.formats import NOTHING, format_bytes, format_count, format_duration, spell_marks, time_element
from tracking.web.fragments import render_page
from tracking.web.list_files import Cell, list_file
from tracking.work.queries import list_tasks
from tracking.work.services import start_task
from tracking.work.types import TaskRow, TaskState
from tracking.workspaces.types import Permission

ENDED = tuple(state for state in State if state not in OPEN_STATES)
MAX_OPEN, ENDED_PER_PAGE = 200, 50
MAX_WAITING = 1_000
FILE_HEAD = (
    *("deletion_id", "kind", "target", "mode", "state", "asked_by"),
    *("asked_at", "started_at", "ended_at", "bytes_freed", "error"),
)
TITLES = {
    "api.prepare_documents": gettext_lazy("Make the answers of ended runs ready"),
    "artifacts.measure_usage": gettext_lazy("Measure what workspaces hold"),
    "artifacts.sweep_partials": gettext_lazy("Remove what dead uploads left"),
    "audit.seal": gettext_lazy("Seal the audit log"),
    "cleanup.advance": gettext_lazy("Get on with a deletion"),
    "cleanup.empty_trash": gettext_lazy("Empty the trash of what is too old"),
    "cleanup.look_for_orphans": gettext_lazy("Look for orphans"),
    "cleanup.sweep": gettext_lazy("Find deletions that nobody works on"),
    "identity.forget_expired": gettext_lazy("Forget expired credentials"),
    "metrics.compact": gettext_lazy("Compact the metrics of a run"),
    "metrics.sweep": gettext_lazy("Compact the metrics of all runs"),
}
STATES = {
    TaskState.NEVER: pgettext_lazy("state of a task", "not yet"),
    TaskState.RUNNING: pgettext_lazy("state of a task", "runs"),
    TaskState.DONE: pgettext_lazy("state of a task", "done"),
    TaskState.FAILED: pgettext_lazy("state of a task", "failed"),
    TaskState.BROKEN_OFF: pgettext_lazy("state of a task", "broken off"),
}
CSS = {
    TaskState.NEVER: "scheduled",
    TaskState.RUNNING: "running",
    TaskState.DONE: "finished",
    TaskState.FAILED: "failed",
    TaskState.BROKEN_OFF: "failed",
}
WAITING: dict[str, Callable[[], int]] = {
    "api.prepare_documents": count_to_make,
    "metrics.sweep": lambda: count_waiting(most=MAX_WAITING),
}


@dataclass(frozen=True, slots=True)
class TaskShown:
    """A task of workers. ``waiting``: for how many runs there is something to do. ``can_start``: by hand."""

    name: str
    title: str
    state: str
    css: str
    error: str
    started: SafeString | str
    took: str
    every: str
    waiting: str
    can_start: bool


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
@require_http_methods(["GET", "HEAD", "POST"])
@server_page(need=Permission.MANAGE)
@refusing_bad_values()
def work(request: HttpRequest) -> HttpResponseBase:
    """Show what runs, waits, stands still or failed, live, and what has ended. POST ``start`` begins a task now.

    As a file, ``?format=csv`` or ``json``: every deletion there ever was, newest first.
    """
    if request.method == "POST":
        return _start(request, request.POST.get("start", ""))
    credential = credential_of(request)
    if file := list_file(request, name="deletions", head=FILE_HEAD, rows=_file_rows(credential)):
        return file
    under_way = queries.list_deletions(credential=credential, states=OPEN_STATES, limit=MAX_OPEN)
    ended = queries.list_deletions(
        credential=credential, states=ENDED, page_token=request.GET.get("page", ""), limit=ENDED_PER_PAGE
    )
    context = {
        "under_way": [deletion_shown(row, may_steer=True) for row in under_way.rows],
        "ended": [deletion_shown(row, may_steer=False) for row in ended.rows],
        "next_token": ended.next_token,
        "tasks": lambda: tasks_shown(utc_now()),
    }
    fragments = {"under-way": "work/_under_way.html", "tasks": "work/_tasks.html"}
    return render_page(request, "work/work.html", context, fragments=fragments)


def _file_rows(credential: Credential) -> Iterator[tuple[Cell, ...]]:
    token: str | None = ""
    while token is not None:
        page = queries.list_deletions(credential=credential, page_token=token, limit=MAX_OPEN)
        for row in page.rows:
            what = msgspec.json.encode({name: value for name, value in row.target.items() if name != "kind"}).decode()
            times = (row.asked_at, row.started_at, row.ended_at)
            yield row.uid, row.kind, what, row.mode, row.state, row.asked_by, *times, row.bytes_freed, row.error
        token = page.next_token


def _start(request: HttpRequest, name: str) -> HttpResponse:
    try:
        start_task(name=name, by=credential_of(request).user, now=utc_now())
    except NotFoundError as error:
        raise BadRequest(str(error)) from None
    messages.success(request, gettext("A worker was woken up: %(what)s.") % {"what": TITLES[name]})
    return redirect("web:work")


def tasks_shown(now: datetime) -> list[TaskShown]:
    """Return the tasks of workers as the page has them. Three queries."""
    return [_task_shown(row) for row in list_tasks(now=now)]


def _task_shown(row: TaskRow) -> TaskShown:
    waiting = WAITING.get(row.name)
    return TaskShown(
        name=row.name,
        title=str(TITLES.get(row.name, row.name)),
        state=str(STATES[row.state]),
        css=CSS[row.state],
        error=row.error,
        started=time_element(row.started_at, is_relative=True) if row.started_at else NOTHING,
        took=format_duration(row.took_s),
        every=format_duration(row.every_s) if row.every_s else gettext("when something happens"),
        waiting=format_count(waiting()) if waiting else NOTHING,
        can_start=row.every_s is not None and row.state is not TaskState.RUNNING,
    )


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
