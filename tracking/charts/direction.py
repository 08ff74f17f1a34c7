"""Which way a metric gets better, guessed from its name."""

import math
import re
from collections.abc import Iterable
from enum import Enum
from itertools import pairwise

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_LESS = frozenset(
    {
        "loss", "losses", "error", "errors", "err", "mae", "mse", "rmse", "msle", "mape", "smape", "nll", "bce",
        "logloss", "crossentropy", "perplexity", "ppl", "wer", "cer", "fid", "kid", "regret", "latency",
        "divergence", "kl", "brier", "misclassification",
    }
)  # fmt: skip
_MORE = frozenset(
    {
        "acc", "accuracy", "auc", "auroc", "auprc", "roc", "f1", "fbeta", "precision", "recall", "sensitivity",
        "specificity", "r2", "bleu", "rouge", "meteor", "map", "ndcg", "mrr", "iou", "miou", "dice", "jaccard",
        "psnr", "ssim", "score", "reward", "return", "kappa", "mcc", "hits", "win", "throughput",
    }
)  # fmt: skip


class Direction(Enum):
    """Which values are better."""

    LESS = "less"
    MORE = "more"


def guess_direction(metric: str) -> Direction | None:
    """Return which values of a metric are better, None where its name does not say, or says both.

    The part after the last ``/`` decides: ``val/loss`` is a loss. Metrics of the system have no direction.
    """
    if metric.startswith("system/"):
        return None
    last = metric.rsplit("/", 1)[-1]
    parts = [part.lower() for part in _WORD.findall(last)]
    # ``f`` and ``1`` are one word, and so are ``log`` and ``loss``.
    words = {*parts, *(left + right for left, right in pairwise(parts))}
    is_less, is_more = not words.isdisjoint(_LESS), not words.isdisjoint(_MORE)
    if is_less == is_more:
        return None
    return Direction.LESS if is_less else Direction.MORE


def best_of(direction: Direction | None, values: Iterable[float]) -> float | None:
    """Return the best of the values that are numbers, None where no direction is known or nothing beats anything."""
    numbers = {value for value in values if not math.isnan(value)}
    if direction is None or len(numbers) < 2:
        return None
    return min(numbers) if direction is Direction.LESS else max(numbers)
