"""Words about workspaces and what people may do in them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

NAME_PATTERN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
RESERVED_NAMES = frozenset({"workspaces", "api", "ajax-api", "static-files"})
DEFAULT_NAME = "default"


class Role(StrEnum):
    """What a person is on the server, in a resource group or in a workspace; a role is inherited downwards."""

    OWNER = "owner"
    CONTRIBUTOR = "contributor"
    READER = "reader"


class LockLevel(StrEnum):
    """What a lock forbids: deleting, or every change of what is inside. Azure's words, which people know."""

    CAN_NOT_DELETE = "CanNotDelete"
    READ_ONLY = "ReadOnly"


class Permission(IntEnum):
    """What a route needs; a higher one includes the lower ones."""

    READ = 1
    WRITE = 2
    MANAGE = 3


@dataclass(frozen=True, slots=True)
class RoleRow:
    """A role that a person was given, and where: names of a group or a workspace; both None: on the server."""

    role: Role
    group: str | None
    workspace: str | None

    @property
    def scope(self) -> str:
        """What it was given on: server, group or workspace."""
        return "workspace" if self.workspace is not None else "group" if self.group is not None else "server"

    def holds_in(self, *, workspace: str, group: str) -> bool:
        """Tell whether it holds in a workspace of a group."""
        return self.group in (None, group) and self.workspace in (None, workspace)


@dataclass(frozen=True, slots=True)
class GroupChange:
    """What of a resource group is to be set; None: stays."""

    name: str | None = None
    description: str | None = None
    tags: Mapping[str, str] | None = None

    @property
    def fields(self) -> dict[str, object]:
        """The columns that are set, and their values."""
        given = {"name": self.name, "description": self.description, "tags": self.tags}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class WorkspaceChange:
    """What of a workspace is to be set; None: stays. A quota of 0 takes away what was set."""

    name: str | None = None
    description: str | None = None
    tags: Mapping[str, str] | None = None
    quota_bytes: int | None = None
    quota_runs: int | None = None

    @property
    def fields(self) -> dict[str, object]:
        """The columns that are set, and their values."""
        given = {"name": self.name, "description": self.description, "tags": self.tags}
        quotas = {"quota_bytes": self.quota_bytes, "quota_runs": self.quota_runs}
        return {name: value for name, value in given.items() if value is not None} | {
            name: value or None for name, value in quotas.items() if value is not None
        }


@dataclass(frozen=True, slots=True)
class EffectiveRole:
    """What a person is in a workspace: the highest of the roles that hold there, and so where it was given."""

    workspace: str
    given: RoleRow


@dataclass(frozen=True, slots=True)
class MemberRow:
    """Somebody with a role, and the place where they were given it."""

    username: str
    is_active: bool
    role: RoleRow


@dataclass(frozen=True, slots=True)
class LockRow:
    """A lock and what it stands on: the name of a group, or of a workspace."""

    name: str
    level: LockLevel
    note: str
    group: str | None
    workspace: str | None
    created_by: str
    created_at: datetime

    @property
    def where(self) -> str:
        """What it stands on, in words for an error."""
        return f"workspace {self.workspace!r}" if self.workspace else f"resource group {self.group!r}"


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A resource group as its readers see it; ``my_role`` is the asker's, inherited or not.

    ``deletion_uid``: the deletion that is removing it; empty: none.
    """

    name: str
    description: str
    tags: Mapping[str, str]
    created_at: datetime
    workspaces: tuple[str, ...]
    deletion_uid: str
    locks: tuple[LockRow, ...]
    artifact_bytes: int
    my_role: Role


@dataclass(frozen=True, slots=True)
class AccessExplained:
    """What somebody may do in a workspace, and why: what each role they have there permits, and the locks that hold.

    ``permission`` None: nothing, they do not even see it.
    """

    roles: tuple[tuple[RoleRow, Permission], ...]
    permission: Permission | None
    locks: tuple[LockRow, ...]
    deletion_uid: str


@dataclass(frozen=True, slots=True)
class WorkspaceRow:
    """A workspace as its readers see it; ``locks`` with those of its group. A quota of None: none of its own.

    ``former_names``: those under which it still answers.
    """

    pk: int
    name: str
    group: str
    description: str
    tags: Mapping[str, str]
    created_at: datetime
    deletion_uid: str
    locks: tuple[LockRow, ...]
    quota_bytes: int | None
    quota_runs: int | None
    artifact_bytes: int
    former_names: tuple[str, ...]
    my_role: Role
