"""What names, descriptions and tags of groups and workspaces may look like."""

from collections.abc import Mapping

from tracking.core.errors import InvalidParameterError
from tracking.workspaces.types import NAME_PATTERN, RESERVED_NAMES

MAX_DESCRIPTION, MAX_NOTE = 1000, 500
MAX_TAGS, MAX_TAG_KEY, MAX_TAG_VALUE = 50, 128, 256


def check_name(what: str, name: str) -> None:
    """Refuse a name that could not stand in an address."""
    if not 2 <= len(name) <= 63 or not NAME_PATTERN.fullmatch(name) or name in RESERVED_NAMES:
        raise InvalidParameterError(
            f"{what} name {name[:80]!r} must be 2 to 63 lower-case letters, digits and hyphens, begin and end with a "
            f"letter or digit, and not be one of {', '.join(sorted(RESERVED_NAMES))}."
        )


def check_description(text: str) -> None:
    """Refuse a description that is too long."""
    _check_length(text, "description", MAX_DESCRIPTION)


def check_note(text: str) -> None:
    """Refuse a lock's note that is too long."""
    _check_length(text, "note", MAX_NOTE)


def check_tags(tags: Mapping[str, str]) -> None:
    """Refuse too many tags, tags without a name, and too long ones."""
    if len(tags) > MAX_TAGS:
        raise InvalidParameterError(f"There may be {MAX_TAGS} tags; these are {len(tags)}.")
    for key, value in tags.items():
        if not key.strip():
            raise InvalidParameterError(f"Tag {key!r} has no name.")
        _check_length(key, "name of a tag", MAX_TAG_KEY)
        _check_length(value, f"value of tag {key!r}", MAX_TAG_VALUE)


def check_quota(name: str, value: object) -> None:
    """Refuse a quota below zero; None is none."""
    if isinstance(value, int) and value < 0:
        raise InvalidParameterError(f"Invalid value {value} for {name}: it must be a positive number, or 0 for none.")


def worded(fields: Mapping[str, object]) -> str:
    """Say for the audit log what was set to what; texts are cut."""
    return ", ".join(f"{name.removesuffix('_id')} = {str(value)[:200]}" for name, value in fields.items())


def _check_length(text: str, what: str, most: int) -> None:
    if len(text) > most:
        raise InvalidParameterError(f"The {what} may have {most} characters; {text[:80]!r}… has {len(text)}.")
    if "\0" in text:
        raise InvalidParameterError(f"The {what} {text[:80]!r} contains NUL.")
