"""Forms that say by ``action`` which of a page's changes they ask for; the views authorise."""

from collections.abc import Callable, Mapping
from typing import ParamSpec

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.utils.translation import gettext

from tracking.core.errors import TrackingError

About = ParamSpec("About")


def carry_out(
    request: HttpRequest, actions: Mapping[str, Callable[About, str]], *about: About.args, **more: About.kwargs
) -> bool:
    """Carry out the action that a form names, and tell the reader on the next page what became of it.

    Return whether it was done.
    """
    action = actions.get(request.POST.get("action", ""))
    if action is None:
        raise BadRequest(gettext("The form names no change that can be made here."))
    try:
        done = action(*about, **more)
    except TrackingError as error:
        messages.error(request, str(error))
        return False
    messages.success(request, done)
    return True
