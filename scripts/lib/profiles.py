"""The profiles: rows (profile_rows.py) become cells for the machine at hand
and for the executables that are built. costs.py estimates how long a cell
takes.
"""

from . import cells, profile_rows
from .profile_rows import ALL, BACKENDS, DISTANT, NEAREST, PLACED, POOLED, POWERS, SEVERAL, TWO_PAIRS

GROUPS = ("spawn", "switch", "channel", "stack", "memory", "sync", "wake", "parallel", "syscall", "io")

# Tasks on a pool run to completion: only these cases are offered there, as the
# executables' --list says too.
POOL_CASES = ("spawn/one", "spawn/storm", "parallel/nqueens", "io/rest")
ONE_CPU = "needs 2 CPUs, 1 is allowed"
NO_CHOICE = "needs 4 CPUs, so that 2 or more can be taken and as many left; %d allowed"
POOL_REASON = "not offered: a pooled task that blocks can deadlock the pool"

# What a runtime does about tasks that never yield; nothing else can leave it.
REMEDY_BACKENDS = ("gt",)
REMEDY_REASON = "not offered: the kernel preempts threads that never yield, whatever the process does"

# Cases of two tasks, whose placement is an axis.
PAIR_CASES = ("switch/handoff", "switch/line", "channel/ping_pong", "wake/unpark")

# Cases whose cells run in exactly one round.
ONE_ROUND_CASES = ("memory/parked", "memory/capacity", "stack/retained", "wake/idle", "io/held")

# A service whose load is a share of what the slowest backend can take, found
# by pilots of the cell on the right.
LOADED_CASE, FULL_LOAD_CELL = "io/rest", "io/rest/load:max/P:1"

# What a case's loop takes without its operation: the cell of it that the
# executable `null` runs, which is no backend and is never compared.
HARNESS = "null"
HARNESS_CELLS = {
    "spawn/one": "spawn/one/P:1",
    "spawn/storm": "spawn/storm/n:1000/temp:warm/P:1",
    "switch/yield": "switch/yield/n:2/P:1",
    "channel/prod_cons": "channel/prod_cons/p:1/c:1/cap:128/P:1",
    "sync/mutex": "sync/mutex/n:1/cs:0/P:1",
    "sync/counter": "sync/counter/n:1/by:mutex/P:1",
    "parallel/fib": "parallel/fib/n:16/P:1",
}
# Loops that cannot run without their operation, and the one that does about as
# much in a turn: its cost is an estimate of theirs.
HARNESS_LIKE = {
    "spawn/parked_storm": "spawn/storm",
    "spawn/tree": "spawn/storm",
    "switch/yield_multi": "switch/yield",
    "switch/handoff": "channel/prod_cons",
    "channel/ping_pong": "channel/prod_cons",
    "channel/select": "channel/prod_cons",
    "channel/sieve": "channel/prod_cons",
}
HARNESS_MANY = ("channel/sieve",)          # whose operation is many turns: as many as messages were sent
HARNESS_REPLICATES, HARNESS_TARGET_MS = 3, 20
HARNESS_SHARE, HARNESS_NS = 0.02, 0.3      # of a figure, whichever is larger: below it is not shown

TARGET_MS = 60
SPIN_NS = 50_000
CHEAP_MS = 150         # a process above this is heavy
CAPACITY_SECONDS = 20  # time budget of memory/capacity where a profile does not say less
WATCHDOG_SECONDS = 120 # where a profile does not say more
PIDS_RESERVE = 1000    # processes left to the session whose cgroup limits them, but in profile full


def is_share(cell):
    """Whether a cell's load is a share of the slowest backend's capacity."""
    case, axes = cells.parse(cell)
    return case == LOADED_CASE and axes.get("load") != "max"


def repeats(profile, cell):
    """How many processes of a cell on a backend may be repeated because their load was late: as many as it has."""
    return PROFILES[profile or "default"].replicates[cell.kind] if is_share(cell.name) else 0


def fixed_rounds(profile, cell):
    """Rounds of a cell that no pilot is asked for; None for the others. A round of a share is a second."""
    if is_share(cell):
        return PROFILES[profile].load_seconds
    return 1 if one_round(cell) else None


def one_round(cell):
    """Whether a cell's process always measures exactly one round: what a
    cold cell measures exists once per process."""
    case, axes = cells.parse(cell)
    return case in ONE_ROUND_CASES or axes.get("temp") == "cold"


class Profile:
    """replicates: of each kind of cells. limit_seconds: what the whole may take;
    cells beyond it are left out by name. beside: the peers that run without
    being asked for, where they are built. load_seconds: of one process of a
    service under load. peer_replicates: peers run in that
    many rounds at most, so that they take less of the time. capacity_seconds: the
    time budget of a process that creates tasks until something ends it.
    watchdog_seconds: after which a process counts as hung."""

    def __init__(self, replicates, limit_seconds, rows, beside=(), load_seconds=1, peer_replicates=None,
                 capacity_seconds=CAPACITY_SECONDS, watchdog_seconds=WATCHDOG_SECONDS):
        self.replicates, self.limit_seconds, self.rows, self.beside = replicates, limit_seconds, rows, beside
        self.watchdog_seconds = watchdog_seconds
        self.load_seconds, self.peer_replicates, self.capacity_seconds = load_seconds, peer_replicates, capacity_seconds


def _counts(cheap, heavy, capacity):
    """Replicates of each kind of row."""
    return {"cheap": cheap, "heavy": heavy, "six": 6, "few": 3, "once": 1, "capacity": capacity}


PROFILES = {
    "quick": Profile(_counts(6, 6, 1), 90, profile_rows.quick()),
    "default": Profile(_counts(9, 6, 1), 480, profile_rows.default(), ("go",), peer_replicates=6, capacity_seconds=11),
    "full": Profile(_counts(20, 10, 3), 3600, profile_rows.full(), ("go",), 10,
                    watchdog_seconds=300),   # two million threads, one after the other, take 100 to 150 s
    "peers": Profile(_counts(10, 6, 1), 1800, profile_rows.peers()),
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


class Offers:
    """What the executables say with --list. listed: {backend: {case: its line}}; without it everything is taken to be
    there, for plans that are made before anything is built."""

    def __init__(self, listed=None):
        self.listed = listed or {}

    def built(self, case, axes):
        """Whether any executable has the case, with these axes."""
        having = [cases[case] for cases in self.listed.values() if case in cases]
        return not self.listed or any(set(axes) - {"place"} <= set(entry["axes"].split()) for entry in having)

    def why_not(self, backend, case, axes):
        """Why the backend does not run a cell that is built, in one line; None if it does."""
        entry = self.listed.get(backend, {}).get(case)
        offered = entry.get("offered", True) if entry else backend != "pthread-pool" or case in POOL_CASES
        if not offered:
            return POOL_REASON
        if axes.get("remedy") == "off" and backend not in REMEDY_BACKENDS:
            return REMEDY_REASON
        if self.listed.get(backend) is not None and entry is None:
            return "not built into bench_%s" % backend
        return None


class Cell:
    """A cell of a plan. missing: why this machine cannot offer it, or None.
    backends: those that run it, of them `once` in the first round only;
    refused: {backend: reason}."""

    def __init__(self, name, kind, backends, refused, missing=None, once=()):
        self.name, self.kind, self.missing, self.once = name, kind, missing, tuple(once)
        self.backends, self.refused = tuple(backends), dict(refused)

    @property
    def group(self):
        return cells.group(self.name)


def expand(profile, machine, offers=None):
    """Every cell of the profile on this machine that is built, those it cannot offer too."""
    offers = offers or Offers()
    result, seen = [], set()
    for row in PROFILES[profile].rows:
        for axes, missing in _combinations(row, machine):
            cell = cells.name(row.case, axes)
            if cell in seen or not offers.built(row.case, axes):
                continue
            seen.add(cell)
            refused = {b: offers.why_not(b, row.case, axes) for b in row.backends}
            offered = [b for b in row.backends if refused[b] is None]
            result.append(Cell(cell, row.kind, offered, {b: r for b, r in refused.items() if r}, missing, row.once))
    return result


def unbuilt(profile, offers):
    """The cases and axis values of a profile that no executable has: what `list` names as not built."""
    found = []
    for row in PROFILES[profile].rows:
        words = " ".join([row.case] + ["%s:%s" % (key, value) for key in ("stack",) for value in row.axes.get(key, ())])
        if not offers.built(row.case, _keys(row)) and words not in found:
            found.append(words)
    return found


def _keys(row):
    """The axes of the cells of a row."""
    keys = set(row.axes) - {"p_c"} | ({"p", "c"} if "p_c" in row.axes else set())
    return keys | {"P"}


def _combinations(row, machine):
    """(axes, missing) for each combination of the row's values."""
    partial = [({}, None)]
    for key, values in row.axes.items():
        if key == "place":
            expanded = _pool_places(machine) if values == POOLED else _pair_places(values, machine)
        elif key == "P":
            expanded = _cpu_counts(values, machine)
        elif key == "p_c":
            expanded = [({"p": p, "c": c}, None) for p, c in values]
        else:
            expanded = [({key: v}, None) for v in values]
        partial = [({**a, **b}, missing or lack) for a, missing in partial for b, lack in expanded]
    return partial


def _cpu_counts(values, machine):
    """SEVERAL is a cell of two CPUs that is missing where there is one."""
    if values == POWERS:
        values = [p for p in (1 << i for i in range(10)) if p < machine.ncpu] + [ALL]
    counts = sorted({machine.ncpu if v in (ALL, SEVERAL) else v for v in values})
    if SEVERAL in values and machine.ncpu < 2:
        return [({"P": 2}, ONE_CPU)]
    return [({"P": p}, None) for p in counts]


def _pair_places(which, machine):
    """Two tasks on one CPU at P=1; on two CPUs, and left free, at P=2."""
    if which == NEAREST:
        nearest = machine.nearest_pair()
        return [({"P": 2, "place": nearest or "same-llc"}, None if nearest else ONE_CPU)]
    result = [({"P": 1, "place": "same-pu"}, _lack(machine, "same-pu"))]
    if which == TWO_PAIRS:
        nearest = machine.nearest_pair()
        return result + ([({"P": 2, "place": nearest}, None)] if nearest else [])
    if which == DISTANT:
        result = []
    for place in cells.PAIR_PLACES:
        if place != "same-pu" and not (place == "free" and which in (PLACED, DISTANT)):
            lack = ONE_CPU if machine.ncpu < 2 else _lack(machine, place)
            result.append(({"P": 2, "place": place}, lack))
    return result


def _pool_places(machine):
    """Which CPUs a pool has matters where it has some of them only."""
    lack = None if machine.ncpu >= 4 else NO_CHOICE % machine.ncpu
    return [({"P": max(2, machine.ncpu // 2), "place": place}, lack) for place in cells.POOL_PLACES if place != "none"]


def _lack(machine, place):
    offered = machine.offers(place)
    return None if offered is True else offered
