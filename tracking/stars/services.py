"""Changes of stars. They concern nobody but who makes them, so that no event tells of them."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction

from tracking.core.errors import NotFoundError
from tracking.stars.models import Star
from tracking.stars.types import Kind

if TYPE_CHECKING:
    from tracking.identity.models import User
    from tracking.workspaces.models import Workspace


def star(*, kind: Kind, pk: int, workspace: "Workspace", by: "User", now: datetime) -> None:
    """Star a thing of a workspace. To star it again changes nothing.

    :raises NotFoundError: if it was removed for good meanwhile.
    """
    try:
        with transaction.atomic():
            Star.objects.get_or_create(
                owner=by, **{f"{kind}_id": pk}, defaults={"workspace": workspace, "created_at": now}
            )
    except IntegrityError:
        raise NotFoundError(f"The {kind} is gone.") from None


def unstar(*, kind: Kind, pk: int, by: "User") -> None:
    """Take one's star from a thing, if it has one."""
    Star.objects.filter(owner=by, **{kind: pk}).delete()
