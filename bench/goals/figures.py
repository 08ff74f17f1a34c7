"""What was measured: kept in results.json goal by goal, and shown in docs/portal.md."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import machine
from portal.env import BASE_DIR

RESULTS = Path(__file__).with_name("results.json")
METHOD = Path(__file__).with_name("method.md")
PAGE = BASE_DIR / "docs" / "portal.md"
HEAD = ["Goal", "What", "Target", "Here", "MLflow", "Met", "Measured"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. ``ours`` None: it could not be measured, and the note says why."""

    goal: str
    what: str
    target: float
    unit: str
    ours: float | None
    theirs: float | None = None
    is_floor: bool = False
    note: str = ""

    @property
    def is_met(self) -> bool:
        """Tell whether the goal is reached."""
        if self.ours is None:
            return False
        return self.ours >= self.target if self.is_floor else self.ours <= self.target


@dataclass(frozen=True, slots=True)
class Kept:
    """A figure, when it was taken, and how many processes wanted a CPU then."""

    figure: Figure
    date: str
    load: float


def keep(goal: str, figures: Sequence[Figure]) -> None:
    """Put a goal's figures into results.json, in the place of the older ones."""
    today, load = machine.today(), round(machine.load(), 1)
    new = {goal, *(figure.goal for figure in figures)}
    kept = [one for one in read() if one.figure.goal not in new]
    kept += [Kept(figure, today, load) for figure in figures]
    kept.sort(key=lambda one: int(one.figure.goal[1:]))
    RESULTS.write_text(json.dumps([asdict(one) for one in kept], indent=1) + "\n")


def read() -> list[Kept]:
    """Return what results.json keeps."""
    rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    return [Kept(**{**row, "figure": Figure(**row["figure"])}) for row in rows]


def write_page() -> None:
    """Write docs/portal.md."""
    lines = [HEAD, ["---"] * len(HEAD), *map(_cells, read())]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    PAGE.write_text(f"{METHOD.read_text().format(machine=machine.describe()).rstrip()}\n\n{table}\n")


def shown(figure: Figure) -> str:
    """Return a figure as a line for the terminal."""
    met = "met" if figure.is_met else "MISSED"
    mlflow = "" if figure.theirs is None else f", MLflow {_with_unit(figure.theirs, figure.unit)}"
    return f"{figure.goal} {figure.what}: {_ours(figure)} (target {_target(figure)}{mlflow}) {met} {figure.note}"


def _cells(kept: Kept) -> list[str]:
    figure = kept.figure
    note = f"; {figure.note}" if figure.note else ""
    return [
        figure.goal,
        f"{figure.what}{note}".replace("|", "\\|"),
        _target(figure),
        f"**{_ours(figure)}**",
        "" if figure.theirs is None else _with_unit(figure.theirs, figure.unit),
        "yes" if figure.is_met else "**no**",
        f"{kept.date}, load {kept.load}",
    ]


def _target(figure: Figure) -> str:
    return f"{'≥' if figure.is_floor else '≤'} {_with_unit(figure.target, figure.unit)}"


def _ours(figure: Figure) -> str:
    return "not measured" if figure.ours is None else _with_unit(figure.ours, figure.unit)


def _with_unit(value: float, unit: str) -> str:
    digits = 0 if value == int(value) or value >= 100 else 2 if value < 10 else 1
    return f"{value:,.{digits}f} {unit}".rstrip()
