"""Addresses with a credential in them, for the terminal of the person who runs the server."""

from datetime import datetime
from urllib.parse import quote, urlsplit

from django.conf import settings

from tracking.identity.queries import Credential, get_user
from tracking.identity.services import issue_sign_in_link, issue_tracking_token
from tracking.workspaces import access
from tracking.workspaces.types import Permission


def new_tracking_uri(*, username: str, workspace: str, now: datetime) -> str:
    """Return what mlflow.set_tracking_uri is given, with a token that lives an hour.

    :raises NotFoundError: if there is no such user, or no such workspace that they may read.
    """
    user = get_user(username=username)
    found = access.require(
        credential=Credential(user=user, workspace_id=None), workspace=workspace, need=Permission.READ
    )
    token = issue_tracking_token(user=user, workspace_id=found.pk, name="manage.py tracking_uri", now=now).text
    address = urlsplit(settings.PORTAL_URL)
    return f"{address.scheme}://{quote(username, safe='')}:{token}@{address.netloc}/w/{found.name}"


def new_sign_in_link(*, username: str, now: datetime) -> str:
    """Return a link that signs the user in, once, within a quarter of an hour.

    :raises NotFoundError: if there is no such user.
    """
    return f"{settings.PORTAL_URL}/sign-in/{issue_sign_in_link(user=get_user(username=username), by=None, now=now)}"
