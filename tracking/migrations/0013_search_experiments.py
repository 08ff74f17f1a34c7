"""Searches of experiments read one index, their names included."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tracking", "0012_audit_seal")]

    operations = [
        migrations.RemoveIndex(model_name="experiment", name="experiment_newest"),
        migrations.AddIndex(
            model_name="experiment",
            index=models.Index(
                name="experiment_searched", fields=["workspace", "-created_at", "id", "deleted_at", "name"]
            ),
        ),
    ]
