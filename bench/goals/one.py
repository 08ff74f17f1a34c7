"""One goal: ``python -m bench.goals.one NAME PLACE`` prints its figures as JSON."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.goals import drawing, pages, proofs
from bench.goals.figures import Figure
from bench.goals.stage import Place


@dataclass(frozen=True, slots=True)
class Goal:
    """How a goal is measured, what it needs, and how long it may take."""

    measure: Callable[[Place], list[Figure]]
    seeds: Sequence[str] = ()
    limit_s: float = 180


BROWSED = "tests/browser"
GOALS: Mapping[str, Goal] = {
    "G1": Goal(pages.weight, ["curves"]),
    "G3": Goal(pages.answers, ["10,000 runs", "100,000 runs"], 300),
    "G4": Goal(pages.first_rows, ["10,000 runs"], 400),
    "G5": Goal(pages.first_chart, ["curves"], 400),
    "G6": Goal(drawing.many_points, ["long curves"]),
    "G7": Goal(drawing.spikes, ["spikes"]),
    "G8": Goal(drawing.live, ["live"]),
    "G9": Goal(pages.table, ["10,000 runs"]),
    "G10": Goal(pages.elements, ["wide"]),
    "G11": Goal(
        proofs.tests(
            "G11",
            "clicks: compare 5 runs 3, the best 5 2, share 0, mean over seeds 2",
            f"{BROWSED}/test_budgets.py::TestClicks",
        ),
        limit_s=300,
    ),
    "G12": Goal(
        proofs.tests(
            "G12",
            "axe-core A and AA, every page, light and dark, en and zh, 320 to 1920 px,"
            " text 40 % longer; no error in the console",
            f"{BROWSED}/test_every_page.py",
        ),
        limit_s=1200,
    ),
    "G13": Goal(proofs.lighthouse, ["curves"], 400),
    "G14": Goal(
        proofs.tests(
            "G14",
            "violations of the policy (no unsafe-inline, no unsafe-eval), hostile names on every page",
            f"{BROWSED}/test_hostile_names.py",
            "tests/tracking/web/test_home.py",
        ),
        limit_s=600,
    ),
    "G16": Goal(proofs.tests("G16", "untranslated strings (G12 has the longer text)", "tests/test_translations.py")),
    "G17": Goal(
        proofs.tests(
            "G17", "flows by keyboard alone, 400 % zoom", f"{BROWSED}/test_keyboard.py", f"{BROWSED}/test_frame.py"
        ),
        limit_s=600,
    ),
    "G18": Goal(proofs.deletion, ["100,000 runs"], 1200),
    "G19": Goal(
        proofs.tests(
            "G19",
            "curves against numpy: smoothing, buckets, groups, to 1e-9",
            "tests/tracking/charts",
            "tests/tracking/metrics/test_smoothing.py",
            "tests/tracking/metrics/test_downsample.py",
        ),
        limit_s=600,
    ),
    "G20": Goal(drawing.cards, ["cards"]),
}
"""G2 and G15 are measured with G1. In the order of measuring G18 comes last: it removes what others read."""


def main() -> None:
    """Measure one goal."""
    name, path = sys.argv[1:]
    place = Place(**json.loads(Path(path).read_text()))
    print(json.dumps([asdict(figure) for figure in GOALS[name].measure(place)]))


if __name__ == "__main__":
    main()
