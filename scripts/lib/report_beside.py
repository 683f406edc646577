"""What a report shows beside the cost of an operation: the same work without tasks, the speed-up over CPUs, how long
things waited in cells whose cost is a time, and results that are neither a time per operation nor a lateness."""

from . import peers, profiles, stats
from . import report_blocks as content
from .report_series import GENERATOR_LIMIT
from .report_words import count_bytes, figure, interval_words, nanoseconds

CELL = [("cell", True), ("backend", True)]
HARNESS = ("One turn of the loop without its operation (a spawn is a call, a yield and a lock are nothing, a channel "
           "counts) takes: %s.%s It is part of every backend's figures alike and is never subtracted. It is negligible "
           "up to 2 %% of a figure, or 0.3 ns. %s")
ESTIMATE = " “About” is an estimate: a loop that cannot run without its operation, by one that does as much in a turn."
P999_FROM = 10_000
WAITS = ("p50", "p90", "p99", "p999", "max")


def _lines(model, cells, columns):
    """Rows of cell, backend and what columns(series) gives; series for which it gives nothing are left out."""
    rows = []
    for cell in cells:
        first = True
        for backend in model.backends:
            series = model.get(cell, backend)
            found = columns(series) if series is not None and series.good else None
            if found:
                rows.append([(cell.name if first else "", "text"), (peers.label(backend), "text")] + found)
                first = False
    return rows


def alone(model, cells):
    """What the same work costs in one task, where the workload says so."""
    def columns(series):
        pairs = [(s["alone_ns_per_op"], s["ns_per_op"]) for s in series.good
                 if s.get("alone_ns_per_op") and s["ns_per_op"]]
        if not pairs:
            return None
        ratio = stats.median([whole / part for part, whole in pairs])
        return [(nanoseconds(stats.median([part for part, _ in pairs])), None),
                (nanoseconds(stats.median([whole for _, whole in pairs])), None), (figure(ratio) + "x", None)]

    rows = _lines(model, cells, columns)
    if not rows:
        return []
    return [content.Paragraph("The same work in one task, as plain calls, measured in the same process before the "
                              "region. It is shown beside the cost and never subtracted. With P CPUs perfect use of "
                              "them would be 1/P of it."),
            content.Table(CELL + [("alone/op", False), ("time/op", False), ("of alone", False)], rows, True)]


def harness(model, cells):
    """What the loop itself takes of the figures, where that is more than a fiftieth and more than 0.3 ns."""
    measured = [c for c in dict.fromkeys(c.workload for c in cells) if c in model.harness]
    likes = [c for c in dict.fromkeys(c.workload for c in cells) if _like(model, c)]
    if not measured and not likes:
        return []

    def columns(series):
        own = _loop_ns(model, series) if series.usable else None
        figure_ns = stats.median(series.values) if own else None
        if not own or own <= max(profiles.HARNESS_SHARE * figure_ns, profiles.HARNESS_NS):
            return None
        about = "about " if series.cell.workload in likes else ""
        return [(nanoseconds(figure_ns), None), (about + nanoseconds(own), None),
                ("%s%s %%" % (about, figure(100 * own / figure_ns)), None)]

    words = ["%s %s" % (case, nanoseconds(model.harness[case])) for case in measured]
    words += ["%s about %s%s, as %s" % (case, nanoseconds(model.harness[_like(model, case)]),
                                        " a message" if case in profiles.HARNESS_MANY else "", _like(model, case))
              for case in likes]
    rows = _lines(model, cells, columns)
    where = "It is more than that in these cells:" if rows else "It is nowhere more than that."
    blocks = [content.Paragraph(HARNESS % ("; ".join(words), ESTIMATE if likes else "", where))]
    if rows:
        blocks.append(content.Table(CELL + [("time/op", False), ("loop alone", False), ("share", False)], rows, True))
    return blocks


def _like(model, workload):
    """The case whose loop stands for that of another; None where it has one of its own, or none was measured."""
    like = profiles.HARNESS_LIKE.get(workload)
    return like if workload not in model.harness and like in model.harness else None


def _loop_ns(model, series):
    """Of one operation; an estimate where another loop stands for it. None where nothing is known."""
    workload = series.cell.workload
    own = model.harness.get(workload, model.harness.get(_like(model, workload)))
    if own is None or workload not in profiles.HARNESS_MANY:
        return own
    turns = series.median_of(lambda s: s["ledger"]["sent"] / s["operations"]
                             if s["operations"] and s["ledger"] and s["ledger"].get("sent") else None)
    return own * turns if turns else None


def speedups(model, cells):
    """Time at P:1 over time at more CPUs, for cells that differ in nothing else."""
    single = {_without_p(cell): cell for cell in cells if cell.number("P") == 1}

    def columns(series):
        base = single.get(_without_p(series.cell))
        one = model.get(base, series.backend) if base is not None else None
        if series.cell.number("P") == 1 or one is None or not one.usable or not series.usable:
            return None
        gain = stats.median(one.values) / stats.median(series.values)
        return [(figure(gain) + "x", None), (figure(100 * gain / series.cell.number("P")) + " %", None)]

    rows = _lines(model, cells, columns)
    if not rows:
        return []
    return [content.Paragraph("Speed-up: the median cost at P:1 over that at more CPUs, of the same backend. 100 % is "
                              "all of the CPUs."),
            content.Table(CELL + [("speed-up", False), ("of the CPUs", False)], rows, True)]


def _without_p(cell):
    return (cell.workload, tuple(sorted((k, v) for k, v in cell.axes.items() if k not in ("P", "place"))))


def percentile(latencies, key):
    """The median over processes; of p99.9 only where each has values enough for it."""
    if not latencies or key == "p999" and min(latency["count"] for latency in latencies) < P999_FROM:
        return "-"
    return nanoseconds(stats.median([latency[key] for latency in latencies]))


def waits(model, cells):
    """Percentiles of cells whose cost is something else."""
    def columns(series):
        found = [s["latency"] for s in series.good if s.get("latency")]
        if not found:
            return None
        return [(percentile(found, key), None) for key in WAITS]

    rows = _lines(model, cells, columns)
    if not rows:
        return []
    header = CELL + [("p50", False), ("p90", False), ("p99", False), ("p99.9", False), ("max", False)]
    return [content.Paragraph("How long things waited, medians over the processes; p99.9 from %d values in each on:"
                              % P999_FROM),
            content.Table(header, rows, True)]


def generator(model, cells):
    """How much of its time the load generator worked, where its clients wait for answers."""
    def columns(series):
        if series.load_busy is None:
            return None
        return [(figure(series.load_busy / 10) + " %", None), ("limited by the load generator" if series.is_limited
                                                               else "", "why")]

    rows = _lines(model, cells, columns)
    if not rows:
        return []
    return [content.Paragraph("How much of its time the load generator worked, medians over the processes. From %d %% on "
                              "the figure is the generator's as much as the backend's, and a ratio with it is not judged:"
                              % (GENERATOR_LIMIT // 10)),
            content.Table(CELL + [("busy", False), ("", True)], rows, True)]


def plain_values(model, cells, header, write, ratios):
    """A table of one value with its interval, for what is no time per operation."""
    def columns(series):
        if not series.values:
            return None
        return [(write(stats.median(series.values)), None),
                (interval_words(stats.median_interval(series.values), write), None),
                (str(len(series.values)), None)] + ratios(model, series.cell, series)

    rows = _lines(model, cells, columns)
    head = CELL + [(header, False), ("interval", False), ("n", False), ("gt / this", False), ("verdict", True)]
    return [content.Table(head, rows, True)] if rows else []


def idle(model, cells, ratios):
    return plain_values(model, cells, "CPU time in 1 s", nanoseconds, ratios)


def retained(model, cells, ratios):
    return plain_values(model, cells, "resident bytes/task", count_bytes, ratios)
