"""mlportal: experiments, runs, workspaces and resource groups of an mlportal server, from Python.

    from mlportal import Workspace

    ws = Workspace.from_config()
    mlflow.set_tracking_uri(ws.get_mlflow_tracking_uri())

Calls wait at most two minutes for an answer and try again for a minute while the server is busy or restarting. What
goes wrong is an error of ``mlportal.errors``. Nothing is printed; warnings go to the logger ``mlportal``.
"""

from mlportal._mlflow import Point
from mlportal._version import __version__
from mlportal.datastore import Datastore
from mlportal.deletions import Deletion, DeletionPlan
from mlportal.errors import (
    AlreadyExistsError,
    ConfigError,
    ConflictError,
    DeletionFailedError,
    InvalidError,
    MlportalError,
    NotFoundError,
    NotMlportalError,
    NotSignedInError,
    PermissionDeniedError,
    RunFailedError,
    ServerUnreachableError,
    TimedOutError,
    UnavailableError,
)
from mlportal.experiment import Experiment
from mlportal.groups import Lock, ResourceGroup
from mlportal.models import Model
from mlportal.run import Run
from mlportal.versions import ModelVersion
from mlportal.workspace import Workspace

__all__ = [
    "AlreadyExistsError",
    "ConfigError",
    "ConflictError",
    "Datastore",
    "Deletion",
    "DeletionFailedError",
    "DeletionPlan",
    "Experiment",
    "InvalidError",
    "Lock",
    "MlportalError",
    "Model",
    "ModelVersion",
    "NotFoundError",
    "NotMlportalError",
    "NotSignedInError",
    "PermissionDeniedError",
    "Point",
    "ResourceGroup",
    "Run",
    "RunFailedError",
    "ServerUnreachableError",
    "TimedOutError",
    "UnavailableError",
    "Workspace",
    "__version__",
]
