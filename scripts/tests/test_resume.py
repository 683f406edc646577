"""A run that was cut off goes on: nothing lost, nothing repeated.

GREENBENCH_KILLS sets how many runs are killed (8; by hand more), GREENBENCH_SEED
the moments.
"""

import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import time
import unittest

from tests import support

KILLS = int(os.environ.get("GREENBENCH_KILLS") or 8)
SEED = int(os.environ.get("GREENBENCH_SEED") or 1)
ONE = "spawn/one/P:1"
HANDOFF = "switch/handoff/P:1/place:same-pu"
ASKED = ("--no-report", "--filter", ONE, "--filter", HANDOFF, "--backend", "gt,pthread,pthread-pool")
LITTLE = ("--no-report", "--filter", ONE, "--backend", "gt,pthread")
FIELDS = ("cell", "backend", "status", "replicate", "round", "order", "rounds")


class ResumeCase(support.Case):
    def resume(self, run=None, *args, **extra):
        return self.greenbench("run", "--resume", run or self.only_run(), "--no-report", "--bench-dir",
                               self.path("bench"), *args, **extra)

    def whole(self, folder="results", asked=ASKED):
        """A run that nothing disturbed: what its samples say of their order."""
        status, out, err = self.run_fakes(*asked, "--output", self.path(folder))
        self.assertEqual(status, 0, out + err)
        return self.lines(self.only_run(folder))

    def lines(self, run=None):
        return [tuple(s[f] for f in FIELDS) for s in self.samples(run)]

    def plan(self, run=None):
        with open(os.path.join(run or self.only_run(), "plan.json")) as f:
            return json.load(f)

    def calibrations(self):
        with open(os.path.join(self.only_run(), "calibration.jsonl")) as f:
            return [json.loads(line)["at"] for line in f]

    def cut_off(self, number=9, action="interrupt"):
        """A run that ended amid its number-th measured process."""
        status, out, err = self.run_fakes(*ASKED, misbehave={"measure %d" % number: action})
        self.assertEqual(status, 130, out + err)
        self.assertIn("go on: scripts/greenbench run --resume " + self.only_run(), out)


class ResumeTest(ResumeCase):
    def test_after_ctrl_c_it_goes_on_in_the_order_of_a_run_that_nothing_disturbed(self):
        whole = self.whole("whole")
        for number in (1, 2, 9, 17):
            self.dir_of_its_own()
            self.cut_off(number)
            status, out, err = self.resume()
            self.assertEqual((status, err), (0, ""), out)
            self.assertEqual(self.lines(), whole)
            self.assertEqual(self.plan()["state"], "finished")

    def dir_of_its_own(self):
        bench = self.path("bench")
        self.setUp()
        os.symlink(bench, self.path("bench"))

    def test_a_resumed_run_pilots_nothing_again_and_calibrates_again(self):
        self.cut_off()
        os.unlink(self.path("log"))
        self.resume()
        self.assertEqual({e[0] for e in self.log()}, {"measure"})
        self.assertEqual(self.calibrations()[0], "first")
        self.assertEqual(self.calibrations()[-1], "last")
        self.assertIn("middle", self.calibrations())

    def test_the_newest_run_that_was_cut_off_is_the_default(self):
        self.cut_off()
        status, out, err = self.greenbench("run", "--resume", "--no-report", "--bench-dir", self.path("bench"),
                                           "--output", self.path("results"))
        self.assertEqual(status, 0, out + err)
        self.assertEqual(self.plan()["state"], "finished")
        status, _, err = self.greenbench("run", "--resume", "--bench-dir", self.path("bench"),
                                         "--output", self.path("results"))
        self.assertEqual(status, 64)
        self.assertIn("was cut off", err)

    def test_a_finished_run_is_left_as_it_is(self):
        whole = self.whole()
        os.unlink(self.path("log"))
        status, out, err = self.resume()
        self.assertEqual((status, err), (0, ""), out)
        self.assertEqual(self.lines(), whole)
        self.assertEqual(self.log(), [])

    def test_a_failure_before_the_cut_fails_the_resumed_run(self):
        status, _, _ = self.run_fakes(*ASKED, misbehave={"measure 2": "failed", "measure 9": "interrupt"})
        self.assertEqual(status, 130)
        status, out, _ = self.resume()
        self.assertEqual(status, 1, out)

    def test_a_cut_last_line_is_said_taken_back_and_measured_again(self):
        self.cut_off()
        file = os.path.join(self.only_run(), "samples.jsonl")
        for name in (file, os.path.join(self.only_run(), "calibration.jsonl")):
            with open(name, "r+") as f:
                f.truncate(os.path.getsize(name) - 7)
        with open(file) as f:
            number = len(f.read().splitlines())
        status, out, err = self.resume()
        self.assertEqual((status, err), (0, ""), out)
        self.assertIn("samples.jsonl:%d: the last line is truncated; skipped" % number, out)
        self.assertEqual(self.lines(), self.whole("whole"))
        self.assertEqual(self.calibrations()[-1], "last")

    def test_only_the_line_break_missing_is_a_cut_line(self):
        self.cut_off()
        file = os.path.join(self.only_run(), "samples.jsonl")
        with open(file, "r+") as f:
            f.truncate(os.path.getsize(file) - 1)
        self.assertEqual(self.resume()[0], 0)
        self.assertEqual(self.lines(), self.whole("whole"))

    def test_calibrations_that_were_deleted_are_begun_anew(self):
        self.cut_off()
        os.unlink(os.path.join(self.only_run(), "calibration.jsonl"))
        status, out, err = self.resume()
        self.assertEqual((status, err), (0, ""), out)
        self.assertEqual(self.calibrations()[-1], "last")

    def test_temporary_files_of_a_killed_run_go(self):
        self.cut_off()
        self.write(os.path.join(self.only_run(), ".tmp-abc"), "{")
        self.resume()
        self.assertNotIn(".tmp-abc", os.listdir(self.only_run()))


class RefusedTest(ResumeCase):
    def setUp(self):
        super().setUp()
        self.cut_off()

    def refused(self, status, words, *args, **extra):
        before = support.contents(self.only_run())
        got, out, err = self.resume(None, *args, **extra)
        self.assertEqual(got, status, out + err)
        self.assert_one_line(err)
        self.assertIn(words, err)
        self.assertEqual(support.contents(self.only_run()), before)

    def change(self, name, **changes):
        file = os.path.join(self.only_run(), name)
        with open(file) as f:
            value = json.load(f)
        for key, new in changes.items():
            value[key] = new(value[key])
        self.write(file, json.dumps(value))

    def test_another_greenbench_at_work_there(self):
        with open(os.path.join(self.only_run(), "samples.jsonl")) as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            self.refused(73, "another greenbench is at work there")

    def test_options_that_say_otherwise(self):
        for args in (("--filter", ONE), ("--seed", "3"), ("--quick",), ("--time", "5m"), ("--watchdog", "3")):
            self.refused(64, "leave out " + ("--profile" if args == ("--quick",) else args[0]), *args)

    def test_other_sources_or_another_machine(self):
        self.change("machine.json", hashes=lambda h: dict(h, implementation="0" * 16))
        self.refused(3, "hash of the implementation")
        self.change("machine.json", hw=lambda h: dict(h, cpu_model="another"))
        self.refused(3, "hash of the implementation")

    def test_a_kernel_that_keeps_more_memory_is_no_other_machine(self):
        self.change("machine.json", hw=lambda h: dict(h, ram_bytes=h["ram_bytes"] * 103 // 100))
        self.refused(3, "machine's ram bytes")
        self.change("machine.json", hw=lambda h: dict(h, ram_bytes=h["ram_bytes"] * 98 // 100))
        status, out, err = self.resume()
        self.assertEqual((status, err), (0, ""), out)

    def test_a_backend_that_is_gone(self):
        os.unlink(self.path("bench", "bench_pthread"))
        got, _, err = self.resume()
        self.assertEqual(got, 64)
        self.assertIn("--backend pthread is not built", err)

    def test_a_plan_that_was_edited_or_is_missing(self):
        for change, words in ((lambda p: p[:-5], "plan.json:1: not JSON"), (lambda p: "[]", "plan.json:1: not an object"),
                              (lambda p: p.replace('"seed": 1', '"seed": -1'), "plan.json:1: seed is -1"),
                              (lambda p: p.replace('"seed": 1', '"seed": 1, "seed": 2'), "appears twice"),
                              (lambda p: p.replace('"watchdog"', '"other"'), "plan.json:1: lacks watchdog"),
                              (lambda p: p.replace('"profile": "quick"', '"profile": "../../etc/x"'), "plan.json:1: names")):
            file = os.path.join(self.only_run(), "plan.json")
            with open(file) as f:
                text = f.read()
            self.assertNotEqual(change(text), text)
            self.write(file, change(text))
            self.refused(65, words)
            self.write(file, text)
        os.unlink(file)
        self.refused(65, "plan.json: cannot be read")

    def test_a_replicate_that_is_missing_amid_the_others(self):
        file = os.path.join(self.only_run(), "samples.jsonl")
        with open(file) as f:
            lines = f.read().splitlines(True)
        second = next(s for s in map(json.loads, lines) if s["replicate"] == 1)
        first = next(i for i, s in enumerate(map(json.loads, lines))
                     if (s["cell"], s["backend"]) == (second["cell"], second["backend"]))
        self.write(file, "".join(lines[:first] + lines[first + 1:]))
        self.refused(65, "samples.jsonl:%d: replicate 1 of" % second["order"])

    def test_samples_that_are_a_link(self):
        file = os.path.join(self.only_run(), "samples.jsonl")
        os.rename(file, self.path("elsewhere"))
        os.symlink(self.path("elsewhere"), file)
        self.refused(73, "cannot write")


class KilledTest(ResumeCase):
    """kill -9 at moments drawn from the seed: of the run, and of those that resume it; one in the end is let be."""

    def test_nothing_is_lost_or_repeated(self):
        whole = self.whole("whole", LITTLE)
        processes = len(self.log())
        rng = random.Random(SEED)
        print("seed %d, %d kills" % (SEED, KILLS), file=sys.stderr)
        killed = amid = 0
        while killed < KILLS or not amid:
            run, resumed = None, 0
            while True:
                again = killed < KILLS and resumed < rng.choice((1, 2, 3))
                moment = (rng.randrange(processes + 1), rng.uniform(0, 0.1)) if again else None
                ended = self.killed_at(run, moment)
                killed += not ended
                run = run or self.newest("results")
                if run is None:
                    break           # killed before there was a folder
                self.check_what_is_left(run)
                if not os.path.exists(os.path.join(run, "plan.json")):
                    self.assertEqual(self.resume(run)[0], 65)
                    break
                if ended:
                    break
                amid += bool(self.samples_of(run))
                resumed += 1
            if run and ended:
                self.assertEqual(self.lines(run), whole, "seed %d" % SEED)
                self.assertEqual(self.plan(run)["state"], "finished")
            self.forget("results")
        print("%d killed, %d of them after their first sample" % (killed, amid), file=sys.stderr)

    def killed_at(self, run, moment):
        """Start or resume, kill at (so many processes, seconds after the last of them) unless that is None; whether
        it ended before."""
        begun = len(self.log())
        asked = ["--resume", run, "--no-report"] if run else ["--quick", "--seed", "1", "--machine", "m",
                                                              "--output", self.path("results"), *LITTLE]
        child = subprocess.Popen(
            [sys.executable, os.path.join(support.SCRIPTS, "greenbench"), "run", "--bench-dir", self.path("bench")]
            + asked, env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if moment and self.reached(child, begun + moment[0]):
            time.sleep(moment[1])
            child.send_signal(signal.SIGKILL)
        out = child.communicate()[0]
        if child.returncode == -signal.SIGKILL:
            return False
        self.assertEqual(child.returncode, 0, out.decode())
        return True

    def reached(self, child, processes):
        while len(self.log()) < processes and child.poll() is None:
            time.sleep(0.001)
        return child.poll() is None

    def newest(self, folder):
        top = self.path(folder, "m")
        return os.path.join(top, max(os.listdir(top))) if os.path.isdir(top) and os.listdir(top) else None

    def forget(self, folder):
        subprocess.run(["rm", "-rf", self.path(folder)], check=True)

    def samples_of(self, run):
        file = os.path.join(run, "samples.jsonl")
        if not os.path.exists(file):
            return []
        with open(file) as f:
            return f.read().split("\n")[:-1]

    def check_what_is_left(self, run):
        """Whole documents, whatever the moment; each sample once."""
        for name in ("plan.json", "machine.json"):
            file = os.path.join(run, name)
            if os.path.exists(file):
                with open(file) as f:
                    json.load(f)
        keys = [tuple(json.loads(line)[k] for k in ("cell", "backend", "replicate")) for line in self.samples_of(run)]
        self.assertEqual(len(keys), len(set(keys)))


if __name__ == "__main__":
    unittest.main()
