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
        ("spawn/parked_storm, spawn/storm n>=1e5, memory/*: P:1", "run at P = all CPUs only"),
        ("spawn/parked_storm/temp:cold", "in profiles full and peers only: it touches its memory first"),
        ("switch/handoff P > 2", "pairs run on 1 or 2 CPUs"),
        ("spin budget sweep 0, 5, 100 us", "one value per run: --spin-ns"),
        ("switch/yield/n:10000, more than one replicate", "in profile full only: 3 s a process on threads"),
        ("switch/yield n:1e5 on threads", "beyond the default pid_max; gt only, in profile full"),
        ("stack depth 16M and 64M", "in profile full only"),
        ("spawn/tree n:1e6, parallel/fib n:30 on threads", "in profile full only: a limit"),
        ("channel/sieve k:2000 on threads", "in profile full only: 20 s a round"),
        ("spawn/storm/n:10000 at P:1, n:100 cold", "in profile full only"),
        ("channel/ping_pong cap:1, cap:128 left free", "in profile full only; left free is no headline"),
        ("channel/select k:4, channel/select/k:8 at P:1", "in profile full only"),
        ("channel/prod_cons/p:4/c:4 at P:1; switch/yield_multi n:1000", "in profile full only"),
        ("sync/counter n:100, and at P:1; io c:10000", "in profile full only"),
        ("io/rest load:25, load:80", "in profile full only"),
        ("wake/timer/n:10000, more than one replicate", "in profile full only: 2 s a process on threads"),
        ("parallel/fib on the pool", "its tasks wait for each other; by continuation it would be another program"),
        ("sync/mutex with work in the section", "in profile full only"),
    )),
    ("backends", (
        ("go: switch/line", "a goroutine cannot be bound to a CPU"),
        ("boost_fiber, st on several CPUs", "one OS thread each"),
        ("gt tuned beyond memory/parked stack:small", "never part of a headline"),
    )),
    ("charts", (
        ("offered load against p99", "needs two loads: in profile full only"),
        ("machines side by side", "greenbench compare prints figures only"),
        ("pdf, png and dumb-terminal output", "svg only"),
    )),
    ("commands", (
        ("run --resume, --aa, --time", "a run starts anew and ends as its profile says"),
        ("doctor, export, merge, fleet", "machine.json holds what doctor would grade"),
        ("calibration in every run", "clock, multiply chain, empty loop, cache-line round trip"),
    )),
)


def lines(unbuilt):
    """unbuilt: the workloads, and values of axes, that no executable has."""
    yield "not built in this version:"
    workloads = tuple((what, WORKLOADS.get(what, "in the profile, and in no executable")) for what in unbuilt)
    for kind, items in (("workloads", workloads),) * bool(unbuilt) + NOT_BUILT:
        yield "  %s" % kind
        for what, why in items:
            yield "    %-52s %s" % (what, why)
