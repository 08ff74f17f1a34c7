"""Words about workspaces and what people may do in them."""

import re
from dataclasses import dataclass
from enum import IntEnum, StrEnum

NAME_PATTERN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
RESERVED_NAMES = frozenset({"workspaces", "api", "ajax-api", "static-files"})
DEFAULT_NAME = "default"


class Role(StrEnum):
    """What a person is on the server, in a resource group or in a workspace; a role is inherited downwards."""

    OWNER = "owner"
    CONTRIBUTOR = "contributor"
    READER = "reader"


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
