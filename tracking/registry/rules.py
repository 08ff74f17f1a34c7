"""MLflow's rules on names, versions, aliases and stages of registered models (validation.py of mlflow 3.17)."""

import posixpath
import re

from tracking.core.errors import InvalidParameterError
from tracking.registry.types import MAX_REGISTERED_NAME, MAX_REGISTERED_TEXT, Stage
from tracking.runs.rules import check_key, check_length, missing
from tracking.runs.types import Pair

NOT_REFERRED_TO = 0  # no version has this number
_ALIAS = re.compile(r"[\w\-]+")
_LIKE_A_VERSION = re.compile(r"[vV]\d+")
_STAGES = {stage.value.lower(): stage for stage in Stage}


def check_model_name(name: str, *, field: str = "name") -> None:
    """Check the name of a registered model.

    :raises InvalidParameterError: if it is blank, too long, or would not be found again in an address.
    """
    if not name.strip():
        raise missing(field)
    if "/" in name or ":" in name:
        raise InvalidParameterError(f"Invalid model name '{name[:100]}'. Names cannot contain '/' or ':'.")
    if posixpath.normpath(name) != name or name in (".", ".."):
        raise InvalidParameterError(f"Invalid model name '{name[:100]}'. It would be read as a folder.")
    check_length(name, field=field, most=MAX_REGISTERED_NAME)


def check_description(text: str) -> None:
    """Check a description. :raises InvalidParameterError: if it is too long."""
    check_length(text, field="description", most=MAX_REGISTERED_TEXT)


def check_tag(tag: Pair) -> None:
    """Check a tag of a registered model or a version. :raises InvalidParameterError: if it breaks a rule."""
    check_key(tag.key, field="key")
    check_length(tag.value, field="value", most=MAX_REGISTERED_TEXT)


def check_alias(name: str, *, is_new: bool) -> None:
    """Check an alias; a new one may not be what MLflow reads as something else.

    :raises InvalidParameterError: if it breaks a rule.
    """
    if not name:
        raise InvalidParameterError("Registered model alias name cannot be empty.")
    if not _ALIAS.fullmatch(name):
        raise InvalidParameterError(
            f"Invalid alias name: '{name[:100]}'. "
            "Names may only contain alphanumerics, underscores (_), and dashes (-)."
        )
    check_length(name, field="alias", most=255)
    if is_new and is_latest(name):
        raise InvalidParameterError("'latest' alias name (case insensitive) is reserved.")
    if is_new and _LIKE_A_VERSION.fullmatch(name):
        raise InvalidParameterError(f"Version alias name '{name}' is reserved.")


def is_latest(alias: str) -> bool:
    """Tell whether an alias is the word for the newest version."""
    return alias.lower() == "latest"


def read_version(text: str) -> int:
    """Return the number that a request's version is; one that no version can have becomes 0.

    :raises InvalidParameterError: if it is no whole number.
    """
    if not re.fullmatch(r"[+-]?\d+", text, re.ASCII):
        raise InvalidParameterError(f"Parameter 'version' must be an integer, got '{text[:100]}'.")
    return int(text) if len(text) <= 9 else NOT_REFERRED_TO


def read_stage(text: str) -> Stage:
    """Return the stage that a word in any case means. :raises InvalidParameterError: if it means none."""
    stage = _STAGES.get(text.lower())
    if stage is None:
        raise InvalidParameterError(
            f"Invalid Model Version stage: {text[:100]}. Value must be one of {', '.join(Stage)}."
        )
    return stage
