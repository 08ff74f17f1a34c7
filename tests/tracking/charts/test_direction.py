import math

import pytest

from tracking.charts.direction import Direction, best_of, guess_direction


class TestGuessDirection:
    @pytest.mark.parametrize(
        "metric", ["loss", "val/loss", "train_loss", "valLoss", "log_loss", "RMSE", "test error", "eval/perplexity"]
    )
    def test_takes_less_as_better(self, metric: str) -> None:
        assert guess_direction(metric) is Direction.LESS

    @pytest.mark.parametrize("metric", ["acc", "val/accuracy", "roc_auc", "f1", "val_f1_score", "R2", "mAP", "bleu"])
    def test_takes_more_as_better(self, metric: str) -> None:
        assert guess_direction(metric) is Direction.MORE

    @pytest.mark.parametrize("metric", ["lr", "epoch", "loss/weight", "error_score", "closs", "system/gpu_error", ""])
    def test_knows_nothing_where_the_name_says_nothing_or_both(self, metric: str) -> None:
        assert guess_direction(metric) is None


class TestBestOf:
    def test_is_the_least_loss(self) -> None:
        assert best_of(Direction.LESS, [0.3, 0.1, math.nan, 0.2]) == 0.1

    def test_is_the_greatest_accuracy(self) -> None:
        assert best_of(Direction.MORE, [0.3, 0.1]) == 0.3

    def test_is_nothing_where_all_are_equal(self) -> None:
        assert best_of(Direction.LESS, [0.3, 0.3, math.nan]) is None

    def test_is_nothing_without_a_direction(self) -> None:
        assert best_of(None, [0.3, 0.1]) is None
