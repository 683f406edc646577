"""Rough time of one process of a cell, for the plan that is printed before
anything has run. Nothing measured depends on it: the pilot and the first
replicate replace it as the session goes on.
"""

from . import cells, profiles

START_SECONDS = 0.02    # an executable that starts, pins itself and ends

# Nanoseconds per operation on a 2-CPU virtual machine, to one digit:
# gt, the pthread family, the pool.
OPERATION_NS = {
    "spawn/one": (100, 20_000, 4_000),
    "spawn/storm": (100, 20_000, 60),
    "spawn/parked_storm": (300, 30_000, 0),
    "switch/yield": (10, 500, 0),
    "switch/handoff": (100, 3_000, 0),
    "channel/ping_pong": (100, 3_000, 0),
    "channel/prod_cons": (50, 500, 0),
    "stack/grow": (20_000, 60_000, 0),
    "stack/grow_warm": (1_000, 40_000, 0),
    "stack/regrow": (1_000, 1_000, 0),
}
# Seconds of a whole process of the memory cells, beside their tasks.
PROBE_SECONDS = 1.0


def process_seconds(cell, backend):
    """Seconds of one replicate of `cell` on `backend`."""
    case, axes = cells.parse(cell)
    n = axes.get("n", 1)
    family = 0 if backend == "gt" else 2 if backend == "pthread-pool" else 1
    task_seconds = n * (500e-9 if family == 0 else 40e-6)
    if case == "memory/capacity":
        return profiles.CAPACITY_SECONDS * (0.5 if family == 0 else 0.25) + START_SECONDS
    if case == "memory/parked":
        return PROBE_SECONDS + task_seconds + START_SECONDS
    unit = n if case in ("spawn/storm", "spawn/parked_storm") else 5 * n if case == "switch/yield" else 1
    round_seconds = unit * OPERATION_NS[case][family] * 1e-9
    if case.startswith("stack/"):
        round_seconds *= 1 + axes.get("bytes", 0) / 65536
    setup = task_seconds if case == "switch/yield" else 0
    if profiles.one_round(cell):
        return round_seconds + setup + START_SECONDS
    return max(round_seconds, profiles.TARGET_MS / 1000) + round_seconds + setup + START_SECONDS


def pilot_seconds(cell, backend):
    """Seconds of the pilot: it doubles its rounds up to the target."""
    return 0.0 if profiles.one_round(cell) else 2 * process_seconds(cell, backend)


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
