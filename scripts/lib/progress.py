"""What a user sees while a session runs: a live table with a bar, the time left
and the intervals as they tighten on a terminal, plain lines anywhere else.

Nothing is drawn while a process is measured: only between two of them.
"""

import math
import os
import shutil
import sys
import time

from . import adaptive, errors, figures, planning
from .report_series import metric_of_sample

PLAIN_SECONDS = 5
ROWS = 12
BAR = 30


class Plain:
    """A line per finished cell, and a line of progress every few seconds."""

    def __init__(self, out):
        self.out, self._last = out, time.monotonic()

    def note(self, text):
        print(errors.printable(text), file=self.out, flush=True)

    def update(self, state, cell=None):
        now = time.monotonic()
        if now - self._last >= PLAIN_SECONDS:
            self._last = now
            self.note("%s; last %s %s" % (state.headline(), cell, _row(state.results(cell))))

    def cell_done(self, cell, by_backend):
        self.note("%-44s %s" % (cell, _row(by_backend)))

    def finish(self):
        pass


class Live(Plain):
    """Redraws a block of lines: the cells touched last, then the bar."""

    def __init__(self, out):
        super().__init__(out)
        self._drawn, self._rows = 0, {}

    def note(self, text):
        self._erase()
        super().note(text)

    def update(self, state, cell=None):
        if cell:
            self._rows.pop(cell, None)
            self._rows[cell] = _row(state.results(cell))
        width = shutil.get_terminal_size().columns - 1
        height = max(1, min(ROWS, shutil.get_terminal_size().lines - 3))
        lines = ["%-40s %s" % item for item in list(self._rows.items())[-height:]]
        lines.append("%s %s" % (_bar(state.fraction()), state.headline()))
        self._erase()
        self.out.write("".join(errors.printable(line)[:width] + "\n" for line in lines))
        self.out.flush()
        self._drawn = len(lines)

    def cell_done(self, cell, by_backend):
        self._rows.pop(cell, None)
        super().cell_done(cell, by_backend)

    def finish(self):
        self._erase()
        self.out.flush()

    def _erase(self):
        if self._drawn:
            self.out.write("\x1b[%dA\x1b[J" % self._drawn)
            self._drawn = 0


class State:
    """How far a session is. Fed by the session or turns.Outlook, read by the displays. budget:
    the seconds of --time; else the session ends when nothing is left."""

    def __init__(self, budget=None):
        self.processes = 0
        self.seconds_done = self.seconds_left = self.spent = 0.0
        self.budget, self.phase = budget, ""
        self.by_cell, self.widths = {}, {}

    def add(self, sample, best=False):
        """best: of the processes of a round the one that costs least counts alone."""
        cell, backend = sample["cell"], sample["backend"]
        results = self.by_cell.setdefault(cell, {}).setdefault(backend, [])
        if best and results and results[-1]["round"] == sample["round"]:
            results[-1] = min(results[-1], sample, key=_cost)
        else:
            results.append(sample)
        width = adaptive.relative_width(results)
        if width is not None:
            self.widths[cell, backend] = width

    def results(self, cell):
        return self.by_cell.get(cell, {})

    def fraction(self):
        if self.budget:
            return min(1.0, self.spent / self.budget)
        whole = self.seconds_done + self.seconds_left
        return self.seconds_done / whole if whole else 1.0

    def headline(self):
        left = max(0.0, self.budget - self.spent) if self.budget else self.seconds_left
        text = "%3.0f %%  %s, %d processes, %s left" % (
            100 * self.fraction(), self.phase, self.processes, planning.minutes(left))
        if self.widths:
            cell, backend = max(self.widths, key=self.widths.get)
            text += ", widest %s (%s on %s)" % (_plus_minus(self.widths[cell, backend]), cell, backend)
        return text


def display(out=None):
    """The display that fits where the output goes."""
    out = out or sys.stdout
    live = out.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return Live(out) if live else Plain(out)


def _cost(sample):
    """Its value; more than any where it has none."""
    value = metric_of_sample(sample).value(sample) if sample["status"] == "ok" else None
    return math.inf if value is None else value


def _row(by_backend):
    return "  ".join("%s %s" % (b, _figure(s)) for b, s in sorted(by_backend.items())
                     if s[-1]["status"] != "skipped")


def _figure(samples):
    """The median, and half its interval once there is one."""
    width = adaptive.relative_width(samples)
    return figures.of_samples(samples) + (" " + _plus_minus(width) if width is not None else "")


def _plus_minus(width):
    return "+-%.2g %%" % (100 * width) if width < 1 else "+-%.0f %%" % (100 * width)


def _bar(fraction):
    full = int(BAR * min(1.0, max(0.0, fraction)))
    return "[" + "#" * full + "." * (BAR - full) + "]"
