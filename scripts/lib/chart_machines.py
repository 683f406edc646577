"""Machines side by side: gt's cost on each as it is, in multiplications of that machine, and as a share of its pthread.

The share is the figure to compare: whatever makes one machine slower than the other is in both its parts. Runs that
`greenbench compare` would refuse did not measure the same thing, so only the raw values stand side by side, and nothing
is divided.
"""

import itertools

from . import compare_sides, stats, verdicts
from .chart_base import Chart, log_range
from .chart_dots import ROW_HEIGHT, SHIFT, key_height
from .report_model import PLAIN, SUBJECT
from .report_words import count, figure, nanoseconds, ratio_figure, ratio_style

MOST_ROWS = 44


def build(models):
    """[Chart or why it is left out], of two models or more; the rows are the first one's."""
    names = ["%s: %s" % ("ABCDEFGH"[i], model.run.machine["machine"]) for i, model in enumerate(models)]
    cells = [h.cell for h in verdicts.representatives(models[0]) if h.subject.metric.kind == "time"
             and all(_series(m, h.cell) is not None for m in models)][:MOST_ROWS]
    if not cells:
        return ["no cell of a time has run with gt on all the machines"]
    raw = _chart("machines-raw", "gt on each machine", "Medians with their intervals, as measured. Nothing is judged: the "
                 "machines differ.", "time", names, cells, [_raw(m, cells) for m in models], nanoseconds)
    for (one, a), (two, b) in itertools.combinations(zip(names, models), 2):
        refusal = compare_sides.why_not_runs(a.run, b.run)
        if refusal:
            return [raw, "values normalised and shares of pthread: %s and %s: %s" % (one, two, refusal)]
    chains = [_chain(m) for m in models]
    if None in chains:
        normal = "values normalised by calibration: machine %s has no calibration" % names[chains.index(None)]
    else:
        normal = _chart("machines-normal", "gt on each machine, normalised",
                        "The same, divided by what a dependent multiplication takes on that machine (%s): what is left is "
                        "not the speed of the core." % ", ".join(nanoseconds(c) for c in chains), "chain", names, cells,
                        [_scaled(_raw(m, cells), 1 / chain) for m, chain in zip(models, chains)],
                        lambda v: count(v) if v >= 1000 else figure(v))
    return [raw, normal, _shares(names, cells, models)]


def _shares(names, cells, models):
    columns = []
    for model in models:
        found = [model.compare(cell, SUBJECT, PLAIN) for cell in cells]
        columns.append([(c.ratio.value, c.ratio.interval.low, c.ratio.interval.high, ratio_figure(
            c.ratio.value, ratio_style(c.ratio))) if c else None for c in found])
    return _chart("machines-share", "gt as a share of pthread, on each machine",
                  "Each machine's own ratio, paired by round, with its interval: the figure to compare machines by.",
                  "share", names, cells, columns, None)


def _series(model, cell):
    series = model.get(cell, SUBJECT)
    return series if series is not None and series.usable else None


def _raw(model, cells):
    found = []
    for cell in cells:
        values = _series(model, cell).values
        interval = stats.median_interval(values)
        found.append((stats.median(values), interval.low, interval.high))
    return found


def _scaled(points, times):
    return [tuple(v * times for v in p) for p in points]


def _chain(model):
    found = [line["chain_ns"] for line in getattr(model.run, "calibrations", ())
             if line.get("status", "ok") == "ok" and line.get("chain_ns")]
    return stats.median(found) if found else None


def _chart(name, title, caption, axis, names, cells, columns, write):
    blocks, bounds = [], []
    for place, (machine, points) in enumerate(zip(names, columns)):
        shift = SHIFT * (place - (len(names) - 1) / 2)
        rows = [[p[0], y + shift, p[1], p[2]] for y, p in enumerate(points, 1) if p]
        bounds += [v for row in rows for v in (row[0], row[2], row[3])]
        blocks.append([[machine]] + (rows or [[None] * 4]))
    texts = []
    for i in range(len(cells)):
        words = [(column[i][3] if write is None else write(column[i][0])) if column[i] else "-" for column in columns]
        texts.append(", ".join("%s %s" % ("ABCDEFGH"[place], word) for place, word in enumerate(words)))
    low, high = log_range(bounds)
    types = " ".join(str(kind) for kind in range(1, len(names) + 1))
    labels = [[y, cell.name if len(cell.name) <= 34 else cell.label(), text]
              for y, (cell, text) in enumerate(zip(cells, texts), 1)]
    return Chart(name, title, caption, "dots.gp", (1000, 62 + key_height(names) + ROW_HEIGHT * len(cells)),
                 [len(cells), low, high, types, key_height(names), axis], {"rows.tsv": [labels], "dots.tsv": blocks})
