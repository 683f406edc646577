"""`run --time`: where the time goes."""

import json
import os
import unittest

from tests import fake_bench, support
from lib import adaptive, command_run

ONE = "spawn/one/P:1"
TWO = "spawn/one/P:2"
HANDOFF = "switch/handoff/P:1/place:same-pu"


def series(times):
    return [fake_bench.sample("gt", ONE, 4, times=t) for t in times]


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
