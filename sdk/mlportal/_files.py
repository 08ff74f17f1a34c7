"""Small private files: written whole or not at all, readable by their owner only."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def config_folder() -> Path:
    """Return ``$XDG_CONFIG_HOME/mlportal``, by default ``~/.config/mlportal``; it need not exist."""
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "mlportal"


def write_private_json(path: Path, content: Mapping[str, Any]) -> None:
    """Replace a file by ``content``, mode 0600, its new folders 0700; a reader sees the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600 from the start
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)
            file.write("\n")
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a file; an empty one where there is no file.

    :raises ValueError: if it holds no JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    if not isinstance(content, dict):
        raise ValueError("it is not a JSON object")
    return content
