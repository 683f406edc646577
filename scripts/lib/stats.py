"""The statistics of a report, standard library only.

Everything here is free of a distribution: the median, order statistics, signs and ranks. Definitions:

interval     The interval of a median is a pair of order statistics. With n values, the k-th smallest and the
             k-th largest enclose the true median with probability 1 - 2 P(Binomial(n, 1/2) < k), exactly, for any
             continuous distribution. k is the largest that keeps this at 95 % or more: n = 6 gives 1st-6th
             (96.9 %), n = 10 gives 2nd-9th (97.9 %). Below six values no k does, and only the range is given.
ratio        Within a run two backends are paired by round: r_i = log(a_i / b_i); the ratio is exp(median r), its
             interval exp(interval of r). Across sessions nothing pairs: ratio of medians, bootstrap. Its plain
             percentiles cover too seldom at six values (93 % of the time for skewed ones); they are taken further
             out, as far as Student's t stands beyond the normal (Hesterberg's expanded percentiles).
p            Paired: exact two-sided sign test, ties dropped. Unpaired: two-sided Mann-Whitney, exact without ties
             and up to 400 pairs, else normal with tie and continuity correction.
noise floor  The size below which a difference is not believed in this run. Each series (one cell, one backend) is
             compared with itself: its replicates in run order are split into neighbours (1st and 2nd, 3rd and
             4th ...), and |median log ratio| of these pairs is what "no difference at all" looked like here. The
             floor is the 95th percentile of it over all series with at least six values, and never below 1 %.
             Half as many pairs as a real comparison has make it wider than needed, on the safe side.
verdict      "differs" = the interval excludes 1, |median r| is above the noise floor, and p after Holm's
             correction over the comparison's family is below 0.05. When every round agrees but 2^(1-n) is too
             large for the family, the verdict says that rounds are missing, not that nothing was seen.
"""

import math
import random
import statistics

LEVEL = 0.95
ALPHA = 0.05
MIN_INTERVAL_N = 6
FLOOR_MINIMUM = math.log(1.01)
FLOOR_QUANTILE = 0.95
EXACT_PAIRS = 400


# --- one series -----------------------------------------------------------------------------------

def median(values):
    ordered = sorted(values)
    n = len(ordered)
    if n == 0:
        raise ValueError("the median of nothing")
    middle = n // 2
    return ordered[middle] if n % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def binomial_tail(n, k):
    """P(Binomial(n, 1/2) <= k), exact."""
    return sum(math.comb(n, i) for i in range(0, k + 1)) / 2 ** n if k >= 0 else 0.0


class Interval:
    """low, high, and how sure: coverage is None when this is only the range of too few values."""

    def __init__(self, low, high, coverage, n):
        self.low, self.high, self.coverage, self.n = low, high, coverage, n

    @property
    def is_range(self):
        return self.coverage is None

    def map(self, function):
        return Interval(function(self.low), function(self.high), self.coverage, self.n)

    def excludes(self, value):
        return self.coverage is not None and (self.low > value or self.high < value)


def order_rank(n):
    """k: the k-th smallest and k-th largest of n enclose the median at LEVEL; 0 if none does."""
    k = 0
    while 2 * (k + 1) <= n and 1 - 2 * binomial_tail(n, k) >= LEVEL:
        k += 1
    return k


def median_interval(values):
    ordered = sorted(values)
    n = len(ordered)
    k = order_rank(n)
    if k == 0:
        return Interval(ordered[0], ordered[-1], None, n)
    return Interval(ordered[k - 1], ordered[n - k], 1 - 2 * binomial_tail(n, k - 1), n)


def quantile(values, q):
    """The smallest value that at least a share q of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)]


# --- tests ----------------------------------------------------------------------------------------

def sign_test(values):
    """Exact two-sided p that the median of `values` is zero; zeros carry no sign and are dropped."""
    positive = sum(1 for v in values if v > 0)
    negative = sum(1 for v in values if v < 0)
    n = positive + negative
    return min(1.0, 2 * binomial_tail(n, min(positive, negative))) if n else 1.0


def mann_whitney(a, b):
    """Two-sided p that a and b come from one distribution."""
    n, m = len(a), len(b)
    if n == 0 or m == 0:
        return 1.0
    merged = sorted(list(a) + list(b))
    ties = _tie_sizes(merged)
    u = sum((x > y) + 0.5 * (x == y) for x in a for y in b)
    if max(ties) == 1 and n * m <= EXACT_PAIRS:
        return _mann_whitney_exact(n, m, int(min(u, n * m - u)))
    total = n + m
    variance = n * m / 12 * (total + 1 - sum(t ** 3 - t for t in ties) / (total * (total - 1)))
    if variance <= 0:
        return 1.0
    z = max(0.0, abs(u - n * m / 2) - 0.5) / math.sqrt(variance)
    return min(1.0, math.erfc(z / math.sqrt(2)))


def _tie_sizes(ordered):
    sizes, previous = [], object()
    for value in ordered:
        if value == previous:
            sizes[-1] += 1
        else:
            sizes.append(1)
            previous = value
    return sizes


def _mann_whitney_exact(n, m, u):
    """2 P(U <= u): coefficients of the Gaussian binomial [n+m choose n], which count arrangements by U."""
    counts = [1] + [0] * (n * m)
    for i in range(1, n + 1):
        for j in range(n * m, m + i - 1, -1):
            counts[j] -= counts[j - m - i]
        for j in range(i, n * m + 1):
            counts[j] += counts[j - i]
    return min(1.0, 2 * sum(counts[:u + 1]) / sum(counts))


def holm(p_values):
    """Holm's adjusted p, in the order given."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted


# --- ratios ---------------------------------------------------------------------------------------

class Ratio:
    """a over b. logs: the r_i when paired, else empty."""

    def __init__(self, value, interval, p, n, paired, logs=()):
        self.value, self.interval, self.p, self.n = value, interval, p, n
        self.paired, self.logs = paired, list(logs)

    @property
    def log(self):
        return math.log(self.value)

    def smallest_p(self):
        """What p would be if every value agreed."""
        if self.paired:
            return min(1.0, 2.0 ** (1 - self.n)) if self.n else 1.0
        return self.p


def paired_ratio(a, b):
    """a, b: {round: value > 0}. Rounds that only one of them has pair with nothing. None without a pair."""
    logs = [math.log(a[key] / b[key]) for key in sorted(a.keys() & b.keys())]
    if not logs:
        return None
    return Ratio(math.exp(median(logs)), median_interval(logs).map(math.exp), sign_test(logs), len(logs),
                 True, logs)


def unpaired_ratio(a, b, seed=1, resamples=2000):
    """Ratio of the medians of two lists of values > 0; the interval is a percentile bootstrap, the same for
    the same input. None when one list is empty."""
    if not a or not b:
        return None
    value = median(a) / median(b)
    n = min(len(a), len(b))
    if n < MIN_INTERVAL_N:
        return Ratio(value, Interval(min(a) / max(b), max(a) / min(b), None, n), 1.0, n, False)
    rng = random.Random(seed)
    draws = sorted(median(rng.choices(a, k=len(a))) / median(rng.choices(b, k=len(b)))
                   for _ in range(resamples))
    tail = int(resamples * expanded_tail(n))
    interval = Interval(draws[tail], draws[-1 - tail], LEVEL, n)
    return Ratio(value, interval, mann_whitney(a, b), n, False)


def expanded_tail(n):
    """The share to cut off at each end of the bootstrap's draws so that LEVEL holds for two samples of n: what the
    normal leaves beyond Student's t of 2n - 2 degrees, times sqrt(n / (n - 1))."""
    normal, degrees = statistics.NormalDist(), 2 * n - 2
    z = normal.inv_cdf((1 + LEVEL) / 2)
    t = z + (z ** 3 + z) / (4 * degrees) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * degrees ** 2) + (
        3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * degrees ** 3)
    return normal.cdf(-t * math.sqrt(n / (n - 1)))


# --- noise floor and verdict ----------------------------------------------------------------------

def self_difference(values):
    """|median log ratio| of neighbours of one series in run order."""
    logs = [math.log(values[i] / values[i + 1]) for i in range(0, len(values) - 1, 2)]
    return abs(median(logs))


class Floor:
    """A run's noise floor, as |log ratio|; series: how many it was taken from; largest: the loudest of them."""

    def __init__(self, log, series, largest):
        self.log, self.series, self.largest = log, series, largest

    @property
    def percent(self):
        return 100 * math.expm1(self.log)


def noise_floor(series):
    """series: lists of values > 0, each in run order. None when no list has six."""
    differences = [self_difference(values) for values in series if len(values) >= MIN_INTERVAL_N]
    if not differences:
        return None
    return Floor(max(FLOOR_MINIMUM, quantile(differences, FLOOR_QUANTILE)), len(differences), max(differences))


DIFFERS = "differs"
ROUNDS_MISSING = "every round agrees, too few rounds"
NOT_SHOWN = "no difference shown"
WITHIN_FLOOR = "within the noise floor"
TOO_FEW = "not judged: fewer than 6 values"
NO_FLOOR = "not judged: no noise floor"


def verdict(ratio, corrected_p, floor):
    """The verdict word of one comparison; floor is a Floor or None."""
    if ratio.interval.is_range:
        return TOO_FEW
    if not ratio.interval.excludes(1.0):
        return NOT_SHOWN
    if floor is None:
        return NO_FLOOR
    if abs(ratio.log) <= floor.log:
        return WITHIN_FLOOR
    if corrected_p < ALPHA:
        return DIFFERS
    if ratio.paired and ratio.p <= ratio.smallest_p():
        return ROUNDS_MISSING
    return NOT_SHOWN
