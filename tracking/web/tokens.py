"""One's own tokens: made, shown once, listed, revoked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tracking.core.clock import utc_now
from tracking.core.errors import NotFoundError
from tracking.identity.queries import list_tokens
from tracking.identity.services import issue_access_token, revoke_token
from tracking.identity.types import Scope, TokenKind, TokenRow
from tracking.web.base import credential_of
from tracking.web.formats import NOTHING, spell_marks, time_element
from tracking.web.list_files import Cell, list_file

SCOPE_WORDS = {
    Scope.READ: gettext_lazy("Read"),
    Scope.WRITE: gettext_lazy("Read and write"),
    Scope.MANAGE: gettext_lazy("Read, write and manage"),
}
LIVES = (
    (7, gettext_lazy("a week")),
    (30, gettext_lazy("30 days")),
    (90, gettext_lazy("90 days")),
    (365, gettext_lazy("a year")),
)


class TokenForm(forms.Form):
    """What a new access token is called, may do, and how long it lives."""

    name = forms.CharField(max_length=200, label=gettext_lazy("Name"))
    scope = forms.ChoiceField(
        choices=[(scope.value, words) for scope, words in SCOPE_WORDS.items()],
        initial=Scope.WRITE,
        label=gettext_lazy("It may"),
    )
    life_days = forms.TypedChoiceField(choices=LIVES, coerce=int, initial=90, label=gettext_lazy("It lives for"))


FILE_HEAD = (
    *("token_id", "kind", "name", "hint", "scope", "workspace", "run_id"),
    *("created_at", "expires_at", "last_used_at"),
)


@dataclass(frozen=True, slots=True)
class TokenShown:
    """A line of the list of tokens."""

    token_id: int
    name: str
    hint: str
    scope: str
    workspace: str
    run: str
    expires: SafeString
    used: SafeString | str


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def token_list(request: HttpRequest) -> HttpResponseBase:
    """Show the reader's tokens, also as a file. POST makes one and shows it, this once, or revokes one."""
    if request.method == "POST" and "revoke" in request.POST:
        return _revoke(request)
    user = credential_of(request).user
    form = TokenForm(request.POST if request.method == "POST" else None)
    text = ""
    if request.method == "POST" and form.is_valid():
        text = issue_access_token(
            user=user,
            name=form.cleaned_data["name"],
            scope=Scope(form.cleaned_data["scope"]),
            life=timedelta(days=form.cleaned_data["life_days"]),
            now=utc_now(),
        ).text
        form = TokenForm()
    rows = list_tokens(user=user, now=utc_now())
    if file := list_file(request, name="tokens", head=FILE_HEAD, rows=map(_file_row, rows)):
        return file
    context = {
        "form": form,
        "text": text,
        "access_tokens": [_shown(row) for row in rows if row.kind is TokenKind.ACCESS],
        "tracking_tokens": [_shown(row) for row in rows if row.kind is TokenKind.TRACKING],
    }
    return render(request, "tokens/token_list.html", context)


def _revoke(request: HttpRequest) -> HttpResponse:
    text, user = request.POST["revoke"], credential_of(request).user
    try:
        revoke_token(
            token_id=int(text) if text.isdecimal() and len(text) < 19 else 0, user=user, by=user, now=utc_now()
        )
    except NotFoundError:
        messages.error(request, gettext("This token is over already."))
    else:
        messages.success(request, gettext("The token is revoked, and so are those that were made with it."))
    return redirect("web:token_list")


def _file_row(row: TokenRow) -> tuple[Cell, ...]:
    about: tuple[Cell, ...] = (row.token_id, row.kind, row.name, row.hint, row.scope, row.workspace, row.run_uid)
    return (*about, row.created_at, row.expires_at, row.last_used_at)


def _shown(row: TokenRow) -> TokenShown:
    return TokenShown(
        token_id=row.token_id,
        name=spell_marks(row.name),
        hint=row.hint,
        scope=str(SCOPE_WORDS[row.scope]),
        workspace=row.workspace or "",
        run=row.run_uid,
        expires=time_element(row.expires_at),
        used=time_element(row.last_used_at, is_relative=True) if row.last_used_at else NOTHING,
    )
