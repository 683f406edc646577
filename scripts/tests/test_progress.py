"""What a user sees while a session runs."""

import io
import os
import pty
import subprocess
import sys
import unittest

from tests import fake_bench, support
from lib import figures, progress

ONE = "spawn/one/P:1"


def made(**changes):
    return fake_bench.sample("gt", changes.pop("cell", ONE), 4, **changes)


class FigureTest(support.Case):
    def test_times_have_three_digits_and_a_fitting_unit(self):
        for ns, text in ((0.5, "0.5 ns"), (51.234, "51.2 ns"), (999.4, "999 ns"), (999.9, "1 us"), (9130, "9.13 us"),
                         (1.2e6, "1.2 ms"), (3e9, "3 s")):
            self.assertEqual(figures.time_text(ns), text)

    def test_a_cell_shows_its_median(self):
        times = [made(ns_per_op=float(t)) for t in (10, 1000, 30)]
        self.assertEqual(figures.of_samples(times), "30 ns")

    def test_memory_shows_bytes_per_task(self):
        sample = made(cell="memory/parked/n:1000/P:2")
        self.assertEqual(figures.of_samples([sample]), "2.05 KiB/task")

    def test_limits_show_what_stopped_them(self):
        limit = {"reached": 32420, "errno": "EAGAIN", "name": "pid_max", "value": 32768}
        for cell in (ONE, "memory/capacity/P:2"):
            self.assertEqual(figures.of_samples([made(cell=cell, status="limit", reason="x", limit=limit, memory=None)]),
                             "n=32420 (pid_max)")

    def test_other_ends_show_their_status(self):
        self.assertEqual(figures.of_samples([made(status="crashed")]), "crashed")
        self.assertEqual(figures.of_samples([]), "")
        self.assertEqual(figures.of_samples([made(status="invalid")]), "50 ns (invalid)")


class PlainTest(support.Case):
    def test_nothing_that_moves_a_cursor_is_written(self):
        out = io.StringIO()
        display = progress.Plain(out)
        display.note("a\x1b[2Jb\u202ec")
        self.assertEqual(out.getvalue(), "a\\x1b[2Jb\\u202ec\n")

    def test_a_finished_cell_has_one_line(self):
        out = io.StringIO()
        progress.Plain(out).cell_done(ONE, {"pthread": [made(ns_per_op=9000.0)], "gt": [made()]})
        self.assertEqual(out.getvalue().split(), (ONE + " gt 50 ns pthread 9 us").split())

    def test_progress_lines_come_seldom(self):
        out = io.StringIO()
        display = progress.Plain(out)
        for _ in range(100):
            display.update(progress.State(), ONE)
        self.assertEqual(out.getvalue(), "")


class StateTest(support.Case):
    def state(self, budget, count=6):
        state = progress.State(budget)
        for i in range(count):
            state.add(made(ns_per_op=100.0 + i))
        state.spent, state.seconds_done, state.seconds_left = 150.0, 30.0, 10.0
        return state

    def test_with_a_time_to_spend_it_shows_what_is_left_of_it(self):
        self.assertEqual(self.state(600).fraction(), 0.25)
        self.assertIn("7 min 30 s left", self.state(600).headline())

    def test_without_it_shows_what_is_left_to_do(self):
        self.assertEqual(self.state(None).fraction(), 0.75)
        self.assertIn("10 s left", self.state(None).headline())

    def test_the_widest_interval_is_named_once_there_is_one(self):
        self.assertIn("widest +-2.4 %% (%s on gt)" % ONE, self.state(None).headline())
        self.assertNotIn("widest", self.state(None, 5).headline())

    def test_of_processes_of_a_round_the_fastest_alone_counts(self):
        state = progress.State()
        for number in range(6):
            for ns in (90.0, 50.0 + number, 90.0):
                state.add(made(ns_per_op=ns, round=number), best=True)
            state.add(made(ns_per_op=None, status="crashed", round=number), best=True)
        self.assertEqual([s["ns_per_op"] for s in state.results(ONE)["gt"]], [50.0, 51.0, 52.0, 53.0, 54.0, 55.0])
        self.assertIn("widest +-4.8 %", state.headline())

    def test_an_interval_stands_beside_its_figure_and_tightens(self):
        out = io.StringIO()
        for count, words in ((5, "gt 102 ns"), (6, "gt 102 ns +-2.4 %"), (30, "gt 102 ns +-1.5 %")):
            progress.Plain(out).cell_done(ONE, {"gt": [made(ns_per_op=100.0 + i % 6) for i in range(count)]})
            self.assertTrue(out.getvalue().endswith(words + "\n"), out.getvalue())


class LiveTest(support.Case):
    def run_on_terminal(self, term):
        bench = self.fakes()
        main, other = pty.openpty()
        child = subprocess.Popen(
            [sys.executable, os.path.join(support.SCRIPTS, "greenbench"), "run", "--quick", "--no-report",
             "--bench-dir", bench, "--output", self.path("results"), "--machine", "m", "--filter", ONE],
            env=self.environment(TERM=term, COLUMNS="100", LINES="30"), stdin=subprocess.DEVNULL, stdout=other,
            stderr=other)
        os.close(other)
        text = b""
        while True:
            try:
                chunk = os.read(main, 65536)
            except OSError:   # the other side is closed
                break
            if not chunk:
                break
            text += chunk
        os.close(main)
        self.assertEqual(child.wait(), 0, text)
        return text.decode()

    def test_a_terminal_shows_a_bar_that_fills(self):
        text = self.run_on_terminal("xterm")
        self.assertIn("\x1b[", text)
        self.assertIn("[##", text)
        self.assertIn("100 %", text)
        last = text.rsplit("\x1b[J", 1)[1]
        self.assertNotIn("[#", last)   # the bar is gone at the end

    def test_a_dumb_terminal_gets_plain_lines(self):
        self.assertNotIn("\x1b", self.run_on_terminal("dumb"))


if __name__ == "__main__":
    unittest.main()
