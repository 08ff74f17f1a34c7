"""Logged models: models that runs made, before anybody registers them."""

from django.db import models

from tracking.registry.types import LoggedModelStatus


class LoggedModel(models.Model):
    """A model that a run logged. ``deleted_at`` set: deleted."""

    uid = models.CharField(max_length=34, unique=True)
    workspace = models.ForeignKey("tracking.Workspace", on_delete=models.PROTECT, related_name="+")
    experiment = models.ForeignKey("tracking.Experiment", on_delete=models.PROTECT, related_name="logged_models")
    source_run = models.ForeignKey("tracking.Run", on_delete=models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=500)
    model_type = models.CharField(max_length=500, blank=True)
    status = models.CharField(max_length=26, choices=[(s.value, s.value) for s in LoggedModelStatus])
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "logged_model"
        indexes = [models.Index(name="logged_model_newest", fields=["experiment", "-created_at", "uid"])]


class LoggedModelParam(models.Model):
    """A param of a logged model; never changes."""

    model = models.ForeignKey(LoggedModel, on_delete=models.CASCADE, related_name="params")
    key = models.CharField(max_length=250)
    value = models.CharField(max_length=6_000)

    class Meta:
        db_table = "logged_model_param"
        constraints = [models.UniqueConstraint(name="logged_model_param_key_is_unique", fields=["model", "key"])]


class LoggedModelTag(models.Model):
    """A tag of a logged model."""

    model = models.ForeignKey(LoggedModel, on_delete=models.CASCADE, related_name="tags")
    key = models.CharField(max_length=250)
    value = models.CharField(max_length=8_000)

    class Meta:
        db_table = "logged_model_tag"
        constraints = [models.UniqueConstraint(name="logged_model_tag_key_is_unique", fields=["model", "key"])]


class LoggedModelMetric(models.Model):
    """The latest point of a metric that a run logged for a model, by dataset. ``value`` NULL means NaN."""

    model = models.ForeignKey(LoggedModel, on_delete=models.CASCADE, related_name="metrics")
    run = models.ForeignKey("tracking.Run", on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=250)
    dataset_name = models.CharField(max_length=500, blank=True)
    dataset_digest = models.CharField(max_length=36, blank=True)
    step = models.BigIntegerField()
    timestamp_ms = models.BigIntegerField()
    value = models.FloatField(null=True)

    class Meta:
        db_table = "logged_model_metric"
        constraints = [
            models.UniqueConstraint(
                name="logged_model_metric_is_unique", fields=["model", "key", "run", "dataset_name", "dataset_digest"]
            )
        ]


class RunModelInput(models.Model):
    """A run used a logged model."""

    run = models.ForeignKey("tracking.Run", on_delete=models.CASCADE, related_name="model_inputs")
    model = models.ForeignKey(LoggedModel, on_delete=models.CASCADE, related_name="+")

    class Meta:
        db_table = "run_model_input"
        constraints = [models.UniqueConstraint(name="run_model_input_is_unique", fields=["run", "model"])]


class RunModelOutput(models.Model):
    """A run made a logged model, at a step."""

    run = models.ForeignKey("tracking.Run", on_delete=models.CASCADE, related_name="model_outputs")
    model = models.ForeignKey(LoggedModel, on_delete=models.CASCADE, related_name="+")
    step = models.BigIntegerField()

    class Meta:
        db_table = "run_model_output"
        constraints = [models.UniqueConstraint(name="run_model_output_is_unique", fields=["run", "model"])]
