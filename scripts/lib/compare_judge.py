"""Two sides, cell by cell: which rows there are, what each shows, and what a gate says of them all."""

from . import errors, samples, stats
from .report_cell import Cell, backend_key
from .report_model import INCOMPLETE, judge, why_unjudged
from .report_words import ratio_words

MAX_NAMES = 12
FREE = "not judged: placement left free"


def _why_unjudged(a, b):
    """Between two backends as in a report. The same backend on both sides places its pairs alike, and its clients limit
    it alike."""
    if a.backend == b.backend:
        return None if a.complete and b.complete else INCOMPLETE
    return why_unjudged(a, b) or (FREE if a.cell.is_free else None)


class Row:
    """One cell, B over A; fits report_model.judge."""

    def __init__(self, series_a, series_b):
        self.a, self.b, self.cell = series_a, series_b, series_a.cell
        self.family = self.cell.family + (series_a.backend, series_b.backend)
        self.unjudged = _why_unjudged(series_a, series_b)
        self.corrected_p = self.corrected_run = self.verdict = None
        self.ratio = None
        self.values = series_a.values, series_b.values      # what the ratio is made of

    def relate(self, a, b):
        """The sides that the two series are of say how."""
        if not interleaved(a, b):
            if self.a.usable and self.b.usable:
                self.ratio = stats.unpaired_ratio(self.b.values, self.a.values)
            return
        plain = a.model is b.model and samples.best_of(a.model.run.plan) == 1
        one, two = [s.by_round if plain else fastest(s) for s in (self.a, self.b)]
        self.values = list(one.values()), list(two.values())
        if self.a.usable and self.b.usable:
            self.ratio = stats.paired_ratio(two, one)

    @property
    def judged(self):
        return self.ratio is not None and self.unjudged is None and not self.ratio.interval.is_range

    @property
    def lost(self):
        """Good in A, and in B no more. What another backend does not offer is not lost."""
        ended = ("failed", "invalid", "crashed", "timeout", "limit")
        return self.a.usable and (self.b.state in ended or self.b.state == "skipped" and self.a.backend == self.b.backend)


def all_cells(a, b):
    """The cells of both sides, in order."""
    return sorted({c.name: c for c in a.model.cells + b.model.cells}.values(), key=Cell.sort_key)


def named_pairs(a, b):
    """[(backend of A, backend of B)] that are held against each other."""
    return [(a.backend, b.backend)] if a.backend else [
        (name, name) for name in sorted(set(a.backends()) | set(b.backends()), key=backend_key)]


def missing(a, b):
    """"cell backend" of what was good in A and was not run in B, in order. Another backend need not offer a cell."""
    return ["%s %s" % (cell.name, one) for cell in a.model.cells for one, two in named_pairs(a, b) if one == two
            for series in [a.model.get(cell, one)] if series is not None and series.usable
            and b.model.get(cell, two) is None]


def pairs(a, b):
    """[(Series of A, Series of B)] of the cells that both have, in order."""
    found = []
    for cell in all_cells(a, b):
        for one, two in named_pairs(a, b):
            series = a.model.get(cell, one), b.model.get(cell, two)
            if None not in series and any(s.state != "skipped" for s in series):
                found.append(series)
    return found


def interleaved(a, b):
    """Whether the rounds of one are those of the other: two backends of a run, or two runs that were measured in
    turns."""
    duel = a.model.run.plan.get("duel")
    return a.model is b.model or duel is not None and duel == b.model.run.plan.get("duel")


def why_dependent(a, b):
    """Why no interval may be made of two sides, or None: processes of a round of which the fastest counts took turns
    with the other side's. Held against anything else they are that many values of one stretch of time."""
    if a.model is b.model or interleaved(a, b):
        return None
    for letter, side in (("A", a), ("B", b)):
        number = samples.best_of(side.model.run.plan)
        if number > 1:
            return ("%s was measured in turns with another run, and of %d processes of a round the fastest counts: its"
                    " values are not independent, and are compared with those of that run alone" % (letter, number))
    return None


def fastest(series):
    """{round: its value}: of several processes of a round that took turns with the other side's, the fastest. Bursts of
    other work add to some of them, and an interval of their medians would be that of the bursts."""
    found = {}
    for (number, _), value in series.by_round.items():
        found[number] = min(value, found.get(number, value))
    return found


def rows_of(a, b, floor):
    """Every row, judged."""
    rows = [Row(*both) for both in pairs(a, b)]
    for row in rows:
        row.relate(a, b)
    judge([row for row in rows if row.ratio is not None], floor)
    return rows


def floor_of(a, b):
    """The noise floor; of two runs that were measured in turns it is one, else the larger counts."""
    if interleaved(a, b) and a.model is not b.model:
        series = list(a.model.series.values()) + list(b.model.series.values())
        return stats.noise_floor([[value for _, value in sorted(fastest(s).items())] for s in series if s.state == "ok"])
    floors = a.model.floor, b.model.floor
    return None if None in floors else max(floors, key=lambda floor: floor.log)


# --- the gate -------------------------------------------------------------------------------------

class Outcome:
    """status: an exit status; lines: why."""

    def __init__(self, status, *lines):
        self.status, self.lines = status, lines


def outcome(rows, gate, missing_in_b=()):
    """Without a gate only whether there was anything to judge. With one: 1 if a cell differs, and by more than the
    gate, or is lost; 2 if some interval leaves that open, or a cell was not run in B; else 0."""
    judged = [row for row in rows if row.judged]
    if gate is None:
        if not judged:
            return Outcome(errors.INCONCLUSIVE, "inconclusive: no comparison can be judged: fewer than six good values,"
                           " placement left free, or limited by the load generator")
        return Outcome(errors.OK)
    worse = [row for row in rows if row.lost or _beyond(row, gate)]
    if worse:
        return Outcome(errors.FAILED, *["regression: %s %s: %s" % (row.cell.name, row.b.backend, _why_worse(row))
                                        for row in worse])
    gated = [row for row in rows if row.unjudged != FREE]
    open_ = [row for row in gated if row.a.usable and (not row.judged or row.ratio.interval.high > 1 + gate)]
    lines = []
    if open_:
        lines.append("undecided: a cost beyond the gate is not excluded in %d of %d: %s" % (
            len(open_), len(gated), _listed(["%s %s" % (row.cell.name, row.b.backend) for row in open_])))
    elif not judged:
        lines.append("undecided: no comparison can be judged")
    if missing_in_b:
        lines.append("undecided: good in A and not run in B: %s" % _listed(missing_in_b))
    if lines:
        return Outcome(errors.INCONCLUSIVE, *lines)
    return Outcome(errors.OK, "within the gate of %g %%: %d comparisons" % (100 * gate, len(judged)))


def _listed(names):
    return ", ".join(names[:MAX_NAMES]) + (", ..." if len(names) > MAX_NAMES else "")


def _beyond(row, gate):
    return row.judged and row.verdict == stats.DIFFERS and row.ratio.value > 1 + gate


def _why_worse(row):
    return "; ".join(row.b.remarks) if row.lost else ratio_words(row.ratio)
