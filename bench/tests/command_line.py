"""The command line of a bench executable.

    command_line.py BENCH_EXECUTABLE

Test names are sentences; what the executable must print is JSON, one line per
call of --cell, and nothing else on stdout.
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

import workloads

BENCH = None
CELL = "spawn/storm/n:10/temp:warm/P:1"


def bench(*arguments, environment=None, stdout=subprocess.PIPE, prepare=None):
    return subprocess.run([BENCH, *arguments], stdout=stdout, stderr=subprocess.PIPE, timeout=120, check=False,
                          env=dict(os.environ, **(environment or {})), preexec_fn=prepare)


def measure(*arguments, **more):
    return bench("--allow-debug", "--rounds", "2", *arguments, **more)


class CommandLine(unittest.TestCase):
    def refused(self, done, part):
        self.assertEqual(done.returncode, 64, done.stderr)
        self.assertEqual(done.stdout, b"")
        self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)
        self.assertIn(part, done.stderr)

    def test_an_unknown_cell_lists_what_exists(self):
        self.refused(measure("--cell", "spawn/nothing/P:1"), b"there are: spawn/one, spawn/storm")

    def test_an_unknown_axis_lists_what_exists(self):
        self.refused(measure("--cell", "spawn/one/q:1/P:1"), b"it has: P place")

    def test_hostile_names_are_refused_on_one_clean_line(self):
        for name in ("", "/", "//", "spawn/one/P:1\n", "\x1b]0;x\x07", "a" * 100000, "%s%s%n", "../x", "-",
                     "spawn/one/P:18446744073709551616", "spawn/one/P:1/place:`id`", "\u202espawn/one/P:1"):
            with self.subTest(name=name[:40]):
                done = measure("--cell", name)
                self.assertEqual(done.returncode, 64)
                self.assertEqual(done.stdout, b"")
                self.assertEqual(done.stderr.count(b"\n"), 1)
                self.assertTrue(all(32 <= byte < 127 for byte in done.stderr[:-1]), done.stderr)

    def test_bad_values_are_refused_by_the_option(self):
        for option, value in (("--rounds", "0"), ("--rounds", "-1"), ("--rounds", "1e3"), ("--rounds", ""),
                              ("--spin-ns", "-5"), ("--mem-budget", "lots"), ("--time-budget", "0"),
                              ("--rounds", "99999999999999999999")):
            with self.subTest(option=option, value=value):
                self.refused(bench("--allow-debug", "--cell", CELL, option, value), option.encode() + b" wants")

    def test_unknown_and_incomplete_options_are_usage_errors(self):
        self.refused(bench("--frobnicate"), b"--frobnicate")
        self.refused(bench("--cell"), b"--cell")
        self.refused(bench("--rounds", "1"), b"--cell NAME is missing")
        self.refused(bench("--cell", CELL), b"--rounds N is missing")
        self.refused(bench("--list", "--machine"), b"only one of")
        self.refused(bench("--list", "extra"), b"extra")
        for words, named in ((("-ab",), b"value: -a (see"), (("-\xff\xff",), b"value: -? (see"), (("--list", "-x"), b": -x ("),
                             (("--list=3",), b": --list=3 ("), (("--c",), b": --c ("), (("-",), b"argument - (")):
            self.refused(bench(*words), named)

    def test_a_refusal_is_one_clean_line_whatever_it_names(self):
        for words in (("--\x1b[2J",), ("x\ny",), ("--rounds", "1\n"), ("--spin-ns=\x1b]0;x\x07",), ("\u202e",)):
            done = bench(*words)
            self.refused(done, b"?")
            self.assertTrue(all(32 <= byte < 127 for byte in done.stderr[:-1]), done.stderr)

    def test_a_measured_cell_is_one_line_of_json(self):
        done = measure("--cell", CELL)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, b"")
        self.assertEqual(done.stdout.count(b"\n"), 1)
        sample = json.loads(done.stdout)
        self.assertEqual(sample["env"], {"P": 1, "cpus": sample["env"]["cpus"], "place": "none", "spin_ns": 0})
        self.assertEqual(len(sample["env"]["cpus"]), 1)

    def test_a_cell_is_the_first_that_the_kernel_kills_for_memory(self):
        found = workloads.oom_score_adj([BENCH, "--allow-debug", "--rounds", "1", "--cell", CELL])
        if found is None:
            self.skipTest("nobody can volunteer here")
        self.assertEqual(found, (1000, 0))

    def test_the_environment_cannot_change_google_benchmark(self):
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "out")
            done = measure("--cell", CELL, environment={
                "BENCHMARK_REPETITIONS": "3", "BENCHMARK_FILTER": "nothing", "BENCHMARK_OUT": out,
                "BENCHMARK_LIST_TESTS": "true", "BENCHMARK_FORMAT": "csv", "BENCHMARK_MIN_WARMUP_TIME": "9",
                "BENCHMARK_TIME_UNIT": "ms", "BENCHMARK_DISPLAY_AGGREGATES_ONLY": "true"})
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(json.loads(done.stdout)["gbench"]["repetitions"], 1)
            self.assertEqual(json.loads(done.stdout)["gbench"]["time_unit"], "ns")
            self.assertFalse(os.path.exists(out))

    def test_more_cpus_than_there_are_is_skipped_with_a_reason(self):
        done = measure("--cell", "spawn/one/P:4000")
        self.assertEqual(done.returncode, 77)
        sample = json.loads(done.stdout)
        self.assertEqual(sample["status"], "skipped")
        self.assertIn("P:4000", sample["reason"])
        self.assertIsNone(sample["gbench"])

    def test_one_allowed_cpu_is_what_the_affinity_mask_says(self):
        cpu = max(os.sched_getaffinity(0))
        done = measure("--cell", CELL, prepare=lambda: os.sched_setaffinity(0, {cpu}))
        self.assertEqual(json.loads(done.stdout)["env"]["cpus"], [cpu])
        done = measure("--cell", "spawn/one/P:2", prepare=lambda: os.sched_setaffinity(0, {cpu}))
        self.assertEqual(done.returncode, 77)
        self.assertIn("may use 1 CPU ", json.loads(done.stdout)["reason"])

    def test_a_table_beyond_the_memory_budget_is_skipped(self):
        done = measure("--cell", "spawn/storm/n:10000000/temp:warm/P:1", "--mem-budget", "1048576")
        self.assertEqual(done.returncode, 77, done.stderr)
        self.assertIn("--mem-budget", json.loads(done.stdout)["reason"])

    def test_a_pilot_prints_rounds(self):
        done = bench("--allow-debug", "--pilot", "--cell", CELL, "--target-ms", "2")
        self.assertEqual(done.returncode, 0, done.stderr)
        pilot = json.loads(done.stdout)
        self.assertEqual((pilot["cell"], pilot["status"]), (CELL, "ok"))
        self.assertGreaterEqual(pilot["rounds"], 1)
        self.assertGreater(pilot["ns_per_round"], 0)

    def test_a_pilot_of_a_single_round_cell_says_one(self):
        done = bench("--allow-debug", "--pilot", "--cell", "spawn/storm/n:10/temp:cold/P:1")
        self.assertEqual(json.loads(done.stdout)["rounds"], 1)

    def test_a_pilot_does_not_exhaust_the_machine(self):
        done = bench("--allow-debug", "--pilot", "--cell", "memory/capacity/P:1")
        pilot = json.loads(done.stdout)
        self.assertEqual(pilot["rounds"], 1)
        self.assertIn(pilot["status"], ("ok", "skipped"))

    def test_the_list_names_every_workload_once(self):
        done = bench("--list")
        self.assertEqual(done.returncode, 0)
        names = [json.loads(line)["workload"] for line in done.stdout.splitlines()]
        self.assertEqual(len(names), len(set(names)))
        for name in ("spawn/one", "switch/yield", "channel/prod_cons", "stack/regrow", "memory/capacity"):
            self.assertIn(name, names)

    def test_the_machine_is_described_without_its_name(self):
        done = bench("--machine")
        self.assertEqual(done.returncode, 0, done.stderr)
        machine = json.loads(done.stdout)
        self.assertEqual(set(machine["cpus"]), os.sched_getaffinity(0))
        self.assertIs(machine["placements"]["same-pu"], True)
        for reason in machine["placements"].values():
            self.assertTrue(reason is True or len(reason) > 10)
        self.assertNotIn(os.uname().nodename.join('""').encode(), done.stdout)

    def test_the_topology_is_written_or_the_file_named(self):
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "topology.xml")
            self.assertEqual(bench("--topology", file).returncode, 0)
            with open(file, encoding="utf-8") as xml:
                self.assertIn("<topology", xml.read())
        done = bench("--topology", os.path.join(folder, "gone", "x.xml"))
        self.assertEqual(done.returncode, 73)
        self.assertIn(b"x.xml", done.stderr)

    def test_a_full_disk_is_said_and_exits_73(self):
        with open("/dev/full", "wb") as full:
            for arguments in (("--cell", CELL, "--rounds", "1", "--allow-debug"), ("--list",), ("--machine",)):
                done = bench(*arguments, stdout=full)
                self.assertEqual(done.returncode, 73, arguments)
                self.assertIn(b"cannot write", done.stderr)

    def test_help_has_examples_that_work(self):
        done = bench("--help")
        self.assertEqual(done.returncode, 0)
        examples = done.stdout.decode().split("Examples:\n")[1].split("\n\n")[0].splitlines()
        self.assertGreaterEqual(len(examples), 3)
        for example in examples:
            done = bench(*example.split()[1:], "--allow-debug")
            self.assertIn(done.returncode, (0, 77), example)

    def test_an_unoptimised_build_refuses_to_measure(self):
        done = bench("--cell", CELL, "--rounds", "1")
        if json.loads(bench("--machine").stdout)["optimized"]:
            self.assertEqual(done.returncode, 0, done.stderr)
        else:
            self.assertEqual(done.returncode, 69)
            self.assertIn(b"--allow-debug", done.stderr)
            self.assertEqual(done.stdout, b"")


if __name__ == "__main__":
    BENCH = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
