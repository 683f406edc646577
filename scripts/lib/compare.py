"""`greenbench compare A B [--gate 5%]`: B against A.

A and B are run folders, or RUN:backend. Two backends of one run are paired by round. Two runs of one machine are
unpaired: definition and toolchain must be the same. Two machines: the definition must be the same; each machine's
own gt/pthread ratio is the figure, absolute values stand beside it, and nothing is judged.

Exit status: 0 compared, and with --gate no cell of B costs more than the gate allows; 1 with --gate: one does, or
what was good in A is no longer; 2 the values cannot decide; 3 not comparable, with the reason; 64 usage; 65 bad
data.
"""

import argparse
import os
import re
import sys

from . import errors, peers, samples, stats
from .report_model import PLAIN, SUBJECT, Cell, Model, backend_key, direction, judge
from .report_words import clean, count_bytes, nanoseconds, ratio_words

MAX_GATE = 1000.0
MAX_NAMES = 12


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise errors.UsageError("compare: " + message)


def add_arguments(parser):
    parser.add_argument("a", metavar="A", help="a run's folder, or FOLDER:backend")
    parser.add_argument("b", metavar="B", help="what is compared with it")
    parser.add_argument("--gate", type=_gate, metavar="N%",
                        help="exit 1 when a cell of B costs over N%% more than in A, beyond doubt")


def _gate(text):
    if not re.match(r"\d{1,4}(\.\d{1,3})?%?\Z", text) or float(text.rstrip("%")) > MAX_GATE:
        raise argparse.ArgumentTypeError("%s is not a percentage from 0%% to 1000%%" % ascii(text[:40]))
    return float(text.rstrip("%")) / 100


def main(argv, out=None):
    """argv: list of words, or a parsed namespace. Raises GreenbenchError for what has a status of its own."""
    if isinstance(argv, list):
        parser = _Parser(prog="greenbench compare", description=__doc__, allow_abbrev=False,
                         formatter_class=argparse.RawDescriptionHelpFormatter)
        add_arguments(parser)
        argv = parser.parse_args(argv)
    return run(argv.a, argv.b, argv.gate, out or sys.stdout)


class Side:
    """A run, and the one backend of it that was named, or None for all."""

    def __init__(self, word, runs):
        self.path, self.backend = _split(word)
        key = os.path.realpath(self.path)
        if key not in runs:
            runs[key] = Model(samples.load_run(self.path))
        self.model = runs[key]
        self.machine = self.model.run.machine
        if self.backend is not None and self.backend not in self.model.backends:
            raise errors.UsageError("compare: %s has no backend %s; it has %s"
                                    % (self.path, self.backend, ", ".join(self.model.backends)))

    def backends(self):
        return [self.backend] if self.backend else self.model.backends

    def name(self):
        return "%s %s%s" % (self.machine["machine"], self.machine["rev"], ", " + self.backend if self.backend else "")


def _split(word):
    if os.path.exists(word) or ":" not in word:
        return word, None
    path, backend = word.rsplit(":", 1)
    if not backend:
        raise errors.UsageError("compare: %s names no backend after the colon" % word)
    return path, backend


def run(word_a, word_b, gate, out):
    runs = {}
    a, b = Side(word_a, runs), Side(word_b, runs)
    if a.model is b.model and (a.backend is None or b.backend is None or a.backend == b.backend):
        raise errors.UsageError("compare: A and B are the same; name two backends of a run as RUN:gt RUN:pthread")
    if (a.backend is None) != (b.backend is None):
        raise errors.UsageError("compare: name a backend on both sides or on neither")
    _say(out, "A: " + a.name())
    _say(out, "B: " + b.name())
    refusal = not_comparable(a, b)
    if refusal:
        _side_by_side(a, b, out)
        _say(out, "not comparable: " + refusal)
        return errors.NOT_COMPARABLE
    for note in differences(a, b):
        _say(out, "note: " + note)
    if not same_machine(a, b):
        return _across_machines(a, b, gate, out)
    return _judged(a, b, gate, out)


# --- may they be compared? ------------------------------------------------------------------------

def same_machine(a, b):
    return a.machine["machine"] == b.machine["machine"] and a.machine["hw"] == b.machine["hw"]


def not_comparable(a, b):
    """Why no ratio may be formed, or None."""
    must = ["definition"] + (["toolchain"] if same_machine(a, b) else [])
    if a.model is b.model:
        return None
    for kind in must:
        one, two = a.machine["hashes"][kind], b.machine["hashes"][kind]
        if one != two:
            return "the %s hashes differ (%s and %s): %s" % (kind, one[:16], two[:16], _MEANING[kind])
        if one == "unknown":
            return "the %s hash is unknown in both: nothing says that they measured the same" % kind
    return None


_MEANING = {"definition": "the workloads or the harness changed between the runs",
            "toolchain": "another compiler or other flags made the executables"}


def differences(a, b):
    """What is not the same and need not be."""
    return ["%s differs: %s and %s" % (kind, a.machine["hashes"][kind][:16], b.machine["hashes"][kind][:16])
            for kind in ("implementation", "toolchain") if a.machine["hashes"][kind] != b.machine["hashes"][kind]]


# --- judged: one machine, or one run --------------------------------------------------------------

class Row:
    """One cell, B over A; fits report_model.judge."""

    def __init__(self, series_a, series_b):
        self.a, self.b, self.cell = series_a, series_b, series_a.cell
        self.family = self.cell.family + (series_a.backend, series_b.backend)
        self.complete = series_a.complete and series_b.complete
        self.corrected_p = self.corrected_run = self.verdict = None
        self.ratio = None

    def relate(self, paired):
        if self.a.usable and self.b.usable:
            if paired:
                self.ratio = stats.paired_ratio(self.b.by_round, self.a.by_round)
            else:
                self.ratio = stats.unpaired_ratio(self.b.values, self.a.values)

    @property
    def judged(self):
        return self.ratio is not None and self.complete and not self.ratio.interval.is_range

    @property
    def lost(self):
        """Good in A, and in B it failed, crashed, timed out or became invalid."""
        return self.a.usable and self.b.state in ("failed", "invalid", "crashed", "timeout")


def pairs(a, b):
    """[(Series of A, Series of B)] of the cells that both have, in order."""
    cells = {c.name: c for c in a.model.cells + b.model.cells}
    found = []
    for cell in sorted(cells.values(), key=Cell.sort_key):
        named = [(a.backend, b.backend)] if a.backend else [
            (name, name) for name in sorted(set(a.backends()) & set(b.backends()), key=backend_key)]
        for one, two in named:
            series = a.model.get(cell, one), b.model.get(cell, two)
            if None not in series and any(s.state != "skipped" for s in series):
                found.append(series)
    return found


def _judged(a, b, gate, out):
    rows = [Row(*both) for both in pairs(a, b)]
    if not rows:
        _say(out, "not comparable: no cell is in both")
        return errors.NOT_COMPARABLE
    for row in rows:
        row.relate(paired=a.model is b.model)
    floor = _floor(a.model, b.model)
    with_ratio = [row for row in rows if row.ratio is not None]
    judge(with_ratio, floor)
    _print_rows(rows, a.backend is not None, out)
    _only_one_side(a, b, out)
    if floor is not None:
        _say(out, "noise floor %.1f %%, the larger of the runs; %d of %d comparisons differ"
             % (floor.percent, sum(r.verdict == stats.DIFFERS for r in with_ratio), len(with_ratio)))
    return _status(rows, gate, out)


def _floor(one, two):
    if one.floor is None or two.floor is None:
        return None
    return max(one.floor, two.floor, key=lambda floor: floor.log)


def _status(rows, gate, out):
    judged = [row for row in rows if row.judged]
    if gate is None:
        if not judged:
            _say(out, "inconclusive: no cell has six good values on both sides")
            return errors.INCONCLUSIVE
        return errors.OK
    worse = [r for r in judged if r.verdict == stats.DIFFERS and r.ratio.value > 1 + gate] + [
        r for r in rows if r.lost]
    for row in worse:
        _say(out, "regression: %s %s: %s" % (row.cell.name, row.b.backend, _why_worse(row)))
    if worse:
        return errors.FAILED
    open_ = [r for r in rows if r.a.usable and (not r.judged or r.ratio.interval.high > 1 + gate)]
    if open_ or not judged:
        names = ["%s %s" % (row.cell.name, row.b.backend) for row in open_]
        _say(out, "undecided: a cost beyond the gate is not excluded in %d of %d: %s"
             % (len(open_), len(rows), ", ".join(names[:MAX_NAMES]) + (", ..." if len(names) > MAX_NAMES else "")))
        return errors.INCONCLUSIVE
    _say(out, "within the gate of %g %%: %d comparisons" % (100 * gate, len(judged)))
    return errors.OK


def _why_worse(row):
    return "; ".join(row.b.remarks) if row.lost else ratio_words(row.ratio)


def _print_rows(rows, named, out):
    table = [["cell", "backend", "A", "B", "B/A", "verdict"]]
    for row in rows:
        backend = ", ".join(peers.label(s.backend) for s in ([row.a, row.b] if named else [row.a]))
        verdict = row.verdict or ""
        if row.ratio is None:
            verdict = "no ratio: " + (row.a.reason or row.b.reason or "no round has both")
        elif verdict == stats.DIFFERS:
            verdict = "differs: " + direction(row.ratio, "B")
        table.append([row.cell.name, backend, _value(row.a), _value(row.b),
                      ratio_words(row.ratio) if row.ratio else "-", verdict])
    _print_table(table, out)


def _value(series):
    if series.state == "limit" and series.samples[0]["limit"]:
        return "n=%d" % series.samples[0]["limit"]["reached"]
    if not series.values:
        return series.state if series.state != "ok" else "-"
    write = count_bytes if series.metric.kind == "bytes" else nanoseconds
    return write(stats.median(series.values))


def _only_one_side(a, b, out):
    if a.backend is not None:
        return
    for name, here, there in (("A", a.model, b.model), ("B", b.model, a.model)):
        missing = sorted({key[0] for key in here.series} - {key[0] for key in there.series})
        if missing:
            _say(out, "only in %s: %s" % (name, ", ".join(missing)))


# --- two machines, or nothing to judge ------------------------------------------------------------

def _across_machines(a, b, gate, out):
    """Each machine's own ratio is the figure; absolute values stand beside it."""
    if a.backend is not None:
        _side_by_side(a, b, out)
        _say(out, "not comparable: two machines are compared by their own ratios; leave the backends out")
        return errors.NOT_COMPARABLE
    table, ratios = [["cell", "A gt/pthread", "B gt/pthread", "A gt", "B gt"]], 0
    for cell in sorted({c.name: c for c in a.model.cells + b.model.cells}.values(), key=Cell.sort_key):
        own = [side.model.compare(cell, SUBJECT, PLAIN) for side in (a, b)]
        series = [side.model.get(cell, SUBJECT) for side in (a, b)]
        if all(s is not None for s in series):
            ratios += all(own)
            table.append([cell.name] + [ratio_words(c.ratio) if c else "-" for c in own]
                         + [_value(s) for s in series])
    _print_table(table, out)
    if not ratios:
        _say(out, "not comparable: no cell has gt and pthread on both machines")
        return errors.NOT_COMPARABLE
    _say(out, "two machines: nothing is judged; values normalised by calibration are not built")
    if gate is not None:
        _say(out, "not comparable: --gate needs two runs of one machine")
        return errors.NOT_COMPARABLE
    return errors.OK


def _side_by_side(a, b, out):
    table = [["cell", "backend", "A", "B"]]
    for one, two in pairs(a, b):
        backend = ", ".join(dict.fromkeys(peers.label(s.backend) for s in (one, two)))
        table.append([one.cell.name, backend, _value(one), _value(two)])
    _print_table(table, out)


def _print_table(table, out):
    table = [[clean(cell, 200) for cell in row] for row in table]
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    for row in table:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths))
        out.write(line.rstrip() + "\n")


def _say(out, line):
    out.write(clean(line, 1000) + "\n")
