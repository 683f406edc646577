"""Curves of one value against one axis: latency against percentile, switch cost against working set, speed-up
against CPUs, and lateness against offered load."""

from . import histogram
from .chart_base import Chart, legend, line_type, log_range, point, short_name, spread_labels
from .report_words import figure, nanoseconds

SIZE = (1000, 440)
LABEL_GAP = 0.05
ENOUGH = 1000          # values of a process, for a curve whose end is not a single value
# Workloads whose latencies are drawn, one chart each, of the largest cell with values enough.
LATENCIES = (("wake/timer", "how late a sleep of 10 ms ends"), ("wake/unpark", "how late a woken task runs"),
             ("wake/hog", "how late a sleep ends beside tasks that never yield"),
             ("syscall/blocking", "how long after a write its reader goes on"),
             ("io/echo", "time of an echo"), ("io/rest", "time of an answer, from when the request was due"))


def _chart(name, title, caption, axes, lines, x_room, words):
    """lines: [(backend, points)]; the end of each is labelled with words(y)."""
    points = [p for _, found in lines for p in found]
    x_low, x_high = min(p[0] for p in points) / 1.15, max(p[0] for p in points) * x_room
    y_low, y_high = log_range([v for p in points for v in p[1:]], 1.5, 1.8)
    right = max(p[0] for p in points)
    labels = [(right, found[-1][1], "%s %s" % (short_name(backend), words(found[-1][1])))
              for backend, found in lines]
    tables = {"curves.tsv": [[[legend(backend)]] + found for backend, found in lines],
              "labels.tsv": [spread_labels(labels, y_low, y_high, LABEL_GAP)]}
    types = " ".join(str(line_type(backend)) for backend, _ in lines)
    return Chart(name, title, caption, "curves.gp", SIZE, [x_low, x_high, y_low, y_high, types, axes], tables)


def _against(model, cells, key):
    """[(backend, points)] of the cells' values against an axis."""
    lines = []
    for backend in model.backends:
        found = [point(cell.number(key), series.values) for cell in cells
                 for series in [model.get(cell, backend)] if series is not None and series.usable and cell.number(key)]
        if found:
            lines.append((backend, sorted(found)))
    return lines


def _is_curve(lines):
    return len({p[0] for _, found in lines for p in found}) > 1


# --- latency --------------------------------------------------------------------------------------

def latencies(model, group):
    """A chart for each workload of the group, of its largest cell; or why there is none."""
    charts = [chart for workload, what in LATENCIES if workload.startswith(group + "/")
              for chart in [_latency(model, workload, what)] if chart]
    return charts or ["no sample of %s/* holds the counts of its latencies" % group]


def _latency(model, workload, what):
    cells = model.of_workload(workload)
    for cell in sorted(cells, key=lambda cell: (-min(ENOUGH, _count(model, cell)), -cells.index(cell))):
        lines = [(backend, points) for backend in model.backends for points in [_percentiles(model, cell, backend)]
                 if points]
        if lines:
            caption = ("%s: %s. The counts of all processes of a backend together; 90 is what nine of ten are at most, "
                       "and the end of a line is the largest of all." % (cell.name, what))
            return _chart("latency-" + workload.replace("/", "-"), "Latencies, " + workload, caption, "percentile",
                          lines, 6.0, nanoseconds)
    return None


def _count(model, cell):
    """How many latencies a process of the cell has, at most; that much of the curve's end can be seen."""
    found = [model.get(cell, backend) for backend in model.backends]
    return max((s["latency"]["count"] for series in found if series is not None for s in series.good if s.get("latency")),
               default=0)


def _percentiles(model, cell, backend):
    """Points against 1 / (1 - p); the largest value stands where one value of all is above."""
    series = model.get(cell, backend)
    merged = histogram.of_samples(series.good) if series is not None else None
    if merged is None:
        return None
    found = [(1 / (1 - share) if share < 1 else merged.count, max(1, value)) for value, share, _ in merged.curve()]
    return [[x, y, y, y] for x, y in found]


# --- others ---------------------------------------------------------------------------------------

def working_set(model):
    cells = model.of_workload("switch/working_set")
    lines = _against(model, cells, "kib")
    if not _is_curve(lines):
        return "switch cost against working set needs switch/working_set at two sizes"
    alone = _alone(model, cells)
    if alone:
        lines.append(("the touching alone", alone))
    return _chart("working_set", "Switch cost against working set",
                  "One turn of a ring of 16 tasks, each of which touches that much memory of its own between two "
                  "switches; beside it what touching the same memory takes without switches.", "working_set", lines,
                  4.0, nanoseconds)


def _alone(model, cells):
    found = []
    for cell in cells:
        values = [s["alone_ns_per_op"] for b in model.backends for series in [model.get(cell, b)] if series is not None
                  for s in series.good if s.get("alone_ns_per_op")]
        if values:
            found.append(point(cell.number("kib"), values))
    return sorted(found)


def speedup(model):
    """Of one cell that several numbers of CPUs have: the smallest, which every backend runs."""
    for workload in ("parallel/nqueens", "parallel/fib"):
        cells = model.of_workload(workload)
        for n in sorted({c.number("n") for c in cells if c.number("n")}):
            lines = [(backend, gains) for backend, found in _against(model, [c for c in cells if c.number("n") == n], "P")
                     for gains in [_gains(found)] if len(gains) > 1]
            if lines:
                counts = sorted({p[0] for _, gains in lines for p in gains})
                lines.append(("perfect", [[p, p, p, p] for p in counts]))
                return _chart("speedup", "Speed-up over CPUs", "%s/n:%d: the median time on one CPU over the times on P."
                              % (workload, n), "speedup", lines, 2.0, lambda y: figure(y) + "x")
    return "speed-up over CPUs needs parallel/* on one CPU and on several"


def _gains(points):
    base = next((p[1] for p in points if p[0] == 1), None)
    return [[p[0], base / p[1], base / p[3], base / p[2]] for p in points] if base else []


def load(model):
    lines = _against(model, [c for c in model.of_workload("io/rest") if c.axes.get("load") != "max"], "load")
    if not _is_curve(lines):
        return "lateness against offered load needs io/rest at two loads; profile full has three"
    return _chart("load", "Lateness of answers against offered load",
                  "io/rest: the 99th percentile of the time from when a request was due to its answer, against the load "
                  "in percent of what the slowest backend can take.", "load", lines, 1.9, nanoseconds)
