"""stats: exact values, coverage by simulation, and agreement with scipy where it is installed."""

import itertools
import json
import math
import os
import random
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from lib import stats  # noqa: E402

SIMULATIONS = 4000
BOOTSTRAPS = 500      # each of them takes a thousand times as long

# Asked in a process of its own: the python3 that runs the tests need not be the one that has scipy.
ASK_SCIPY = """
import json, sys
from scipy import stats
def answer(case):
    kind, a, b = case
    if kind == "sign":
        return stats.binomtest(a, b).pvalue
    if kind == "median":
        return stats.binom.cdf(b - 1, a, 0.5)
    return stats.mannwhitneyu(a, b, method=kind).pvalue
json.dump([float(answer(case)) for case in json.load(sys.stdin)], sys.stdout)
"""


def scipy_python():
    """A Python that has scipy, or None."""
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            if subprocess.run([python, "-c", "import scipy.stats"], stderr=subprocess.DEVNULL).returncode == 0:
                return python
        except OSError:
            continue
    return None


def ask_scipy(python, cases):
    done = subprocess.run([python, "-c", ASK_SCIPY], input=json.dumps(cases).encode(), stdout=subprocess.PIPE,
                          check=True, timeout=120)
    return json.loads(done.stdout)


class Medians(unittest.TestCase):
    def test_median_of_odd_even_and_nothing(self):
        self.assertEqual(stats.median([3, 1, 2]), 2)
        self.assertEqual(stats.median([4, 1, 2, 3]), 2.5)
        with self.assertRaises(ValueError):
            stats.median([])

    def test_interval_ranks_and_coverage_of_the_design(self):
        six = stats.median_interval([5, 3, 1, 6, 2, 4])
        self.assertEqual((six.low, six.high), (1, 6))
        self.assertAlmostEqual(six.coverage, 0.96875)
        ten = stats.median_interval(list(range(10, 0, -1)))
        self.assertEqual((ten.low, ten.high), (2, 9))
        self.assertAlmostEqual(ten.coverage, 0.978515625)

    def test_below_six_values_only_the_range(self):
        for n in range(1, 6):
            interval = stats.median_interval(list(range(n)))
            self.assertTrue(interval.is_range)
            self.assertFalse(interval.excludes(-1))

    def test_rank_is_the_largest_that_covers(self):
        for n in range(6, 60):
            k = stats.order_rank(n)
            self.assertGreaterEqual(1 - 2 * stats.binomial_tail(n, k - 1), 0.95)
            self.assertLess(1 - 2 * stats.binomial_tail(n, k), 0.95)


class Coverage(unittest.TestCase):
    """The true median lies in the interval at least 94 times in 100."""

    def skewed(self, rng):
        return math.exp(rng.expovariate(1 / 0.3) ** 1.5)

    def pair(self, rng, n, round_noise):
        """Two backends over n rounds, the first 2.5 times as dear in truth."""
        a, b = {}, {}
        for i in range(n):
            weather = math.exp(rng.gauss(0, 0.3)) if round_noise else 1.0
            a[i], b[i] = 2.5 * self.skewed(rng) * weather, self.skewed(rng) * weather
        return a, b

    def covered(self, what, times, n, round_noise, interval_of):
        """The share of simulated comparisons whose interval holds the true ratio; printed."""
        rng = random.Random(20240101 + n)
        hits = 0
        for _ in range(times):
            interval = interval_of(*self.pair(rng, n, round_noise))
            hits += interval.low <= 2.5 <= interval.high
        print("coverage of the %s interval, n = %d, skewed, %s noise of rounds, %d simulations: %.1f %%"
              % (what, n, "with" if round_noise else "without", times, 100 * hits / times))
        return hits / times

    def test_paired_ratio_covers(self):
        for n, round_noise in itertools.product((6, 10), (False, True)):
            with self.subTest(n=n, round_noise=round_noise):
                self.assertGreaterEqual(self.covered("paired", SIMULATIONS, n, round_noise,
                                                     lambda a, b: stats.paired_ratio(a, b).interval), 0.94)

    def test_unpaired_ratio_covers(self):
        def interval(a, b):
            return stats.unpaired_ratio(list(a.values()), list(b.values()), resamples=400).interval
        for n, round_noise in itertools.product((6, 10), (False, True)):
            with self.subTest(n=n, round_noise=round_noise):
                self.assertGreaterEqual(self.covered("unpaired", BOOTSTRAPS, n, round_noise, interval), 0.94)

    def test_an_interval_that_is_too_narrow_does_not_cover(self):
        """What the simulation sees when the ranks are one too far in."""
        def interval(a, b):
            logs = sorted(math.log(a[i] / b[i]) for i in a)
            return stats.Interval(math.exp(logs[1]), math.exp(logs[-2]), 0.78, len(logs))
        self.assertLess(self.covered("narrowed", SIMULATIONS, 6, False, interval), 0.94)

    def test_median_of_skewed_values_covers(self):
        rng = random.Random(7)
        true = math.exp((math.log(2) * 0.3) ** 1.5)
        for n in (6, 10):
            hits = 0
            for _ in range(SIMULATIONS):
                interval = stats.median_interval([self.skewed(rng) for _ in range(n)])
                hits += interval.low <= true <= interval.high
            self.assertGreaterEqual(hits / SIMULATIONS, 0.94)

    def test_pairing_narrows_where_rounds_are_noisy(self):
        rng = random.Random(3)
        paired, unpaired = [], []
        for _ in range(60):
            a, b = {}, {}
            for i in range(10):
                weather = math.exp(rng.gauss(0, 0.3))
                a[i], b[i] = weather * math.exp(rng.gauss(0, 0.05)), weather * math.exp(rng.gauss(0, 0.05))
            one = stats.paired_ratio(a, b).interval
            two = stats.unpaired_ratio(list(a.values()), list(b.values()), resamples=200).interval
            paired.append(one.high / one.low)
            unpaired.append(two.high / two.low)
        self.assertLess(stats.median(paired), stats.median(unpaired))


class Tests(unittest.TestCase):
    def test_sign_test_exact(self):
        self.assertEqual(stats.sign_test([1] * 6), 2 / 64)
        self.assertEqual(stats.sign_test([1] * 10), 2 / 1024)
        self.assertEqual(stats.sign_test([1, -1]), 1.0)
        self.assertEqual(stats.sign_test([1] * 6 + [0, 0]), 2 / 64)
        self.assertEqual(stats.sign_test([0.0, 0.0]), 1.0)

    def test_mann_whitney_exact_against_enumeration(self):
        for n, m in ((1, 1), (2, 3), (4, 4), (5, 3)):
            counts = {}
            for chosen in itertools.combinations(range(n + m), n):
                u = sum(chosen) - n * (n - 1) // 2
                counts[u] = counts.get(u, 0) + 1
            total = sum(counts.values())
            for chosen in itertools.combinations(range(n + m), n):
                a = [float(i) for i in chosen]
                b = [float(i) for i in range(n + m) if i not in chosen]
                u = sum(chosen) - n * (n - 1) // 2
                u = min(u, n * m - u)
                expected = min(1.0, 2 * sum(c for k, c in counts.items() if k <= u) / total)
                self.assertAlmostEqual(stats.mann_whitney(a, b), expected)

    def test_mann_whitney_with_nothing_or_only_ties(self):
        self.assertEqual(stats.mann_whitney([], [1.0]), 1.0)
        self.assertEqual(stats.mann_whitney([1.0, 1.0], [1.0, 1.0]), 1.0)

    def test_holm_by_hand(self):
        adjusted = stats.holm([0.01, 0.04, 0.03])
        for got, wanted in zip(adjusted, (0.03, 0.06, 0.06)):
            self.assertAlmostEqual(got, wanted)
        self.assertEqual(stats.holm([]), [])
        self.assertEqual(stats.holm([0.7, 0.9]), [1.0, 1.0])

    def test_agrees_with_scipy(self):
        python = scipy_python()
        if python is None:
            self.skipTest("no python3 here has scipy; scripts/setup --tests installs it")
        rng = random.Random(1)
        cases, ours = [], []
        for _ in range(100):
            n, m = rng.randint(2, 15), rng.randint(2, 15)
            a, b = [rng.random() for _ in range(n)], [rng.random() + 0.2 for _ in range(m)]
            cases.append(("exact", a, b))
            ours.append(stats.mann_whitney(a, b))
            a, b = [rng.randint(0, 3) for _ in range(n)] + [0, 0], [rng.randint(0, 3) for _ in range(m)] + [3, 3]
            cases.append(("asymptotic", a, b))
            ours.append(stats.mann_whitney(a, b))
            signs = [rng.gauss(0.3, 1) for _ in range(n)]
            cases.append(("sign", sum(x > 0 for x in signs), n))
            ours.append(stats.sign_test(signs))
        large = [rng.random() for _ in range(25)], [rng.random() + 0.3 for _ in range(25)]
        cases.append(("asymptotic",) + large)      # beyond EXACT_PAIRS, without ties
        ours.append(stats.mann_whitney(*large))
        for n in range(6, 41):
            cases.append(("median", n, stats.order_rank(n)))
            ours.append((1 - stats.median_interval(list(range(n))).coverage) / 2)
        for case, theirs, mine in zip(cases, ask_scipy(python, cases), ours):
            self.assertAlmostEqual(theirs, mine, msg=case)

class Ratios(unittest.TestCase):
    def test_pairs_by_round_and_drops_rounds_that_only_one_has(self):
        ratio = stats.paired_ratio({0: 2.0, 1: 4.0, 2: 8.0}, {1: 2.0, 2: 4.0, 3: 1.0})
        self.assertEqual((ratio.n, ratio.value), (2, 2.0))
        self.assertIsNone(stats.paired_ratio({0: 1.0}, {1: 1.0}))

    def test_bootstrap_is_the_same_every_time_and_holds_the_ratio(self):
        rng = random.Random(5)
        a, b = [rng.uniform(2, 3) for _ in range(10)], [rng.uniform(1, 1.5) for _ in range(10)]
        one, two = stats.unpaired_ratio(a, b), stats.unpaired_ratio(a, b)
        self.assertEqual((one.interval.low, one.interval.high), (two.interval.low, two.interval.high))
        self.assertTrue(one.interval.low <= one.value <= one.interval.high)

    def test_few_unpaired_values_give_a_range(self):
        ratio = stats.unpaired_ratio([2.0, 3.0], [1.0] * 9)
        self.assertTrue(ratio.interval.is_range)
        self.assertEqual((ratio.interval.low, ratio.interval.high), (2.0, 3.0))


class Verdicts(unittest.TestCase):
    def ratio(self, logs):
        return stats.paired_ratio({i: math.exp(v) for i, v in enumerate(logs)}, {i: 1.0 for i in range(len(logs))})

    def floor(self, percent):
        return stats.Floor(math.log(1 + percent / 100), 10, 0.1)

    def test_all_three_conditions_are_needed(self):
        ratio = self.ratio([0.5, 0.51, 0.52, 0.53, 0.54, 0.55, 0.56, 0.57, 0.58, 0.59])
        self.assertEqual(stats.verdict(ratio, 0.01, self.floor(2)), stats.DIFFERS)
        self.assertEqual(stats.verdict(ratio, 0.01, self.floor(100)), stats.WITHIN_FLOOR)
        self.assertEqual(stats.verdict(ratio, 0.01, None), stats.NO_FLOOR)
        self.assertEqual(stats.verdict(ratio, 0.2, self.floor(2)), stats.ROUNDS_MISSING)
        mixed = self.ratio([0.5, -0.5] * 5)
        self.assertEqual(stats.verdict(mixed, 0.01, self.floor(2)), stats.NOT_SHOWN)

    def test_one_dissenting_round_is_not_called_missing_rounds(self):
        ratio = self.ratio([-0.1] + [0.5 + i / 100 for i in range(9)])
        self.assertTrue(ratio.interval.excludes(1.0))
        self.assertEqual(stats.verdict(ratio, 0.2, self.floor(2)), stats.NOT_SHOWN)

    def test_five_rounds_are_never_judged(self):
        self.assertEqual(stats.verdict(self.ratio([1.0] * 5), 0.0, self.floor(2)), stats.TOO_FEW)

    def test_six_rounds_suffice_alone_and_not_in_a_family_of_two(self):
        ratio = self.ratio([1 + i / 100 for i in range(6)])
        alone, = stats.holm([ratio.p])
        both = stats.holm([ratio.p, ratio.p])
        self.assertEqual(stats.verdict(ratio, alone, self.floor(2)), stats.DIFFERS)
        self.assertEqual(stats.verdict(ratio, both[0], self.floor(2)), stats.ROUNDS_MISSING)


class NoiseFloor(unittest.TestCase):
    def test_quiet_series_give_the_minimum_and_short_ones_nothing(self):
        self.assertAlmostEqual(stats.noise_floor([[1.0] * 10] * 5).percent, 1.0)
        self.assertIsNone(stats.noise_floor([[1.0] * 5, [2.0] * 3]))

    def test_is_the_95th_percentile_of_self_differences(self):
        series = [[1.0, 1.0 + i / 100] * 3 for i in range(1, 101)]
        self.assertAlmostEqual(stats.noise_floor(series).percent, 95.0)

    def test_a_backend_against_itself_rarely_differs(self):
        """200 comparisons of equal backends with skewed noise and families of four: at most 5 differ."""
        rng = random.Random(11)
        cells = []
        for _ in range(200):
            spread = rng.choice((0.01, 0.03, 0.1))
            weather = [rng.gauss(0, 0.05) for _ in range(10)]
            cells.append([[math.exp(w + rng.expovariate(1 / spread)) for w in weather] for _ in range(2)])
        floor = stats.noise_floor([series for both in cells for series in both])
        ratios = [stats.paired_ratio(dict(enumerate(a)), dict(enumerate(b))) for a, b in cells]
        differ = 0
        for start in range(0, 200, 4):
            family = ratios[start:start + 4]
            for ratio, p in zip(family, stats.holm([r.p for r in family])):
                differ += stats.verdict(ratio, p, floor) == stats.DIFFERS
        self.assertLessEqual(differ, 5)


if __name__ == "__main__":
    unittest.main()
