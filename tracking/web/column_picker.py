"""The picker of columns: which are chosen, in their order, and which more can be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext

from tracking.web.columns import Column, ColumnKind, column_label, kind_word

CHOICES_A_KIND = 40


@dataclass(frozen=True, slots=True)
class Choice:
    """A column that is chosen or can be; ``prefix``: of which kind, "" for a metric."""

    value: str
    label: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Choices:
    """The columns of one kind that can be chosen; ``left``: how many more there are."""

    title: str
    choices: tuple[Choice, ...]
    left: int


def chosen_choices(chosen: Sequence[Column]) -> list[Choice]:
    """Return the chosen columns in their order."""
    return [Choice(column.text, column_label(column), kind_word(column.kind)) for column in chosen]


def column_choices(*, keys: Mapping[ColumnKind, Sequence[str]], chosen: Sequence[Column], sought: str) -> list[Choices]:
    """Return what more can be chosen: those with ``sought`` in their name, some of each kind."""
    titles = {
        ColumnKind.PARAM: gettext("Params"),
        ColumnKind.METRIC: gettext("Metrics"),
        ColumnKind.TAG: gettext("Tags"),
    }
    found = []
    for kind, title in titles.items():
        taken = {column.key for column in chosen if column.kind is kind}
        matching = [
            key
            for key in keys[kind]
            if sought.lower() in key.lower() and key not in taken and (sought or not key.startswith("mlflow."))
        ]
        choices = tuple(Choice(f"{kind}.{key}", key, kind_word(kind)) for key in matching[:CHOICES_A_KIND])
        if choices:
            found.append(Choices(title, choices, len(matching) - len(choices)))
    return found
