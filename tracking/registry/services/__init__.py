"""Changes to logged models, registered models and their versions."""

from tracking.registry.services.logged import (
    create_model,
    delete_model,
    delete_model_tag,
    finish_model,
    hold_model,
    log_batch_on_models,
    log_inputs,
    log_model_params,
    log_outputs,
    set_model_tags,
)
from tracking.registry.services.registered import (
    create_registered,
    delete_alias,
    delete_registered,
    delete_registered_tag,
    describe_registered,
    rename_registered,
    set_alias,
    set_registered_tag,
)
from tracking.registry.services.versions import (
    create_version,
    delete_version,
    delete_version_tag,
    describe_version,
    move_version,
    set_version_tag,
)

__all__ = [
    "create_model",
    "create_registered",
    "create_version",
    "delete_alias",
    "delete_model",
    "delete_model_tag",
    "delete_registered",
    "delete_registered_tag",
    "delete_version",
    "delete_version_tag",
    "describe_registered",
    "describe_version",
    "finish_model",
    "hold_model",
    "log_batch_on_models",
    "log_inputs",
    "log_model_params",
    "log_outputs",
    "move_version",
    "rename_registered",
    "set_alias",
    "set_model_tags",
    "set_registered_tag",
    "set_version_tag",
]
