"""`greenbench run` on fake executables: order, records, errors, interrupts."""

import json
import os
import signal
import unittest

from tests import support
from lib import run, runner

ONE = "spawn/one/P:1"
HANDOFF = "switch/handoff/P:1/place:same-pu"


class OrderTest(support.Case):
    def test_every_replicate_is_a_process_and_backends_of_a_cell_stand_together(self):
        status, out, err = self.run_fakes("--no-report", "--filter", ONE, "--filter", HANDOFF)
        self.assertEqual((status, err), (0, ""), out)
        measured = [entry[1:3] for entry in self.log() if entry[0] == "measure"]
        self.assertEqual(len(measured), 6 * (4 + 3))
        samples = [s for s in self.samples() if s["status"] == "ok"]
        self.assertEqual([[s["backend"], s["cell"]] for s in samples], measured)
        for number in range(6):
            in_round = [s["cell"] for s in samples if s["round"] == number]
            changes = sum(a != b for a, b in zip(in_round, in_round[1:]))
            self.assertEqual((len(in_round), changes), (7, 1), "round %d" % number)

    def test_orders_differ_between_rounds_and_the_seed_repeats_them(self):
        self.run_fakes("--no-report", "--filter", ONE)
        first = self.log()
        rounds = {tuple(s["backend"] for s in self.samples() if s["round"] == r) for r in range(6)}
        self.assertGreater(len(rounds), 1)
        os.unlink(self.path("log"))
        self.run_fakes("--no-report", "--filter", ONE)
        self.assertEqual(self.log(), first)
        os.unlink(self.path("log"))
        self.run_fakes("--no-report", "--filter", ONE, "--seed", "2")
        self.assertNotEqual(self.log(), first)

    def test_the_pilot_sets_the_rounds_of_all_replicates(self):
        self.run_fakes("--no-report", "--filter", ONE, "--backend", "gt")
        log = self.log()
        self.assertEqual([e[0] for e in log], ["pilot"] * 2 + ["measure"] * 6)
        self.assertEqual({e[3] for e in log[2:]}, {"4"})

    def test_a_cold_cell_runs_one_round_without_a_pilot(self):
        status, out, err = self.greenbench(
            "run", "--no-report", "--bench-dir", self.fakes(), "--output", self.path("results"), "--machine", "m",
            "--filter", "spawn/storm/n:1000/temp:cold/*", "--backend", "gt")
        self.assertEqual(status, 0, out + err)
        self.assertEqual({(e[0], e[3]) for e in self.log()}, {("measure", "1")})

    def test_capacity_comes_last_and_that_of_threads_after_gt(self):
        bench = self.fakes()
        status, out, err = self.greenbench(
            "run", "--no-report", "--bench-dir", bench, "--output", self.path("results"), "--machine", "m",
            "--filter", "memory/capacity", "--filter", "memory/parked/n:100000/*", "--filter", ONE,
            "--backend", "gt", "--backend", "pthread")
        self.assertEqual(status, 0, err)
        last = [tuple(e[1:3]) for e in self.log()][-3:]
        cells = [c for _, c in last]
        self.assertTrue(cells[0].startswith("memory/parked/n:100000"), last)
        self.assertTrue(all(c.startswith("memory/capacity") for c in cells[1:]), last)
        self.assertEqual([b for b, _ in last[1:]], ["gt", "pthread"])


class RecordTest(support.Case):
    def test_what_is_not_offered_is_recorded_once(self):
        self.run_fakes("--no-report", "--filter", HANDOFF)
        skipped = [s for s in self.samples() if s["status"] == "skipped"]
        self.assertEqual([(s["backend"], s["replicate"]) for s in skipped], [("pthread-pool", 0)])
        self.assertIn("deadlock the pool", skipped[0]["reason"])

    def test_the_run_is_described(self):
        self.run_fakes("--no-report", "--filter", ONE)
        run = self.only_run()
        with open(os.path.join(run, "machine.json")) as f:
            machine = json.load(f)
        with open(os.path.join(run, "plan.json")) as f:
            plan = json.load(f)
        self.assertEqual(machine["machine"], "m")
        self.assertNotIn(self.dir, json.dumps(machine))
        self.assertEqual((plan["state"], plan["seed"]), ("finished", 1))
        self.assertEqual(plan["cells"][ONE]["backends"]["gt"]["rounds"], 4)
        self.assertTrue(os.path.exists(os.path.join(run, "topology.xml")))

    def test_a_limit_stops_its_replicates_but_is_no_failure(self):
        status, _, _ = self.run_fakes("--no-report", "--filter", ONE, "--backend", "gt",
                                      misbehave={"gt " + ONE: "limit"})
        self.assertEqual(status, 0)
        self.assertEqual([s["status"] for s in self.samples()], ["limit"])

    def test_a_cell_that_does_not_fit_is_named_and_recorded(self):
        status, out, _ = self.run_fakes("--no-report", "--filter", ONE, "--filter", HANDOFF,
                                        misbehave={"pilot gt " + ONE: "endless"})
        self.assertEqual(status, 0)
        self.assertRegex(out, r"left out: %s does not fit: \d+ s here, and profile quick ends within 90 s" % ONE)
        with open(os.path.join(self.only_run(), "plan.json")) as f:
            self.assertEqual([x["cell"] for x in json.load(f)["left_out"]], [ONE])
        ends = {(s["cell"], s["status"]) for s in self.samples() if s["backend"] != "pthread-pool"}
        self.assertEqual(ends, {(ONE, "skipped"), (HANDOFF, "ok")})

    def test_a_plan_is_printed_before_the_first_process(self):
        _, out, _ = self.run_fakes("--no-report", "--filter", ONE)
        self.assertRegex(out.splitlines()[0], r"^profile quick on m: 1 cells, 4 cell-backend pairs, about \d+ s$")


class SlackTest(support.Case):
    def test_every_process_of_a_cell_has_a_timer_slack_of_a_microsecond(self):
        if not os.path.exists("/proc/self/timerslack_ns"):
            self.skipTest("this kernel does not tell the timer slack")
        _, out, err = self.run_fakes("--filter", "spawn/one/*", FAKE_BENCH_SLACK=self.path("slack"))
        if "timer slack stays" in out + err:
            self.skipTest("the timer slack cannot be set here")
        with open(self.path("slack"), encoding="ascii") as f:
            self.assertEqual(set(f.read().split()), {"1000"})

    def test_a_timer_slack_that_cannot_be_set_is_said_with_its_reason(self):
        told = []
        run.set_timer_slack(told.append, self.path("gone/timerslack_ns"))
        self.assertEqual(len(told), 1)
        self.assertIn("gone/timerslack_ns: No such file", told[0])


class LoadTest(support.Case):
    def test_loads_are_shares_of_what_the_slowest_backend_can_take(self):
        bench = self.fakes()
        status, out, err = self.greenbench(
            "run", "--no-report", "--bench-dir", bench, "--output", self.path("results"), "--machine", "m",
            "--filter", "io/rest/load:50", "--filter", ONE, "--backend", "gt,pthread,pthread-futex")
        self.assertEqual(status, 0, out + err)
        self.assertIn("shares of 250000 requests a second, what pthread can take", out)
        told = {s["cell"]: {(s["backend"], s["rounds"], s["told"].get("--full-load"))} for s in self.samples()}
        for cell, seen in told.items():
            for _, rounds, load in seen:
                self.assertEqual((rounds, load), (1, "250000") if cell.startswith("io/rest") else (4, None))
        self.assertNotIn(["pilot", "io/rest/load:50/P:1"], [[e[0], e[2]] for e in self.log()])
        with open(os.path.join(self.only_run(), "plan.json")) as f:
            self.assertEqual(json.load(f)["full_load"], 250000)

    def test_a_late_load_is_repeated_in_its_round_as_often_as_it_has_replicates_and_all_are_kept(self):
        status, out, err = self.greenbench(
            "run", "--no-report", "--bench-dir", self.fakes(), "--output", self.path("results"), "--machine", "m",
            "--filter", "io/rest/load:50", "--backend", "gt,pthread,pthread-futex",
            misbehave={"pthread io/rest/load:50/P:1": "late"})
        self.assertEqual(status, 0, out + err)
        rounds = {b: [s["round"] for s in self.samples() if s["backend"] == b and s["status"] == kind]
                  for b, kind in (("gt", "ok"), ("pthread", "invalid"))}
        self.assertEqual(rounds, {"gt": [0, 1, 2, 3, 4, 5], "pthread": 6 * [0] + [0, 1, 2, 3, 4, 5]})

    def test_a_session_is_left_processes_but_in_the_full_profile(self):
        for profile, reserve in (("default", "1000"), ("full", None)):
            status, out, err = self.greenbench(
                "run", "--no-report", "--bench-dir", self.fakes(), "--output", self.path(profile), "--machine", "m",
                "--profile", profile, "--filter", "memory/capacity", "--backend", "pthread")
            self.assertEqual(status, 0, out + err)
            self.assertEqual({s["told"].get("--pids-reserve") for s in self.samples(self.only_run(profile))}, {reserve})


class HarnessTest(support.Case):
    def test_the_loops_of_the_plan_are_measured_without_their_operations(self):
        self.fakes(("gt", "pthread", "null"))
        status, out, err = self.run_fakes("--filter", ONE, "--filter", HANDOFF)
        self.assertEqual(status, 0, out + err)
        told = [(s["cell"], s["status"], s["replicate"]) for s in self.samples() if s["backend"] == "null"]
        self.assertEqual(told, [(ONE, "ok", i) for i in range(3)])
        with open(os.path.join(self.only_run(), "report.md"), encoding="utf-8") as f:
            text = f.read()
        self.assertIn("One turn of the loop without its operation", text)
        self.assertNotIn("| null |", text)
        self.assertNotIn("null", out)

    def test_null_is_no_backend(self):
        self.fakes(("gt", "null"))
        status, _, err = self.run_fakes("--backend", "null")
        self.assertEqual(status, 64)
        self.assertIn("--backend null is unknown", err)


class FailureTest(support.Case):
    def run_one(self, misbehave, *args):
        return self.run_fakes("--no-report", "--filter", ONE, *args, misbehave=misbehave)

    def test_a_wrong_result_fails_the_run_and_names_cell_backend_and_reason(self):
        status, out, _ = self.run_one({"pthread " + ONE: "failed"})
        self.assertEqual(status, 1)
        self.assertIn("failed: %s on pthread: checksum 0x1, expected 0x2: a message was lost" % ONE, out)
        others = [s for s in self.samples() if s["backend"] == "gt"]
        self.assertEqual([s["status"] for s in others], ["ok"] * 6)

    def test_a_crash_fails_the_run_and_the_rest_goes_on(self):
        status, out, _ = self.run_one({"gt " + ONE: "crash"})
        self.assertEqual(status, 1)
        self.assertIn("crashed: %s on gt: killed by SIGSEGV" % ONE, out)
        self.assertEqual(sum(s["status"] == "ok" for s in self.samples()), 18)

    def test_an_out_of_memory_kill_is_a_result(self):
        status, out, _ = self.run_one({"gt " + ONE: "killed"})
        self.assertEqual(status, 0)
        self.assertIn("perhaps out of memory", out)

    def test_a_hang_fails_the_run_after_the_watchdog(self):
        status, out, _ = self.run_one({"gt " + ONE: "hang"}, "--watchdog", "1")
        self.assertEqual(status, 1)
        self.assertIn("timeout: %s on gt" % ONE, out)
        self.assertEqual(sum(s["status"] == "ok" for s in self.samples()), 18)

    def test_an_out_of_memory_kill_by_the_kernel_is_a_result_and_the_rest_goes_on(self):
        with support.memory_cgroup(48 << 20) as group:
            status, out, _ = self.run_fakes("--no-report", "--filter", ONE, misbehave={"gt " + ONE: "eat"},
                                            FAKE_BENCH_CGROUP=group.path)
        self.assertEqual(status, 0, out)
        self.assertIn("crashed: %s on gt: killed by SIGKILL: out of memory" % ONE, out)
        self.assertEqual(sum(s["status"] == "ok" for s in self.samples()), 18)

    def test_a_wrong_result_in_a_pilot_fails_the_run(self):
        status, _, _ = self.run_one({"pilot gt " + ONE: "failed"})
        self.assertEqual(status, 1)
        self.assertNotIn(["measure", "gt", ONE], [e[:3] for e in self.log()])


class CalibrationTest(support.Case):
    def taken(self):
        with open(os.path.join(self.only_run(), "calibration.jsonl")) as f:
            return [json.loads(line) for line in f]

    def test_every_run_calibrates_before_amid_and_after_and_says_its_grade(self):
        status, out, err = self.run_fakes("--no-report", "--filter", ONE)
        self.assertEqual((status, err), (0, ""), out)
        self.assertEqual([(c["at"], c["status"], c["empty_ns"]) for c in self.taken()],
                         [(at, "ok", 0.3) for at in ("first", "middle", "last")])
        self.assertRegex(out, r"\nenvironment: grade [A-D]")
        with open(os.path.join(self.only_run(), "machine.json")) as f:
            self.assertIn("governor", [one["id"] for one in json.load(f)["doctor"]])

    def test_a_result_below_the_cost_of_an_empty_loop_fails_the_run(self):
        status, out, _ = self.run_fakes("--no-report", "--filter", ONE, "--backend", "gt,pthread",
                                        FAKE_BENCH_EMPTY_NS="1000")
        self.assertEqual(status, 1, out)
        self.assertIn("failed: %s on gt: " % ONE, out)
        self.assertIn("empty loop", out)
        self.assertEqual({(s["backend"], s["status"]) for s in self.samples()}, {("gt", "failed"), ("pthread", "ok")})

    def test_a_calibration_that_fails_is_said_and_stands_in_the_way_of_nothing(self):
        status, out, err = self.run_fakes("--no-report", "--filter", ONE, FAKE_BENCH_EMPTY_NS="x")
        self.assertEqual((status, err), (0, ""), out)
        self.assertIn("calibration failed: ", out)
        self.assertEqual([c["status"] for c in self.taken()], ["failed"] * 3)

    def test_a_link_in_place_of_the_calibrations_is_not_written_through(self):
        self.run_fakes("--no-report", "--filter", ONE, misbehave={"measure 3": "interrupt"})
        file = os.path.join(self.only_run(), "calibration.jsonl")
        os.rename(file, self.path("elsewhere"))
        os.symlink(self.path("elsewhere"), file)
        with open(self.path("elsewhere")) as f:
            before = f.read()
        status, _, err = self.greenbench("run", "--resume", self.only_run(), "--bench-dir", self.path("bench"))
        self.assertEqual(status, 73)
        self.assert_one_line(err)
        with open(self.path("elsewhere")) as f:
            self.assertEqual(f.read(), before)


class RefusalTest(support.Case):
    """Nothing is measured and nothing is left behind."""

    def refused(self, status, words, *args, **kwargs):
        got, out, err = self.run_fakes(*args, **kwargs)
        self.assertEqual(got, status, out + err)
        self.assertIn(words, err.splitlines()[0])
        self.assertNotIn("Traceback", err)
        self.assertEqual(self.log(), [])
        self.assertFalse(os.path.exists(self.path("results", "m")))
        return err

    def test_an_unknown_filter_lists_the_cells(self):
        self.assertIn("\n  spawn/one/P:1\n", self.refused(64, "--filter nope/x", "--filter", "nope/x"))

    def test_an_unknown_backend_lists_the_backends(self):
        self.assertIn("\n  pthread-futex\n", self.refused(64, "--backend go", "--backend", "go"))

    def test_an_unknown_placement_lists_the_placements(self):
        self.assertIn("\n  same-llc\n", self.refused(64, "--place far", "--place", "far"))

    def test_bad_option_values(self):
        for args in (("--seed", "x"), ("--spin-ns", "-1"), ("--watchdog", "0"), ("--profile", "huge"),
                     ("--machine", "../x"), ("--mem", "1e9"), ("--frobnicate",)):
            self.refused(64, args[0], *args)

    def test_gt_workers_that_the_runtime_would_refuse(self):
        for value in ("abc", "0", "", "-1", "257", "1.5", "\u0663"):
            self.refused(64, "GT_WORKERS", GT_WORKERS=value)

    def test_valid_gt_workers_are_announced_and_not_passed_on(self):
        status, out, _ = self.run_fakes("--no-report", "--filter", ONE, "--backend", "gt", GT_WORKERS="2")
        self.assertEqual(status, 0)
        self.assertIn("GT_WORKERS=2 is ignored", out.splitlines()[0])
        self.assertEqual({e[4] for e in self.log()}, {"None"})

    def test_the_other_variables_of_the_runtime_are_announced(self):
        status, out, _ = self.run_fakes("--no-report", "--filter", ONE, "--backend", "gt", GT_GUARD="canary",
                                        GT_STACK_SIZE="1048576")
        self.assertEqual(status, 0)
        self.assertIn("GT_STACK_SIZE is ignored", out.splitlines()[0])
        self.assertIn("GT_GUARD is ignored", out.splitlines()[1])

    def test_a_results_folder_that_cannot_be_written(self):
        self.write("file", "")
        for folder in (self.path("file", "below"), "/proc/greenbench"):
            status, out, err = self.run_fakes("--output", folder)
            self.assertEqual((status, out), (73, ""))
            self.assert_one_line(err)
            self.assertIn("cannot write the results folder", err)
        self.assertEqual(self.log(), [])

    def test_missing_executables(self):
        status, _, err = self.greenbench("run", "--bench-dir", self.path("none"), "--output", self.path("results"))
        self.assertEqual(status, 69)
        self.assert_one_line(err)

    def test_a_debug_build(self):
        self.refused(69, "debug build", FAKE_BENCH_DEBUG="1")


class InterruptTest(support.Case):
    def interrupted(self, action, name):
        """A signal during the fourth measured process."""
        status, out, err = self.run_fakes("--filter", ONE, misbehave={"measure 4": action})
        self.assertEqual(status, 130, out + err)
        self.assertIn("interrupted by %s: 3 samples are kept in %s" % (name, self.only_run()), out)
        self.assertIn("scripts/greenbench report " + self.only_run(), out)
        with open(os.path.join(self.only_run(), "plan.json")) as f:
            self.assertEqual(json.load(f)["state"], "interrupted")

    def test_ctrl_c_keeps_what_finished(self):
        self.interrupted("interrupt", "SIGINT")
        self.assertEqual([[s["backend"], s["status"]] for s in self.samples()],
                         [[e[1], "ok"] for e in self.log() if e[0] == "measure"][:3])
        self.assertEqual(support.left_over(self.path("bench")), [])

    def test_what_was_kept_can_be_drawn(self):
        self.interrupted("interrupt", "SIGINT")
        status, _, err = self.greenbench("report", self.only_run())
        self.assertEqual(status, 0, err)

    def test_sigterm_does_the_same(self):
        self.interrupted("terminate", "SIGTERM")

    def test_a_terminal_that_is_closed_does_the_same(self):
        before = signal.signal(signal.SIGHUP, signal.SIG_DFL)    # the tests may run under nohup
        self.addCleanup(signal.signal, signal.SIGHUP, before)
        self.interrupted("hang_up", "SIGHUP")
        self.assertEqual(support.left_over(self.path("bench")), [])

    def test_a_terminal_that_is_closed_is_nothing_under_nohup(self):
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.addCleanup(signal.signal, signal.SIGHUP, before)
        with runner.Interrupts() as interrupts:
            os.kill(os.getpid(), signal.SIGHUP)
            interrupts.check()

    def test_a_signal_before_anything_was_measured_leaves_no_run(self):
        status, out, _ = self.run_fakes("--filter", ONE, misbehave={"pilot gt " + ONE: "interrupt"})
        self.assertEqual(status, 130)
        self.assertIn("interrupted by SIGINT: nothing was measured yet", out)
        self.assertFalse(os.path.exists(self.path("results", "m")))


class ReportTest(support.Case):
    def test_without_gnuplot_results_are_stored_and_the_way_on_is_said(self):
        for tool in ("git", "env"):
            os.makedirs(self.path("bin"), exist_ok=True)
            os.symlink("/usr/bin/" + tool, self.path("bin", tool))
        status, out, err = self.run_fakes("--filter", ONE, PATH=self.path("bin"))
        self.assertEqual(status, 0, out + err)
        self.assertIn("gnuplot is missing", out)
        self.assertIn("scripts/greenbench report " + self.only_run(), out)
        self.assertIn("report: " + os.path.join(self.only_run(), "report.html"), out)
        self.assertEqual(len(self.samples()), 24)

    def test_a_run_ends_with_verdicts_and_the_report(self):
        status, out, err = self.run_fakes("--filter", ONE)
        self.assertEqual(status, 0, out + err)
        self.assertIn("spawn/one", out)
        self.assertIn("report: " + os.path.join(self.only_run(), "report.html"), out)

    def test_report_draws_a_stored_run_again(self):
        self.run_fakes("--filter", ONE, "--no-report")
        status, out, err = self.greenbench("report", self.only_run())
        self.assertEqual(status, 0, err)
        self.assertTrue(os.path.exists(os.path.join(self.only_run(), "report.html")))


if __name__ == "__main__":
    unittest.main()
