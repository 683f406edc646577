"""The claims about several CPUs: slower on more, M on N, counters, locks."""

from . import peers, stats
from .claims_parts import (BESIDE, NO, UNDECIDED, YES, Part, below, missing, opposite, over_cpus, together,
                           usable, value_words, with_figures)
from .report_model import PLAIN, SUBJECT
from .report_words import figure, interval_words, nanoseconds, ratio_words

CHANNELS = ("channel/ping_pong", "channel/prod_cons", "channel/select", "channel/sieve")
COMPUTING = ("parallel/nqueens", "parallel/fib")
BUSY_GROUPS = ("spawn", "switch", "channel", "sync", "parallel")
KERNEL_STACK = 16 * 1024      # of an OS thread on x86-64 and ARM
FEW_THREADS = 0.1
BESIDE_BLOCKED = 1.1
LITTLE = 2.0


# --- C9 -------------------------------------------------------------------------------------------

def slower_on_more(model):
    question = "gt: messages cost more on several CPUs than on one"
    found = over_cpus(model, CHANNELS, SUBJECT)
    if not found:
        return [missing(question, "no cell of channel/* has run on one CPU and on several")]
    floor = 1.0 if model.floor is None else 1 + model.floor.percent / 100
    states = [_slower(ratio, floor) for _, _, ratio in found]
    words = "; ".join("%s: %s" % (cell.name, ratio_words(ratio)) for _, cell, ratio in found[:4])
    words += "; more on several CPUs in %d of %d" % (states.count(YES), len(found))
    if floor > 1:
        words += ", with a noise floor of %s %%" % figure(model.floor.percent, 2)
    others = [(b, over_cpus(model, CHANNELS, b)) for b in model.backends if b != SUBJECT]
    words += "".join("; %s in %d of %d" % (peers.label(b), sum(_slower(r, floor) == YES for _, _, r in pairs), len(pairs))
                     for b, pairs in others if pairs)
    return [Part(question, together(states), words, [c for one, many, _ in found for c in (one, many)])]


def _slower(ratio, floor):
    """Within the noise floor is neither, nor is a range."""
    if ratio.interval.is_range:
        return UNDECIDED
    if ratio.interval.low > 1 and ratio.value > floor:
        return YES
    return NO if ratio.interval.high < 1 and ratio.value < 1 / floor else UNDECIDED


# --- C11 ------------------------------------------------------------------------------------------

def many_on_few(model):
    return [_few_threads(model), _gains(model), _rest_goes_on(model), _cpu_time(model)]


def _few_threads(model):
    """OS threads are counted by the kernel stacks that came with the tasks."""
    question = "gt: at most one OS thread for ten tasks that wait"
    found = with_figures(model, [c for c in model.of_default("memory/parked") if c.number("n")], SUBJECT)
    if not found:
        return missing(question, "memory/parked has not run")
    cell, series = max(found, key=lambda pair: (usable(model, pair[0], PLAIN) is not None, pair[0].number("n")))
    threads = _threads(series)
    interval = stats.median_interval([count / cell.number("n") for count in threads])
    other = _threads(usable(model, cell, PLAIN))
    words = "%s more OS threads, by their kernel stacks, for %s tasks, %s%s" % (
        figure(stats.median(threads)), cell.number("n"), cell.name,
        "; pthread %s" % figure(stats.median(other)) if other else "")
    return Part(question, below(interval, FEW_THREADS, True), words, [cell])


def _threads(series):
    """Of every process whose kernel stacks could be read."""
    read = [(sample["memory"] or {}).get("kernel_stack_bytes") for sample in series.good] if series else []
    return [max(0, one) / KERNEL_STACK for one in read if one is not None]


def _cpu_time(model):
    """Beside: the affinity mask keeps every program to P CPUs, so that this can say of none that it takes more."""
    question = "CPU time, which the affinity mask bounds"
    found = []
    for cell in model.cells:
        series = usable(model, cell, SUBJECT)
        if series is None or cell.group not in BUSY_GROUPS or not cell.number("P"):
            continue
        shares = [s["cpu_ns_per_op"] / s["ns_per_op"] / cell.number("P") for s in series.good
                  if s["cpu_ns_per_op"] and s["ns_per_op"]]
        if shares:
            found.append((stats.median(shares), cell))
    if not found:
        return missing(question, "no cell has its CPU time", optional=True)
    share, cell = max(found, key=lambda pair: pair[0])
    return Part(question, BESIDE, "at most %s %% of P CPUs in %d cells, %s" % (figure(100 * share), len(found), cell.name),
                [cell])


def _gains(model):
    question = "gt computes faster on several CPUs"
    found = over_cpus(model, COMPUTING, SUBJECT)
    if not found:
        return missing(question, "parallel/* has not run on one CPU and on several")
    states = [opposite(_slower(r, 1.0)) for _, _, r in found]
    words = "; ".join("%s: %sx (%s)" % (cell.name, figure(1 / r.value), interval_words(
        stats.Interval(1 / r.interval.high, 1 / r.interval.low, r.interval.coverage, r.n), lambda v: figure(v) + "x"))
        for _, cell, r in found[:4])
    return Part(question, together(states), words, [c for one, many, _ in found for c in (one, many)])


def _rest_goes_on(model):
    question = "computing goes on beside blocked calls"
    found = with_figures(model, model.of_default("syscall/blocking"), SUBJECT)
    cell, series = found[-1] if found else (None, None)
    pairs = [(s["ns_per_op"], s["alone_ns_per_op"]) for s in series.good if s.get("alone_ns_per_op") and s["ns_per_op"]
             ] if series else []
    if not pairs:
        return missing(question, "syscall/blocking has no figure")
    interval = stats.median_interval([whole / alone for whole, alone in pairs])
    thread = usable(model, cell, PLAIN)
    words = "%s a piece, %s in one task without them: %s (%s), %s%s" % (
        value_words(series), nanoseconds(stats.median([alone for _, alone in pairs])),
        figure(stats.median([whole / alone for whole, alone in pairs])), interval_words(interval, figure), cell.name,
        "; " + value_words(thread) if thread else "")
    return Part(question, below(interval, BESIDE_BLOCKED), words, [cell])


# --- C13 ------------------------------------------------------------------------------------------

def counting(model):
    return [_nothing_lost(model), _owner_over_mutex(model)]


def _nothing_lost(model):
    question = "no increment is lost through an owner's channel"
    cells = [c for c in model.of_default("sync/counter") if c.axes.get("by") == "owner"]
    found = [s for s in (model.get(c, SUBJECT) for c in cells) if s is not None and s.state in ("ok", "failed")]
    if not found:
        return missing(question, "sync/counter by:owner has not run")
    bad = sum(1 for series in found for s in series.samples if s["status"] == "failed")
    total = sum(len(series.samples) for series in found)
    return Part(question, NO if bad else YES, "%d of %d processes counted right" % (total - bad, total),
                [s.cell for s in found], decisive=True)


def _owner_over_mutex(model):
    question = "it costs at most twice the mutex"
    found = []
    for cell in model.of_default("sync/counter"):
        if cell.axes.get("by") == "owner":
            other = next((c for c in model.of_default("sync/counter") if c.axes == dict(cell.axes, by="mutex")), None)
            ratio = _own_ratio(model, cell, other, SUBJECT)
            if ratio is not None:
                found.append((cell, other, ratio))
    if not found:
        return missing(question, "needs sync/counter by owner and by mutex")
    states = [below(ratio.interval, LITTLE) for _, _, ratio in found]
    cell, other, ratio = max(found, key=lambda item: item[2].value)
    words = "%s: %s, by mutex %s: %s" % (cell.name, value_words(usable(model, cell, SUBJECT)),
                                         nanoseconds(stats.median(usable(model, other, SUBJECT).values)),
                                         ratio_words(ratio))
    for backend in model.backends:
        own = _own_ratio(model, cell, other, backend) if backend != SUBJECT else None
        words += "; %s %s" % (peers.label(backend), ratio_words(own)) if own is not None else ""
    return Part(question, together(states), words, [c for one, two, _ in found for c in (one, two)])


def _own_ratio(model, cell, other, backend):
    """One cell over another of the same backend, paired by round."""
    one, two = usable(model, cell, backend), usable(model, other, backend)
    return stats.paired_ratio(one.by_round, two.by_round) if one and two else None


# --- C14 ------------------------------------------------------------------------------------------

def locking(model):
    return [_gains_nothing(model, backend) for backend in (SUBJECT, PLAIN)]


def _gains_nothing(model, backend):
    question = "%s: more CPUs bring nothing" % backend
    found = over_cpus(model, ("sync/mutex",), backend)
    if not found:
        return missing(question, "sync/mutex has not run on one CPU and on several", optional=backend != SUBJECT)
    floor = 1.0 if model.floor is None else 1 + model.floor.percent / 100
    states = [_slower(ratio, floor) for _, _, ratio in found]
    words = "; ".join("%s: %s the cost on one CPU" % (cell.name, ratio_words(r)) for _, cell, r in found[:3])
    words += "; the section is empty, and could hardly gain"
    return Part(question, together(states), words, [c for one, many, _ in found for c in (one, many)])
