"""Questions about logged models, registered models and their versions."""

from tracking.registry.queries.lineage import list_models_made, list_models_used, uses_by_model
from tracking.registry.queries.logged import (
    find_models,
    get_model,
    linked_runs,
    list_logged,
    model_links_by_run,
    model_row,
    search_models,
)
from tracking.registry.queries.registered import (
    find_registered,
    get_registered,
    get_version,
    get_version_by_alias,
    latest_versions,
    list_registered,
    list_versions,
    list_versions_of_run,
    registered_row,
    search_registered,
    search_versions,
    version_row,
    versions_by_model,
)

__all__ = [
    "find_models",
    "find_registered",
    "get_model",
    "get_registered",
    "get_version",
    "get_version_by_alias",
    "latest_versions",
    "linked_runs",
    "list_logged",
    "list_models_made",
    "list_models_used",
    "list_registered",
    "list_versions",
    "list_versions_of_run",
    "model_links_by_run",
    "model_row",
    "registered_row",
    "search_models",
    "search_registered",
    "search_versions",
    "uses_by_model",
    "version_row",
    "versions_by_model",
]
