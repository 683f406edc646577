"""Words and figures: how a number, a ratio or a name of unknown origin is written for people.

Text from result files passes clean() before it reaches a terminal, Markdown or a chart; html.py escapes on top.
"""

import math
import unicodedata

# What one operation is, and how a sentence about it begins: <workload>: (operation, phrase).
OPERATIONS = {
    "spawn/one": ("spawn one task and wait for it", "creating one task and waiting for it"),
    "spawn/storm": ("one task of a storm: spawn n empty tasks, wait for all", "each task of a spawn storm"),
    "spawn/parked_storm": ("one task of n that are all alive at once and are then released",
                           "each of n tasks alive at once"),
    "spawn/tree": ("one leaf of a tree of tasks that spawn tasks", "each leaf of a tree of tasks"),
    "switch/yield": ("one yield", "one yield"),
    "switch/yield_multi": ("one yield, several CPUs", "one yield on several CPUs"),
    "switch/handoff": ("one hand-over of a token between two tasks through semaphores", "one blocking hand-over"),
    "switch/line": ("one word from one CPU to the other by a store and a load; a round trip is two",
                    "a cache line's way from one CPU to another"),
    "switch/working_set": ("one hand-over in a ring of tasks that each touch memory", "one switch with cold caches"),
    "channel/ping_pong": ("one message one way; a round trip is two operations", "one message one way"),
    "channel/prod_cons": ("one message from a producer to a consumer", "one message from producer to consumer"),
    "channel/select": ("one message received by a select over k channels", "one message received by a select"),
    "channel/sieve": ("one prime of the first k, by a chain of filters over channels",
                      "each prime of a sieve of tasks"),
    "sync/mutex": ("one lock, section and unlock by any of n tasks", "one locked section among n tasks"),
    "io/echo": ("one echo of 64 bytes over loopback TCP, c connections with a task each; a closed loop",
                "one echo over loopback TCP"),
    "io/api_calls": ("one of c HTTP GETs made at once to a server that answers after 10 ms, gathered over a channel",
                     "one of c calls at once to a slow server"),
    "io/rest": ("one request to a REST service with a task for each. load is percent of what the slowest backend can "
                "take, and then the cost is how late the answer is at the 99th percentile, from when the request was "
                "due; load:max is a closed loop, and its cost a time", "how late 99 of 100 answers of a service are at most"),
    "io/held": ("one of n requests in flight, each waiting in a task of its own: its memory",
                "memory of one request in flight"),
    "sync/counter": ("one increment of a counter that n tasks share, by mutex, atomic or owner",
                     "one increment of a shared counter"),
    "wake/unpark": ("one wake-up of a task that waited for so many us; its cost is how late it runs, at the 99th "
                    "percentile", "how late 99 of 100 woken tasks run at most"),
    "wake/idle": ("one second in which n tasks are parked; its cost is the CPU time of the process",
                  "CPU time of an idle second"),
    "wake/timer": ("one sleep of 10 ms; its cost is how late it ends, at the 99th percentile",
                   "how late 99 of 100 sleeps end at most"),
    "wake/hog": ("one sleep beside h tasks that never yield; its cost is how late it ends, at the 99th percentile",
                 "how late 99 of 100 sleeps end at most beside tasks that never yield"),
    "parallel/fib": ("one spawn of the tree that computes a Fibonacci number",
                     "each spawn of a recursive fork and join"),
    "parallel/nqueens": ("one solution of the problem of n queens, by tasks for the first two rows",
                         "each solution of the n queens problem"),
    "syscall/blocking": ("one piece of computing beside n tasks in blocking reads",
                         "computing beside tasks in blocking system calls"),
    "stack/retained": ("not a time: bytes that stay resident of a stack that was so deep once",
                       "what stays resident after a deep call"),
    "stack/grow": ("one fresh task that recurses to the depth on pages not resident before",
                   "a first deep call in a fresh task"),
    "stack/grow_warm": ("one fresh task that recurses to the depth on whatever the backend pools",
                        "a deep call in a fresh task on a pooled stack"),
    "stack/regrow": ("the same deep call once more in the same task", "the same deep call again"),
    "memory/parked": ("one parked task: its bytes of user memory, page tables, kernel stack and slab",
                      "memory of one parked task"),
    "memory/capacity": ("not a time: the highest number of tasks alive at once, and what stopped it",
                        "tasks alive at once"),
}

# Where the value of an axis makes another cost of a workload: <workload, axis, value>: phrase.
PHRASES = {
    ("io/rest", "load", "max"): "each answer of a service that is asked again at once",
}


def operation(workload):
    return OPERATIONS.get(workload, ("one operation of " + workload, workload))[0]


def phrase(cell):
    """How a sentence about a report_cell.Cell begins."""
    other = [words for (workload, key, value), words in PHRASES.items()
             if cell.workload == workload and cell.axes.get(key) == value]
    return other[0] if other else OPERATIONS.get(cell.workload, ("", cell.workload))[1]


# --- text of unknown origin -----------------------------------------------------------------------

def clean(text, limit=400):
    """One line of printable characters: control, format (bidi, zero width), private, unassigned and surrogate
    characters become U+FFFD, every white space one blank."""
    out = []
    for char in str(text)[:limit + 1]:
        kind = unicodedata.category(char)
        if char in "\t\n\r\v\f" or kind in ("Zs", "Zl", "Zp"):
            out.append(" ")
        else:
            out.append("\ufffd" if kind[0] == "C" else char)
    line = " ".join("".join(out).split())
    return line[:limit] + "..." if len(line) > limit else line


def markdown(text, limit=600):
    """clean(), with what Markdown or the HTML inside it would act on made harmless."""
    out = []
    for char in clean(text, limit):
        out.append("&#%d;" % ord(char) if char in "\\`*_{}[]<>|&#!~@$" else char)
    line = "".join(out)
    return "&#%d;%s" % (ord(line[0]), line[1:]) if line[:1] in ("-", "+", "=") else line


# --- figures --------------------------------------------------------------------------------------

def figure(value, digits=3):
    """Three significant digits, never in powers of ten: 31.2, 0.0451, 32,420."""
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    rounded = round(value, digits - 1 - size)
    if rounded and math.floor(math.log10(abs(rounded))) > size:
        size += 1
    return "{:,.{}f}".format(rounded, max(0, digits - 1 - size))


def _scaled(value, steps):
    """The value in the last unit whose size it reaches, as it will be after rounding."""
    chosen = steps[0]
    for size, unit in steps:
        if abs(value) >= size * 0.9995:
            chosen = (size, unit)
    return figure(value / chosen[0]) + " " + chosen[1]


def nanoseconds(value):
    return _scaled(value, ((1, "ns"), (1e3, "us"), (1e6, "ms"), (1e9, "s")))


def count_bytes(value):
    return _scaled(value, ((1, "B"), (1024, "KiB"), (1024 ** 2, "MiB"), (1024 ** 3, "GiB")))


def count(value):
    return "{:,}".format(int(value))


def per_op(value):
    """A small rate per operation, where 0 matters."""
    return "-" if value is None else ("<0.001" if 0 < value < 0.001 else figure(value))


def ratio_style(ratio):
    """"under" (1/780), "over" (2.3) or "plain" (0.97): one style for a ratio and its interval."""
    low, high = ratio.interval.low, ratio.interval.high
    if low <= 1.0 <= high or 0.8 < ratio.value < 1.25:
        return "plain"
    return "under" if ratio.value < 1 else "over"


def ratio_figure(value, style):
    if style == "under":
        return "1/" + figure(1 / value)
    return figure(value) + ("x" if style == "over" else "")


def ratio_words(ratio):
    """1/780 (1/810-1/750); a range of too few values says so."""
    style = ratio_style(ratio)
    if ratio.interval.n == 1:
        return ratio_figure(ratio.value, style) + " (one value)"
    bounds = "%s to %s" % (ratio_figure(ratio.interval.low, style), ratio_figure(ratio.interval.high, style))
    kind = "range " if ratio.interval.is_range else ""
    return "%s (%s%s)" % (ratio_figure(ratio.value, style), kind, bounds)


def interval_words(interval, write):
    if interval.n == 1:
        return "one value"
    low, high = write(interval.low), write(interval.high)
    if low.split(" ")[1:] == high.split(" ")[1:]:
        low = low.split(" ")[0]
    text = "%s to %s" % (low, high)
    return "range " + text if interval.is_range else text
