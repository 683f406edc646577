"""Memory of n parked tasks, user and kernel stacked, a panel for each backend, with the ceiling that each reached."""

from . import stats
from .chart_base import Chart, legend, log_range
from .chart_lines import ceiling
from .report_series import total_above_noise
from .report_words import count_bytes

MOST_PANELS = 7
PANEL_NAMES = ["panel%d.tsv" % (i + 1) for i in range(MOST_PANELS)]


def memory(model):
    panels, everything, counts = [], [], []
    for backend in model.backends:
        points = _points(model, backend)
        if not points:
            continue
        reached = ceiling(model, backend)
        panels.append((backend, points, reached))
        everything += [v for p in points for v in p[1:] if v > 0]
        counts += [p[0] for p in points] + ([reached[0]] if reached else [])
    if not panels:
        return "no backend has its memory split into user and kernel"
    if len({p[0] for _, points, _ in panels for p in points}) < 2:
        return "memory against n, stacked, needs memory/parked at two values of n"
    panels = panels[:MOST_PANELS]
    x_low, x_high = log_range(counts, 1.6, 4.0)
    y_low, y_high = log_range(everything, 2.0, 3.0)
    tables = {}
    for name, (backend, points, reached) in zip(PANEL_NAMES, panels):
        last = points[-1]
        words = "%s of %s are user memory" % (count_bytes(last[1] / last[0]), count_bytes(last[2] / last[0]))
        mark = [reached[0], y_low, y_high, reached[1]] if reached else [None, None, None, ""]
        tables[name] = [[[legend(backend), words]], points, [mark]]
    caption = ("The lower area is user memory, the upper one what page tables, kernel stacks and slab add; the line on top "
               "is all. The scale is logarithmic: read the lines, not the heights. A vertical line is the most tasks that "
               "memory/capacity reached, with what stopped it. Above each panel: bytes per task at its largest n.")
    return Chart("memory-parts", "Memory of n parked tasks, user and kernel", caption, "parts.gp", (1000, 396),
                 [len(panels), x_low, x_high, y_low, y_high], tables)


def _points(model, backend):
    """[n, user bytes, all bytes], medians over the processes whose reading is above the noise of the probe."""
    found = []
    for cell in model.of_default("memory/parked"):
        series = model.get(cell, backend)
        if series is None or series.state != "ok" or not cell.number("n"):
            continue
        read = [s["memory"] for s in series.good if s["memory"] and total_above_noise(s["memory"]) is not None
                and s["memory"]["user_bytes"] > 0]
        if read:
            user = stats.median([m["user_bytes"] for m in read])
            found.append([cell.number("n"), user, max(user, stats.median([total_above_noise(m) for m in read]))])
    return sorted(found)
