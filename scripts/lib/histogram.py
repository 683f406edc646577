"""Histograms of latencies as samples hold them: counts of the buckets of bench/histogram.h, which are exact below
256 ns and 1/128 wide above. From them every quantile can be had again, and the .hgrm files that tools for
HdrHistogram read.

`counts` in a sample is a flat list: bucket, count, bucket, count ..., buckets ascending.
"""

import math

EXACT = 256
PER_OCTAVE = 128
BUCKETS = EXACT + 36 * PER_OCTAVE
LARGEST = 1 << 48       # values of one process: more than it can have, and few enough for exact shares
TICKS_PER_HALF = 5      # lines of a .hgrm file each time that the distance to 100 % halves


def middle(bucket):
    """The value that stands for a bucket."""
    if bucket < EXACT:
        return bucket
    octave, lead = divmod(bucket - EXACT, PER_OCTAVE)
    return ((PER_OCTAVE + lead) << (octave + 1)) + (1 << octave)


class Histogram:
    """Of one process, or merged from several."""

    def __init__(self):
        self.counts, self.count, self.max = {}, 0, 0

    def merge(self, latency):
        """Add what one sample's `latency` holds; ValueError if its counts do not fit together."""
        pairs = latency["counts"]
        buckets, counts = pairs[0::2], pairs[1::2]
        if len(buckets) != len(counts) or any(a >= b for a, b in zip(buckets, buckets[1:])):
            raise ValueError("counts are not pairs of a bucket and a count in ascending order")
        if any(b >= BUCKETS for b in buckets) or sum(counts) != latency["count"]:
            raise ValueError("counts do not add up to count, or name a bucket that is none")
        if latency["count"] > LARGEST:
            raise ValueError("counts are of more values than a process has")
        for bucket, count in zip(buckets, counts):
            self.counts[bucket] = self.counts.get(bucket, 0) + count
        self.count += latency["count"]
        self.max = max(self.max, latency["max"])

    def value_at(self, rank):
        """(value, how many values are in its bucket or below) of the rank-th smallest value."""
        seen = 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= rank:
                return min(middle(bucket), self.max), seen
        return self.max, self.count

    def quantile(self, share):
        """By nearest rank, as the executables do it."""
        return self.value_at(max(1, math.ceil(round(self.count * share, 6))))[0]

    def moments(self):
        """(mean, standard deviation), of the middles of the buckets."""
        if not self.count:
            return 0.0, 0.0
        mean = sum(middle(b) * n for b, n in self.counts.items()) / self.count
        variance = sum((middle(b) - mean) ** 2 * n for b, n in self.counts.items()) / self.count
        return mean, math.sqrt(variance)

    def curve(self):
        """[(value, share of the values that it covers, how many they are)]: from 0, denser towards 1, up to the
        largest value."""
        points, share = [], 0.0
        while self.count:
            value, seen = self.value_at(max(1, math.ceil(round(self.count * share, 6))))
            if seen >= self.count:
                break
            points.append((value, share, seen))
            half = 2 ** (int(math.log2(1 / (1 - share))) + 1)
            before, share = share, share + 1 / (half * TICKS_PER_HALF)
            if share in (before, 1.0):      # no nearer to 1 in floating point
                break
        return points + [(self.max, 1.0, self.count)] if self.count else []


def of_samples(samples):
    """The histogram of all samples that have counts, merged; None if none has."""
    merged = Histogram()
    for sample in samples:
        latency = sample.get("latency")
        if latency and latency.get("counts"):
            merged.merge(latency)
    return merged if merged.count else None


def hgrm(histogram):
    """The text of a .hgrm file, values in ns."""
    lines = ["%12s %14s %10s %14s" % ("Value", "Percentile", "TotalCount", "1/(1-Percentile)"), ""]
    for value, share, seen in histogram.curve():
        line = "%12.3f %2.12f %10d" % (value, share, seen)
        lines.append(line + (" %14.2f" % (1 / (1 - share)) if share < 1 else ""))
    mean, deviation = histogram.moments()
    octaves = max(1, (max(histogram.counts, default=0) - EXACT) // PER_OCTAVE + 2)
    lines += ["#[Mean    = %12.3f, StdDeviation   = %12.3f]" % (mean, deviation),
              "#[Max     = %12.3f, Total count    = %12d]" % (histogram.max, histogram.count),
              "#[Buckets = %12d, SubBuckets     = %12d]" % (octaves, EXACT)]
    return "\n".join(lines) + "\n"
