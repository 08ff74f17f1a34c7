"""How somebody wants to see the runs of an experiment, kept under a name."""

from django.db import models
from django.db.models import Q

from tracking.saved_views.types import MAX_NAME


class SavedView(models.Model):
    """The query of an experiment's page under a name.

    Its owner alone sees it, or, if it is shared, the workspace. A default is what the experiment's bare address shows.
    """

    workspace = models.ForeignKey("tracking.Workspace", on_delete=models.CASCADE, related_name="+")
    experiment = models.ForeignKey("tracking.Experiment", on_delete=models.CASCADE, related_name="+")
    owner = models.ForeignKey("tracking.User", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=MAX_NAME)
    query = models.TextField()
    is_shared = models.BooleanField(default=False)
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "saved_view"
        constraints = [
            models.UniqueConstraint(name="a_saved_view_has_a_name_of_its_own", fields=["experiment", "owner", "name"]),
            models.UniqueConstraint(
                name="an_experiment_has_one_default_view", fields=["experiment"], condition=Q(is_default=True)
            ),
            models.CheckConstraint(name="a_default_view_is_shared", condition=Q(is_default=False) | Q(is_shared=True)),
        ]
