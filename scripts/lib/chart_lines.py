"""Curves: spawn rate against n, memory against n, stack cost against depth."""

from . import chart_dots
from .chart_base import (Chart, SECOND_VARIANT, legend, line_type, log_range, point, spread_labels)
from .report_series import total_above_noise
from .report_words import count, count_bytes, figure, nanoseconds

ROOM_FOR_LABELS = 40.0
NEAR = 3.0      # so much farther along, a cross is beside the words of another
STACK_PANELS = ("grow", "grow_warm", "regrow")


def _rate_words(rate):
    for size, unit in ((1e6, " M/s"), (1e3, " k/s")):
        if rate >= size:
            return figure(rate / size) + unit
    return figure(rate) + "/s"


# --- spawn rate -----------------------------------------------------------------------------------

def spawn(model):
    """One Chart per number of CPUs; dots when there is one n only; or why there is none."""
    cells = [c for c in model.of_workload("spawn/storm") if c.number("n")]
    charts = [_spawn_at(model, [c for c in cells if c.axes.get("P") == cpus], cpus)
              for cpus in sorted({c.axes.get("P", "") for c in cells}, key=lambda p: (len(p), p))]
    charts = [chart for chart in charts if chart is not None]
    if charts:
        return charts
    points = chart_dots.of_workloads(model, "spawn", "Spawning", ("spawn/one", "spawn/storm", "spawn/parked_storm"))
    return [points] if points else "no backend has a value for spawn/*"


def _spawn_at(model, cells, cpus):
    lines = []
    for backend in model.backends:
        for temp in ("warm", "cold"):
            points = []
            for cell in cells:
                series = model.get(cell, backend)
                if cell.axes.get("temp", "warm") == temp and series is not None and series.usable:
                    points.append(point(cell.number("n"), [1e9 / v for v in series.values]))
            if points:
                kind = line_type(backend) + (SECOND_VARIANT if temp == "cold" else 0)
                lines.append(("%s, %s" % (legend(backend), temp), kind, sorted(points)))
    if not lines or len({p[0] for _, _, points in lines for p in points}) < 2:
        return None
    ends = [(points[-1][0], points[-1][1], "%s %s" % (title.replace(", warm", ""), _rate_words(points[-1][1])))
            for title, kind, points in lines if kind < SECOND_VARIANT or not any(k < SECOND_VARIANT for _, k, _ in lines)]
    caption = ("P = %s. Tasks per second of wall time, spawn to the end of the wait; higher is better. "
               "cold: the first storm of a process; warm: after one like it." % (cpus or "not recorded"))
    return _curves("spawn-p%s" % (cpus if cpus.isdigit() else "x"), "Spawn rate against the size of the storm",
                   caption, "spawn", lines, ends, {})


# --- memory ---------------------------------------------------------------------------------------

def memory(model):
    lines, ceilings = [], {}
    for backend in model.backends:
        points = _memory_points(model, backend)
        reached = ceiling(model, backend)
        if points:
            n, total = points[-1][:2]
            title = "%s, %s per task at n = %s" % (legend(backend), count_bytes(total / n), count(n))
            lines.append((title, line_type(backend), points))
            if reached:
                ceilings[len(lines) - 1] = (backend,) + reached
    if not lines:
        return "no backend has a memory reading for memory/parked"
    if not ceilings and len({p[0] for _, _, points in lines for p in points}) < 2:
        return "memory against n needs two values of n or a capacity; this run has one value of n"
    labels, marks = [], {}
    for index, (backend, reached, words) in ceilings.items():
        n, total = lines[index][2][-1][:2]
        marks[index] = [[n, total], [reached, total / n * reached]]
        near = min(other for _, other, _ in ceilings.values() if reached <= NEAR * other)     # no text over a cross
        labels.append((near, total / n * reached, "%s: %s" % (backend, words)))
    caption = ("User memory, page tables, kernel stacks and slab together, against the number of parked tasks. A "
               "cross is the highest number of tasks that memory/capacity reached and what stopped it; the dotted "
               "line to it is the last measured cost per task carried on, not a measurement.")
    return _curves("memory", "Memory of n parked tasks", caption, "memory", lines, labels, marks)


def _memory_points(model, backend):
    points = []
    for cell in model.of_default("memory/parked"):
        series = model.get(cell, backend)
        if series is None or series.state != "ok":
            continue
        totals = [total_above_noise(s["memory"]) for s in series.good if s["memory"] and s["memory"]["n"]]
        totals = [total for total in totals if total is not None]
        if totals and cell.number("n"):
            points.append(point(cell.number("n"), totals))
    return sorted(points)


def ceiling(model, backend):
    """(tasks, words) of the highest capacity reached, or None."""
    best = None
    for cell in model.of_workload("memory/capacity"):
        series = model.get(cell, backend)
        for sample in series.samples if series else ():
            limit = sample["limit"]
            if limit and limit["reached"] and (best is None or limit["reached"] > best[0]):
                why = ", ".join(w for w in (limit.get("errno"), limit.get("name")) if w)
                best = (limit["reached"], "%s (%s)" % (count(limit["reached"]), why or "unknown"))
    return best


def _curves(name, title, caption, axes, lines, labels, marks):
    xs = [p[0] for _, _, points in lines for p in points] + [m[1][0] for m in marks.values()]
    ys = [v for _, _, points in lines for p in points for v in p[1:]] + [m[1][1] for m in marks.values()]
    x_low, x_high = log_range(xs, 1.4, 4.0 if marks else ROOM_FOR_LABELS)
    y_low, y_high = log_range(ys, 2.5, 2.0)
    blocks = [[[title_]] + points for title_, _, points in lines]
    mark_blocks = [[["-"]] + mark for mark in marks.values()]
    mark_types = " ".join(str(lines[index][1]) for index in marks) or "1"
    ends = [m[1] for m in marks.values()] or [[None, None]]
    tables = {"lines.tsv": blocks, "marks.tsv": mark_blocks or [[[None, None]]], "ends.tsv": [ends],
              "labels.tsv": [spread_labels(labels, y_low, y_high, 0.045) or [[None, None, ""]]]}
    types = " ".join(str(kind) for _, kind, _ in lines)
    return Chart(name, title, caption, "lines.gp", (1000, 460), [x_low, x_high, y_low, y_high, types, axes, mark_types], tables)


# --- stack ----------------------------------------------------------------------------------------

def stack(model):
    panels = {panel: _stack_lines(model, "stack/" + panel) for panel in STACK_PANELS}
    points = [p for lines in panels.values() for line in lines.values() for p in line]
    if not points:
        return "no backend has a value for stack/*"
    if len({p[0] for p in points}) < 2:
        return chart_dots.of_workloads(model, "stack", "Stack cost at one depth",
                                       tuple("stack/" + panel for panel in STACK_PANELS))
    backends = [b for b in model.backends if any(b in lines for lines in panels.values())]
    x_low, x_high = log_range([p[0] for p in points], 1.5, 6.0)
    y_low, y_high = log_range([v for p in points for v in p[1:]], 1.6, 1.8)
    tables = {}
    for panel, lines in panels.items():
        tables[panel + ".tsv"] = [[[legend(b)]] + lines.get(b, [[None] * 4]) for b in backends]
        ends = [(line[-1][0], line[-1][1], nanoseconds(line[-1][1])) for line in lines.values()]
        tables[panel + "_labels.tsv"] = [spread_labels(ends, y_low, y_high, 0.045) or [[None, None, ""]]]
    caption = ("Cost of a call that recurses to a depth in 1 KiB frames, spawning included in grow and grow_warm; "
               "spawn/one is the same without the call.")
    return Chart("stack", "Stack cost against depth", caption, "stack.gp", (1000, 434),
                 [x_low, x_high, y_low, y_high, " ".join(str(line_type(b)) for b in backends)], tables)


def _stack_lines(model, workload):
    lines = {}
    for cell in model.of_workload(workload):
        for backend in model.backends:
            series = model.get(cell, backend)
            if series is not None and series.usable and cell.number("bytes"):
                lines.setdefault(backend, []).append(point(cell.number("bytes"), series.values))
    return {backend: sorted(points) for backend, points in lines.items()}
