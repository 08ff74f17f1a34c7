"""Logged models, which runs made, and registered models, under whose names people keep versions of them."""

from django.db import models

from tracking.registry.types import (
    MAX_REGISTERED_NAME,
    MAX_REGISTERED_TEXT,
    MAX_SOURCE,
    LoggedModelStatus,
    Stage,
)


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


class RegisteredModel(models.Model):
    """A name under which versions of a model are kept. ``last_version``: the greatest number ever given."""

    workspace = models.ForeignKey("tracking.Workspace", on_delete=models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(max_length=MAX_REGISTERED_NAME)
    description = models.CharField(max_length=MAX_REGISTERED_TEXT, blank=True)
    user_name = models.CharField(max_length=256, blank=True)
    last_version = models.IntegerField(default=0)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "registered_model"
        constraints = [
            models.UniqueConstraint(
                name="registered_model_name_is_unique_in_its_workspace", fields=["workspace", "name"]
            ),
        ]


class RegisteredModelTag(models.Model):
    """A tag of a registered model."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="tags", db_index=False)
    key = models.CharField(max_length=250)
    value = models.CharField(max_length=MAX_REGISTERED_TEXT)

    class Meta:
        db_table = "registered_model_tag"
        constraints = [models.UniqueConstraint(name="registered_model_tag_key_is_unique", fields=["model", "key"])]


class ModelVersion(models.Model):
    """A version of a registered model. The run and the logged model that it comes from may go; it stays."""

    workspace = models.ForeignKey("tracking.Workspace", on_delete=models.PROTECT, related_name="+", db_index=False)
    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="versions", db_index=False)
    version = models.IntegerField()
    description = models.CharField(max_length=MAX_REGISTERED_TEXT, blank=True)
    stage = models.CharField(max_length=10, choices=[(s.value, s.value) for s in Stage])
    source = models.CharField(max_length=MAX_SOURCE)
    location = models.CharField(max_length=MAX_SOURCE)
    run_uid = models.CharField(max_length=500, blank=True)
    run_link = models.CharField(max_length=500, blank=True)
    model_uid = models.CharField(max_length=34, blank=True)
    user_name = models.CharField(max_length=256, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "model_version"
        constraints = [models.UniqueConstraint(name="model_version_is_unique", fields=["model", "version"])]
        indexes = [
            models.Index(name="model_version_changed", fields=["workspace", "-updated_at"]),
            models.Index(name="model_version_of_run", fields=["workspace", "run_uid"]),
            models.Index(name="model_version_latest", fields=["model", "stage", "-version"]),
        ]


class ModelVersionTag(models.Model):
    """A tag of a version."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="tags", db_index=False)
    key = models.CharField(max_length=250)
    value = models.CharField(max_length=MAX_REGISTERED_TEXT)

    class Meta:
        db_table = "model_version_tag"
        constraints = [models.UniqueConstraint(name="model_version_tag_key_is_unique", fields=["version", "key"])]


class ModelAlias(models.Model):
    """A name that points to one version of a registered model."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="aliases", db_index=False)
    name = models.CharField(max_length=255)
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="aliases")

    class Meta:
        db_table = "model_alias"
        constraints = [models.UniqueConstraint(name="model_alias_is_unique_in_its_model", fields=["model", "name"])]
