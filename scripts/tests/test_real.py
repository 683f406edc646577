"""The real executables, driven by the real scripts, at small cost.

GREENBENCH_TEST_BENCH_DIR names the directory of the executables; Meson sets
it. Without it these tests are skipped.
"""

import html.parser
import os
import subprocess
import sys
import unittest

from tests import support
from lib import bench, cells, doctor, errors, histogram, peers, profiles, runner, samples

BENCH = os.environ.get("GREENBENCH_TEST_BENCH_DIR")


class Page(html.parser.HTMLParser):
    """Tags with their attributes, and the text, of a report."""

    def __init__(self):
        super().__init__()
        self.tags, self.text = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


@unittest.skipUnless(BENCH, "GREENBENCH_TEST_BENCH_DIR is not set")
class RealTest(support.Case):
    def run_real(self, *args, bench_dir=BENCH):
        return self.greenbench("run", "--quick", "--bench-dir", bench_dir, "--output", self.path("results"),
                               "--machine", "m", *args)

    def test_one_group_runs_and_its_report_can_be_parsed(self):
        status, out, err = self.run_real("--filter", "spawn")
        self.assertEqual(status, 0, out + err)
        run = samples.load_run(self.only_run())
        measured = {(s["cell"], s["backend"]) for s in run.samples if s["status"] == "ok" and s["backend"] != "null"}
        expected = {(c.name, b) for c in profiles.expand("quick", self.facts()) if c.group == "spawn"
                    for b in c.backends}
        self.assertEqual(measured, expected)
        for sample in run.samples:
            if sample["status"] == "ok":
                self.assertEqual(sample["ledger"]["checksum"], sample["ledger"]["expected"])
        self.assert_report(expected)
        self.assertIn("report: " + os.path.join(self.only_run(), "report.html"), out)

    def test_what_is_measured_ends_with_the_runner(self):
        """Whatever the moment: also a runner that was killed before its child could ask to be."""
        program = "import sys; from lib import runner; runner.launch(sys.argv[1:], 600, None)"
        for number, backend in enumerate(b for b in ("gt", "pthread", "go") if os.path.exists(bench.Bench(BENCH).path(b))):
            rounds = str(987654320 + number)
            argv = [bench.Bench(BENCH).path(backend), "--cell", "switch/yield/n:2/P:1", "--rounds", rounds]
            for wait in (True, False):
                parent = subprocess.Popen([sys.executable, "-c", program] + argv, cwd=support.SCRIPTS)
                while wait and len(support.processes_naming(rounds)) < 2:
                    self.assertIsNone(parent.poll())
                parent.kill()
                parent.wait()
                self.assertEqual(support.left_over(rounds), [], backend)
            done = subprocess.run(argv, env=dict(os.environ, GREENBENCH_RUNNER="1"), stderr=subprocess.PIPE, timeout=60)
            self.assertEqual(done.returncode, errors.INTERRUPTED)
            self.assert_one_line(done.stderr.decode())

    def assert_report(self, expected):
        with open(os.path.join(self.only_run(), "report.html"), encoding="utf-8") as f:
            page = Page()
            page.feed(f.read())
        text = " ".join(page.text)
        for cell, _ in expected:
            self.assertIn(cell, text)
        self.assertIn("svg", [tag for tag, _ in page.tags])
        for tag, attributes in page.tags:   # self-contained: nothing is fetched
            for name in ("src", "href"):
                self.assertFalse((attributes.get(name) or "#").startswith(("http", "//", "file")), (tag, attributes))

    def facts(self):
        told = bench.Bench(BENCH).machine()
        return profiles.Machine(len(os.sched_getaffinity(0)), told["placements"])

    def test_the_percentiles_are_those_of_the_stored_counts(self):
        status, out, err = self.run_real("--filter", "wake/timer", "--backend", "gt")
        self.assertEqual(status, 0, out + err)
        for sample in self.samples():
            latency = sample["latency"]
            found = histogram.of_samples([sample])
            self.assertEqual([latency[key] for key in ("p50", "p90", "p99", "p999", "max")],
                             [found.quantile(share) for share in (0.5, 0.9, 0.99, 0.999)] + [found.max])
        files = os.listdir(os.path.join(self.only_run(), "latency"))
        self.assertEqual(len(files), len({s["cell"] for s in self.samples()}), files)

    def test_a_cell_that_the_kernel_kills_for_memory_is_a_result(self):
        """The executable itself, in a cgroup with less memory than it was told to use."""
        with support.memory_cgroup(32 << 20) as group:
            self.confine("gt", group)
            status, out, err = self.greenbench(
                "run", "--profile", "default", "--bench-dir", self.dir, "--output", self.path("results"), "--machine",
                "m", "--no-report", "--filter", "memory/parked/n:100000/*", "--filter", "spawn/one/P:1", "--backend", "gt")
        self.assertEqual(status, 0, out + err)
        ends = {(s["cell"].split("/")[0], s["status"], s["exit"]) for s in self.samples()}
        self.assertEqual(ends, {("memory", "crashed", -9), ("spawn", "ok", 0)})
        self.assertIn("killed by SIGKILL: out of memory", out)

    def confine(self, backend, group):
        """An executable that measures in a cgroup."""
        script = self.write("bench_" + backend, "#!/bin/sh\ncase $* in *--cell*) echo $$ > %s/cgroup.procs ;; esac\n"
                            "exec %s/bench_%s \"$@\"\n" % (group.path, os.path.abspath(BENCH), backend))
        os.chmod(script, 0o755)

    def test_the_capacity_of_threads_leaves_a_session_room(self):
        with support.pids_cgroup(1400) as group:
            self.confine("pthread", group)
            limits = {}
            for profile in ("default", "full"):
                status, out, err = self.greenbench(
                    "run", "--profile", profile, "--bench-dir", self.dir, "--output", self.path(profile), "--machine",
                    "m", "--no-report", "--filter", "memory/capacity", "--backend", "pthread")
                self.assertEqual(status, 0, out + err)
                limits[profile] = self.samples(self.only_run(profile))[0]["limit"]
        self.assertEqual(limits["default"]["name"], "cgroup pids.max, less what is kept free")
        self.assertEqual(limits["default"]["value"], 400)
        self.assertLessEqual(limits["default"]["reached"], 400)
        self.assertEqual((limits["full"]["name"], limits["full"]["value"]), ("cgroup pids.max", 1400))
        self.assertGreater(limits["full"]["reached"], 1300)

    def test_every_loop_comes_to_its_end_without_its_operation(self):
        """With right checksums; yields are empty, of course."""
        with runner.Interrupts() as interrupts:
            for case, cell in profiles.HARNESS_CELLS.items():
                self.assertEqual(cells.parse(cell)[0], case)
                sample = runner.measure(bench.Bench(BENCH).path("null"), cell, "null", 50,
                                        runner.Options(0, 1 << 30, 20, 60, allow_debug=True), interrupts)
                self.assertEqual(sample["status"], "invalid" if case == "switch/yield" else "ok", sample)
                self.assertEqual(sample["ledger"]["checksum"], sample["ledger"]["expected"])
        listed = bench.Bench(BENCH).workloads("null")
        self.assertEqual({case for case, entry in listed.items() if entry["offered"]}, set(profiles.HARNESS_CELLS))

    def test_a_workload_that_loses_a_message_fails_the_run(self):
        lossy = self.path("lossy")
        os.mkdir(lossy)
        for backend in ("gt", "pthread", "pthread-futex"):
            os.symlink(os.path.join(BENCH, "bench_%s_lossy" % backend), os.path.join(lossy, "bench_" + backend))
        status, out, _ = self.run_real("--filter", "channel/prod_cons", "--no-report", bench_dir=lossy)
        self.assertEqual(status, 1, out)
        for backend in ("gt", "pthread", "pthread-futex"):
            self.assertRegex(out, r"failed: channel/prod_cons/\S+ on %s: " % backend)

    def test_every_cell_of_every_profile_is_known_to_the_executables(self):
        """The tables in profiles.py say what --list says."""
        real = bench.Bench(BENCH)
        for backend in real.built():
            listed = real.workloads(backend)
            for row in profiles.PROFILES["full"].rows:
                offered = listed[row.case]["offered"]
                self.assertEqual(offered, backend != "pthread-pool" or row.case in profiles.POOL_CASES,
                                 (backend, row.case))
                self.assertEqual(listed[row.case]["one_round"], row.case in profiles.ONE_ROUND_CASES)
                self.assertEqual(listed[row.case]["pair"], row.case in profiles.PAIR_CASES)
        axes = {name: set(entry["axes"].split()) for name, entry in real.workloads("gt").items()}
        for cell in profiles.expand("full", self.facts()):
            case, used = cells.parse(cell.name)
            self.assertEqual(axes[case] - {"place", "stack"}, set(used) - {"place", "stack"}, cell.name)
            self.assertLessEqual(set(used), axes[case] | {"P"})

    def test_what_peers_are_said_to_offer_is_what_they_list(self):
        real = bench.Bench(BENCH)
        if not real.built_peers():
            self.skipTest("no peer is built")
        names = {c.name for profile in profiles.PROFILES for c in profiles.expand(profile, self.facts())}
        for peer in real.built_peers():
            listed = real.workloads(peer)
            for name in names:
                if peers.refusal(peer, name) is None:
                    self.assertIn(cells.parse(name)[0], listed, (peer, name))
        if "go" in real.built_peers():
            self.assertEqual(set(real.workloads("go")), set(real.workloads("gt")) - set(peers.GO_LACKS))

    def test_a_peer_runs_beside_gt_and_is_marked_in_the_report(self):
        built = bench.Bench(BENCH).built_peers()
        if not built:
            self.skipTest("no peer is built")
        status, out, err = self.run_real("--filter", "channel/prod_cons", "--backend", "gt", "--with-peers")
        self.assertEqual(status, 0, out + err)
        offered = {"gt"} | {b for b in built if peers.refusal(b, "channel/prod_cons/p:1/c:1/cap:128/P:2") is None}
        self.assertEqual({s["backend"] for s in self.samples() if s["status"] == "ok"} - {"null"}, offered)
        with open(os.path.join(self.only_run(), "report.md"), encoding="utf-8") as f:
            text = f.read()
        for peer in offered - {"gt"}:
            self.assertIn("(%s)" % peers.KINDS[peer], text)

    def test_a_calibration_is_understood(self):
        line = doctor.calibrate(BENCH)
        samples.check(line, "calibration")
        self.assertEqual(line["status"], "ok", line["reason"])
        self.assertGreater(line["chain_ns"], 0)
        self.assertIsNone(doctor.below_empty_loop({"status": "ok", "ns_per_op": line["empty_ns"], "env": {"P": 1}}, [line]))


if __name__ == "__main__":
    unittest.main()
