"""Stars, and whose credential started a run."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

CASCADE = django.db.models.deletion.CASCADE
ON_ONE_THING = (
    models.Q(experiment__isnull=False, run=None, model=None)
    | models.Q(experiment=None, run__isnull=False, model=None)
    | models.Q(experiment=None, run=None, model__isnull=False)
)


def of(table: str, *, null: bool = False, db_index: bool = True) -> "models.ForeignKey[models.Model, models.Model]":
    return models.ForeignKey(on_delete=CASCADE, related_name="+", to=table, null=null, db_index=db_index)


class Migration(migrations.Migration):
    dependencies = [("tracking", "0016_names_of_people_and_things")]

    operations = [
        migrations.AddField(model_name="run", name="created_by", field=models.CharField(max_length=150, null=True)),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                name="run_newest_of_a_person",
                fields=["created_by", "-started_at"],
                condition=models.Q(deleted_at__isnull=True, created_by__isnull=False),
            ),
        ),
        migrations.CreateModel(
            name="Star",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("owner", of(settings.AUTH_USER_MODEL, db_index=False)),
                ("workspace", of("tracking.workspace")),
                ("experiment", of("tracking.experiment", null=True)),
                ("run", of("tracking.run", null=True)),
                ("model", of("tracking.registeredmodel", null=True)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "db_table": "star",
                "constraints": [
                    models.UniqueConstraint(name="a_person_stars_an_experiment_once", fields=["owner", "experiment"]),
                    models.UniqueConstraint(name="a_person_stars_a_run_once", fields=["owner", "run"]),
                    models.UniqueConstraint(name="a_person_stars_a_model_once", fields=["owner", "model"]),
                    models.CheckConstraint(name="a_star_is_on_one_thing", condition=ON_ONE_THING),
                ],
            },
        ),
    ]
