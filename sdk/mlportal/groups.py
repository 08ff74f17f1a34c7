"""Resource groups, and the locks that groups and workspaces have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mlportal import deletions
from mlportal._config import resolve_endpoint
from mlportal._pages import list_all
from mlportal._times import parse_time
from mlportal._transport import Transport, quoted
from mlportal.deletions import Deletion, DeletionPlan
from mlportal.errors import AlreadyExistsError, NotFoundError

PATH = "api/v1/groups"
CAN_NOT_DELETE, READ_ONLY = "CanNotDelete", "ReadOnly"


@dataclass(frozen=True)
class Lock:
    """A lock of a group or workspace. ``level``: CanNotDelete or ReadOnly."""

    name: str
    level: str
    note: str


@dataclass(frozen=True)
class ResourceGroup:
    """A named container of workspaces that are created, paid for and deleted together, as it was when it was read.

    ``state``: active or deleting; ``deletion``: the uid of the deletion that takes it away; ``my_role``: yours in it.
    """

    name: str
    description: str
    tags: Mapping[str, str]
    state: str
    deletion: str | None
    created_at: datetime | None
    workspaces: tuple[str, ...]
    locks: tuple[Lock, ...]
    my_role: str | None
    _transport: Transport = field(repr=False, compare=False)

    @staticmethod
    def create(
        name: str,
        *,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        exist_ok: bool = False,
        endpoint: str | None = None,
        auth: str | None = None,
    ) -> ResourceGroup:
        """Create a group; you own it.

        ``endpoint``, ``auth``: the server and an access token, by default those of the environment.

        :raises AlreadyExistsError: if the name is taken, unless ``exist_ok``.
        """
        transport = Transport(resolve_endpoint(endpoint), token=auth)
        body = {"name": name, "description": description, "tags": dict(tags or {})}
        try:
            return _group(transport, transport.call("POST", PATH, body=body, may_repeat=False))
        except AlreadyExistsError:
            if not exist_ok:
                raise
            return get_group(transport, name)

    @staticmethod
    def get(name: str, *, endpoint: str | None = None, auth: str | None = None) -> ResourceGroup:
        """Return a group. :raises NotFoundError: if there is none that you may see."""
        return get_group(Transport(resolve_endpoint(endpoint), token=auth), name)

    @staticmethod
    def list(*, endpoint: str | None = None, auth: str | None = None) -> list[ResourceGroup]:
        """Return the groups that you may see, by name."""
        return [*list_groups(Transport(resolve_endpoint(endpoint), token=auth))]

    @staticmethod
    def exists(name: str, *, endpoint: str | None = None, auth: str | None = None) -> bool:
        """Tell whether there is a group of this name that you may see."""
        try:
            ResourceGroup.get(name, endpoint=endpoint, auth=auth)
        except NotFoundError:
            return False
        return True

    def refresh(self) -> ResourceGroup:
        """Return the group as it is now."""
        return get_group(self._transport, self.name)

    def update(
        self, *, name: str | None = None, description: str | None = None, tags: Mapping[str, str] | None = None
    ) -> ResourceGroup:
        """Change what is given and return the group as it is then. ``tags`` replace all there are."""
        given = {"name": name, "description": description, "tags": None if tags is None else dict(tags)}
        body = {key: value for key, value in given.items() if value is not None}
        return _group(self._transport, self._transport.call("PATCH", _path(self.name), body=body))

    def lock(self, name: str, level: str = CAN_NOT_DELETE, *, note: str = "") -> Lock:
        """Lock the group and all in it. ``level``: CanNotDelete or ReadOnly."""
        return add_lock(self._transport, _path(self.name), name=name, level=level, note=note)

    def unlock(self, name: str) -> None:
        """Remove a lock. :raises NotFoundError: if the group has none of this name."""
        remove_lock(self._transport, _path(self.name), name)

    def plan_deletion(self) -> DeletionPlan:
        """Return what ``delete`` would take away; changes nothing."""
        return deletions.plan_deletion(self._transport, self._target())

    def delete(
        self,
        *,
        no_wait: bool = False,
        even_running: bool = False,
        timeout_s: float | None = None,
        on_progress: Callable[[Deletion], None] | None = None,
    ) -> Deletion:
        """Delete the group with all that is in it, for good. Returns when it is done; at once with ``no_wait``.

        :raises ConflictError: if a lock forbids it, or a run still runs and not ``even_running``.
        :raises DeletionFailedError: if it stops before its end.
        """
        return deletions.delete(
            self._transport,
            self._target(),
            confirm=self.name,
            even_running=even_running,
            no_wait=no_wait,
            timeout_s=timeout_s,
            on_progress=on_progress,
        )

    def _target(self) -> dict[str, str]:
        return {"kind": "group", "group": self.name}


def get_group(transport: Transport, name: str) -> ResourceGroup:
    """Return a group. :raises NotFoundError: if there is none that you may see."""
    return _group(transport, transport.get(_path(name)))


def list_groups(transport: Transport) -> Iterator[ResourceGroup]:
    """Yield the groups that you may see, by name."""
    return (_group(transport, row) for row in list_all(transport, PATH, "groups"))


def add_lock(transport: Transport, owner: str, *, name: str, level: str, note: str) -> Lock:
    """Lock what lies at the path ``owner``."""
    body = {"name": name, "level": level, "note": note}
    return lock_of(transport.call("POST", f"{owner}/locks", body=body, may_repeat=False))


def remove_lock(transport: Transport, owner: str, name: str) -> None:
    """Remove a lock of what lies at the path ``owner``."""
    transport.call("DELETE", f"{owner}/locks/{quoted(name)}")


def lock_of(answer: Mapping[str, Any]) -> Lock:
    """Return a lock of the server's JSON."""
    return Lock(name=answer["name"], level=answer["level"], note=answer.get("note", ""))


def _path(name: str) -> str:
    return f"{PATH}/{quoted(name)}"


def _group(transport: Transport, answer: Mapping[str, Any]) -> ResourceGroup:
    return ResourceGroup(
        name=answer["name"],
        description=answer["description"],
        tags=answer["tags"],
        state=answer["state"],
        deletion=answer["deletion"],
        created_at=parse_time(answer["created_at"]),
        workspaces=tuple(answer["workspaces"]),
        locks=tuple(lock_of(one) for one in answer["locks"]),
        my_role=answer["my_role"],
        _transport=transport,
    )
