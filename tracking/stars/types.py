"""Words about stars."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What can be starred."""

    EXPERIMENT = "experiment"
    RUN = "run"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class StarRow:
    """Something that a person starred. ``experiment_id`` 0, ``experiment`` and ``uid`` "": where the kind has none."""

    kind: Kind
    workspace: str
    name: str
    experiment_id: int = 0
    experiment: str = ""
    uid: str = ""
