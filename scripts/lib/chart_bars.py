"""Bytes of one parked task, split by kind."""

from . import stats
from .chart_base import Chart, legend
from .report_series import KERNEL_MEMORY_FROM, MEMORY_PARTS
from .report_words import count, count_bytes

BAR_HEIGHT = 46
WIDE_ENOUGH = 0.09


def build(model):
    cell = _cell(model)
    if cell is None:
        return "no cell of memory/parked with n >= %d has a reading" % KERNEL_MEMORY_FROM
    bars, parts, largest = [], [], 0
    for backend in model.backends:
        split = split_of(model.get(cell, backend))
        if split is None:
            continue
        ends = [0.0]
        for part in split:
            ends.append(ends[-1] + max(0.0, part) / 1024)
        y = len(bars) + 1
        bars.append([y, legend(backend)] + ends[1:] + [count_bytes(sum(split))])
        parts += [[(a + b) / 2, y, count_bytes((b - a) * 1024), b - a] for a, b in zip(ends, ends[1:])]
        largest = max(largest, ends[-1])
    parts = [part[:3] for part in parts if part[3] > WIDE_ENOUGH * largest] or [[None, None, ""]]
    caption = ("%s tasks parked on a channel (%s); medians. Kernel memory is what the process status does not "
               "show." % (count(cell.number("n") or 0), cell.name))
    return Chart("bytes", "Bytes of one parked task, user and kernel", caption, "bytes.gp",
                 (1000, 122 + BAR_HEIGHT * len(bars)), [len(bars), largest],
                 {"bars.tsv": [bars], "parts.tsv": [parts]})


def _cell(model):
    """The cell that most backends have a split of; the largest n among equals."""
    best, key = None, (0, 0)
    for cell in model.of_default("memory/parked"):
        n = cell.number("n") or 0
        have = sum(1 for b in model.backends if split_of(model.get(cell, b)) is not None)
        if n >= KERNEL_MEMORY_FROM and (have, n) > key:
            best, key = cell, (have, n)
    return best if key[0] else None


def split_of(series):
    """Median bytes per task of each part, or None when a part is unknown."""
    if series is None or series.state != "ok":
        return None
    memories = [s["memory"] for s in series.good if s["memory"] and s["memory"]["n"]]
    if not memories or any(m[key] is None for m in memories for key in MEMORY_PARTS):
        return None
    return [stats.median([m[key] / m["n"] for m in memories]) for key in MEMORY_PARTS]
