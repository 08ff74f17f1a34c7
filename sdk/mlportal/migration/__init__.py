"""Moving house: from another MLflow server or an ``mlruns`` folder, and to a folder that imports again."""

from mlportal.migration.exporter import export_workspace
from mlportal.migration.importer import import_into, open_source
from mlportal.migration.report import Outcome, Progress, Report

__all__ = ["Outcome", "Progress", "Report", "export_workspace", "import_into", "open_source"]
