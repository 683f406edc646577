"""The profiles as data: which cells, on which backends, how often.

The rows are the design's table of profiles as far as it is built; what this
version leaves out of it is in coverage.py, so that `greenbench list`
can name it. costs.py estimates how long a cell takes.
"""

from . import cells

BACKENDS = ("gt", "pthread", "pthread-futex", "pthread-pool")
GROUPS = ("spawn", "switch", "channel", "stack", "memory", "sync", "wake", "parallel")

# Tasks on a pool run to completion: only these cases are offered there.
POOL_CASES = ("spawn/one", "spawn/storm")
POOL_REASON = "not offered: a pooled task that blocks can deadlock the pool"

# What a runtime does about tasks that never yield; nothing else can leave it.
REMEDY_BACKENDS = ("gt",)
REMEDY_REASON = "not offered: the kernel preempts threads that never yield, whatever the process does"

# Cases of two tasks, whose placement is an axis.
PAIR_CASES = ("switch/handoff", "switch/line", "channel/ping_pong")

# Cases whose cells run in exactly one round.
ONE_ROUND_CASES = ("memory/parked", "memory/capacity")

TARGET_MS = 60
SPIN_NS = 50_000
CHEAP_MS = 150         # a process above this is heavy
CAPACITY_SECONDS = 20  # time budget of memory/capacity

ALL = "all CPUs"       # P: every CPU this process may use
PAIRS = "pairs"        # place: free, and each placement of two CPUs
PLACED = "placed"      # the same without free
DISTANT = "distant"    # place: each placement on two CPUs
TWO_PAIRS = "two"      # place: same-pu and the nearest pair of two CPUs


def one_round(cell):
    """Whether a cell's process always measures exactly one round: what a
    cold cell measures exists once per process."""
    case, axes = cells.parse(cell)
    return case in ONE_ROUND_CASES or axes.get("temp") == "cold"


class Profile:
    """replicates: of cheap, heavy and capacity cells. limit_seconds: what
    the whole may take; cells beyond it are left out by name. beside: the peers
    that run without being asked for, where they are built."""

    def __init__(self, replicates, limit_seconds, rows, beside=()):
        self.replicates, self.limit_seconds, self.rows, self.beside = replicates, limit_seconds, rows, beside


class Row:
    """One case with its axis values. Every combination of the values is a
    cell; `P` and `place` are expanded for the machine at hand. kind: "timed"
    (cheap or heavy, as measured), "heavy", "once" or "capacity"."""

    def __init__(self, case, kind="timed", backends=BACKENDS, **axes):
        self.case, self.kind, self.backends, self.axes = case, kind, backends, axes


def _quick():
    return [
        Row("spawn/one", P=(1, ALL)),
        Row("spawn/storm", n=(1000,), temp=("warm", "cold"), P=(ALL,)),
        Row("spawn/parked_storm", n=(1000,), P=(ALL,)),
        Row("spawn/tree", n=(1000,), P=(ALL,)),
        Row("switch/yield", n=(2, 1000), P=(1,)),
        Row("switch/handoff", place=TWO_PAIRS),
        Row("switch/line", place=DISTANT),
        Row("channel/ping_pong", cap=(0, 1), place=TWO_PAIRS),
        Row("channel/prod_cons", p_c=((1, 1),), cap=(128,), P=(ALL,)),
        Row("channel/select", k=(2,), P=(ALL,)),
        Row("channel/sieve", k=(50,), P=(ALL,)),
        Row("stack/grow", bytes=(65536,), P=(1,)),
        Row("stack/grow_warm", bytes=(65536,), P=(1,)),
        Row("stack/regrow", bytes=(65536,), P=(1,)),
        Row("memory/parked", n=(1000,), kind="heavy", P=(ALL,)),
        Row("sync/mutex", n=(100,), cs=(0,), P=(ALL,)),
        Row("wake/timer", n=(100,), P=(ALL,)),
        Row("wake/hog", h=(4,), remedy=("on",), P=(ALL,)),
        Row("parallel/fib", n=(14,), P=(ALL,)),
    ]


def _default():
    gt_and_pool = ("gt", "pthread-pool")
    depths = (4096, 65536, 1048576)
    return [
        Row("spawn/one", P=(1, ALL)),
        Row("spawn/storm", n=(100, 1000), temp=("warm", "cold"), P=(1, ALL)),
        Row("spawn/storm", n=(10_000,), temp=("warm", "cold"), P=(ALL,)),
        Row("spawn/storm", n=(100_000, 1_000_000), temp=("warm",), P=(ALL,), backends=gt_and_pool),
        Row("spawn/parked_storm", n=(100, 1000, 10_000), P=(ALL,)),
        Row("spawn/parked_storm", n=(100_000, 1_000_000), P=(ALL,), backends=("gt",), kind="once"),
        Row("spawn/tree", n=(1000,), P=(ALL,)),
        Row("spawn/tree", n=(1_000_000,), P=(1, ALL), backends=("gt",)),
        Row("switch/yield", n=(2, 10, 100, 1000), P=(1,)),
        Row("switch/yield", n=(10_000,), P=(1,), kind="once"),   # 3 s a process on threads
        Row("switch/handoff", place=PAIRS),
        Row("switch/line", place=DISTANT),
        Row("channel/ping_pong", cap=(0,), place=PAIRS),
        Row("channel/ping_pong", cap=(1, 128), place=PLACED),    # free: 10 s a cell, and no headline
        Row("channel/prod_cons", p_c=((1, 1), (4, 4)), cap=(128,), P=(1, ALL)),
        Row("channel/select", k=(2,), P=(1, ALL)),
        Row("channel/sieve", k=(100,), P=(ALL,)),
        Row("channel/sieve", k=(2000,), P=(1, ALL), backends=("gt",)),
        Row("stack/grow", bytes=depths, P=(1,)),
        Row("stack/grow_warm", bytes=depths, P=(1,)),
        Row("stack/regrow", bytes=depths, P=(1,)),
        Row("memory/parked", n=(100, 1000, 10_000), kind="heavy", P=(ALL,)),
        Row("memory/parked", n=(100_000, 1_000_000), backends=("gt",), kind="once", P=(ALL,)),
        Row("memory/capacity", kind="capacity", P=(ALL,)),
        Row("sync/mutex", n=(2, 100), cs=(0,), P=(ALL,)),
        Row("sync/mutex", n=(100,), cs=(0,), P=(1,)),
        Row("wake/timer", n=(100,), P=(ALL,)),
        Row("wake/timer", n=(10_000,), P=(ALL,), kind="once"),   # 2 s a process on threads
        Row("wake/hog", h=(4,), remedy=("on", "off"), P=(ALL,)),
        Row("parallel/fib", n=(16,), P=(1, ALL)),
        Row("parallel/fib", n=(30,), P=(1, ALL), backends=("gt",)),
    ]


def _full():
    depths = (4096, 65536, 1048576, 16 << 20, 64 << 20)
    return [
        Row("spawn/one", P=(1, ALL)),
        Row("spawn/storm", n=(100, 1000, 10_000), temp=("warm", "cold"), P=(1, ALL)),
        Row("spawn/storm", n=(100_000, 1_000_000), temp=("warm",), P=(ALL,), kind="capacity"),
        Row("spawn/parked_storm", n=(100, 1000, 10_000), P=(ALL,)),
        Row("spawn/parked_storm", n=(100_000, 1_000_000), P=(ALL,), kind="capacity"),
        Row("spawn/tree", n=(1000, 10_000), P=(1, ALL)),
        Row("spawn/tree", n=(100_000, 1_000_000), P=(1, ALL), kind="capacity"),
        Row("switch/yield", n=(2, 10, 100, 1000, 10_000), P=(1,)),
        Row("switch/yield", n=(100_000,), P=(1,), backends=("gt",)),
        Row("switch/handoff", place=PAIRS),
        Row("switch/line", place=DISTANT),
        Row("channel/ping_pong", cap=(0, 1, 128, 1024), place=PAIRS),
        Row("channel/prod_cons", p_c=((1, 1), (4, 4)), cap=(128, 1024), P=(1, ALL)),
        Row("channel/select", k=(2, 4, 8), P=(1, ALL)),
        Row("channel/sieve", k=(100, 200), P=(1, ALL)),
        Row("channel/sieve", k=(2000,), P=(1, ALL), kind="once"),   # 20 s a round on threads
        Row("stack/grow", bytes=depths, P=(1,)),
        Row("stack/grow_warm", bytes=depths, P=(1,)),
        Row("stack/regrow", bytes=depths, P=(1,)),
        Row("memory/parked", n=(100, 1000, 10_000), kind="heavy", P=(ALL,)),
        Row("memory/parked", n=(100_000, 1_000_000), kind="capacity", P=(ALL,)),
        Row("memory/capacity", kind="capacity", P=(ALL,)),
        Row("sync/mutex", n=(1, 2, 100), cs=(0, 1000), P=(1, ALL)),
        Row("wake/timer", n=(100, 1000, 10_000), P=(1, ALL)),
        Row("wake/hog", h=(0, 4), remedy=("on", "off"), P=(ALL,)),
        Row("parallel/fib", n=(16, 18), P=(1, ALL)),
        Row("parallel/fib", n=(30,), P=(1, ALL), kind="capacity"),
    ]


def _peers():
    """One row for each goal that the runtime has set itself beside the peers; threads only where they are up to it."""
    light = ("gt",)     # and the peers, which go where gt does
    return [
        Row("switch/yield", n=(2,), P=(1,)),
        Row("switch/yield", n=(10_000,), P=(1,), backends=light),
        Row("switch/line", place=DISTANT),
        Row("spawn/one", P=(1, ALL)),
        Row("spawn/storm", n=(1_000_000,), temp=("warm",), P=(1, ALL), backends=("gt", "pthread-pool")),
        Row("spawn/parked_storm", n=(1_000_000,), P=(1, ALL), backends=light),
        Row("channel/ping_pong", cap=(0,), place=PAIRS),
        Row("channel/prod_cons", p_c=((1, 1),), cap=(128,), P=(1, ALL)),
        Row("spawn/tree", n=(1_000_000,), P=(1, ALL), backends=light),
        Row("parallel/fib", n=(30,), P=(1, ALL), backends=light),
        Row("channel/select", k=(2,), P=(1, ALL)),
        Row("channel/sieve", k=(2000,), P=(1, ALL), backends=light),
        Row("sync/mutex", n=(100,), cs=(0,), P=(1, ALL)),
        Row("wake/timer", n=(10_000,), P=(ALL,)),
        Row("wake/hog", h=(4,), remedy=("on",), P=(ALL,)),
        Row("stack/grow", bytes=(65536,), P=(1,)),
        Row("stack/grow_warm", bytes=(65536,), P=(1,)),
        Row("memory/parked", n=(10_000,), kind="heavy", P=(ALL,)),
    ]


PROFILES = {
    "quick": Profile({"cheap": 6, "heavy": 6, "once": 1, "capacity": 1}, 90, _quick()),
    "default": Profile({"cheap": 10, "heavy": 6, "once": 1, "capacity": 1}, 480, _default(), ("go",)),
    "full": Profile({"cheap": 20, "heavy": 10, "once": 1, "capacity": 3}, 3600, _full(), ("go",)),
    "peers": Profile({"cheap": 10, "heavy": 6, "once": 1, "capacity": 1}, 1800, _peers()),
}


class Machine:
    """What a profile needs to know: the number of CPUs allowed, and for each
    placement True or the reason why this machine cannot offer it."""

    def __init__(self, ncpu, placements):
        self.ncpu = ncpu
        self.placements = dict(placements)
        for always in ("free", "none"):
            self.placements[always] = True
        if ncpu >= 1:
            self.placements.setdefault("same-pu", True)

    def offers(self, place):
        """True, or the reason in one line."""
        offered = self.placements.get(place, "unknown to this machine's bench executable")
        return offered if offered is True else str(offered)

    def nearest_pair(self):
        """The closest placement of two tasks on two CPUs, or None."""
        order = ("same-llc", "cross-llc", "cross-numa", "cross-package", "smt")
        return next((p for p in order if self.offers(p) is True), None)


class Cell:
    """A cell of a plan. missing: why this machine cannot offer it, or None.
    backends: those that run it; refused: {backend: reason}."""

    def __init__(self, name, kind, backends, refused, missing=None):
        self.name, self.kind, self.missing = name, kind, missing
        self.backends, self.refused = tuple(backends), dict(refused)

    @property
    def group(self):
        return cells.group(self.name)


def expand(profile, machine):
    """Every cell of the profile on this machine, those it cannot offer too."""
    result, seen = [], set()
    for row in PROFILES[profile].rows:
        for axes, missing in _combinations(row, machine):
            cell = cells.name(row.case, axes)
            if cell in seen:
                continue
            seen.add(cell)
            offered, refused = _offered(row, axes)
            result.append(Cell(cell, row.kind, offered, refused, missing))
    return result


def _offered(row, axes):
    refused = {}
    if axes.get("remedy") == "off":
        refused.update((b, REMEDY_REASON) for b in row.backends if b not in REMEDY_BACKENDS)
    if row.case not in POOL_CASES and "pthread-pool" in row.backends:
        refused["pthread-pool"] = POOL_REASON
    return [b for b in row.backends if b not in refused], refused


def _combinations(row, machine):
    """(axes, missing) for each combination of the row's values."""
    partial = [({}, None)]
    for key, values in row.axes.items():
        if key == "place":
            expanded = _pair_places(values, machine)
        elif key == "P":
            expanded = [({"P": p}, None) for p in _cpu_counts(values, machine)]
        elif key == "p_c":
            expanded = [({"p": p, "c": c}, None) for p, c in values]
        else:
            expanded = [({key: v}, None) for v in values]
        partial = [({**a, **b}, missing or lack) for a, missing in partial for b, lack in expanded]
    return partial


def _cpu_counts(values, machine):
    counts = [machine.ncpu if v == ALL else v for v in values]
    return sorted(set(counts))


def _pair_places(which, machine):
    """Two tasks on one CPU at P=1; on two CPUs, and left free, at P=2."""
    result = [({"P": 1, "place": "same-pu"}, _lack(machine, "same-pu"))]
    if which == TWO_PAIRS:
        nearest = machine.nearest_pair()
        return result + ([({"P": 2, "place": nearest}, None)] if nearest else [])
    if which == DISTANT:
        result = []
    for place in cells.PAIR_PLACES:
        if place != "same-pu" and not (place == "free" and which in (PLACED, DISTANT)):
            lack = "needs 2 CPUs, 1 is allowed" if machine.ncpu < 2 else _lack(machine, place)
            result.append(({"P": 2, "place": place}, lack))
    return result


def _lack(machine, place):
    offered = machine.offers(place)
    return None if offered is True else offered
