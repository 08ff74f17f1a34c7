"""What a filter that is being written offers next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.search.suggest import Next, place_at
from tracking.search.types import Entity


class TestPlaceAt:
    @pytest.mark.parametrize(
        ("text", "due", "begun"),
        [
            ("", Next.KEY, ""),
            ("met", Next.KEY, "met"),
            ("val/top-5.ac", Next.KEY, "val/top-5.ac"),
            ("params.`a b", Next.KEY, "params.`a b"),
            ("metrics.loss ", Next.OPERATOR, ""),
            ("params.`a b` NOT ", Next.OPERATOR, ""),
            ("metrics.loss <", Next.VALUE, ""),
            ("metrics.loss < 0", Next.VALUE, "0"),
            ("params.lr = '0.", Next.VALUE, "0."),
            ("params.lr = 'a b", Next.VALUE, "a b"),
            ("status IN (", Next.VALUE, ""),
            ("status IN ('FAILED', ", Next.VALUE, ""),
            ("params.lr = '0.1' ", Next.JOIN, ""),
            ("params.lr = '0.1' A", Next.JOIN, "A"),
            ("params.lr = '0.1' AND ", Next.KEY, ""),
            ("NOT (tags.a = 'x' OR ", Next.KEY, ""),
        ],
    )
    def test_knows_what_is_due(self, text: str, due: Next, begun: str) -> None:
        place = place_at(text, len(text))

        assert (place.due, place.begun) == (due, begun)

    def test_names_the_key_that_a_value_is_for(self) -> None:
        place = place_at("metrics.loss < 1 AND params.`learning rate` = '0", 100)

        assert (place.entity, place.key) == (Entity.PARAM, "learning rate")

    def test_looks_no_further_than_the_caret(self) -> None:
        assert place_at("par = 'x'", 3).begun == "par"

    @given(st.text(alphabet="metrics.loss`'\" =<()ANDIN0,\n", max_size=60), st.integers(0, 60))
    def test_takes_anything(self, text: str, caret: int) -> None:
        assert 0 <= place_at(text, caret).start <= min(caret, len(text))
