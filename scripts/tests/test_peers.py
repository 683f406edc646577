"""Backends beside gt and the pthread family: chosen when asked for, where they
are built, for the cells they offer, and never in a headline."""

import json
import os
import shutil
import unittest

from tests import support, synthetic_run
from lib import bench, costs, peers, planning, profiles, report_blocks, report_content, report_model, samples
from lib.errors import UnsupportedError, UsageError

ONE = "spawn/one/P:1"


def two_cpus():
    return profiles.Machine(2, {"same-llc": True, "smt": "one thread per core"})


class OfferTest(unittest.TestCase):
    def plan(self, backends, filters=(), profile="peers"):
        return planning.make(profile, two_cpus(), backends, filters)

    def test_without_being_asked_no_peer_runs(self):
        for profile in profiles.PROFILES:
            for cell in self.plan(profiles.BACKENDS, profile=profile).cells:
                self.assertEqual([b for b in cell.backends if peers.is_peer(b)], [], cell.name)

    def test_a_peer_goes_where_gt_goes_or_says_why_not(self):
        plan = self.plan(profiles.BACKENDS + peers.PEERS, profile="default")
        refused = {(cell, backend): reason for cell, backend, reason in plan.skipped}
        for cell in plan.cells:
            for peer in peers.PEERS:
                if "gt" in cell.backends:
                    self.assertNotEqual(peer in cell.backends, (cell.name, peer) in refused, (cell.name, peer))
                else:
                    self.assertNotIn(peer, cell.backends)

    def test_go_is_left_free_and_keeps_its_preemption(self):
        for cell, part in (("channel/ping_pong/cap:0/P:2/place:same-llc", "bound"),
                           ("wake/hog/h:4/remedy:off/P:2", "preempts"), ("switch/line/P:2/place:same-llc", "not ported"),
                           ("channel/select/k:3/P:1", "2, 4, 8"), ("memory/parked/n:9/stack:small/P:1", "stack")):
            self.assertIn(part, peers.refusal("go", cell))
        for cell in ("channel/ping_pong/cap:0/P:2", "channel/ping_pong/cap:0/P:1/place:same-pu",
                     "wake/hog/h:4/remedy:on/P:2", "channel/select/k:8/P:1", ONE):
            self.assertIsNone(peers.refusal("go", cell))

    def test_libraries_have_one_os_thread(self):
        for peer in ("boost_fiber", "st"):
            self.assertIsNone(peers.refusal(peer, ONE))
            self.assertIn("P:1", peers.refusal(peer, "spawn/one/P:2"))
            self.assertIn("only", peers.refusal(peer, "wake/timer/n:100/P:1"))
            self.assertIn("100000 tasks", peers.refusal(peer, "spawn/storm/n:1000000/temp:warm/P:1"))
        self.assertIn("10000 tasks", peers.refusal("st", "switch/yield/n:100000/P:1"))
        self.assertIsNone(peers.refusal("boost_fiber", "switch/yield/n:100000/P:1"))

    def test_peers_are_estimated(self):
        for cell in self.plan(("gt",) + peers.PEERS).cells:
            for backend in cell.backends:
                self.assertGreater(costs.process_seconds(cell.name, backend), 0)


class RunTest(support.Case):
    def with_peers(self, names=peers.PEERS):
        """Fakes of gt and pthread, and of these peers in their folder."""
        directory = self.fakes(("gt", "pthread"))
        os.makedirs(os.path.join(directory, "peers"))
        for name in names:
            shutil.copy(os.path.join(directory, "bench_gt"), os.path.join(directory, "peers", "bench_" + name))
        with open(os.path.join(directory, "peers", "versions.json"), "w") as f:
            json.dump({"go": "go1.19.8", "boost_fiber": "1.74.0"}, f)
        return directory

    def backends_of_run(self, *args):
        status, out, err = self.run_fakes("--filter", ONE, *args)
        self.assertEqual(status, 0, out + err)
        return {s["backend"] for s in self.samples()}

    def test_a_run_leaves_peers_alone(self):
        self.with_peers()
        self.assertEqual(self.backends_of_run("--no-report"), {"gt", "pthread"})

    def test_go_runs_unasked_in_the_longer_profiles(self):
        built = bench.Bench(self.with_peers(("go", "st")))
        for profile, beside in (("quick", ()), ("default", ("go",)), ("full", ("go",))):
            self.assertEqual(profiles.PROFILES[profile].beside, beside)
            self.assertEqual(built.pick((), beside=beside), ["gt", "pthread", *beside])
        self.assertEqual(built.pick(("pthread",), beside=("go",)), ["pthread"])
        status, out, err = self.greenbench("run", "--bench-dir", self.path("bench"), "--output", self.path("results"),
                                           "--machine", "m", "--no-report", "--filter", ONE)
        self.assertEqual(status, 0, out + err)
        self.assertEqual({s["backend"] for s in self.samples()}, {"gt", "pthread", "go"})

    def test_in_the_default_profile_a_peer_takes_part_in_six_rounds(self):
        self.with_peers(("go",))
        status, out, err = self.greenbench("run", "--bench-dir", self.path("bench"), "--output", self.path("results"),
                                           "--machine", "m", "--no-report", "--filter", ONE)
        self.assertEqual(status, 0, out + err)
        rounds = {}
        for sample in self.samples():
            rounds.setdefault(sample["backend"], set()).add(sample["round"])
        self.assertEqual(rounds, {"gt": set(range(9)), "pthread": set(range(9)), "go": set(range(6))})

    def test_with_peers_adds_those_that_are_built(self):
        self.with_peers(("go", "st"))
        self.assertEqual(self.backends_of_run("--no-report", "--with-peers"), {"gt", "pthread", "go", "st"})

    def test_with_peers_fails_where_none_is_built(self):
        self.with_peers(())
        status, out, err = self.run_fakes("--filter", ONE, "--with-peers")
        self.assertEqual((status, out), (69, ""))
        self.assert_one_line(err)
        self.assertIn("none is built", err)

    def test_names_may_stand_in_one_word(self):
        self.with_peers()
        self.assertEqual(self.backends_of_run("--no-report", "--backend", "gt,go", "--backend", "boost_fiber"),
                         {"gt", "go", "boost_fiber"})

    def test_backends_of_a_round_are_interleaved(self):
        self.with_peers()
        self.backends_of_run("--no-report", "--with-peers")
        rounds = {}
        for sample in self.samples():
            rounds.setdefault(sample["round"], []).append(sample["order"])
        for orders in rounds.values():
            self.assertEqual((len(orders), max(orders) - min(orders)), (5, 4))

    def test_a_peer_that_is_not_built_is_named(self):
        self.with_peers(("go",))
        status, out, err = self.run_fakes("--backend", "gt,st")
        self.assertEqual((status, out), (64, ""))
        self.assertIn("--backend st is not built", err)
        self.assertEqual(self.run_fakes("--backend", "gt,,go")[0], 64)

    def test_the_versions_are_kept_and_the_machine_is_asked_of_a_backend_of_ours(self):
        self.with_peers()
        self.backends_of_run("--no-report", "--backend", "go,st")
        run = samples.load_run(self.only_run())
        self.assertEqual(run.machine["toolchain"]["peers"], {"go": "go1.19.8", "st": "unknown"})
        self.assertEqual(bench.Bench(self.path("bench")).reference(["go"]), "gt")

    def test_only_peers_that_are_built_can_run_alone(self):
        os.makedirs(self.path("bench"))
        self.assertRaises(UnsupportedError, bench.Bench(self.path("bench")).pick, ["go"])
        self.assertRaises(UsageError, bench.Bench(self.path("bench")).pick, ["java"])


class ReportTest(support.Case):
    def model(self, *backends):
        lines = [synthetic_run.sample(ONE, backend, ns, i) for i in range(10)
                 for backend, ns in zip(backends, (50.0, 20000.0, 500.0, 5.0))]
        return report_model.Model(samples.Run(self.dir, synthetic_run.machine(), lines, []))

    def test_the_headline_is_against_threads_even_when_a_peer_is_faster(self):
        model = self.model("gt", "pthread", "go", "st")
        self.assertEqual([h.other.backend for h in model.headlines], ["pthread"])
        self.assertEqual(model.backends, ["gt", "pthread", "go", "st"])

    def test_the_ratio_to_a_peer_is_in_the_table_and_the_peer_is_marked(self):
        model = self.model("gt", "pthread", "go")
        sections = {key: blocks for key, _, blocks in report_content.sections(model, [])}
        rows = [row for block in sections["spawn"] if isinstance(block, report_blocks.Table) for row in block.rows]
        go = next(row for row in rows if row[1][0] == "go (port)")
        self.assertIn("1/10", [words for words, _ in go][8])
        self.assertTrue(any("go (port)" in getattr(b, "text", "") for b in sections["verdicts"][-1].blocks))
        without = report_content.sections(self.model("gt", "pthread"), [])
        self.assertFalse(any("(port)" in getattr(b, "text", "") for b in dict((k, b) for k, _, b in without)["verdicts"][-1].blocks))

    def test_a_report_asks_again_only_for_peers_that_do_not_run_unasked(self):
        for backends, asks in ((("gt", "pthread"), False), (("gt", "pthread", "go"), False),
                               (("gt", "pthread", "go", "st"), True)):
            model = self.model(*backends)
            model.run.machine["profile"] = "default"
            blocks = {key: blocks for key, _, blocks in report_content.sections(model, [])}["spawn"]
            command = next(b for b in blocks if isinstance(b, report_blocks.Command))
            self.assertEqual("--with-peers" in command.command, asks, backends)

    def test_compare_marks_them(self):
        os.makedirs(self.path("bench", "peers"))
        self.fakes(("gt", "pthread"))
        shutil.copy(self.path("bench", "bench_gt"), self.path("bench", "peers", "bench_go"))
        self.run_fakes("--no-report", "--filter", ONE, "--backend", "gt,go")
        run = self.only_run()
        status, out, err = self.greenbench("compare", run + ":gt", run + ":go")
        self.assertEqual(status, 0, err)
        self.assertIn("gt, go (port)", out)


if __name__ == "__main__":
    unittest.main()
