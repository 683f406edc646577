"""One process under the watchdog: whatever it does becomes a sample."""

import os
import signal
import unittest
import unittest.mock

from tests import support
from lib import bench, runner, samples
from lib.errors import UnsupportedError, UsageError

CELL = "spawn/one/P:1"


class RunnerCase(support.Case):
    def setUp(self):
        super().setUp()
        self.exe = os.path.join(self.fakes(), "bench_gt")
        saved = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(saved)))
        os.environ.clear()
        os.environ.update(self.environment())

    def measure(self, action=None, timeout=60, cell=CELL):
        if action:
            os.environ.update(self.environment({"gt " + cell: action}))
        options = runner.Options(50000, 1 << 30, 20, timeout)
        with runner.Interrupts() as interrupts:
            sample = runner.measure(self.exe, cell, "gt", 4, options, interrupts)
        sample.update(replicate=0, round=0, order=0)
        samples.check(sample)   # whatever happened, it can be stored
        return sample

    def pilot(self, action=None, timeout=60):
        if action:
            os.environ.update(self.environment({"pilot gt " + CELL: action}))
        options = runner.Options(50000, 1 << 30, 20, timeout)
        with runner.Interrupts() as interrupts:
            return runner.pilot(self.exe, CELL, "gt", options, interrupts, 60)


class MeasureTest(RunnerCase):
    def test_a_good_process_gives_its_sample(self):
        sample = self.measure()
        self.assertEqual((sample["status"], sample["ns_per_op"], sample["exit"]), ("ok", 50.0, 0))
        self.assertGreater(sample["wall_ms"], 0)

    def test_a_limit_is_a_result(self):
        sample = self.measure("limit")
        self.assertEqual((sample["status"], sample["limit"]["reached"]), ("limit", 32420))

    def test_a_failed_verification_keeps_its_reason(self):
        sample = self.measure("failed")
        self.assertEqual((sample["status"], sample["exit"]), ("failed", 1))
        self.assertIn("a message was lost", sample["reason"])

    def test_a_crash_names_the_signal_and_the_last_words(self):
        sample = self.measure("crash")
        self.assertEqual((sample["status"], sample["exit"]), ("crashed", -signal.SIGSEGV))
        self.assertEqual(sample["reason"], "killed by SIGSEGV: about to die")

    def test_a_kill_hints_at_memory(self):
        sample = self.measure("killed")
        self.assertEqual(sample["status"], "crashed")
        self.assertIn("SIGKILL: perhaps out of memory", sample["reason"])

    def test_a_kill_that_somebody_counts_is_called_out_of_memory(self):
        for before, after, who in (({"the kernel": 3}, {"the kernel": 4}, "the kernel"),
                                   ({"the kernel": 3, "the cgroup": 0}, {"the kernel": 4, "the cgroup": 1}, "the cgroup"),
                                   ({"the kernel": 3, "the cgroup": 2}, {"the kernel": 4, "the cgroup": 2}, "the kernel")):
            counts = iter((before, after))
            with unittest.mock.patch.object(runner, "oom_kills", lambda counts=counts: next(counts)):
                self.assertIn("out of memory, %s's count" % who, self.measure("killed")["reason"])

    def test_a_process_that_the_kernel_kills_for_memory_is_recorded_as_that(self):
        with support.memory_cgroup(48 << 20) as group:
            os.environ["FAKE_BENCH_CGROUP"] = group.path
            sample = self.measure("eat")
        self.assertEqual((sample["status"], sample["exit"]), ("crashed", -signal.SIGKILL), sample)
        self.assertRegex(sample["reason"], r"^killed by SIGKILL: out of memory, the (kernel|cgroup)'s count of such kills rose$")

    def test_a_hang_is_ended_by_the_watchdog(self):
        sample = self.measure("hang", timeout=0.5)
        self.assertEqual(sample["status"], "timeout")
        self.assertIn("--watchdog", sample["reason"])

    def test_a_child_that_outlives_the_process_is_killed_too(self):
        sample = self.measure("hang_with_child", timeout=0.5)
        self.assertEqual(sample["status"], "timeout")
        self.assertEqual(support.left_over(self.dir), [])

    def test_a_flood_on_stdout_is_cut(self):
        sample = self.measure("flood")
        self.assertEqual(sample["status"], "failed")
        self.assertIn("printed more than", sample["reason"])

    def test_unreadable_results_fail(self):
        for action, words in (("truncated", "not exactly one whole line"), ("no_newline", "not exactly one"),
                              ("two_lines", "not exactly one"), ("silent", "nothing was printed"),
                              ("nan", "NaN"), ("other_cell", "spawn/one/P:7")):
            sample = self.measure(action)
            self.assertEqual(sample["status"], "failed", action)
            self.assertIn("unreadable", sample["reason"])
            self.assertIn(words, sample["reason"])

    def test_an_undocumented_exit_fails_with_printable_last_words(self):
        sample = self.measure("refuse")
        self.assertEqual((sample["status"], sample["exit"]), ("failed", 64))
        self.assertIn("exit 64: [31mbench: refused", sample["reason"])

    def test_gt_workers_is_not_passed_on(self):
        os.environ["GT_WORKERS"] = "3"
        self.measure()
        self.assertEqual(self.log()[0][4], "None")

    def test_nothing_that_configures_the_runtime_is_passed_on(self):
        for name in runner.GT_VARIABLES:
            os.environ[name] = "1"
        self.assertFalse([name for name in runner.child_environment() if name.startswith("GT_")])

    def test_a_signal_ends_the_wait_and_the_child(self):
        with self.assertRaises(runner.Interrupted) as caught:
            self.measure("interrupt")
        self.assertEqual(str(caught.exception), "SIGINT")


class PilotTest(RunnerCase):
    def test_a_good_pilot_gives_rounds(self):
        found, sample = self.pilot()
        self.assertEqual((found["rounds"], sample), (4, None))

    def test_a_pilot_that_ends_badly_gives_a_sample_that_says_how(self):
        for action, status, words in (("crash", "crashed", "SIGSEGV"), ("failed", "failed", "lost"),
                                      ("skipped", "skipped", "has not enough"), ("silent", "failed", "no pilot"),
                                      ("refuse", "failed", "exit 64")):
            if action == "silent":
                self.exe = "/bin/true"
            found, sample = self.pilot(action)
            self.exe = self.path("bench", "bench_gt")
            self.assertIsNone(found, action)
            self.assertEqual(sample["status"], status, action)
            self.assertIn("pilot: ", sample["reason"])
            self.assertIn(words, sample["reason"])

    def test_a_hanging_pilot_is_ended(self):
        self.assertEqual(self.pilot("hang", timeout=0.5)[1]["status"], "timeout")


class BenchTest(RunnerCase):
    def test_an_empty_directory_is_unsupported(self):
        with self.assertRaises(UnsupportedError) as caught:
            bench.Bench(self.path("nowhere")).pick([])
        self.assert_one_line(str(caught.exception))

    def test_an_unknown_backend_lists_those_that_exist(self):
        with self.assertRaises(UsageError) as caught:
            bench.Bench(self.path("bench")).pick(["goroutines"])
        self.assertIn("  pthread-futex", caught.exception.lines())

    def test_a_backend_that_is_not_built_lists_those_that_are(self):
        os.unlink(self.path("bench", "bench_pthread"))
        with self.assertRaises(UsageError) as caught:
            bench.Bench(self.path("bench")).pick(["pthread"])
        self.assertEqual(caught.exception.listing, ("gt", "pthread-futex", "pthread-pool"))

    def test_an_executable_that_cannot_describe_the_machine_is_named(self):
        self.write("bench_gt", "#!/bin/sh\necho nonsense\n")
        os.chmod(self.path("bench_gt"), 0o755)
        with self.assertRaises(UnsupportedError) as caught:
            bench.Bench(self.dir).machine()
        self.assertIn("bench_gt --machine", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
