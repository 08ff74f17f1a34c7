"""Signing in with an OpenID Connect provider. django-allauth speaks the protocol; who comes in is decided here."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

import jwt
import structlog
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from tracking.core.clock import utc_now
from tracking.core.errors import InvalidParameterError, InvalidStateError
from tracking.identity.queries import has_email, has_linked
from tracking.identity.services import create_user, note_link, note_sign_in
from tracking.identity.services import unlink as unlink_account
from tracking.web.base import credential_of
from tracking.web.sign_in import BACKEND, safe_next

if TYPE_CHECKING:
    from allauth.socialaccount.models import SocialLogin

    from tracking.identity.models import User

# A provider signs with a private key. The others are left out lest its public key be taken for a shared secret.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LINKS_UNTIL = "oidc_links_until"
LINK_LIFE = timedelta(minutes=10)
log = structlog.get_logger(__name__)


class Provider(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]  # allauth has no types
    """The protocol, with the signature of every ID token checked, and the profile held to be of the same person."""

    def complete_login(self, request: HttpRequest, app: SocialApp, token: Any, **kwargs: Any) -> SocialLogin:
        """Return who came back. :raises OAuth2Error: if the provider does not vouch for them."""
        id_token = kwargs["response"].get("id_token")
        if not id_token:
            raise OAuth2Error("The provider sent no ID token.")
        claims = self._decode_id_token(app, id_token)
        profile = self._fetch_user_info(token.token)
        if not claims.get("sub") or profile.get("sub") != claims["sub"]:
            raise OAuth2Error("The ID token and the profile are of different people.")  # OpenID Connect Core, 5.3.2
        return self.get_provider().sociallogin_from_response(request, {"userinfo": profile, "id_token": claims})

    def _decode_id_token(self, app: SocialApp, id_token: str) -> dict[str, Any]:
        try:
            algorithm = jwt.get_unverified_header(id_token).get("alg")
        except jwt.PyJWTError as error:
            raise OAuth2Error("The ID token cannot be read.") from error
        if algorithm not in ALGORITHMS:
            raise OAuth2Error(f"ID tokens signed with {algorithm} are not accepted.")
        self.did_fetch_access_token = False  # allauth would trust the connection alone
        claims: dict[str, Any] = super()._decode_id_token(app, id_token)
        return claims


class Adapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """What allauth asks us: whom the provider's word lets in."""

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> NoReturn:
        """Sign in whom the provider vouches for: somebody known by it, else a new person without any role.

        Where somebody who is signed in asked for it on the account page, link them to who they are there.

        :raises ImmediateHttpResponse: always: allauth's own pages are not used.
        """
        if _wants_link(request):
            self._link(request, sociallogin)
        user: User | None = sociallogin.user if sociallogin.is_existing else self._new_user(request, sociallogin)
        if user is None:
            raise ImmediateHttpResponse(redirect("web:sign_in"))
        if not user.is_active:
            messages.error(request, gettext("Your account is disabled. Ask an owner of this server."))
            raise ImmediateHttpResponse(redirect("web:sign_in"))
        login(request, user, backend=BACKEND)
        note_sign_in(user=user, how="openid connect", now=utc_now())
        raise ImmediateHttpResponse(redirect(safe_next(sociallogin.state.get("next") or "")))

    def on_authentication_error(self, request: HttpRequest, provider: object, **details: object) -> NoReturn:
        """Lead back to the sign-in page. :raises ImmediateHttpResponse: always."""
        log.warning("oidc_failed", error=str(details.get("error")), reason=str(details.get("exception")))
        messages.error(request, gettext("The other provider did not sign you in. Try again, or use a password."))
        raise ImmediateHttpResponse(redirect("web:sign_in"))

    def _new_user(self, request: HttpRequest, sociallogin: SocialLogin) -> User | None:
        """Create a person under the provider's name for them; never take over one who has it here already."""
        profile = sociallogin.account.extra_data["userinfo"]
        email = str(profile.get("email") or "")
        username = str(profile.get("preferred_username") or email.partition("@")[0])
        try:
            if has_email(email=email):
                raise InvalidParameterError(email)
            user = create_user(username=username, email=email, by=None, now=utc_now())
        except InvalidParameterError:
            text = gettext(
                "The name %(name)s or the e-mail address is taken here, or cannot be used. If the account is yours, "
                "sign in to it another way and link it on its page; else ask an owner of this server."
            )
            messages.error(request, text % {"name": username[:150] or "?"})
            return None
        sociallogin.connect(request, user)
        return user

    def _link(self, request: HttpRequest, sociallogin: SocialLogin) -> NoReturn:
        """Link who is signed in to who came back, unless that is somebody else here.

        :raises ImmediateHttpResponse: always.
        """
        user = credential_of(request).user
        if sociallogin.is_existing and sociallogin.user.pk != user.pk:
            messages.error(request, gettext("The other provider's account is linked to somebody else here."))
        else:
            if not sociallogin.is_existing:
                sociallogin.connect(request, user)
                note_link(user=user, now=utc_now())
            messages.success(request, gettext("You can sign in with the other provider from now on."))
        raise ImmediateHttpResponse(redirect("web:account"))


def is_linked(request: HttpRequest) -> bool | None:
    """Tell whether the reader has linked the provider; None if there is no provider. One query."""
    return has_linked(user=credential_of(request).user) if settings.OIDC_ID else None


@require_POST
@login_required
def link(request: HttpRequest) -> HttpResponseBase:
    """Send who is signed in to the provider, to be linked to who they are there.

    The session remembers it for some minutes: a link of another site to ``begin`` links nobody.
    """
    if not settings.OIDC_ID:
        raise Http404
    request.session[LINKS_UNTIL] = (utc_now() + LINK_LIFE).isoformat()
    return redirect("openid_connect_login", settings.OIDC_ID)


@require_POST
@login_required
def unlink(request: HttpRequest) -> HttpResponseBase:
    """Take the provider's word for the reader no longer, unless they could not come in any more."""
    if not settings.OIDC_ID:
        raise Http404
    try:
        unlink_account(user=credential_of(request).user, now=utc_now())
    except InvalidStateError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, gettext("The other provider does not sign you in any more."))
    return redirect("web:account")


def _wants_link(request: HttpRequest) -> bool:
    until = request.session.pop(LINKS_UNTIL, "")
    return request.user.is_authenticated and until > utc_now().isoformat()


@never_cache
@require_safe
def begin(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Send the reader to the provider. 404 if there is none of this name."""
    return _answer(OAuth2LoginView, request, provider_id)


@never_cache
@require_safe
def come_back(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Take the provider's answer and sign the reader in, or say that it did not work."""
    return _answer(OAuth2CallbackView, request, provider_id)


def _answer(view: Any, request: HttpRequest, provider_id: str) -> HttpResponseBase:
    try:
        response: HttpResponseBase = view.adapter_view(Provider(request, provider_id))(request)
    except SocialApp.DoesNotExist:
        raise Http404 from None
    return response
