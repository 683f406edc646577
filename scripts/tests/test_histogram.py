"""Histograms of latencies, from counts to quantiles and .hgrm files."""

import os
import random
import re
import unittest

from tests import support, synthetic_run
from lib import histogram, report, schema

CELL = "wake/timer/n:100/P:2"


def bucket_of(value):
    """The bucket of a value, by search."""
    below = [b for b in range(histogram.BUCKETS) if b < histogram.EXACT and b == value
             or b >= histogram.EXACT and abs(histogram.middle(b) - value) * 256 <= histogram.middle(b)]
    return min(below, key=lambda b: abs(histogram.middle(b) - value))


def latency(values):
    counts = {}
    for value in values:
        bucket = bucket_of(value)
        counts[bucket] = counts.get(bucket, 0) + 1
    flat = [x for bucket in sorted(counts) for x in (bucket, counts[bucket])]
    return {"p50": 0, "p90": 0, "p99": 0, "p999": 0, "max": max(values), "count": len(values), "counts": flat}


class HistogramTest(support.Case):
    def test_middles_grow_and_are_closer_than_one_percent(self):
        middles = [histogram.middle(b) for b in range(histogram.BUCKETS)]
        self.assertEqual(middles[:256], list(range(256)))
        for a, b in zip(middles[256:], middles[257:]):
            self.assertLess(a, b)
            self.assertLess((b - a) / a, 0.01)

    def test_quantiles_of_merged_processes_are_those_of_all_their_values(self):
        rng = random.Random(7)
        parts = [[int(rng.lognormvariate(9 + i, 1)) + 1 for _ in range(150)] for i in range(3)]
        merged = histogram.of_samples([{"latency": latency(part)} for part in parts])
        values = sorted(sum(parts, []))
        self.assertEqual((merged.count, merged.max), (450, values[-1]))
        for share in (0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1):
            exact = values[max(0, -(-len(values) * int(share * 1000) // 1000) - 1)]
            self.assertLessEqual(abs(merged.quantile(share) - exact), exact / 100, share)

    def test_no_counts_are_no_histogram(self):
        self.assertIsNone(histogram.of_samples([{"latency": None}, {}, {"latency": {"p50": 1, "count": 1}}]))

    def test_an_hgrm_file_has_its_head_rising_lines_and_its_foot(self):
        lines = histogram.hgrm(histogram.of_samples([{"latency": latency(list(range(1, 201)) + [10 ** 6])}])).splitlines()
        self.assertEqual(lines[0].split(), ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"])
        self.assertEqual(lines[1], "")
        body = [[float(x) for x in line.split()] for line in lines[2:-3]]
        for above, below in zip(body, body[1:]):
            self.assertLessEqual(above[0], below[0])
            self.assertLess(above[1], below[1])
            self.assertLessEqual(above[2], below[2])
        self.assertEqual(body[-1], [10 ** 6, 1.0, 201])
        median = next(line for line in body if line[1] == 0.5)
        self.assertEqual(median[:2] + median[3:], [101, 0.5, 2.0])
        self.assertRegex(lines[-3], r"^#\[Mean    = +\d+\.\d{3}, StdDeviation   = +\d+\.\d{3}\]$")
        self.assertRegex(lines[-2], r"^#\[Max     = +1000000\.000, Total count    = +201\]$")
        self.assertRegex(lines[-1], r"^#\[Buckets = +\d+, SubBuckets     = +256\]$")

    def test_a_curve_ends_however_many_values_there_are(self):
        for count in (1 << 48, 1 << 60, (1 << 63) - 2):
            made = histogram.Histogram()
            made.counts, made.count, made.max = {1: count, 300: 1}, count + 1, 400
            points = made.curve()
            self.assertLess(len(points), 400)
            self.assertEqual(points[-1], (400, 1.0, count + 1))
            self.assertIn("Total count", histogram.hgrm(made))

    def test_more_values_than_a_process_has_are_bad_data(self):
        for count, wrong in (((1 << 48) - 1, 0), (1 << 48, 1), (1 << 60, 1)):
            told = dict(latency([1, 2]), count=count + 1, counts=[1, count, 300, 1])
            found = schema.check(synthetic_run.sample(CELL, "gt", 50.0, latency=told), "sample")
            self.assertEqual(len(found), wrong, found)

    def test_a_report_leaves_a_file_for_each_series_with_counts(self):
        lines = [synthetic_run.sample(CELL, backend, 50.0, i, latency=latency([10, 20, 30 + i]))
                 for i in range(6) for backend in ("gt", "pthread")]
        run = synthetic_run.write(self.path("run"), lines)
        report.write(run, formats=("md",))
        self.assertEqual(sorted(os.listdir(os.path.join(run, "latency"))),
                         ["wake-timer-n-100-P-2.gt.hgrm", "wake-timer-n-100-P-2.pthread.hgrm"])
        with open(os.path.join(run, "latency", "wake-timer-n-100-P-2.gt.hgrm"), encoding="ascii") as f:
            self.assertTrue(re.search(r"Max     = +35\.000, Total count    = +18\]", f.read()))

    def test_counts_that_do_not_fit_together_are_bad_data(self):
        good = latency([10, 20, 20, 400])
        for counts in ([10, 1, 20, 2], [20, 2, 10, 1, 400, 1], [10, 1, 10, 3], [10, 1, 20], [10, 4, 9999, 0]):
            sample = synthetic_run.sample(CELL, "gt", 50.0, latency=dict(good, counts=counts))
            errors = schema.check(sample, "sample")
            self.assertEqual(len(errors), 1, counts)
            self.assertIn("latency: counts", errors[0])
        self.assertEqual(schema.check(synthetic_run.sample(CELL, "gt", 50.0, latency=good), "sample"), [])


if __name__ == "__main__":
    unittest.main()
