"""``users``: who may come in; for the server's owners."""

from typing import TYPE_CHECKING

from tracking.api.base import endpoint
from tracking.api.portal import person_shapes as shapes
from tracking.api.portal.base import Call, Listing, Nothing, page_after, page_size, read_word
from tracking.core.errors import InvalidParameterError, NotFoundError
from tracking.core.json import Request
from tracking.core.pages import encode_token
from tracking.identity import services
from tracking.identity.queries import find_person, list_people, person_row
from tracking.identity.types import INVITATION_LIFE
from tracking.workspaces.queries import list_roles, roles_by_person
from tracking.workspaces.services import invite
from tracking.workspaces.types import Role

if TYPE_CHECKING:
    from tracking.identity.models import User


class InviteUser(Request):
    """A new person, and what they are on the server, if anything."""

    username: str
    email: str | None = None
    role: str | None = None


class ChangeUser(Request):
    """Whether a person may come in."""

    is_active: bool | None = None


class CreateLink(Request):
    """Whether the password, the sessions and the older links of the person end."""

    resets_password: bool | None = None


@endpoint(Listing)
def list(call: Call, body: Listing) -> shapes.Users:
    """Return people, by name."""
    limit = page_size(body)
    found = list_people(after=page_after(body), limit=limit + 1)
    rows = found[:limit]
    roles = roles_by_person(people=[row.pk for row in rows])
    token = encode_token((rows[-1].username,)) if len(found) > limit else None
    return shapes.Users([shapes.user(row, roles.get(row.pk, [])) for row in rows], token)


@endpoint(InviteUser)
def create(call: Call, body: InviteUser) -> shapes.InvitedUser:
    """Invite a person: they come in by the link, once, and set a password."""
    user, secret = invite(
        username=body.username, email=body.email or "", role=_role(body.role), by=call.user, now=call.now
    )
    return shapes.InvitedUser(_shown(user), shapes.sign_in_link(secret), call.now + INVITATION_LIFE)


@endpoint(Nothing)
def show(call: Call, body: Nothing, username: str) -> shapes.User:
    """Return a person and what they are where."""
    return _shown(_person(username))


@endpoint(ChangeUser)
def update(call: Call, body: ChangeUser, username: str) -> shapes.User:
    """Keep a person out, whose sessions and tokens end at once, or let them in again."""
    user = _person(username)
    if body.is_active is None:
        raise InvalidParameterError("Nothing to change: give is_active.")
    services.set_active(user=user, is_active=body.is_active, by=call.user, now=call.now)
    return _shown(user)


@endpoint(CreateLink)
def sign_in_link(call: Call, body: CreateLink, username: str) -> shapes.SignInLink:
    """Make a link that signs a person in, once."""
    user = _person(username)
    if body.resets_password:
        secret = services.reset_password(user=user, by=call.user, now=call.now)
    else:
        secret = services.issue_sign_in_link(user=user, life=INVITATION_LIFE, by=call.user, now=call.now)
    return shapes.SignInLink(shapes.sign_in_link(secret), call.now + INVITATION_LIFE)


def _person(username: str) -> "User":
    user = find_person(username=username)
    if user is None:
        raise NotFoundError(f"There is no user named {username[:150]!r}.")
    return user


def _role(text: str | None) -> Role | None:
    return read_word(text, among=tuple(Role), field="role") if text else None


def _shown(user: "User") -> shapes.User:
    return shapes.user(person_row(user), list_roles(user=user))
