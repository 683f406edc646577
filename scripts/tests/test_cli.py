"""The command line itself: help, usage errors, list, report."""

import os
import subprocess
import sys
import unittest

from tests import support
from lib import cli, command_report, profiles, selection


class CliTest(support.Case):
    def test_help_of_every_command_has_examples_and_statuses(self):
        for args in [[]] + [[name] for name, _, _ in cli.COMMANDS]:
            status, out, err = self.greenbench(*args, "--help")
            self.assertEqual((status, err), (0, ""))
            if args != ["compare"]:
                self.assertIn("examples:", out)
            self.assertIn("64 usage", out)

    def test_usage_errors_are_one_line_and_64(self):
        for args in ([], ["frobnicate"], ["run", "--frobnicate"], ["list", "x"], ["report", "--format", "pdf"],
                     ["run", "--quick", "--full"], ["run", "--output", ""], ["run", "--machine", ""],
                     ["compare", "a", "b", "--output", ""]):
            status, out, err = self.greenbench(*args)
            self.assertEqual((status, out), (64, ""), args)
            self.assert_one_line(err)

    def test_costs_are_recorded_of_runs_only(self):
        for words, status, part in (([], 64, "required: RUN"), ([self.path("none")], 65, "no run here")):
            done = subprocess.run([sys.executable, os.path.join(support.SCRIPTS, "recost"), *words],
                                  stderr=subprocess.PIPE, timeout=120)
            self.assertEqual(done.returncode, status)
            self.assert_one_line(done.stderr.decode())
            self.assertIn(part, done.stderr.decode())

    def test_output_that_cannot_be_written_is_73_in_one_line(self):
        program = os.path.join(support.SCRIPTS, "greenbench")
        for how in (">&-", ">/dev/full"):
            for command in ("list", "run --no-report --filter spawn/one/P:1 --output " + self.path("r")):
                line = "exec %s %s %s --bench-dir %s %s" % (sys.executable, program, command, self.fakes(), how)
                done = subprocess.run(["sh", "-c", line], env=self.environment(), stderr=subprocess.PIPE, timeout=120)
                self.assertEqual(done.returncode, 73, done.stderr)
                self.assert_one_line(done.stderr.decode())
                self.assertIn("standard output", done.stderr.decode())

    def test_an_error_that_nobody_reads_keeps_its_status(self):
        program = os.path.join(support.SCRIPTS, "greenbench")
        for how in ("2>&-", "2>/dev/full"):
            line = "exec %s %s frobnicate %s" % (sys.executable, program, how)
            done = subprocess.run(["sh", "-c", line], env=self.environment(), stdout=subprocess.PIPE, timeout=120)
            self.assertEqual((done.returncode, done.stdout), (64, b""), how)

    def test_the_recorded_command_hides_paths(self):
        self.assertEqual(selection.recorded_command(["run", "--output", "/home/me/x", "--bench-dir=/b", "--seed", "3"]),
                         ["scripts/greenbench", "run", "--output", "DIR", "--bench-dir=DIR", "--seed", "3"])

    def test_report_of_no_run_is_bad_data_in_one_line(self):
        status, out, err = self.greenbench("report", self.path("nowhere"))
        self.assertEqual((status, out), (65, ""))
        self.assert_one_line(err)

    def test_report_of_a_truncated_run_names_the_line(self):
        self.run_fakes("--no-report", "--filter", "spawn/one/P:1", "--backend", "gt")
        file = os.path.join(self.only_run(), "samples.jsonl")
        with open(file, "r+") as f:
            f.truncate(os.path.getsize(file) - 10)
        before = sorted(os.listdir(self.only_run()))
        status, out, err = self.greenbench("report", self.only_run())
        self.assertEqual((status, out), (65, ""))
        self.assert_one_line(err)
        self.assertIn("samples.jsonl:6: the last line is truncated", err)
        self.assertEqual(sorted(os.listdir(self.only_run())), before)

    def test_the_newest_run_is_the_default(self):
        for machine, run in (("a", "20250101T000000Z-x"), ("b", "20250301T000000Z-x"), ("c", "20250201T000000Z-x")):
            os.makedirs(self.path(machine, run))
            self.write("%s/%s/samples.jsonl" % (machine, run), "")
        self.assertEqual(command_report.newest_run(self.dir), self.path("b", "20250301T000000Z-x"))


class ListTest(support.Case):
    def list(self, *args):
        status, out, err = self.greenbench("list", "--bench-dir", self.fakes(), *args)
        self.assertEqual((status, err), (0, ""))
        return out

    def test_each_profile_lists_its_cells_and_the_sum(self):
        for profile, data in profiles.PROFILES.items():
            self.setUp()
            out = self.list("--profile", profile)
            self.assertIn("spawn/one/P:1 ", out)
            total = next(line for line in out.splitlines() if line.startswith("sum "))
            listed = sum(float(line.split()[2]) for line in out.splitlines()
                         if "/" in line.split(" ")[0] and len(line.split()) > 3)
            self.assertAlmostEqual(float(total.split()[1]), listed, delta=0.1 * len(out.splitlines()))
            self.assertLess(float(total.split()[1]), data.limit_seconds)

    def test_the_loops_that_run_without_their_operations_are_named_where_that_is_built(self):
        self.assertNotIn("without their operations", self.list("--filter", "spawn"))
        out = self.greenbench("list", "--filter", "spawn", "--bench-dir", self.fakes(support.BACKENDS + ("null",)))[1]
        self.assertIn("what the loops take: spawn/one, spawn/storm\n", out)

    def test_what_is_skipped_and_what_is_not_built_is_named(self):
        out = self.list()
        self.assertIn("one thread per core", out)
        for name in ("spawn/tree", "channel/select", "gt tuned", "fleet"):
            self.assertIn(name, out.split("not built in this version:")[1])

    def test_a_workload_that_the_executables_lack_is_named_and_not_planned(self):
        status, out, _ = self.greenbench("list", "--bench-dir", self.fakes(),
                                         FAKE_BENCH_LIST='{"spawn/one": "P place"}')
        planned, absent = out.split("not built in this version:")
        self.assertEqual(status, 0)
        self.assertIn("spawn/one/P:1 ", planned)
        self.assertNotIn("channel/", planned)
        self.assertIn("channel/ping_pong", absent)

    def test_the_pool_is_listed_where_it_runs_only(self):
        out = self.list("--filter", "spawn")
        lines = {line.split()[0]: line for line in out.splitlines() if line.startswith("spawn/")}
        self.assertIn("pthread-pool", lines["spawn/one/P:1"])
        self.assertNotIn("pthread-pool", lines["spawn/parked_storm/n:100/temp:warm/P:2"])


if __name__ == "__main__":
    unittest.main()
