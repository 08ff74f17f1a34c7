"""The first start: somebody who may do everything, and somewhere to log to."""

from datetime import datetime

from django.db import transaction

from tracking.identity.queries import has_users
from tracking.identity.services import create_user
from tracking.runs.provisioning import provision_workspace
from tracking.workspaces.services import assign_role, create_group
from tracking.workspaces.types import DEFAULT_NAME, Role

FIRST_OWNER = "owner"


@transaction.atomic
def install(*, now: datetime) -> None:
    """Create the first owner, resource group ``default`` and workspace ``default``; nothing if anybody exists."""
    if has_users():
        return
    owner = create_user(username=FIRST_OWNER, by=None, now=now)
    assign_role(user=owner, role=Role.OWNER, by=None, now=now)
    group = create_group(name=DEFAULT_NAME, by=None, now=now)
    provision_workspace(name=DEFAULT_NAME, group=group, by=None, now=now)
