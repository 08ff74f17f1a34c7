"""Which language the pages speak, and the words that their scripts say."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import check_for_language
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe
from django.views.i18n import JavaScriptCatalog

from tracking.web.links import path_or

_catalogue = JavaScriptCatalog.as_view(domain="djangojs")


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Remember the language ``code`` in a cookie and go to ``back``, a path on this server."""
    code = request.POST.get("code", "")
    response = redirect(path_or(request.POST.get("back", ""), "web:home"))
    if code in dict(settings.LANGUAGES) and check_for_language(code):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            code,
            max_age=settings.LANGUAGE_COOKIE_AGE,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
    return response


@require_safe
@cache_control(private=True, max_age=3600)
def words(request: HttpRequest) -> HttpResponseBase:
    """Answer the scripts' catalogue of the reader's language as a script; static/js/words.js reads it."""
    return _catalogue(request)
