"""The forest plot: gt over the fastest of the pthread family, and over plain pthread, one row per headline."""

import math

from .chart_base import Chart, log_range, short_name
from .report_model import PLAIN, SUBJECT
from .report_words import ratio_figure, ratio_style, ratio_words
from .stats import DIFFERS

ROW_HEIGHT = 19
CAPTION = ("Each row is one cell. Blue circles: gt against the fastest backend of the pthread family on the same "
           "CPUs and placement, with the interval of the paired ratio; red squares: gt against plain pthread. futex "
           "and pool stand for pthread-futex and pthread-pool. memory/parked compares bytes per task, every other "
           "row time per operation.")


def build(model):
    """A Chart, or why there is none."""
    if not model.headlines:
        return "no cell has a value for both gt and a backend of the pthread family"
    rows, bounds, group = [], [], None
    for headline in model.headlines:
        if headline.cell.group != group:
            group = headline.cell.group
            rows.append([len(rows) + 1, group + ":"] + [None, None, None, 2, "", None, None, None, ""])
        rows.append(_row(len(rows) + 1, model, headline, bounds))
    low, high = log_range(bounds + [1.0])
    low, high = min(low, 0.3), max(high, 3.0)
    floor = math.exp(model.floor.log) if model.floor else 1
    return Chart("forest", "What gt costs, as a share of OS threads", CAPTION, "forest.gp",
                 (1000, 110 + ROW_HEIGHT * len(rows)), [len(rows), low, high, floor], {"forest.tsv": [rows]})


def _row(y, model, headline, bounds):
    ratio = headline.ratio
    bounds += [ratio.interval.low, ratio.interval.high]
    row = [y, headline.cell.label(), ratio.value, ratio.interval.low, ratio.interval.high,
           1 if headline.verdict == DIFFERS else 0,
           "%s %s" % (ratio_words(ratio), short_name(headline.other.backend))]
    plain = None if headline.other.backend == PLAIN else model.compare(headline.cell, SUBJECT, PLAIN)
    if plain is None:
        return row + [None, None, None, "the same" if headline.other.backend == PLAIN else "-"]
    bounds += [plain.ratio.interval.low, plain.ratio.interval.high]
    return row + [plain.ratio.value, plain.ratio.interval.low, plain.ratio.interval.high,
                  ratio_figure(plain.ratio.value, ratio_style(plain.ratio))]
