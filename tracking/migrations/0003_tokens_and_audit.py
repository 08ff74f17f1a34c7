"""Tokens get a scope, a parent, a run and their last use; events get an origin, and nobody can change them any more."""

from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

REFUSAL = "The audit log is append-only."
PROTECT = {
    "sqlite": [
        f"CREATE TRIGGER audit_event_is_not_{done} BEFORE {verb} ON audit_event "
        f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        for verb, done in (("UPDATE", "changed"), ("DELETE", "deleted"))
    ],
    "postgresql": [
        "CREATE FUNCTION audit_event_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'integrity_constraint_violation'; END $$",
        "CREATE TRIGGER audit_event_is_append_only BEFORE UPDATE OR DELETE ON audit_event "
        "FOR EACH ROW EXECUTE FUNCTION audit_event_refuse()",
    ],
}
UNPROTECT = {
    "sqlite": ["DROP TRIGGER audit_event_is_not_changed", "DROP TRIGGER audit_event_is_not_deleted"],
    "postgresql": [
        "DROP TRIGGER audit_event_is_append_only ON audit_event",
        "DROP FUNCTION audit_event_refuse()",
    ],
}


def name_kinds(apps: Any, schema_editor: Any) -> None:
    events = apps.get_model("tracking", "AuditEvent").objects
    for verb in events.values_list("verb", flat=True).distinct():
        events.filter(verb=verb).update(kind=verb.partition(".")[0])


def protect(apps: Any, schema_editor: Any) -> None:
    for statement in PROTECT[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def unprotect(apps: Any, schema_editor: Any) -> None:
    for statement in UNPROTECT[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):

    dependencies = [("tracking", "0002_metric_block")]

    operations = [
        migrations.AddField("accesstoken", "last_used_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "accesstoken",
            "parent",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="children",
                to="tracking.accesstoken",
            ),
        ),
        migrations.AddField(
            "accesstoken", "run_uid", models.CharField(blank=True, default="", max_length=32), preserve_default=False
        ),
        migrations.AddField(
            "accesstoken",
            "scope",
            models.CharField(
                choices=[("read", "read"), ("write", "write"), ("manage", "manage")], default="write", max_length=6
            ),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            "accesstoken",
            models.CheckConstraint(
                condition=models.Q(("run_uid", ""), ("workspace__isnull", False), _connector="OR"),
                name="token_for_a_run_names_its_workspace",
            ),
        ),
        migrations.AddField(
            "auditevent",
            "address",
            models.CharField(blank=True, default="", max_length=64),
            preserve_default=False,
        ),
        migrations.AddField(
            "auditevent", "kind", models.CharField(default="", max_length=64), preserve_default=False
        ),
        migrations.AddField(
            "auditevent",
            "request_id",
            models.CharField(blank=True, default="", max_length=64),
            preserve_default=False,
        ),
        migrations.AddField(
            "auditevent", "result", models.CharField(default="done", max_length=200), preserve_default=False
        ),
        migrations.AddField("auditevent", "token_id", models.BigIntegerField(null=True)),
        migrations.AlterField(
            "auditevent",
            "by",
            models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RunPython(name_kinds, migrations.RunPython.noop),
        migrations.RunPython(protect, unprotect),
    ]
