"""What the design's lists have and this version has not, so that nobody takes
silence for coverage. `greenbench list` prints it.

Workloads come from the executables' own --list (planning.Plan.unbuilt); the rest
is kept by hand: whoever builds one of these removes its line.
"""

WORKLOADS = {
    "switch/yield_multi": "the scheduler's switch on more than one CPU",
    "switch/working_set": "switch cost as caches are lost",
    "stack/retained": "whether stacks shrink",
    "sync/counter": "one counter by mutex, atomic and owner task",
    "wake/unpark": "waking an idle worker",
    "wake/idle": "what spinning costs",
    "parallel/nqueens": "uneven useful work",
    "syscall/blocking": "whether blocking calls stop the rest",
    "io/echo": "a task for each connection",
    "io/api_calls": "many calls at once, gathered over a channel",
    "io/rest": "a REST service under an open loop of requests",
    "io/held": "the memory of a request in flight",
    "memory/parked stack:small": "parked tasks on small stacks",
    "memory/parked stack:64k": "parked threads on stacks of 64 KiB",
}

NOT_BUILT = (
    ("axis values", (
        ("place:compact, place:scatter", "for five cases of pools, at half of the CPUs; the rest runs unplaced"),
        ("spawn/parked_storm, spawn/storm n>=1e4, memory/*: P:1", "run at P = all CPUs only, but spawn/storm n:1e4 in full"),
        ("spawn/parked_storm/temp:cold", "in profiles full and peers only: it touches its memory first"),
        ("switch/handoff P > 2", "pairs run on 1 or 2 CPUs"),
        ("spin budget sweep 0, 5, 100 us", "one value per run: --spin-ns"),
        ("stack/*: the deepest call on a default stack", "from 64 KiB on a task has a reserve of twice the depth"),
        ("stack:64k but in memory/parked", "in no profile: pthread-futex has 64 KiB in every cell"),
        ("io/*, stack/*: P = all CPUs", "in no profile: clients need a CPU, and deep calls are made one by one"),
        ("parallel/fib on the pool", "its tasks wait for each other; by continuation it would be another program"),
    )),
    ("in profile full only, of the default profile's cells", (
        ("spawn/storm n:1e4, spawn/tree n:1e4, switch/yield n:1e4", "on threads: 1 to 5 s a process"),
        ("wake/timer n:1e4, parallel/fib n:18, channel/sieve k:200", "on threads: 1 to 2 s a process"),
        ("spawn/parked_storm n>=1e5, memory/parked n:1e6", "5 to 20 s a process"),
        ("spawn/storm n:1e4 cold, n:100, n:1e5", "n:1e3 and n:1e6 stand for them"),
        ("switch/yield n:10, stack/grow_warm/bytes:4096", "n:2 and n:100, bytes:65536 stand for them"),
        ("spawn/tree n:1e6, parallel/fib n:30, channel/sieve k:2000", "n:1e5, n:25 and k:200 stand for them"),
        ("channel/ping_pong cap:128, and cap:1 left free", "one message is under way, whatever the capacity"),
        ("channel/select k:4, channel/select/k:8 at P:1", "k:2 has both P"),
        ("channel/prod_cons/p:4/c:4 at P:1; switch/yield_multi n>=1000", "the other values have them"),
        ("channel/ping_pong and prod_cons cap:1024, working_set kib:1024", "the smaller ones have them"),
        ("wake/idle n:1e4, wake/hog h:0, wake/timer n:1000", "n:100, h:4 and n:1e4 have them"),
        ("syscall/blocking n:16, sync/mutex n:1", "n:64 and n:2 have them"),
        ("stack depth 16M and 64M; stack/regrow but 64K", "stack/retained/bytes:4096 too"),
        ("wake/unpark delay:10 and 10000, and left free", "delay:1000 has the worker asleep as well"),
        ("sync/counter n:100, and at P:1; sync/mutex with work inside", "n:2 at P = all CPUs"),
        ("io c:10000; io/rest load:25, load:80", "load:50 and load:max stand for them"),
        ("spawn/tree n:1e3 and 1e4, channel/sieve, wake/timer: P:1", "P = all CPUs stands for them"),
    )),
    ("in profile full", (
        ("io/rest at five rates", "three rates for 10 s, and a closed loop"),
        ("parallel/fib n:30 with a recorded cut-off", "without one; threads run once, at P:1, to their limit"),
        ("spawn/tree n:1e6 on threads", "n:1e5 has their limit, and 1e6 takes minutes to come to it"),
        ("channel/sieve k:2000 on threads at P = all CPUs", "90 s a round; P:1 has them"),
        ("switch/yield n:1e5 on threads", "more than can be alive under the usual limits"),
    )),
    ("smaller or gone in profile quick", (
        ("spawn/tree n:1000, channel/sieve k:100", "n:100 and k:20"),
        ("parallel/fib n:16, parallel/nqueens n:8", "n:14 and n:6"),
        ("switch/yield n:1000 on threads", "n:2 has them"),
        ("spawn/one at P = all CPUs", "in the default profile"),
        ("memory/*, stack/retained, wake/hog, wake/idle, syscall/*", "one process each, and no interval"),
        ("spawn/storm cold, channel/ping_pong cap:1, by:atomic", "in the default profile"),
        ("memory/capacity, io/rest, io/held", "in the default profile"),
    )),
    ("backends", (
        ("pthread at the default timer slack of 50 us", "every backend has 1 us: BIAS.md says what that does"),
        ("go: switch/line", "a goroutine cannot be bound to a CPU"),
        ("boost_fiber, st on several CPUs", "one OS thread each"),
        ("gt tuned beyond memory/parked stack:small", "never part of a headline"),
    )),
    ("charts", (
        ("offered load against p99", "needs two loads: in profile full only"),
    )),
    ("commands", (
        ("fleet", "machines are run one by one, and gathered by merge"),
    )),
)


def lines(unbuilt):
    """unbuilt: the workloads, and values of axes, that no executable has."""
    yield "not built in this version:"
    workloads = tuple((what, WORKLOADS.get(what, "in the profile, and in no executable")) for what in unbuilt)
    for kind, items in (("workloads", workloads),) * bool(unbuilt) + NOT_BUILT:
        yield "  %s" % kind
        for what, why in items:
            yield "    %-60s %s" % (what, why)
