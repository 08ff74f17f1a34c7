"""Words about saved views."""

from dataclasses import dataclass

MAX_NAME = 100
MAX_QUERY = 20_000


@dataclass(frozen=True, slots=True)
class ViewRow:
    """A saved view as one person sees it. ``is_here``: it was made for the experiment that is looked at."""

    pk: int
    name: str
    query: str
    owner: str
    is_mine: bool
    is_shared: bool
    is_default: bool
    is_here: bool


@dataclass(frozen=True, slots=True)
class ViewFound:
    """A saved view that was found by its name, and where it is."""

    pk: int
    name: str
    query: str
    workspace: str
    experiment_id: int
    experiment: str
