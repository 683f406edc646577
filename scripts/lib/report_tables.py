"""The tables of a report."""

from . import peers, report_beside, stats
from . import report_blocks as content
from .chart_bars import split_of
from .report_model import SUBJECT, verdict_words
from .report_series import KERNEL_MEMORY_FROM, MEMORY_PARTS, metric_of
from .report_words import (count, count_bytes, figure, interval_words, nanoseconds, per_op, ratio_words)

TIME_HEADER = [("cell", True), ("backend", True), ("time/op", False), ("interval", False), ("n", False),
               ("CPU time/op", False), ("switches/op", False), ("faults/op", False), ("gt / this", False),
               ("verdict", True)]
MEMORY_HEADER = [("cell", True), ("backend", True), ("bytes/task", False), ("interval", False), ("n", False),
                 ("user", False), ("page tables", False), ("kernel stack", False), ("slab", False),
                 ("gt / this", False), ("verdict", True)]
LATENESS_HEADER = [("cell", True), ("backend", True), ("p99", False), ("interval", False), ("n", False),
                   ("p50", False), ("p90", False), ("p99.9", False), ("max", False), ("CPU time/op", False),
                   ("gt / this, at p99", False), ("verdict", True)]
LATENESS = ("p50", "p90", "p999", "max")
LOUDEST = 8


def group(model, workloads):
    """The tables of one group: of times, of how late things were, of shares, of memory."""
    blocks = []
    cells = [(metric_of(w, c.axes.get("load")).kind, c) for w in workloads for c in model.of_workload(w)]
    timed, late = ([c for kind, c in cells if kind == wanted] for wanted in ("time", "lateness"))
    parked = [c for kind, c in cells if kind == "bytes" and c.workload != "stack/retained"]
    if timed:
        blocks.append(content.Table(TIME_HEADER, _rows(model, timed, _time_columns), True))
    if late:
        blocks.append(content.Table(LATENESS_HEADER, _rows(model, late, _lateness_columns), True))
    if "wake/unpark" in workloads:
        blocks.append(content.Paragraph("CPU time/op of wake/unpark is that of a wake-up: without what the waking task "
                                        "spends on waiting."))
    blocks += _shares(model, timed)
    blocks += report_beside.generator(model, timed) + report_beside.harness(model, timed)
    blocks += report_beside.alone(model, timed) + report_beside.waits(model, timed)
    blocks += report_beside.speedups(model, [c for c in timed if c.group == "parallel"])
    blocks += report_beside.idle(model, model.of_workload("wake/idle") if "wake/idle" in workloads else [],
                                 _ratio_columns)
    blocks += report_beside.retained(model, model.of_workload("stack/retained") if "stack/retained" in workloads
                                     else [], _ratio_columns)
    if parked:
        blocks.append(content.Table(MEMORY_HEADER, _rows(model, parked, _memory_columns), True))
    if "memory/capacity" in workloads:
        blocks.append(content.Paragraph("memory/capacity is a number of tasks, not a cost: see “Capacity and "
                                        "limits”."))
    return blocks


def _rows(model, cells, columns):
    rows = []
    for cell in cells:
        first = True
        for backend in model.backends:
            series = model.get(cell, backend)
            if series is None or (series.state == "skipped" and not series.good):
                continue
            cells_ = [(cell.name if first else "", "text"), (peers.label(backend), "text")] + columns(series)
            rows.append(cells_ + _ratio_columns(model, cell, series))
            first = False
    return rows


def _n(series):
    good, total = len(series.good), len(series.samples)
    return str(good) if good == total else "%d of %d" % (good, total)


def _value_columns(series, samples, values, write):
    if not values:
        return [("-", None), ("-", None), (_n(series), None)]
    return [(write(stats.median(values)), None), (interval_words(stats.median_interval(values), write), None),
            (_n(series), None)]


def measured(series):
    """The samples whose time may be shown: good ones, or all that are invalid when the series is."""
    if series.state == "invalid":
        return [s for s in series.samples if s["status"] in ("ok", "invalid")]
    return series.good


def _time_columns(series):
    samples = [s for s in measured(series) if s["ns_per_op"]]
    columns = _value_columns(series, samples, [s["ns_per_op"] for s in samples], nanoseconds)
    cpu = [s["cpu_ns_per_op"] for s in samples if s["cpu_ns_per_op"] is not None]
    columns.append((nanoseconds(stats.median(cpu)) if cpu else "-", None))
    columns.append((per_op(_rate(samples, ("voluntary_switches", "involuntary_switches"))), None))
    columns.append((per_op(_rate(samples, ("minor_faults", "major_faults"))), None))
    return columns


def _rate(samples, keys):
    """Median of a sum of usage counters per operation."""
    rates = []
    for sample in samples:
        usage, operations = sample["usage"], sample.get("operations")
        if usage and operations and all(isinstance(usage.get(key), int) for key in keys):
            rates.append(sum(usage[key] for key in keys) / operations)
    return stats.median(rates) if rates else None


def _lateness_columns(series):
    """Medians over the processes, each of which had percentiles of its own."""
    columns = _value_columns(series, series.good, series.values, nanoseconds)
    found = [s["latency"] for s in series.good if s.get("latency")]
    columns += [(report_beside.percentile(found, key), None) for key in LATENESS]
    cpu = [c for c in (s["cpu_ns_per_op"] if s.get("wakeup_cpu_ns") is None else s["wakeup_cpu_ns"]
                       for s in series.good) if c is not None]
    return columns + [(nanoseconds(stats.median(cpu)) if cpu else "-", None)]


def _shares(model, cells):
    """How evenly a mutex served its tasks."""
    rows = []
    for cell in cells:
        for backend in model.backends:
            series = model.get(cell, backend)
            found = [s for s in series.good if s.get("fairness") and s["operations"]] if series else []
            if found:
                least, most = (stats.median([s["fairness"][key] * s["fairness"]["tasks"] / s["operations"]
                                             for s in found]) for key in ("min", "max"))
                rows.append([(cell.name, "text"), (backend, "text"), (figure(least), None), (figure(most), None)])
    if not rows:
        return []
    return [content.Paragraph("The operations of the least and of the most favoured task, where an equal share is 1. "
                              "0 is a task that had nothing left to do when it came: a scheduler that lets one task "
                              "run on has no contention, and shows it here."),
            content.Table([("cell", True), ("backend", True), ("least", False), ("most", False)], rows, True)]


def _memory_columns(series):
    columns = _value_columns(series, series.good, series.values, count_bytes)
    split, memories = split_of(series), [s["memory"] for s in series.good if s["memory"]]
    if split is None:
        return columns + [("-", None)] * 4
    noise = stats.median([(m["noise_bytes"] or 0) / m["n"] for m in memories if m["n"]])
    few = series.cell.number("n") is not None and series.cell.number("n") < KERNEL_MEMORY_FROM
    for key, part in zip(MEMORY_PARTS, split):
        if key != "user_bytes" and few:
            columns.append(("n < %d" % KERNEL_MEMORY_FROM, None))
        else:
            columns.append((_part_words(part, noise), None))
    return columns


def _part_words(part, noise):
    """Bytes per task of one kind; below the noise of the probe only that bound is known."""
    if part > noise:
        return count_bytes(part)
    return "< " + count_bytes(noise) if noise > 0 else "0 B"


def _ratio_columns(model, cell, series):
    if series.state != "ok":
        return [("-", None), (series.reason, "why bad")]
    if series.backend == SUBJECT:
        headline = model.headline(cell)
        return [("", None), ("" if headline else "no headline: " + model.why_no_headline(cell), "why")]
    comparison = model.compare(cell, SUBJECT, series.backend)
    ratio = ratio_words(comparison.ratio) if comparison else "-"
    headline = model.headline(cell)
    if headline is not None and headline.other is series:
        kind = "why differs" if headline.verdict == stats.DIFFERS else "why"
        return [(ratio, None), ("fastest; " + verdict_words(headline), kind)]
    return [(ratio, None), ("; ".join(series.remarks), "why")]


# --- limits, skipped, noise -----------------------------------------------------------------------

def limits(model):
    rows = []
    for cell in model.cells:
        first = True
        for backend in model.backends:
            series = model.get(cell, backend)
            for limit, samples in _by_limit(series):
                rows.append([(cell.name if first else "", "text"), (peers.label(backend), "text"),
                             (count(limit["reached"]), None), (str(limit["errno"] or "unknown"), "text"),
                             (_limit_value(limit), "text"), (str(len(samples)), None),
                             (samples[0]["reason"] or "", "why")])
                first = False
    if not rows:
        return [content.Paragraph("No cell of this run ended at a limit of the system.")]
    header = [("cell", True), ("backend", True), ("reached", False), ("errno", True), ("limit", True),
              ("replicates", False), ("in words", True)]
    return [content.Paragraph("A limit that was reached is a result. Each was found in a process of its own, with "
                              "everything else that ran on the machine counting against the same limit."),
            content.Table(header, rows, True)]


def _by_limit(series):
    found = {}
    for sample in series.samples if series else ():
        if sample["status"] == "limit" and sample["limit"]:
            limit = sample["limit"]
            key = (limit["reached"], str(limit["errno"]), str(limit.get("name")))
            found.setdefault(key, (limit, []))[1].append(sample)
    return [found[key] for key in sorted(found)]


def _limit_value(limit):
    name, value = limit.get("name"), limit.get("value")
    if not name:
        return "unknown"
    return name if value is None else "%s = %s" % (name, value)


def absent(model):
    """Every replicate without a usable value, by backend, ending and reason; then what the plan left out."""
    found = {}
    for sample in model.samples:
        if sample["status"] not in ("ok", "limit"):
            key = (sample["status"], sample["backend"], sample["reason"] or "no reason recorded")
            found.setdefault(key, {}).setdefault(sample["cell"], []).append(sample)
    order = ("failed", "crashed", "timeout", "invalid", "skipped")
    rows = []
    for key in sorted(found, key=lambda k: (order.index(k[0]), k[1], k[2])):
        status, backend, reason = key
        rows.append([(status, "text" if status == "skipped" else "text bad"), (backend, "text"), (reason, "why"),
                     (str(sum(map(len, found[key].values()))), None), (", ".join(sorted(found[key])), "why")])
    header = [("how", True), ("backend", True), ("why", True), ("replicates", False), ("cells", True)]
    blocks = [content.Table(header, rows)] if rows else [content.Paragraph("Nothing was skipped, invalid or failed.")]
    return blocks + _left_out(model.run.plan)


def _left_out(plan):
    """plan.json is read for this one list, and trusted no further than its types."""
    entries = plan.get("left_out")
    entries = [e for e in entries if isinstance(e, dict)] if isinstance(entries, list) else []
    if not entries:
        return []
    rows = [[(str(e.get("cell")), "text"), (str(e.get("reason")), "why")] for e in entries]
    return [content.Paragraph("In the profile, but left out because it would not have fitted:"),
            content.Table([("cell", True), ("why", True)], rows)]


def loudest(model):
    """The series with the widest spread: where doubt is best placed."""
    spreads = []
    for series in model.series.values():
        if series.state == "ok" and len(series.values) > 1:
            middle = stats.median(series.values)
            spreads.append((max(series.values) / min(series.values), middle, series))
    spreads.sort(key=lambda item: (-item[0], item[2].cell.name, item[2].backend))
    rows = []
    for spread, middle, series in spreads[:LOUDEST]:
        rows.append([(series.cell.name, "text"), (series.backend, "text"), (str(len(series.values)), None),
                     (figure(min(series.values) / middle), None), (figure(max(series.values) / middle), None),
                     (figure(spread) + "x", None)])
    header = [("cell", True), ("backend", True), ("n", False), ("smallest / median", False),
              ("largest / median", False), ("largest / smallest", False)]
    return [content.Paragraph("The series with the widest spread:"), content.Table(header, rows)] if rows else []
