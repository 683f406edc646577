"""How long a process, a cell and a session take, for the plan that is printed
before anything has run and for what is left out of it. Nothing measured depends
on it: the first replicate replaces it as the session goes on.

What a cell took in recorded runs (recorded.py) is what it will take. Another cell
of such a case is taken from a model, times what the model was wrong by in those
that are recorded.
"""

import functools
import statistics

from . import cells, peers, profiles, recorded

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
    "spawn/tree": (90, 70_000, 0),
    "channel/select": (100, 8_000, 0),
    "channel/sieve": (30, 6_000, 0),        # a message
    "sync/mutex": (200, 50, 0),
    "wake/timer": (1_000, 30_000, 0),
    "parallel/fib": (100, 70_000, 0),       # a spawn
    "switch/yield_multi": (60, 2_000, 0),
    "switch/working_set": (2_000, 5_000, 0),
    "sync/counter": (200, 2_000, 0),
    "parallel/nqueens": (500, 50_000, 500),  # a solution, with the spawns that lead there
    "io/echo": (10_000, 20_000, 0),
}
UNKNOWN_NS = (1_000, 50_000, 0)
# What a process takes that waits more than it works.
CASE_SECONDS = {"wake/hog": 0.37, "wake/idle": 1.1, "syscall/blocking": 0.1, "io/held": 1.5,
                "stack/retained": 0.22, "wake/unpark": 0.06, "io/api_calls": 0.15}
QUEENS = {6: 4, 8: 92, 10: 724, 12: 14_200}     # solutions
UNPARKS = 50                        # wake-ups of one process of wake/unpark
TASK_NS = (500, 70_000, 0)          # to create one and to end it
MANY_TASKS = ("switch/yield", "switch/yield_multi", "sync/mutex", "sync/counter", "wake/timer")
YIELDS = 30                         # of one task in one round of switch/yield
THREADS = 32_768                    # alive at once, at most (pid_max)
PARKED_NS = (5_000, 90_000, 0)      # a task of memory/parked
SETTLE_SECONDS = 0.85               # until the kernel's own memory stands still
CAPACITY_SECONDS = (60, 4, 0)       # where the profile's time does not end it before
PEER_FACTOR = {"go": 3}             # a peer, in units of gt; the others 10
GO_NS = {"parallel/fib": 1_000, "spawn/tree": 900, "spawn/storm": 800}     # where it is far from that
CROWD = 50_000                      # tasks alive at once, from which each costs gt
CROWD_NS = 3_000                    # so much instead, in spawn/parked_storm
PREWARM_NS = 0.5                    # a byte that bench/prewarm.c touches
PREWARM_BYTES = (36 << 10, 5 << 10)   # a task, up to THREADS of them, or each of more
SLEEP_SECONDS = 0.01                # the shortest round of wake/timer
PILOTS = 2                          # processes of one pilot
PILOT_SHARE = 0.5                   # of a replicate that a pilot takes: its region may be shorter
LONG_SECONDS = 0.25                 # a process of one round, whose pilot is not repeated

# A session beside the processes it measures.
OPEN_SECONDS = 2                    # until the first: the executables are asked, the topology is written
BETWEEN_SECONDS = 0.004             # a sample is written down, the display drawn
HARNESS_SECONDS = 0.15              # a loop without its operations
CALIBRATION_SECONDS = 1             # one of three
REPORT_SECONDS, REPORT_SAMPLE_SECONDS = 3, 0.002
MARGIN = 1.15                       # what a host may be slower by and still be done in time
AROUND_BEFORE = 2                   # of around_seconds(): what is over when the cells begin
WRONG_AT_MOST = 4                   # a model beside what is recorded


def process_seconds(cell, backend, profile=None):
    """Seconds of one replicate of `cell` on `backend`."""
    data = profiles.PROFILES[profile or "default"]
    case, axes = cells.parse(cell)
    if profiles.is_share(cell):
        return data.load_seconds + 0.25
    if case == "memory/capacity":
        return min(CAPACITY_SECONDS[_family(backend)], data.capacity_seconds * 1.15)
    ms = recorded.process_ms(cell, backend)
    return ms / 1000 if ms is not None else _model_seconds(cell, backend) * _wrong_by(case, backend)


@functools.lru_cache(maxsize=None)
def _wrong_by(case, backend):
    """What the model of a case is to be multiplied by: the median over its recorded cells."""
    wrong = [ms / 1000 / _model_seconds(cell, backend) for cell, ms in recorded.of_case(case, backend)]
    return min(WRONG_AT_MOST, max(1 / WRONG_AT_MOST, statistics.median(wrong))) if wrong else 1


def _family(backend):
    """Which of the three figures of a table is a backend's."""
    if backend == "pthread-pool":
        return 2
    return 0 if backend == "gt" or peers.is_peer(backend) else 1


def _model_seconds(cell, backend):
    case, axes = cells.parse(cell)
    n = axes.get("n", 1)
    family = _family(backend)
    if family == 1 and case not in profiles.POOL_CASES:
        n = min(n, THREADS)
    if case == "memory/parked":
        return START_SECONDS + n * PARKED_NS[family] * 1e-9 + (SETTLE_SECONDS if n >= 1000 else 0)
    if case in CASE_SECONDS:
        waits = UNPARKS * axes.get("delay", 0) * 1e-6
        return CASE_SECONDS[case] + waits + START_SECONDS + axes.get("c", 0) * TASK_NS[family] * 1e-9
    operations = _operations(case, axes, n)
    if case == "parallel/fib" and family:
        operations = min(operations, 2 * THREADS)   # refused soon after all can be alive
    one_round = operations * _operation_ns(case, backend, family, n) * 1e-9
    if case == "wake/timer":
        one_round += SLEEP_SECONDS
    if case.startswith("stack/"):
        one_round *= 1 + axes.get("bytes", 0) / 65536
    setup = 2 * n * TASK_NS[family] * 1e-9 if case in MANY_TASKS else 0
    setup += _prewarm_seconds(axes)
    if profiles.one_round(cell):
        return one_round + setup + START_SECONDS
    return max(one_round, profiles.TARGET_MS / 1000) + one_round + setup + START_SECONDS


def _prewarm_seconds(axes):
    """The same on every backend, whatever it could hold."""
    if axes.get("temp") != "cold":
        return 0
    n, (few, many) = axes.get("n", 1), PREWARM_BYTES
    return max(min(n, THREADS) * few, n * many) * PREWARM_NS * 1e-9


def _operation_ns(case, backend, family, n):
    if case == "spawn/parked_storm" and family == 0 and n > CROWD:
        return CROWD_NS
    if backend == "go" and case in GO_NS:
        return GO_NS[case]
    factor = PEER_FACTOR.get(backend, 10) if peers.is_peer(backend) else 1
    return OPERATION_NS.get(case, UNKNOWN_NS)[family] * factor


def _operations(case, axes, n):
    """Of one round; where rounds are short anyway, 1."""
    if case in ("switch/yield", "switch/yield_multi"):
        return YIELDS * n
    if case == "parallel/nqueens":
        return QUEENS.get(n, 1)
    if case == "io/echo":
        return axes["c"]
    if case == "channel/sieve":
        return axes["k"] * (70 + axes["k"] // 2)     # messages, as counted
    if case == "parallel/fib":
        return 1.62 ** (axes["n"] + 1) / 5 ** 0.5
    return n if case in ("spawn/storm", "spawn/parked_storm", "spawn/tree", "wake/timer") else 1


def is_piloted(cell, backend):
    """Whether a pilot finds the rounds of a profiles.Cell: elsewhere there is one, or a number that the profile gives."""
    fixed = profiles.is_share(cell.name) or profiles.one_round(cell.name)
    return cell.kind not in ("once", "capacity") and backend not in cell.once and not fixed


def pilot_seconds(cell, backend):
    """Seconds of a pilot, of one or two processes. One of a single long round has no warm-up round."""
    seconds = process_seconds(cell, backend)
    return (1 if seconds > LONG_SECONDS else PILOTS) * PILOT_SHARE * seconds


def replicates(profile, cell, kind, seconds):
    """How often a cell of this kind runs whose slowest process takes `seconds`."""
    counts = profiles.PROFILES[profile].replicates
    if kind == "timed":
        kind = "heavy" if seconds * 1000 > profiles.CHEAP_MS else "cheap"
    return counts[kind]


def backend_replicates(profile, cell, backend, count):
    """How many of the replicates of a profiles.Cell a backend takes part in."""
    if backend in cell.once:
        return 1
    most = profiles.PROFILES[profile].peer_replicates
    return min(count, most) if most and peers.is_peer(backend) else count


def cell_seconds(profile, cell):
    """(replicates, seconds) of a profiles.Cell: pilots, and what stands between processes, included."""
    if cell.missing or not cell.backends:
        return 0, 0.0
    each = [process_seconds(cell.name, b, profile) for b in cell.backends]
    count = replicates(profile, cell.name, cell.kind, max(each))
    piloted = sum(pilot_seconds(cell.name, b) for b in cell.backends if is_piloted(cell, b))
    run = sum((s + BETWEEN_SECONDS) * backend_replicates(profile, cell, b, count) for s, b in zip(each, cell.backends))
    return count, run + piloted


def report_seconds(samples):
    """Verdicts, charts and pages of so many samples."""
    return REPORT_SECONDS + REPORT_SAMPLE_SECONDS * samples


def seconds_left(profile, plan_cells, elapsed):
    """What of a profile's time is left for its cells when the pilots are done, `elapsed` seconds after the start: less
    what follows the cells."""
    after = sum(seconds for _, seconds in around_seconds(profile, plan_cells)[AROUND_BEFORE:])
    return profiles.PROFILES[profile].limit_seconds - elapsed - OPEN_SECONDS - 2 * CALIBRATION_SECONDS - after


def around_seconds(profile, plan_cells):
    """What a session takes beside its cells: [(what, seconds)]."""
    counts = [(c, cell_seconds(profile, c)[0]) for c in plan_cells]
    samples = sum(backend_replicates(profile, c, b, count) for c, count in counts for b in c.backends)
    cases = {cells.parse(c.name)[0] for c in plan_cells} & set(profiles.HARNESS_CELLS)
    sharing = {b for c in plan_cells if profiles.is_share(c.name) for b in c.backends}
    load = sum(process_seconds(profiles.FULL_LOAD_CELL, b) for b in sharing)
    return [("start, calibration", OPEN_SECONDS + 3 * CALIBRATION_SECONDS),
            ("what services can take", load),
            ("the loops alone", HARNESS_SECONDS * len(cases)),
            ("report", report_seconds(samples))]


def session_seconds(profile, plan_cells):
    """All of a session with these cells, from the command to the report."""
    return (sum(cell_seconds(profile, c)[1] for c in plan_cells)
            + sum(seconds for _, seconds in around_seconds(profile, plan_cells)))
