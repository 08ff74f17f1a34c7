"""People and their credentials."""

from django.contrib.auth.models import AbstractUser
from django.db import models

from tracking.identity.types import DeviceState, Scope, TokenKind


class User(AbstractUser):
    """A person, or a program that acts for one."""

    class Meta(AbstractUser.Meta):
        db_table = "user"


class AccessToken(models.Model):
    """A credential for the API: only its SHA-256 is kept.

    ``kind`` access: personal. ``kind`` tracking: for one workspace's tracking API (``run_uid``: for one run of it), at
    most an hour. ``parent``: the token that asked for this one, which ends no later than it; None: somebody who was
    signed in, or the installation, did. ``last_used_at`` is coarse (services.note_use) and of access tokens only.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="access_tokens")
    kind = models.CharField(max_length=8, choices=[(k.value, k.value) for k in TokenKind])
    name = models.CharField(max_length=200)
    digest = models.BinaryField(max_length=32, unique=True)
    hint = models.CharField(max_length=4)
    scope = models.CharField(max_length=6, choices=[(s.value, s.value) for s in Scope])
    workspace = models.ForeignKey("tracking.Workspace", on_delete=models.CASCADE, null=True, related_name="+")
    run_uid = models.CharField(max_length=32, blank=True)
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="children")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "access_token"
        constraints = [
            models.CheckConstraint(
                name="tracking_token_names_a_workspace",
                condition=~models.Q(kind=TokenKind.TRACKING) | models.Q(workspace__isnull=False),
            ),
            models.CheckConstraint(
                name="token_for_a_run_names_its_workspace",
                condition=models.Q(run_uid="") | models.Q(workspace__isnull=False),
            ),
            models.CheckConstraint(
                name="access_token_expires_after_creation", condition=models.Q(expires_at__gt=models.F("created_at"))
            ),
        ]


class SignInLink(models.Model):
    """A link that signs one person in, once."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_in_links")
    digest = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "sign_in_link"


class Session(models.Model):
    """Somebody's browser: only the SHA-256 of the cookie's value is kept.

    ``user`` None: nobody has signed in with it yet. ``expires_at``: the end of its life, or sooner where it is idle.
    """

    digest = models.BinaryField(max_length=32, unique=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="sessions")
    data = models.TextField()
    address = models.CharField(max_length=64, blank=True)
    agent = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "session"


class DeviceLogin(models.Model):
    """A program that asks to act for somebody: it shows ``user_code``, a person types it on the page and approves."""

    digest = models.BinaryField(max_length=32, unique=True)
    user_code = models.CharField(max_length=8, unique=True)
    client = models.CharField(max_length=200)
    address = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=9, choices=[(s.value, s.value) for s in DeviceState])
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    asked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "device_login"


class Attempts(models.Model):
    """How often something that can be guessed was tried since ``until`` minus the window; ``key``: a SHA-256."""

    key = models.BinaryField(max_length=32, unique=True)
    count = models.IntegerField()
    until = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "attempts"
