"""What each role permits."""

from tracking.workspaces.types import Permission, Role

PERMISSION_BY_ROLE = {
    Role.READER: Permission.READ,
    Role.CONTRIBUTOR: Permission.WRITE,
    Role.OWNER: Permission.MANAGE,
}
