"""Django's sessions over identity's: idle and absolute ends, a list of browsers, and no secret in the database.

``SESSION_ENGINE`` names this module.
"""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError

from tracking.core.clock import utc_now
from tracking.identity import services
from tracking.identity.queries import is_session


class SessionStore(SessionBase):
    """The session of one browser."""

    def exists(self, session_key: str) -> bool:
        """Tell whether a key is taken."""
        return is_session(key=session_key)

    def create(self) -> None:
        """Make a new session under a fresh key."""
        self._session_key = self._get_new_session_key()  # type: ignore[attr-defined]  # of SessionBase
        self.save(must_create=True)
        self.modified = True

    def save(self, must_create: bool = False) -> None:
        """Keep the data. :raises CreateError, UpdateError: if the key is taken, or the session is over."""
        if self.session_key is None:
            return self.create()
        data = self._get_session(no_load=must_create)  # type: ignore[attr-defined]  # of SessionBase
        user = data.get(SESSION_KEY)
        is_saved = services.save_session(
            key=self.session_key,
            data=self.encode(data),
            user_id=None if user is None else int(user),
            idle=_idle(),
            life=_life(),
            is_new=must_create,
            now=utc_now(),
        )
        if not is_saved:
            raise CreateError if must_create else UpdateError

    def delete(self, session_key: str | None = None) -> None:
        """Forget a session: this one unless another is named."""
        key = session_key or self.session_key
        if key is not None:
            services.delete_session(key=key)

    def load(self) -> dict[str, Any]:
        """Return the data; of a session that is over or unknown, none, and no key either."""
        key = self.session_key or ""
        data = services.see_session(key=key, idle=_idle(), life=_life(), now=utc_now())
        if data is None:
            self._session_key = None
            return {}
        loaded: dict[str, Any] = self.decode(data)
        return loaded

    @classmethod
    def clear_expired(cls) -> None:
        """Do nothing: the task identity.forget_expired does."""


def _idle() -> timedelta:
    return timedelta(hours=settings.ENV.session_idle_hours)


def _life() -> timedelta:
    return timedelta(seconds=settings.SESSION_COOKIE_AGE)
