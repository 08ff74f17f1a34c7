"""Experiments, runs and the texts they carry."""

from django.db import models
from django.db.models import F, Q

from tracking.runs.lookups import Prefix
from tracking.runs.types import (
    MAX_EXPERIMENT_NAME,
    MAX_EXPERIMENT_TAG_VALUE,
    MAX_KEY,
    MAX_PARAM_VALUE,
    MAX_RUN_NAME,
    MAX_RUN_TAG_VALUE,
    KeyKind,
    RunStatus,
)


class Experiment(models.Model):
    """A named series of runs. ``user_name``: who created it, "" for the installation and before anybody noted it.

    ``deleted_at`` set: in the trash; ``deletion_uid`` set: being removed for good.
    """

    workspace = models.ForeignKey("tracking.Workspace", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=MAX_EXPERIMENT_NAME)
    is_default = models.BooleanField(default=False)
    user_name = models.CharField(max_length=150, blank=True, default="", db_default="")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)
    deletion_uid = models.CharField(max_length=32, blank=True, default="", db_default="")

    class Meta:
        db_table = "experiment"
        constraints = [
            models.UniqueConstraint(name="experiment_name_is_unique_in_its_workspace", fields=["workspace", "name"]),
            models.UniqueConstraint(
                name="a_workspace_has_one_default_experiment", fields=["workspace"], condition=Q(is_default=True)
            ),
        ]
        # Behind the order, what most searches ask, so that those that match few read the index alone.
        indexes = [
            models.Index(name="experiment_searched", fields=["workspace", "-created_at", "id", "deleted_at", "name"])
        ]


class ExperimentTag(models.Model):
    """A tag of an experiment."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="tags")
    key = models.CharField(max_length=MAX_KEY)
    value = models.CharField(max_length=MAX_EXPERIMENT_TAG_VALUE)

    class Meta:
        db_table = "experiment_tag"
        constraints = [models.UniqueConstraint(name="experiment_tag_key_is_unique", fields=["experiment", "key"])]


class Key(models.Model):
    """The name of a param, tag or metric, kept once an experiment: rows and indexes hold its number."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="keys")
    kind = models.SmallIntegerField(choices=[(k.value, k.name) for k in KeyKind])
    name = models.CharField(max_length=MAX_KEY)

    class Meta:
        db_table = "key"
        constraints = [models.UniqueConstraint(name="key_is_unique", fields=["experiment", "kind", "name"])]


class Run(models.Model):
    """One execution. ``deleted_at`` set: in the trash; ``deletion_uid`` set: being removed, or a part of it.

    ``user_name`` is what the client says, often the name on its computer; ``created_by`` whose credential started it,
    NULL for the installation and before anybody noted it.
    """

    uid = models.CharField(max_length=32, unique=True)
    workspace = models.ForeignKey("tracking.Workspace", on_delete=models.PROTECT, related_name="+")
    experiment = models.ForeignKey(Experiment, on_delete=models.PROTECT, related_name="runs", db_index=False)
    name = models.CharField(max_length=MAX_RUN_NAME)
    user_name = models.CharField(max_length=256, blank=True)
    created_by = models.CharField(max_length=150, null=True)
    status = models.CharField(max_length=9, choices=[(s.value, s.value) for s in RunStatus])
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    deletion_uid = models.CharField(max_length=32, blank=True, default="", db_default="")

    class Meta:
        db_table = "run"
        indexes = [
            models.Index(F("experiment"), F("started_at").desc(), F("uid"), name="run_newest"),
            models.Index(
                F("experiment"),
                F("started_at").desc(),
                F("uid"),
                name="run_newest_active",
                condition=Q(deleted_at__isnull=True),
            ),
            models.Index(
                F("experiment"),
                F("started_at").desc(),
                F("uid"),
                name="run_newest_deleted",
                condition=Q(deleted_at__isnull=False),
            ),
            models.Index(
                F("experiment"),
                F("status"),
                F("started_at").desc(),
                F("uid"),
                name="run_newest_by_status",
                condition=Q(deleted_at__isnull=True),
            ),
            models.Index(name="run_running", fields=["workspace", "started_at"], condition=Q(status=RunStatus.RUNNING)),
            models.Index(
                name="run_newest_of_a_person",
                fields=["created_by", "-started_at"],
                condition=Q(deleted_at__isnull=True, created_by__isnull=False),
            ),
            models.Index(name="run_dying", fields=["deletion_uid"], condition=~Q(deletion_uid="")),
        ]


class Param(models.Model):
    """An input of a run; never changes."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="params", db_index=False)
    key = models.ForeignKey(Key, on_delete=models.PROTECT, related_name="+", db_index=False)
    value = models.CharField(max_length=MAX_PARAM_VALUE)

    class Meta:
        db_table = "param"
        constraints = [models.UniqueConstraint(name="param_key_is_unique", fields=["run", "key"])]
        indexes = [models.Index(F("key"), Prefix("value"), F("run"), name="param_by_value")]


class RunTag(models.Model):
    """A tag of a run."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="tags", db_index=False)
    key = models.ForeignKey(Key, on_delete=models.PROTECT, related_name="+", db_index=False)
    value = models.CharField(max_length=MAX_RUN_TAG_VALUE)

    class Meta:
        db_table = "run_tag"
        constraints = [models.UniqueConstraint(name="run_tag_key_is_unique", fields=["run", "key"])]
        indexes = [models.Index(F("key"), Prefix("value"), F("run"), name="run_tag_by_value")]


class RunDocument(models.Model):
    """What an ended run carries as the JSON that a search sends, ready (docs/adr/0006).

    ``body`` NULL: it is to be made. Whoever changes what an ended run carries, or its status, moves ``version`` on and
    takes the body away in the same transaction (store.forget_documents).
    """

    run = models.OneToOneField(Run, on_delete=models.CASCADE, primary_key=True, related_name="+")
    version = models.BigIntegerField()
    body = models.TextField(null=True)

    class Meta:
        db_table = "run_document"
        indexes = [models.Index(name="run_document_to_make", fields=["run"], condition=Q(body__isnull=True))]


class Dataset(models.Model):
    """A dataset that runs of one experiment used; the first ``source`` stays."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="datasets")
    name = models.CharField(max_length=500)
    digest = models.CharField(max_length=36)
    source_type = models.CharField(max_length=36)
    source = models.TextField()
    schema = models.TextField(blank=True)
    profile = models.TextField(blank=True)

    class Meta:
        db_table = "dataset"
        constraints = [models.UniqueConstraint(name="dataset_is_unique", fields=["experiment", "name", "digest"])]


class DatasetInput(models.Model):
    """A run used a dataset. ``tags``: a list of {"key", "value"}; ``context`` is the one that search asks for."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="dataset_inputs", db_index=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="+")
    context = models.CharField(max_length=500, blank=True)
    tags = models.JSONField(default=list)

    class Meta:
        db_table = "dataset_input"
        constraints = [models.UniqueConstraint(name="dataset_input_is_unique", fields=["run", "dataset"])]
