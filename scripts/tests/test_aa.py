"""run --aa: what is counted, the exit statuses, and a whole small one on fakes."""

import contextlib
import io
import math
import os
import random
import unittest
from unittest import mock

from tests import support, synthetic_run as synthetic, variants
from lib import aa, cli, errors, merge, progress, samples, store

CELLS = ["spawn/storm/n:%d/temp:warm/P:%d" % (n, p) for n in (10, 100, 1000, 10000, 100000) for p in (1, 2)]
PAIRS = 20


def lines_of(seed=1, pairs=PAIRS, planted=0, rounds=aa.ROUNDS, cells=CELLS):
    """A made-up run --aa; the first `planted` comparisons differ by 60 %."""
    rng, lines, count = random.Random(seed), [], 0
    for cell in cells:
        for pair in range(pairs):
            factor = 1.6 if count < planted else 1.0
            count += 1
            for number in range(rounds):
                shared = math.exp(rng.gauss(0, 0.05))
                for index, label in enumerate(("gt", "gt#2")):
                    value = 50 * shared * math.exp(rng.expovariate(1 / 0.03)) * (factor if index else 1)
                    lines.append(synthetic.sample(cell, "gt", value, (2 * pair + index) * rounds + number, len(lines),
                                                  round=number, label=label, pair=pair))
    return lines


class Judged(support.Case):
    def judge(self, lines, state="finished"):
        path = synthetic.write(self.path("run"), lines=lines)
        synthetic.write_plan(path, state)
        with contextlib.redirect_stdout(io.StringIO()) as out:
            status = aa.tell(aa.judged(samples.load_run(path)), progress.Plain(out))
        return status, out.getvalue()

    def test_equal_labels_hold(self):
        status, text = self.judge(lines_of())
        self.assertEqual(status, errors.OK, text)
        self.assertIn("A/A: 200 comparisons", text)
        self.assertRegex(text, r"uncorrected, p below 0\.05: \d+ of 200")
        self.assertIn("held", text)

    def test_six_that_differ_are_too_many_and_named(self):
        status, text = self.judge(lines_of(planted=6))
        self.assertEqual(status, errors.FAILED, text)
        self.assertEqual(text.count("differs: "), 6)
        self.assertIn("differs: spawn/storm/n:10/temp:warm/P:1, gt, pair 0: ", text)
        self.assertIn("not held", text)

    def test_five_are_allowed(self):
        self.assertEqual(self.judge(lines_of(planted=5))[0], errors.OK)

    def test_fewer_than_200_show_nothing(self):
        status, text = self.judge(lines_of(pairs=19))
        self.assertEqual(status, errors.INCONCLUSIVE, text)

    def test_an_interrupted_measurement_shows_nothing(self):
        for lines in (lines_of(), lines_of(planted=6)):
            status, text = self.judge(lines, "interrupted")
            self.assertEqual(status, errors.INCONCLUSIVE, text)
            self.assertIn("interrupted: nothing is shown", text)
            self.assertNotIn("held", text)

    def test_six_rounds_in_which_nothing_can_differ_show_nothing(self):
        status, text = self.judge(lines_of(rounds=6))
        self.assertEqual(status, errors.INCONCLUSIVE, text)
        self.assertIn("0 comparisons of a backend with itself; 200 more", text)

    def test_what_lost_a_process_is_not_counted(self):
        lines = lines_of()
        lines[0].update(status="crashed", reason="killed by SIGSEGV", gbench=None, ns_per_op=None, cpu_ns_per_op=None)
        status, text = self.judge(lines)
        self.assertEqual(status, errors.INCONCLUSIVE)
        self.assertIn("199 comparisons of a backend with itself; 1 more", text)

    def test_another_run_is_bad_data(self):
        with self.assertRaises(errors.DataError):
            self.judge([synthetic.sample(CELLS[0], "gt", 50.0)])


class Whole(support.Case):
    def run_aa(self, *words):
        bench = self.path("bench")
        if not os.path.isdir(bench):
            variants.write_executable(os.path.join(bench, "bench_gt"), variants.program(1.0))
        with contextlib.redirect_stdout(io.StringIO()) as out:
            status = cli.command_of(["run", "--aa", "--bench-dir", bench, "--output", self.path("results"),
                                     "--machine", "m", "--seed", "3"] + list(words), self.dir)
        return status, out.getvalue()

    def setUp(self):
        super().setUp()
        before = aa.COMPARISONS, dict(os.environ)
        aa.COMPARISONS = 3
        os.environ["FAKE_BENCH_LOG"] = self.path("log")

        def back():
            aa.COMPARISONS = before[0]
            os.environ.clear()
            os.environ.update(before[1])
        self.addCleanup(back)

    def test_it_measures_stores_and_judges_again(self):
        status, text = self.run_aa("--filter", "spawn/one/P:*")
        self.assertEqual(status, errors.OK, text)
        self.assertIn("2 cell-backend pairs x 2 pairs of labels = 4 comparisons, 80 processes", text)
        lines = self.samples()
        self.assertEqual(len(lines), 80)
        for one, two in zip(lines[::2], lines[1::2]):
            self.assertEqual({one["label"], two["label"]}, {"gt", "gt#2"})
            self.assertEqual([one[key] for key in ("cell", "pair", "round")], [two[key] for key in ("cell", "pair", "round")])
        with contextlib.redirect_stdout(io.StringIO()) as out:
            self.assertEqual(cli.command_of(["run", "--aa", self.only_run()], self.dir), errors.OK)
        self.assertTrue(text.endswith(out.getvalue()))
        self.assertIn("uncorrected", out.getvalue())

    def test_what_is_left_and_how_far_the_intervals_are_is_told(self):
        with mock.patch.object(progress, "PLAIN_SECONDS", 0):
            _, text = self.run_aa("--filter", "spawn/one/P:1")
        lines = [line for line in text.splitlines() if " processes, " in line and " left" in line and "round " in line]
        self.assertEqual(len(lines), 60)
        self.assertRegex(lines[0], r"^ +\d+ %  round 1 of 10, 1 processes, \d+ s left; last spawn/one/P:1 gt(#2)? \S+ ns$")
        self.assertRegex(lines[-1], r"^100 %  round 10 of 10, 60 processes, 0 s left, widest \+-\S+ % \(spawn/one/P:1 on"
                                    r" gt(#2)?\); last spawn/one/P:1 gt \S+ ns \+-\S+ %  gt#2 \S+ ns \+-\S+ %$")

    def test_one_that_is_running_or_was_killed_is_no_run_that_anybody_means(self):
        seen, keep = [], store.Store.add

        def add(kept, sample):
            keep(kept, sample)
            if not seen:
                seen.extend([samples.load_document(os.path.join(kept.path, "plan.json")),
                             store.newest_run([os.path.dirname(kept.path)])])
                with self.assertRaises(errors.DataError) as caught:
                    merge.Found(kept.path)
                seen.append(str(caught.exception))
        with mock.patch.object(store.Store, "add", add):
            self.run_aa("--filter", "spawn/one/P:1")
        self.assertEqual((seen[0]["state"], seen[0]["aa"]), ("running", {"pairs": 3, "rounds": aa.ROUNDS}))
        self.assertIsNone(seen[1])
        self.assertIn("not finished", seen[2])

    def test_what_does_not_fit_is_64(self):
        for words in (("--time", "10s"), ("--resume",), ("--filter", "memory/capacity/P:2")):
            with self.assertRaises(errors.UsageError, msg=words):
                self.run_aa(*words)


if __name__ == "__main__":
    unittest.main()
