"""One row per cell, one dot per backend: for cells that are not points of a curve."""

from . import peers, stats
from .chart_base import Chart, legend, line_type, log_range, point, short_name
from .report_words import nanoseconds

ROW_HEIGHT = 30
KEY_TOP, KEY_LINE = 36, 18
SHORT = 14             # letters of a name of which two stand side by side in the key
SHIFT = 0.16


def ping_pong(model):
    return _build(model, model.of_workload("channel/ping_pong"), "ping_pong",
                  "One message one way, by placement and capacity",
                  "A round trip is two operations, so it costs twice the figure. Rows marked free are left to "
                  "the schedulers: gt puts the pair together, the kernel spreads it, so no ratio is a headline there.",
                  "no backend has a value for channel/ping_pong")


def switch(model):
    """Without the cells that have a curve of their own."""
    cells = [cell for cell in model.cells if cell.group == "switch" and cell.workload != "switch/working_set"]
    return _build(model, cells, "switch", "Handing the CPU over",
                  "yield: a task gives way to the next of n on one CPU. handoff: two tasks pass a token and block.",
                  "no backend has a value for switch/*")


def of_workloads(model, name, title, workloads):
    """For curves of which the run has one point only; None when there is no value at all."""
    cells = [cell for cell in model.cells if cell.workload in workloads]
    chart = _build(model, cells, name, title, "The run has one size only, so there is no curve to draw.", "")
    return chart or None


def _build(model, cells, name, title, caption, absent):
    cells = [c for c in cells if any(_series(model, c, b) for b in model.backends)]
    backends = [b for b in model.backends if any(_series(model, c, b) for c in cells)]
    if not cells:
        return absent
    rows, bounds = [], []
    blocks = [[[legend(backend)]] for backend in backends]
    for y, cell in enumerate(cells, 1):
        figures = []
        for place, backend in enumerate(backends):
            series = _series(model, cell, backend)
            if series is not None:
                x = point(0, series.values)
                blocks[place].append([x[1], y + min(SHIFT, 0.7 / len(backends)) * (place - (len(backends) - 1) / 2), x[2], x[3]])
                bounds += x[1:]
                if not peers.is_peer(backend):   # there is room for ours; the table has all
                    figures.append("%s %s" % (short_name(backend), nanoseconds(stats.median(series.values))))
        rows.append([y, _label(cell, cells), ", ".join(figures)])
    low, high = log_range(bounds)
    types = " ".join(str(line_type(b)) for b in backends)
    key = key_height([legend(b) for b in backends])
    return Chart(name, title, caption, "dots.gp", (1000, 62 + key + ROW_HEIGHT * len(rows)),
                 [len(rows), low, high, types, key, "time"], {"rows.tsv": [rows], "dots.tsv": blocks})


def key_height(names):
    """Pixels that gnuplot takes for the key: two columns, or one where a name is long."""
    rows = len(names) if max(map(len, names)) > SHORT else (len(names) + 1) // 2
    return KEY_TOP + KEY_LINE * rows


def _series(model, cell, backend):
    series = model.get(cell, backend)
    return series if series is not None and series.usable else None


def _label(cell, cells):
    """Without the workload where all rows share it."""
    shared = len({c.workload for c in cells}) == 1
    words = cell.name[len(cell.workload) + 1:] if shared else cell.label()
    return (words or cell.name) + (" (free)" if cell.is_free else "")
