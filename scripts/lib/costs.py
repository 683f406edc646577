"""Rough time of one process of a cell, for the plan that is printed before
anything has run. Nothing measured depends on it: the pilot and the first
replicate replace it as the session goes on.
"""

from . import cells, peers, profiles

START_SECONDS = 0.01    # an executable that starts, pins itself and ends

# Nanoseconds per operation on a 2-CPU virtual machine, to one digit: gt, the
# threads, the pool.
OPERATION_NS = {
    "spawn/one": (50, 30_000, 100),
    "spawn/storm": (80, 50_000, 100),
    "spawn/parked_storm": (300, 70_000, 0),
    "switch/yield": (30, 4_000, 0),
    "switch/handoff": (300, 5_000, 0),
    "switch/line": (100, 100, 0),
    "channel/ping_pong": (200, 5_000, 0),
    "channel/prod_cons": (20, 300, 0),
    "stack/grow": (60_000, 40_000, 0),
    "stack/grow_warm": (2_000, 40_000, 0),
    "stack/regrow": (1_000, 1_000, 0),
    "spawn/tree": (200, 70_000, 0),
    "channel/select": (100, 8_000, 0),
    "channel/sieve": (60, 6_000, 0),        # a message
    "sync/mutex": (200, 50, 0),
    "wake/timer": (1_000, 30_000, 0),
    "parallel/fib": (300, 70_000, 0),       # a spawn
}
TASK_NS = (500, 70_000, 0)          # to create one and to end it
YIELDS = 30                         # of one task in one round of switch/yield
THREADS = 32_768                    # alive at once, at most (pid_max)
PARKED_NS = (8_000, 150_000, 0)     # a task of memory/parked
SETTLE_SECONDS = 1.0                # until the kernel's own memory stands still
CAPACITY_SECONDS = (profiles.CAPACITY_SECONDS + 3, 4, 0)
PEER_FACTOR = {"go": 3}             # a peer, in units of gt; the others 10
HOG_SECONDS = 0.45                  # wake/hog, whatever runs beside
SLEEP_SECONDS = 0.01                # the shortest round of wake/timer
PILOTS = 2                          # processes of one pilot


def process_seconds(cell, backend):
    """Seconds of one replicate of `cell` on `backend`."""
    case, axes = cells.parse(cell)
    n = axes.get("n", 1)
    peer = peers.is_peer(backend)
    if backend != "gt" and not peer and case not in profiles.POOL_CASES:
        n = min(n, THREADS)
    family = 0 if backend == "gt" or peer else 2 if backend == "pthread-pool" else 1
    if case == "memory/capacity":
        return CAPACITY_SECONDS[family]
    if case == "memory/parked":
        return START_SECONDS + n * PARKED_NS[family] * 1e-9 + (SETTLE_SECONDS if n >= 1000 else 0)
    if case == "wake/hog":
        return HOG_SECONDS + START_SECONDS
    operations = _operations(case, axes, n)
    if case == "parallel/fib" and family:
        operations = min(operations, 2 * THREADS)   # refused soon after all can be alive
    one_round = operations * OPERATION_NS[case][family] * 1e-9 * (PEER_FACTOR.get(backend, 10) if peer else 1)
    if case == "wake/timer":
        one_round += SLEEP_SECONDS
    if case.startswith("stack/"):
        one_round *= 1 + axes.get("bytes", 0) / 65536
    setup = 2 * n * TASK_NS[family] * 1e-9 if case in ("switch/yield", "sync/mutex", "wake/timer") else 0
    if profiles.one_round(cell):
        return one_round + setup + START_SECONDS
    return max(one_round, profiles.TARGET_MS / 1000) + one_round + setup + START_SECONDS


def _operations(case, axes, n):
    """Of one round; where rounds are short anyway, 1."""
    if case == "switch/yield":
        return YIELDS * n
    if case == "channel/sieve":
        return axes["k"] * (70 + axes["k"] // 2)     # messages, as counted
    if case == "parallel/fib":
        return 1.62 ** (axes["n"] + 1) / 5 ** 0.5
    return n if case in ("spawn/storm", "spawn/parked_storm", "spawn/tree", "wake/timer") else 1


def pilot_seconds(cell, backend):
    """Seconds of a cell's pilot: shorter than a replicate unless one round
    is longer than the target, and then there is one process only."""
    if profiles.one_round(cell):
        return 0.0
    seconds = process_seconds(cell, backend)
    return seconds if seconds > 1 else PILOTS * seconds / 2


def replicates(profile, cell, kind, seconds):
    """How often a cell of this kind runs whose slowest process takes `seconds`."""
    counts = profiles.PROFILES[profile].replicates
    if kind == "timed":
        kind = "heavy" if seconds * 1000 > profiles.CHEAP_MS else "cheap"
    return counts[kind]


def cell_seconds(profile, cell):
    """(replicates, seconds) of a profiles.Cell, pilots included."""
    if cell.missing or not cell.backends:
        return 0, 0.0
    each = [process_seconds(cell.name, b) for b in cell.backends]
    count = replicates(profile, cell.name, cell.kind, max(each))
    piloted = 0 if cell.kind in ("once", "capacity") else sum(
        pilot_seconds(cell.name, b) for b in cell.backends)
    return count, count * sum(each) + piloted
