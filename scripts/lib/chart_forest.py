"""The forest plot: gt over the fastest of the pthread family, and over plain pthread, one row per headline."""

import math

from .chart_base import Chart, log_range, short_name
from .report_model import PLAIN, SUBJECT
from .report_words import clean, ratio_figure, ratio_style, ratio_words
from .stats import DIFFERS

ROW_HEIGHT = 19
MOST_ROWS = 46          # of a chart, so that it fits a page of paper
CAPTION = ("Each row is one cell. Blue circles: gt against the fastest backend of the pthread family on the same "
           "CPUs and placement, with the interval of the paired ratio; red squares: gt against plain pthread. futex "
           "and pool stand for pthread-futex and pthread-pool. What is compared is the time of an operation%s.")
KINDS = (("bytes", "bytes per task"), ("lateness", "how late 99 of 100 are at most"), ("cpu", "CPU time"))


def build(model):
    """[Chart], each of which fits a page, all on one scale; or why there is none."""
    if not model.headlines:
        return "no cell has a value for both gt and a backend of the pthread family"
    bounds, parts = [1.0], [[]]
    for group in dict.fromkeys(h.cell.group for h in model.headlines):
        members = [h for h in model.headlines if h.cell.group == group]
        if parts[-1] and len(parts[-1]) + len(members) > MOST_ROWS:
            parts.append([])
        parts[-1].append([0, group + ":"] + [None, None, None, 2, "", None, None, None, ""])
        parts[-1] += [_row(model, headline, bounds) for headline in members]
    low, high = log_range(bounds)
    return [_part(rows, number, len(parts), min(low, 0.3), max(high, 3.0), model.floor, caption(model))
            for number, rows in enumerate(parts, 1)]


def caption(model):
    """With what the rows compare that is no time of an operation."""
    words = []
    for kind, what in KINDS:
        names = dict.fromkeys(_case(h.cell) for h in model.headlines if h.other.metric.kind == kind)
        if names:
            words.append("%s in %s" % (what, ", ".join(clean(name, 60) for name in names)))
    return CAPTION % ("; but " * bool(words) + "; ".join(words))


def _case(cell):
    load = cell.axes.get("load")
    return cell.workload + ("/load:%s" % load if load else "")


def _part(rows, number, of, low, high, floor, words):
    title = "What gt costs, as a share of OS threads" + (", %d of %d" % (number, of) if of > 1 else "")
    for y, row in enumerate(rows, 1):
        row[0] = y
    return Chart("forest" if number == 1 else "forest-%d" % number, title, words, "forest.gp",
                 (1000, 110 + ROW_HEIGHT * len(rows)), [len(rows), low, high, math.exp(floor.log) if floor else 1],
                 {"forest.tsv": [rows]})


def _row(model, headline, bounds):
    ratio = headline.ratio
    bounds += [ratio.interval.low, ratio.interval.high]
    row = [0, headline.cell.label(), ratio.value, ratio.interval.low, ratio.interval.high,
           1 if headline.verdict == DIFFERS else 0,
           "%s %s" % (ratio_words(ratio), short_name(headline.other.backend))]
    plain = None if headline.other.backend == PLAIN else model.compare(headline.cell, SUBJECT, PLAIN)
    if plain is None:
        return row + [None, None, None, "the same" if headline.other.backend == PLAIN else "-"]
    bounds += [plain.ratio.interval.low, plain.ratio.interval.high]
    return row + [plain.ratio.value, plain.ratio.interval.low, plain.ratio.interval.high,
                  ratio_figure(plain.ratio.value, ratio_style(plain.ratio))]
