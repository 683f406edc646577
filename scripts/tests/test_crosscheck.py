"""crosscheck: figures of other tools, made up here, beside those of the fakes."""

import os
import shutil
import subprocess
import sys
import unittest

from tests import support
from lib import crosscheck

PERF = "#!/bin/sh\necho '      10.0 usecs/op'\n"
HACKBENCH = "#!/bin/sh\necho 'Time: 0.080'\n"
RUNTIME = ("#!/bin/sh\necho 'BenchmarkChanSync  \t 1000\t  70.0 ns/op'\n"
           "echo 'BenchmarkChanSync  \t 1000\t  50.0 ns/op'\necho 'BenchmarkChanSync 5 10.0 ns/op'\n"
           "echo 'BenchmarkPingPongHog-2 1 3 ns/op'\necho 'BenchmarkChanUncontended \t 9\t 4000 ns/op'\n")


class CrosscheckTest(support.Case):
    def tool(self, name, text):
        os.makedirs(self.path("bin"), exist_ok=True)
        path = self.write(os.path.join("bin", name), text)
        os.chmod(path, 0o755)

    def run_it(self, *args):
        """Only the tools of this test are there; (status, lines of the table, what is said after it)."""
        os.makedirs(self.path("bin"), exist_ok=True)
        for name in ("taskset", "sh", "env"):
            if not os.path.exists(self.path("bin", name)):
                os.symlink(shutil.which(name), self.path("bin", name))
        directory = self.fakes()
        os.makedirs(os.path.join(directory, "peers"), exist_ok=True)
        shutil.copy(os.path.join(directory, "bench_gt"), os.path.join(directory, "peers", "bench_go"))
        done = subprocess.run([sys.executable, os.path.join(support.SCRIPTS, "crosscheck"), "--bench-dir", directory,
                               "--work", self.path("work"), *args], env=self.environment(PATH=self.path("bin")),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        rows, _, rest = done.stdout.decode().partition("\n\n")
        return done.returncode, rows.splitlines()[2:], rest + done.stderr.decode()

    def test_figures_are_of_one_operation_and_those_far_apart_are_marked(self):
        self.tool("perf", PERF)
        self.tool("hackbench", HACKBENCH)
        status, rows, rest = self.run_it()
        self.assertEqual(status, 0, rest)
        self.assertEqual(len(rows), 3)
        self.assertIn("| 5.00 us | switch/handoff/P:1/place:same-pu | pthread | 5.00 us | 1.00 |", rows[0])
        self.assertIn("| 1.00 us | channel/prod_cons/p:4/c:4/cap:128/P:2 | pthread | 5.00 us | 0.20 * |", rows[2])
        self.assertIn("go is not installed", rest)

    def test_benchmarks_of_go_are_medians(self):
        os.makedirs(self.path("work"))
        os.chmod(self.write(os.path.join("work", crosscheck.GO_FILE), RUNTIME), 0o755)
        status, rows, rest = self.run_it()
        self.assertEqual(status, 0, rest)
        self.assertIn("| 50.0 ns | channel/ping_pong/cap:0/P:1/place:same-pu | go | 5.00 us | 0.01 * |", rows[0])
        self.assertIn("| 40.0 ns | channel/prod_cons/p:1/c:1/cap:128/P:1 | go |", rows[1])
        self.assertIn("this Go has no BenchmarkCreateGoroutines:", rest)
        self.assertIn("perf is not installed", rest)

    def test_tools_that_fail_or_say_nothing_are_skipped_with_their_reason(self):
        self.tool("perf", "#!/bin/sh\nexit 3\n")
        self.tool("hackbench", "#!/bin/sh\necho nothing\n")
        status, rows, rest = self.run_it()
        self.assertEqual((status, rows), (77, []))
        self.assertIn("perf bench sched ended with status 3", rest)
        self.assertIn("hackbench printed no figure", rest)
        self.assertNotIn("Traceback", rest)

    def test_an_unknown_option_is_one_line_and_64(self):
        status, _, rest = self.run_it("--frobnicate")
        self.assertEqual(status, 64)
        self.assertEqual(rest, "crosscheck: unrecognized arguments: --frobnicate (see crosscheck --help)\n")

    def test_a_folder_without_executables_is_one_line_and_nothing_is_written(self):
        missing = self.path("missing")
        status, rows, rest = self.run_it("--bench-dir", missing)
        self.assertEqual((status, rows), (69, []))
        self.assertRegex(rest, r"\Acrosscheck: no bench executables in .*--bench-dir\n\Z")
        self.assertFalse(os.path.exists(missing))

    def test_what_cannot_be_prepared_is_one_line(self):
        status, _, rest = self.run_it("--prepare")
        self.assertEqual(status, 69)
        self.assertEqual(rest.strip(), "crosscheck: go is not installed")


if __name__ == "__main__":
    unittest.main()
