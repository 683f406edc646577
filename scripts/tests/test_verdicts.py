"""verdicts and the model under them: which comparison is the headline, what is judged, how it is said."""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), HERE]

import hostile  # noqa: E402
import synthetic_run as synthetic  # noqa: E402
from lib import (claims_parts, report_beside, report_lead, report_model, report_tables, report_words,  # noqa: E402
                 samples, stats, verdicts)


def run_of(lines):
    for order, line in enumerate(lines):
        line["order"] = order
    return samples.Run("synthetic", synthetic.machine(), lines, [])


def series(cell, backend, base, n=10, **changes):
    return [synthetic.sample(cell, backend, base * (1 + 0.001 * ((i * 7) % n)), i, **changes) for i in range(n)]


def model_of(*groups):
    return report_model.Model(run_of([line for group in groups for line in group]))


class Headline(unittest.TestCase):
    def test_gt_meets_the_fastest_of_the_pthread_family(self):
        cell = "spawn/one/P:1"
        model = model_of(series(cell, "gt", 50), series(cell, "pthread", 24000), series(cell, "pthread-pool", 2000),
                         series(cell, "go", 300))
        headline = model.headline(model.cells[0])
        self.assertEqual(headline.other.backend, "pthread-pool")
        self.assertEqual(headline.verdict, stats.DIFFERS)
        line = verdicts.lines(model.run)[0]
        self.assertIn("fastest OS-thread way that was run, pthread-pool 2.01 us: 1/40.0", line)
        self.assertIn("differs: gt costs less; pthread 24.1 us: 1/480", line)

    def test_a_loss_is_said_as_plainly_as_a_win(self):
        cell = "switch/handoff/P:2/place:same-llc"
        line = verdicts.lines(model_of(series(cell, "gt", 300), series(cell, "pthread-futex", 100)).run)[0]
        self.assertIn("3.00x (3.00x to 3.00x), differs: gt costs more", line)

    def test_a_pair_left_free_is_no_headline_and_a_placed_one_is(self):
        for name, expected in (("channel/ping_pong/cap:0/P:2", 0), ("channel/ping_pong/cap:0/P:2/place:same-llc", 1),
                               ("channel/ping_pong/cap:0/P:1/place:same-pu", 1), ("switch/handoff/P:1", 1),
                               ("channel/prod_cons/p:1/c:1/cap:128/P:2", 1), ("spawn/one/P:2", 1)):
            model = model_of(series(name, "gt", 50), series(name, "pthread", 500))
            self.assertEqual(len(model.headlines), expected, name)

    def test_different_placements_are_different_cells(self):
        model = model_of(series("switch/handoff/P:2/place:same-llc", "gt", 50),
                         series("switch/handoff/P:2/place:smt", "pthread", 500))
        self.assertEqual(model.headlines, [])

    def test_an_invalid_replicate_takes_the_ratio_away(self):
        cell = "switch/yield/n:2/P:1"
        bad = series(cell, "gt", 5, 9) + [synthetic.sample(cell, "gt", 5, 9, status="invalid", reason="3 % empty")]
        model = model_of(bad, series(cell, "pthread", 500))
        self.assertEqual(model.headlines, [])
        self.assertIn("no ratio: switch/yield/n:2/P:1, gt: 1 of 10 invalid: 3 % empty", verdicts.lines(model.run))

    def late(self, cell, rounds):
        """pthread's samples where the load was late once in each of these rounds."""
        lines = []
        for number, good in enumerate(series(cell, "pthread", 500)):
            if number in rounds:
                lines.append(dict(good, status="invalid", reason="late", replicate=len(lines)))
            lines.append(dict(good, replicate=len(lines)))
        return lines

    def test_a_late_load_that_was_repeated_costs_neither_ratio_nor_pairs(self):
        cell = "io/rest/load:50/P:1"
        told = dict.fromkeys(("p50", "p90", "p99", "p999", "max"), 9)
        model = model_of(series(cell, "gt", 50), self.late(cell, (0, 4)))
        for one in model.samples:
            one["latency"] = dict(told, count=9, p99=one["ns_per_op"])
        model = report_model.Model(model.run)
        headline = model.headlines[0]
        self.assertEqual((headline.ratio.n, headline.verdict), (10, stats.DIFFERS))
        self.assertEqual(len(set(round(log, 9) for log in headline.ratio.logs)), 1)     # each round with its own
        self.assertEqual((headline.other.state, len(headline.other.samples)), ("ok", 10))
        self.assertEqual(len(model.samples), 22)

    def test_a_late_load_that_was_not_made_good_stays_invalid(self):
        cell = "io/rest/load:50/P:1"
        for lines in (self.late(cell, (9,))[:-1], [dict(s, status="invalid", reason="late") for s in self.late(cell, (2,))]):
            model = model_of(series(cell, "gt", 50), lines)
            self.assertEqual(model.get(model.cells[0], "pthread").state, "invalid")

    def test_no_headline_while_one_of_the_family_is_invalid(self):
        """It may be the fastest: the next one must not be called so."""
        for cell, backend in (("io/rest/load:max/P:1", "pthread-pool"), ("switch/yield_multi/n:100/P:2", "pthread-futex")):
            others = [series(cell, "gt", 50), series(cell, "pthread", 500)]
            good = series(cell, backend, 90)
            self.assertEqual(model_of(*others, good).headlines[0].other.backend, backend)
            model = model_of(*others, good[:-1] + [dict(good[-1], status="invalid", reason="late")])
            self.assertEqual(model.headlines, [])
            self.assertEqual(model.why_no_headline(model.cells[0]),
                             "which way of OS threads is fastest is not known: %s: 1 of 10 invalid: late" % backend)
            self.assertNotIn("fastest OS-thread way", "\n".join(verdicts.lines(model.run, every=True)))
            self.assertIsNone(model.compare(model.cells[0], "gt", claims_parts.fastest(model)(model.cells[0])))

    def test_the_threads_that_were_not_planned_are_said_to_be_so(self):
        cell = "parallel/nqueens/n:10/P:2"
        model = model_of(series(cell, "gt", 50), series("spawn/one/P:1", "pthread", 500))
        self.assertEqual(model.why_no_headline(model.get(report_model.Cell(cell), "gt").cell),
                         "no backend of the pthread family ran it in this profile")
        model = model_of(series(cell, "gt", 50), [synthetic.bad(cell, b, "skipped", "not offered") for b in (
            "pthread", "pthread-pool")])
        self.assertEqual(model.why_no_headline(model.cells[0]), "no backend of the pthread family ran it: not offered")

    def test_a_figure_of_the_load_generator_is_not_judged(self):
        cell = "io/echo/c:16/P:1"

        def busy(backend, base, permille):
            return series(cell, backend, base, env={"P": 1, "load_busy_permille": permille})
        for mine, theirs, expected in ((899, 899, stats.DIFFERS), (900, 100, report_model.LIMITED),
                                       (100, 950, report_model.LIMITED), (True, "950", stats.DIFFERS)):
            model = model_of(busy("gt", 50, mine), busy("pthread", 500, theirs))
            self.assertEqual((model.headlines[0].verdict, model.count(stats.DIFFERS)),
                             (expected, int(expected == stats.DIFFERS)))
        model = model_of(busy("gt", 50, 950), busy("pthread", 500, 300))
        blocks = report_tables.group(model, ["io/echo"])
        rows = [row for block in blocks if getattr(block, "header", [])[2:3] == [("busy", False)] for row in block.rows]
        self.assertEqual([[text for text, _ in row[1:]] for row in rows],
                         [["gt", "95.0 %", "limited by the load generator"], ["pthread", "30.0 %", ""]])

    def test_a_load_that_is_given_keeps_no_generator_busy(self):
        cell = "io/rest/load:50/P:1"
        told = dict.fromkeys(("p50", "p90", "p99", "p999", "max", "count"), 9)
        found = series(cell, "gt", 50, env={"load_busy_permille": 999}, latency=told)
        self.assertFalse(model_of(found).get(report_model.Cell(cell), "gt").is_limited)

    def test_processes_of_a_round_pair_in_their_order(self):
        cell = "switch/yield/n:2/P:1"
        lines = [dict(s, round=i // 2) for i, s in enumerate(series(cell, "gt", 50))]
        bad = dict(lines[2], status="invalid", reason="3 % empty")
        found = model_of(lines[:2] + [bad] + lines[3:]).get(report_model.Cell(cell), "gt")
        self.assertEqual(found.state, "invalid")
        self.assertEqual(sorted(found.by_round), [(r, i) for r in range(5) for i in (0, 1) if (r, i) != (1, 0)])

    def test_a_crashed_replicate_leaves_the_ratio_and_takes_the_verdict(self):
        cell = "stack/grow/bytes:4096/P:1"
        bad = series(cell, "pthread", 500, 9) + [synthetic.bad(cell, "pthread", "crashed", "killed by signal 9",
                                                               replicate=9, round=9, exit=-9)]
        model = model_of(series(cell, "gt", 50), bad)
        self.assertEqual(model.headlines[0].verdict, report_model.INCOMPLETE)
        self.assertEqual(model.headlines[0].ratio.n, 9)
        self.assertTrue(verdicts.lines(model.run)[0].startswith("CRASHED: stack/grow/bytes:4096/P:1, pthread: 1 of 10"))

    def test_kernel_memory_is_not_quoted_below_a_thousand_tasks(self):
        def parked(n, backend, each):
            memory = dict(zip(report_model.MEMORY_PARTS, (each * n, 0, 0, 0)), n=n, anon_huge_bytes=0, noise_bytes=1,
                          source="memcg")
            return series("memory/parked/n:%d/P:2" % n, backend, 9.0, memory=memory)
        model = model_of(parked(100, "gt", 4000), parked(100, "pthread", 32000), parked(1000, "gt", 4000),
                         parked(1000, "pthread", 32000))
        self.assertEqual([c.cell.name for c in model.headlines], ["memory/parked/n:1000/P:2"])
        self.assertAlmostEqual(model.headlines[0].ratio.value, 1 / 8)
        self.assertIn("gt 3.91 KiB", verdicts.lines(model.run)[0])

    def test_memory_below_the_probes_noise_gives_no_ratio(self):
        memory = dict(zip(report_model.MEMORY_PARTS, (10, 0, 0, 0)), n=1000, anon_huge_bytes=0, noise_bytes=4096,
                      source="memcg")
        cell = "memory/parked/n:1000/P:2"
        model = model_of(series(cell, "gt", 9.0, memory=memory), series(cell, "pthread", 9.0, memory=memory))
        self.assertEqual(model.headlines, [])
        self.assertIn("below the probe's noise", model.why_no_headline(model.cells[0]))


class Families(unittest.TestCase):
    def test_a_family_is_one_workload_at_one_p_and_place(self):
        names = ["spawn/storm/n:%d/temp:%s/P:%d" % (n, temp, p) for n in (10, 100) for temp in ("warm", "cold")
                 for p in (1, 2)]
        families = {report_model.Cell(name).family for name in names}
        self.assertEqual(families, {("spawn/storm", "1", ""), ("spawn/storm", "2", "")})

    def test_six_rounds_are_enough_alone_and_not_in_company(self):
        one = "spawn/one/P:1"
        alone = model_of(series(one, "gt", 50, 6), series(one, "pthread", 500, 6))
        self.assertEqual(alone.headlines[0].verdict, stats.DIFFERS)
        pair = [series("switch/yield/n:%d/P:1" % n, b, t, 6) for n in (2, 10) for b, t in (("gt", 5), ("pthread", 500))]
        self.assertEqual({h.verdict for h in model_of(*pair).headlines}, {stats.ROUNDS_MISSING})
        self.assertIn("in 2 more every round agrees, but there are too few rounds",
                      verdicts.lines(model_of(*pair).run)[-1])

    def test_one_value_has_a_range_and_no_verdict(self):
        cell = "spawn/one/P:1"
        line = verdicts.lines(model_of(series(cell, "gt", 50, 3), series(cell, "pthread", 500, 3)).run)[0]
        self.assertIn("(range ", line)
        self.assertIn("not judged: fewer than 6 values", line)


class Lines(unittest.TestCase):
    def test_every_ending_is_told(self):
        text = "\n".join(verdicts.lines(run_of(synthetic.samples())))
        for words in ("FAILED: channel/prod_cons/p:4/c:4/cap:128/P:2, gt: 1 of 1: delivered 59999 of 60000 messages",
                      "CRASHED: stack/grow/bytes:16777216/P:1, pthread: 1 of 10: killed by signal 9",
                      "TIMEOUT: stack/grow/bytes:16777216/P:1, pthread-futex",
                      "limit reached at n=32420: EAGAIN (pid_max 32768)",
                      "no ratio: switch/yield/n:10/P:1, pthread: 10 of 10 invalid",
                      "noise floor of the run"):
            self.assertIn(words, text)

    def test_every_headline_on_request(self):
        run = run_of(synthetic.samples())
        model = report_model.Model(run)
        lines = verdicts.lines(run, every=True)
        for headline in model.headlines:
            self.assertEqual(sum("(%s)" % headline.cell.name in line for line in lines), 1)

    def test_the_choice_of_representatives_does_not_look_at_figures(self):
        lines = synthetic.samples()
        before = [h.cell.name for h in verdicts.representatives(report_model.Model(run_of(lines)))]
        for line in lines:
            if line["backend"] == "gt" and line["ns_per_op"]:
                line["ns_per_op"] *= 1e5
        after = [h.cell.name for h in verdicts.representatives(report_model.Model(run_of(lines)))]
        self.assertEqual(before, after)

    def test_the_largest_cell_stands_for_its_family_on_every_axis(self):
        for small, large in (("switch/working_set/n:16/kib:4/P:1", "switch/working_set/n:16/kib:256/P:1"),
                             ("channel/select/k:2/P:2", "channel/select/k:8/P:2"), ("io/echo/c:16/P:1", "io/echo/c:1000/P:1"),
                             ("wake/idle/n:9/P:2", "wake/idle/n:10/P:2"),
                             ("sync/mutex/n:2/cs:1000/P:1", "sync/mutex/n:100/cs:0/P:1"),
                             ("channel/prod_cons/p:1/c:1/cap:1024/P:2", "channel/prod_cons/p:4/c:4/cap:128/P:2"),
                             ("spawn/storm/n:9/temp:cold/P:1", "spawn/storm/n:9/temp:warm/P:1")):
            for order in ((small, large), (large, small)):
                model = model_of(*[series(name, b, t) for name in order for b, t in (("gt", 50), ("pthread", 500))])
                self.assertEqual([h.cell.name for h in verdicts.representatives(model)], [large])

    def test_a_closed_loop_of_a_service_is_not_said_to_be_a_lateness(self):
        told = dict.fromkeys(("p50", "p90", "p99", "p999", "max", "count"), 90)
        for load, late in (("50", True), ("max", False)):
            cell = "io/rest/load:%s/P:1" % load
            model = model_of(series(cell, "gt", 50, latency=told), series(cell, "pthread", 500, latency=told))
            words = verdicts.sentence(model, model.headlines[0]) + report_lead.sentences(model)[0]
            self.assertEqual("how late" in words.lower(), late, words)
            self.assertEqual("gt 90.0 ns" in words, late, words)

    def test_no_ratio_at_all_is_said(self):
        self.assertIn("no ratio", verdicts.lines(model_of(series("spawn/one/P:1", "gt", 50)).run)[-1])

    def test_hostile_strings_cannot_reach_the_terminal(self):
        for string in hostile.STRINGS:
            lines = [synthetic.bad(string, string, "failed", string), synthetic.bad("a/b", "gt", "limit", string, limit={
                "reached": 3, "errno": string, "name": string, "value": string})]
            lines += series("spawn/one/" + string, "gt", 50) + series("spawn/one/" + string, "pthread" + string, 90)
            for line in verdicts.lines(run_of(lines)):
                with self.subTest(string=ascii(string)):
                    self.assertEqual(hostile.controls_in(line + "\n"), [])
                    self.assertEqual(len(line.splitlines()), 1)


class Harness(unittest.TestCase):
    LOOP = "channel/prod_cons/p:1/c:1/cap:128/P:1"

    def shown(self, cell, base, loops=(LOOP,), **changes):
        """(paragraph, rows without the cell) of what the loop takes."""
        model = model_of(series(cell, "gt", base, **changes), *[series(loop, "null", 4, 3) for loop in loops])
        blocks = report_beside.harness(model, model.cells)
        return blocks[0].text if blocks else "", [[text for text, _ in row[2:]] for b in blocks[1:] for row in b.rows]

    def test_a_loop_of_its_own_is_no_estimate(self):
        text, rows = self.shown(self.LOOP, 20)
        self.assertEqual(rows, [["20.1 ns", "4.00 ns", "19.9 %"]])
        self.assertNotIn("About", text)

    def test_another_loop_stands_for_one_that_cannot_run_alone_and_is_called_an_estimate(self):
        for cell in ("channel/ping_pong/cap:0/P:1/place:same-pu", "switch/handoff/P:1/place:same-pu", "channel/select/k:2/P:1"):
            text, rows = self.shown(cell, 20)
            self.assertEqual(rows, [["20.1 ns", "about 4.00 ns", "about 19.9 %"]])
            self.assertIn("%s about 4.00 ns, as channel/prod_cons" % report_model.Cell(cell).workload, text)
            self.assertIn("“About” is an estimate", text)
        self.assertIn("as spawn/storm", self.shown("spawn/tree/n:1000/P:2", 20, ["spawn/storm/n:1000/temp:warm/P:1"])[0])

    def test_a_prime_of_a_sieve_takes_a_turn_for_each_message(self):
        ledger = {"sent": 60000 * 100, "delivered": 60000 * 100}
        self.assertEqual(self.shown("channel/sieve/k:100/P:2", 2000, ledger=ledger)[1],
                         [["2.01 us", "about 400 ns", "about 19.9 %"]])
        self.assertEqual(self.shown("channel/sieve/k:100/P:2", 2000, ledger=None)[1], [])

    def test_what_is_small_or_unknown_is_not_shown(self):
        cell = "channel/ping_pong/cap:0/P:2/place:same-llc"
        self.assertIn("nowhere more", self.shown(cell, 250)[0])
        self.assertEqual(self.shown(cell, 250)[1], [])
        self.assertEqual(self.shown(cell, 20, ()), ("", []))
        self.assertEqual(self.shown("wake/timer/n:100/P:2", 20), ("", []))


class Figures(unittest.TestCase):
    def test_three_digits_and_units(self):
        for value, words in ((31.24, "31.2 ns"), (999.6, "1.00 us"), (24100, "24.1 us"), (0.0451, "0.0451 ns"),
                             (2.5e9, "2.50 s"), (999999, "1.00 ms")):
            self.assertEqual(report_words.nanoseconds(value), words)
        self.assertEqual(report_words.count_bytes(32 * 1024), "32.0 KiB")
        self.assertEqual(report_words.figure(32420), "32,400")

    def test_ratio_styles(self):
        def words(value, low, high, n=10):
            interval = stats.Interval(low, high, None if n < 6 else 0.97, n)
            return report_words.ratio_words(stats.Ratio(value, interval, 0.01, n, True))
        self.assertEqual(words(1 / 780, 1 / 810, 1 / 750), "1/780 (1/810 to 1/750)")
        self.assertEqual(words(2.3, 2.1, 2.5), "2.30x (2.10x to 2.50x)")
        self.assertEqual(words(0.97, 0.93, 1.02), "0.970 (0.930 to 1.02)")
        self.assertEqual(words(0.5, 0.2, 1.5), "0.500 (0.200 to 1.50)")
        self.assertEqual(words(0.1, 0.05, 0.2, 3), "1/10.0 (range 1/20.0 to 1/5.00)")


if __name__ == "__main__":
    unittest.main()
