"""Answers to htmx: a part of a page where the script asked for it, the whole page to everybody else."""

from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

ANYWHERE = ""  # the key for an element that has no id, which htmx cannot name


def render_page(
    request: HttpRequest, page: str, context: Mapping[str, object], *, fragments: Mapping[str, str] | None = None
) -> HttpResponse:
    """Render ``page``, or the template that ``fragments`` names for the element that htmx is about to fill."""
    template = page
    if request.headers.get("HX-Request") == "true":
        template = (fragments or {}).get(request.headers.get("HX-Target", ANYWHERE), page)
    response = render(request, template, dict(context))
    # Without it "back" may show the cached part where the page belongs.
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response
