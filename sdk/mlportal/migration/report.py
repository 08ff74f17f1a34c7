"""What an import or an export did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

IMPORTED, COMPLETED, UNCHANGED, FAILED = "imported", "completed", "unchanged", "failed"
EXPORTED, PLANNED = "exported", "planned"


@dataclass
class Outcome:
    """What became of one run, logged model, registered model or version.

    ``kind``: run, model, registered model or version; ``state``: imported (new), completed (an earlier import had begun
    it, or its source has more now), unchanged, exported, planned (a dry run) or failed; ``points``, ``files``,
    ``bytes``: how many the source has and were found again at the target; ``sent``: how many things had to be written;
    ``is_compared``: False where an earlier import found it equal; ``problems``: what is not as at the source.
    """

    kind: str
    experiment: str
    source_id: str
    target_id: str = ""
    state: str = PLANNED
    points: int = 0
    files: int = 0
    bytes: int = 0
    sent: int = 0
    is_compared: bool = True
    problems: list[str] = field(default_factory=list)

    def finish(self, *, is_new: bool) -> None:
        """Set the state, from what was sent and what is not as at the source."""
        done = IMPORTED if is_new else COMPLETED if self.sent else UNCHANGED
        self.state = FAILED if self.problems else done


@dataclass
class Report:
    """What an import or an export did, run by run."""

    source: str
    target: str
    outcomes: list[Outcome] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def is_verified(self) -> bool:
        """Tell whether everything is at the target as it is at the source."""
        return not self.problems and all(one.state != FAILED and not one.problems for one in self.outcomes)

    @property
    def changed(self) -> int:
        """How many things were written to."""
        return sum(one.state in (IMPORTED, COMPLETED, EXPORTED) for one in self.outcomes)

    def counts(self) -> dict[str, int]:
        """Return how many things of each kind came to which end, and their points, files and bytes."""
        states = Counter(f"{one.kind}s {one.state}" for one in self.outcomes)
        sums = {name: sum(getattr(one, name) for one in self.outcomes) for name in ("points", "files", "bytes")}
        return {**dict(sorted(states.items())), **sums}

    def lines(self) -> list[str]:
        """Return what a person should know of it: sums, what was left out, and what is not as at the source."""
        counts = ", ".join(f"{what}: {count:,}" for what, count in self.counts().items())
        wrong = [f"{one.kind} {one.source_id}: {why}" for one in self.outcomes for why in one.problems]
        return [f"{self.source} -> {self.target}: {counts}.", *self.problems, *wrong, *self._ends()]

    def _ends(self) -> list[str]:
        if any(one.state == PLANNED for one in self.outcomes):
            return ["Nothing was written."]
        known = sum(not one.is_compared for one in self.outcomes)
        return [
            *([] if self.changed or not self.is_verified else ["Nothing had to be changed."]),
            *(
                [f"{known} runs were found equal before and are unchanged since; --verify compares again."]
                * bool(known)
            ),
            "All that was compared is as at the source." if self.is_verified else "NOT everything is as at the source.",
        ]


@dataclass(frozen=True)
class Progress:
    """How far it is: runs and models that are through, of how many, and points that were moved."""

    done: int
    total: int
    points: int

    def __str__(self) -> str:
        """Return it for a person."""
        return f"{self.done} of {self.total}, {self.points:,} points"


OnProgress = Callable[[Progress], None]
