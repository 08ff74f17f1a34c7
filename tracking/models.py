"""Every table, brought together for Django; nothing else imports this module."""

from tracking.audit.models import AuditEvent, AuditSeal
from tracking.cleanup.models import Deletion
from tracking.datastores.models import Datastore
from tracking.identity.models import AccessToken, Attempts, DeviceLogin, Session, SignInLink, User
from tracking.metrics.models import MetricBlock, MetricSegment, MetricSeries
from tracking.registry.models import (
    LoggedModel,
    LoggedModelMetric,
    LoggedModelParam,
    LoggedModelTag,
    ModelAlias,
    ModelVersion,
    ModelVersionTag,
    RegisteredModel,
    RegisteredModelTag,
    RunModelInput,
    RunModelOutput,
)
from tracking.runs.models import Dataset, DatasetInput, Experiment, ExperimentTag, Key, Param, Run, RunDocument, RunTag
from tracking.saved_views.models import SavedView
from tracking.stars.models import Star
from tracking.work.models import TaskNote
from tracking.workspaces.models import FormerName, Lock, ResourceGroup, RoleAssignment, Workspace, WorkspaceUsage

__all__ = [
    "AccessToken",
    "Attempts",
    "AuditEvent",
    "AuditSeal",
    "Dataset",
    "DatasetInput",
    "Datastore",
    "Deletion",
    "DeviceLogin",
    "Experiment",
    "ExperimentTag",
    "FormerName",
    "Key",
    "Lock",
    "LoggedModel",
    "LoggedModelMetric",
    "LoggedModelParam",
    "LoggedModelTag",
    "MetricBlock",
    "MetricSegment",
    "MetricSeries",
    "ModelAlias",
    "ModelVersion",
    "ModelVersionTag",
    "Param",
    "RegisteredModel",
    "RegisteredModelTag",
    "ResourceGroup",
    "RoleAssignment",
    "Run",
    "RunDocument",
    "RunModelInput",
    "RunModelOutput",
    "RunTag",
    "SavedView",
    "Session",
    "SignInLink",
    "Star",
    "TaskNote",
    "User",
    "Workspace",
    "WorkspaceUsage",
]
