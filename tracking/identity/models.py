"""People and their credentials."""

from django.contrib.auth.models import AbstractUser
from django.db import models

from tracking.identity.types import Scope, TokenKind


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
