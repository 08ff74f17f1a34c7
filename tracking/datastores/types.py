"""Words about datastores: named places for files that belong to a workspace."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

BUILT_IN: Final = "workspaceartifactstore"  # every workspace has it, and it needs no row
MAX_LINK_LIFE_S: Final = 3600


class Kind(StrEnum):
    """What is behind a datastore. ``BUILT_IN``: a folder of the workspace's own in the server's artifact store."""

    BUILT_IN = "built_in"
    LOCAL = "local"
    S3 = "s3"
    AZURE_BLOB = "azure_blob"


class Verb(StrEnum):
    """What a signed address is for."""

    GET = "get"
    PUT = "put"


@dataclass(frozen=True, slots=True)
class DatastoreRow:
    """A datastore as its readers see it; never its credentials. ``created_by``: empty for the built-in one."""

    name: str
    kind: Kind
    config: Mapping[str, str]
    location: str
    has_credentials: bool
    is_default: bool
    created_by: str
    created_at: datetime

    @property
    def is_built_in(self) -> bool:
        """Whether it came with the workspace."""
        return self.kind is Kind.BUILT_IN


@dataclass(frozen=True, slots=True)
class Signed:
    """An address that moves one file without the server, and the headers that a request to it must carry."""

    url: str
    method: str
    headers: Mapping[str, str]
    expires_at: datetime
