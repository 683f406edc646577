"""Where the time of `run --time` goes: to the cells whose intervals are widest.

Every cell first gets the replicates that an interval needs at all. Then, again
and again, the widest quarter of the cells, at least FEWEST of them so that
replicates of one cell still stand apart, runs one more round each. A round is
all backends of a cell, as ever: pairs stay pairs. What is looked at is how wide
an interval is, never where it lies, and the time alone ends it.
"""

import math

from . import cells, stats
from .report_series import metric_of

MINIMUM = stats.MIN_INTERVAL_N     # replicates before any cell gets more than another
MOST = 200                         # replicates of one cell
FEWEST = 4
SHARE = 4                          # a batch is one in so many


def relative_width(samples):
    """Half the interval of the median of one cell on one backend, as a part of
    the median; None where there is no interval."""
    if not samples:
        return None
    case, axes = cells.parse(samples[-1]["cell"])
    metric = metric_of(case, axes.get("load"))
    values = [v for v in (metric.value(s) for s in samples if s["status"] == "ok") if v is not None]
    if len(values) < MINIMUM:
        return None
    interval, median = stats.median_interval(values), stats.median(values)
    if interval.is_range or median <= 0:
        return None
    return (interval.high - interval.low) / 2 / median


def choose(candidates, seconds):
    """The cells of the next batch. candidates: {cell: (width, seconds of one
    round)}; seconds: what is left for all of it."""
    useful = [name for name, (width, _) in candidates.items() if width]
    useful.sort(key=lambda name: (-candidates[name][0], name))
    wanted = max(FEWEST, math.ceil(len(useful) / SHARE))
    chosen = []
    for name in useful:
        if len(chosen) < wanted and candidates[name][1] <= seconds:
            chosen.append(name)
            seconds -= candidates[name][1]
    return chosen
