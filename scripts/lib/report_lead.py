"""The first sentences of a report: one for each thing that a reader asks first, where the run has it.

Which cell stands for a workload is decided by its name, never by its figures.
"""

from . import peers, stats
from .report_model import PLAIN, SUBJECT, verdict_words
from .report_words import clean, count, count_bytes, nanoseconds, phrase, ratio_words

# (what, workload, CPUs or None for any, axes that are preferred).
FIRST = (
    ("Creating one task and waiting for it, on one CPU", "spawn/one", 1, {}),
    ("Each of 1000 tasks of a spawn storm, on several CPUs", "spawn/storm", 2, {"n": "1000", "temp": "warm"}),
    ("One yield", "switch/yield", 1, {"n": "2"}),
    ("One message one way between two tasks on one CPU", "channel/ping_pong", 1, {"cap": "0"}),
    ("The same between two CPUs", "channel/ping_pong", 2, {"cap": "0", "place": "same-llc"}),
    ("One message from a producer to a consumer", "channel/prod_cons", 2, {"p": "1"}),
    ("A first call 64 KiB deep in a fresh task", "stack/grow", 1, {"bytes": "65536"}),
    ("The memory of one parked task", "memory/parked", None, {"n": "10000"}),
    ("One locked section among 100 tasks", "sync/mutex", 2, {"n": "100"}),
    ("How late 99 of 100 sleeps end at most", "wake/timer", 2, {"n": "100"}),
    ("Each solution of the n queens problem, on several CPUs", "parallel/nqueens", 2, {}),
    ("One answer of a service under full load", "io/rest", 1, {"load": "max"}),
)


def sentences(model):
    found = []
    for what, workload, cpus, axes in FIRST:
        headlines = [h for h in model.headlines if h.cell.workload == workload and "stack" not in h.cell.axes
                     and (cpus is None or h.cell.number("P") == cpus)]
        if headlines:
            chosen = max(headlines, key=lambda h: sum(h.cell.axes.get(k) == v for k, v in axes.items()))
            exact = all(chosen.cell.axes.get(k) == v for k, v in axes.items())
            found.append(sentence(model, chosen, what if exact else phrase(chosen.cell)))
    return found + capacities(model)


def capacities(model):
    """How many tasks there were at once, on each backend, and what stopped them: one sentence for each cell."""
    found = []
    for cell in model.of_workload("memory/capacity"):
        ends = []
        for backend in model.backends:
            series = model.get(cell, backend)
            limits = [s["limit"] for s in series.samples if s["status"] == "limit" and s["limit"]] if series else []
            if limits:
                best = max(limits, key=lambda limit: limit["reached"])
                ends.append("%s %s (%s)" % (peers.label(backend), count(best["reached"]), limit_words(best)))
        if ends:
            found.append(clean("Tasks alive at once, and what stopped them: %s (%s)." % (", ".join(ends), cell.name), 700))
    return found


def limit_words(limit):
    """pid_max 32768"""
    name, value = limit.get("name") or limit.get("errno") or "unknown", limit.get("value")
    return "%s%s%s" % (name, "" if value is None else " %s" % value, " s" if name == "time budget" else "")


def sentence(model, headline, what):
    """Creating one task and waiting for it: gt takes 1/3.3 (..) of pthread-pool, the fastest way of OS threads, and
    1/705 (..) of pthread; 34.6 ns, 116 ns, 24.3 us (spawn/one/P:1). Differs: gt costs less."""
    cell, other = headline.cell, headline.other
    write = count_bytes if other.metric.kind == "bytes" else nanoseconds
    text = "%s: %s takes %s of %s, the fastest way of OS threads%s" % (
        what[:1].upper() + what[1:], SUBJECT, ratio_words(headline.ratio), other.backend,
        "" if model.has_whole_family else " that was run")
    values = [headline.subject, other]
    plain = model.compare(cell, SUBJECT, PLAIN) if other.backend != PLAIN else None
    if plain is not None:
        text += ", and %s of %s" % (ratio_words(plain.ratio), PLAIN)
        values.append(plain.other)
    verdict = verdict_words(headline)
    figures = ", ".join("%s %s" % (s.backend, write(stats.median(s.values))) for s in values)
    return clean("%s; %s (%s). %s." % (text, figures, cell.name, verdict[:1].upper() + verdict[1:]), 700)
