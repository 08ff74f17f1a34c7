"""The query of a chart's data, checked: the same for the portal's pages and for the API."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from tracking.charts.groups import Average, Grouping, Spread, parse_grouping
from tracking.charts.series import Range, View, XAxis, parse_smoothing
from tracking.core.errors import InvalidParameterError

MAX_RUNS = 1_000
MAX_METRICS = 50
MAX_CURVES = 5_000
PIXELS = range(10, 4001)
X_METRIC = "metric:"


@dataclass(frozen=True, slots=True)
class SeriesAsked:
    """Which curves, how. ``since``: the state the reader has of each metric, "" for none."""

    uids: tuple[str, ...]
    metrics: tuple[str, ...]
    since: tuple[str, ...]
    range: Range | None
    view: View
    grouping: Grouping | None

    @classmethod
    def from_query(cls, query: Mapping[str, Sequence[str]]) -> Self:
        """Read the query: ``run`` (several, or with commas between), ``metric`` (several), and, each perhaps absent,
        ``since`` (one a metric), ``x`` (step, time, relative, metric:KEY), ``log_x`` (1), ``from``, ``to``, ``px``,
        ``smooth`` (ema:0.6, gaussian:10, mean:20), ``group`` (all, params.KEY, tags.KEY), ``average`` (mean, median),
        ``spread`` (std, stderr, ci95, minmax, none).

        :raises InvalidParameterError: if a parameter is missing or wrong; the text begins with its name.
        """
        given = {name: values[-1] for name, values in query.items() if values}
        uids = tuple(dict.fromkeys(uid for text in query.get("run", ()) for uid in text.split(",") if uid))
        metrics = tuple(dict.fromkeys(query.get("metric", ())))
        since = tuple(query.get("since", ())) or ("",) * len(metrics)
        if not 1 <= len(uids) <= MAX_RUNS:
            raise InvalidParameterError(f"run: name 1 to {MAX_RUNS} runs, got {len(uids)}")
        if not 1 <= len(metrics) <= MAX_METRICS:
            raise InvalidParameterError(f"metric: name 1 to {MAX_METRICS} metrics, got {len(metrics)}")
        if len(uids) * len(metrics) > MAX_CURVES:
            raise InvalidParameterError(
                f"metric: {len(metrics)} metrics of {len(uids)} runs are more than {MAX_CURVES} curves; ask in parts"
            )
        if len(since) != len(metrics):
            raise InvalidParameterError(f"since: give one state for each of {len(metrics)} metrics, got {len(since)}")
        return cls(
            uids=uids,
            metrics=metrics,
            since=since,
            range=_range(given),
            view=_view(given),
            grouping=parse_grouping(
                given.get("group", ""), given.get("average", Average.MEAN), given.get("spread", Spread.STD)
            ),
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """All metrics that the answer is made from."""
        return (*self.metrics, self.view.x_metric) if self.view.x_metric else self.metrics


def parse_x(text: str) -> tuple[XAxis, str]:
    """Return what ``step``, ``time``, ``relative`` or ``metric:KEY`` asks for, and the key.

    :raises InvalidParameterError: if it is none of these.
    """
    if text.startswith(X_METRIC) and text != X_METRIC:
        return XAxis.METRIC, text.removeprefix(X_METRIC)
    if text not in (XAxis.STEP, XAxis.TIME, XAxis.RELATIVE):
        raise InvalidParameterError(f"x: {text[:40]!r} is not an axis; use step, time, relative or metric:KEY")
    return XAxis(text), ""


def _view(given: Mapping[str, str]) -> View:
    x, x_metric = parse_x(given.get("x", XAxis.STEP))
    text = given.get("px", "800")
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) in PIXELS):
        raise InvalidParameterError(f"px: {text[:40]!r} is not a whole number from {PIXELS[0]} to {PIXELS[-1]}")
    return View(
        x=x,
        pixels=int(text),
        smoothing=parse_smoothing(given.get("smooth", "")),
        is_log_x=given.get("log_x") == "1",
        x_metric=x_metric,
    )


def _range(given: Mapping[str, str]) -> Range | None:
    """Return from and to as a range, None where neither is given; an end that is missing is open."""
    low, high = _number(given, "from", -math.inf), _number(given, "to", math.inf)
    if low > high:
        raise InvalidParameterError(f"from: {low:g} is greater than to, {high:g}")
    if given.get("log_x") == "1" and low <= 0:
        low = -math.inf  # a logarithmic axis starts with the data
    return None if math.isinf(low) and math.isinf(high) else (low, high)


def _number(given: Mapping[str, str], name: str, missing: float) -> float:
    text = given.get(name, "")
    if not text:
        return missing
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidParameterError(f"{name}: {text[:40]!r} is not a finite number")
    return number
