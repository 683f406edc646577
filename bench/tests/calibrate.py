"""The command line of --calibrate.

    calibrate.py BENCH_EXECUTABLE

Figures are held against each other, never against a time: a slow machine is not wrong.
"""

import json
import os
import subprocess
import sys
import unittest

BENCH = None
ALLOWED = sorted(os.sched_getaffinity(0))
KEYS = ["schema", "cpus", "clock_ns", "chain_ns", "empty_ns", "cycle_ns", "line_ns", "status", "reason"]


def bench(*arguments, stdout=subprocess.PIPE, prepare=None):
    return subprocess.run([BENCH, *arguments], stdout=stdout, stderr=subprocess.PIPE, timeout=120, check=False,
                          preexec_fn=prepare)


class Calibrate(unittest.TestCase):
    def calibrate(self, *arguments, **more):
        done = bench("--calibrate", *arguments, **more)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, b"")
        self.assertEqual(done.stdout.count(b"\n"), 1, done.stdout)
        line = json.loads(done.stdout)
        self.assertEqual(list(line), KEYS)
        self.assertEqual(line["schema"], "greenbench.calibration/1")
        return line

    def refused(self, done, status, part):
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual(done.stdout, b"")
        self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)
        self.assertIn(part, done.stderr)

    def test_no_loop_is_optimised_away(self):
        line = self.calibrate()
        self.assertEqual((line["status"], line["reason"] if len(ALLOWED) > 1 else None), ("ok", None))
        self.assertGreater(line["empty_ns"], 0)
        # A dependent multiplication takes 3 to 5 cycles; a turn of the empty loop one, or two.
        self.assertGreater(line["chain_ns"], 0.9 * line["empty_ns"])
        self.assertLess(line["chain_ns"], 20 * line["empty_ns"])
        self.assertIn(round(line["chain_ns"] / line["cycle_ns"], 3), (3, 5))
        self.assertGreater(line["clock_ns"], line["chain_ns"])

    @unittest.skipIf(len(ALLOWED) < 2, "needs two CPUs")
    def test_a_line_travels_between_the_two_cpus_named(self):
        pair = ALLOWED[:2][::-1]
        line = self.calibrate("--cpus", "%d,%d" % tuple(pair))
        self.assertEqual(line["cpus"], pair)
        self.assertGreater(line["line_ns"], line["chain_ns"])

    @unittest.skipIf(len(ALLOWED) < 2, "needs two CPUs")
    def test_two_cpus_are_chosen_among_those_that_may_be_used(self):
        line = self.calibrate()
        self.assertEqual(len(set(line["cpus"])), 2)
        self.assertLessEqual(set(line["cpus"]), set(ALLOWED))

    def test_one_allowed_cpu_has_no_line_to_send(self):
        cpu = ALLOWED[-1]
        line = self.calibrate(prepare=lambda: os.sched_setaffinity(0, {cpu}))
        self.assertEqual((line["cpus"], line["line_ns"]), ([cpu], None))
        self.assertEqual(line["status"], "ok")

    def test_a_second_cpu_that_is_not_there_leaves_the_line_out_and_says_so(self):
        line = self.calibrate("--cpus", "%d,999999" % ALLOWED[0])
        self.assertIsNone(line["line_ns"])
        self.assertIn("second CPU", line["reason"])
        self.assertEqual(line["status"], "ok")

    def test_cpus_that_are_none_are_refused(self):
        for value in ("", "x", "0,0", "0,1,2", "-1", "0-1", "99999999"):
            with self.subTest(value=value):
                self.refused(bench("--calibrate", "--cpus", value), 64, b"--cpus wants")
        self.refused(bench("--calibrate", "--cpus", "999999"), 69, b"CPU 999999")

    def test_it_stands_alone(self):
        self.refused(bench("--calibrate", "--list"), 64, b"only one of")
        self.refused(bench("--calibrate", "--cell", "spawn/one/P:1"), 64, b"--cell does not go with")
        self.refused(bench("--list", "--cpus", "0"), 64, b"--cpus goes with --calibrate only")

    def test_a_full_disk_is_one_line(self):
        with open("/dev/full", "w") as full:
            done = bench("--calibrate", stdout=full)
        self.assertEqual(done.returncode, 73)
        self.assertEqual(done.stderr.count(b"\n"), 1)


if __name__ == "__main__":
    BENCH = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
