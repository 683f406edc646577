"""compare: what may be compared, what is judged, and the exit status of each."""

import contextlib
import io
import json
import os
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), HERE]

import corpus  # noqa: E402
import hostile  # noqa: E402
import synthetic_run as synthetic  # noqa: E402
from lib import cli, errors, report_blocks, report_content, report_model, report_words, samples  # noqa: E402

CELLS = ("spawn/one/P:1", "spawn/one/P:2", "channel/prod_cons/p:1/c:1/cap:128/P:2")
BASE = {"gt": 50.0, "pthread": 24000.0}


def lines_of(factor=1.0, n=10, spread=0.002, only=None):
    """n replicates of every cell; gt of the first cell costs factor times the usual."""
    lines = []
    for i in range(n):
        for cell in only or CELLS:
            for backend, base in BASE.items():
                scale = factor if (cell, backend) == (CELLS[0], "gt") else 1.0
                value = base * scale * (1 + spread * ((i * 7) % 10) + 1e-6 * factor)
                lines.append(synthetic.sample(cell, backend, round(value, 6), i, len(lines)))
    return lines


class Compared(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="greenbench-test-")
        self.addCleanup(holder.cleanup)
        self.dir = holder.name

    def store(self, name, lines=None, **machine):
        return synthetic.write(os.path.join(self.dir, name), lines=lines or lines_of(), machine_changes=machine)

    def compare(self, *words):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            status = cli.command_of(["compare"] + list(words), self.dir)
        return status, out.getvalue()

    def hashes(self, **changes):
        return dict(synthetic.machine()["hashes"], **changes)


class Gate(Compared):
    def test_equal_runs_pass(self):
        status, text = self.compare(self.store("a"), self.store("b", lines_of(1.0001)), "--gate", "5%")
        self.assertEqual(status, errors.OK, text)
        self.assertIn("within the gate of 5 %: 6 comparisons", text)

    def test_two_sessions_are_told_what_no_floor_holds(self):
        words = "note: noise floors are taken within a session"
        self.assertIn(words, self.compare(self.store("a"), self.store("b"))[1])
        self.assertNotIn(words, self.compare(self.store("a"), "gt", "pthread")[1])

    def test_a_regression_is_found_named_and_ends_in_1(self):
        status, text = self.compare(self.store("a"), self.store("b", lines_of(1.4)), "--gate", "5%")
        self.assertEqual(status, errors.FAILED)
        self.assertIn("regression: spawn/one/P:1 gt: 1.40x", text)
        self.assertEqual(text.count("regression:"), 1)

    def test_an_improvement_is_no_regression(self):
        status, text = self.compare(self.store("a"), self.store("b", lines_of(0.6)), "--gate", "5%")
        self.assertEqual(status, errors.OK, text)
        self.assertIn("differs: B costs less", text)

    def test_a_regression_below_the_gate_passes(self):
        status, text = self.compare(self.store("a"), self.store("b", lines_of(1.4)), "--gate", "60")
        self.assertEqual(status, errors.OK, text)

    def test_noise_that_hides_the_gate_is_inconclusive(self):
        status, text = self.compare(self.store("a", lines_of(1, spread=0.1)), self.store("b", lines_of(1, spread=0.1)),
                                    "--gate", "5%")
        self.assertEqual(status, errors.INCONCLUSIVE)
        self.assertIn("undecided: ", text)

    def test_few_values_are_inconclusive(self):
        status, text = self.compare(self.store("a", lines_of(n=3)), self.store("b", lines_of(n=3)))
        self.assertEqual(status, errors.INCONCLUSIVE)
        self.assertIn("(range ", text)

    def test_a_cell_that_now_fails_is_a_regression(self):
        bad = [line for line in lines_of() if (line["cell"], line["backend"]) != (CELLS[1], "gt")]
        bad.append(synthetic.bad(CELLS[1], "gt", "crashed", "killed by signal 11", order=999, exit=-11))
        status, text = self.compare(self.store("a"), self.store("b", bad), "--gate", "5%")
        self.assertEqual(status, errors.FAILED)
        self.assertIn("regression: spawn/one/P:2 gt: 1 of 1 crashed: killed by signal 11", text)

    def test_what_was_not_run_in_b_passes_no_gate_and_is_named(self):
        a, b = self.store("a"), self.store("b", lines_of(1.0001, only=CELLS[:2]))
        status, text = self.compare(a, b, "--gate", "5%")
        self.assertEqual(status, errors.INCONCLUSIVE, text)
        self.assertIn("undecided: good in A and not run in B: %s gt, %s pthread" % (CELLS[2], CELLS[2]), text)
        self.assertEqual(self.compare(b, a, "--gate", "5%")[0], errors.OK)
        status, text = self.compare(a, self.store("c", [one for one in lines_of(1.0001) if one["backend"] == "gt"]),
                                    "--gate", "5%")
        self.assertEqual(status, errors.INCONCLUSIVE, text)
        self.assertIn("not run in B: " + ", ".join("%s pthread" % cell for cell in CELLS[:2]), text)

    def test_a_cell_that_is_skipped_or_meets_a_limit_now_is_a_regression(self):
        limit = {"reached": 9, "errno": "EAGAIN", "name": "pid_max", "value": 9}
        for number, (status, of) in enumerate((("skipped", None), ("limit", limit))):
            bad = [line for line in lines_of() if (line["cell"], line["backend"]) != (CELLS[1], "gt")]
            bad.append(synthetic.bad(CELLS[1], "gt", status, "no more", order=999, limit=of))
            found, text = self.compare(self.store("a"), self.store("b%d" % number, bad), "--gate", "5%")
            self.assertEqual(found, errors.FAILED, text)
            self.assertIn("regression: spawn/one/P:2 gt: 1 of 1 %s: no more" % status, text)

    def test_what_another_backend_does_not_offer_is_no_regression(self):
        lines = [line for line in lines_of() if (line["cell"], line["backend"]) != (CELLS[1], "gt")]
        lines.append(synthetic.bad(CELLS[1], "gt", "skipped", "not offered", order=999))
        status, text = self.compare(self.store("a", lines), "pthread", "gt", "--gate", "5%")
        self.assertNotIn("regression", text)

    def test_without_a_gate_a_difference_is_only_told(self):
        status, text = self.compare(self.store("a"), self.store("b", lines_of(1.4)))
        self.assertEqual(status, errors.OK)
        self.assertIn("differs: B costs more", text)
        self.assertNotIn("regression", text)


class Comparable(Compared):
    def test_another_definition_gives_no_ratio_a_reason_and_3(self):
        status, text = self.compare(self.store("a"), self.store("b", hashes=self.hashes(definition="other")))
        self.assertEqual(status, errors.NOT_COMPARABLE)
        self.assertIn("not comparable: the definition hashes differ", text)
        self.assertIn("24.2 us", text)
        self.assertNotIn("B/A", text)

    def test_unknown_definitions_are_not_assumed_equal(self):
        unknown = self.hashes(definition="unknown")
        status, text = self.compare(self.store("a", hashes=unknown), self.store("b", hashes=unknown))
        self.assertEqual(status, errors.NOT_COMPARABLE)
        self.assertIn("unknown in both", text)
        known = self.store("c")
        for words, where in (((known, "a"), "second"), (("a", known), "first")):
            words = [os.path.join(self.dir, word) for word in words]
            status, text = self.compare(*words)
            self.assertEqual(status, errors.NOT_COMPARABLE)
            self.assertIn("not comparable: the definition hash is unknown in the %s: nothing says" % where, text)

    def test_another_toolchain_matters_on_one_machine(self):
        status, text = self.compare(self.store("a"), self.store("b", hashes=self.hashes(toolchain="other")))
        self.assertEqual(status, errors.NOT_COMPARABLE)
        self.assertIn("toolchain hashes differ", text)

    def test_another_spin_budget_gives_no_ratio_a_reason_and_3(self):
        a = synthetic.write_plan(self.store("a"), spin_ns=50000)
        for other, words in ((synthetic.write_plan(self.store("b"), spin_ns=0), "(50000 and 0 ns)"),
                             (synthetic.write_plan(self.store("c", machine="other"), spin_ns=0), "(50000 and 0 ns)"),
                             (synthetic.write_plan(self.store("d")), "(50000 and unknown ns)")):
            status, text = self.compare(a, other, "--gate", "5%")
            self.assertEqual(status, errors.NOT_COMPARABLE, text)
            self.assertIn("not comparable: the spin budgets differ " + words, text)
            self.assertNotIn("B/A", text)
        self.assertEqual(self.compare(a, synthetic.write_plan(self.store("e"), spin_ns=50000))[0], errors.OK)

    def test_another_implementation_is_a_note(self):
        status, text = self.compare(self.store("a"), self.store("b", hashes=self.hashes(implementation="other")))
        self.assertEqual(status, errors.OK)
        self.assertIn("note: implementation differs", text)

    def test_what_was_set_differently_on_the_machine_is_noted(self):
        env = synthetic.machine()["env"]
        changed = dict(env, kernel="1.0", governor="powersave", mitigations={"spectre_v2": "off", "new": "x"}, load1=9.0)
        a = synthetic.write_plan(self.store("a", env=env), full_load=4000)
        status, text = self.compare(a, synthetic.write_plan(self.store("b", env=changed), full_load=5000))
        self.assertEqual(status, errors.OK, text)
        notes = [line for line in text.splitlines() if line.startswith("note: ")][:-1]
        self.assertEqual(notes, [
            "note: kernel differs: 0.0.0-synthetic and 1.0", "note: mitigations differ in new: none and x",
            "note: mitigations differ in spectre_v2: synthetic and off", "note: governor differs: unknown and powersave",
            "note: full load differs: 4000 and 5000 requests a second, of which the loads of io/rest are shares"])
        for other in (self.store("d", env={}), self.store("e", env=changed, machine="other")):
            self.assertNotIn("differs: 0.0", self.compare(self.store("f"), other)[1])

    def test_values_in_multiplications_say_whose_they_are(self):
        paths = self.store("a"), self.store("b", machine="other-4cpu")
        for path, chain in zip(paths, (2.0, 1.0)):
            with open(os.path.join(path, "calibration.jsonl"), "w", encoding="ascii") as f:
                f.write(json.dumps(corpus.calibration(chain_ns=chain)) + "\n")
        text = self.compare(*paths)[1]
        self.assertRegex(text, "A gt in multiplications +B gt in multiplications\n")
        self.assertRegex(text, r"spawn/one/P:1 .* 25\.2 +50\.5\n")
        self.assertIn("one dependent multiplication takes 2.00 ns on A, 1.00 ns on B", text)

    def test_profiles_that_load_services_for_another_time_are_noted(self):
        words = "note: profiles differ: default and full: under a given load a process of io/rest lasts 1 and 10 s"
        a = self.store("a", profile="default")
        for other in (self.store("b", profile="full"), self.store("c", profile="full", machine="other")):
            self.assertIn(words, self.compare(a, other)[1])
        for other in ("quick", "who knows"):
            self.assertNotIn("profiles differ", self.compare(a, self.store("d", profile=other))[1])

    def test_two_machines_show_their_own_ratios_and_judge_nothing(self):
        other = self.store("b", lines_of(2.0), machine="other-4cpu", hashes=self.hashes(toolchain="x"))
        status, text = self.compare(self.store("a"), other)
        self.assertEqual(status, errors.OK)
        self.assertIn("note: toolchain differs", text)
        self.assertRegex(text, r"spawn/one/P:1 +1/480 \(1/480 to 1/480\) +1/240 \(1/240 to 1/240\)")
        self.assertNotIn("differs:  B", text)
        self.assertEqual(self.compare(self.store("a"), other, "--gate", "5%")[0], errors.NOT_COMPARABLE)

    def test_nothing_in_common(self):
        status, text = self.compare(self.store("a", lines_of(only=CELLS[:1])), self.store("b", lines_of(only=CELLS[1:])))
        self.assertEqual(status, errors.NOT_COMPARABLE)
        self.assertIn("no cell is in both", text)

    def test_cells_of_one_side_only_are_listed(self):
        _, text = self.compare(self.store("a"), self.store("b", lines_of(only=CELLS[:1])))
        self.assertIn("only in A: channel/prod_cons/p:1/c:1/cap:128/P:2, spawn/one/P:2", text)


class InTurns(Compared):
    """Two runs of one duel: of five processes of a round four are hit by a burst."""

    def duel(self, name, fast, slow=90.0):
        lines = [synthetic.sample(CELLS[0], backend, value * (1 + number / 1000), 5 * number + i, 0, round=number)
                 for number in range(8) for i, value in enumerate((slow, slow, fast, slow, slow))
                 for backend in ("gt", "pthread")]
        for order, line in enumerate(lines):
            line["order"] = order
        return synthetic.write_plan(self.store(name, lines), interrupted=False, duel="d", best_of=5)

    def test_the_values_shown_are_those_of_the_ratio(self):
        status, text = self.compare(self.duel("a", 50.0), self.duel("b", 60.0))
        self.assertEqual(status, errors.OK)
        self.assertRegex(text, r"spawn/one/P:1 +gt +50\.2 ns +60\.2 ns +1\.20 ")

    def test_backends_of_one_of_them_pair_their_rounds_once(self):
        _, text = self.compare(self.duel("a", 50.0), "gt", "pthread")
        self.assertRegex(text, r"50\.2 ns +50\.2 ns +1\.00")

    def test_a_run_outside_of_the_duel_is_not_comparable(self):
        duel, own = self.duel("a", 50.0), self.store("b")
        other = self.store("c", machine="other-4cpu")
        for words in ((duel, own), (own, duel), (duel, own, "--gate", "5%"), (duel + ":gt", own + ":gt"), (duel, other)):
            status, text = self.compare(*words)
            self.assertEqual(status, errors.NOT_COMPARABLE, text)
            letter = "A" if words[0].startswith(duel) else "B"
            self.assertIn("not comparable: %s was measured in turns with another run, and of 5 processes" % letter, text)
            self.assertNotIn("B/A", text)
            self.assertNotIn("gt/pthread", text)

    def test_one_process_a_round_is_a_value_like_any_other(self):
        path = synthetic.write_plan(self.store("a"), duel="d", best_of=1)
        self.assertEqual(self.compare(path, self.store("b"))[0], errors.OK)

    def test_nothing_else_takes_the_processes_of_a_round_for_independent(self):
        run = self.duel("a", 50.0)
        for form in ("gbench", "benchfmt", "bmf"):
            with self.assertRaises(errors.NotComparableError) as caught:
                cli.command_of(["export", "--to", form, run], self.dir)
            self.assertIn("of 5 processes of a round the fastest counts", str(caught.exception))
        with contextlib.redirect_stdout(io.StringIO()) as out:
            self.assertEqual(cli.command_of(["export", "--to", "csv", run], self.dir), errors.OK)
        self.assertEqual(len(out.getvalue().splitlines()), 81)
        text = report_content.sections(report_model.Model(samples.load_run(run)), [])[0][2]
        self.assertTrue(any("not independent" in block.text for block in text if isinstance(block, report_blocks.Paragraph)))
        with self.assertRaises(errors.GreenbenchError) as caught:
            cli.command_of(["merge", "--one", run, self.duel("b", 60.0), "--into", os.path.join(self.dir, "into")], self.dir)
        self.assertEqual(caught.exception.status, errors.NOT_COMPARABLE)


class Backends(Compared):
    def test_two_backends_of_a_run_are_paired_by_round(self):
        path = self.store("a")
        status, text = self.compare(path + ":gt", path + ":pthread")
        self.assertEqual(status, errors.OK)
        self.assertRegex(text, r"spawn/one/P:1 +gt, pthread +50.5 ns +24.2 us +480x \(480x to 480x\)")

    def test_a_pair_left_free_is_shown_and_not_judged(self):
        """As in a report: one backend keeps both on a CPU, the other does not."""
        cells = ("channel/ping_pong/cap:0/P:1/place:same-pu", "channel/ping_pong/cap:0/P:2")
        path = self.store("a", lines_of(only=cells))
        status, text = self.compare(path, "pthread", "gt", "--gate", "5%")
        self.assertEqual(status, errors.OK, text)
        free = [line for line in text.splitlines() if line.startswith(cells[1])]
        self.assertRegex(free[0], r"1/480 \(1/480 to 1/480\) +not judged: placement left free")
        self.assertIn("differs: B costs less", text)
        self.assertIn("1 of 2 comparisons differ", text)
        self.assertEqual(self.compare(path, "gt", "pthread", "--gate", "5%")[1].count("regression:"), 1)
        _, text = self.compare(path, self.store("b", lines_of(only=cells)))
        self.assertNotIn("left free", text)

    def test_what_the_load_generator_limits_is_shown_and_not_judged(self):
        cell = "io/echo/c:16/P:1"
        lines = lines_of(only=(CELLS[0], cell))
        for line in lines:
            if line["cell"] == cell:
                line["env"] = dict(line["env"], load_busy_permille=950)
        path = self.store("a", lines)
        status, text = self.compare(path, "pthread", "gt", "--gate", "5%")
        self.assertRegex(text, cell + r".* 1/480 \(1/480 to 1/480\) +not judged: limited by the load generator")
        self.assertEqual(status, errors.INCONCLUSIVE, text)
        self.assertNotIn("limited", self.compare(path, self.store("b", lines_of(only=(CELLS[0], cell))))[1])

    def test_order_of_replicates_does_not_unpair(self):
        lines = synthetic.samples()
        path = self.store("a", lines)
        again = self.store("b", list(reversed(lines)))
        self.assertEqual(self.compare(path + ":gt", path + ":pthread")[1],
                         self.compare(again + ":gt", again + ":pthread")[1])

    def test_a_colon_in_a_folders_name_is_no_backend(self):
        path = self.store("odd:gt")
        status, _ = self.compare(path, self.store("b"))
        self.assertEqual(status, errors.OK)

    def test_usage_errors_are_64_and_name_what_there_is(self):
        path = self.store("a")
        for words, reason in (((path, path), "A and B are the same"), ((path + ":gt", path + ":gt"), "the same"),
                              ((path + ":gt", path + ":go"), "it has gt, pthread"), ((path + ":", path), "no backend"),
                              ((path + ":gt", self.store("b")), "on both sides or on neither"),
                              ((path,), "required"), ((path, path, "--gate", "-1"), "--gate"),
                              ((path, path, "--gate", "1e9"), "--gate"), ((path, path, "--gate", "9999%"), "--gate")):
            with self.assertRaises(errors.UsageError) as caught:
                self.compare(*words)
            self.assertIn(reason, str(caught.exception))

    def test_a_missing_or_foreign_run_is_65(self):
        with self.assertRaises(errors.DataError):
            self.compare(self.store("a"), os.path.join(self.dir, "absent"))
        path = self.store("b")
        with open(os.path.join(path, "samples.jsonl"), "a", encoding="ascii") as handle:
            handle.write('{"schema": "other/1"}\n')
        with self.assertRaises(errors.DataError) as caught:
            self.compare(self.store("a"), path)
        self.assertIn("samples.jsonl:%d" % (len(lines_of()) + 1), str(caught.exception))


class Hostile(Compared):
    def test_the_terminal_gets_clean_lines(self):
        for string in hostile.STRINGS:
            if "\ud800" in string or any(c in hostile.CONTROLS for c in string):
                continue
            bad = lines_of() + [synthetic.bad("spawn/storm/n:10/P:2", "gt", "failed", string, order=999)]
            _, text = self.compare(self.store("a", bad), self.store("b", bad, rev=string[:80]))
            self.assertEqual(hostile.controls_in(text), [])
            self.assertIn(report_words.clean(string, 60)[:40].rstrip(), text)


if __name__ == "__main__":
    unittest.main()
