"""Changes to people and credentials."""

from tracking.identity.services.devices import ask_device_login, collect_device_token, decide_device_login
from tracking.identity.services.people import (
    create_user,
    forget_expired,
    issue_sign_in_link,
    note_link,
    note_sign_in,
    reset_password,
    set_active,
    set_password,
    unlink,
    use_sign_in_link,
)
from tracking.identity.services.sessions import (
    delete_session,
    end_session,
    save_session,
    see_session,
    sign_out_everywhere,
)
from tracking.identity.services.throttle import account_limits, address_limits, count_try, forget_tries
from tracking.identity.services.tokens import (
    issue_access_token,
    issue_tracking_token,
    note_use,
    renew_tracking_token,
    revoke_token,
    revoke_workspace_tokens,
)

__all__ = [
    "account_limits",
    "address_limits",
    "ask_device_login",
    "collect_device_token",
    "count_try",
    "create_user",
    "decide_device_login",
    "delete_session",
    "end_session",
    "forget_expired",
    "forget_tries",
    "issue_access_token",
    "issue_sign_in_link",
    "issue_tracking_token",
    "note_link",
    "note_sign_in",
    "note_use",
    "renew_tracking_token",
    "reset_password",
    "revoke_token",
    "revoke_workspace_tokens",
    "save_session",
    "see_session",
    "set_active",
    "set_password",
    "sign_out_everywhere",
    "unlink",
    "use_sign_in_link",
]
