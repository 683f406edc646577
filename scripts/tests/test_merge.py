"""merge: what is copied, what is refused, and that nothing half-written stays."""

import contextlib
import errno
import hashlib
import io
import os
from unittest import mock

from tests import support, synthetic_run as synthetic
from lib import cli, errors, merge, samples
from lib.report_model import Model


def lines_of(seed, n=6):
    return [synthetic.sample("spawn/one/P:1", backend, ns * (1 + (seed * 7 + i) % 10 / 1000), i, 2 * i + which)
            for i in range(n) for which, (backend, ns) in enumerate((("gt", 50.0), ("pthread", 20000.0)))]


class MergeTest(support.Case):
    def store(self, name, seed=1, **machine):
        path = synthetic.write(self.path("from", name), lines=lines_of(seed), machine_changes=machine)
        with open(os.path.join(path, "report.html"), "w") as f:
            f.write("<script>alert(1)</script>")
        return path

    def merge(self, *words):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            status = cli.command_of(["merge", "--into", self.path("results")] + list(words), self.dir)
        self.assertEqual(status, errors.OK)
        return out.getvalue().splitlines()

    def refused(self, kind, reason, *words):
        before = self.tree()
        with self.assertRaises(kind) as caught:
            self.merge(*words)
        self.assertIn(reason, str(caught.exception))
        self.assertEqual(self.tree(), before)

    def tree(self):
        """Every file below results, with its contents."""
        found = {}
        for folder, _, files in os.walk(self.path("results")):
            found[folder] = None
            for name in files:
                with open(os.path.join(folder, name), "rb") as f:
                    found[os.path.join(folder, name)] = hashlib.sha256(f.read()).hexdigest()
        return {path: value for path, value in found.items() if value or path != self.path("results")}


class Gather(MergeTest):
    def test_runs_of_several_machines_are_gathered_and_no_foreign_report(self):
        self.store("a/run", 1, machine="one")
        self.store("b/deep/run", 2, machine="two", utc="2024-02-03T04:05:06Z", rev="feedbeef")
        made = self.merge(self.path("from"))
        self.assertEqual(made, [self.path("results", "one", "20240102T030405Z-0123456789ab"),
                                self.path("results", "two", "20240203T040506Z-feedbeef")])
        self.assertEqual(sorted(os.listdir(made[0])), ["machine.json", "samples.jsonl"])
        self.assertEqual(samples.load_run(made[1]).samples, lines_of(2))

    def test_names_come_from_the_run_and_lead_nowhere_else(self):
        made = self.merge(self.store("x", 1, rev="../../etc/x", utc="2024-01-02T03:04:05.123Z"))
        self.assertEqual(made, [self.path("results", "synthetic-2cpu-8g", "20240102T030405Z-unknown")])

    def test_two_runs_of_one_second_keep_their_numbers(self):
        name = "20240102T030405Z-0123456789ab"
        made = self.merge(self.store(name, 1), self.store(name + "-2", 2))
        self.assertEqual([os.path.basename(path) for path in made], [name, name + "-2"])

    def test_the_same_samples_twice_are_refused(self):
        a, b = self.store("a", 1), self.store("b", 1, utc="2024-05-05T05:05:05Z")
        self.refused(errors.DataError, "holds the same samples as", a, b)
        self.merge(a)
        self.refused(errors.DataError, "is there already", b)

    def test_another_run_of_that_name_is_never_overwritten(self):
        self.merge(self.store("a", 1))
        self.refused(errors.CannotWriteError, "is not overwritten", self.store("b", 2))
        self.refused(errors.CannotWriteError, "is not overwritten", self.store("c", 3, machine="m"),
                     self.store("d", 4, machine="m"))

    def test_one_bad_run_keeps_all_away(self):
        good, bad = self.store("a", 1), self.store("b", 2, machine="other")
        with open(os.path.join(bad, "samples.jsonl"), "a") as f:
            f.write('{"schema": "other/1"}\n')
        self.refused(errors.DataError, "samples.jsonl:13", good, bad)
        self.refused(errors.DataError, "no run here", good, self.path("nowhere"))

    def test_names_that_are_other_folders_are_refused(self):
        for name in ("local", "schema", "-x"):
            self.refused(errors.DataError, "no machine can have the name " + name, self.store(name, 1, machine=name))

    def test_what_a_killed_merge_left_blocks_no_other(self):
        run = self.store("a", 1)
        synthetic.write(self.path("results", "synthetic-2cpu-8g", ".tmp-x1"), lines=lines_of(1))
        synthetic.write(self.path("from", ".tmp-x2"), lines=lines_of(2))
        self.assertEqual(self.merge(self.path("from")), [self.path("results", "synthetic-2cpu-8g",
                                                                   "20240102T030405Z-0123456789ab")])
        self.refused(errors.DataError, "is there already", run)

    def test_what_cannot_be_read_for_its_digest_is_named(self):
        run, file = self.store("a", 1), self.path("results", "synthetic-2cpu-8g", "old", "samples.jsonl")
        synthetic.write(os.path.dirname(file), lines=lines_of(2))
        plain_open = open

        def failing(name, *rest, **more):
            if name == file:
                raise OSError(errno.EIO, "Input/output error", name)
            return plain_open(name, *rest, **more)
        with mock.patch.object(merge, "open", failing, create=True), self.assertRaises(errors.DataError) as caught:
            self.merge(run)
        self.assertEqual(str(caught.exception), file + ": cannot be read: Input/output error")

    def test_no_samples_are_kept_while_others_are_read(self):
        kept = vars(merge.Found(self.store("a", 1)))
        self.assertEqual(sorted(kept), ["digest", "machine", "path", "plan"])

    def test_links_are_refused(self):
        run = self.store("a", 1)
        os.symlink("/etc/passwd", os.path.join(run, "topology.xml"))
        self.refused(errors.DataError, "topology.xml: not a regular file", run)

    def test_a_running_run_is_refused(self):
        run = self.store("a", 1)
        synthetic.write_plan(run, state="running")
        self.refused(errors.DataError, "not finished", run)

    def test_what_cannot_be_written_leaves_nothing(self):
        a, b = self.store("a", 1), self.store("b", 2, machine="other")
        os.makedirs(self.path("results"))
        self.write("results/other", "a file where a folder should be\n")
        self.refused(errors.CannotWriteError, "cannot write", a, b)
        self.assertEqual([f for f in self.tree() if f.endswith("samples.jsonl")], [])


class One(MergeTest):
    def sessions(self, count=3, **changes):
        return [self.store("s%d" % i, i, utc="2024-01-0%dT00:00:00Z" % (i + 1), **(changes if i == count - 1 else {}))
                for i in range(count)]

    def test_sessions_become_one_run_whose_rounds_pair(self):
        made, = self.merge("--one", *self.sessions())
        self.assertEqual(os.path.basename(made), "20240103T000000Z-0123456789ab-of-3")
        run = samples.load_run(made)
        self.assertEqual(len(run.samples), 36)
        self.assertEqual([s["order"] for s in run.samples], list(range(36)))
        self.assertEqual([s["ns_per_op"] for s in run.samples], [s["ns_per_op"] for i in range(3) for s in lines_of(i)])
        headline, = Model(run).headlines
        self.assertEqual(headline.ratio.n, 18)
        self.assertEqual([m["utc"][:10] for m in run.machine["merged"]], ["2024-01-01", "2024-01-02", "2024-01-03"])

    def test_unlike_sessions_are_not_one_run(self):
        hashes = synthetic.machine()["hashes"]
        for kind in hashes:
            self.refused(errors.NotComparableError, kind, "--one", *self.sessions(hashes=dict(hashes, **{kind: "other"})))
        self.refused(errors.NotComparableError, "of the profiles default and full, which load", "--one",
                     *self.sessions(profile="full"))
        self.refused(errors.NotComparableError, "are not all known", "--one",
                     *self.sessions(hashes=dict(hashes, toolchain="unknown")))
        others = self.sessions()
        for number, path in enumerate(others):
            synthetic.write_plan(path, spin_ns=0 if number == 2 else 50000)
        self.refused(errors.NotComparableError, "the spin budgets differ (50000 and 0 ns)", "--one", *others)
        for path in others:
            os.unlink(os.path.join(path, "plan.json"))
        self.refused(errors.NotComparableError, "two machines", "--one", *self.sessions(machine="other"))
        self.assertEqual(errors.NotComparableError.status, 3)
        self.refused(errors.UsageError, "two runs", "--one", self.store("alone", 9))


if __name__ == "__main__":
    import unittest
    unittest.main()
