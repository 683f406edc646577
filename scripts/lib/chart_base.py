"""What a chart is, and the pieces that the builders of charts share.

A chart is a fixed script of scripts/plots, a few numbers of our own and tables of columns. Text reaches gnuplot
in a column only, and only what chart_text() lets through, so nothing in a result file can be read as a command.
"""

import math
import re

from . import peers, stats
from .report_words import clean

LINE_TYPES = {"gt": 1, "pthread": 2, "pthread-futex": 3, "pthread-pool": 4, "go": 5, "boost_fiber": 6, "st": 7}
OTHER_LINE_TYPE = 8
SECOND_VARIANT = 10
MISSING = "NaN"


class Chart:
    """name: of the file. title, caption: for people. script: in scripts/plots. arguments: numbers and our own
    words. tables: {file name: list of blocks; a block is a list of rows}. stamp: in place of the run's own."""

    stamp = None

    def __init__(self, name, title, caption, script, size, arguments, tables):
        self.name, self.title, self.caption, self.script = name, title, caption, script
        self.size, self.arguments, self.tables = size, arguments, tables


def chart_text(text, limit=60):
    """Letters, digits and harmless punctuation; never empty, never starting with what gnuplot might act on."""
    kept = re.sub(r"[^A-Za-z0-9 _.,:;/()%+=-]", "?", clean(text, limit))
    if kept == "" or not (kept[0].isalnum() or kept[0] in "(?"):
        kept = " " + kept
    return kept


def line_type(backend):
    return LINE_TYPES.get(backend, OTHER_LINE_TYPE)


def legend(backend):
    """A peer says that it is one."""
    return peers.label(backend)


def short_name(backend):
    """pthread-futex is futex where room is short."""
    return backend[len("pthread-"):] if backend.startswith("pthread-") else backend


def cell_text(value):
    """One column of a table file."""
    if value is None:
        return MISSING
    if isinstance(value, str):
        return chart_text(value, 90) if value else " "
    return "%.9g" % value


def table_text(blocks):
    """Blocks separated by two blank lines, columns by tabs."""
    return "\n\n".join("".join("\t".join(map(cell_text, row)) + "\n" for row in block) for block in blocks)


def log_range(values, below=1.3, above=1.3):
    """A range with room around positive values; never empty."""
    known = [v for v in values if v is not None and v > 0]
    if not known:
        return (0.1, 10.0)
    low, high = min(known) / below, max(known) * above
    return (low, high) if high / low > 4 else (low / 2, high * 2)


def point(x, values):
    """x, median, low, high of a list of values, for a chart with error bars."""
    interval = stats.median_interval(values)
    return [x, stats.median(values), interval.low, interval.high]


def spread_labels(labels, low, high, gap):
    """[x, y, text] with y moved so that labels do not overlap on a log axis. Only labels whose x is alike are in
    each other's way; those that are stay together around their middle, and all on the axis. gap: distance as a share
    of it."""
    step = gap * math.log(high / low)
    groups = []
    for x, y, text in sorted(labels, key=lambda label: label[1]):
        group = {"x": x, "ys": [math.log(y)], "labels": [(x, text)]}
        near = [g for g in groups if abs(math.log(g["x"] / x)) < 1.2]
        while near and _middle(near[-1]) + step * len(near[-1]["ys"]) / 2 > _middle(group) - step * len(group["ys"]) / 2:
            below = near.pop()
            groups.remove(below)
            group = {"x": x, "ys": below["ys"] + group["ys"], "labels": below["labels"] + group["labels"]}
        groups.append(group)
    spread = []
    for group in groups:
        more = step * (len(group["ys"]) - 1)
        start = min(max(_middle(group) - more / 2, math.log(low) + step / 2), math.log(high) - step / 2 - more)
        spread += [[x, math.exp(start + step * i), text] for i, (x, text) in enumerate(group["labels"])]
    return spread


def _middle(group):
    return sum(group["ys"]) / len(group["ys"])
