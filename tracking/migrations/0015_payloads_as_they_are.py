"""Let PostgreSQL store packed points as they come: its compression cost four fifths of the work of a log-batch.

Blocks are compressed already, and segments become blocks.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

PAYLOADS = ("metric_segment", "metric_block")


def store_as_they_are(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    _store(schema_editor, "EXTERNAL")


def store_compressed(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    _store(schema_editor, "EXTENDED")


def _store(schema_editor: BaseDatabaseSchemaEditor, how: str) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    for table in PAYLOADS:
        schema_editor.execute(f"ALTER TABLE {table} ALTER COLUMN payload SET STORAGE {how}")


class Migration(migrations.Migration):
    dependencies = [("tracking", "0014_registered_models")]

    operations = [migrations.RunPython(store_as_they_are, store_compressed)]
