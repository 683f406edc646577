"""Calibration: how lines are judged, and how the executable is asked."""

import json
import os
import stat
import sys
import unittest

from tests import support, synthetic_run
from lib import calibrating, doctor, doctor_calibration, report_grade, samples, schema

LINE = {"schema": "greenbench.calibration/1", "at": "first", "utc": "2025-01-01T00:00:00Z", "cpus": [0, 1],
        "clock_ns": 28.0, "chain_ns": 0.9, "empty_ns": 0.3, "cycle_ns": 0.3, "line_ns": 100.0, "status": "ok",
        "reason": None, "ticks": None}
GOOD = [{"id": "turbo", "value": "off", "grade": "A", "text": "t", "remedy": "r"},
        {"id": "steal", "value": 0.001, "grade": "A", "text": "t", "remedy": "r"}]


def line(**changes):
    return {**LINE, **changes}


def sample(ns, **changes):
    return {"cell": "switch/yield/n:2/P:1", "backend": "gt", "status": "ok", "ns_per_op": ns, "env": {"P": 1}, **changes}


class JudgeTest(unittest.TestCase):
    def grade(self, *calibrations):
        letter, deciding = doctor.grade(GOOD, calibrations)
        return letter, [one["id"] for one in deciding]

    def test_a_drift_above_three_percent_is_d(self):
        self.assertEqual(self.grade(line(), line(chain_ns=0.926), line(chain_ns=0.91)), ("A", []))
        self.assertEqual(self.grade(line(), line(chain_ns=0.928), line(chain_ns=0.91)), ("D", ["calibration"]))
        self.assertEqual(self.grade(line(), line(chain_ns=0.871)), ("D", ["calibration"]))
        _, deciding = doctor.grade(GOOD, [line(), line(chain_ns=0.99)])
        self.assertIn("calibration drift", deciding[0]["text"])

    def test_the_drift_is_that_of_the_chain_alone(self):
        self.assertEqual(self.grade(line(), line(clock_ns=90.0, empty_ns=0.6, line_ns=140.0)), ("A", []))

    def test_two_cpus_that_are_moved_about_are_c(self):
        self.assertEqual(self.grade(line(), line(line_ns=149.0)), ("A", []))
        self.assertEqual(self.grade(line(), line(line_ns=151.0), line()), ("C", ["cpu_distance"]))
        self.assertEqual(self.grade(line(line_ns=None), line(line_ns=None)), ("A", []))    # one CPU

    def test_no_findings_at_all_are_not_taken_for_harmless(self):
        self.assertEqual(doctor.grade([])[0], "C")
        self.assertEqual(doctor.ladder([])[0], "A")

    def test_without_two_calibrations_the_drift_is_unknown(self):
        self.assertEqual(doctor.grade(GOOD), ("A", []))             # a run that has not begun
        self.assertEqual(self.grade(), ("B", ["calibration"]))      # one that has none
        self.assertIn("there is no calibration", doctor.grade(GOOD, [])[1][0]["text"])
        self.assertEqual(doctor.ladder(GOOD, [])[0], "A")
        self.assertEqual(self.grade(line()), ("B", ["calibration"]))
        self.assertEqual(self.grade(line(), line(status="failed", chain_ns=None, reason="no room")), ("B",
                                                                                                      ["calibration"]))

    def test_a_calibration_that_cannot_be_true_is_d(self):
        self.assertEqual(self.grade(line(), line(), line(status="invalid", reason="below a cycle")), ("D",
                                                                                                      ["calibration"]))

    def test_the_steal_of_the_run_stands_in_the_place_of_that_since_boot(self):
        def ticks(total, steal):
            return line(ticks={"total": total, "steal": steal})
        self.assertEqual(self.grade(ticks(5000, 0), ticks(6000, 5), ticks(7000, 21)), ("C", ["steal"]))
        self.assertEqual(self.grade(ticks(5000, 0), ticks(7000, 20)), ("A", []))
        before = [dict(GOOD[1], value=0.05, grade="C")]
        self.assertEqual(doctor.grade(before, [ticks(5000, 250), ticks(7000, 250)])[0], "A")
        self.assertEqual(doctor.grade(before, [ticks(5000, 250), ticks(5900, 250)])[0], "C")   # too short to tell
        self.assertEqual(doctor.grade(before, [ticks(7000, 250), ticks(5000, 250)])[0], "C")   # another boot

    def test_report_and_compare_grade_a_stored_run_alike(self):
        for found, letter in ((GOOD, "B"), ([], "C"), (None, None)):
            described = synthetic_run.machine(**({} if found is None else {"doctor": found}))
            told = report_grade.Grade(samples.Run("r", described, [], []))
            self.assertEqual(calibrating.grade_line(described, []).split()[2], told.letter)
            self.assertIn(letter, (told.letter, None))
        self.assertEqual(report_grade.Grade(samples.Run("r", synthetic_run.machine(doctor=GOOD), [], [],
                                                        calibrations=[line(), line()])).letter, "A")

    def test_complete_leaves_its_argument_alone(self):
        found = [dict(one) for one in GOOD]
        doctor.complete(found, [line(), line(chain_ns=2.0)])
        self.assertEqual(found, GOOD)

    def test_whatever_another_machine_wrote_is_judged_without_a_traceback(self):
        for value in (None, True, -1, 0, 1e300, "x", [], {}):
            one = dict.fromkeys(LINE, value)
            for status in ("ok", "invalid", "failed"):
                lines = [dict(one, status=status), dict(one, status=status)]
                doctor.grade(GOOD, lines)
                self.assertIsNone(doctor.below_empty_loop(sample(1e-9, env=value), []))
                doctor.below_empty_loop(sample(0.5, env=value), lines)


class BelowEmptyLoopTest(unittest.TestCase):
    def test_quicker_than_a_loop_that_does_nothing_is_an_error(self):
        self.assertIsNone(doctor.below_empty_loop(sample(0.3), [line()]))
        reason = doctor.below_empty_loop(sample(0.28), [line()])
        self.assertIn("switch/yield/n:2/P:1 on gt", reason)
        self.assertNotIn("\n", reason)

    def test_the_fastest_calibration_is_the_bound(self):
        self.assertIsNone(doctor.below_empty_loop(sample(0.25), [line(), line(empty_ns=0.25)]))
        self.assertIsNone(doctor.below_empty_loop(sample(0.31), [line(empty_ns=0.6, cycle_ns=0.3)]))
        self.assertIsNotNone(doctor.below_empty_loop(sample(0.31), [line(empty_ns=0.6, cycle_ns=0.6)]))

    def test_two_cpus_do_two_turns_at_a_time(self):
        self.assertIsNone(doctor.below_empty_loop(sample(0.16, env={"P": 2}), [line()]))
        self.assertIn("on 2 CPUs", doctor.below_empty_loop(sample(0.14, env={"P": 2}), [line()]))

    def test_what_has_no_figure_or_nothing_to_hold_it_against_passes(self):
        for one, lines in ((sample(None), [line()]), (sample(0.01, status="invalid"), [line()]), (sample(0.01), []),
                           (sample(0.01), [line(status="failed", empty_ns=None, cycle_ns=None)])):
            self.assertIsNone(doctor.below_empty_loop(one, lines))


class CalibrateTest(support.Case):
    def program(self, text):
        """An executable bench_null that prints `text` and leaves its arguments in the folder."""
        os.makedirs(self.path("bench"), exist_ok=True)
        path = self.write("bench/bench_null", "#!%s -IS\nimport sys\nopen(%r, 'w').write(' '.join(sys.argv[1:]))\n%s\n"
                          % (sys.executable, self.path("argv"), text))
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)

    def printing(self, **changes):
        printed = {k: v for k, v in line(**changes).items() if k not in ("at", "utc", "ticks")}
        self.program("print(%r)" % json.dumps(printed))

    def calibrate(self, *args):
        found = doctor.calibrate(self.path("bench"), *args)
        self.assertEqual(schema.check(found, "calibration"), [])
        return found

    def argv(self):
        with open(self.path("argv")) as f:
            return f.read()

    def test_a_line_is_ready_for_the_file(self):
        self.printing()
        found = self.calibrate([3, 5, 7], "middle")
        self.assertEqual((found["at"], found["status"], found["chain_ns"]), ("middle", "ok", 0.9))
        self.assertIsInstance(found["ticks"]["steal"], int)
        self.assertEqual(self.argv(), "--calibrate --cpus 3,5")
        self.calibrate(None, "last")
        self.assertEqual(self.argv(), "--calibrate")

    def test_whatever_the_executable_does_the_line_says_so(self):
        for text, part in (("sys.exit(69)", "exit 69"), ("print('x')", "not JSON"), ("print('[]')", "not an object"),
                           ("print('{}')", "lacks"), ("sys.stderr.write('no\\nCPU 7'); sys.exit(69)", "CPU 7"),
                           ("import os; os.kill(os.getpid(), 9)", "exit -9")):
            self.program(text)
            found = self.calibrate()
            self.assertEqual(found["status"], "failed", text)
            self.assertIn(part, found["reason"])
            self.assertEqual([found[k] for k in doctor_calibration.NUMBERS], [None] * 5)

    def test_figures_that_no_machine_has_are_refused(self):
        for changes in ({"chain_ns": -1.0}, {"chain_ns": "0.9"}, {"status": "fine"}, {"cpus": [0, 1, 2]}):
            self.printing(**changes)
            self.assertEqual(self.calibrate()["status"], "failed", changes)

    def test_without_executables_it_fails_and_names_no_path(self):
        found = self.calibrate()
        self.assertEqual(found["status"], "failed")
        self.assertNotIn(self.dir, json.dumps(found))


if __name__ == "__main__":
    unittest.main()
