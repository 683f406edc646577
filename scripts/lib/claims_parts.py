"""What the claims share: parts, and how a figure with its interval answers yes or no.

An interval that lies on one side of a threshold decides; one that holds the threshold does not. With fewer than six
processes there is a range only, and the figure says so. It decides nothing of a time, a latency or a rate, as in every
other table of a report. Bytes are counted, each process's own noise was probed, and their range takes the interval's
place.
"""

from . import peers, stats
from .report_model import PLAIN, SUBJECT
from .report_words import clean, count_bytes, figure, nanoseconds, ratio_words

YES, NO, SOME = "yes", "no", "in some cells"
UNDECIDED, UNKNOWN = "not decided", "not measured"
BESIDE = "beside"          # a figure that the claim does not speak of
TENTH = 0.1
PORT, FUTEX = "go", "pthread-futex"


class Part:
    """What is asked, the answer, the figure as words, the cells behind it. decisive: "no" ends the claim. optional: not
    missed where it was not measured."""

    def __init__(self, question, state, words, cells=(), decisive=False, optional=False):
        self.question, self.state, self.words = question, state, clean(words, 600)
        self.cells = [getattr(cell, "name", cell) for cell in cells]
        self.decisive, self.optional = decisive, optional


def missing(question, what, **flags):
    return Part(question, UNKNOWN, what, **flags)


def side(low, high, limit):
    """YES when all of low..high is at most the limit, NO when all of it is above."""
    if high <= limit:
        return YES
    return NO if low > limit else UNDECIDED


def below(interval, limit, counted=False):
    """counted: bytes, of which a range decides as well."""
    return side(interval.low, interval.high, limit) if counted or not interval.is_range else UNDECIDED


def opposite(state):
    return {YES: NO, NO: YES}.get(state, state)


def together(states):
    """The answer of several cells: "no" needs it of most of them, "yes" of all."""
    if set(states) == {YES}:
        return YES
    if YES in states:
        return SOME
    return NO if 2 * states.count(NO) > len(states) else UNDECIDED


def write_of(series):
    return count_bytes if series.metric.kind == "bytes" else nanoseconds


def value_words(series):
    """gt 34.6 ns"""
    return "%s %s" % (peers.label(series.backend), write_of(series)(stats.median(series.values)))


def interval_of(series, times=1.0):
    return stats.median_interval([times * v for v in series.values])


def usable(model, cell, backend):
    """The Series, or None where no figure may be formed of it."""
    series = model.get(cell, backend) if cell is not None else None
    return series if series is not None and series.usable else None


def with_figures(model, cells, backend):
    """[(cell, series)] of those cells of which a figure may be formed."""
    found = [(cell, usable(model, cell, backend)) for cell in cells]
    return [(cell, series) for cell, series in found if series is not None]


def port_words(model, cell):
    """; go (port) 403 ns"""
    series = usable(model, cell, PORT)
    return "; " + value_words(series) if series is not None else ""


def ratio_part(model, question, cells, other, limit, **flags):
    """gt over other, at most limit, in every cell that has both; the figure is that of the least favourable."""
    found = [c for c in (model.compare(cell, SUBJECT, other(cell) if callable(other) else other) for cell in cells)
             if c is not None]
    if not found:
        return missing(question, "no cell has both", **flags)
    states = [below(c.ratio.interval, limit, c.subject.metric.kind == "bytes") for c in found]
    worst = max(found, key=lambda c: c.ratio.value)
    where = "least in " if len(found) > 1 else ""
    words = "%s%s: %s, %s: %s%s" % (where, worst.cell.name, value_words(worst.subject), value_words(worst.other),
                                    ratio_words(worst.ratio), port_words(model, worst.cell))
    if len(found) > 1:
        words += "; so in %d of %d cells" % (states.count(YES), len(found))
    return Part(question, together(states), words, [c.cell for c in found], **flags)


def fastest(model):
    """For ratio_part: the fastest of the pthread family on a cell, and its first that is unknown where one is; plain
    pthread where none is usable, and none where the run was without the one that spins on a futex."""
    def other(cell):
        if FUTEX not in model.backends:
            return None
        found = model.unknown_rivals(cell) or model.rivals(cell)
        return found[0].backend if found else PLAIN
    return other


def over_cpus(model, workloads, backend):
    """[(cell on several CPUs, Ratio of its cost to that on one CPU)], paired by round; pairs of tasks left free."""
    singles, found = {}, []
    for cell in model.cells:
        if cell.workload in workloads and cell.number("P") == 1 and cell.place in ("", "none", "same-pu"):
            singles[without_cpus(cell)] = cell
    for cell in model.cells:
        single = singles.get(without_cpus(cell))
        if single is None or cell.number("P") in (None, 1) or cell.place not in ("", "none", "free"):
            continue
        one, many = usable(model, single, backend), usable(model, cell, backend)
        ratio = stats.paired_ratio(many.by_round, one.by_round) if one and many else None
        if ratio is not None:
            found.append((single, cell, ratio))
    return found


def without_cpus(cell):
    """What two cells share that differ in their CPUs only."""
    return (cell.workload, tuple(sorted((k, v) for k, v in cell.axes.items() if k not in ("P", "place"))))


def switches_per_op(series):
    """Voluntary switches of the kernel for each operation, of every process that counted them."""
    return [s["usage"]["voluntary_switches"] / s["operations"] for s in series.good
            if s.get("usage") and s.get("operations") and isinstance(s["usage"].get("voluntary_switches"), int)]


def rate_words(value):
    return figure(value, 2) if value >= 0.001 else "under 0.001"
