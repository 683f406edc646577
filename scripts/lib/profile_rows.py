"""The rows of the profiles: which cells, on which backends, how often; the
design's table of profiles as data. profiles.py makes cells of them for the
machine at hand; what is left out of the table is said in coverage.py.
"""

BACKENDS = ("gt", "pthread", "pthread-futex", "pthread-pool")

ALL = "all CPUs"       # P: every CPU this process may use
SEVERAL = "several"    # the same, where there are two or more
POWERS = "powers"      # P: 1, 2, 4 ..., and all
PAIRS = "pairs"        # place: free, and each placement of two CPUs
PLACED = "placed"      # the same without free
DISTANT = "distant"    # place: each placement on two CPUs
TWO_PAIRS = "two"      # place: same-pu and the nearest pair of two CPUs
NEAREST = "nearest"    # place: the nearest pair of two CPUs

POOLED = "pooled"      # place: half of the CPUs, closest together and farthest apart

LIGHT = ("gt",)        # and the peers, which go where gt does
LIGHT_AND_POOL = ("gt", "pthread-pool")
THREADS = ("pthread", "pthread-futex")
SHARED_BY = ("mutex", "atomic", "owner")
RING = 16              # tasks of switch/working_set


class Row:
    """One case with its axis values. Every combination of the values is a
    cell; `P` and `place` are expanded for the machine at hand. kind: "timed"
    (cheap or heavy, as measured), "heavy", "six", "few", "once" or "capacity".
    once: backends that take part in the first round only, unpiloted."""

    def __init__(self, case, kind="timed", backends=BACKENDS, once=(), **axes):
        self.case, self.kind, self.backends, self.once, self.axes = case, kind, backends, tuple(once), axes


def quick():
    return [
        Row("spawn/one", P=(1,)),
        Row("spawn/storm", n=(1000,), temp=("warm",), P=(ALL,)),
        Row("spawn/parked_storm", n=(1000,), temp=("warm",), P=(ALL,)),
        Row("spawn/tree", n=(100,), P=(ALL,)),
        Row("switch/yield", n=(2,), P=(1,)),
        Row("switch/yield", n=(1000,), P=(1,), backends=LIGHT),
        Row("switch/yield_multi", n=(100,), P=(SEVERAL,)),
        Row("switch/handoff", place=TWO_PAIRS),
        Row("switch/line", place=DISTANT),
        Row("switch/working_set", n=(RING,), kib=(32,), P=(1,)),
        Row("channel/ping_pong", cap=(0,), place=TWO_PAIRS),
        Row("channel/prod_cons", p_c=((1, 1),), cap=(128,), P=(ALL,)),
        Row("channel/select", k=(2,), P=(ALL,)),
        Row("channel/sieve", k=(20,), P=(ALL,)),
        Row("stack/grow", bytes=(65536,), P=(1,)),
        Row("stack/grow_warm", bytes=(65536,), P=(1,)),
        Row("stack/regrow", bytes=(65536,), P=(1,)),
        Row("stack/retained", bytes=(65536,), kind="once", P=(1,)),
        Row("memory/parked", n=(1000,), kind="once", P=(ALL,)),
        Row("sync/mutex", n=(2,), cs=(0,), P=(ALL,)),
        Row("sync/counter", n=(2,), by=("mutex", "owner"), P=(ALL,)),
        Row("wake/timer", n=(100,), P=(ALL,)),
        Row("wake/unpark", delay=(1000,), place=NEAREST),
        Row("wake/idle", n=(100,), kind="once", P=(SEVERAL,)),
        Row("wake/hog", h=(4,), kind="once", remedy=("on",), P=(ALL,)),
        Row("parallel/fib", n=(14,), P=(ALL,)),
        Row("parallel/nqueens", n=(6,), P=(ALL,)),
        Row("syscall/blocking", n=(16,), kind="once", P=(SEVERAL,)),
        Row("io/echo", c=(16,), P=(1,)),
        Row("io/api_calls", c=(16,), P=(1,)),
    ]


def default():
    """Every row runs six times at least, and so has an interval, but for memory/parked from n = 1000 on, capacity, io/held and
    wake/idle, whose processes take a second or more. Threads are left to profile full where theirs take seconds."""
    depths = (4096, 65536, 1048576)
    return [
        Row("spawn/one", P=(1, ALL)),
        Row("spawn/storm", n=(1000,), temp=("warm", "cold"), P=(1, ALL)),
        Row("spawn/storm", n=(10_000,), temp=("warm",), P=(ALL,), backends=LIGHT_AND_POOL),
        Row("spawn/storm", n=(1_000_000,), temp=("warm",), P=(ALL,), backends=LIGHT_AND_POOL, kind="heavy"),
        Row("spawn/parked_storm", n=(100, 1000), temp=("warm",), P=(ALL,)),
        Row("spawn/parked_storm", n=(10_000,), temp=("warm",), kind="heavy", P=(ALL,)),
        Row("spawn/tree", n=(1000,), P=(ALL,)),
        Row("spawn/tree", n=(10_000,), P=(ALL,), backends=LIGHT),
        Row("spawn/tree", n=(100_000,), P=(1, ALL), backends=LIGHT),
        Row("switch/yield", n=(2, 100), P=(1,)),
        Row("switch/yield", n=(1000,), kind="heavy", P=(1,)),
        Row("switch/yield", n=(10_000,), P=(1,), backends=LIGHT),
        Row("switch/yield_multi", n=(100,), P=(SEVERAL,)),
        Row("switch/handoff", place=PAIRS),
        Row("switch/line", place=DISTANT),
        Row("switch/working_set", n=(RING,), kib=(4, 32, 256), P=(1,)),
        Row("channel/ping_pong", cap=(0,), place=PAIRS),
        Row("channel/ping_pong", cap=(1,), place=PLACED),
        Row("channel/prod_cons", p_c=((1, 1),), cap=(128,), P=(1, ALL)),
        Row("channel/prod_cons", p_c=((4, 4),), cap=(128,), P=(ALL,)),
        Row("channel/select", k=(2,), P=(1, ALL)),
        Row("channel/select", k=(8,), P=(ALL,)),
        Row("channel/sieve", k=(100,), P=(ALL,)),
        Row("channel/sieve", k=(200,), P=(ALL,), backends=LIGHT),
        Row("stack/grow", bytes=depths, P=(1,)),
        Row("stack/grow_warm", bytes=depths[1:], P=(1,)),
        Row("stack/regrow", bytes=(65536,), P=(1,)),
        Row("stack/retained", bytes=(65536, 1048576), kind="heavy", P=(1,)),
        Row("memory/parked", n=(100,), kind="heavy", P=(ALL,)),
        Row("memory/parked", n=(1000,), kind="few", P=(ALL,)),
        Row("memory/parked", n=(10_000,), kind="once", P=(ALL,)),
        Row("memory/parked", n=(100_000,), backends=LIGHT, kind="once", P=(ALL,)),
        Row("memory/parked", n=(10_000,), backends=("gt",), stack=("small",), kind="once", P=(ALL,)),
        Row("memory/parked", n=(10_000,), backends=("pthread",), stack=("64k",), kind="once", P=(ALL,)),
        Row("memory/capacity", kind="capacity", P=(ALL,)),
        Row("sync/mutex", n=(2, 100), cs=(0,), P=(ALL,)),
        Row("sync/mutex", n=(100,), cs=(0,), P=(1,)),
        Row("sync/counter", n=(2,), by=SHARED_BY, P=(ALL,)),
        Row("wake/timer", n=(100,), P=(ALL,)),
        Row("wake/timer", n=(10_000,), P=(ALL,), backends=LIGHT),
        Row("wake/unpark", delay=(0, 100, 1000), place=NEAREST),
        Row("wake/idle", n=(100,), kind="once", P=(SEVERAL,)),
        Row("wake/hog", h=(4,), remedy=("on", "off"), P=(ALL,)),
        Row("parallel/fib", n=(16,), P=POWERS),
        Row("parallel/fib", n=(25,), P=POWERS, backends=LIGHT),
        Row("parallel/nqueens", n=(8,), P=POWERS),
        Row("parallel/nqueens", n=(10,), kind="six", P=POWERS),
        Row("syscall/blocking", n=(64,), kind="heavy", P=(SEVERAL,)),
        Row("spawn/storm", n=(1000,), temp=("warm",), place=POOLED),
        Row("switch/yield_multi", n=(100,), place=POOLED),
        Row("channel/prod_cons", p_c=((4, 4),), cap=(128,), place=POOLED),
        Row("sync/mutex", n=(100,), cs=(0,), place=POOLED),
        Row("parallel/nqueens", n=(8,), place=POOLED),
        Row("io/echo", c=(16, 1000), P=(1,)),
        Row("io/api_calls", c=(100,), P=(1,)),
        Row("io/rest", load=(50,), kind="heavy", P=(1,)),
        Row("io/rest", load=("max",), P=(1,)),
        Row("io/held", n=(1000,), kind="once", P=(1,)),
    ]


def full():
    depths = (4096, 65536, 1048576, 16 << 20, 64 << 20)
    return [
        Row("spawn/one", P=(1, ALL)),
        Row("spawn/storm", n=(100, 1000), temp=("warm", "cold"), P=(1, ALL)),
        Row("spawn/storm", n=(10_000,), temp=("warm", "cold"), P=(ALL,)),
        Row("spawn/storm", n=(10_000,), temp=("warm",), P=(1,)),
        Row("spawn/storm", n=(100_000,), temp=("warm",), P=(ALL,), once=THREADS),
        Row("spawn/storm", n=(1_000_000,), temp=("warm",), P=(ALL,), once=THREADS, kind="six"),   # 100 s
        Row("spawn/parked_storm", n=(100, 1000, 10_000), temp=("warm",), P=(ALL,)),
        Row("spawn/parked_storm", n=(1000,), temp=("cold",), P=(ALL,)),
        Row("spawn/parked_storm", n=(100_000, 1_000_000), temp=("warm",), P=(ALL,), kind="capacity"),
        Row("spawn/parked_storm", n=(1_000_000,), temp=("cold",), P=(ALL,), backends=LIGHT, kind="once"),
        Row("spawn/tree", n=(1000,), P=(1, ALL)),
        Row("spawn/tree", n=(10_000,), P=(1, ALL), kind="six"),
        Row("spawn/tree", n=(100_000,), P=(1, ALL), kind="six", once=THREADS),    # a limit
        Row("spawn/tree", n=(1_000_000,), P=(1, ALL), backends=LIGHT, kind="six"),
        Row("switch/yield", n=(2, 10, 100, 1000), P=(1,)),
        Row("switch/yield", n=(10_000,), P=(1,), kind="six", once=THREADS),   # 5 s
        Row("switch/yield", n=(100_000,), P=(1,), backends=LIGHT, kind="six"),
        Row("switch/yield_multi", n=(100, 1000), P=(SEVERAL,)),
        Row("switch/yield_multi", n=(10_000,), P=(SEVERAL,), kind="six", once=THREADS),   # 20 to 40 s
        Row("switch/handoff", place=PAIRS),
        Row("switch/line", place=DISTANT),
        Row("switch/working_set", n=(RING,), kib=(4, 32, 256, 1024), P=(1,)),
        Row("channel/ping_pong", cap=(0, 1, 128, 1024), place=PAIRS),
        Row("channel/prod_cons", p_c=((1, 1), (4, 4)), cap=(128, 1024), P=(1, ALL)),
        Row("channel/select", k=(2, 4, 8), P=(1, ALL)),
        Row("channel/sieve", k=(100, 200), P=(1, ALL)),
        Row("channel/sieve", k=(2000,), P=(1, ALL), backends=LIGHT, kind="six"),
        Row("channel/sieve", k=(2000,), P=(1,), backends=THREADS, kind="once"),     # 20 s; on two CPUs 90
        Row("stack/grow", bytes=depths, P=(1,)),
        Row("stack/grow_warm", bytes=depths, P=(1,)),
        Row("stack/regrow", bytes=depths, P=(1,)),
        Row("stack/retained", bytes=depths, P=(1,)),
        Row("memory/parked", n=(100, 1000, 10_000), kind="six", P=(ALL,)),
        Row("memory/parked", n=(100_000, 1_000_000), kind="once", P=(ALL,)),
        Row("memory/parked", n=(10_000, 10_000_000), backends=("gt",), stack=("small",), kind="once", P=(ALL,)),
        Row("memory/parked", n=(10_000,), backends=("pthread",), stack=("64k",), kind="capacity", P=(ALL,)),
        Row("memory/capacity", kind="capacity", P=(ALL,)),
        Row("sync/mutex", n=(1, 2, 100), cs=(0, 1000), P=(1, ALL)),
        Row("sync/counter", n=(2, 100), by=SHARED_BY, P=(1, ALL)),
        Row("wake/timer", n=(100, 1000), P=(1, ALL)),
        Row("wake/timer", n=(10_000,), P=(1, ALL), kind="six"),
        Row("wake/unpark", delay=(0, 10, 100, 1000, 10_000), place=NEAREST),
        Row("wake/unpark", delay=(0, 10, 100, 1000), P=(SEVERAL,)),
        Row("wake/idle", n=(100, 10_000), kind="six", P=(SEVERAL,)),
        Row("wake/hog", h=(0, 4), remedy=("on", "off"), P=(ALL,)),
        Row("parallel/fib", n=(16, 18), P=POWERS),
        Row("parallel/fib", n=(30,), P=POWERS, backends=LIGHT, kind="six"),
        Row("parallel/fib", n=(30,), P=(1,), backends=THREADS, kind="once"),        # a limit, after 30 s
        Row("parallel/nqueens", n=(8,), P=POWERS),
        Row("parallel/nqueens", n=(10,), P=POWERS, kind="six"),
        Row("syscall/blocking", n=(16, 64), kind="heavy", P=(SEVERAL,)),
        Row("spawn/storm", n=(1000,), temp=("warm",), place=POOLED),
        Row("switch/yield_multi", n=(100,), place=POOLED),
        Row("channel/prod_cons", p_c=((4, 4),), cap=(128,), place=POOLED),
        Row("sync/mutex", n=(100,), cs=(0,), place=POOLED),
        Row("parallel/nqueens", n=(8,), place=POOLED),
        Row("io/echo", c=(16, 1000), P=(1,)),
        Row("io/echo", c=(10_000,), P=(1,), kind="six"),
        Row("io/api_calls", c=(100,), P=(1,)),
        Row("io/api_calls", c=(10_000,), P=(1,), kind="six"),
        Row("io/rest", load=(25, 50, 80), kind="few", P=(1,)),
        Row("io/rest", load=("max",), P=(1,)),
        Row("io/held", n=(1000,), kind="capacity", P=(1,)),
    ]


def peers():
    """One row for each goal that the runtime has set itself beside the peers; threads only where they are up to it."""
    return [
        Row("switch/yield", n=(2,), P=(1,)),
        Row("switch/yield", n=(10_000, 100_000), P=(1,), backends=LIGHT),
        Row("switch/line", place=DISTANT),
        Row("spawn/one", P=(1, ALL)),
        Row("spawn/storm", n=(1_000_000,), temp=("warm",), P=(1, ALL), backends=LIGHT_AND_POOL),
        Row("spawn/parked_storm", n=(1_000_000,), temp=("warm", "cold"), P=(1, ALL), backends=LIGHT),
        Row("channel/ping_pong", cap=(0,), place=PAIRS),
        Row("channel/prod_cons", p_c=((1, 1),), cap=(128,), P=(1, ALL)),
        Row("spawn/tree", n=(1_000_000,), P=(1, ALL), backends=LIGHT),
        Row("parallel/fib", n=(30,), P=(1, ALL), backends=LIGHT),
        Row("parallel/nqueens", n=(12,), P=(1, ALL)),
        Row("channel/select", k=(2,), P=(1, ALL)),
        Row("channel/sieve", k=(2000,), P=(1, ALL), backends=LIGHT),
        Row("sync/mutex", n=(100,), cs=(0,), P=(1, ALL)),
        Row("wake/timer", n=(10_000,), P=(ALL,)),
        Row("wake/hog", h=(4,), remedy=("on",), P=(ALL,)),
        Row("stack/grow", bytes=(65536,), P=(1,)),
        Row("stack/grow_warm", bytes=(65536,), P=(1,)),
        Row("memory/parked", n=(10_000,), kind="heavy", P=(ALL,)),
        Row("io/rest", load=("max",), P=(1,)),
    ]
