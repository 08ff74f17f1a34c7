"""What people marked to find it again."""

from django.db import models
from django.db.models import Q


class Star(models.Model):
    """A person's mark on an experiment, a run or a registered model; it goes with either of them."""

    owner = models.ForeignKey("tracking.User", on_delete=models.CASCADE, related_name="+", db_index=False)
    workspace = models.ForeignKey("tracking.Workspace", on_delete=models.CASCADE, related_name="+")
    experiment = models.ForeignKey("tracking.Experiment", on_delete=models.CASCADE, related_name="+", null=True)
    run = models.ForeignKey("tracking.Run", on_delete=models.CASCADE, related_name="+", null=True)
    model = models.ForeignKey("tracking.RegisteredModel", on_delete=models.CASCADE, related_name="+", null=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "star"
        constraints = [
            models.UniqueConstraint(name="a_person_stars_an_experiment_once", fields=["owner", "experiment"]),
            models.UniqueConstraint(name="a_person_stars_a_run_once", fields=["owner", "run"]),
            models.UniqueConstraint(name="a_person_stars_a_model_once", fields=["owner", "model"]),
            models.CheckConstraint(
                name="a_star_is_on_one_thing",
                condition=Q(experiment__isnull=False, run=None, model=None)
                | Q(experiment=None, run__isnull=False, model=None)
                | Q(experiment=None, run=None, model__isnull=False),
            ),
        ]
