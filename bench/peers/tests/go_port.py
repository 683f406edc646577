"""The Go port against an executable made from the C workloads.

    go_port.py [BENCH_GO BENCH_GO_LOSSY REFERENCE]

Every cell must be right by its own word, and its axes, operations and checksum
must be those of the reference, which computes them from other sources. The
lossy one must fail. Without arguments the port is not built: exit 77.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tests"))
import workloads  # noqa: E402

GO = LOSSY = REFERENCE = None

# Beside the small cells that every backend runs.
MORE = [("channel/select/k:2/P:1", 2), ("channel/select/k:4/P:2", 2), ("channel/select/k:8/P:1", 2),
        ("spawn/tree/n:100/P:1", 2), ("channel/sieve/k:30/P:2", 2), ("parallel/fib/n:12/P:1", 2),
        ("parallel/nqueens/n:4/P:1", 3), ("parallel/nqueens/n:9/P:2", 2), ("switch/yield_multi/n:20/P:2", 2),
        ("switch/working_set/n:3/kib:7/P:1", 3), ("sync/counter/n:7/by:owner/P:2", 2),
        ("sync/counter/n:7/by:atomic/P:1", 2), ("io/echo/c:3/P:1", 2), ("io/echo/c:600/P:2", 2),
        ("wake/unpark/delay:10/P:2", 1), ("syscall/blocking/n:5/P:1", 2), ("wake/idle/n:20/P:1", 1), ("stack/retained/bytes:8192/P:1", 1),
        ("sync/mutex/n:20/cs:0/P:2", 2), ("sync/mutex/n:2/cs:100/P:2", 2), ("wake/timer/n:20/P:2", 2),
        ("wake/hog/h:2/remedy:on/P:2", 1), ("channel/ping_pong/cap:1/P:2", 2),
        ("channel/ping_pong/cap:128/P:1/place:same-pu", 2)]
NAMES = ("", "/", "//", "-", "spawn", "spawn/one", "spawn/one/", "spawn/nothing/P:1", "spawn/one/P:1/P:1",
         "spawn/one/q:1/P:1", "spawn/one/P:01", "spawn/one/P:0", "spawn/one/P:+1", "spawn/one/P:", "spawn/one/P:1/",
         "spawn/one/P:18446744073709551616", "spawn/one/P:1/place:none", "spawn/one/P:1/place:`id`",
         "spawn/one/P:1\n", "\x1b]0;x\x07", "a" * 100000, "%s%s%n", "spawn/storm/P:1/n:1/temp:warm",
         "spawn/storm/n:1/temp:hot/P:1", "switch/yield/n:2/P:2", "switch/yield/n:1/P:1", "channel/ping_pong/cap:0/P:3",
         "channel/ping_pong/cap:0/P:2/place:same-pu", "channel/ping_pong/cap:0/P:1/place:smt", "spawn/tree/n:99/P:1",
         "parallel/fib/n:1/P:1", "parallel/fib/n:41/P:1", "parallel/nqueens/n:3/P:1",
         "parallel/nqueens/n:17/P:1", "switch/yield_multi/n:8/P:1", "switch/yield_multi/n:7/P:2",
         "memory/parked/n:1/stack:huge/P:1", "switch/working_set/n:1/kib:1/P:1", "switch/working_set/n:2/kib:1/P:2",
         "sync/counter/n:1/by:magic/P:1", "sync/counter/n:100001/by:atomic/P:1", "io/echo/c:0/P:1",
         "io/rest/load:51/P:1", "syscall/blocking/n:4097/P:1", "wake/unpark/delay:0/P:1", "wake/unpark/delay:1000001/P:2", "stack/retained/bytes:9/P:1", "sync/mutex/n:2/cs:1000001/P:1",
         "wake/hog/h:1/remedy:maybe/P:1", "channel/select/k:0/P:1")


def listed(executable):
    done = subprocess.run([executable, "--list"], stdout=subprocess.PIPE, check=True, timeout=60)
    return {entry["workload"]: entry for entry in map(json.loads, done.stdout.splitlines())}


def bench(*arguments, environment=None, stdout=subprocess.PIPE, prepare=None):
    return subprocess.run([GO, *arguments], stdout=stdout, stderr=subprocess.PIPE, timeout=120, check=False,
                          env=dict(os.environ, **(environment or {})), preexec_fn=prepare)


def case_of(cell):
    return "/".join(cell.split("/")[:2])


class Port(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ported, cls.known = listed(GO), listed(REFERENCE)

    def cells(self):
        found = [(c, r) for c, r in workloads.CELLS if case_of(c) in self.ported and self.offered(c)]
        return found + [(c, r) for c, r in MORE if workloads.CPUS > 1 or "/P:2" not in c]

    def offered(self, cell):
        """No placement on two CPUs or of pools, no variant of one backend; three sizes of select."""
        placed = "/place:" in cell and not cell.endswith("same-pu")
        wide = "/select/" in cell and not any("/k:%d/" % k in cell for k in (2, 4, 8))
        varied = any(value in cell for value in workloads.ONE_BACKEND)
        return not placed and not wide and not varied and (workloads.CPUS > 1 or "/P:2" not in cell)

    def test_every_workload_has_a_cell_here(self):
        self.assertEqual(set(self.ported) - {case_of(c) for c, _ in self.cells()}, set())

    def test_axes_and_kinds_are_those_of_the_reference(self):
        for name in set(self.ported) & set(self.known):
            for key in ("axes", "pair", "one_round"):
                self.assertEqual(self.ported[name][key], self.known[name][key], (name, key))

    def test_every_cell_is_right(self):
        for cell, rounds in self.cells():
            with self.subTest(cell=cell):
                try:
                    expected = ("limit",) if cell.startswith("memory/capacity") else ("ok", "invalid")
                    self.assertIn(workloads.check(GO, "go", cell, rounds), expected)
                except workloads.Wrong as e:
                    self.fail(e)

    def test_operations_and_checksums_are_those_of_the_reference(self):
        compared = 0
        for cell, rounds in self.cells():
            if case_of(cell) not in self.known or cell.startswith("memory/"):
                continue
            with self.subTest(cell=cell):
                mine, theirs = (workloads.run(exe, cell, rounds)[0] for exe in (GO, REFERENCE))
                if theirs["status"] != "ok":
                    continue   # a limit of threads
                compared += 1
                for key in ("rounds", "unit", "operations"):
                    self.assertEqual(mine[key], theirs[key], key)
                # net/http handles a request in the connection's goroutine.
                created = () if cell.startswith("io/rest") else ("created",)
                for key in created + ("checksum", "expected"):
                    self.assertEqual(mine["ledger"][key], theirs["ledger"][key], key)
                self.assertEqual(set(mine["env"]), set(theirs["env"]))
                for env in (mine["env"], theirs["env"]):
                    env["load_busy_permille"] = env["load_late"] = env["spin_ns"] = 0   # of that run, or of threads
                self.assertEqual(mine["env"], theirs["env"])
                self.assertEqual(set(mine), set(theirs))
        self.assertGreater(compared, 10)

    def test_a_lost_message_fails_the_cell(self):
        lossy = [(cell, rounds) for cell, rounds in workloads.LOSSY if case_of(cell) in self.ported]
        self.assertGreaterEqual(len(lossy), 14)
        for cell, rounds in lossy:
            try:
                workloads.check_lossy(LOSSY, cell, rounds)
            except workloads.Wrong as e:
                self.fail("%s: %s" % (cell, e))

    def test_a_stall_is_seen_in_the_latencies(self):
        for cell, rounds in workloads.STALLED:
            try:
                workloads.check_stalled(LOSSY, cell, rounds)
            except workloads.Wrong as e:
                self.fail("%s: %s" % (cell, e))

    def load_says(self, text, status="failed", cell="io/echo/c:1/P:1"):
        """The reason given where this is the load generator, a shell script."""
        with tempfile.TemporaryDirectory() as folder:
            for name in ("greenbench-loadgen", "greenbench-delayd") if text else ():
                with open(os.path.join(folder, name), "w", encoding="ascii") as f:
                    f.write("#!/bin/sh\n" + text)
                os.chmod(f.name, 0o755)
            done = bench("--cell", cell, "--rounds", "1", environment={"GREENBENCH_IO_DIR": folder})
        sample = json.loads(done.stdout)
        self.assertEqual((sample["status"], done.returncode, sample["gbench"]), (status, 1, None), sample["reason"])
        return sample["reason"]

    def test_a_load_generator_that_goes_wrong_fails_the_cell(self):
        self.assertIn("GREENBENCH_IO_DIR", self.load_says(None))
        self.assertIn("ended early", self.load_says("exit 0\n"))
        self.assertEqual(self.load_says("echo 'the load generator says: no'\n"), "the load generator says: no")
        self.assertIn("reports 'primed 1' where 'requests'",
                      self.load_says("echo ready; read go; echo done; echo primed 1; read end\n"))
        self.assertIn("unexpected EOF", self.load_says(
            "echo ready; read go; echo done; for k in requests primed checksum late busy_permille shares_cpu latencies;"
            " do echo $k 1; done; echo short\n"))
        self.assertTrue(self.load_says("echo port 1; read end; echo served 0\n", cell="io/api_calls/c:2/P:1"))

    def test_the_writer_of_the_pipes_ends_with_who_started_it(self):
        reading, writing = os.pipe()
        sent = 0
        for told in (b"", b"\n"):
            done = subprocess.run([GO], input=told, stdout=subprocess.PIPE, timeout=60, check=True,
                                  env=dict(os.environ, GREENBENCH_GO_WRITER="1"),
                                  preexec_fn=lambda: os.dup2(writing, 3), close_fds=False)
            sent += int(done.stdout)
            self.assertEqual(sent > 0, told != b"")
        os.close(writing)
        self.assertEqual(len(os.read(reading, 65536)), 8 * sent)
        os.close(reading)

    def test_shares_of_a_load_need_to_know_the_whole(self):
        done = bench("--cell", "io/rest/load:50/P:1", "--rounds", "1")
        self.assertEqual(done.returncode, 77)
        self.assertIn("--full-load", json.loads(done.stdout)["reason"])
        done = bench("--cell", "io/rest/load:50/P:1", "--rounds", "1", "--full-load", "300")
        sample = json.loads(done.stdout)
        self.assertEqual((sample["unit"], sample["env"]["offered_per_s"]), (150, 150))

    def test_too_few_descriptors_are_a_reason_to_skip(self):
        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
        done = bench("--cell", "io/echo/c:200/P:1", "--rounds", "1", prepare=few)
        self.assertEqual(done.returncode, 77)
        self.assertIn("ulimit -Hn", json.loads(done.stdout)["reason"])

    def test_both_refuse_the_same_names(self):
        for name in NAMES:
            with self.subTest(name=name[:40]):
                done = bench("--cell", name, "--rounds", "1")
                self.assertEqual((done.returncode, done.stdout), (64, b""), done.stderr)
                self.assertEqual(done.stderr.count(b"\n"), 1)
                self.assertTrue(all(32 <= byte < 127 for byte in done.stderr[:-1]), done.stderr)
                if case_of(name) in self.known or "/" not in name:
                    other = subprocess.run([REFERENCE, "--allow-debug", "--cell", name, "--rounds", "1"], check=False,
                                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
                    self.assertEqual(other.returncode, 64, other.stderr)

    def test_bad_command_lines_are_usage_errors(self):
        for words in (("--frobnicate",), ("--cell",), ("--rounds", "1"), ("--cell", "spawn/one/P:1"), ("extra",),
                      ("--list", "--machine"), ("--list", "--cell", "spawn/one/P:1"), ("--pilot",),
                      ("--cell", "spawn/one/P:1", "--rounds", "0"), ("--cell", "spawn/one/P:1", "--rounds", "-1"),
                      ("--cell", "spawn/one/P:1", "--rounds", "1e3"), ("--cell", "spawn/one/P:1", "--rounds", ""),
                      ("--cell", "spawn/one/P:1", "--rounds", "1", "--mem-budget", "lots"), ("\x1b[31m",)):
            done = bench(*words)
            self.assertEqual((done.returncode, done.stdout, done.stderr.count(b"\n")), (64, b"", 1), words)
            self.assertNotIn(b"\x1b", done.stderr)

    def test_what_go_cannot_offer_is_skipped_with_a_reason(self):
        for cell, part in (("spawn/one/P:4000", "P:4000"), ("wake/hog/h:1/remedy:off/P:1", "preemption"),
                           ("memory/parked/n:9/stack:small/P:1", "stack"),
                           ("channel/ping_pong/cap:0/P:2/place:same-llc", "bound"),
                           ("spawn/storm/n:9/temp:warm/P:1/place:compact", "bound")):
            done = bench("--cell", cell, "--rounds", "1")
            sample = json.loads(done.stdout)
            self.assertEqual((done.returncode, sample["status"], sample["gbench"]), (77, "skipped", None), cell)
            self.assertIn(part, sample["reason"])

    def test_one_allowed_cpu_is_what_the_affinity_mask_says(self):
        cpu = max(os.sched_getaffinity(0))
        done = bench("--cell", "spawn/one/P:1", "--rounds", "2", prepare=lambda: os.sched_setaffinity(0, {cpu}))
        self.assertEqual(json.loads(done.stdout)["env"]["cpus"], [cpu])
        done = bench("--cell", "spawn/one/P:2", "--rounds", "2", prepare=lambda: os.sched_setaffinity(0, {cpu}))
        self.assertEqual(done.returncode, 77)

    def test_a_cell_is_the_first_that_the_kernel_kills_for_memory(self):
        found = workloads.oom_score_adj([GO, "--rounds", "1", "--cell", "spawn/one/P:1"])
        if found is None:
            self.skipTest("nobody can volunteer here")
        self.assertEqual(found, (1000, 0))

    def test_the_environment_does_not_configure_go(self):
        """A collection would be traced on stderr, and each round forces one."""
        done = bench("--cell", "stack/grow/bytes:4096/P:1", "--rounds", "3",
                     environment={"GODEBUG": "gctrace=1", "GOGC": "off", "GOMAXPROCS": "7"})
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_a_table_beyond_the_memory_budget_is_skipped(self):
        done = bench("--cell", "spawn/storm/n:10000000/temp:warm/P:1", "--rounds", "1", "--mem-budget", "1048576")
        self.assertEqual(done.returncode, 77)
        self.assertIn("--mem-budget", json.loads(done.stdout)["reason"])

    def test_a_budget_that_is_used_up_is_a_limit(self):
        done = bench("--cell", "spawn/parked_storm/n:300000/temp:warm/P:1", "--rounds", "1", "--mem-budget", "67108864")
        sample = json.loads(done.stdout)
        self.assertEqual((done.returncode, sample["status"], sample["limit"]["name"]), (0, "limit", "memory budget"))
        self.assertLess(sample["limit"]["reached"], 300000)
        self.assertEqual(sample["ledger"]["checksum"], sample["ledger"]["expected"])
        self.assertIsNone(sample["ns_per_op"])

    def test_a_pilot_prints_rounds(self):
        cell = "spawn/storm/n:10/temp:warm/P:1"
        found = json.loads(bench("--pilot", "--cell", cell, "--target-ms", "2").stdout)
        self.assertEqual((found["cell"], found["status"]), (cell, "ok"))
        self.assertGreater(found["ns_per_round"], 0)
        cold = json.loads(bench("--pilot", "--cell", "spawn/storm/n:10/temp:cold/P:1").stdout)
        self.assertEqual(cold["rounds"], 1)

    def test_the_machine_is_described_without_hwloc(self):
        told = json.loads(bench("--machine").stdout)
        self.assertEqual(set(told["cpus"]), os.sched_getaffinity(0))
        self.assertTrue(told["compiler"].startswith("go"))
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(bench("--topology", os.path.join(folder, "x")).returncode, 69)

    def test_a_full_disk_is_said_and_exits_73(self):
        with open("/dev/full", "wb") as full:
            for words in (("--cell", "spawn/one/P:1", "--rounds", "1"), ("--list",), ("--machine",), ("--help",)):
                done = bench(*words, stdout=full)
                self.assertEqual(done.returncode, 73, words)
                self.assertIn(b"cannot write", done.stderr)

    def test_help_has_examples_that_work(self):
        text = bench("--help").stdout.decode()
        examples = text.split("Examples:\n")[1].split("\n\n")[0].splitlines()
        self.assertGreaterEqual(len(examples), 3)
        for example in examples:
            self.assertIn(bench(*example.split()[1:]).returncode, (0, 77), example)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        print("skipped: the Go port is not built here")
        sys.exit(77)
    GO, LOSSY, REFERENCE = map(os.path.abspath, sys.argv[1:4])
    unittest.main(argv=sys.argv[:1], verbosity=1)
