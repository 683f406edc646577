"""Where the time of `run --time` goes: to the cells whose intervals can be expected to be widest.

Every cell first gets the replicates that an interval needs at all. Then, again
and again, the quarter of the cells that is expected to be widest, at least
FEWEST of them so that replicates of one cell still stand apart, runs one more
round each. A round is all backends of a cell, as ever: pairs stay pairs.

Six values that lie close together by luck make an interval that is too narrow,
and a rule that looks at it would leave just these cells alone: 89 to 93 % of
the intervals that stay at six would hold the median. So what is expected of a
cell follows from the cells beside it, and from how often it ran; its own values
decide nothing. The time alone ends it.
"""

import itertools
import math
import statistics

from . import cells, stats
from .report_series import metric_of_sample

MINIMUM = stats.MIN_INTERVAL_N     # replicates before any cell gets more than another
MOST = 200                         # replicates of one cell
FEWEST = 4
SHARE = 4                          # a batch is one in so many


def relative_width(samples):
    """Half the interval of the median of one cell on one backend, as a part of
    the median; None where there is no interval."""
    values = list(_values(samples))
    if len(values) < MINIMUM:
        return None
    interval, median = stats.median_interval(values), stats.median(values)
    if interval.is_range or median <= 0:
        return None
    return (interval.high - interval.low) / 2 / median


def spread(samples):
    """How far the first MINIMUM values of one cell on one backend lie from their median, as a logarithm's mean; None
    where there are fewer."""
    logs = [math.log(v) for v in itertools.islice(_values(samples), MINIMUM)]
    if len(logs) < MINIMUM:
        return None
    middle = stats.median(logs)
    return statistics.fmean(abs(log - middle) for log in logs)


def _values(samples):
    """Those of the samples of one cell on one backend that have one."""
    metric = metric_of_sample(samples[0]) if samples else None
    values = (metric.value(s) for s in samples if s["status"] == "ok")
    return (v for v in values if v is not None)


def expected(spreads, replicates):
    """{cell: how wide its interval can be expected to be, in no unit}. spreads: {cell: its spread()}, without effect on
    its own cell but that one without spread is not expected to gain. As wide as the other cells of its case are, and
    all others together count as one of these."""
    logs = {cell: math.log(found) for cell, found in spreads.items() if found}
    case = {cell: cells.parse(cell)[0] for cell in logs}
    whole, result = sum(logs.values()), {}
    for cell in logs:
        beside = [logs[other] for other in logs if other != cell and case[other] == case[cell]]
        if len(logs) > 1:
            beside.append((whole - logs[cell]) / (len(logs) - 1))
        result[cell] = math.exp(statistics.fmean(beside or [0])) / math.sqrt(replicates[cell])
    return result


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
