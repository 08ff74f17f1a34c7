import math
from dataclasses import replace

import pytest

from tracking.charts.state import State
from tracking.charts.tails import Mark
from tracking.core.errors import InvalidParameterError


class TestState:
    def test_survives_its_text(self) -> None:
        state = State.of((0.0, 8.0), [3, 0, 2**32 + 5])

        assert State.from_text(state.to_text(), runs=3) == state

    def test_survives_its_text_with_what_is_known_of_curves(self) -> None:
        marks = {0: Mark(math.inf, 2**32 - 1), 2: Mark(-0.5, 0)}
        state = replace(State.of((0.0, 8.0), [3, 0, 5]), marks=marks)

        assert State.from_text(state.to_text(), runs=3) == state

    def test_refuses_what_is_known_of_a_run_that_is_not_there(self) -> None:
        state = replace(State.of((0.0, 8.0), [3]), marks={1: Mark(0.0, 0)})

        with pytest.raises(InvalidParameterError, match="since"):
            State.from_text(state.to_text(), runs=1)

    def test_names_the_runs_that_received_points(self) -> None:
        before, after = State.of((0.0, 8.0), [3, 4, 5]), State.of((0.0, 8.0), [3, 9, 5])

        assert after.changed_places(before) == [1]

    def test_names_all_runs_when_the_grid_is_another(self) -> None:
        before, after = State.of((0.0, 8.0), [3, 4]), State.of((0.0, 16.0), [3, 4])

        assert after.changed_places(before) == [0, 1]

    @pytest.mark.parametrize("text", ["!", "AAAA", "AAAAAAAAAAA", "é"])
    def test_refuses_what_is_not_its_text(self, text: str) -> None:
        with pytest.raises(InvalidParameterError, match="since"):
            State.from_text(text, runs=3)
