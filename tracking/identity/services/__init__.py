"""Changes to people and credentials."""

from tracking.identity.services.people import (
    create_user,
    forget_expired,
    issue_sign_in_link,
    set_password,
    use_sign_in_link,
)
from tracking.identity.services.tokens import (
    issue_access_token,
    issue_tracking_token,
    note_use,
    renew_tracking_token,
    revoke_token,
    revoke_workspace_tokens,
)

__all__ = [
    "create_user",
    "forget_expired",
    "issue_access_token",
    "issue_sign_in_link",
    "issue_tracking_token",
    "note_use",
    "renew_tracking_token",
    "revoke_token",
    "revoke_workspace_tokens",
    "set_password",
    "use_sign_in_link",
]
