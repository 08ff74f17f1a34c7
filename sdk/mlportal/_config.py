"""``config.json``: which workspace a folder belongs to, as Azure ML writes it, with the server's address besides."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlportal._credentials import ENDPOINT_VARIABLE, saved_credentials
from mlportal._endpoints import normal_endpoint
from mlportal._files import config_folder, read_json, write_private_json
from mlportal.errors import ConfigError

FOLDERS = (".mlportal", ".azureml", "aml_config", "")
FILE_NAMES = ("config.json", "project.json")
SCOPE = re.compile(r"/subscriptions/([^/]+)/resourceGroups/([^/]+)/providers/[^/]+/workspaces/([^/]+)/?", re.IGNORECASE)
DEFAULT_KEYS = ("endpoint", "group", "workspace")


@dataclass(frozen=True)
class Config:
    """What a config.json says. ``endpoint``: the server's address, None where the file does not name one."""

    workspace_name: str
    resource_group: str | None = None
    subscription_id: str | None = None
    endpoint: str | None = None


def read_config(path: str | os.PathLike[str] | None = None, file_name: str | None = None) -> Config:
    """Return the config of a folder (default: the current one), or of the nearest folder above it that has one.

    ``path`` may also be the file itself. ``file_name`` stands for ``config.json`` and ``project.json``.

    :raises ConfigError: if there is none, saying where it was looked for; or if the one found is not usable.
    """
    start = Path(path) if path is not None else Path.cwd()
    if start.is_file():
        return _parse(start)
    looked_at = []
    for candidate in _candidates(start.resolve(), (file_name,) if file_name else FILE_NAMES):
        if not candidate.is_file():
            looked_at.append(candidate)
        elif candidate.parent.name in FOLDERS or _is_ours(candidate):
            return _parse(candidate)
    raise ConfigError(
        f"No workspace config found from {start.resolve()} upwards (looked for "
        f"{', '.join(f'{folder}/config.json' for folder in FOLDERS[:3])} and config.json in each of "
        f"{len({one.parent for one in looked_at}) // len(FOLDERS) or 1} folders). Download it from the workspace's "
        "page in the portal, or write one: `mlportal config init --endpoint https://HOST --workspace NAME`."
    )


def write_config(config: Config, path: str | os.PathLike[str] | None = None, file_name: str | None = None) -> Path:
    """Write ``<path>/.mlportal/config.json`` (default: of the current folder) and return where; never a token in it."""
    target = Path(path or ".") / ".mlportal" / (file_name or FILE_NAMES[0])
    target.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "endpoint": config.endpoint,
        "subscription_id": config.subscription_id,
        "resource_group": config.resource_group,
        "workspace_name": config.workspace_name,
    }
    text = json.dumps({key: value for key, value in content.items() if value is not None}, indent=2)
    target.write_text(f"{text}\n", encoding="utf-8")
    return target


def defaults_path() -> Path:
    """Return where `mlportal config set` keeps defaults."""
    return config_folder() / "defaults.json"


def read_defaults() -> dict[str, str]:
    """Return the defaults (``endpoint``, ``group``, ``workspace``) that were set for this user.

    :raises ConfigError: if the file cannot be read.
    """
    try:
        return {key: str(value) for key, value in read_json(defaults_path()).items() if key in DEFAULT_KEYS}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{defaults_path()} cannot be read ({error}). Remove it or mend it.") from None


def write_defaults(defaults: Mapping[str, str]) -> Path:
    """Replace the defaults and return the file."""
    write_private_json(defaults_path(), defaults)
    return defaults_path()


def resolve_endpoint(endpoint: str | None = None) -> str:
    """Return the server's address: as given, else from MLPORTAL_ENDPOINT, the defaults, the only login there is.

    :raises ConfigError: if none of them names a server.
    """
    named = endpoint or os.environ.get(ENDPOINT_VARIABLE) or read_defaults().get("endpoint")
    if named:
        return normal_endpoint(named)
    signed_in = list(saved_credentials())
    if len(signed_in) == 1:
        return signed_in[0]
    raise ConfigError(
        f'Which server? Name it as endpoint=, in {ENDPOINT_VARIABLE}, as "endpoint" in config.json, or by '
        "`mlportal config set endpoint=https://HOST`."
        + (f" You are signed in at {', '.join(sorted(signed_in))}." if signed_in else "")
    )


def _candidates(start: Path, names: tuple[str, ...]) -> Iterator[Path]:
    for folder in (start, *start.parents):
        for sub in FOLDERS:
            for name in names:
                yield folder / sub / name


def _is_ours(path: Path) -> bool:
    """Tell whether a config.json that lies in the open is about a workspace: many tools have a file of this name."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and ("workspace_name" in content or "Scope" in content)


def _parse(path: Path) -> Config:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold a JSON object.")
    endpoint = _text(content, "endpoint", path)
    if "Scope" in content:
        found = SCOPE.fullmatch(str(content["Scope"]))
        if found is None:
            raise ConfigError(
                f'{path}: "Scope" must be /subscriptions/…/resourceGroups/GROUP/providers/…/workspaces/NAME, '
                f"it is {str(content['Scope'])[:200]!r}."
            )
        subscription, group, workspace = found.groups()
        return Config(workspace, group, subscription, endpoint)
    workspace_name = _text(content, "workspace_name", path)
    if workspace_name is None:
        raise ConfigError(f'{path} names no workspace: it needs "workspace_name" (or Azure\'s "Scope").')
    return Config(
        workspace_name, _text(content, "resource_group", path), _text(content, "subscription_id", path), endpoint
    )


def _text(content: Mapping[str, Any], key: str, path: Path) -> str | None:
    value = content.get(key)
    if value is None or (isinstance(value, str) and value):
        return value
    raise ConfigError(f'{path}: "{key}" must be a text, it is {str(value)[:100]!r}.')
