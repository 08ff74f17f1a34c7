"""Ann owns, Bob reads, Cleo is a stranger."""

from dataclasses import dataclass
from typing import Self

from tracking.core.clock import utc_now
from tracking.identity.models import User
from tracking.identity.services import create_user, issue_access_token, issue_tracking_token
from tracking.identity.types import Scope
from tracking.runs.services import create_default_experiment
from tracking.workspaces.models import Workspace
from tracking.workspaces.services import assign_role, create_group, create_workspace
from tracking.workspaces.types import DEFAULT_NAME, Role


@dataclass(frozen=True, slots=True)
class Person:
    """A user and a credential that tests send."""

    user: User
    token: str

    def personal_token(self, *, scope: Scope = Scope.MANAGE) -> str:
        """Return the text of a new access token: good for every workspace, and for managing."""
        return issue_access_token(user=self.user, name="test", scope=scope, now=utc_now()).text

    @property
    def headers(self) -> dict[str, str]:
        """What a request of this person carries: ``client.get(url, headers=people.ann.headers)``."""
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True, slots=True)
class People:
    """A workspace, with its group and its Default experiment, and who is what in it."""

    workspace: Workspace
    ann: Person
    bob: Person
    cleo: Person

    @classmethod
    def around(cls, name: str = DEFAULT_NAME) -> Self:
        """Create workspace ``name`` in a group of the same name; the people too, where they do not exist yet."""
        now = utc_now()
        group = create_group(name=name, by=None, now=now)
        workspace = create_workspace(name=name, group=group, by=None, now=now)
        create_default_experiment(workspace=workspace, by=None, now=now)
        people = cls(workspace, *(_person(name, workspace) for name in ("ann", "bob", "cleo")))
        assign_role(user=people.ann.user, role=Role.OWNER, workspace=workspace, by=None, now=now)
        assign_role(user=people.bob.user, role=Role.READER, workspace=workspace, by=None, now=now)
        return people


def _person(username: str, workspace: Workspace) -> Person:
    now = utc_now()
    user = User.objects.filter(username=username).first() or create_user(username=username, by=None, now=now)
    return Person(user, issue_tracking_token(user=user, workspace_id=workspace.pk, name="test", now=now).text)
