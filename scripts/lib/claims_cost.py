"""The claims about what a task costs: its stack, its creation, a switch, a message, a request."""

from . import stats
from .claims_parts import (BESIDE, NO, PORT, TENTH, UNDECIDED, YES, Part, below, fastest, interval_of, missing, opposite,
                           port_words, ratio_part, side, usable, value_words, with_figures)
from .report_model import PLAIN, SUBJECT
from .report_words import count, count_bytes, figure, interval_words

MB, KIB = 1000 * 1000, 1024
GIB = 1 << 30
MILLION, THOUSANDS = 1_000_000, 100_000
SIGNIFICANT_NS = 1000
DEPTHS = 16          # how many times its parked size a stack must grow to be said to grow


# --- C1: size of a stack --------------------------------------------------------------------------

def stack_size(model):
    parts = [_thread_memory(model), _reserve(model)]
    question = "a parked task of gt takes at most 8 KiB"
    cell, series = _parked(model, SUBJECT)
    if series is None:
        return parts + [missing(question, "no reading of memory/parked")]
    interval = interval_of(series)
    words = "%s (%s), %s%s" % (value_words(series), interval_words(interval, count_bytes), cell.name,
                               port_words(model, cell))
    return parts + [Part(question, below(interval, 8 * KIB, True), words, [cell])]


def _thread_memory(model):
    question = "a parked thread takes 1 to 2 MB of memory"
    cell, series = _parked(model, PLAIN)
    if series is None:
        return missing(question, "no reading of memory/parked")
    interval = interval_of(series)
    words = "%s (%s), user and kernel, %s" % (value_words(series), interval_words(interval, count_bytes), cell.name)
    return Part(question, opposite(side(interval.low, interval.high, MB)), words, [cell])


def _reserve(model):
    """RLIMIT_STACK is what glibc reserves for a thread unless told otherwise; unlimited means its own default."""
    question, env = "its stack reserves 1 to 2 MB of addresses", model.run.machine.get("env", {})
    size, libc, arch = env.get("rlimit_stack"), str(env.get("libc", "")), env.get("arch")
    if not libc.startswith("glibc"):
        return missing(question, "no glibc, whose default RLIMIT_STACK would tell", optional=True)
    if size == "unlimited" and arch == "x86":
        return Part(question, YES, "2.00 MiB (RLIMIT_STACK is unlimited: glibc's default on x86-64)")
    if isinstance(size, bool) or not isinstance(size, int) or size <= 0:
        return missing(question, "the default size of a stack is not recorded in this run", optional=True)
    return Part(question, YES if MB <= size <= 2 * KIB * KIB else NO,
                "%s (RLIMIT_STACK, glibc's default)" % count_bytes(size))


def _parked(model, backend):
    """The cell of memory/parked with the largest n that the backend and, if possible, plain threads have."""
    best = (None, None)
    for cell in model.of_default("memory/parked"):
        series = usable(model, cell, backend)
        if series is not None and (usable(model, cell, PLAIN) is not None or best[0] is None):
            best = (cell, series)
    return best


# --- C2: how many ---------------------------------------------------------------------------------

def how_many(model):
    return [_many(model, SUBJECT), _few(model)]


def _reached(model, backend):
    """(n, cell, the limit's name or "") of the most tasks alive at once."""
    best = (0, None, "")
    for cell in model.of_workload("memory/capacity") + model.of_default("memory/parked"):
        series = model.get(cell, backend)
        for sample in series.samples if series else ():
            limit = sample["limit"] if sample["status"] == "limit" else None
            n = limit["reached"] if limit else cell.number("n") if sample["status"] == "ok" else None
            if n and n > best[0]:
                best = (n, cell, str((limit.get("name") or limit.get("errno") or "") if limit else ""))
    return best


def _many(model, backend):
    question = "a million tasks of gt live at once"
    n, cell, why = _reached(model, backend)
    if cell is None:
        return missing(question, "no cell of memory/capacity or memory/parked has run")
    state = YES if n >= MILLION else NO if why and "budget" not in why else UNDECIDED
    port = _reached(model, PORT)
    words = "%s at %s%s%s" % (count(n), cell.name, ", stopped by " + why if why else "",
                              "; go (port) %s" % count(port[0]) if port[0] else "")
    return Part(question, state, words, [cell])


def _few(model):
    question = "threads end below 100,000"
    n, cell, why = _reached(model, PLAIN)
    if cell is None or not why:
        return missing(question, "no limit of threads was reached", optional=cell is None)
    state = NO if n >= THOUSANDS else UNDECIDED if "budget" in why else YES
    return Part(question, state, "%s at %s, stopped by %s" % (count(n), cell.name, why), [cell])


# --- C3, C4, C5: creation, switches, messages -----------------------------------------------------

def creation(model):
    cells = [c for c in model.cells if c.group == "spawn" and "stack" not in c.axes]
    one = next((c for c in cells if c.workload == "spawn/one" and c.number("P") == 1), None)
    question, series = "creating a thread and joining it takes over 1 us", usable(model, one, PLAIN)
    if series is None:
        first = missing(question, "spawn/one/P:1 has not run")
    else:
        first = Part(question, opposite(below(interval_of(series), SIGNIFICANT_NS)), value_words(series), [one])
    parts = [first, ratio_part(model, "a task of gt costs at most a tenth of a thread", cells, PLAIN, TENTH)]
    pool = ratio_part(model, "against a task given to a pool of threads", cells, "pthread-pool", TENTH, optional=True)
    pool.state = BESIDE
    return parts + ([pool] if pool.cells else [])


def switching(model):
    default = [c for c in model.cells if c.group == "switch" and "stack" not in c.axes]

    def of(*workloads, cpus):
        return [c for c in default if c.workload in workloads and not c.is_free
                and (c.number("P") == 1) == (cpus == 1)]

    parts = []
    for what, workload, optional in (("yields on one CPU", "switch/yield", False),
                                     ("blocking hand-over on one CPU", "switch/handoff", False),
                                     ("with memory touched between switches", "switch/working_set", True)):
        for whose, other in (("plain pthread", PLAIN), ("the fastest way of OS threads", fastest(model))):
            parts.append(ratio_part(model, "%s: at most a tenth of %s" % (what, whose), of(workload, cpus=1), other, TENTH,
                                    optional=optional))
    parts.append(ratio_part(model, "between two CPUs, at most a tenth of the fastest way of OS threads",
                            of("switch/handoff", cpus=2), fastest(model), TENTH, optional=True))
    return parts


def messages(model):
    cells = [c for c in model.of_default("channel/ping_pong") if not c.is_free]
    parts = []
    for where, some in (("on one CPU", [c for c in cells if c.number("P") == 1]),
                        ("between two CPUs", [c for c in cells if c.number("P") != 1])):
        parts.append(ratio_part(model, "%s, at most a tenth of plain pthread" % where, some, PLAIN, TENTH))
        parts.append(ratio_part(model, "%s, at most a tenth of the fastest way of OS threads" % where, some,
                                fastest(model), TENTH))
    return parts


# --- C6: growth of stacks -------------------------------------------------------------------------

def stack_growth(model):
    return [_grows(model), _shrinks(model), _thread_is_fixed(model), _gigabyte(model)]


def _deepest(model, workload, backend):
    """(cell, series) of the deepest usable one, or None twice."""
    found = with_figures(model, [c for c in model.of_default(workload) if c.number("bytes")], backend)
    return max(found, key=lambda pair: pair[0].number("bytes")) if found else (None, None)


def _grows(model):
    """Of resident memory, as the claim's other parts: what is reserved tells nothing of growth."""
    question = "gt: what is resident grows with the depth of calls"
    cell, series = _deepest(model, "stack/grow", SUBJECT)
    parked_cell, parked = _parked(model, SUBJECT)
    if series is None or parked is None:
        return missing(question, "needs stack/grow and memory/parked")
    depth, rest = cell.number("bytes"), interval_of(parked)
    thread = usable(model, parked_cell, PLAIN)
    words = "%s deep, and %s (%s) while it waits" % (
        count_bytes(depth), count_bytes(stats.median(parked.values)), interval_words(rest, count_bytes))
    if thread and usable(model, cell, PLAIN):
        words += "; pthread %s deep, and %s while it waits" % (count_bytes(depth), count_bytes(stats.median(thread.values)))
    return Part(question, below(rest, depth / DEPTHS, True), words, [cell, parked_cell])


def _share_kept(series):
    """The Interval of what stays resident, as a share of the depth."""
    return interval_of(series, 1.0 / series.cell.number("bytes"))


def _shrinks(model):
    question = "gt: it shrinks afterwards"
    cell, series = _deepest(model, "stack/retained", SUBJECT)
    if series is None:
        return missing(question, "stack/retained has not run")
    share = _share_kept(series)
    port = usable(model, cell, PORT)
    words = "%s stay of %s, %s %% (%s)%s" % (
        count_bytes(stats.median(series.values)), count_bytes(cell.number("bytes")),
        figure(100 * stats.median(series.values) / cell.number("bytes")),
        interval_words(share.map(lambda v: 100 * v), lambda v: figure(v) + " %"),
        "; go (port) %s" % count_bytes(stats.median(port.values)) if port else "")
    return Part(question, below(share, 0.5, True), words, [cell])


def _thread_is_fixed(model):
    question = "pthread: what is resident does not follow the depth"
    found = with_figures(model, [c for c in model.of_default("stack/retained") if c.number("bytes")], PLAIN)
    found.sort(key=lambda pair: pair[0].number("bytes"))
    if len(found) < 2:
        return missing(question, "needs stack/retained at two depths")
    (low_cell, low), (high_cell, high) = found[0], found[-1]
    small, large = interval_of(low), interval_of(high)
    follows = side(small.low / large.high, small.high / large.low, 0.5)
    return Part(question, opposite(follows), "%s (%s) after %s, %s (%s) after %s: only the reserve is fixed" % (
        count_bytes(stats.median(low.values)), interval_words(small, count_bytes), count_bytes(low_cell.number("bytes")),
        count_bytes(stats.median(high.values)), interval_words(large, count_bytes),
        count_bytes(high_cell.number("bytes"))), [low_cell, high_cell])


def _gigabyte(model):
    question = "up to 1 GB"
    cell, series = _deepest(model, "stack/grow", SUBJECT)
    if series is not None and cell.number("bytes") >= GIB:
        return Part(question, YES, "%s deep" % count_bytes(cell.number("bytes")), [cell])
    return missing(question, "no cell is that deep", optional=True)


# --- C10: a task for each request -----------------------------------------------------------------

def requests(model):
    ram = model.run.machine["hw"].get("ram_bytes")
    return [_exhausts(model, PLAIN, ram), _exhausts(model, SUBJECT, ram)]


def _exhausts(model, backend, ram):
    thread = backend == PLAIN
    question = ("1000 threads for 1000 requests exhaust the memory" if thread
                else "1000 tasks of gt for 1000 requests do not")
    cells = [c for c in model.of_default("io/held") if c.number("n") == 1000]
    cell = cells[0] if cells else None
    series = usable(model, cell, backend)
    if series is None or isinstance(ram, bool) or not isinstance(ram, int) or ram <= 0:
        return missing(question, "needs io/held/n:1000 and the size of the memory", decisive=thread)
    each, held = interval_of(series), 1000 * stats.median(series.values)
    state = below(each.map(lambda v: 1000 * v), ram / 2, True)
    words = "%s of %s, %s a request (%s)%s" % (
        count_bytes(held), count_bytes(ram), count_bytes(held / 1000), interval_words(each, count_bytes),
        "" if thread else port_words(model, cell))
    return Part(question, opposite(state) if thread else state, words, [cell], decisive=thread)
