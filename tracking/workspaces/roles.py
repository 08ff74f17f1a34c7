"""What each role, and each scope of a token, permits."""

from tracking.identity.types import Scope
from tracking.workspaces.types import Permission, Role

PERMISSION_BY_ROLE = {
    Role.READER: Permission.READ,
    Role.CONTRIBUTOR: Permission.WRITE,
    Role.OWNER: Permission.MANAGE,
}
PERMISSION_BY_SCOPE = {
    Scope.READ: Permission.READ,
    Scope.WRITE: Permission.WRITE,
    Scope.MANAGE: Permission.MANAGE,
}
