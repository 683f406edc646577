"""The claims about tasks that wait: starving, blocking, calls to a slow server, idling."""

from . import peers, stats
from .claims_parts import (NO, PORT, UNDECIDED, YES, Part, below, interval_of, missing, port_words, rate_words,
                           ratio_part, switches_per_op, usable, value_words, with_figures)
from .report_model import PLAIN, SUBJECT
from .report_words import figure, interval_words, nanoseconds, ratio_words

STARVED_NS, SERVED_NS = 100e6, 10e6
BLOCKS = 0.5
ANSWER_NS = 10e6           # how long the server of io/api_calls takes
TIMES_THE_SLOWEST = 2
IDLE_NS = 10e6             # 1 % of the second that wake/idle lasts


# --- C7 -------------------------------------------------------------------------------------------

def starving(model):
    return [_late(model, "off", "without a remedy, tasks beside hogs starve"),
            _late(model, "on", "with gt's remedy, which is its default, too", optional=True)]


def _late(model, remedy, question, **flags):
    found = with_figures(model, [c for c in model.of_default("wake/hog") if c.axes.get("remedy") == remedy], SUBJECT)
    if not found:
        return missing(question, "wake/hog with remedy:%s has not run" % remedy, **flags)
    cell, series = max(found, key=lambda pair: stats.median(pair[1].values))
    interval = interval_of(series)
    decides = not interval.is_range
    state = (YES if decides and interval.low > STARVED_NS else NO if decides and interval.high < SERVED_NS
             else UNDECIDED)
    thread = usable(model, cell, PLAIN)
    words = "p99 of the lateness: %s (%s), %s%s%s" % (
        value_words(series), interval_words(interval, nanoseconds), cell.name,
        "; " + value_words(thread) if thread else "", port_words(model, cell))
    return Part(question, state, words, [cell], **flags)


# --- C8 -------------------------------------------------------------------------------------------

def blocking(model):
    return [_lets_others_run(model, what, workload) for what, workload in (
        ("network input", "io/echo"), ("sleep", "wake/timer"), ("a channel", "channel/ping_pong"),
        ("a lock (a semaphore that is taken)", "switch/handoff"))]


def _lets_others_run(model, what, workload):
    """Of the cells with more tasks than CPUs, hence those of pairs on one CPU only."""
    found = []
    for cell in model.of_default(workload):
        series = model.get(cell, SUBJECT)
        if series is None or series.state != "ok" or workload in ("channel/ping_pong", "switch/handoff") and cell.number("P") != 1:
            continue
        rates = switches_per_op(series)
        if rates:
            found.append((rates, cell))
    if not found:
        return missing(what, "%s has no figure" % workload)
    rates, cell = max(found, key=lambda pair: stats.median(pair[0]))
    interval, thread = stats.median_interval(rates), model.get(cell, PLAIN)
    others = switches_per_op(thread) if thread is not None else []
    words = "%s switches of the kernel per operation (%s), %s%s" % (
        rate_words(stats.median(rates)), interval_words(interval, lambda v: figure(v, 2)), cell.name,
        "; pthread %s" % rate_words(stats.median(others)) if others else "")
    return Part(what, below(interval, BLOCKS), words, [c for _, c in found])


# --- C12 ------------------------------------------------------------------------------------------

def api_calls(model):
    return [_in_time_of_the_slowest(model),
            ratio_part(model, "a request in flight takes at most half the memory of one on a thread",
                       model.of_default("io/held"), PLAIN, 0.5)]


def _in_time_of_the_slowest(model):
    question = "all calls together take at most twice as long as one"
    found = with_figures(model, [c for c in model.of_default("io/api_calls") if c.number("c")], SUBJECT)
    if not found:
        return missing(question, "io/api_calls has not run")
    cell, series = max(found, key=lambda pair: pair[0].number("c"))
    calls = cell.number("c")
    interval = interval_of(series, calls)
    others = ["%s %s" % (peers.label(b), nanoseconds(calls * stats.median(s.values))) for b in (PLAIN, PORT)
              for s in [usable(model, cell, b)] if s is not None]
    words = "%d calls in %s (%s), one after another %s%s" % (
        calls, nanoseconds(calls * stats.median(series.values)), interval_words(interval, nanoseconds),
        nanoseconds(calls * ANSWER_NS), "".join("; " + one for one in others))
    return Part(question, below(interval, TIMES_THE_SLOWEST * ANSWER_NS), words, [cell])


# --- C15 ------------------------------------------------------------------------------------------

def idling(model):
    question = "parked tasks take less than 1 % of a CPU"
    found = with_figures(model, model.of_default("wake/idle"), SUBJECT)
    if not found:
        return [missing(question, "wake/idle has not run")]
    cell, series = max(found, key=lambda pair: stats.median(pair[1].values))
    interval, thread = interval_of(series), model.compare(cell, SUBJECT, PLAIN)
    words = "%s of CPU time in 1 s (%s), %s %%, %s%s%s" % (
        nanoseconds(stats.median(series.values)), interval_words(interval, nanoseconds),
        figure(stats.median(series.values) / 1e7, 2), cell.name,
        "; %s times that of pthread" % ratio_words(thread.ratio) if thread else "", port_words(model, cell))
    return [Part(question, below(interval, IDLE_NS), words, [cell])]
