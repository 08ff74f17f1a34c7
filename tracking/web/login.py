"""Where a person approves a program that asks to act for them (api/portal/login.py)."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tracking.core.clock import utc_now
from tracking.core.errors import NotFoundError, TooManyTriesError
from tracking.identity.queries import find_device_login
from tracking.identity.services import account_limits, count_try, decide_device_login, forget_tries
from tracking.identity.types import DEVICE_TOKEN_LIFE, DeviceRow
from tracking.web.base import credential_of
from tracking.web.formats import spell_marks, time_element
from tracking.web.sign_in import refuse_try


@dataclass(frozen=True, slots=True)
class DeviceShown:
    """The program that waits."""

    user_code: str
    client: str
    address: str
    asked: SafeString


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def device(request: HttpRequest) -> HttpResponse:
    """Ask for the code, show what waits with it and what it will get; POST with ``decision`` approves or denies."""
    if request.method != "POST":
        return render(request, "login/device.html", {"code": request.GET.get("code", "")[:20]})
    user, code = credential_of(request).user, request.POST.get("code", "")[:20]
    context: dict[str, object] = {"code": code}
    limits = account_limits(what="device code", username=user.get_username(), address=request.META["REMOTE_ADDR"])
    try:
        count_try(limits=limits, about=user.get_username(), now=utc_now())
    except TooManyTriesError as error:
        return refuse_try(request, "login/device.html", context, error)
    waiting = find_device_login(user_code=code, now=utc_now())
    if waiting is None:
        refusal = gettext("No program waits with this code. It may have expired: start again where you saw it.")
        return render(request, "login/device.html", {**context, "refusal": refusal}, status=404)
    forget_tries(limits=limits)
    decision = request.POST.get("decision", "")
    if decision not in ("approve", "deny"):
        days = DEVICE_TOKEN_LIFE.days
        return render(request, "login/device.html", {**context, "waiting": _shown(waiting), "days": days})
    try:
        decide_device_login(user_code=code, is_approved=decision == "approve", by=user, now=utc_now())
    except NotFoundError as error:
        return render(request, "login/device.html", {**context, "refusal": str(error)}, status=404)
    return render(request, "login/device.html", {"done": decision, "client": spell_marks(waiting.client)})


def _shown(row: DeviceRow) -> DeviceShown:
    return DeviceShown(
        user_code=f"{row.user_code[:4]}-{row.user_code[4:]}",
        client=spell_marks(row.client),
        address=row.address,
        asked=time_element(row.created_at, is_relative=True),
    )
