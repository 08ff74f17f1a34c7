"""Calls of the REST API v1, by somebody with a personal access token."""

import json
from dataclasses import dataclass
from typing import Any, Self

from django.test import Client, TestCase

from tracking.core.clock import utc_now
from tracking.identity.models import User
from tracking.identity.services import issue_access_token


@dataclass(frozen=True)
class Asker:
    """Somebody with a token."""

    token: str

    @classmethod
    def of(cls, user: User) -> Self:
        """Return a person with an access token that is good wherever they have a role."""
        return cls(issue_access_token(user=user, name="test", now=utc_now()).text)

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Send JSON below ``/api/v1/``; return the status and what came back."""
        # What the server does after a commit, it does here when the request is over: the test's own transaction stays.
        with TestCase.captureOnCommitCallbacks(execute=True):
            response = Client(raise_request_exception=False).generic(
                method,
                f"/api/v1/{path}",
                b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode(),
                content_type="application/json",
                headers={"Authorization": f"Bearer {self.token}"},
            )
        return response.status_code, json.loads(response.content) if response.content else None

    def done(self, method: str, path: str, body: object = None) -> Any:
        """Send what must succeed and return what came back."""
        status, answer = self.ask(method, path, body)
        assert status < 400, answer
        return answer

    def refused(self, method: str, path: str, body: object = None) -> tuple[int, str, str]:
        """Send what must fail; return the status, the code and the message."""
        status, answer = self.ask(method, path, body)
        assert status >= 400, answer
        return status, answer["error_code"], answer["message"]
