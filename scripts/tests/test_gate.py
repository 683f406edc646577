"""The gate: revisions and builds measured in turns, a planted slow-down, and the example of a workflow."""

import contextlib
import errno
import io
import json
import math
import os
import random
import re
import shlex
import subprocess
import sys
import unittest
from unittest import mock

from tests import support, synthetic_run as synthetic, variants
from lib import cells, cli, compare_judge, compare_measure, compare_sides, errors, profiles, progress, turns
from lib.report_model import Model

WORKFLOW = os.path.join(support.SCRIPTS, "examples", "greenbench-gate.yml")
CELLS = ("spawn/one/P:1", "channel/ping_pong/cap:0/P:1/place:same-pu", "switch/handoff/P:1/place:same-pu")
ROUNDS, TIMES = 12, 10


class Outcome(unittest.TestCase):
    """What is said when there is nothing to judge."""

    def outcome(self, unjudged, gate):
        row = mock.Mock(judged=False, lost=False, unjudged=unjudged)
        result = compare_judge.outcome([row], gate)
        self.assertEqual(result.status, errors.INCONCLUSIVE)
        return result.lines

    def test_a_cell_left_free_is_none_that_the_gate_could_decide(self):
        self.assertEqual(self.outcome(compare_judge.FREE, 0.05), ("undecided: no comparison can be judged",))

    def test_without_a_gate_every_reason_is_named(self):
        self.assertIn("placement left free, or limited by the load generator", self.outcome(compare_judge.FREE, None)[0])


class Measured(support.Case):
    """`compare` on fakes: through the command line, in this process."""

    def compare(self, *words, root=None, **env):
        env = dict({"FAKE_BENCH_LOG": self.path("log")}, **env)
        before = dict(os.environ)
        os.environ.update(env)
        try:
            with contextlib.redirect_stdout(io.StringIO()) as out:
                status = cli.command_of(["compare"] + list(words) + ["--output", self.path("results"), "--machine", "m",
                                                                      "--seed", "7"], root or self.dir)
            return status, out.getvalue()
        finally:
            os.environ.clear()
            os.environ.update(before)

    def filters(self, *names):
        return [word for name in names or CELLS[:1] for word in ("--filter", name)]

    def builds(self, factor, definition="one"):
        return (variants.build(self.path("a"), 1.0), variants.build(self.path("b"), factor, definition))

    def runs(self):
        top = self.path("results", "m")
        return sorted(os.path.join(top, run) for run in os.listdir(top))


class Builds(Measured):
    def test_a_planted_slow_down_ends_in_1_and_is_paired_by_round(self):
        status, text = self.compare(*self.builds(1.25), *self.filters(), "--gate", "5%")
        self.assertEqual(status, errors.FAILED, text)
        self.assertRegex(text, r"regression: spawn/one/P:1 gt: 1\.2\d ")
        self.assertIn("paired by round", text)

    def test_what_is_left_and_how_far_the_intervals_are_is_told(self):
        a, b = self.builds(1.0)
        with mock.patch.object(progress, "PLAIN_SECONDS", 0):
            _, text = self.compare(a, b, *self.filters(), "--replicates", "6", "--best-of", "2")
        self.assertRegex(text, r"24 processes, about \d+ s; seed 7")
        lines = [line for line in text.splitlines() if " left" in line and "round " in line]
        self.assertEqual(len(lines), 24)
        self.assertRegex(lines[0], "^ +[0-9]+ %  round 1 of 6, 1 processes, [0-9]+ s left; ")
        self.assertRegex(lines[-1], "^100 %  round 6 of 6, 24 processes, 0 s left, widest ")
        self.assertRegex(lines[-1], r"gt A \S+ ns \+-\S+ %  gt B \S+ ns \+-\S+ %$")

    def test_what_is_left_counts_down_with_what_processes_take(self):
        unit = turns.Unit(CELLS[0], "gt")
        outlook = turns.Outlook([unit], 2, 3, False)
        outlook.piloted(unit[:2])
        outlook.begin({unit[:2]: 1})
        left = []
        for number in range(6):
            outlook.passed(unit[:2])
            outlook.add(synthetic.sample(*unit[:2], 50.0, number, wall_ms=996.0), "gt", "round")
            left.append(round(outlook.state.seconds_left, 6))
        self.assertEqual(left, [5.0, 4.0, 3.0, 2.0, 1.0, 0.0])
        outlook.begin({})
        self.assertEqual(outlook.left, {})

    def test_what_only_a_has_is_named(self):
        a, b = self.builds(1.0)
        program = os.path.join(b, "bench", "bench_gt")
        with open(program) as f:
            text = f.read()
        self.assertIn("'channel/ping_pong'", text)
        variants.write_executable(program, text.replace("'channel/ping_pong'", "'channel/other'"))
        _, text = self.compare(a, b, *self.filters("*/P:1/place:same-pu"), "--replicates", "1", "--best-of", "1")
        self.assertRegex(text, "not measured, since only A has it: .*%s gt" % CELLS[1])
        self.assertNotRegex(text, "only A has it: .*handoff")

    def test_what_was_measured_can_be_compared_again(self):
        _, first = self.compare(*self.builds(1.25), *self.filters(), "--gate", "5%")
        paths = re.search(r"results in (\S+) and (\S+)", first)
        with contextlib.redirect_stdout(io.StringIO()) as out:
            status = cli.command_of(["compare", paths.group(1), paths.group(2), "--gate", "5%"], self.dir)
        self.assertEqual(status, errors.FAILED)
        self.assertIn(out.getvalue(), first)

    def test_each_round_has_each_cell_five_times_on_each_side_and_no_path_is_stored(self):
        a, b = self.builds(1.0)
        self.compare(a, b, *self.filters(*CELLS), "--replicates", "6")
        one, two = [self.samples(path) for path in self.runs()]
        for lines in (one, two):
            self.assertEqual(sorted((s["cell"], s["round"]) for s in lines),
                             sorted((cell, number) for cell in CELLS for number in range(6) for _ in range(5)))
        self.assertEqual(sorted(s["order"] for s in one + two), list(range(180)))
        self.assertEqual({s["rounds"] for s in one}, {s["rounds"] for s in two})
        for path in self.runs():
            with open(os.path.join(path, "machine.json")) as f:
                self.assertNotIn(self.dir, f.read())

    def test_another_definition_is_refused_before_anything_is_measured(self):
        status, text = self.compare(*self.builds(1.0, "two"), *self.filters())
        self.assertEqual(status, errors.NOT_COMPARABLE)
        self.assertIn("not comparable: the definition hashes differ", text)
        self.assertEqual(self.log(), [])
        self.assertFalse(os.path.exists(self.path("results")))

    def test_a_cell_that_crashes_in_b_is_a_regression(self):
        a, b = self.builds(1.0)
        variants.write_executable(os.path.join(b, "bench", "bench_gt"), variants.program(1.0).replace(
            "def run(backend, cell, pilot, rounds, told):",
            "def run(backend, cell, pilot, rounds, told):\n    if not pilot:\n        os.abort()"))
        status, text = self.compare(a, b, *self.filters(), "--gate", "5%")
        self.assertEqual(status, errors.FAILED, text)
        self.assertIn("killed by SIGABRT", text)

    def test_ctrl_c_says_where_what_was_measured_is(self):
        a, b = self.builds(1.0)
        with contextlib.redirect_stdout(io.StringIO()) as out, self.assertRaises(KeyboardInterrupt), \
                mock.patch.dict(os.environ, {"FAKE_BENCH_LOG": self.path("log"),
                                             "FAKE_BENCH": json.dumps({"measure 9": "interrupt"})}):
            cli.command_of(["compare", a, b, "--output", self.path("results"), "--machine", "m", "--seed", "7"]
                           + self.filters(), self.dir)
        found = re.search("interrupted: what was measured is kept in (\\S+) and (\\S+)", out.getvalue())
        self.assertEqual(sorted(found.groups()), self.runs())
        self.assertEqual(sum(len(self.samples(run)) for run in self.runs()), 8)

    def test_few_replicates_cannot_decide(self):
        status, text = self.compare(*self.builds(1.25), *self.filters(), "--gate", "5%", "--replicates", "3")
        self.assertEqual(status, errors.INCONCLUSIVE, text)

    def test_words_that_do_not_fit_are_64_and_a_broken_build_65(self):
        a, b = self.builds(1.0)
        run = synthetic.write(self.path("run"))
        for words in ((a, a), (a, run), (a, b, "--bench-dir", a), (a, b, "--filter", "no/such"), (run, "gt", "nobody"),
                      (a, "gt", "pthread"), (run, "pthread", "gt", "--filter", "spawn"), ("nothing", run)):
            with self.assertRaises(errors.UsageError, msg=words):
                cli.command_of(["compare"] + list(words), self.dir)
        self.write("b/build/meson-info/meson-info.json", '{"directories": {"source": "/nowhere/at/all"}}')
        with self.assertRaises(errors.DataError):
            self.compare(a, b)


class Revisions(Measured):
    def test_revisions_are_built_measured_and_leave_no_worktree(self):
        repository = variants.Repository(self.path("repository"))
        base, head = repository.commit(1.0), repository.commit(1.25)
        status, text = self.compare("HEAD~1", "HEAD", *self.filters(), "--gate", "5%", root=repository.path)
        self.assertEqual(status, errors.FAILED, text)
        self.assertIn("regression: spawn/one/P:1 gt", text)
        names = [os.path.basename(path).split("-")[-1] for path in self.runs()]
        self.assertEqual(sorted(names), sorted([base[:12], head[:12]]))
        self.assertEqual(len(repository.git("worktree", "list").splitlines()), 1)
        self.assertEqual(repository.git("status", "--porcelain"), "")

    def test_other_worktrees_stay_even_where_their_folder_is_away(self):
        repository = variants.Repository(self.path("repository"))
        repository.commit(1.0)
        repository.commit(1.25)
        repository.git("worktree", "add", "--detach", self.path("mine"))
        os.rename(self.path("mine"), self.path("unmounted"))
        self.compare("HEAD~1", "HEAD", *self.filters(), "--replicates", "1", "--best-of", "1", root=repository.path)
        self.assertEqual(len(repository.git("worktree", "list").splitlines()), 2)

    def test_a_signal_while_building_leaves_no_worktree_and_no_folder(self):
        repository = variants.Repository(self.path("repository"))
        meson = "project('fake', 'c')\nrun_command('sh', '-c', 'kill -%s $GREENBENCH_PID; sleep 1000', check: false)\n"
        os.mkdir(self.path("tmp"))
        start = ("import os, signal, sys; os.environ['GREENBENCH_PID'] = str(os.getpid()); "
                 "[signal.signal(n, signal.SIG_DFL) for n in (signal.SIGTERM, signal.SIGHUP)]; "  # whatever our own are
                 "signal.signal(signal.SIGINT, signal.default_int_handler); "
                 "from lib import cli; sys.exit(cli.main(['compare', 'HEAD~1', 'HEAD'], sys.argv[1]))")
        for name in ("TERM", "HUP", "INT"):
            repository.commit(1.0, meson=meson % name)
            repository.commit(1.25)
            ended = subprocess.run(
                [sys.executable, "-c", start, repository.path],
                cwd=support.SCRIPTS, env=dict(os.environ, TMPDIR=self.path("tmp")), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=50, check=False)
            self.assertEqual(ended.returncode, errors.INTERRUPTED, ended.stderr)
            self.assertEqual(ended.stderr, b"greenbench: interrupted\n")
            self.assertEqual(os.listdir(self.path("tmp")), [])
            self.assertEqual(len(repository.git("worktree", "list").splitlines()), 1)

    def test_no_room_for_a_worktree_is_73_in_one_line(self):
        repository = variants.Repository(self.path("repository"))
        repository.commit(1.0)
        repository.commit(1.25)
        full = OSError(errno.ENOSPC, "No space left on device")
        with mock.patch("tempfile.TemporaryDirectory", side_effect=full), self.assertRaises(errors.CannotWriteError) as caught:
            self.compare("HEAD~1", "HEAD", root=repository.path)
        self.assertEqual(str(caught.exception),
                         "cannot make a temporary folder: No space left on device (TMPDIR names another place)")

    def test_a_revision_that_does_not_build_is_69_and_names_the_reason(self):
        repository = variants.Repository(self.path("repository"))
        repository.commit(1.0)
        repository.commit(1.0, meson="project('fake', 'c')\nerror('a part is missing')\n")
        with self.assertRaises(errors.UnsupportedError) as caught:
            self.compare("HEAD~1", "HEAD", root=repository.path)
        self.assertIn("a part is missing", str(caught.exception))
        self.assertEqual(len(repository.git("worktree", "list").splitlines()), 1)

    def test_a_name_that_is_a_machine_and_a_revision_must_be_made_clear(self):
        repository = variants.Repository(self.path("repository"))
        repository.commit(1.0)
        repository.git("branch", "both")
        run = synthetic.write(os.path.join(repository.path, "results", "both", "20250101T000000Z-x"))
        with self.assertRaises(errors.UsageError) as caught:
            compare_sides.resolve("both", repository.path)
        self.assertIn("machine:both or rev:both", str(caught.exception))
        self.assertEqual(compare_sides.resolve("machine:both", repository.path).target, run)
        self.assertEqual(compare_sides.resolve("rev:both", repository.path).target, repository.git("rev-parse", "HEAD"))
        for word in ("machine:none", "rev:none", "none"):
            with self.assertRaises(errors.UsageError):
                compare_sides.resolve(word, repository.path)

    def test_a_machine_stands_for_its_newest_run(self):
        for folder, run in (("results", "20250101T000000Z-x"), ("results/local", "20250301T000000Z-x"),
                            ("results", "20250201T000000Z-x")):
            newest = synthetic.write(self.path(folder, "m1", run), lines=[synthetic.sample("spawn/one/P:1", "gt", 5.0)])
        self.assertEqual(compare_sides.resolve("m1", self.dir).target,
                         self.path("results/local", "m1", "20250301T000000Z-x"))
        self.assertNotEqual(newest, compare_sides.resolve("m1", self.dir).target)


class Planted(unittest.TestCase):
    """A slow-down of 10 % in one cell is caught ten times in ten, no change at all never, at 12 rounds. The noise is
    that of a virtual machine with neighbours: a third of the processes cost up to half as much again, in bursts."""

    def side(self, values, label):
        lines = [synthetic.sample(cell, "gt", value, order, order, round=number)
                 for order, (number, cell, one, value) in enumerate(values) if one == label]
        machine = synthetic.machine()

        class Run:
            samples, plan, notes, path, calibrations = lines, {"duel": "d"}, [], label, []
        Run.machine = machine
        side = compare_sides.Side.__new__(compare_sides.Side)
        side.model, side.backend, side.machine = Model(Run), None, machine
        return side

    def gate(self, factor, seed):
        rng = random.Random(seed)
        burst, values = False, []
        for number, cell, label in turns.schedule(CELLS, ("a", "b"), ROUNDS, seed, compare_measure.BEST_OF):
            burst = rng.random() < (0.6 if burst else 0.2)      # one in three, two or three at a time
            planted = factor if (cell, label) == (CELLS[0], "b") else 1.0
            noise = rng.uniform(0.05, 0.5) if burst else rng.expovariate(1 / 0.015)
            values.append((number, cell, label, 50.0 * planted * math.exp(noise)))
        a, b = self.side(values, "a"), self.side(values, "b")
        return compare_judge.outcome(compare_judge.rows_of(a, b, compare_judge.floor_of(a, b)), 0.05)

    def test_ten_of_ten_are_caught(self):
        found = [self.gate(1.10, seed) for seed in range(TIMES)]
        print("a planted slow-down of 10 %%: caught %d of %d times" % (
            sum(o.status == errors.FAILED for o in found), TIMES))
        for outcome in found:
            self.assertEqual(outcome.status, errors.FAILED, outcome.lines)
            self.assertEqual([line.split()[1] for line in outcome.lines], [CELLS[0]])

    def test_no_change_is_never_called_one(self):
        found = [self.gate(1.0, seed) for seed in range(TIMES)]
        print("no change: called a regression %d of %d times" % (
            sum(o.status == errors.FAILED for o in found), TIMES))
        self.assertEqual([o.lines for o in found if o.status == errors.FAILED], [])
        self.assertGreaterEqual(sum(o.status == errors.OK for o in found), TIMES * 2 // 3)    # the others: undecided


class Schedule(unittest.TestCase):
    def test_variants_of_a_cell_stand_next_to_each_other_in_random_order(self):
        rows = list(turns.schedule(("x", "y", "z"), ("a", "b"), 40, 1))
        self.assertEqual(len(rows), 240)
        first = []
        for one, two in zip(rows[::2], rows[1::2]):
            self.assertEqual(one[:2], two[:2])
            self.assertEqual({one[2], two[2]}, {"a", "b"})
            first.append(one[2])
        self.assertTrue(40 < first.count("a") < 80)
        self.assertEqual(rows, list(turns.schedule(("x", "y", "z"), ("a", "b"), 40, 1)))


class Workflow(unittest.TestCase):
    """The example names cells that exist, at most 12, and options that there are."""

    def command(self):
        with open(WORKFLOW, encoding="ascii") as f:
            text = f.read()
        found = re.search(r"scripts/greenbench\W+(compare .*?--gate[^|\n]*)", text.replace("\\\n", " "), re.S)
        return text, shlex.split(found.group(1))

    def test_its_command_is_one_that_we_have(self):
        text, words = self.command()
        filters = [words[i + 1] for i, word in enumerate(words) if word == "--filter"]
        quick = [c.name for c in profiles.expand("quick", profiles.Machine(2, {"same-llc": True, "same-pu": True}))]
        self.assertTrue(1 <= len(filters) <= 12)
        for name in filters:
            self.assertEqual(cells.select(quick, [name]), [name])
        for word in ("--quick", "--gate"):
            self.assertIn(word, words)
        self.assertEqual(words[words.index("--replicates") + 1], "12")
        self.assertNotIn("\t", text)
        for status in ("0)", "2)", "3)"):
            self.assertIn(status, text)


if __name__ == "__main__":
    unittest.main()
