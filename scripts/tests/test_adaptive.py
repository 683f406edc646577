"""`run --time`: where the time goes."""

import json
import math
import os
import random
import types
import unittest

from tests import fake_bench, support
from lib import adaptive, command_run, planning, profiles, session, stats

ONE = "spawn/one/P:1"
TWO = "spawn/one/P:2"
HANDOFF = "switch/handoff/P:1/place:same-pu"


def made(time):
    return fake_bench.sample("gt", ONE, 4, times=time)


def series(times):
    return [made(t) for t in times]


class WidthTest(unittest.TestCase):
    def test_below_six_values_there_is_no_interval(self):
        self.assertIsNone(adaptive.relative_width(series([1, 2, 3, 4, 5])))
        self.assertIsNone(adaptive.relative_width([]))

    def test_it_is_half_the_interval_as_a_part_of_the_median(self):
        self.assertAlmostEqual(adaptive.relative_width(series([0.9, 0.95, 1, 1, 1.05, 1.1])), 0.1)

    def test_what_is_not_ok_does_not_count(self):
        self.assertIsNone(adaptive.relative_width(series([1, 2, 3, 4, 5]) + [fake_bench.sample(
            "gt", ONE, 4, status="invalid")]))


class ChoiceTest(unittest.TestCase):
    def test_the_widest_quarter_is_chosen_but_at_least_four(self):
        cells = {"c%02d" % i: (i / 100, 1) for i in range(40)}
        self.assertEqual(adaptive.choose(cells, 1000), ["c%02d" % i for i in range(39, 29, -1)])
        few = {"c%d" % i: (i + 1, 1) for i in range(8)}
        self.assertEqual(adaptive.choose(few, 1000), ["c7", "c6", "c5", "c4"])

    def test_a_cell_for_which_no_time_is_left_gives_way_to_the_next(self):
        self.assertEqual(adaptive.choose({"slow": (0.5, 10), "quick": (0.1, 1)}, 5), ["quick"])
        self.assertEqual(adaptive.choose({"slow": (0.5, 10)}, 5), [])

    def test_a_cell_without_width_or_interval_is_never_chosen(self):
        self.assertEqual(adaptive.choose({"a": (0, 1), "b": (None, 1)}, 100), [])


class ExpectedTest(unittest.TestCase):
    def test_the_spread_is_that_of_the_first_six_values(self):
        self.assertIsNone(adaptive.spread(()))
        self.assertIsNone(adaptive.spread(series([1, 2, 3, 4, 5])))
        e = math.e
        self.assertAlmostEqual(adaptive.spread(series([1, 1, 1, e, e, e])), 0.5)
        self.assertAlmostEqual(adaptive.spread(series([1, 1, 1, e, e, e, 1000, 1000])), 0.5)

    def test_a_cell_is_expected_to_be_as_wide_as_those_beside_it_and_narrows_with_its_rounds(self):
        cells = {"a/a/P:1": 0.1, "a/a/P:2": 0.1, "b/b/P:1": 0.4, "b/b/P:2": 0.4}
        wide = adaptive.expected(cells, dict.fromkeys(cells, 9))
        self.assertGreater(wide["b/b/P:1"], wide["a/a/P:1"])
        more = adaptive.expected(cells, dict.fromkeys(cells, 36))
        self.assertAlmostEqual(more["b/b/P:1"] * 2, wide["b/b/P:1"])

    def test_its_own_values_decide_nothing(self):
        cells = {"a/a/P:1": 0.1, "a/a/P:2": 0.1, "b/b/P:1": 0.4}
        for own in (1e-9, 0.1, 5.0):
            found = adaptive.expected({**cells, "a/a/P:1": own}, dict.fromkeys(cells, 6))
            self.assertAlmostEqual(found["a/a/P:1"], adaptive.expected(cells, dict.fromkeys(cells, 6))["a/a/P:1"])

    def test_a_cell_alone_is_a_candidate_and_one_that_never_moves_is_none(self):
        self.assertEqual(set(adaptive.expected({"a/a": 0.1, "b/b": 0, "c/c": None}, {"a/a": 6, "b/b": 6})), {"a/a"})


class CoverageTest(unittest.TestCase):
    """Intervals hold the true median as often where the time stopped early as anywhere."""
    SESSIONS, CELLS, ROUNDS = 150, 24, 14

    def values(self, rng, level, n):
        return [math.exp(level * rng.expovariate(1) ** 1.5) for _ in range(n)]

    def session(self, rng, rule, noisier):
        """(replicates, whether the interval holds the median) of each cell. Cells of one size of noise, or of several."""
        names = ["g/c%d/n:%d" % (i // 3, i) for i in range(self.CELLS)]
        level = {name: 0.2 * math.exp(noisier * rng.gauss(0, 0.7)) for name in names}
        found = {name: self.values(rng, level[name], adaptive.MINIMUM) for name in names}
        spreads = {n: adaptive.spread([dict(made(v), cell=n) for v in found[n]]) for n in names}
        left = self.CELLS * (self.ROUNDS - adaptive.MINIMUM)
        while left > 0:
            widths = rule(spreads, found)
            for name in adaptive.choose({n: (w, 1) for n, w in widths.items()}, left):
                found[name] += self.values(rng, level[name], 1)
                left -= 1
        for name in names:
            interval = stats.median_interval(found[name])
            yield len(found[name]), interval.low <= math.exp(level[name] * math.log(2) ** 1.5) <= interval.high

    def covered(self, words, rule, noisier):
        """(share of all cells, share of those left at six) whose interval holds the median; printed."""
        rng = random.Random(7)
        cells = [one for _ in range(self.SESSIONS) for one in self.session(rng, rule, noisier)]
        few = [hit for n, hit in cells if n == adaptive.MINIMUM]
        shares = sum(hit for _, hit in cells) / len(cells), sum(few) / len(few)
        print("coverage under --time, %s: %.1f %% of %d cells, %.1f %% of the %d left at six"
              % (words, 100 * shares[0], len(cells), 100 * shares[1], len(few)))
        return shares

    def test_cells_that_the_time_left_at_six_cover(self):
        def rule(spreads, found):
            return adaptive.expected(spreads, {n: len(v) for n, v in found.items()})
        for noisier in (0, 1):
            self.assertGreaterEqual(min(self.covered("chosen by the cells beside, %s noise" % (
                "unequal" if noisier else "equal"), rule, noisier)), 0.955)

    def test_a_rule_that_looks_at_the_interval_itself_does_not(self):
        def rule(_, found):
            intervals = {n: stats.median_interval(v) for n, v in found.items()}
            return {n: i.high - i.low for n, i in intervals.items()}
        self.assertLess(self.covered("chosen by the interval, equal noise", rule, 0)[1], 0.93)


class JobsTest(support.Case):
    def test_a_peer_that_has_had_its_rounds_neither_counts_nor_takes_time(self):
        plan = planning.make("default", profiles.Machine(2, {}), ("gt", "go"), [ONE, TWO])
        of = session.Session(plan, None, None, types.SimpleNamespace(full_load=None), 1, None, None, seconds=100)
        times = {"gt": [1, 1, 1, 1.1, 1.1, 1.1], "go": [1, 1, 1, 9, 9, 9]}
        for name, jobs in of.jobs.items():
            for job in jobs:
                job.done, job.seconds = adaptive.MINIMUM, 1 if job.backend == "gt" else 50
                of.state.by_cell.setdefault(name, {})[job.backend] = [
                    dict(made(t), cell=name) for t in times[job.backend]]
        found = of._candidates()
        self.assertEqual({seconds for _, seconds in found.values()}, {1})
        for width, _ in found.values():
            self.assertAlmostEqual(width, math.log(1.1) / 2 / math.sqrt(6))
        for jobs in of.jobs.values():
            next(j for j in jobs if j.backend == "gt").over = True
        self.assertEqual(of._candidates(), {})


class DurationTest(support.Case):
    def test_times(self):
        for text, seconds in (("90s", 90), ("10m", 600), ("1h", 3600), ("1h30m", 5400), ("1h0m5s", 3605)):
            self.assertEqual(command_run.duration(text), seconds)

    def test_what_is_no_time_is_a_usage_error(self):
        for text in ("", "10", "m", "0s", "-5m", "1.5h", "10 m", "5m1h", "\u0663m", "999999h", "nan", "1e3s"):
            status, out, err = self.greenbench("run", "--time=" + text)
            self.assertEqual((status, out), (64, ""), text)
            self.assert_one_line(err)


class TimeTest(support.Case):
    def timed(self, seconds, *args, **extra):
        """Both cells are noisy, ONE more than the other."""
        noise = json.dumps({ONE: 0.5, HANDOFF: 0.02})
        return self.run_fakes("--no-report", "--filter", ONE, "--filter", HANDOFF, "--backend", "gt,pthread",
                              "--time", "%ds" % seconds, *args, FAKE_BENCH_NOISE=noise, **extra)

    def assert_paired(self):
        """All backends of a cell stand together and have the same rounds."""
        rounds = [(s["cell"], s["round"], s["backend"]) for s in self.samples()]
        for first, second in zip(rounds[::2], rounds[1::2]):
            self.assertEqual(first[:2], second[:2])
            self.assertNotEqual(first[2], second[2])
        self.assertEqual(len(rounds), len(set(rounds)))

    def test_every_cell_gets_six_and_the_widest_interval_what_is_left(self):
        status, out, err = self.timed(4)
        self.assertEqual(status, 0, out + err)
        self.assert_paired()
        with open(os.path.join(self.only_run(), "plan.json")) as f:
            plan = json.load(f)
        counts = {name: cell["replicates"] for name, cell in plan["cells"].items()}
        self.assertGreaterEqual(min(counts.values()), adaptive.MINIMUM)
        self.assertEqual(plan["time_seconds"], 4)
        self.assertEqual(len(self.samples()), 2 * sum(counts.values()))

    def test_a_resumed_run_spends_what_was_left_and_repeats_nothing(self):
        status, out, err = self.timed(6, misbehave={"measure 30": "interrupt"})
        self.assertEqual(status, 130, out + err)
        with open(os.path.join(self.only_run(), "plan.json")) as f:
            before = json.load(f)
        status, out, err = self.greenbench("run", "--resume", self.only_run(), "--no-report", "--bench-dir",
                                           self.path("bench"), FAKE_BENCH_NOISE='{"%s": 0.5}' % ONE)
        self.assertEqual((status, err), (0, ""), out)
        with open(os.path.join(self.only_run(), "plan.json")) as f:
            after = json.load(f)
        self.assertGreater(after["spent_seconds"], before["spent_seconds"])
        self.assertEqual(after["time_seconds"], 6)
        for name, cell in after["cells"].items():
            self.assertGreaterEqual(cell["replicates"], before["cells"][name]["replicates"])
        self.assert_paired()

    def test_cells_that_do_not_fit_into_the_time_are_named(self):
        status, out, _ = self.timed(2, misbehave={"pilot gt " + ONE: "endless"})
        self.assertEqual(status, 0, out)
        self.assertRegex(out, r"left out: %s does not fit: \d+ s here, and --time is 2 s" % ONE)


if __name__ == "__main__":
    unittest.main()
