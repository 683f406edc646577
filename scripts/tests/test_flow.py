"""`meson test --benchmark` on a configured build, with fake executables."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

from tests import support
from lib.meson_session import FILE, MesonSession, start_time

MESON = shutil.which("meson")
FILTER = "spawn/one/P:1 switch/handoff/P:1/place:same-pu"
PROJECT = """project('flow')
build_tests = false
sanitized = false
measured = []
subdir('scripts')
"""


@unittest.skipUnless(MESON, "meson is not installed")
class FlowTest(support.Case):
    """Configures once, in a project that has only scripts/: nothing is
    compiled, the fakes stand in."""

    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory(prefix="greenbench-flow-")
        source = os.path.join(cls.holder.name, "source")
        cls.build = os.path.join(cls.holder.name, "build")
        os.mkdir(source)
        os.symlink(support.SCRIPTS, os.path.join(source, "scripts"))
        shutil.copy(os.path.join(support.ROOT, "meson_options.txt"), source)
        with open(os.path.join(source, "meson.build"), "w") as f:
            f.write(PROJECT)
        subprocess.run([MESON, "setup", cls.build, source], check=True, stdout=subprocess.PIPE, timeout=300)

    @classmethod
    def tearDownClass(cls):
        cls.holder.cleanup()

    def meson_environment(self, misbehave=None, filters=FILTER):
        return self.environment(misbehave, GREENBENCH_PROFILE="quick", GREENBENCH_FILTER=filters,
                                GREENBENCH_MACHINE="m", GREENBENCH_OUTPUT=self.path("results"),
                                GREENBENCH_BENCH_DIR=self.fakes(), GREENBENCH_SEED="5")

    def meson(self, *args, misbehave=None, filters=FILTER):
        """{target: [its results]} and the output."""
        done = subprocess.run(self.command(*args), env=self.meson_environment(misbehave, filters),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        return self.results(), done.stdout.decode("utf-8", "replace")

    def command(self, *args):
        log = os.path.join(self.build, "meson-logs", "testlog.json")
        if os.path.exists(log):
            os.unlink(log)
        return [MESON, "test", "-C", self.build, "--benchmark", "--no-rebuild"] + list(args)

    def results(self):
        found = {}
        with open(os.path.join(self.build, "meson-logs", "testlog.json")) as f:
            for line in f:
                entry = json.loads(line)
                found.setdefault(entry["name"].split(" / ")[-1], []).append(entry["result"])
        return found

    def runs(self):
        folder = self.path("results", "m")
        return sorted(os.path.join(folder, n) for n in os.listdir(folder)) if os.path.isdir(folder) else []

    def plan(self, run):
        with open(os.path.join(run, "plan.json")) as f:
            return json.load(f)

    def measured(self, run):
        return {s["cell"] for s in self.samples(run) if s["status"] == "ok"}

    def assert_report(self, run):
        self.assertTrue(os.path.isfile(os.path.join(run, "report.html")), os.listdir(run))

    def test_whole_run_is_one_session_with_one_report(self):
        results, out = self.meson()
        self.assertEqual(results["open"], ["OK"], out)
        self.assertEqual((results["spawn"], results["switch"], results["report"]), (["OK"],) * 3, out)
        self.assertEqual(results["memory"], ["SKIP"], out)
        self.assertEqual(len(self.runs()), 1)
        run = self.runs()[0]
        self.assertEqual(self.measured(run), set(FILTER.split()))
        self.assertEqual(self.plan(run)["state"], "finished")
        self.assertEqual(set(self.plan(run)["cells"]), set(FILTER.split()))
        self.assertEqual([s["order"] for s in self.samples(run)], list(range(len(self.samples(run)))))
        self.assert_report(run)

    def test_a_suite_takes_opener_and_report_along(self):
        results, out = self.meson("--suite", "switch")
        self.assertEqual(results, {"open": ["OK"], "switch": ["OK"], "report": ["OK"]}, out)
        self.assertEqual(self.measured(self.runs()[0]), {"switch/handoff/P:1/place:same-pu"})
        self.assert_report(self.runs()[0])

    def test_a_group_by_name_writes_its_own_report(self):
        results, out = self.meson("spawn")
        self.assertEqual(results, {"spawn": ["OK"]}, out)
        self.assertEqual(len(self.runs()), 1)
        self.assertEqual(self.measured(self.runs()[0]), {"spawn/one/P:1"})
        self.assert_report(self.runs()[0])

    def test_repeat_makes_as_many_sessions(self):
        results, out = self.meson("--repeat", "2", "--suite", "switch")
        self.assertEqual(results, {"open": ["OK"] * 2, "switch": ["OK"] * 2, "report": ["OK"] * 2}, out)
        self.assertEqual(len(self.runs()), 2)
        for run in self.runs():
            self.assertEqual(self.measured(run), {"switch/handoff/P:1/place:same-pu"})
            self.assert_report(run)

    def test_a_refused_session_skips_its_groups_with_the_reason(self):
        results, out = self.meson(filters="no/such")
        self.assertNotEqual(results["open"], ["OK"])
        self.assertEqual(results["spawn"] + results["report"], ["SKIP", "SKIP"], out)
        self.assertIn("spawn: skipped, the session was refused: --filter no/such", out)
        self.assertEqual(self.runs(), [])

    def test_a_wrong_result_fails_its_group(self):
        results, out = self.meson(misbehave={"gt spawn/one/P:1": "failed"})
        self.assertEqual((results["spawn"], results["switch"], results["report"]), (["FAIL"], ["OK"], ["OK"]), out)
        self.assertIn("failed: spawn/one/P:1 on gt: checksum", out)

    def interrupt(self, **popen):
        """SIGINT to Meson while a process of the group spawn is measured."""
        fifo = self.path("fifo")
        os.mkfifo(fifo)
        env = dict(self.meson_environment({"measure 3": "tell_and_hang"}), FAKE_BENCH_FIFO=fifo)
        child = subprocess.Popen(self.command(), env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **popen)
        with open(fifo) as f:
            self.assertEqual(f.readline(), "measuring\n")
        child.send_signal(signal.SIGINT)
        out = child.communicate(timeout=120)[0].decode("utf-8", "replace")
        return out

    def assert_interrupted(self, out):
        run = self.runs()[0]
        self.assertIn("interrupted by SIGTERM", out)
        self.assertEqual(self.plan(run)["state"], "interrupted")
        self.assertFalse(os.path.exists(os.path.join(run, "report.html")))
        for sample in self.samples(run):
            self.assertEqual(sample["cell"].split("/")[0], "spawn")

    def test_sigint_ends_a_run_that_shares_our_process_group(self):
        self.assert_interrupted(self.interrupt())

    def test_after_sigint_the_later_groups_skip_at_once(self):
        out = self.interrupt(start_new_session=True)
        self.assert_interrupted(out)
        results = self.results()
        self.assertEqual(results["spawn"], ["INTERRUPT"], out)
        for later in ("switch", "channel", "stack", "memory", "report"):
            self.assertEqual(results[later], ["SKIP"], out)
        self.assertIn("scripts/greenbench report", out)


class SharedSessionTest(support.Case):
    def test_a_counter_tells_sessions_of_one_parent_apart(self):
        shared = MesonSession(self.dir)
        shared.open(state="open")
        shared.open(state="open")
        self.assertEqual(shared.read()["counter"], 2)

    def test_a_session_of_another_parent_is_not_ours(self):
        MesonSession(self.dir, parent=1).open(state="open")
        shared = MesonSession(self.dir)
        self.assertEqual(shared.read(), {})
        self.assertEqual(shared.enter("spawn"), {})
        shared.change(state="interrupted")
        self.assertEqual(MesonSession(self.dir, parent=1).read()["state"], "open")

    def test_a_recycled_process_id_is_not_ours(self):
        shared = MesonSession(self.dir)
        shared.open(state="open")
        shared.started += 1
        self.assertEqual(shared.read(), {})

    def test_a_target_killed_at_work_interrupts_the_session(self):
        shared = MesonSession(self.dir)
        shared.open(state="open", running={"target": "spawn", "pid": os.getpid(),
                                           "started": start_time(os.getpid()) + 1})
        self.assertEqual(shared.enter("switch")["state"], "interrupted")

    def test_a_target_that_left_does_not(self):
        shared = MesonSession(self.dir)
        shared.open(state="open")
        self.assertEqual(shared.enter("spawn")["state"], "open")
        shared.leave()
        self.assertEqual(shared.enter("switch")["state"], "open")

    def test_a_file_cut_short_holds_no_session(self):
        self.write(FILE, '{"parent": 1, "sta')
        self.assertEqual(MesonSession(self.dir).read(), {})


if __name__ == "__main__":
    unittest.main()
