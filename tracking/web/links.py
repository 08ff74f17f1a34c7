"""Addresses of a page in another state. The state is the query: what a link does not change, it keeps."""

from collections.abc import Sequence

from django.http import QueryDict
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme


def link_with(query: QueryDict, **changes: str | Sequence[str] | None) -> str:
    """Return a link to this page with parts of its query replaced, or left out where a change is None."""
    return f"?{query_with(query, **changes)}"


def query_with(query: QueryDict, **changes: str | Sequence[str] | None) -> str:
    """Return the query with parts of it replaced, or left out where a change is None."""
    changed = query.copy()
    for name, value in changes.items():
        if value is None:
            changed.pop(name, None)
        else:
            changed.setlist(name, [value] if isinstance(value, str) else list(value))
    return changed.urlencode(safe="/,")


def kept_fields(query: QueryDict, *without: str) -> list[tuple[str, str]]:
    """Return what a form has to send besides its own fields, as (name, value)."""
    return [(name, value) for name, values in query.lists() if name not in without for value in values if value]


def path_or(wanted: str, page: str, *args: object) -> str:
    """Return ``wanted`` if it is a path on this server, else the address of a page."""
    if wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        return wanted
    return reverse(page, args=args)
