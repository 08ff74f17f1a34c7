"""Numbers, sizes, times and states as people read them. Pure: the same value is always the same text.

Values are made into text here and not by template filters, which cost seven times as much in a long table.
"""

import math
import re
from dataclasses import dataclass
from datetime import datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext

from tracking.runs.types import RunStatus

BYTE_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")
ELLIPSIS = "…"
DIRECTION_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
NOTHING = "\u2013"
MINUS_INFINITY = "\u2212∞"


def format_number(value: float) -> str:
    """Return at most six significant digits: 0.0123, 1.23e-05, 12,345.7, NaN, ∞, minus ∞.

    Whole numbers below 10^15 are shown in full, because they are often counts or seeds.
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else MINUS_INFINITY
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.6g}"


def format_bytes(size_bytes: int) -> str:
    """Return a size in binary units: 512 B, 1.2 MiB."""
    if size_bytes < 1024:
        return f"{size_bytes} B"
    size = float(size_bytes)
    for unit in BYTE_UNITS:
        size /= 1024
        if size < 1023.95 or unit == BYTE_UNITS[-1]:
            break
    return f"{size:.1f} {unit}"


def format_duration(duration_s: float | None) -> str:
    """Return a span of time by its two largest units: 0.42 s, 12.3 s, 5 min 07 s, 1 h 02 min, 3 d 04 h; 10 min, 1 h.

    None is a dash.
    """
    if duration_s is None:
        return NOTHING
    if duration_s < 10:
        return f"{max(duration_s, 0.0):.2f} s"
    if duration_s < 59.95:
        return f"{duration_s:.1f} s"
    minutes, seconds = divmod(round(duration_s), 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02d} s" if seconds else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours:02d} h" if hours else f"{days} d"


def format_count(count: int) -> str:
    """Return a count with separators: 12,345."""
    return f"{count:,}"


def format_time(at: datetime) -> str:
    """Return a moment to the minute: 2026-11-23 14:05 UTC. ``at`` is aware and in UTC."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def time_element(at: datetime | None, *, is_relative: bool = False) -> SafeString:
    """Return a ``<time>`` that static/js/frame.js turns into the reader's time, or into "5 minutes ago".

    None is a dash.
    """
    if at is None:
        return SafeString(NOTHING)
    return format_html(
        '<time datetime="{}" title="{} UTC"{}>{}</time>',
        at.isoformat(timespec="milliseconds"),
        f"{at:%Y-%m-%d %H:%M:%S}",
        SafeString(" data-relative") if is_relative else "",
        format_time(at),
    )


def shorten(text: str, *, length: int) -> str:
    """Return a text of at most ``length`` characters on one line, with an ellipsis where it was cut."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1].rstrip() + ELLIPSIS


@dataclass(frozen=True, slots=True)
class StatusShown:
    """A run's state for templates/components/status.html: never colour alone."""

    slug: str
    icon: str
    label: str

    @property
    def value(self) -> str:
        """The state as a filter writes it."""
        return self.slug.upper()


def status_shown(status: RunStatus) -> StatusShown:
    """Return the icon and the word of a state."""
    label = {
        RunStatus.RUNNING: pgettext("state of a run", "Running"),
        RunStatus.SCHEDULED: pgettext("state of a run", "Scheduled"),
        RunStatus.FINISHED: pgettext("state of a run", "Finished"),
        RunStatus.FAILED: pgettext("state of a run", "Failed"),
        RunStatus.KILLED: pgettext("state of a run", "Killed"),
    }[status]
    slug = status.value.lower()
    return StatusShown(slug=slug, icon=f"status-{slug}", label=label)


def spell_marks(text: str) -> str:
    """Return a text with its direction marks spelt out: by them "gpj.exe" could read "exe.jpg"."""
    return DIRECTION_MARKS.sub(lambda mark: f"[U+{ord(mark[0]):04X}]", text)


def unnamed(name: str) -> str:
    """Return a name, direction marks spelt out, or the words for one that is empty."""
    return spell_marks(name) or gettext("(no name)")
